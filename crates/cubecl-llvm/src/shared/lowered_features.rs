//! What the LLVM back end would take away from a device's features.

use cubecl_core::ir::DeviceProperties;

/// A device family that features would be narrowed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GpuTarget {
    /// NVIDIA devices.
    Nvptx,
}

/// Does nothing: `cubecl-cuda` calls this only for its LLVM back end, which is never chosen here.
pub fn restrict_features(_properties: &mut DeviceProperties, _target: GpuTarget) {}
