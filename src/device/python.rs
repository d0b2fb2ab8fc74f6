//! Python environments in which NVIDIA's wheels may lie, as `pip install 'aura-bench[cuda]'` and `PyTorch` bring them.

use std::path::{Path, PathBuf};

use super::linker::{self, names};

/// Folders `nvidia` of the environment that this program is installed in, of the active ones (`VIRTUAL_ENV`, `CONDA_PREFIX`), of
/// the `python3` that a shell would start, and of the user's own packages; none twice.
pub fn nvidia_folders() -> Vec<PathBuf> {
    let own = std::env::current_exe()
        .ok()
        .and_then(|program| environment_of(&program));
    let active = ["VIRTUAL_ENV", "CONDA_PREFIX"]
        .into_iter()
        .filter_map(linker::folder_of);
    let home = linker::folder_of("HOME").map(|home| home.join(".local"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut environments: Vec<PathBuf> = own.into_iter().chain(active).collect();
    environments.extend(started(
        std::env::split_paths(&path).filter(|folder| folder.is_absolute()),
    ));
    environments.extend(home);
    below(&environments)
}

/// The environment whose programs lie in one folder with this one: no other folder above it, which anybody may write to.
fn environment_of(program: &Path) -> Option<PathBuf> {
    let folder = program.parent()?;
    (folder.ends_with("bin") || folder.ends_with("Scripts")).then(|| folder.parent().map(Path::to_owned))?
}

/// The environments of every `python3` in these folders of programs.
fn started(folders: impl Iterator<Item = PathBuf>) -> Vec<PathBuf> {
    folders
        .filter(|folder| folder.join("python3").is_file())
        .flat_map(|bin| {
            // A virtual environment's python is a link out of it; Debian's own has what pip brings below /usr/local.
            let there = bin.parent().map(Path::to_owned);
            let local = there.as_ref().map(|prefix| prefix.join("local"));
            let real = bin.join("python3").canonicalize().ok();
            let real = real.and_then(|python| Some(python.parent()?.parent()?.to_owned()));
            there.into_iter().chain(local).chain(real)
        })
        .collect()
}

/// The folders `nvidia` of these environments, in their order, newest Python first.
pub(crate) fn below(environments: &[PathBuf]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for nvidia in environments
        .iter()
        .flat_map(|environment| packages(environment))
        .map(|packages| packages.join("nvidia"))
    {
        if nvidia.is_dir() && !found.contains(&nvidia) {
            found.push(nvidia);
        }
    }
    found
}

/// Folders of the packages of a Python environment, newest Python first.
fn packages(environment: &Path) -> Vec<PathBuf> {
    let library = environment.join("lib");
    let mut pythons: Vec<(u32, PathBuf)> = names(&library)
        .into_iter()
        .filter_map(|name| Some((name.strip_prefix("python3.")?.parse().ok()?, library.join(&name))))
        .collect();
    pythons.sort_by(|a, b| b.cmp(a));
    let kinds = ["site-packages", "dist-packages"];
    pythons
        .into_iter()
        .flat_map(|(_, python)| kinds.map(|kind| python.join(kind)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Context, Result};

    fn folder(path: &Path) -> Result<()> {
        std::fs::create_dir_all(path).at("create the folder", path)
    }

    #[test]
    fn the_newest_python_of_each_environment_goes_first() -> Result<()> {
        let root = tempfile::tempdir().at("create", Path::new("a folder"))?;
        let (one, two) = (root.path().join("one"), root.path().join("two"));
        let site = |environment: &Path, python: &str| environment.join(format!("lib/{python}/site-packages/nvidia"));
        for python in ["python3.9", "python3.12", "python3.11"] {
            folder(&site(&one, python))?;
        }
        folder(&site(&two, "python3.10"))?;
        folder(&two.join("lib/python3.10/dist-packages"))?;
        assert_eq!(
            below(&[one.clone(), two.clone(), one.clone()]),
            [
                site(&one, "python3.12"),
                site(&one, "python3.11"),
                site(&one, "python3.9"),
                site(&two, "python3.10"),
            ]
        );
        Ok(())
    }

    #[test]
    fn a_program_in_any_folder_has_no_environment() {
        let of = |program: &str| environment_of(Path::new(program));
        assert_eq!(of("/env/bin/aura-bench"), Some("/env".into()));
        assert_eq!(of("/tmp/x/aura-bench"), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_virtual_environment_is_the_one_that_its_python_lies_in() -> Result<()> {
        let root = tempfile::tempdir().at("create", Path::new("a folder"))?;
        let root = root.path().canonicalize().at("find", root.path())?;
        let (system, own) = (root.join("usr/bin"), root.join("env/bin"));
        folder(&system)?;
        folder(&own)?;
        std::fs::write(system.join("python3.11"), "").at("write", &system)?;
        let link = |target: &Path, path: &Path| std::os::unix::fs::symlink(target, path).at("link", path);
        link(&system.join("python3.11"), &own.join("python3"))?;
        let found = started([root.join("nothing"), own].into_iter());
        assert_eq!(found, [root.join("env"), root.join("env/local"), root.join("usr")]);
        assert!(started([root].into_iter()).is_empty());
        Ok(())
    }
}
