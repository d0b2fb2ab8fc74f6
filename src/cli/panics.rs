//! What a panic says. It is a defect of this program, but for those of libraries that read files from outside.

use crate::disk::guard::is_guarded;
use crate::query::engine;
use crate::terminal;

/// Panics that are caught and become errors say nothing of their own; any other says what it is, on a stderr that may be gone.
pub(crate) fn become_errors() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        if is_guarded() || thread.name() == Some(engine::THREADS) {
            tracing::debug!("a library gave up: {panic}");
            return;
        }
        terminal::say(&format!(
            "error: this is a defect of aura-bench {}, please report it with what you called: {panic}",
            env!("CARGO_PKG_VERSION")
        ));
    }));
}
