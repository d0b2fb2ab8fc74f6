//! What the machine offers, and what is missing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::device::choice::DeviceChoice;
use crate::device::machine::Machine;
use crate::device::version::CudaVersion;
use crate::meter::machine_memory;

/// The answer of `aura-bench doctor`.
#[derive(Debug, Clone, Serialize)]
pub struct Examination {
    /// Version of this program.
    pub version: &'static str,
    /// The compiler and the optional parts that this program was built with.
    pub build: Build,
    /// Versions of the libraries that compute.
    pub libraries: BTreeMap<&'static str, &'static str>,
    /// What the device `auto` is here; null if it takes none.
    pub device: Option<String>,
    /// What is to be said about that choice, or why there is none.
    pub notice: Option<String>,
    /// Threads that the processor runs at a time.
    pub threads: usize,
    /// Memory of the machine in bytes, where the system says it.
    pub memory_bytes: Option<u64>,
    /// Driver, devices, and what compiles kernels.
    pub machine: Machine,
    /// The version of the NVRTC that compiled a kernel with all headers; null in builds without CUDA and where none could.
    pub compiled_by: Option<CudaVersion>,
    /// GPUs of any maker that the device `gpu` reaches; empty in builds without the feature `wgpu`.
    pub adapters: Vec<String>,
    /// What stands between this build and the machine's GPU, each with its remedy.
    pub missing: Vec<String>,
    /// The folder that runs share.
    pub cache: Cache,
    /// The user's configuration file; null if there is none.
    pub configuration: Option<PathBuf>,
    /// Recipes that are built in.
    pub recipes: Vec<String>,
}

/// How this program was built.
#[derive(Debug, Clone, Serialize)]
pub struct Build {
    /// `rustc 1.95.0 (…)`.
    pub compiler: &'static str,
    /// `x86_64-unknown-linux-gnu`.
    pub target: &'static str,
    /// Whether it was built for real work, with the profile `release`.
    pub optimised: bool,
    /// Cargo features of this package that are on.
    pub features: Vec<&'static str>,
}

/// The folder that runs share.
#[derive(Debug, Clone, Serialize)]
pub struct Cache {
    /// Where it is.
    pub folder: PathBuf,
    /// Its parts with the bytes of their files; empty if it was never used.
    pub parts: BTreeMap<String, u64>,
}

impl Examination {
    /// Looks at everything. A GPU is tried out with one kernel, as it is before every use.
    pub fn new(cache: PathBuf, configuration: Option<PathBuf>) -> Self {
        let (device, notice) = match DeviceChoice::Auto.resolve() {
            Ok(resolved) => (Some(resolved.name), resolved.notice),
            Err(error) => (None, Some(error.to_string())),
        };
        let machine = Machine::look();
        let mut missing = machine.missing();
        let compiled_by = compile(&machine).and_then(|outcome| {
            outcome
                .map_err(|said| {
                    let said: Vec<&str> = said.lines().take(3).collect();
                    missing.push(format!("a compiler of kernels that works: {}", said.join(" ")));
                })
                .ok()
        });
        let features = [
            ("cuda", cfg!(feature = "cuda")),
            ("wgpu", cfg!(feature = "wgpu")),
            (
                "cuda-plain",
                cfg!(feature = "cuda-plain") && cfg!(not(feature = "cuda")),
            ),
            (
                "wgpu-plain",
                cfg!(feature = "wgpu-plain") && cfg!(not(feature = "wgpu")),
            ),
            ("fusion", cfg!(feature = "fusion")),
            ("cuda-cache", cfg!(feature = "cuda-cache")),
        ];
        Self {
            version: env!("CARGO_PKG_VERSION"),
            build: Build {
                compiler: env!("AURA_COMPILER"),
                target: env!("AURA_TARGET"),
                optimised: env!("AURA_PROFILE") == "release",
                features: features
                    .into_iter()
                    .filter(|(_, on)| *on)
                    .map(|(name, _)| name)
                    .collect(),
            },
            libraries: libraries(),
            device,
            notice,
            threads: rayon::current_num_threads(),
            memory_bytes: machine_memory(),
            compiled_by,
            adapters: adapters(),
            missing,
            machine,
            cache: Cache {
                parts: parts(&cache),
                folder: cache,
            },
            configuration,
            recipes: crate::recipe::built_in(),
        }
    }

    /// Lines for people.
    pub fn to_text(&self) -> String {
        let mut lines = Vec::new();
        let mut line = |name: &str, text: String| lines.push(format!("{name:<12} {text}"));
        line("aura-bench", self.version.to_owned());
        let build = &self.build;
        let features = if build.features.is_empty() {
            "no optional features (CPU only)".to_owned()
        } else {
            format!("features {}", build.features.join(", "))
        };
        let how = if build.optimised { "optimised" } else { "not optimised" };
        line(
            "build",
            format!("{}, {how}, {}, {features}", build.compiler, build.target),
        );
        let libraries: Vec<String> = self
            .libraries
            .iter()
            .map(|(name, version)| format!("{name} {version}"))
            .collect();
        line("libraries", libraries.join(", "));
        line("device", self.device.clone().unwrap_or_else(|| "none".to_owned()));
        if let Some(notice) = &self.notice {
            line("", notice.clone());
        }
        let memory = self.memory_bytes.map(|bytes| format!(", {} memory", size(bytes)));
        line(
            "processor",
            format!("{} threads{}", self.threads, memory.unwrap_or_default()),
        );
        let path = |path: &Option<PathBuf>| {
            path.as_ref()
                .map_or("not found".to_owned(), |p| p.display().to_string())
        };
        let driver = &self.machine.driver;
        if driver.library.is_none() && driver.devices.is_empty() && driver.version.is_none() {
            line("driver", "no NVIDIA driver".to_owned());
        } else {
            let supports = self.machine.driver_supports.as_ref();
            line(
                "driver",
                format!(
                    "{}, library {}, {} device files{}",
                    driver.version.as_deref().unwrap_or("version not known"),
                    path(&driver.library),
                    driver.devices.len(),
                    supports
                        .map(|version| format!(", runs CUDA up to {version}"))
                        .unwrap_or_default()
                ),
            );
        }
        for gpu in &self.machine.gpus {
            line(
                &format!("cuda:{}", gpu.index),
                format!(
                    "{}, compute capability {}, {}",
                    gpu.name,
                    gpu.compute_capability,
                    size(gpu.memory_bytes)
                ),
            );
        }
        for adapter in &self.adapters {
            let (name, what) = adapter.split_once(' ').unwrap_or((adapter, ""));
            let what = what
                .strip_prefix('(')
                .and_then(|what| what.strip_suffix(')'))
                .unwrap_or(what);
            line(name, what.to_owned());
        }
        let compiler = self.machine.compiler.as_ref();
        let version = compiler.and_then(|place| place.version);
        let works = self
            .compiled_by
            .map(|version| format!(", compiles as CUDA {version}"))
            .unwrap_or_default();
        line(
            "nvrtc",
            compiler.map_or_else(
                || "not found".to_owned(),
                |place| {
                    let fault = place.fault(self.machine.driver_supports);
                    format!(
                        "{}{}, found by {}{works}{}",
                        path(&place.nvrtc),
                        version.map(|version| format!(" (CUDA {version})")).unwrap_or_default(),
                        place.named_by,
                        fault.map(|fault| format!("; {fault}")).unwrap_or_default()
                    )
                },
            ),
        );
        let headers: Vec<String> = compiler
            .into_iter()
            .flat_map(|place| &place.includes)
            .map(|folder| folder.display().to_string())
            .collect();
        line(
            "headers",
            if headers.is_empty() {
                "not found".to_owned()
            } else {
                headers.join(", ")
            },
        );
        for place in &self.machine.toolkit.places {
            if let Some(fault) = place
                .fault(self.machine.driver_supports)
                .filter(|_| compiler != Some(place))
            {
                line("passed over", format!("{} {fault}", place.root.display()));
            }
        }
        for missing in &self.missing {
            line("missing", missing.clone());
        }
        let parts: Vec<String> = self
            .cache
            .parts
            .iter()
            .map(|(name, bytes)| format!("{name} {}", size(*bytes)))
            .collect();
        let parts = if parts.is_empty() {
            "empty".to_owned()
        } else {
            parts.join(", ")
        };
        line("cache", format!("{} ({parts})", self.cache.folder.display()));
        let configuration = self.configuration.as_ref();
        line(
            "settings",
            configuration.map_or_else(|| "no configuration file".to_owned(), |path| path.display().to_string()),
        );
        line("recipes", self.recipes.join(", "));
        lines.join("\n")
    }
}

/// Compiles a kernel, in a build that can and where there is something to do it with.
#[cfg(feature = "cuda-plain")]
fn compile(machine: &Machine) -> Option<std::result::Result<CudaVersion, String>> {
    (machine.compiler.is_some() || machine.nvrtc_opens == Some(true)).then(crate::device::cuda::compile)
}

#[cfg(not(feature = "cuda-plain"))]
fn compile(_: &Machine) -> Option<std::result::Result<CudaVersion, String>> {
    None
}

/// The GPUs of any maker.
#[cfg(feature = "wgpu-plain")]
fn adapters() -> Vec<String> {
    let found = crate::device::adapter::look();
    found.iter().map(|(adapter, _)| adapter.describe()).collect()
}

#[cfg(not(feature = "wgpu-plain"))]
fn adapters() -> Vec<String> {
    Vec::new()
}

/// The libraries that compute, as the lock file had them at build time.
pub(crate) fn libraries() -> BTreeMap<&'static str, &'static str> {
    env!("AURA_LIBRARIES")
        .split(',')
        .filter_map(|entry| entry.split_once('='))
        .collect()
}

/// The folders of the cache with the bytes below each.
pub(crate) fn parts(cache: &Path) -> BTreeMap<String, u64> {
    let mut parts = BTreeMap::new();
    for entry in std::fs::read_dir(cache).into_iter().flatten().flatten() {
        // `target` is a build folder, not one of the program's own.
        if let (Ok(name), true) = (entry.file_name().into_string(), entry.path().is_dir())
            && name != "target"
        {
            parts.insert(name, bytes_below(&entry.path()));
        }
    }
    parts
}

pub(crate) fn bytes_below(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let kind = entry.file_type().ok()?;
            if kind.is_dir() {
                Some(bytes_below(&entry.path()))
            } else {
                entry.metadata().ok().map(|metadata| metadata.len())
            }
        })
        .sum()
}

/// `12.3 GiB`.
pub(crate) fn size(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    let digits = usize::from(unit > 0 && value < 100.0);
    format!("{value:.digits$} {}", units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Context, Result};

    #[test]
    fn sizes_read_well() {
        assert_eq!(size(0), "0 B");
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(size(80 << 30), "80.0 GiB");
        assert_eq!(size(700 << 30), "700 GiB");
    }

    #[test]
    fn an_examination_names_versions_device_and_cache() -> Result<()> {
        let cache = tempfile::tempdir().at("create", Path::new("a folder"))?;
        let part = cache.path().join("features/a");
        std::fs::create_dir_all(&part).at("create", &part)?;
        std::fs::write(part.join("x"), [0; 2048]).at("write", &part)?;
        let found = Examination::new(cache.path().to_owned(), Some("mine/config.toml".into()));
        assert_eq!(found.cache.parts.get("features"), Some(&2048));
        assert_eq!(found.libraries.get("burn"), Some(&"0.22.1"));
        let text = found.to_text();
        for part in [
            "aura-bench",
            "device",
            "nvrtc",
            "headers",
            "features 2.0 KiB",
            "mine/config.toml",
            "rustc",
        ] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
        Ok(())
    }
}
