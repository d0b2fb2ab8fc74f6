//! The CUDA driver as this process can use it. Only this file asks the driver library anything, and only after it was
//! found to be there: the library's binding panics where it is not.

use std::ffi::CString;
use std::io::Write;
use std::path::Path;

use cubecl_cuda::install;
use cudarc::driver::result;
use cudarc::driver::sys::{self, CUdevice_attribute};
use cudarc::nvrtc;

use crate::error::{Context, Error, Result};

use super::gpu::Gpu;
use super::heard::heard;
use super::toolkit::{HEADERS, Place};
use super::version::CudaVersion;
use super::{headers, soname};

/// The driver's devices, in its own order (`CUDA_VISIBLE_DEVICES` applies); the error says why there are none.
pub fn ask() -> std::result::Result<Vec<Gpu>, String> {
    // The binding panics where a driver lacks a function.
    heard(list).and_then(|found| found)
}

#[expect(
    unsafe_code,
    reason = "the driver's functions have no safe binding; each is called as its documentation asks"
)]
fn list() -> std::result::Result<Vec<Gpu>, String> {
    // SAFETY: only tries to open the library under its usual names.
    if !unsafe { sys::is_culib_present() } {
        return Err("there is no NVIDIA driver: its library libcuda.so.1 cannot be opened".to_owned());
    }
    let refused = |what: &str, error: result::DriverError| format!("the NVIDIA driver refused to {what}: {error}");
    result::init().map_err(|error| refused("start", error))?;
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
    Ok(gpus)
}

/// The newest CUDA version that the driver runs, if there is one.
#[expect(unsafe_code, reason = "the driver's functions have no safe binding")]
pub fn supported() -> Option<CudaVersion> {
    // SAFETY: only tries to open the library under its usual names.
    if !unsafe { sys::is_culib_present() } {
        return None;
    }
    let version = heard(|| {
        let mut version = 0;
        // SAFETY: `version` outlives the call, which may come before the driver is started.
        unsafe { sys::cuDriverGetVersion(&raw mut version) }
            .result()
            .ok()
            .map(|()| version)
    });
    let version = version.ok()??;
    let version = u32::try_from(version).ok().filter(|version| *version > 0)?;
    Some(CudaVersion {
        major: version / 1000,
        minor: version % 1000 / 10,
    })
}

/// Opens NVRTC of a place so that its binding finds it open, and shows the compiler of kernels the headers, which are joined
/// below `cache` if no folder holds them all. To be called before any thread is started.
///
/// # Errors
/// [`Error::Io`] if the headers cannot be joined; [`Error::Device`] if the library cannot be opened.
#[expect(
    unsafe_code,
    reason = "opening a library runs its initialisers; the environment belongs to the process"
)]
pub fn use_place(place: &Place, cache: &Path) -> Result<()> {
    let Some(nvrtc) = &place.nvrtc else { return Ok(()) };
    let headers = match place.cuda_path() {
        Some(folder) => folder,
        None => headers::joined(&place.includes, cache)?,
    };
    // It looks beside itself for what it loads: where it lies, not where a link to it does.
    let nvrtc = nvrtc.canonicalize().at("find", nvrtc)?;
    open(&nvrtc)?;
    if cfg!(target_os = "linux") {
        let mut file = tempfile::NamedTempFile::new_in(cache)
            .or_else(|_| tempfile::NamedTempFile::new())
            .at("create a file in", &std::env::temp_dir())?;
        file.write_all(&soname::library("libnvrtc.so", &nvrtc))
            .at("write", file.path())?;
        // Once it is open, nobody needs the file.
        open(file.path())?;
    }
    // SAFETY: called before any thread is started.
    unsafe { std::env::set_var("CUDA_PATH", headers) };
    Ok(())
}

/// Opens a library, which stays open as long as the process lives: its binding opens it by its name alone.
#[expect(unsafe_code, reason = "opening a library runs its initialisers")]
fn open(path: &Path) -> Result<()> {
    // SAFETY: NVIDIA's library, or one without any code; initialisers ask nothing of this process.
    let library = unsafe { libloading::Library::new(path) }
        .map_err(|error| Error::Device(format!("{} cannot be opened: {error}", path.display())))?;
    std::mem::forget(library);
    Ok(())
}

/// Whether the compiler of kernels can be opened under the names that its binding tries.
#[expect(unsafe_code, reason = "opening a library runs its initialisers")]
pub fn has_nvrtc() -> bool {
    // SAFETY: only tries to open NVIDIA's library under its usual names.
    unsafe { cudarc::nvrtc::sys::is_culib_present() }
}

/// Compiles a kernel with every header that kernels may include; no device is needed. The version of the compiler, or what it said.
pub fn compile() -> std::result::Result<CudaVersion, String> {
    let includes: String = HEADERS.iter().map(|header| format!("#include <{header}>\n")).collect();
    let kernel = "extern \"C\" __global__ void twice(float *x) { x[threadIdx.x] *= 2.0f; }\n";
    heard(|| compiled(&format!("{includes}{kernel}")))?
}

#[expect(
    unsafe_code,
    reason = "the compiler's functions have no safe binding for its version and log"
)]
fn compiled(source: &str) -> std::result::Result<CudaVersion, String> {
    let refused = |what: &str, error: nvrtc::result::NvrtcError| format!("NVRTC refused to {what}: {error}");
    let (mut major, mut minor) = (0, 0);
    // SAFETY: both numbers outlive the call.
    unsafe { nvrtc::sys::nvrtcVersion(&raw mut major, &raw mut minor) }
        .result()
        .map_err(|error| refused("say its version", error))?;
    let version = CudaVersion {
        major: u32::try_from(major).unwrap_or_default(),
        minor: u32::try_from(minor).unwrap_or_default(),
    };
    let folders = [install::include_path(), install::cccl_include_path()];
    let mut options: Vec<String> = folders
        .iter()
        .filter(|folder| folder.is_dir())
        .map(|folder| format!("-I{}", folder.display()))
        .collect();
    options.push("-arch=sm_90a".to_owned());
    let source = CString::new(source).map_err(|error| error.to_string())?;
    let program = nvrtc::result::create_program(source.as_c_str(), None).map_err(|error| refused("begin", error))?;
    // SAFETY: the program was made just now, and is destroyed once, at the end.
    let done = unsafe { nvrtc::result::compile_program(program, &options) }.map_err(|error| {
        // SAFETY: as above.
        let log = unsafe { nvrtc::result::get_program_log(program) }.unwrap_or_default();
        let bytes: Vec<u8> = log
            .iter()
            .take_while(|byte| **byte != 0)
            .map(|byte| *byte as u8)
            .collect();
        let text = String::from_utf8_lossy(&bytes).trim().to_owned();
        if text.is_empty() {
            refused("compile", error)
        } else {
            text
        }
    });
    // SAFETY: as above.
    unsafe { nvrtc::result::destroy_program(program) }.map_err(|error| refused("end", error))?;
    done.map(|()| version)
}
