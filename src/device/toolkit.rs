//! What compiles kernels at run time: NVRTC and the headers of its version, wherever a machine has them.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde::Serialize;

use super::linker::{self, names};
use super::python;
use super::version::CudaVersion;

/// Headers that kernels include, by themselves or through another one. Since CUDA 13 the last two lie in `cccl`.
pub(crate) const HEADERS: [&str; 7] = [
    "cuda_fp16.h",
    "cuda_bf16.h",
    "mma.h",
    "crt/mma.h",
    "cooperative_groups.h",
    "nv/target",
    "cuda/barrier",
];

/// Folders of a toolkit that hold what belongs to a machine: its own, and those of packages for several.
const PARTS: [&str; 3] = ["", "targets/x86_64-linux", "targets/sbsa-linux"];

/// Folders of a part that may hold libraries.
const LIBRARIES: [&str; 4] = ["lib64", "lib", "lib/x86_64-linux-gnu", "lib/aarch64-linux-gnu"];

/// Lies beside headers that were [joined](super::headers).
pub(crate) const JOINED: &str = "joined-by-aura-bench";

/// One place with the compiler of kernels, its headers, or both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Who names it: `CUDA_PATH`, `toolkit`, `CONDA_PREFIX`, or `wheels`.
    pub named_by: &'static str,
    /// Its folder.
    pub root: PathBuf,
    /// The version of its NVRTC.
    pub version: Option<CudaVersion>,
    /// NVRTC; it finds what it loads itself beside it.
    pub nvrtc: Option<PathBuf>,
    /// The folders that hold its headers together.
    pub includes: Vec<PathBuf>,
    /// Headers that none of them holds.
    pub lacks: Vec<&'static str>,
}

impl Place {
    /// Whether kernels can be compiled with what is here.
    pub fn is_whole(&self) -> bool {
        self.nvrtc.is_some() && self.has_headers()
    }

    /// Whether all headers are here.
    pub fn has_headers(&self) -> bool {
        self.lacks.is_empty()
    }

    /// Whether a driver that runs CUDA up to `driver` loads what this compiles; what is not known is not held against it.
    pub fn runs_on(&self, driver: Option<CudaVersion>) -> bool {
        match (self.version, driver) {
            (Some(own), Some(driver)) => own <= driver,
            _ => true,
        }
    }

    /// The folder whose `include` (and `include/cccl`) holds all headers, if one does: that is where the compiler of kernels
    /// looks.
    #[cfg(any(feature = "cuda-plain", test))]
    pub fn cuda_path(&self) -> Option<PathBuf> {
        let (first, rest) = self.includes.split_first()?;
        let beside = first.join("cccl");
        (first.ends_with("include") && rest.iter().all(|folder| *folder == beside))
            .then(|| first.parent().map(Path::to_owned))?
    }

    /// Why it is not taken, for a driver that runs CUDA up to `driver`.
    pub fn fault(&self, driver: Option<CudaVersion>) -> Option<String> {
        if self.nvrtc.is_none() {
            return Some("has no NVRTC".to_owned());
        }
        if !self.has_headers() {
            return Some(format!("lacks {}", self.lacks.join(", ")));
        }
        match (self.version, driver) {
            (Some(own), Some(driver)) if own > driver => Some(format!(
                "is of CUDA {own}, and the driver runs what CUDA {driver} or older compiles"
            )),
            _ => None,
        }
    }

    fn new(
        named_by: &'static str,
        root: &Path,
        nvrtc: Option<(PathBuf, Option<CudaVersion>)>,
        includes: Vec<PathBuf>,
    ) -> Self {
        let (nvrtc, version) = nvrtc.map_or((None, None), |(path, version)| (Some(path), version));
        Self {
            named_by,
            root: root.to_owned(),
            version,
            nvrtc,
            lacks: lacks(&includes),
            includes,
        }
    }

    /// A toolkit's folder, once for every NVRTC in it; with those in the folders `elsewhere` if it has none itself.
    fn of_toolkit(named_by: &'static str, root: &Path, elsewhere: &[PathBuf]) -> Vec<Self> {
        let parts = PARTS.map(|part| {
            if part.is_empty() {
                root.to_owned()
            } else {
                root.join(part)
            }
        });
        let libraries: Vec<PathBuf> = parts
            .iter()
            .flat_map(|part| LIBRARIES.map(|folder| part.join(folder)))
            .collect();
        let own = compilers(&libraries);
        let compilers = if own.is_empty() { compilers(elsewhere) } else { own };
        let headers = |part: &PathBuf| -> Vec<PathBuf> {
            let include = part.join("include");
            let beside = include.join("cccl");
            [include, beside].into_iter().filter(|folder| folder.is_dir()).collect()
        };
        // One part that has all of them is one folder, as the compiler wants it.
        let includes = parts
            .iter()
            .map(headers)
            .find(|includes| lacks(includes).is_empty())
            .unwrap_or_else(|| parts.iter().flat_map(headers).collect());
        if compilers.is_empty() {
            return vec![Self::new(named_by, root, None, includes)];
        }
        compilers
            .into_iter()
            .map(|compiler| Self::new(named_by, root, Some(compiler), includes.clone()))
            .collect()
    }

    /// NVIDIA's wheels below a folder `nvidia`: since CUDA 13 one folder `cu13` like a toolkit's, before that a folder each.
    fn of_wheels(nvidia: &Path) -> Vec<Self> {
        let folders: Vec<PathBuf> = names(nvidia).iter().map(|name| nvidia.join(name)).collect();
        let (whole, apart): (Vec<_>, Vec<_>) = folders.into_iter().partition(|folder| {
            let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.strip_prefix("cu")
                .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
        });
        let mut places: Vec<Self> = whole
            .iter()
            .rev()
            .flat_map(|root| Self::of_toolkit("wheels", root, &[]))
            .collect();
        let libraries: Vec<PathBuf> = apart.iter().map(|folder| folder.join("lib")).collect();
        let includes: Vec<PathBuf> = ["cuda_runtime", "cuda_cccl", "cuda_nvcc"]
            .map(|package| nvidia.join(package).join("include"))
            .into_iter()
            .filter(|folder| folder.is_dir())
            .collect();
        for compiler in compilers(&libraries) {
            places.push(Self::new("wheels", nvidia, Some(compiler), includes.clone()));
        }
        places
    }
}

/// Every place of a machine, in the order in which they are taken.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Toolkit {
    /// What was found.
    pub places: Vec<Place>,
}

impl Toolkit {
    /// Looks at the machine, once: what is taken changes the environment for the compiler.
    pub fn look() -> Self {
        static FOUND: OnceLock<Toolkit> = OnceLock::new();
        FOUND.get_or_init(Self::look_now).clone()
    }

    fn look_now() -> Self {
        // What this program told the compiler, and a child of it inherits, is no toolkit.
        let named = linker::folder_of("CUDA_PATH").filter(|folder| !folder.join(JOINED).exists());
        Self::look_below(
            Path::new("/"),
            (named, linker::folder_of("CONDA_PREFIX")),
            &linker::of_variable("LD_LIBRARY_PATH"),
            &python::nvidia_folders(),
        )
    }

    /// Looks at the file system below `root`; `chosen` are the values of `CUDA_PATH` and `CONDA_PREFIX`, `libraries` those of
    /// `LD_LIBRARY_PATH`, and `wheels` folders `nvidia` of Python environments.
    pub fn look_below(
        root: &Path,
        chosen: (Option<PathBuf>, Option<PathBuf>),
        libraries: &[PathBuf],
        wheels: &[PathBuf],
    ) -> Self {
        let elsewhere = linker::folders(root, libraries);
        let mut places = Vec::new();
        let (path, conda) = chosen;
        if let Some(path) = path {
            places.extend(Place::of_toolkit("CUDA_PATH", &path, &elsewhere));
        }
        let local = root.join("usr/local");
        let mut numbered: Vec<(CudaVersion, PathBuf)> = names(&local)
            .into_iter()
            .filter_map(|name| Some((name.strip_prefix("cuda-")?.parse().ok()?, local.join(&name))))
            .collect();
        numbered.sort_by(|a, b| b.cmp(a));
        let toolkits = [local.join("cuda"), root.join("opt/cuda")]
            .into_iter()
            .chain(numbered.into_iter().map(|(_, folder)| folder));
        for toolkit in toolkits.filter(|folder| folder.is_dir()) {
            places.extend(Place::of_toolkit("toolkit", &toolkit, &elsewhere));
        }
        if let Some(conda) = conda {
            places.extend(Place::of_toolkit("CONDA_PREFIX", &conda, &[]));
        }
        for nvidia in wheels {
            places.extend(Place::of_wheels(nvidia));
        }
        // A distribution's own packages, or a compiler that only the linker knows.
        places.extend(Place::of_toolkit("toolkit", &root.join("usr"), &elsewhere));
        places.retain(|place| {
            place.nvrtc.is_some() || place.lacks.len() < HEADERS.len() || place.named_by == "CUDA_PATH"
        });
        let mut seen = Vec::new();
        places.retain(|place| {
            let real = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
            let key = (
                place.nvrtc.as_ref().map(real),
                place.includes.iter().map(real).collect::<Vec<_>>(),
            );
            let new = !seen.contains(&key);
            seen.push(key);
            new
        });
        Self { places }
    }

    /// The place that is taken: the first that is whole and that the driver can run, else the first that is whole.
    pub fn chosen(&self, driver: Option<CudaVersion>) -> Option<&Place> {
        let whole = || self.places.iter().filter(|place| place.is_whole());
        whole().find(|place| place.runs_on(driver)).or_else(|| whole().next())
    }
}

/// Headers that none of these folders holds.
fn lacks(includes: &[PathBuf]) -> Vec<&'static str> {
    HEADERS
        .into_iter()
        .filter(|header| !includes.iter().any(|folder| folder.join(header).is_file()))
        .collect()
}

/// The compilers that these folders hold, each of another version, those of a folder newest first.
fn compilers(folders: &[PathBuf]) -> Vec<(PathBuf, Option<CudaVersion>)> {
    let mut found: Vec<(PathBuf, Option<CudaVersion>)> = Vec::new();
    for folder in folders {
        let mut here: Vec<(PathBuf, Option<CudaVersion>)> = names(folder)
            .into_iter()
            .filter(|name| name == "libnvrtc.so" || name.starts_with("libnvrtc.so."))
            .map(|name| folder.join(name))
            .filter(|path| path.is_file())
            .map(|path| (path.clone(), version(&path)))
            .collect();
        here.sort_by_key(|(_, version)| Reverse(*version));
        for (path, version) in here {
            if !found.iter().any(|(_, other)| *other == version) {
                found.push((path, version));
            }
        }
    }
    found
}

/// The version of an NVRTC: that in the name of its file, else that in the name of what lies beside it for it to load.
fn version(nvrtc: &Path) -> Option<CudaVersion> {
    let real = nvrtc.canonicalize().ok()?;
    let name = real.file_name()?.to_str()?;
    let number = name.strip_prefix("libnvrtc.so.").unwrap_or_default();
    number.parse().ok().or_else(|| {
        names(real.parent()?)
            .iter()
            .filter_map(|beside| {
                beside
                    .strip_prefix("libnvrtc-builtins.so.")?
                    .parse::<CudaVersion>()
                    .ok()
            })
            .filter(|version| number.is_empty() || version.major.to_string() == number)
            .max()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Context, Result};

    /// What a folder of wheels for CUDA 12 holds, as far as it is looked for.
    const WHEELS_12: [&str; 9] = [
        "cuda_nvrtc/lib/libnvrtc.so.12",
        "cuda_nvrtc/lib/libnvrtc-builtins.so.12.8",
        "cuda_runtime/include/cuda_fp16.h",
        "cuda_runtime/include/cuda_bf16.h",
        "cuda_runtime/include/mma.h",
        "cuda_runtime/include/cooperative_groups.h",
        "cuda_cccl/include/nv/target",
        "cuda_cccl/include/cuda/barrier",
        "cuda_nvcc/include/crt/mma.h",
    ];

    fn put(root: &Path, files: &[&str]) -> Result<()> {
        for file in files {
            let path = root.join(file);
            let folder = path.parent().unwrap_or(root);
            std::fs::create_dir_all(folder).at("create the folder", folder)?;
            std::fs::write(&path, file).at("write", &path)?;
        }
        Ok(())
    }

    /// A toolkit as NVIDIA's installer lays it down; since CUDA 13 with a folder `cccl`.
    fn toolkit(root: &Path, full: &str) -> Result<()> {
        let version: CudaVersion = full.parse().unwrap_or(CudaVersion { major: 0, minor: 0 });
        let cccl = if version.major >= 13 { "include/cccl" } else { "include" };
        put(
            root,
            &[
                "include/cuda_fp16.h",
                "include/cuda_bf16.h",
                "include/mma.h",
                "include/crt/mma.h",
                "include/cooperative_groups.h",
                &format!("{cccl}/nv/target"),
                &format!("{cccl}/cuda/barrier"),
                &format!("lib64/libnvrtc.so.{full}"),
            ],
        )
    }

    fn folder() -> Result<tempfile::TempDir> {
        tempfile::tempdir().at("create", Path::new("a folder"))
    }

    fn version(text: &str) -> Option<CudaVersion> {
        text.parse().ok()
    }

    /// What is found below a root alone.
    fn bare(root: &Path) -> Toolkit {
        Toolkit::look_below(root, (None, None), &[], &[])
    }

    #[test]
    fn a_bare_machine_has_nothing() -> Result<()> {
        let root = folder()?;
        assert_eq!(bare(root.path()), Toolkit::default());
        Ok(())
    }

    #[test]
    fn a_toolkit_needs_every_header_and_says_which_it_lacks() -> Result<()> {
        let root = folder()?;
        let there = root.path().join("usr/local/cuda");
        toolkit(&there, "12.8.93")?;
        let found = bare(root.path());
        let place = found.chosen(None).cloned();
        assert_eq!(place.as_ref().and_then(|place| place.version), version("12.8"));
        assert_eq!(place.and_then(|place| place.cuda_path()), Some(there.clone()));
        let header = there.join("include/crt/mma.h");
        std::fs::remove_file(&header).at("remove", &header)?;
        let found = bare(root.path());
        assert_eq!(found.chosen(None), None);
        assert_eq!(found.places[0].fault(None).as_deref(), Some("lacks crt/mma.h"));
        Ok(())
    }

    #[test]
    fn cuda_13_keeps_some_headers_in_a_folder_of_their_own() -> Result<()> {
        let root = folder()?;
        let there = root.path().join("usr/local/cuda-13.0");
        toolkit(&there, "13.0.48")?;
        let found = bare(root.path());
        let place = found.chosen(version("13.0")).cloned();
        assert_eq!(place.and_then(|place| place.cuda_path()), Some(there));
        Ok(())
    }

    #[test]
    fn the_version_that_the_driver_runs_is_preferred() -> Result<()> {
        let root = folder()?;
        for full in ["13.0.48", "12.9.86", "12.8.93"] {
            let name = &full[..4];
            toolkit(&root.path().join(format!("usr/local/cuda-{name}")), full)?;
        }
        let found = bare(root.path());
        let taken = |driver: &str| found.chosen(version(driver)).and_then(|place| place.version);
        assert_eq!(taken("13.1"), version("13.0"));
        assert_eq!(taken("12.9"), version("12.9"));
        assert_eq!(taken("12.8"), version("12.8"));
        // None runs: the first is named, with its fault.
        assert_eq!(taken("12.4"), version("13.0"));
        let fault = found
            .chosen(version("12.4"))
            .and_then(|place| place.fault(version("12.4")));
        assert!(fault.is_some_and(|fault| fault.contains("13.0") && fault.contains("12.4")));
        Ok(())
    }

    #[test]
    fn wheels_of_both_kinds_are_places() -> Result<()> {
        let root = folder()?;
        let (old, new) = (root.path().join("a/nvidia"), root.path().join("b/nvidia"));
        put(&old, &WHEELS_12)?;
        toolkit(&new.join("cu13"), "13.0.48")?;
        let found = Toolkit::look_below(root.path(), (None, None), &[], &[old.clone(), new.clone()]);
        let taken = |driver: &str| found.chosen(version(driver)).cloned();
        let twelve = taken("12.8");
        assert_eq!(twelve.as_ref().and_then(|place| place.version), version("12.8"));
        assert_eq!(
            twelve.as_ref().and_then(Place::cuda_path),
            None,
            "its headers lie in three folders"
        );
        assert_eq!(twelve.map(|place| place.includes.len()), Some(3));
        let without = Toolkit::look_below(root.path(), (None, None), &[], std::slice::from_ref(&new));
        let place = without.chosen(version("13.0")).cloned();
        assert_eq!(place.and_then(|place| place.cuda_path()), Some(new.join("cu13")));
        Ok(())
    }

    #[test]
    fn a_conda_environment_is_like_a_toolkit_for_several_machines() -> Result<()> {
        let root = folder()?;
        let conda = root.path().join("conda");
        toolkit(&conda.join("targets/x86_64-linux"), "12.8.93")?;
        let lib64 = conda.join("targets/x86_64-linux/lib64");
        std::fs::remove_dir_all(&lib64).at("remove", &lib64)?;
        put(&conda, &["lib/libnvrtc.so.12", "lib/libnvrtc-builtins.so.12.8"])?;
        let found = Toolkit::look_below(root.path(), (None, Some(conda.clone())), &[], &[]);
        let place = found.chosen(version("12.8")).cloned();
        assert_eq!(place.as_ref().map(|place| place.named_by), Some("CONDA_PREFIX"));
        assert_eq!(
            place.as_ref().and_then(|place| place.nvrtc.clone()),
            Some(conda.join("lib/libnvrtc.so.12"))
        );
        assert_eq!(
            place.and_then(|place| place.cuda_path()),
            Some(conda.join("targets/x86_64-linux"))
        );
        Ok(())
    }

    #[test]
    fn a_compiler_that_only_the_linker_knows_joins_headers_that_have_none() -> Result<()> {
        let root = folder()?;
        let root = root.path();
        toolkit(&root.join("usr/local/cuda"), "12.8.93")?;
        let lib64 = root.join("usr/local/cuda/lib64");
        std::fs::remove_dir_all(&lib64).at("remove", &lib64)?;
        let conf = root.join("etc/ld.so.conf.d");
        std::fs::create_dir_all(&conf).at("create", &conf)?;
        std::fs::write(conf.join("cuda.conf"), "# CUDA\n/elsewhere\n").at("write", &conf)?;
        put(root, &["elsewhere/libnvrtc.so.12.8.93"])?;
        let found = bare(root);
        assert_eq!(
            found.chosen(None).and_then(|place| place.nvrtc.clone()),
            Some(root.join("elsewhere/libnvrtc.so.12.8.93"))
        );
        Ok(())
    }

    #[test]
    fn cuda_path_goes_first_and_is_named_even_where_it_leads_nowhere() -> Result<()> {
        let root = folder()?;
        let root = root.path();
        toolkit(&root.join("usr/local/cuda"), "12.8.93")?;
        toolkit(&root.join("own"), "12.6.85")?;
        let own = Toolkit::look_below(root, (Some(root.join("own")), None), &[], &[]);
        assert_eq!(own.chosen(None).map(|place| place.named_by), Some("CUDA_PATH"));
        let astray = Toolkit::look_below(root, (Some(root.join("nowhere")), None), &[], &[]);
        assert_eq!(astray.places[0].named_by, "CUDA_PATH");
        assert!(astray.places[0].fault(None).is_some());
        assert_eq!(astray.chosen(None).map(|place| place.named_by), Some("toolkit"));
        Ok(())
    }
}
