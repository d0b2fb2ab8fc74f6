//! What an input is, and which faces it holds.

use std::path::{Path, PathBuf};

use crate::error::{Context, Error, Result};
use crate::feature::table::{part_index, part_path};
use crate::feature::{FeatureMetadata, FeatureTable, FolderSamples};
use crate::intake::paths::has_extension;
use crate::interrupt::Interrupt;
use crate::there;

use super::encoding::check_table;
use super::faces::{Face, Lister};
use super::list::read::{List, base, of_file};
use super::model::RunModel;
use super::piece::{Origin, Piece};
use super::video;

/// Endings of lists.
const LISTS: [&str; 4] = ["csv", "tsv", "txt", "parquet"];
/// Rows of a feature table that are predicted together.
const ROWS: usize = 4096;

/// What an input is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The folder of a feature table.
    Table(PathBuf),
    /// A folder of images.
    Folder(PathBuf),
    /// A list of faces.
    List(PathBuf),
    /// A video.
    Video(PathBuf),
    /// An image.
    Image(PathBuf),
}

/// How inputs are read.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// The folder that images of lists lie below.
    pub images: Option<&'a Path>,
    /// The image or video that the rows of lists are of which name none.
    pub media: Option<&'a Path>,
    /// Of a video, every so many frames.
    pub every: u32,
    /// Where pieces are listed.
    pub work: &'a Path,
}

impl Input {
    /// Looks at a path: folders are tables or images, files are told apart by their ending.
    ///
    /// # Errors
    /// [`Error::Data`] if there is nothing; [`Error::Io`].
    pub fn of(path: &Path) -> Result<Self> {
        let owned = path.to_owned();
        if there::is_dir(path)? {
            for entry in std::fs::read_dir(path).at("read the folder", path)? {
                let name = entry.at("read the folder", path)?.file_name();
                if part_index(&name.to_string_lossy()).is_some() {
                    return Ok(Self::Table(owned));
                }
            }
            return Ok(Self::Folder(owned));
        }
        if !there::exists(path)? {
            return Err(Error::data(format!(
                "there is no {}: expected an image, a folder of images, a list of faces, a video or the folder of a feature table",
                path.display()
            )));
        }
        let name = base(path);
        Ok(if has_extension(&name, &LISTS) {
            Self::List(owned)
        } else if video::is_video(&name) {
            Self::Video(owned)
        } else {
            Self::Image(owned)
        })
    }

    /// Whether its faces are images, which have to be encoded.
    pub fn is_encoded(&self) -> bool {
        !matches!(self, Self::Table(_))
    }

    /// Its path as it was given.
    pub fn path(&self) -> &Path {
        let (Self::Table(path) | Self::Folder(path) | Self::List(path) | Self::Video(path) | Self::Image(path)) = self;
        path
    }

    /// Lists its faces, and says in words what was done.
    ///
    /// # Errors
    /// [`Error::Data`] if it cannot be read or does not fit the run; [`Error::Io`]; [`Error::Interrupted`].
    pub fn list(
        &self,
        run: &RunModel,
        reading: &Reading<'_>,
        lister: &mut Lister<'_>,
        interrupt: &Interrupt,
    ) -> Result<String> {
        let before = lister.faces();
        let whole = |path: String| Face {
            id: None,
            image: path,
            of: None,
            bbox: None,
            frame: None,
        };
        let what = match self {
            Self::Table(folder) => {
                table(run, folder, lister)?;
                "rows of a feature table".to_owned()
            }
            Self::Folder(folder) => {
                let root = folder.canonicalize().at("open", folder)?;
                for path in FolderSamples::of(folder)?.into_paths() {
                    lister.add(&root, whole(path))?;
                }
                "images, taken whole as aligned faces".to_owned()
            }
            Self::Image(path) => {
                lister.add(&of_file(path)?, whole(base(path)))?;
                "image, taken whole as an aligned face".to_owned()
            }
            Self::Video(path) => {
                let folder = video::frames(path, reading.every, reading.work, interrupt)?;
                let mut files = FolderSamples::of(&folder)?.into_paths();
                files.sort_unstable();
                for (at, file) in (0_i32..).zip(files) {
                    let frame = at.saturating_mul(i32::try_from(reading.every).unwrap_or(i32::MAX));
                    let face = Face {
                        of: Some(base(path)),
                        frame: Some(frame),
                        ..whole(file)
                    };
                    lister.add(&folder, face)?;
                }
                "frames, taken whole as aligned faces".to_owned()
            }
            Self::List(path) => {
                let found = List {
                    path,
                    images: reading.images,
                    media: reading.media,
                    every: reading.every,
                    crops: run.recipe.features.crop,
                    work: reading.work,
                }
                .read(lister, interrupt)?;
                let between = match found.between {
                    0 => String::new(),
                    between => format!(", {between} rows of frames between left out"),
                };
                match found.form {
                    Some(form) => format!("faces of a list, boxes as of {form}{between}"),
                    None => format!("images of a list without boxes, taken whole as aligned faces{between}"),
                }
            }
        };
        Ok(format!("{} {what}", lister.faces() - before))
    }
}

/// Cuts the parts of a feature table into pieces.
fn table(run: &RunModel, folder: &Path, lister: &mut Lister<'_>) -> Result<()> {
    let shown = folder.display().to_string();
    let table = FeatureTable::open(folder)?;
    let metadata: &FeatureMetadata = table.metadata();
    check_table(run, metadata, &shown)?;
    for part in 0..metadata.parts {
        let rows = crate::disk::parquet::rows(&part_path(folder, part))?;
        for first in (0..rows).step_by(ROWS) {
            lister.add_piece(Piece {
                rows: ROWS.min(rows - first),
                digest: format!("{} {part} {first} {rows}", metadata.digest),
                input: shown.clone(),
                origin: Origin::Table {
                    folder: folder.to_owned(),
                    part,
                    first,
                },
            });
        }
    }
    Ok(())
}
