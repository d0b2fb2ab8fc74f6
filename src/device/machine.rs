//! From what was asked and what the machine offers to the device that is taken.

use burn::tensor::Device;
use serde::Serialize;

use crate::elementwise::on_host;
use crate::error::{Error, Result};

use super::choice::DeviceChoice;
use super::driver::{Driver, Toolkit};
use super::gpu::Gpu;

#[cfg(feature = "cuda")]
use super::cuda;

/// How to come by a build that uses GPUs.
pub(crate) const WITH_CUDA: &str =
    "a release's wheels for Linux have it, and `cargo build --release --features cuda` makes one";

/// A device that can be used, with the name under which it is reported.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// Where tensors are made (without automatic differentiation).
    pub device: Device,
    /// `cpu` or `cuda`: runs on devices of different kinds differ in their last digits.
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
    /// The driver's files.
    pub driver: Driver,
    /// The files of what compiles kernels at run time.
    pub toolkit: Toolkit,
    /// Whether the dynamic linker opens the compiler of kernels; not known in builds without CUDA.
    pub nvrtc_opens: Option<bool>,
    /// The newest CUDA version that the driver runs; not known in builds without CUDA.
    pub driver_supports: Option<String>,
    /// What the driver's library lists; empty in builds without CUDA.
    pub gpus: Vec<Gpu>,
    /// Why `gpus` is empty.
    pub no_gpus: Option<String>,
}

/// What a choice comes to on a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plan {
    Cpu { notice: Option<String> },
    Cuda(Vec<Gpu>),
}

impl Machine {
    /// Looks at this machine. Asks the driver in builds with CUDA; touches no library in others.
    pub fn look() -> Self {
        let machine = Self {
            cuda_built_in: cfg!(feature = "cuda"),
            driver: Driver::look(),
            toolkit: Toolkit::look(),
            nvrtc_opens: None,
            driver_supports: None,
            gpus: Vec::new(),
            no_gpus: Some(format!("this build has no CUDA; {WITH_CUDA}")),
        };
        #[cfg(feature = "cuda")]
        let machine = match cuda::ask() {
            Ok(answer) => Self {
                nvrtc_opens: Some(cuda::has_nvrtc()),
                driver_supports: Some(answer.supports),
                gpus: answer.gpus,
                no_gpus: None,
                ..machine
            },
            Err(why) => Self {
                nvrtc_opens: Some(cuda::has_nvrtc()),
                no_gpus: Some(why),
                ..machine
            },
        };
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
        missing
    }

    fn missing_toolkit(&self) -> Vec<String> {
        let mut missing = Vec::new();
        if !self.nvrtc_opens.unwrap_or(self.toolkit.nvrtc.is_some()) {
            missing.push(
                "NVRTC (libnvrtc.so), which compiles kernels: `pip install 'aura-bench[cuda]'` brings it, or install the \
                 CUDA toolkit 12 or its package cuda-nvrtc-12-8, and put the library's folder into LD_LIBRARY_PATH if the \
                 linker does not know it"
                    .to_owned(),
            );
        }
        if self.toolkit.headers.is_none() {
            let looked = match &self.toolkit.root {
                Some(root) => format!("{} has no include/ with all of them", root.display()),
                None => "there is no CUDA_PATH and no /usr/local/cuda".to_owned(),
            };
            missing.push(format!(
                "the CUDA headers (cuda_fp16.h, cuda_bf16.h, mma.h), which kernels include ({looked}): \
                 `pip install 'aura-bench[cuda]'` brings them, or install the CUDA toolkit 12 or its package \
                 cuda-cudart-dev-12-8, and set CUDA_PATH to the folder that holds include/"
            ));
        }
        missing
    }

    pub(crate) fn plan(&self, choice: &DeviceChoice) -> Result<Plan> {
        let usable = |indices: &[usize]| -> Result<Plan> {
            let missing = self.missing_toolkit();
            if !missing.is_empty() {
                return Err(Error::Device(format!(
                    "a GPU is here ({}), but kernels cannot be compiled for it; missing: {}; or use the device `cpu`",
                    self.gpus.first().map_or("NVIDIA", |gpu| gpu.name.as_str()),
                    missing.join("; ")
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

/// Bytes that one feature table may take on a GPU: a fifth of its memory, which leaves room for the model, and which the
/// allocator still hands out in one piece (its pages end at a quarter). 0 on the processor, whose tables lie in host memory.
pub fn table_budget(device: &Device) -> u64 {
    if on_host(device) {
        return 0;
    }
    let machine = Machine::look();
    machine.gpus.iter().map(|gpu| gpu.memory_bytes / 5).min().unwrap_or(0)
}

/// Makes NVIDIA's wheels usable where they stand in for a toolkit: to be called before any thread is started, since the compiler of
/// kernels is told of them by the environment.
///
/// # Errors
/// [`Error::Io`] if the joined headers cannot be written below `cache`; [`Error::Device`] if NVRTC cannot be opened.
#[cfg(feature = "cuda")]
pub fn prepare(cache: &std::path::Path) -> Result<()> {
    match Toolkit::look().wheels {
        Some(wheels) if Driver::look().is_present() => cuda::use_wheels(&wheels, cache),
        _ => Ok(()),
    }
}

#[cfg(feature = "cuda")]
pub(crate) fn open(gpu: &Gpu, driver: Option<&str>) -> Result<Resolved> {
    let device = Device::cuda(gpu.index);
    cuda::try_out(&device).map_err(|why| {
        Error::Device(format!(
            "device cuda:{} ({}) does not work: {}; see `aura-bench doctor`, or use the device `cpu`",
            gpu.index,
            gpu.name,
            why.lines().take(3).collect::<Vec<_>>().join(" ")
        ))
    })?;
    Ok(Resolved {
        device,
        kind: "cuda",
        name: gpu.describe(driver),
        notice: None,
    })
}

#[cfg(not(feature = "cuda"))]
pub(crate) fn open(gpu: &Gpu, driver: Option<&str>) -> Result<Resolved> {
    Err(Error::Device(format!(
        "this build has no CUDA for {}: {WITH_CUDA}",
        gpu.describe(driver)
    )))
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
        match machine.plan(self)? {
            Plan::Cpu { notice } => Ok(Resolved { notice, ..cpu() }),
            Plan::Cuda(gpus) => match gpus.as_slice() {
                [gpu] => open(gpu, machine.driver.version.as_deref()),
                _ => Err(Error::Usage(format!(
                    "device {self} names several devices; one process works on one of them"
                ))),
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

    /// A machine with two GPUs and all that they need.
    fn whole() -> Machine {
        Machine {
            cuda_built_in: true,
            driver: Driver {
                version: Some("570.86.15".to_owned()),
                devices: vec!["/dev/nvidia0".into(), "/dev/nvidia1".into()],
                models: vec!["NVIDIA H100 80GB HBM3".to_owned()],
                library: Some("/usr/lib64/libcuda.so.1".into()),
            },
            toolkit: Toolkit {
                root: Some("/usr/local/cuda".into()),
                version: Some("12.8.1".to_owned()),
                headers: Some("/usr/local/cuda/include".into()),
                nvrtc: Some("/usr/local/cuda/lib64/libnvrtc.so".into()),
                wheels: None,
            },
            nvrtc_opens: Some(true),
            driver_supports: Some("12.8".to_owned()),
            gpus: vec![gpu(0), gpu(1)],
            no_gpus: None,
        }
    }

    /// The same machine, seen by a build without CUDA.
    fn without_the_feature() -> Machine {
        Machine {
            cuda_built_in: false,
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
            driver: Driver::default(),
            toolkit: Toolkit::default(),
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
        ] {
            assert_eq!(choice.to_string(), text);
            assert_eq!(text.parse(), Ok(choice));
        }
        assert_eq!("cuda".parse(), Ok(DeviceChoice::Cuda(vec![0])));
        for text in [
            "",
            "gpu",
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
        bare.toolkit = Toolkit::default();
        bare.nvrtc_opens = Some(false);
        let text = refused(&bare, "auto");
        assert!(
            text.contains("libnvrtc") && text.contains("CUDA_PATH") && text.contains("device `cpu`"),
            "{text}"
        );
        assert_eq!(bare.missing().len(), 2);
    }

    #[test]
    fn the_processor_has_no_table_budget() {
        assert!(on_host(&Device::flex()));
        assert_eq!(table_budget(&Device::flex()), 0);
    }

    #[cfg(feature = "cuda")]
    #[test]
    fn trying_out_a_device_leaves_the_panic_hook_alone() {
        assert_eq!(cuda::try_out(&Device::flex()), Ok(()));
    }
}
