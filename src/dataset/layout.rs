//! In which form a database was unpacked: the layouts of its card are tried one after the other.
//!
//! To teach the program a new form, add a `[[layout]]` to the card (name, description, where it begins, what must exist) and
//! name the reader that understands it; a form that no reader understands needs one line in [`READERS`].

use std::path::Path;

use polars::prelude::DataFrame;

use super::card::{Card, Layout};
use super::convert::ConvertOptions;
use super::paths;
use super::reject::Reject;
use crate::error::{Context, Error, Result};
use crate::interrupt::Interrupt;
use crate::progress::Progress;

/// What a reader is given.
#[derive(Debug)]
pub struct Source<'a> {
    /// The database.
    pub card: &'a Card,
    /// The layout that was found.
    pub layout: &'a Layout,
    /// The data folder, links resolved.
    pub root: &'a Path,
    /// Where the layout begins, relative to the root; empty for the root itself.
    pub base: &'a str,
    /// Options of the conversion.
    pub options: &'a ConvertOptions,
    /// Whether the tree was generated: its counts say nothing of the database's.
    pub stand_in: bool,
    /// Whether frames may be decoded from videos into the data folder.
    pub may_decode: bool,
    /// Where slow readers say what they do.
    pub progress: &'a Progress,
    /// Asked between files.
    pub interrupt: &'a Interrupt,
}

impl Source<'_> {
    /// Whether the card's counts speak of this folder.
    pub fn is_counted(&self) -> bool {
        self.layout.counted && !self.stand_in
    }

    /// The first of several paths (relative to the root) that exists.
    pub(super) fn first_existing(&self, paths: &[String]) -> Option<String> {
        paths.iter().find(|path| self.root.join(path).exists()).cloned()
    }

    /// The path of a label file or folder, if it lies below the root once links are resolved.
    ///
    /// # Errors
    /// [`Error::Data`] if it does not.
    pub fn inside(&self, relative: &str) -> Result<std::path::PathBuf> {
        let path = self.root.join(relative);
        let real = path.canonicalize().at("open", &path)?;
        if !real.is_file() && !real.is_dir() {
            // To open a pipe would be to wait for whoever writes to it.
            Err(Error::data(format!(
                "{}: is neither a file nor a folder",
                path.display()
            )))
        } else if real.starts_with(self.root) {
            Ok(real)
        } else {
            Err(Error::data(format!(
                "{}: leads out of the data folder, to {}; only what lies inside is read: point --data at the folder that \
                 holds both, or replace the link by what it points to",
                path.display(),
                real.display()
            )))
        }
    }
}

/// What a reader returns.
#[derive(Debug, Default)]
pub struct Found {
    /// Working rows: `file` (str), `line` (u32, may be null), and any columns of the samples table but `dataset`.
    pub frame: DataFrame,
    /// Rows that cannot be used.
    pub rejects: Vec<Reject>,
    /// Rows (or, for action units, single labels) that are legal, but unknown or outside the card's classes.
    pub masked: u64,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// Turns the label files of a layout into rows.
pub type Reader = fn(&Source<'_>) -> Result<Found>;

/// All readers, by the name that cards use.
pub const READERS: &[(&str, Reader)] = &[
    ("affectnet_annotations", super::affectnet::read_annotations),
    ("affectnet_automatic", super::affectnet::read_automatic),
    ("affectnet_lists", super::affectnet::read_lists),
    ("affectnet_npy", super::affectnet::read_npy),
    ("affectnet_text_lists", super::affectnet::read_text_lists),
    ("class_folders", super::folders::read),
    ("csv_tables", super::tabular::read_all),
    ("disfa_labels", super::disfa::read),
    ("disfa_plus", super::disfa::read_plus),
    ("emotionet_csv", super::emotionet::read_csv),
    ("emotionet_list", super::emotionet::read_list),
    ("emotionet_tab", super::emotionet::read_tab),
    ("emotionet_xlsx", super::emotionet::read_xlsx),
    ("rafdb_kaggle", super::rafdb::read_kaggle),
    ("rafdb_list", super::rafdb::read_list),
    (super::table::TABLE, super::table::read_as_folder),
];

/// The reader with this name.
pub fn reader(name: &str) -> Option<Reader> {
    READERS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, reader)| *reader)
}

/// Names of all readers.
pub fn reader_names() -> Vec<&'static str> {
    READERS.iter().map(|(name, _)| *name).collect()
}

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
            for base in paths::expand(root, ".", base) {
                if !root.join(&base).is_dir() {
                    continue;
                }
                if let Some(why) = markers(root, &base, layout) {
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
    Err(Error::data(format!(
        "{}: this is no layout of {} that is known.\nlooked for:\n{}\nfound there: {}\nPoint --data at the folder that holds one of these, or describe yours in a card of your own (docs/datasets.md).",
        root.display(),
        card.title,
        looked.join("\n"),
        contents(root)
    )))
}

/// The first path found for every marker, or `None` if one marker has none.
fn markers(root: &Path, base: &str, layout: &Layout) -> Option<String> {
    let mut found = Vec::with_capacity(layout.markers.len());
    for any in &layout.markers {
        found.push(
            any.iter()
                .find_map(|pattern| paths::expand(root, base, pattern).into_iter().next())?,
        );
    }
    Some(format!("found {}", found.join(", ")))
}

/// The first entries of a folder, for messages.
pub(super) fn contents(folder: &Path) -> String {
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
