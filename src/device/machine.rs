//! From what was asked and what the machine offers to the device that is taken.

use burn::tensor::{DType, Device, FloatDType, Int, Tensor, TensorData};
use half::f16;
use serde::Serialize;

use crate::elementwise::on_host;
use crate::error::{Error, Result};

use super::choice::DeviceChoice;
use super::driver::Driver;
use super::gpu::Gpu;
use super::toolkit::{Place, Toolkit};
use super::version::CudaVersion;

#[cfg(feature = "wgpu-plain")]
use super::adapter;
#[cfg(feature = "cuda-plain")]
use super::cuda;
#[cfg(any(feature = "cuda-plain", feature = "wgpu-plain"))]
use super::trial;

/// How to come by a build that uses GPUs.
pub(crate) const WITH_CUDA: &str =
    "a release's wheels for Linux have it, and `cargo build --release --features cuda` makes one";

/// How to come by a build that uses GPUs of any maker.
pub(crate) const WITH_WGPU: &str = "`cargo build --release --features wgpu` makes one";

/// Bytes of a feature table that a GPU is given where nothing says how much memory it has: what every one of them binds at once.
const SURELY_BOUND: u64 = 128 << 20;

/// A device that can be used, with the name under which it is reported.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// Where tensors are made (without automatic differentiation).
    pub device: Device,
    /// `cpu`, `cuda` or `gpu`: runs on devices of different kinds differ in their last digits.
    pub kind: &'static str,
    /// Name for the manifest: `cpu (flex, 8 threads)`.
    pub name: String,
    /// What the user should know about the choice, if anything: one sentence.
    pub notice: Option<String>,
}

/// Everything that decides which device is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// Whether this build can use CUDA.
    pub cuda_built_in: bool,
    /// Whether this build can use GPUs of any maker, as `gpu`.
    pub wgpu_built_in: bool,
    /// The driver's files.
    pub driver: Driver,
    /// Where there is something to compile kernels with at run time.
    pub toolkit: Toolkit,
    /// The one of them that is taken.
    pub compiler: Option<Place>,
    /// Whether NVRTC can be opened; not known in builds without CUDA.
    pub nvrtc_opens: Option<bool>,
    /// The newest CUDA version that the driver runs; not known in builds without CUDA.
    pub driver_supports: Option<CudaVersion>,
    /// What the driver's library lists; empty in builds without CUDA.
    pub gpus: Vec<Gpu>,
    /// Why `gpus` is empty.
    pub no_gpus: Option<String>,
}

/// What a choice comes to on a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plan {
    Cpu {
        notice: Option<String>,
    },
    Cuda(Vec<Gpu>),
    /// Indices of adapters, not yet looked for.
    Gpu(Vec<usize>),
}

impl Machine {
    /// Looks at this machine. Asks the driver in builds with CUDA; touches no library in others.
    pub fn look() -> Self {
        let mut machine = Self {
            cuda_built_in: cfg!(feature = "cuda-plain"),
            wgpu_built_in: cfg!(feature = "wgpu-plain"),
            driver: Driver::look(),
            toolkit: Toolkit::look(),
            compiler: None,
            nvrtc_opens: None,
            driver_supports: None,
            gpus: Vec::new(),
            no_gpus: Some(format!("this build has no CUDA; {WITH_CUDA}")),
        };
        #[cfg(feature = "cuda-plain")]
        {
            machine.nvrtc_opens = Some(cuda::has_nvrtc());
            machine.driver_supports = cuda::supported();
            match cuda::ask() {
                Ok(gpus) => (machine.gpus, machine.no_gpus) = (gpus, None),
                Err(why) => machine.no_gpus = Some(why),
            }
        }
        machine.compiler = machine.toolkit.chosen(machine.driver_supports).cloned();
        machine
    }

    /// What stands between this build and running on a GPU of this machine, each with its remedy. Empty where there is no
    /// sign of a GPU, because then nothing is missing.
    pub fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        if !self.driver.is_present() && self.gpus.is_empty() {
            return missing;
        }
        if !self.cuda_built_in {
            missing.push(format!("CUDA in this build: {WITH_CUDA}"));
        } else if let Some(why) = &self.no_gpus {
            missing.push(format!("a usable driver: {why}"));
        }
        missing.extend(self.missing_toolkit());
        missing.extend(self.too_new());
        missing
    }

    /// What kernels cannot be compiled without.
    fn missing_toolkit(&self) -> Option<String> {
        // Elsewhere than on Linux the binding alone knows where its library is.
        let headers = || self.toolkit.places.iter().any(Place::has_headers);
        if self.compiler.is_some() || (cfg!(not(target_os = "linux")) && self.nvrtc_opens == Some(true) && headers()) {
            return None;
        }
        let looked: Vec<String> = self
            .toolkit
            .places
            .iter()
            .filter_map(|place| Some(format!("{} {}", place.root.display(), place.fault(None)?)))
            .collect();
        let looked = if looked.is_empty() {
            "no place has either".to_owned()
        } else {
            looked.join("; ")
        };
        Some(format!(
            "NVRTC (libnvrtc.so), which compiles kernels, and the CUDA headers of its version, which they include ({looked}): \
             `pip install 'aura-bench[cuda]'` brings both, as does the CUDA toolkit 12 or 13; CUDA_PATH names a toolkit that \
             lies elsewhere"
        ))
    }

    /// A compiler whose work the driver refuses.
    fn too_new(&self) -> Option<String> {
        let place = self
            .compiler
            .as_ref()
            .filter(|place| !place.runs_on(self.driver_supports))?;
        Some(format!(
            "an NVRTC for this driver: {} {}; install CUDA {} or older (`pip install 'aura-bench[cuda]'` brings 12.8 or newer), or a \
             newer driver",
            place.root.display(),
            place.fault(self.driver_supports)?,
            self.driver_supports?,
        ))
    }

    pub(crate) fn plan(&self, choice: &DeviceChoice) -> Result<Plan> {
        let usable = |indices: &[usize]| -> Result<Plan> {
            if let Some(missing) = self.missing_toolkit() {
                return Err(Error::Device(format!(
                    "a GPU is here ({}), but kernels cannot be compiled for it; missing: {}; or use the device `cpu`",
                    self.gpus.first().map_or("NVIDIA", |gpu| gpu.name.as_str()),
                    missing
                )));
            }
            indices
                .iter()
                .map(|&index| {
                    self.gpus.iter().find(|gpu| gpu.index == index).cloned().ok_or_else(|| {
                        let there: Vec<String> = self.gpus.iter().map(|gpu| format!("cuda:{}", gpu.index)).collect();
                        Error::Device(format!(
                            "device cuda:{index} was asked for, but the driver lists only {}",
                            there.join(", ")
                        ))
                    })
                })
                .collect::<Result<_>>()
                .map(Plan::Cuda)
        };
        match choice {
            DeviceChoice::Cpu => Ok(Plan::Cpu { notice: None }),
            DeviceChoice::Auto if !self.gpus.is_empty() => usable(&[self.gpus[0].index]),
            DeviceChoice::Auto => Ok(Plan::Cpu {
                notice: self.driver.is_present().then(|| {
                    let model = self.driver.models.first().map_or("an NVIDIA driver", String::as_str);
                    let why = self.no_gpus.as_deref().unwrap_or("it lists no device");
                    format!("{model} is here, but is not used: {why}")
                }),
            }),
            DeviceChoice::Cuda(_) if !self.cuda_built_in => Err(Error::Device(format!(
                "device {choice} was asked for, but this build has no CUDA: {WITH_CUDA}; or use the device `cpu`"
            ))),
            DeviceChoice::Cuda(indices) => {
                if let Some(why) = &self.no_gpus {
                    return Err(Error::Device(format!(
                        "device {choice} was asked for, but {why}; use the device `cpu`, or see `aura-bench doctor`"
                    )));
                }
                usable(indices)
            }
            DeviceChoice::Gpu(_) if !self.wgpu_built_in => Err(Error::Device(format!(
                "device {choice} was asked for, but this build has no GPUs but by CUDA: {WITH_WGPU}; or use the device `cpu`"
            ))),
            DeviceChoice::Gpu(indices) => Ok(Plan::Gpu(indices.clone())),
        }
    }
}

pub(crate) fn cpu() -> Resolved {
    Resolved {
        device: Device::flex(),
        kind: "cpu",
        name: format!("cpu (flex, {} threads)", rayon::current_num_threads()),
        notice: None,
    }
}

/// Bytes that one feature table may take on a GPU: a fifth of its memory, which leaves room for the model, and which the allocator
/// still hands out in one piece (its pages end at a quarter); a fixed size where its memory is not known. 0 on the processor, whose
/// tables lie in host memory.
pub fn table_budget(device: &Device) -> u64 {
    if on_host(device) {
        return 0;
    }
    #[cfg(feature = "cuda-plain")]
    if let Some(gpu) = (Machine::look().gpus.iter()).find(|gpu| Device::cuda(gpu.index) == device.clone().inner()) {
        return gpu.memory_bytes / 5;
    }
    SURELY_BOUND
}

/// Whether tensors of half precision can be gathered on a device and become single ones there: tried, since what a device says of
/// itself is of its memory, not of its kernels.
pub fn keeps_half(device: &Device) -> bool {
    if on_host(device) {
        return true;
    }
    let values = [1.5, -2.0, 65504.0].map(f16::from_f32);
    let table = Tensor::<1>::from_data(TensorData::new(values.to_vec(), [3]), (device, DType::F16));
    let index = Tensor::<1, Int>::from_data([2, 0], device);
    let read = table.select(0, index).cast(FloatDType::F32).try_into_vec_as::<f32>();
    read.is_ok_and(|read| read == [65504.0, 1.5])
}

/// Makes what compiles kernels usable where it lies: to be called before any thread is started, since the compiler is told of its
/// headers by the environment. Does nothing where there is no driver, unless `always`.
///
/// # Errors
/// [`Error::Io`] if joined headers cannot be written below `cache`; [`Error::Device`] if NVRTC cannot be opened.
#[cfg(feature = "cuda-plain")]
pub fn prepare(cache: &std::path::Path, always: bool) -> Result<()> {
    if !always && Driver::look().library.is_none() && cuda::supported().is_none() {
        return Ok(());
    }
    match Toolkit::look().chosen(cuda::supported()) {
        Some(place) => cuda::use_place(place, cache),
        None => Ok(()),
    }
}

/// A device that ran a kernel.
///
/// # Errors
/// [`Error::Device`] if it does not.
#[cfg(any(feature = "cuda-plain", feature = "wgpu-plain"))]
fn tried(device: Device, kind: &'static str, name: String, hint: &str) -> Result<Resolved> {
    trial::try_out(&device).map_err(|why| {
        let why: Vec<&str> = why.lines().take(3).collect();
        Error::Device(format!(
            "device {name} does not work: {}{hint}; see `aura-bench doctor`, or use the device `cpu`",
            why.join(" ")
        ))
    })?;
    Ok(Resolved {
        device,
        kind,
        name,
        notice: None,
    })
}

#[cfg(feature = "cuda-plain")]
fn open_cuda(gpu: &Gpu, machine: &Machine) -> Result<Resolved> {
    let name = gpu.describe(machine.driver.version.as_deref());
    let hint = machine.too_new().map(|what| format!(" (missing: {what})"));
    tried(Device::cuda(gpu.index), "cuda", name, &hint.unwrap_or_default())
}

#[cfg(not(feature = "cuda-plain"))]
fn open_cuda(gpu: &Gpu, machine: &Machine) -> Result<Resolved> {
    Err(Error::Device(format!(
        "this build has no CUDA for {}: {WITH_CUDA}",
        gpu.describe(machine.driver.version.as_deref())
    )))
}

#[cfg(feature = "wgpu-plain")]
fn open_gpu(index: usize) -> Result<Resolved> {
    let mut found = adapter::look();
    if index >= found.len() {
        let there: Vec<String> = found.iter().map(|(adapter, _)| adapter.describe()).collect();
        let there = if there.is_empty() {
            "neither Vulkan nor another interface lists one (on Linux: the maker's Vulkan driver and libvulkan.so.1)"
                .to_owned()
        } else {
            format!("there is only {}", there.join(", "))
        };
        return Err(Error::Device(format!(
            "device gpu:{index} was asked for, but {there}; use the device `cpu`, or see `aura-bench doctor`"
        )));
    }
    let (adapter, device) = found.swap_remove(index);
    let notice = adapter
        .software
        .then(|| format!("{} is no hardware: the device `cpu` is faster", adapter.name));
    Ok(Resolved {
        notice,
        ..tried(device, "gpu", adapter.describe(), "")?
    })
}

#[cfg(not(feature = "wgpu-plain"))]
fn open_gpu(index: usize) -> Result<Resolved> {
    Err(Error::Device(format!("this build has no gpu:{index}: {WITH_WGPU}")))
}

impl DeviceChoice {
    /// Finds the one device that this process uses. A choice is never silently replaced: asking for CUDA gives CUDA or an
    /// error. A GPU has run a kernel before it is handed out.
    ///
    /// # Errors
    /// [`Error::Device`] (exit 4) if the device is not in this build, not on this machine, or does not work;
    /// [`Error::Usage`] if several devices are named, which are for one process each (see [`Self::list`]).
    pub fn resolve(&self) -> Result<Resolved> {
        let machine = Machine::look();
        let several = || {
            Err(Error::Usage(format!(
                "device {self} names several devices; one process works on one of them"
            )))
        };
        match machine.plan(self)? {
            Plan::Cpu { notice } => Ok(Resolved { notice, ..cpu() }),
            Plan::Cuda(gpus) => match gpus.as_slice() {
                [gpu] => open_cuda(gpu, &machine),
                _ => several(),
            },
            Plan::Gpu(indices) => match indices.as_slice() {
                [index] => open_gpu(*index),
                _ => several(),
            },
        }
    }

    /// The single devices of this choice, each for a process of its own: `cuda:0,1` gives `cuda:0` and `cuda:1`, anything
    /// else gives itself. The devices are known to be there, but are not opened: that is for the processes to do.
    ///
    /// # Errors
    /// As [`Self::resolve`].
    pub fn list(&self) -> Result<Vec<Self>> {
        match self {
            Self::Cuda(indices) => {
                Machine::look().plan(self)?;
                Ok(indices.iter().map(|&index| Self::Cuda(vec![index])).collect())
            }
            Self::Gpu(indices) => {
                Machine::look().plan(self)?;
                Ok(indices.iter().map(|&index| Self::Gpu(vec![index])).collect())
            }
            Self::Auto | Self::Cpu => Ok(vec![self.clone()]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::exit;

    fn gpu(index: usize) -> Gpu {
        Gpu {
            index,
            name: "NVIDIA H100 80GB HBM3".to_owned(),
            compute_capability: "9.0".to_owned(),
            memory_bytes: 80 << 30,
        }
    }

    fn place(version: &str) -> Place {
        Place {
            named_by: "toolkit",
            root: "/usr/local/cuda".into(),
            version: version.parse().ok(),
            nvrtc: Some("/usr/local/cuda/lib64/libnvrtc.so".into()),
            includes: vec!["/usr/local/cuda/include".into()],
            lacks: Vec::new(),
        }
    }

    /// A machine with two GPUs and all that they need.
    fn whole() -> Machine {
        Machine {
            cuda_built_in: true,
            wgpu_built_in: true,
            driver: Driver {
                version: Some("570.86.15".to_owned()),
                devices: vec!["/dev/nvidia0".into(), "/dev/nvidia1".into()],
                models: vec!["NVIDIA H100 80GB HBM3".to_owned()],
                library: Some("/usr/lib64/libcuda.so.1".into()),
            },
            toolkit: Toolkit {
                places: vec![place("12.8")],
            },
            compiler: Some(place("12.8")),
            nvrtc_opens: Some(true),
            driver_supports: "12.8".parse().ok(),
            gpus: vec![gpu(0), gpu(1)],
            no_gpus: None,
        }
    }

    /// The same machine, seen by a build without CUDA.
    fn without_the_feature() -> Machine {
        Machine {
            cuda_built_in: false,
            wgpu_built_in: false,
            nvrtc_opens: None,
            driver_supports: None,
            gpus: Vec::new(),
            no_gpus: Some(format!("this build has no CUDA; {WITH_CUDA}")),
            ..whole()
        }
    }

    fn no_driver(cuda_built_in: bool) -> Machine {
        Machine {
            cuda_built_in,
            wgpu_built_in: false,
            driver: Driver::default(),
            toolkit: Toolkit::default(),
            compiler: None,
            nvrtc_opens: cuda_built_in.then_some(false),
            driver_supports: None,
            gpus: Vec::new(),
            no_gpus: Some("there is no NVIDIA driver".to_owned()),
        }
    }

    fn refused(machine: &Machine, choice: &str) -> String {
        let choice: DeviceChoice = choice.parse().unwrap_or_default();
        let error = machine.plan(&choice).err();
        assert_eq!(error.as_ref().map(Error::exit_code), Some(exit::DEVICE), "{error:?}");
        let text = error.map(|e| e.to_string()).unwrap_or_default();
        assert_eq!(text.lines().count(), 1, "{text}");
        text
    }

    #[test]
    fn choices_are_read_and_written() {
        for (text, choice) in [
            ("auto", DeviceChoice::Auto),
            ("cpu", DeviceChoice::Cpu),
            ("cuda:0", DeviceChoice::Cuda(vec![0])),
            ("cuda:3", DeviceChoice::Cuda(vec![3])),
            ("cuda:1,0", DeviceChoice::Cuda(vec![1, 0])),
            ("gpu:2", DeviceChoice::Gpu(vec![2])),
        ] {
            assert_eq!(choice.to_string(), text);
            assert_eq!(text.parse(), Ok(choice));
        }
        assert_eq!("cuda".parse(), Ok(DeviceChoice::Cuda(vec![0])));
        assert_eq!("gpu".parse(), Ok(DeviceChoice::Gpu(vec![0])));
        for text in [
            "",
            "gpus",
            "gpu:",
            "cpu:0",
            "cuda:",
            "cuda:-1",
            "cuda:+1",
            "cuda:0,",
            "cuda:0,0",
            "cuda:0, 1",
            "CPU",
            "cuda:99999999999999999999",
        ] {
            let message = text.parse::<DeviceChoice>();
            assert!(message.is_err(), "{text} was accepted");
        }
    }

    #[test]
    fn auto_takes_the_first_gpu_where_a_driver_answers() -> Result<()> {
        assert_eq!(whole().plan(&DeviceChoice::Auto)?, Plan::Cuda(vec![gpu(0)]));
        assert_eq!(whole().plan(&DeviceChoice::Cpu)?, Plan::Cpu { notice: None });
        let both = "cuda:1,0".parse().map_err(Error::Usage)?;
        assert_eq!(whole().plan(&both)?, Plan::Cuda(vec![gpu(1), gpu(0)]));
        assert!(whole().missing().is_empty());
        Ok(())
    }

    #[test]
    fn auto_takes_the_cpu_where_no_driver_answers() -> Result<()> {
        for built_in in [false, true] {
            let machine = no_driver(built_in);
            assert_eq!(machine.plan(&DeviceChoice::Auto)?, Plan::Cpu { notice: None });
            assert!(machine.missing().is_empty(), "nothing is missing where there is no GPU");
        }
        Ok(())
    }

    #[test]
    fn a_build_without_cuda_that_meets_a_driver_says_how_to_rebuild() -> Result<()> {
        let Plan::Cpu { notice: Some(notice) } = without_the_feature().plan(&DeviceChoice::Auto)? else {
            return Err(Error::data("no notice"));
        };
        assert!(
            notice.contains("H100") && notice.contains("--features cuda"),
            "{notice}"
        );
        assert!(without_the_feature().missing()[0].contains("--features cuda"));
        Ok(())
    }

    #[test]
    fn asking_for_cuda_gives_cuda_or_one_sentence() {
        assert!(refused(&without_the_feature(), "cuda:1").contains("--features cuda"));
        assert!(refused(&no_driver(true), "cuda").contains("no NVIDIA driver"));
        assert!(refused(&whole(), "cuda:0,2").contains("lists only cuda:0, cuda:1"));
        let mut bare = whole();
        (bare.toolkit, bare.compiler, bare.nvrtc_opens) = (Toolkit::default(), None, Some(false));
        let text = refused(&bare, "auto");
        assert!(
            text.contains("libnvrtc") && text.contains("CUDA_PATH") && text.contains("device `cpu`"),
            "{text}"
        );
        assert_eq!(bare.missing().len(), 1);
    }

    #[test]
    fn a_compiler_newer_than_the_driver_is_named_with_both_versions() {
        let mut machine = whole();
        machine.compiler = Some(place("13.0"));
        let missing = machine.missing();
        assert!(
            missing.len() == 1 && missing[0].contains("13.0") && missing[0].contains("12.8"),
            "{missing:?}"
        );
    }

    #[test]
    fn gpus_of_any_maker_need_their_feature() -> Result<()> {
        let both = "gpu:1,0".parse().map_err(Error::Usage)?;
        assert_eq!(whole().plan(&both)?, Plan::Gpu(vec![1, 0]));
        assert!(refused(&without_the_feature(), "gpu").contains("--features wgpu"));
        Ok(())
    }

    #[test]
    fn the_processor_has_no_table_budget() {
        assert!(on_host(&Device::flex()));
        assert_eq!(table_budget(&Device::flex()), 0);
    }

    #[cfg(any(feature = "cuda-plain", feature = "wgpu-plain"))]
    #[test]
    fn trying_out_a_device_leaves_the_panic_hook_alone() {
        assert_eq!(trial::try_out(&Device::flex()), Ok(()));
    }
}
