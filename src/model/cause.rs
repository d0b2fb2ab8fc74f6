//! What a step is doing: so that the kernels of a GPU can be counted by their cause.

use std::cell::Cell;

thread_local! {
    static NOW: Cell<&'static str> = const { Cell::new("other") };
}

/// Does `work`, which is part of the cause `name` on this thread.
pub fn of<T>(name: &'static str, work: impl FnOnce() -> T) -> T {
    // However `work` ends.
    let _back = Back(NOW.replace(name));
    work()
}

/// Sets what it was when dropped.
struct Back(&'static str);

impl Drop for Back {
    fn drop(&mut self) {
        NOW.set(self.0);
    }
}

/// What this thread is doing: the innermost cause, or `other`.
#[cfg(any(feature = "cuda-plain", feature = "wgpu-plain", test))]
pub fn now() -> &'static str {
    NOW.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_cause_counts() {
        assert_eq!(now(), "other");
        let seen = of("losses", || (now(), of("geometry", now), now()));
        assert_eq!(seen, ("losses", "geometry", "losses"));
        assert!(std::panic::catch_unwind(|| of("vas", || std::panic::resume_unwind(Box::new(())))).is_err());
        assert_eq!(now(), "other");
    }
}
