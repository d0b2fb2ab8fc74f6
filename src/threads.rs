//! Threads: whether the system grants them, since libraries that start theirs later do not return where it does not; and work for
//! several.

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread::Builder;

/// Does `work` on `number` threads, of which this one is the first. Where the system grants fewer, those that are there do all of it.
pub(crate) fn side_by_side(number: usize, work: impl Fn() + Sync) {
    std::thread::scope(|scope| {
        for _ in 1..number {
            if Builder::new().spawn_scoped(scope, &work).is_err() {
                break;
            }
        }
        work();
    });
}

/// Starts `number` threads with `stack` bytes each, all at once, and lets them end; `None` is the system's usual stack.
///
/// # Errors
/// What the system says where it grants fewer.
pub(crate) fn granted(number: usize, stack: Option<usize>) -> std::io::Result<()> {
    let (hold, held) = channel::<()>();
    let held = Arc::new(Mutex::new(held));
    let mut started = Vec::with_capacity(number);
    let mut failed = Ok(());
    for _ in 0..number {
        let held = Arc::clone(&held);
        let builder = stack.map_or_else(Builder::new, |stack| Builder::new().stack_size(stack));
        let thread = builder.spawn(move || {
            // Until all of them are there.
            let _ = held.lock().map(|held| held.recv());
        });
        match thread {
            Ok(thread) => started.push(thread),
            Err(error) => {
                failed = Err(error);
                break;
            }
        }
    }
    drop(hold);
    for thread in started {
        let _ = thread.join();
    }
    failed
}
