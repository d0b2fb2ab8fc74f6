//! The CUDA driver as this process can use it. Only this file asks the driver library anything, and only after it was
//! found to be there: the library's binding panics where it is not.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::{Device, Tensor};
use cudarc::driver::result;
use cudarc::driver::sys::{self, CUdevice_attribute};

use crate::error::{Error, Result};

use super::gpu::Gpu;
use super::headers;
use super::wheels::Wheels;

/// What the driver answers.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The newest CUDA version that it runs, such as `12.8`.
    pub supports: String,
    /// Its devices, in its own order (`CUDA_VISIBLE_DEVICES` applies).
    pub gpus: Vec<Gpu>,
}

/// Asks the driver for its devices; the error says why there are none.
#[expect(
    unsafe_code,
    reason = "the driver's functions have no safe binding; each is called as its documentation asks"
)]
pub fn ask() -> std::result::Result<Answer, String> {
    // SAFETY: only tries to open the library under its usual names.
    if !unsafe { sys::is_culib_present() } {
        return Err("there is no NVIDIA driver: its library libcuda.so.1 cannot be opened".to_owned());
    }
    let refused = |what: &str, error: result::DriverError| format!("the NVIDIA driver refused to {what}: {error}");
    result::init().map_err(|error| refused("start", error))?;
    let mut version = 0;
    // SAFETY: `version` outlives the call.
    unsafe { sys::cuDriverGetVersion(&raw mut version) }
        .result()
        .map_err(|error| refused("say its version", error))?;
    let count = result::device::get_count().map_err(|error| refused("count its devices", error))?;
    let mut gpus = Vec::new();
    for index in 0..count {
        let device = result::device::get(index).map_err(|error| refused("open a device", error))?;
        // SAFETY: `device` was handed out by the driver just now.
        let (memory, major, minor) = unsafe {
            (
                result::device::total_mem(device),
                result::device::get_attribute(device, CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR),
                result::device::get_attribute(device, CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR),
            )
        };
        let describe = |error| refused("describe a device", error);
        gpus.push(Gpu {
            index: usize::try_from(index).unwrap_or_default(),
            name: result::device::get_name(device).map_err(describe)?,
            compute_capability: format!("{}.{}", major.map_err(describe)?, minor.map_err(describe)?),
            memory_bytes: memory.map_err(describe)? as u64,
        });
    }
    if gpus.is_empty() {
        return Err("the NVIDIA driver knows no device (CUDA_VISIBLE_DEVICES may hide them)".to_owned());
    }
    Ok(Answer {
        supports: format!("{}.{}", version / 1000, version % 1000 / 10),
        gpus,
    })
}

/// Opens NVRTC of the wheels, so that its binding finds it open, and shows the compiler of kernels their headers, joined below
/// `cache`.
///
/// # Errors
/// [`Error::Io`] if they cannot be joined; [`Error::Device`] if the library cannot be opened.
#[expect(
    unsafe_code,
    reason = "opening a library runs its initialisers; the environment belongs to the process"
)]
pub fn use_wheels(wheels: &Wheels, cache: &Path) -> Result<()> {
    let headers = headers::joined(&wheels.includes, cache)?;
    // SAFETY: NVIDIA's library, whose initialisers ask nothing of this process.
    let library = unsafe { libloading::Library::new(&wheels.nvrtc) }
        .map_err(|error| Error::Device(format!("{} cannot be opened: {error}", wheels.nvrtc.display())))?;
    // It stays open as long as the process lives: its binding opens it by its name alone.
    std::mem::forget(library);
    // SAFETY: called before any thread is started.
    unsafe { std::env::set_var("CUDA_PATH", headers) };
    Ok(())
}

/// Whether the compiler of kernels can be opened by the dynamic linker.
#[expect(unsafe_code, reason = "opening a library runs its initialisers")]
pub fn has_nvrtc() -> bool {
    // SAFETY: only tries to open NVIDIA's library under its usual names.
    unsafe { cudarc::nvrtc::sys::is_culib_present() }
}

/// Compiles and runs one small kernel. The error is what the libraries underneath said, who panic rather than return it.
pub fn try_out(device: &Device) -> std::result::Result<(), String> {
    let said = Arc::new(Mutex::new(None));
    let hear = Arc::clone(&said);
    // The device works in threads of its own, whose panics reach only the hook.
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let mut said = hear.lock().unwrap_or_else(PoisonError::into_inner);
        said.get_or_insert_with(|| {
            let payload = info.payload();
            payload
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
                .or_else(|| payload.downcast_ref::<String>().cloned())
                .unwrap_or_else(|| "it gave no reason".to_owned())
        });
    }));
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let ones = Tensor::<2>::ones([16, 16], device);
        let sum = (ones.clone().matmul(ones) * 2.0).sum();
        sum.try_into_vec_as::<f32>().map_err(|error| error.to_string())
    }));
    std::panic::set_hook(before);
    let heard = said.lock().unwrap_or_else(PoisonError::into_inner).take();
    match outcome {
        Ok(Ok(values)) if values.len() == 1 && (values[0] - 8192.0).abs() < 8.0 => Ok(()),
        Ok(Ok(values)) => Err(format!("a sum that should be 8192 came out as {values:?}")),
        Ok(Err(error)) => Err(heard.unwrap_or(error)),
        Err(_) => Err(heard.unwrap_or_else(|| "it gave no reason".to_owned())),
    }
}
