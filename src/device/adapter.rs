//! GPUs of any maker as Vulkan, Metal or Direct3D list them (feature `wgpu`).

use burn::tensor::{Device, DeviceType};
use serde::Serialize;

use super::heard::heard;

/// A device that Vulkan, Metal or Direct3D reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Adapter {
    /// Its index, as `gpu:N` has it: GPUs first, software last.
    pub index: usize,
    /// `AMD Radeon RX 7900 XTX`.
    pub name: String,
    /// Whether the processor does its work.
    pub software: bool,
}

impl Adapter {
    pub(crate) fn describe(&self) -> String {
        let software = if self.software {
            "; software, the processor does its work"
        } else {
            ""
        };
        format!("gpu:{} ({}{software})", self.index, self.name)
    }
}

/// All of them, each with the device that tensors are made on. Opens each; one that does not open is left out.
pub fn look() -> Vec<(Adapter, Device)> {
    let devices = heard(|| Device::enumerate(DeviceType::Wgpu).into_vec()).unwrap_or_default();
    let mut found: Vec<(Adapter, Device)> = devices
        .into_iter()
        .filter_map(|device| {
            let identity = heard(|| device.identity()).ok()??;
            let adapter = Adapter {
                index: 0,
                name: identity.name,
                software: identity.physical.is_none(),
            };
            Some((adapter, device))
        })
        .collect();
    found.sort_by_key(|(adapter, _)| adapter.software);
    for (index, (adapter, _)) in found.iter_mut().enumerate() {
        adapter.index = index;
    }
    found
}
