//! NVIDIA's wheels for CUDA 12, as `pip install 'aura-bench[cuda]'` and `PyTorch` bring them: the compiler of kernels and the
//! headers, each package in a folder of its own below `nvidia/` of a Python environment.

use std::path::{Path, PathBuf};

use serde::Serialize;

/// Folders below `nvidia/` that hold headers.
const INCLUDES: [&str; 3] = ["cuda_runtime/include", "cuda_cccl/include", "cuda_nvcc/include"];

/// Headers that kernels include, by themselves or through another one.
const HEADERS: [&str; 5] = ["cuda_fp16.h", "cuda_bf16.h", "mma.h", "crt/mma.h", "nv/target"];

/// The wheels of one environment, all that kernels need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Wheels {
    /// NVRTC; it finds what it loads itself beside it.
    pub nvrtc: PathBuf,
    /// The folders that hold the headers together.
    pub includes: Vec<PathBuf>,
}

impl Wheels {
    /// Looks into the environment that this program is installed in, and into those that are active.
    pub fn look() -> Option<Self> {
        let own = std::env::current_exe()
            .ok()
            .and_then(|program| Some(program.parent()?.parent()?.to_owned()));
        let active = ["VIRTUAL_ENV", "CONDA_PREFIX"]
            .into_iter()
            .filter_map(std::env::var_os)
            .map(PathBuf::from);
        let environments: Vec<PathBuf> = own.into_iter().chain(active).collect();
        Self::look_below(&environments)
    }

    /// The first of the environments that has all of it.
    pub fn look_below(environments: &[PathBuf]) -> Option<Self> {
        environments
            .iter()
            .flat_map(|environment| packages(environment))
            .find_map(|packages| Self::among(&packages.join("nvidia")))
    }

    fn among(nvidia: &Path) -> Option<Self> {
        let nvrtc = nvidia.join("cuda_nvrtc/lib/libnvrtc.so.12");
        let includes: Vec<PathBuf> = INCLUDES
            .iter()
            .map(|folder| nvidia.join(folder))
            .filter(|folder| folder.is_dir())
            .collect();
        let has = |header: &str| includes.iter().any(|folder| folder.join(header).is_file());
        (nvrtc.is_file() && HEADERS.iter().all(|header| has(header))).then_some(Self { nvrtc, includes })
    }
}

/// Folders of the packages of a Python environment, newest Python first.
fn packages(environment: &Path) -> Vec<PathBuf> {
    let library = environment.join("lib");
    let mut pythons: Vec<(u32, PathBuf)> = std::fs::read_dir(&library)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            Some((name.strip_prefix("python3.")?.parse().ok()?, library.join(&name)))
        })
        .collect();
    pythons.sort_by(|a, b| b.cmp(a));
    let kinds = ["site-packages", "dist-packages"];
    pythons
        .into_iter()
        .flat_map(|(_, python)| kinds.map(|kind| python.join(kind)))
        .collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::error::{Context, Result};

    /// The files of the wheels, as far as they are looked for, below an environment.
    pub(crate) fn install(environment: &Path, python: &str) -> Result<()> {
        for file in [
            "cuda_nvrtc/lib/libnvrtc.so.12",
            "cuda_runtime/include/cuda_fp16.h",
            "cuda_runtime/include/cuda_bf16.h",
            "cuda_runtime/include/mma.h",
            "cuda_cccl/include/nv/target",
            "cuda_nvcc/include/crt/mma.h",
        ] {
            let path = environment
                .join("lib")
                .join(python)
                .join("site-packages/nvidia")
                .join(file);
            let folder = path.parent().unwrap_or(&path);
            std::fs::create_dir_all(folder).at("create the folder", folder)?;
            std::fs::write(&path, file).at("write", &path)?;
        }
        Ok(())
    }

    #[test]
    fn wheels_are_found_in_the_newest_python_that_has_all_of_them() -> Result<()> {
        let folder = tempfile::tempdir().at("create", Path::new("a folder"))?;
        let (bare, environment) = (folder.path().join("bare"), folder.path().join("env"));
        let both = [bare, environment.clone()];
        assert_eq!(Wheels::look_below(&both), None);
        for python in ["python3.9", "python3.11", "python3.12"] {
            install(&environment, python)?;
        }
        // An environment whose parts were taken away has no wheels.
        let newest = environment.join("lib/python3.12/site-packages/nvidia/cuda_nvcc");
        std::fs::remove_dir_all(&newest).at("remove", &newest)?;
        let found = Wheels::look_below(&both).ok_or_else(|| crate::error::Error::data("no wheels"))?;
        let nvidia = environment.join("lib/python3.11/site-packages/nvidia");
        assert_eq!(found.nvrtc, nvidia.join("cuda_nvrtc/lib/libnvrtc.so.12"));
        assert_eq!(found.includes, INCLUDES.map(|include| nvidia.join(include)));
        Ok(())
    }
}
