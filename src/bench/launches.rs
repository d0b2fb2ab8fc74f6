//! How many kernels a piece of work launches on a GPU.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Does `work` and counts the kernels that this thread launches meanwhile; none on the processor.
///
/// Every launch of every backend with kernels passes through one function, which says so to whoever listens for traces
/// (feature `tracing` of cubecl, part of the feature `cuda`).
pub fn count<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let counter = Arc::new(Counter::default());
    let done = tracing::subscriber::with_default(Arc::clone(&counter), work);
    (done, counter.0.load(Ordering::Relaxed))
}

#[derive(Debug, Default)]
struct Counter(AtomicU64);

impl Subscriber for Counter {
    fn enabled(&self, metadata: &Metadata) -> bool {
        metadata.is_span() && metadata.name() == "launch_inner" && metadata.target().starts_with("cubecl_runtime")
    }

    fn new_span(&self, _: &Attributes) -> Id {
        Id::from_u64(self.0.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, _: &Id, _: &Record) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn launches_are_counted_and_nothing_else() {
        let launch = || tracing::trace_span!(target: "cubecl_runtime::client", "launch_inner").in_scope(|| ());
        launch();
        let (done, launched) = count(|| {
            launch();
            tracing::trace_span!(target: "cubecl_runtime::client", "read").in_scope(launch);
            tracing::trace_span!(target: "elsewhere", "launch_inner").in_scope(|| 7)
        });
        assert_eq!((done, launched), (7, 2));
    }
}
