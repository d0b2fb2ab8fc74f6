//! One folder of headers out of several: the compiler of kernels is told one alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::digest::Digest;
use crate::error::{Context, Error, Result};

use super::toolkit::JOINED;

/// The most files and folders that headers may be.
const MOST: usize = 100_000;

/// A folder below `cache` whose `include` holds links to all that `includes` hold; of two files of one name that of the
/// first. It is made once for each set of files.
///
/// # Errors
/// [`Error::Io`] if it cannot be made.
pub fn joined(includes: &[PathBuf], cache: &Path) -> Result<PathBuf> {
    let mut links = BTreeMap::new();
    for include in includes {
        collect(include, Path::new(""), &mut links)?;
    }
    let mut digest = Digest::new("joined headers");
    for (name, target) in &links {
        digest = digest
            .part("name", name.to_string_lossy().as_bytes())
            .part("target", target.to_string_lossy().as_bytes());
    }
    let folder = cache.join("cuda").join(&digest.finish()[..16]);
    if folder.is_dir() {
        return Ok(folder);
    }
    // Beside and renamed: another process may do the same at the same time.
    let beside = folder.with_extension(format!("{}.partial", std::process::id()));
    if beside.is_dir() {
        std::fs::remove_dir_all(&beside).at("remove", &beside)?;
    }
    for (name, target) in &links {
        let link = beside.join("include").join(name);
        let above = link.parent().unwrap_or(&beside);
        std::fs::create_dir_all(above).at("create the folder", above)?;
        point(target, &link)?;
    }
    let mark = beside.join(JOINED);
    std::fs::write(&mark, "").at("write", &mark)?;
    match std::fs::rename(&beside, &folder) {
        Err(_) if folder.is_dir() => std::fs::remove_dir_all(&beside).at("remove", &beside)?,
        other => other.at("rename to", &folder)?,
    }
    Ok(folder)
}

/// Every file below a folder, by its path within it.
fn collect(root: &Path, within: &Path, links: &mut BTreeMap<PathBuf, PathBuf>) -> Result<()> {
    let folder = root.join(within);
    for entry in std::fs::read_dir(&folder).at("list", &folder)? {
        let name = within.join(entry.at("list", &folder)?.file_name());
        let path = root.join(&name);
        if path.is_dir() {
            collect(root, &name, links)?;
        } else {
            links.entry(name).or_insert(path);
        }
        if links.len() > MOST {
            return Err(Error::data(format!(
                "{}: more than {MOST} files, which headers cannot be",
                root.display()
            )));
        }
    }
    Ok(())
}

#[cfg(unix)]
fn point(target: &Path, link: &Path) -> Result<()> {
    std::os::unix::fs::symlink(target, link).at("link", link)
}

/// Links are a privilege there.
#[cfg(not(unix))]
fn point(target: &Path, link: &Path) -> Result<()> {
    std::fs::copy(target, link).map(drop).at("copy to", link)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_several_folders_are_one_and_the_first_counts() -> Result<()> {
        let folder = tempfile::tempdir().at("create", Path::new("a folder"))?;
        let put = |file: &str| {
            let path = folder.path().join(file);
            let above = path.parent().unwrap_or(&path);
            std::fs::create_dir_all(above).at("create the folder", above)?;
            std::fs::write(&path, file).at("write", &path)
        };
        for file in ["a/x.h", "a/crt/one.h", "b/x.h", "b/crt/two.h"] {
            put(file)?;
        }
        let includes = [folder.path().join("a"), folder.path().join("b")];
        let cache = folder.path().join("cache");
        let first = joined(&includes, &cache)?;
        let read = |name: &str| std::fs::read_to_string(first.join("include").join(name)).unwrap_or_default();
        assert_eq!(
            (read("x.h"), read("crt/one.h")),
            ("a/x.h".to_owned(), "a/crt/one.h".to_owned())
        );
        assert_eq!(read("crt/two.h"), "b/crt/two.h");
        assert!(first.join(JOINED).is_file());
        assert_eq!(joined(&includes, &cache)?, first, "the same files, the same folder");
        put("b/new.h")?;
        let second = joined(&includes, &cache)?;
        assert!(second != first && second.join("include/new.h").is_file());
        let left = std::fs::read_dir(cache.join("cuda")).at("list", &cache)?;
        assert_eq!(left.count(), 2, "nothing half made stays");
        Ok(())
    }
}
