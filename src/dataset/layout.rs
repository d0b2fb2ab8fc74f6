//! In which form a database was unpacked: the layouts of its card are tried one after the other.
//!
//! To teach the program a new form, add a `[[layout]]` to the card (name, description, where it begins, what must exist) and
//! name the reader that understands it; a form that no reader understands needs one line in [`READERS`].

use std::path::{Path, PathBuf};

use crate::error::{Context, Error, Result};

use super::card::{Card, Layout};
use crate::intake::paths;
use crate::there;

/// A layout that was found, and why it was chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct Detected<'a> {
    /// The layout.
    pub layout: &'a Layout,
    /// Where it begins, relative to the root; empty for the root itself.
    pub base: String,
    /// What spoke for it: "found `basic/EmoLabel/list_patition_label.txt`".
    pub why: String,
}

/// Finds the layout of a data folder: the first in the card whose markers all exist below one of its bases.
///
/// `wanted` restricts the search to the layout of this name.
///
/// # Errors
/// [`Error::Usage`] if the card has no layout `wanted`; [`Error::Data`] if nothing fits, with what was looked for and what
/// lies there.
pub fn detect<'a>(card: &'a Card, root: &Path, wanted: Option<&str>) -> Result<Detected<'a>> {
    if let Some(wanted) = wanted
        && !card.layouts.iter().any(|layout| layout.name == wanted)
    {
        let names: Vec<&str> = card.layouts.iter().map(|layout| layout.name.as_str()).collect();
        return Err(Error::Usage(format!(
            "the card `{}` has no layout `{wanted}`: expected auto or one of {}",
            card.id,
            names.join(", ")
        )));
    }
    let tried = card
        .layouts
        .iter()
        .filter(|layout| wanted.is_none_or(|wanted| wanted == layout.name));
    for layout in tried.clone() {
        for base in &layout.bases {
            for base in paths::expand(root, ".", base)? {
                if !there::is_dir(&root.join(&base))? {
                    continue;
                }
                if let Some(why) = markers(root, &base, layout)? {
                    return Ok(Detected { layout, base, why });
                }
            }
        }
    }
    let looked: Vec<String> = tried
        .map(|layout| {
            let markers: Vec<String> = layout.markers.iter().map(|any| any.join(" or ")).collect();
            format!(
                "  {}: {}\n    needs {}; looked in {}",
                layout.name,
                layout.description,
                markers.join(", and "),
                layout.bases.join(", ")
            )
        })
        .collect();
    Err(Error::missing_database(format!(
        "{}: this is no layout of {} that is known.\nlooked for:\n{}\nfound there: {}\nGive the folder that holds one of these, or describe yours in a card of your own (docs/datasets.md).",
        root.display(),
        card.title,
        looked.join("\n"),
        contents(root)
    )))
}

/// The first path found for every marker, or `None` if one marker has none.
fn markers(root: &Path, base: &str, layout: &Layout) -> Result<Option<String>> {
    let mut found = Vec::with_capacity(layout.markers.len());
    for any in &layout.markers {
        let mut first = None;
        for pattern in any {
            first = paths::expand(root, base, pattern)?.into_iter().next();
            if first.is_some() {
                break;
            }
        }
        let Some(first) = first else {
            return Ok(None);
        };
        found.push(first);
    }
    Ok(Some(format!("found {}", found.join(", "))))
}

/// The first entries of a folder, for messages.
pub(crate) fn contents(folder: &Path) -> String {
    const SHOWN: usize = 12;
    match paths::list(folder) {
        Err(_) => "nothing that can be listed".into(),
        Ok(entries) if entries.is_empty() => "nothing, the folder is empty".into(),
        Ok(entries) => {
            let mut names: Vec<String> = entries
                .iter()
                .take(SHOWN)
                .map(|entry| format!("{}{}", entry.name, if entry.is_dir { "/" } else { "" }))
                .collect();
            if entries.len() > SHOWN {
                names.push(format!("… ({} entries)", entries.len()));
            }
            names.join(", ")
        }
    }
}

/// The error of a database that is not there: where it was looked for, how it is obtained, and what is possible without it.
pub(crate) fn missing(card: &Card, looked: &str) -> Error {
    Error::missing_database(format!(
        "the database {} is not there.\n  looked at: {looked}\n  to obtain it: {}\n  licence: {}\n  \
         then: give its folder, or set dataset.root in the recipe\n  \
         without it: the stand-in runs the same recipe on generated faces whose truth is known; \
         its numbers say nothing about {}",
        card.title, card.licence.obtain, card.licence.page, card.title
    ))
}

/// The data folder, links resolved.
///
/// # Errors
/// As [`missing`] if it is not there.
pub fn data_folder(card: &Card, root: &Path) -> Result<PathBuf> {
    let shown = root.display();
    if root.as_os_str().is_empty() {
        return Err(missing(card, "nowhere: no folder is given"));
    }
    if !there::exists(root)? {
        return Err(missing(card, &format!("{shown}, where there is no such folder")));
    }
    if !there::is_dir(root)? {
        return Err(missing(card, &format!("{shown}, which is not a folder")));
    }
    root.canonicalize().at("open the data folder", root)
}

/// Where the marker file of a generated tree lies (relative), if there is one: at the root or where the layout begins.
///
/// # Errors
/// [`Error::Io`] if the system cannot say.
pub(crate) fn beside(root: &Path, base: &str, name: &str) -> Result<Option<String>> {
    let mut folder = base;
    loop {
        let path = crate::intake::paths::join(folder, name);
        if there::is_file(&root.join(&path))? {
            return Ok(Some(path));
        }
        if folder.is_empty() {
            return Ok(None);
        }
        folder = folder.rsplit_once('/').map_or("", |(parent, _)| parent);
    }
}
