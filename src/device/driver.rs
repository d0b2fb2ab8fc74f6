//! What a machine's files say about its NVIDIA driver: read without loading a library, so that every
//! build can say it on every machine.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::linker::{self, names};

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
        Self::look_below(Path::new("/"), &linker::of_variable("LD_LIBRARY_PATH"))
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
            library: linker::folders(root, libraries)
                .into_iter()
                .flat_map(|folder| ["libcuda.so.1", "libcuda.so"].map(|name| folder.join(name)))
                .find(|path| path.is_file()),
        }
    }

    /// Whether there is a device and a library to use it with.
    pub fn is_present(&self) -> bool {
        self.library.is_some() && !self.devices.is_empty()
    }
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

#[cfg(test)]
mod tests {
    use super::*;
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
}
