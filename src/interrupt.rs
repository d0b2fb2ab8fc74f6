//! Ctrl-C once stops cleanly: long loops ask [`Interrupt::check`] and leave a checkpoint behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};

/// Shared flag that the signal handler raises.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    raised: Arc<AtomicBool>,
    /// Looks at the flag until it raises itself.
    #[cfg(test)]
    looks: Option<Arc<std::sync::atomic::AtomicUsize>>,
}

impl Interrupt {
    /// Installs the handler: the first Ctrl-C raises the flag, the second ends the process at once.
    pub fn install() -> Self {
        let interrupt = Self::default();
        let flag = interrupt.clone();
        let installed = ctrlc::set_handler(move || {
            if flag.raised.swap(true, Ordering::SeqCst) {
                std::process::exit(i32::from(crate::error::exit::INTERRUPTED));
            }
        });
        if let Err(error) = installed {
            tracing::warn!("Ctrl-C will end the program at once: {error}");
        }
        interrupt
    }

    /// Raises itself at the `n`th look: a stop that comes after so much work, on every machine.
    #[cfg(test)]
    pub fn at_look(n: usize) -> Self {
        Self {
            looks: Some(Arc::new(n.into())),
            ..Self::default()
        }
    }

    /// Raises the flag, as Ctrl-C does.
    pub fn raise(&self) {
        self.raised.store(true, Ordering::SeqCst);
    }

    /// Whether the user asked to stop.
    pub fn is_raised(&self) -> bool {
        #[cfg(test)]
        if let Some(looks) = &self.looks
            && looks.fetch_sub(1, Ordering::SeqCst) == 1
        {
            self.raise();
        }
        self.raised.load(Ordering::SeqCst)
    }

    /// Fails with [`Error::Interrupted`] once the user asked to stop.
    ///
    /// # Errors
    /// [`Error::Interrupted`] (exit 130).
    pub fn check(&self) -> Result<()> {
        if self.is_raised() {
            Err(Error::Interrupted)
        } else {
            Ok(())
        }
    }
}
