//! Which images of `EmotioNet` are there: the database is a list of addresses, and copies differ.

use std::collections::HashMap;

use crate::dataset::source::Source;
use crate::error::Result;
use crate::intake::paths;

/// Every file below the root, by name: which of them are images is told from their content.
pub(crate) struct Images {
    folders: Vec<String>,
    by_name: HashMap<Box<str>, u32>,
}

impl Images {
    pub(crate) fn find(source: &Source<'_>) -> Result<Self> {
        const DEEPEST: usize = 8;
        let mut images = Self {
            folders: Vec::new(),
            by_name: HashMap::new(),
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

    pub(crate) fn path(&self, name: &str) -> Option<String> {
        let exact = self.by_name.get_key_value(name);
        let found = exact.or_else(|| {
            let stem = paths::stem(name);
            ["jpg", "JPG", "jpeg", "png", "jfif", "jpe"]
                .iter()
                .find_map(|other| self.by_name.get_key_value(format!("{stem}.{other}").as_str()))
        });
        let (name, folder) = found?;
        Some(paths::join(self.folders.get(*folder as usize)?, name))
    }
}
