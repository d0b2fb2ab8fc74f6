//! What a step is doing: so that the kernels of a GPU can be counted by their cause.

use std::cell::Cell;

thread_local! {
    static NOW: Cell<&'static str> = const { Cell::new("other") };
}

/// Does `work`, which is part of the cause `name` on this thread.
pub fn of<T>(name: &'static str, work: impl FnOnce() -> T) -> T {
    let before = NOW.replace(name);
    let done = work();
    NOW.set(before);
    done
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
        assert_eq!(now(), "other");
    }
}
