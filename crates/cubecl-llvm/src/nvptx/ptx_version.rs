//! The PTX version that the LLVM back end would emit.

/// A PTX version. None exists here: NVRTC chooses its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PtxVersion {}

impl PtxVersion {
    /// The newest version that a driver loads: left to NVRTC.
    pub fn for_driver(_driver: i32) -> Option<Self> {
        None
    }
}

impl std::fmt::Display for PtxVersion {
    fn fmt(&self, _f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {}
    }
}
