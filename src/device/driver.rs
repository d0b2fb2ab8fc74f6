//! What a machine's files say about its NVIDIA driver and CUDA toolkit: read without loading a library, so that every
//! build can say it on every machine.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::wheels::Wheels;

/// Folders that dynamic linkers search for libraries of drivers and toolkits.
const LIBRARY_FOLDERS: [&str; 9] = [
    "usr/lib/x86_64-linux-gnu",
    "usr/lib/aarch64-linux-gnu",
    "usr/lib64",
    "usr/lib",
    "lib/x86_64-linux-gnu",
    "lib64",
    "usr/local/nvidia/lib64",
    "usr/local/lib",
    "usr/lib/wsl/lib",
];

/// Headers that generated kernels include.
const HEADERS: [&str; 3] = ["cuda_fp16.h", "cuda_bf16.h", "mma.h"];

/// Signs of an NVIDIA driver.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Driver {
    /// Version of the kernel module, such as `570.86.15`.
    pub version: Option<String>,
    /// Device files such as `/dev/nvidia0`.
    pub devices: Vec<PathBuf>,
    /// Models as the kernel module names them.
    pub models: Vec<String>,
    /// The driver's library, `libcuda.so.1`.
    pub library: Option<PathBuf>,
}

impl Driver {
    /// Looks at the machine.
    pub fn look() -> Self {
        Self::look_below(Path::new("/"), &library_path("LD_LIBRARY_PATH"))
    }

    /// Looks at the file system below `root`, and at the folders `libraries` before the usual ones.
    pub fn look_below(root: &Path, libraries: &[PathBuf]) -> Self {
        let mut devices: Vec<PathBuf> = names(&root.join("dev"))
            .into_iter()
            .filter(|name| {
                name == "dxg"
                    || name
                        .strip_prefix("nvidia")
                        .is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
            })
            .map(|name| root.join("dev").join(name))
            .collect();
        devices.sort();
        let proc = root.join("proc/driver/nvidia");
        let models = names(&proc.join("gpus"))
            .into_iter()
            .filter_map(|gpu| std::fs::read_to_string(proc.join("gpus").join(gpu).join("information")).ok())
            .filter_map(|text| model(&text))
            .collect();
        Self {
            version: std::fs::read_to_string(proc.join("version"))
                .ok()
                .and_then(|text| module_version(&text)),
            devices,
            models,
            library: find_library(root, libraries, &["libcuda.so.1", "libcuda.so"]),
        }
    }

    /// Whether there is a device and a library to use it with.
    pub fn is_present(&self) -> bool {
        self.library.is_some() && !self.devices.is_empty()
    }
}

/// What compiles kernels at run time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Toolkit {
    /// Where the toolkit is looked for: `CUDA_PATH`, else `/usr/local/cuda`, `/opt/cuda`, or `/usr` with `nvcc`.
    pub root: Option<PathBuf>,
    /// Version as the toolkit's own description has it.
    pub version: Option<String>,
    /// The folder with the headers, if all that kernels include are there.
    pub headers: Option<PathBuf>,
    /// NVRTC, where the dynamic linker looks for it, or in the wheels.
    pub nvrtc: Option<PathBuf>,
    /// NVIDIA's wheels, where they take the place of a toolkit that is not here or not whole.
    pub wheels: Option<Wheels>,
}

impl Toolkit {
    /// Looks at the machine.
    pub fn look() -> Self {
        let chosen = std::env::var_os("CUDA_PATH").map(PathBuf::from);
        Self::look_below(Path::new("/"), chosen, &library_path("LD_LIBRARY_PATH")).or(Wheels::look)
    }

    /// A toolkit that lacks something is passed over for wheels: the compiler and its headers are to be of one version.
    pub fn or(self, wheels: impl FnOnce() -> Option<Wheels>) -> Self {
        if self.headers.is_some() && self.nvrtc.is_some() {
            return self;
        }
        match wheels() {
            Some(wheels) => Self {
                root: None,
                version: None,
                headers: wheels.includes.first().cloned(),
                nvrtc: Some(wheels.nvrtc.clone()),
                wheels: Some(wheels),
            },
            None => self,
        }
    }

    /// Looks at the file system below `root`; `chosen` is the value of `CUDA_PATH`.
    pub fn look_below(root: &Path, chosen: Option<PathBuf>, libraries: &[PathBuf]) -> Self {
        // The order in which the compiler of kernels looks; a CUDA_PATH that leads nowhere is not passed over.
        let toolkit = chosen.or_else(|| {
            [
                ("usr/local/cuda", "usr/local/cuda"),
                ("opt/cuda", "opt/cuda"),
                ("usr", "usr/bin/nvcc"),
            ]
            .into_iter()
            .find(|(_, sign)| root.join(sign).exists())
            .map(|(folder, _)| root.join(folder))
        });
        let headers = toolkit
            .as_ref()
            .map(|folder| folder.join("include"))
            .filter(|folder| HEADERS.iter().all(|header| folder.join(header).is_file()));
        // The linker's own list knows the toolkit's folders where a package has registered them.
        let mut folders = libraries.to_vec();
        folders.extend(linker_folders(root));
        Self {
            version: toolkit.as_deref().and_then(toolkit_version),
            headers,
            nvrtc: find_library(root, &folders, &["libnvrtc.so", "libnvrtc.so.12", "libnvrtc.so.11"]),
            root: toolkit,
            wheels: None,
        }
    }
}

/// The folders of a variable like `LD_LIBRARY_PATH`.
fn library_path(variable: &str) -> Vec<PathBuf> {
    std::env::var_os(variable)
        .map(|value| {
            std::env::split_paths(&value)
                .filter(|path| path.is_absolute())
                .collect()
        })
        .unwrap_or_default()
}

/// Folders named in `/etc/ld.so.conf.d`.
fn linker_folders(root: &Path) -> Vec<PathBuf> {
    let folder = root.join("etc/ld.so.conf.d");
    let mut files = names(&folder);
    files.sort();
    files
        .into_iter()
        .filter_map(|name| std::fs::read_to_string(folder.join(name)).ok())
        .flat_map(|text| {
            text.lines()
                .map(str::trim)
                .filter(|line| line.starts_with('/'))
                .map(|line| root.join(line.trim_start_matches('/')))
                .collect::<Vec<_>>()
        })
        .collect()
}

fn find_library(root: &Path, first: &[PathBuf], candidates: &[&str]) -> Option<PathBuf> {
    let usual = LIBRARY_FOLDERS.iter().map(|folder| root.join(folder));
    first
        .iter()
        .cloned()
        .chain(usual)
        .flat_map(|folder| candidates.iter().map(move |name| folder.join(name)))
        .find(|path| path.is_file())
}

fn names(folder: &Path) -> Vec<String> {
    std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect()
}

/// `NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.86.15  …` → `570.86.15`.
fn module_version(text: &str) -> Option<String> {
    text.lines()
        .find(|line| line.starts_with("NVRM version:"))?
        .split_whitespace()
        .find(|word| word.contains('.') && word.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
        .map(str::to_owned)
}

/// The line `Model:` of a device's description.
fn model(text: &str) -> Option<String> {
    text.lines()
        .find_map(|line| line.strip_prefix("Model:"))
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
}

/// `version.json` of a toolkit: the version of its part `cuda`.
fn toolkit_version(folder: &Path) -> Option<String> {
    let text = std::fs::read_to_string(folder.join("version.json")).ok()?;
    let json: serde_json::Value = serde_json::from_str(&text).ok()?;
    json.get("cuda")?.get("version")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::wheels::tests::install;
    use crate::error::{Context, Result};

    fn put(root: &Path, file: &str, text: &str) -> Result<()> {
        let path = root.join(file);
        let folder = path.parent().unwrap_or(root);
        std::fs::create_dir_all(folder).at("create the folder", folder)?;
        std::fs::write(&path, text).at("write", &path)
    }

    #[test]
    fn a_bare_machine_has_nothing() -> Result<()> {
        let root = tempfile::tempdir().at("create", Path::new("a folder"))?;
        let driver = Driver::look_below(root.path(), &[]);
        assert_eq!(driver, Driver::default());
        assert!(!driver.is_present());
        assert_eq!(Toolkit::look_below(root.path(), None, &[]), Toolkit::default());
        Ok(())
    }

    #[test]
    fn a_driver_is_known_by_its_files() -> Result<()> {
        let root = tempfile::tempdir().at("create", Path::new("a folder"))?;
        let root = root.path();
        for device in ["nvidia1", "nvidia0", "nvidiactl", "nvidia-uvm", "null"] {
            put(root, &format!("dev/{device}"), "")?;
        }
        let version =
            "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release Build\nGCC version: 12\n";
        put(root, "proc/driver/nvidia/version", version)?;
        let card = "proc/driver/nvidia/gpus/0000:18:00.0/information";
        put(root, card, "Model: \t\t NVIDIA H100 80GB HBM3\nIRQ: 42\n")?;
        let driver = Driver::look_below(root, &[]);
        assert!(!driver.is_present(), "there is no library yet");
        put(root, "usr/lib/x86_64-linux-gnu/libcuda.so.1", "")?;
        let driver = Driver::look_below(root, &[]);
        assert!(driver.is_present());
        assert_eq!(driver.version.as_deref(), Some("570.86.15"));
        assert_eq!(driver.models, ["NVIDIA H100 80GB HBM3"]);
        assert_eq!(driver.devices, [root.join("dev/nvidia0"), root.join("dev/nvidia1")]);
        Ok(())
    }

    #[test]
    fn a_toolkit_needs_every_header() -> Result<()> {
        let root = tempfile::tempdir().at("create", Path::new("a folder"))?;
        let root = root.path();
        put(root, "usr/local/cuda/include/cuda_fp16.h", "")?;
        put(
            root,
            "usr/local/cuda/version.json",
            r#"{"cuda": {"name": "CUDA SDK", "version": "12.8.1"}}"#,
        )?;
        put(root, "etc/ld.so.conf.d/cuda.conf", "# CUDA\n/usr/local/cuda/lib64\n")?;
        let half = Toolkit::look_below(root, None, &[]);
        assert_eq!(half.version.as_deref(), Some("12.8.1"));
        assert_eq!((&half.headers, &half.nvrtc), (&None, &None));
        put(root, "usr/local/cuda/include/cuda_bf16.h", "")?;
        put(root, "usr/local/cuda/include/mma.h", "")?;
        put(root, "usr/local/cuda/lib64/libnvrtc.so.12", "")?;
        let whole = Toolkit::look_below(root, None, &[]);
        assert_eq!(whole.headers, Some(root.join("usr/local/cuda/include")));
        assert_eq!(whole.nvrtc, Some(root.join("usr/local/cuda/lib64/libnvrtc.so.12")));
        let wheels = || {
            let _ = install(&root.join("env"), "python3.12");
            Wheels::look_below(&[root.join("env")])
        };
        assert_eq!(whole.clone().or(wheels), whole, "what the system has goes first");
        let instead = half.or(wheels);
        let nvidia = root.join("env/lib/python3.12/site-packages/nvidia");
        assert_eq!(instead.headers, Some(nvidia.join("cuda_runtime/include")));
        assert_eq!(instead.nvrtc, Some(nvidia.join("cuda_nvrtc/lib/libnvrtc.so.12")));
        // A CUDA_PATH that leads nowhere is what the compiler would use, too.
        let astray = Toolkit::look_below(root, Some(root.join("nowhere")), &[]);
        assert_eq!(astray.headers, None);
        Ok(())
    }
}
