//! Where the dynamic linker looks for libraries, told from files and the environment.

use std::path::{Path, PathBuf};

/// Folders that dynamic linkers search for libraries of drivers and toolkits.
const USUAL: [&str; 9] = [
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

/// All folders in the linker's order: `first` (as `LD_LIBRARY_PATH` names them), those of `/etc/ld.so.conf.d`, the usual ones.
pub fn folders(root: &Path, first: &[PathBuf]) -> Vec<PathBuf> {
    let mut folders = first.to_vec();
    folders.extend(configured(root));
    folders.extend(USUAL.iter().map(|folder| root.join(folder)));
    folders
}

/// The absolute folders of a variable like `LD_LIBRARY_PATH`.
pub fn of_variable(variable: &str) -> Vec<PathBuf> {
    std::env::var_os(variable)
        .map(|value| {
            std::env::split_paths(&value)
                .filter(|path| path.is_absolute())
                .collect()
        })
        .unwrap_or_default()
}

/// The folder that a variable names, unless it is relative or empty.
pub fn folder_of(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
}

/// Names of what lies in a folder, sorted; none of a folder that cannot be listed.
pub fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

/// Folders named in `/etc/ld.so.conf.d`: the toolkit's, where a package has registered them.
fn configured(root: &Path) -> Vec<PathBuf> {
    let folder = root.join("etc/ld.so.conf.d");
    names(&folder)
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
