//! A loop that only counts, for what is done to millions of numbers.
//!
//! Below `opt-level = 2` the compiler shares iterators over numbers with the dependencies, and the dev profile leaves those
//! unoptimised: each step of such an iterator is a call. In a loop that only counts there is nothing to share.

/// Calls `work` with 0 … `count` − 1.
#[expect(clippy::inline_always, reason = "a call for each number is what this is to avoid")]
#[inline(always)]
pub fn counted(count: usize, mut work: impl FnMut(usize)) {
    let mut at = 0;
    while at < count {
        work(at);
        at += 1;
    }
}
