//! Which images of `EmotioNet` are there: the database is a list of addresses, and copies differ.

use std::collections::HashMap;

use crate::dataset::source::Source;
use crate::error::Result;
use crate::intake::paths;
use crate::intake::reject::NO_TEXT;

/// Every file below the root, by name: which of them are images is told from their content.
pub(crate) struct Images {
    folders: Vec<String>,
    by_name: HashMap<Box<str>, u32>,
    /// Files and folders whose names are no text.
    pub(crate) nameless: Vec<String>,
}

impl Images {
    pub(crate) fn find(source: &Source<'_>) -> Result<Self> {
        const DEEPEST: usize = 8;
        let mut images = Self {
            folders: Vec::new(),
            by_name: HashMap::new(),
            nameless: Vec::new(),
        };
        let mut open = vec![(String::new(), 0)];
        while let Some((folder, depth)) = open.pop() {
            source.interrupt.check()?;
            let index = images.folders.len() as u32;
            let mut inner = Vec::new();
            for entry in paths::list(&source.inside(&folder)?)? {
                if entry.is_dir {
                    let path = paths::join(&folder, &entry.name);
                    if depth < DEEPEST && source.inside(&path).is_ok() {
                        inner.push((path, depth + 1));
                    }
                } else if entry.name.contains(NO_TEXT) {
                    images.nameless.push(paths::join(&folder, &entry.name));
                } else {
                    images.by_name.entry(entry.name.into_boxed_str()).or_insert(index);
                }
            }
            images.folders.push(folder);
            // The first folder in alphabetical order comes first, so that equal names are always decided alike.
            open.extend(inner.into_iter().rev());
        }
        Ok(images)
    }

    /// The image of a name in a list: copies of the database are in other formats than the list says, or without extension.
    pub(crate) fn path(&self, name: &str) -> Option<String> {
        const ENDINGS: [&str; 9] = ["jpg", "jpeg", "png", "jfif", "jpe", "webp", "bmp", "tif", "gif"];
        let find = |name: &str| self.by_name.get_key_value(name);
        let stem = paths::stem(name);
        let found = find(name)
            .or_else(|| paths::other_names(name).iter().find_map(|other| find(other)))
            .or_else(|| {
                ENDINGS.iter().find_map(|ending| {
                    let lower = format!("{stem}.{ending}");
                    find(&lower).or_else(|| find(&format!("{stem}.{}", ending.to_ascii_uppercase())))
                })
            })
            .or_else(|| find(stem));
        let (name, folder) = found?;
        Some(paths::join(self.folders.get(*folder as usize)?, name))
    }
}
