//! Class folders: `{train,valid,test}/CLASS/image`, the form that image classifiers' loaders expect.

use std::collections::{BTreeMap, BTreeSet};

use crate::dataset::source::{Found, Source};
use crate::dataset::split;
use crate::error::Result;
use crate::intake::paths;
use crate::intake::reject::{NO_TEXT, Reason, Reject};
use crate::task::Split;

use super::rows::{self, Collected};

/// A file name without extension and without the suffix of aligned images.
pub(crate) fn plain_stem(name: &str) -> &str {
    let stem = paths::stem(name);
    stem.strip_suffix("_aligned").unwrap_or(stem)
}

/// Why what lies beside the class folders is no sample. A folder whose name is no text is there as a file: its class is not known.
pub(crate) fn stray(path: &str) -> Reason {
    if path.contains(NO_TEXT) {
        return Reason::MissingImage(path.to_owned());
    }
    Reason::MissingLabel("it lies in no folder of a class".into())
}

/// Folders of the splits below the base, and what they are.
pub(crate) fn split_folders(source: &Source<'_>, warnings: &mut Vec<String>) -> Result<Vec<(String, Split)>> {
    let mut named: Vec<(String, Split)> = Vec::new();
    let mut others = Vec::new();
    for entry in paths::list(&source.root.join(source.base))? {
        match split::split_of_name(&entry.name) {
            _ if !entry.is_dir => {}
            Some(split) => named.push((entry.name, split)),
            None => others.push(entry.name),
        }
    }
    if !others.is_empty() {
        warnings.push(format!(
            "folders whose names say no split are left aside: {}",
            others.join(", ")
        ));
    }
    let has_test = named.iter().any(|(_, split)| *split == Split::Test);
    let val = named
        .iter()
        .any(|(_, split)| *split == Split::Val)
        .then(|| rows::meaning_of_val(source, has_test, warnings));
    Ok(named
        .into_iter()
        .map(|(name, split)| {
            (
                name,
                if split == Split::Val {
                    val.unwrap_or(split)
                } else {
                    split
                },
            )
        })
        .collect())
}

/// Reads class folders named by number or by class.
pub(crate) fn read(source: &Source<'_>) -> Result<Found> {
    let mut warnings = Vec::new();
    let mut rejects = Vec::new();
    let mut collected = Collected::default();
    let mut names: Vec<(String, String)> = Vec::new();
    for (folder, split) in split_folders(source, &mut warnings)? {
        let split_path = paths::join(source.base, &folder);
        let before = names.len() + rejects.len();
        for class in paths::list(&source.inside(&split_path)?)? {
            if !class.is_dir {
                let path = paths::join(&split_path, &class.name);
                rejects.push(Reject::new(path.clone(), None, stray(&path)).of(None, Some(&path)));
                continue;
            }
            let class_path = paths::join(&split_path, &class.name);
            for image in files_below(source, &class_path)? {
                let path = paths::join(&class_path, &image);
                collected.file.push(path.clone());
                collected.line.push(None);
                collected.split.push(split.as_str());
                collected.image_path.push(path);
                collected.label.push(Some(class.name.clone()));
                names.push((folder.clone(), image));
            }
        }
        if names.len() + rejects.len() == before {
            warnings.push(format!("{split_path}: there are no files in it"));
        }
    }
    collected.sample_id = sample_ids(&collected, &names);
    let frame = collected.into_frame()?;
    rows::with_classes(source, &frame, false, rejects, warnings)
}

/// Every file in a folder and in the folders in it, relative to it: whether it is an image is told from its content.
pub(crate) fn files_below(source: &Source<'_>, folder: &str) -> Result<Vec<String>> {
    const DEEPEST: usize = 8;
    let mut files = Vec::new();
    let mut open = vec![(String::new(), 0)];
    while let Some((below, depth)) = open.pop() {
        let mut inner = Vec::new();
        for entry in paths::list(&source.inside(&paths::join(folder, &below))?)? {
            let path = paths::join(&below, &entry.name);
            if !entry.is_dir {
                files.push(path);
            } else if depth < DEEPEST {
                inner.push((path, depth + 1));
            }
        }
        open.extend(inner.into_iter().rev());
    }
    Ok(files)
}

/// The stem alone where the database gives every image its own name (`train_00001`); otherwise split, class folder and stem, and the
/// extension too where it alone tells images of one folder apart.
fn sample_ids(collected: &Collected, names: &[(String, String)]) -> Vec<String> {
    let own_names = names.iter().all(|(_, name)| {
        plain_stem(name).split_once('_').is_some_and(|(split, number)| {
            split::split_of_name(split).is_some() && number.bytes().all(|b| b.is_ascii_digit())
        })
    });
    let stems: BTreeSet<&str> = names.iter().map(|(_, name)| plain_stem(name)).collect();
    let unique = stems.len() == names.len();
    let mut alike: BTreeMap<(&str, Option<&str>, &str), BTreeSet<&str>> = BTreeMap::new();
    for (row, (_, name)) in names.iter().enumerate() {
        let place = (collected.split[row], collected.label[row].as_deref(), paths::stem(name));
        alike.entry(place).or_default().insert(name);
    }
    names
        .iter()
        .enumerate()
        .map(|(row, (_, name))| {
            let stem = plain_stem(name);
            if own_names || unique {
                stem.to_owned()
            } else {
                let (split, class) = (collected.split[row], collected.label[row].as_deref());
                let several = alike
                    .get(&(split, class, paths::stem(name)))
                    .is_some_and(|names| names.len() > 1);
                format!(
                    "{split}_{}_{}",
                    class.unwrap_or_default(),
                    if several { name } else { stem }
                )
            }
        })
        .collect()
}
