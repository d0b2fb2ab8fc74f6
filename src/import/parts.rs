//! The Parquet files of a folder, and what their names say of the split.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::dataset::split::split_of_words;
use crate::error::{Context, Error, Result};
use crate::intake::paths;
use crate::intake::reject::NO_TEXT;
use crate::task::Split;

use super::columns::listed;

/// One file of a table.
pub(crate) struct Part {
    pub(crate) path: PathBuf,
    /// Its path below the folder, with `/`.
    pub(crate) name: String,
}

/// The Parquet files of a folder and of the folders in it, by name.
///
/// # Errors
/// [`Error::Io`] if a folder cannot be listed; [`Error::Data`] if there is none, or a name that cannot be followed.
pub(crate) fn parts(folder: &Path) -> Result<Vec<Part>> {
    let mut files = Vec::new();
    // A link may lead back to where it lies.
    let mut seen = BTreeSet::new();
    collect(folder, "", &mut seen, &mut files)?;
    files.sort_by(|a, b| a.name.cmp(&b.name));
    if files.is_empty() {
        return Err(Error::unusable_table(format!(
            "{}: the folder holds no .parquet files",
            folder.display()
        )));
    }
    Ok(files)
}

fn collect(folder: &Path, prefix: &str, seen: &mut BTreeSet<PathBuf>, files: &mut Vec<Part>) -> Result<()> {
    if !seen.insert(folder.canonicalize().at("list", folder)?) {
        return Ok(());
    }
    for entry in paths::list(folder)? {
        let name = paths::join(prefix, &entry.name);
        if entry.name.contains(NO_TEXT) {
            // Whatever part of the features it is or holds would be left out without a word.
            return Err(Error::unusable_table(format!(
                "{}: `{name}` is no UTF-8 as it is written on disk, and can neither be read nor named; rename it, or move it elsewhere",
                folder.display()
            )));
        }
        let path = folder.join(&entry.name);
        if entry.is_dir {
            collect(&path, &name, seen, files)?;
        } else if paths::has_extension(&entry.name, &["parquet", "pq"]) {
            files.push(Part { path, name });
        }
    }
    Ok(())
}

/// The split that the name of a part says, or that of the nearest folder that says one.
fn split_of_part(name: &str) -> Option<Split> {
    name.rsplit('/').find_map(split_of_words)
}

/// Which split every part belongs to, as their names say; `None` if they say none, or one alone.
///
/// # Errors
/// [`Error::Data`] if some names say a split and others none.
pub(crate) fn splits_of_parts(names: &[String], path: &Path, warnings: &mut Vec<String>) -> Result<Option<Vec<Split>>> {
    let (mut told, mut silent) = (Vec::new(), Vec::new());
    for name in names {
        match split_of_part(name) {
            Some(split) => told.push(split),
            None => silent.push(name.clone()),
        }
    }
    let which: BTreeSet<Split> = told.iter().copied().collect();
    if told.is_empty() {
        return Ok(None);
    }
    if !silent.is_empty() {
        return Err(Error::unusable_table(format!(
            "{}: some parts are called after a split ({}), and these say none: {}; rename them like `train-00000.parquet`, move them \
             elsewhere, or name a column with the split as dataset.table.split",
            path.display(),
            listed(&which.iter().map(ToString::to_string).collect::<Vec<_>>()),
            listed(&silent)
        )));
    }
    if which.len() == 1 {
        warnings.push(format!("all parts are called `{}`: their names split nothing", told[0]));
        return Ok(None);
    }
    if !which.contains(&Split::Test) {
        warnings.push("no part is called test: what is called validation is read as `test`".into());
        for split in told.iter_mut().filter(|split| **split == Split::Val) {
            *split = Split::Test;
        }
    }
    Ok(Some(told))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_parts() {
        use Split::{Test, Train, Val};
        for (name, split) in [
            ("train-00000-of-00002.parquet", Some(Train)),
            ("fer_validation-00000-of-00001.parquet", Some(Val)),
            ("TEST.parquet", Some(Test)),
            ("default/train/0000.parquet", Some(Train)),
            ("test/train/0000.parquet", Some(Train)),
            ("dev/x.parquet", Some(Val)),
            ("train01.parquet", Some(Train)),
            ("contest-00000.parquet", None),
            ("values.parquet", None),
            ("train_test.parquet", None),
            ("part-00000.parquet", None),
        ] {
            assert_eq!(split_of_part(name), split, "{name}");
        }
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let mut warnings = Vec::new();
        let mut of = |parts: &[&str]| splits_of_parts(&names(parts), Path::new("x"), &mut warnings);
        assert_eq!(of(&["a.parquet", "b.parquet"]).unwrap(), None);
        assert_eq!(of(&["train-0.parquet", "train-1.parquet"]).unwrap(), None);
        assert_eq!(of(&["train.parquet", "val.parquet"]).unwrap(), Some(vec![Train, Test]));
        assert_eq!(
            of(&["test.parquet", "train.parquet", "val.parquet"]).unwrap(),
            Some(vec![Test, Train, Val])
        );
        let error = of(&["extra.parquet", "train.parquet"]).unwrap_err().to_string();
        assert!(error.contains("say none: extra.parquet"), "{error}");
        assert_eq!(warnings.len(), 2);
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_no_text_are_not_left_out() {
        use std::os::unix::ffi::OsStrExt as _;
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("train-0.parquet"), "").unwrap();
        let name = std::ffi::OsStr::from_bytes(b"m\xfcnchen");
        let refused = |root: &Path| {
            let error = parts(root).map(|parts| parts.len()).unwrap_err();
            assert!(matches!(error, Error::Data { .. }), "{error}");
            assert!(error.to_string().contains("m\u{fffd}nchen"), "{error}");
        };
        std::fs::create_dir(root.path().join(name)).unwrap();
        refused(root.path());
        std::fs::remove_dir(root.path().join(name)).unwrap();
        let mut file = name.to_owned();
        file.push(".parquet");
        std::fs::write(root.path().join(file), "").unwrap();
        refused(root.path());
    }
}
