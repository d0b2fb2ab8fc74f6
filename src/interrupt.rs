//! Ctrl-C once stops cleanly: long loops ask [`Interrupt::check`] and leave a checkpoint behind. So do the signals by which a
//! machine asks for an end (SIGTERM) and a terminal says that it is gone (SIGHUP).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, Result, exit};
use crate::terminal;

/// Signals within this time are one: a terminal, a shell and `timeout` each tell the whole group.
const ONE: Duration = Duration::from_millis(300);

/// How long a verb that keeps nothing may take to end by itself.
const SOON: Duration = Duration::from_millis(500);

/// When it is said what has to end first.
const LATE: Duration = Duration::from_secs(1);

/// How often blocking work is left to look at the flag.
const LOOK: Duration = Duration::from_millis(50);

/// Hears the signals by which machines and terminals ask for an end. Who starts the program with SIGHUP ignored (`nohup`) wants it to
/// outlive his terminal.
#[cfg(unix)]
fn hear_others(heard: impl Fn() + Send + 'static) -> std::io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGTERM};
    let signals = [SIGTERM, SIGHUP].into_iter().filter(|&signal| !is_ignored(signal));
    let mut signals = signal_hook::iterator::Signals::new(signals)?;
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || signals.forever().for_each(|_| heard()))?;
    Ok(())
}

#[cfg(not(unix))]
fn hear_others(_: impl Fn() + Send + 'static) -> std::io::Result<()> {
    Ok(())
}

/// Whether a signal was ignored before the program heard of it; where the system does not say, none was.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// What work does with a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It looks at the flag and leaves what a later call goes on with.
    AtCheckpoint,
    /// It leaves nothing behind, and is ended where it stands.
    AtOnce,
}

/// Shared flag that the signal handler raises.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    raised: Arc<AtomicBool>,
    /// When the first signal came.
    first: Arc<Mutex<Option<Instant>>>,
    /// Looks at the flag until it raises itself.
    #[cfg(test)]
    looks: Option<Arc<std::sync::atomic::AtomicUsize>>,
}

impl Interrupt {
    /// Installs the handler: the first signal raises the flag, the second ends the process at once.
    pub fn install() -> Self {
        Self::install_for(Stop::AtCheckpoint, || None)
    }

    /// As [`Self::install`]; `doing` names what has to end first, where that takes a while.
    pub(crate) fn install_for(stop: Stop, doing: fn() -> Option<String>) -> Self {
        let interrupt = Self::default();
        let heard = {
            let flag = interrupt.clone();
            move || flag.hear(stop, doing)
        };
        if let Err(error) = ctrlc::set_handler(heard.clone()) {
            tracing::warn!("Ctrl-C will end the program at once: {error}");
        }
        if let Err(error) = hear_others(heard) {
            tracing::warn!("SIGTERM will end the program at once: {error}");
        }
        interrupt
    }

    /// A signal came.
    fn hear(&self, stop: Stop, doing: fn() -> Option<String>) {
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        match *first {
            None => {
                let now = Instant::now();
                *first = Some(now);
                self.raise();
                // Not waited for here: the next signal must be heard.
                let waiting = self.clone();
                let _ = std::thread::Builder::new().spawn(move || waiting.wait(now, stop, doing));
            }
            Some(at) if at.elapsed() < ONE => {}
            Some(_) => end(),
        }
    }

    /// Raises the flag once `stream` ends: a process whose parent holds the other end stops with it, however that ended.
    pub(crate) fn raise_at_end_of(&self, mut stream: impl std::io::Read + Send + 'static) {
        let flag = self.clone();
        let watched = std::thread::Builder::new().spawn(move || {
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
            flag.raise();
        });
        if let Err(error) = watched {
            tracing::warn!("this process will not stop with the one that started it: {error}");
        }
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

    /// What was to stop has stopped, and the program goes on: the next signal is a first one again.
    pub(crate) fn lower(&self) {
        *self.first.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.raised.store(false, Ordering::SeqCst);
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

    /// Waits after the signal that came at `since`; it may have been dealt with by then.
    fn wait(&self, since: Instant, stop: Stop, doing: fn() -> Option<String>) {
        std::thread::sleep(match stop {
            Stop::AtOnce => SOON,
            Stop::AtCheckpoint => LATE,
        });
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        if *first != Some(since) {
            return;
        }
        drop(first);
        match stop {
            Stop::AtOnce => end(),
            Stop::AtCheckpoint => {
                let what = doing().map_or_else(String::new, |what| format!(" ({what})"));
                terminal::say(&format!(
                    "stopping: the step under way ends first{what}; another Ctrl-C ends at once, and loses what was done since the \
                     last checkpoint"
                ));
            }
        }
    }

    /// Does work that cannot look at the flag on a thread of its own, and leaves it there once the flag is raised or `stuck`
    /// says why nothing more is to be expected of it.
    ///
    /// # Errors
    /// [`Error::Interrupted`], what `stuck` returns, or what the work does.
    pub(crate) fn leaving<T: Send + 'static>(
        &self,
        mut stuck: impl FnMut() -> Option<Error>,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (done, wait) = sync_channel(1);
        std::thread::Builder::new()
            .spawn(move || {
                // Nobody waits any more where the user stopped.
                let _ = done.send(work());
            })
            .map_err(|error| Error::data(format!("failed to start a thread: {error}")))?;
        loop {
            match wait.recv_timeout(LOOK) {
                Ok(answer) => return answer,
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Error::data("work on a thread of its own gave up"));
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.check()?;
                    if let Some(error) = stuck() {
                        return Err(error);
                    }
                }
            }
        }
    }
}

fn end() -> ! {
    terminal::say("error: interrupted");
    std::process::exit(i32::from(exit::INTERRUPTED));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_that_was_dealt_with_is_none_any_more() {
        let interrupt = Interrupt::default();
        let elsewhere = interrupt.clone();
        interrupt.raise();
        assert!(matches!(elsewhere.check(), Err(Error::Interrupted)));
        elsewhere.lower();
        assert!(interrupt.check().is_ok());
        // Were the signal still the first one, this process would end here.
        interrupt.wait(Instant::now(), Stop::AtOnce, || None);
    }
}
