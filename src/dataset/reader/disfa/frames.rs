//! Folders of frames, one a subject and camera.

use std::collections::{BTreeMap, BTreeSet};

use crate::dataset::config::FrameBase;
use crate::dataset::source::Source;
use crate::error::{Error, Result};
use crate::intake::paths;
use crate::intake::reject::NO_TEXT;

use super::labels::NamedImages;
use super::names::{frames_in, subject_in};

/// Frames of one recording on disk.
pub(crate) struct FrameFolder {
    /// Relative to the root.
    pub(crate) folder: String,
    /// The numbers in the names that may be the frame; at least one.
    pub(crate) readings: Vec<NumberedFiles>,
    /// Names with more or fewer numbers than most: no frame of theirs is known.
    pub(crate) odd: Vec<String>,
    /// Whether they were decoded from the database's videos here, and so count from 1 whatever the recipe says of others.
    pub(crate) decoded: bool,
}

/// The images of a folder by one of the numbers in their names.
pub(crate) struct NumberedFiles {
    /// Which of the numbers in a name it is, from 1.
    pub(crate) column: usize,
    /// File name by number as written.
    pub(crate) files: BTreeMap<u32, String>,
    /// Whether all numbers have the same count of digits, with leading zeros.
    pub(crate) padded: bool,
}

impl FrameFolder {
    /// The frames among the images of a folder; `None` without any.
    pub(crate) fn of(source: &Source<'_>, folder: String, names: &[String]) -> Result<Option<Self>> {
        let found = frames_in(names).map_err(|(frame, one, other)| {
            Error::unusable_table(format!(
                "{}: several images claim frame {frame}: {} and {}; keep one image a frame, named by a number that counts up, such as \
                 00001.jpg",
                source.root.join(&folder).display(),
                names[one],
                names[other]
            ))
        })?;
        let readings: Vec<NumberedFiles> = found
            .columns
            .into_iter()
            .map(|(column, frames)| {
                let widths: BTreeSet<usize> = frames.values().map(|(_, digits)| *digits).collect();
                NumberedFiles {
                    column,
                    padded: widths.len() == 1 && widths.first().is_some_and(|digits| *digits > 1),
                    files: frames
                        .into_iter()
                        .map(|(number, (at, _))| (number, names[at].clone()))
                        .collect(),
                }
            })
            .collect();
        let odd = found.odd.into_iter().map(|at| names[at].clone()).collect();
        Ok((!readings.is_empty()).then_some(Self {
            folder,
            readings,
            odd,
            decoded: false,
        }))
    }

    /// The frames as labels know them that name these very images: most of the names, or of the images, are those of the others.
    pub(crate) fn as_named(&self, names: &NamedImages) -> Option<&NumberedFiles> {
        self.readings.iter().find(|reading| {
            let is = |(name, frame): &(&String, &u32)| {
                let file = reading.files.get(frame);
                file.is_some_and(|file| paths::stem(file) == name.as_str())
            };
            let same = names.frames.iter().filter(is).count();
            same > 0 && 2 * same >= names.frames.len().min(reading.files.len())
        })
    }
}

/// Folders below the base that hold images and have a subject in their path.
pub(crate) fn frame_folders(source: &Source<'_>, warnings: &mut Vec<String>) -> Result<Vec<(String, FrameFolder)>> {
    const DEEPEST: usize = 6;
    let mut found = Vec::new();
    let mut open = vec![(source.base.to_owned(), 0)];
    while let Some((folder, depth)) = open.pop() {
        let mut names = Vec::new();
        for entry in paths::list(&source.inside(&folder)?)? {
            let path = paths::join(&folder, &entry.name);
            if entry.is_dir {
                if depth < DEEPEST && source.inside(&path).is_ok() {
                    open.push((path, depth + 1));
                }
            } else if paths::is_image(&entry.name) {
                names.push(entry.name);
            } else if entry.name.contains(NO_TEXT) {
                warnings.push(format!(
                    "{path}: its name is not UTF-8, so that it is left aside: rename it"
                ));
            }
        }
        if let Some(subject) = subject_in(&folder)
            && let Some(frames) = FrameFolder::of(source, folder, &names)?
        {
            found.push((subject, frames));
        }
    }
    found.sort_by(|a, b| a.1.folder.cmp(&b.1.folder));
    Ok(found)
}

/// The number that the first frame has on disk, and what spoke for it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FirstNumber {
    pub(crate) number: u32,
    pub(crate) why: &'static str,
    /// Whether images that are missing may have misled: there is neither a frame 0 nor one of the last label.
    pub(crate) doubtful: bool,
}

/// The number that the first frame has on disk: told by the recipe, or seen in the numbers.
pub(crate) fn first_number(source: &Source<'_>, frames: &NumberedFiles, decoded: bool, last_label: u32) -> FirstNumber {
    let lowest = frames.files.keys().next().copied().unwrap_or(1);
    let highest = frames.files.keys().next_back().copied().unwrap_or(0);
    let sure = |number, why| FirstNumber {
        number,
        why,
        doubtful: false,
    };
    let one = |why| FirstNumber {
        doubtful: highest < last_label,
        ..sure(1, why)
    };
    match source.options.frame_base {
        _ if decoded => sure(1, "as they were decoded"),
        FrameBase::Zero => sure(0, "as the recipe says"),
        FrameBase::One => sure(1, "as the recipe says"),
        FrameBase::Auto if lowest == 0 => sure(0, "a frame 0 exists"),
        FrameBase::Auto if lowest == 1 || frames.padded || highest >= last_label => one("there is no frame 0"),
        FrameBase::Auto if highest.checked_add(1) == Some(last_label) => {
            sure(0, "the last frame is one below the last label")
        }
        FrameBase::Auto => one("as labels are numbered"),
    }
}
