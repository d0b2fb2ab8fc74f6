//! What the libraries of devices say when they panic rather than return an error.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

/// The hook is the whole process's: two that swapped it at the same time would leave one of theirs behind.
static HEARING: Mutex<()> = Mutex::new(());

/// Does `work`; the error is what a panic under it said. One at a time, and never within itself.
pub fn heard<T>(work: impl FnOnce() -> T) -> std::result::Result<T, String> {
    let _alone = HEARING.lock().unwrap_or_else(PoisonError::into_inner);
    let said = Arc::new(Mutex::new(None));
    let hear = Arc::clone(&said);
    // The device works in threads of its own, whose panics reach only the hook.
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let mut said = hear.lock().unwrap_or_else(PoisonError::into_inner);
        said.get_or_insert_with(|| {
            let payload = info.payload();
            payload
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
                .or_else(|| payload.downcast_ref::<String>().cloned())
                .unwrap_or_else(|| "it gave no reason".to_owned())
        });
    }));
    let outcome = catch_unwind(AssertUnwindSafe(work));
    std::panic::set_hook(before);
    let heard = said.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (outcome, heard) {
        (Ok(done), said) => {
            if let Some(said) = said {
                // Whoever waits for that thread knows no more than that it stopped.
                tracing::warn!("a thread of this program, or of a library, failed: {said}");
            }
            Ok(done)
        }
        (Err(_), said) => Err(said.unwrap_or_else(|| "it gave no reason".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_heard_here_and_in_threads_and_no_longer() {
        // Another test may panic in the same moment, and is then heard instead; not every time.
        let is_heard = |work: &dyn Fn(), said: &str| (0..5).any(|_| heard(work) == Err(said.to_owned()));
        assert_eq!(heard(|| 7), Ok(7));
        assert!(is_heard(&|| panic!("no {}", "memory"), "no memory"));
        let joined = || {
            std::thread::spawn(|| panic!("lost"))
                .join()
                .unwrap_or_else(|_| panic!("its thread ended"));
        };
        assert!(is_heard(&joined, "lost"));
        let hearers: Vec<_> = (0..8)
            .map(|at| std::thread::spawn(move || is_heard(&|| panic!("{at}"), &at.to_string())))
            .collect();
        assert!(hearers.into_iter().all(|hearer| hearer.join().is_ok_and(|right| right)));
    }
}
