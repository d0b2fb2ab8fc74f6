//! A GPU as its driver reports it.

use serde::Serialize;

/// A GPU as its driver describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gpu {
    /// Its index, as `cuda:N` has it.
    pub index: usize,
    /// `NVIDIA H100 80GB HBM3`.
    pub name: String,
    /// `9.0`.
    pub compute_capability: String,
    /// All of its memory.
    pub memory_bytes: u64,
}

impl Gpu {
    pub(crate) fn describe(&self, driver: Option<&str>) -> String {
        format!(
            "cuda:{} ({}, compute capability {}, {:.0} GiB{})",
            self.index,
            self.name,
            self.compute_capability,
            self.memory_bytes as f64 / f64::from(1 << 30),
            driver.map(|version| format!(", driver {version}")).unwrap_or_default()
        )
    }
}
