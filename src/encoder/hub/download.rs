//! One file on its way: how far it is, whether anything comes at all, and whether it is what was promised.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::progress::{Bar, Progress};

/// Seconds without a byte after which a server is given up.
const SILENCE: u64 = 60;

/// Counts signs of life.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard(Arc<AtomicU64>);

impl Heard {
    /// Something came, or was done.
    pub(super) fn now(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Waits for signs of life as long as the user of the hub's clients says, `HF_HUB_DOWNLOAD_TIMEOUT`.
pub(super) struct Patience {
    heard: Heard,
    seen: u64,
    since: Instant,
    most: Duration,
}

impl Patience {
    pub(super) fn new() -> Self {
        let said = set("HF_HUB_DOWNLOAD_TIMEOUT").and_then(|text| text.trim().parse().ok());
        Self {
            heard: Heard::default(),
            seen: 0,
            since: Instant::now(),
            most: Duration::from_secs(said.filter(|&seconds| seconds > 0).unwrap_or(SILENCE)),
        }
    }

    pub(super) fn heard(&self) -> Heard {
        self.heard.clone()
    }

    /// How long nothing came, once that is too long.
    pub(super) fn exceeded(&mut self) -> Option<Duration> {
        let now = self.heard.0.load(Ordering::Relaxed);
        if now != self.seen {
            self.seen = now;
            self.since = Instant::now();
        }
        Some(self.since.elapsed()).filter(|silence| *silence > self.most)
    }
}

/// Why a file did not arrive.
pub(super) enum Broken {
    /// All of it did, and it is not what was promised.
    Content(Error),
    /// Anything else.
    Other(Error),
}

impl From<Error> for Broken {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

/// A download's bar.
pub(super) struct Download {
    pub(super) progress: Progress,
    pub(super) bar: Option<Bar>,
    pub(super) heard: Heard,
}

impl hf_hub::api::Progress for Download {
    fn init(&mut self, size: usize, filename: &str) {
        let bar = self.progress.bar("fetch", size as u64, "bytes");
        bar.message(filename);
        self.bar = Some(bar);
        self.heard.now();
    }

    fn update(&mut self, size: usize) {
        if let Some(bar) = &self.bar {
            bar.inc(size as u64);
        }
        self.heard.now();
    }

    fn finish(&mut self) {
        self.bar = None;
    }
}

/// An environment variable that is set to something.
pub(super) fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
