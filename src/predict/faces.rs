//! Faces that are to be predicted, listed in pieces: each piece is a samples table of its own.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array, Int32Array, RecordBatch, StringArray};
use arrow::datatypes::{Field, Schema};

use crate::columns::SAMPLES_KEY;
use crate::digest::of_file;
use crate::disk::parquet::write_batch;
use crate::disk::rejects;
use crate::error::{Context, Result};
use crate::image::FaceBox;
use crate::intake::text::bound;

use super::piece::{Origin, Piece};

/// Faces of a piece: so much is done again after a kill, and so much memory a piece needs beside its features.
const FACES: usize = 512;

/// One face to be predicted.
#[derive(Debug, Clone, PartialEq)]
pub struct Face {
    /// Its identifier; `None` for one that is made of image, frame and number.
    pub id: Option<String>,
    /// Image below the root of its piece.
    pub image: String,
    /// What the image is called in identifiers and tables, where that is not its path: a video.
    pub of: Option<String>,
    /// Where the face is in the image; all of it where nothing is said.
    pub bbox: Option<FaceBox>,
    /// Frame of the video, counted from 0.
    pub frame: Option<i32>,
}

/// A face or an image that cannot be predicted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// The list or the image.
    pub file: String,
    /// 1-based line or row of a list.
    pub line: Option<usize>,
    /// Why.
    pub reason: String,
    /// Identifier, where known.
    pub sample: String,
    /// Image, where known.
    pub image: String,
}

impl Reject {
    /// As a line of the list of rejects.
    pub fn line(&self) -> rejects::Line<'_> {
        rejects::Line {
            file: &self.file,
            line: self.line,
            reason: &self.reason,
            sample: &self.sample,
            image: &self.image,
        }
    }
}

/// Cuts faces into pieces as they come.
pub struct Lister<'a> {
    folder: &'a Path,
    pieces: Vec<Piece>,
    rejects: Vec<Reject>,
    open: Vec<(Face, String, i32)>,
    root: PathBuf,
    input: String,
    /// Before identifiers, where several inputs are given.
    prefix: String,
    /// Faces so far of each image and frame, by digest.
    seen: HashMap<[u8; 16], i32>,
    faces: usize,
}

impl<'a> Lister<'a> {
    /// Writes pieces into `folder`.
    pub fn new(folder: &'a Path) -> Self {
        Self {
            folder,
            pieces: Vec::new(),
            rejects: Vec::new(),
            open: Vec::new(),
            root: PathBuf::new(),
            input: String::new(),
            prefix: String::new(),
            seen: HashMap::new(),
            faces: 0,
        }
    }

    /// What follows is from this input.
    ///
    /// # Errors
    /// [`crate::Error::Io`] if a piece cannot be written.
    pub fn begin(&mut self, input: &str, prefix: &str) -> Result<()> {
        self.close()?;
        input.clone_into(&mut self.input);
        prefix.clone_into(&mut self.prefix);
        Ok(())
    }

    /// Adds a face whose image lies below `root`.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub fn add(&mut self, root: &Path, face: Face) -> Result<()> {
        if self.root != root || self.open.len() == FACES {
            self.close()?;
            root.clone_into(&mut self.root);
        }
        let image = face.of.as_deref().unwrap_or(&face.image);
        let frame = face.frame.map_or_else(String::new, |frame| format!("@{frame}"));
        let place = format!("{}{image}{frame}", self.prefix);
        let mut key = [0; 16];
        key.copy_from_slice(&blake3::hash(place.as_bytes()).as_bytes()[..16]);
        let number = self.seen.entry(key).or_insert(0);
        *number += 1;
        let id = match (&face.id, *number) {
            (Some(id), _) => id.clone(),
            (None, 1) => place,
            (None, number) => format!("{place}#{number}"),
        };
        let number = *number;
        self.open.push((face, id, number));
        self.faces += 1;
        Ok(())
    }

    /// Adds a piece that is listed already.
    pub fn add_piece(&mut self, piece: Piece) {
        self.faces += piece.rows;
        self.pieces.push(piece);
    }

    /// Notes a face that cannot be predicted.
    ///
    /// # Errors
    /// [`crate::Error::Data`] if there are more than any list should have.
    pub fn reject(&mut self, reject: Reject) -> Result<()> {
        self.rejects.push(reject);
        let first = &self.rejects[0];
        bound(
            self.rejects.len(),
            Path::new(&first.file),
            format!("line {}, {}", first.line.unwrap_or(0), first.reason),
        )
    }

    /// Pieces, and what was rejected on the way.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub fn finish(mut self) -> Result<(Vec<Piece>, Vec<Reject>)> {
        self.close()?;
        Ok((self.pieces, self.rejects))
    }

    /// Faces listed so far.
    pub fn faces(&self) -> usize {
        self.faces
    }

    fn close(&mut self) -> Result<()> {
        if self.open.is_empty() {
            return Ok(());
        }
        let path = self.folder.join(format!("faces-{:05}.parquet", self.pieces.len()));
        let faces = std::mem::take(&mut self.open);
        write_batch(
            &path,
            &batch(&faces, &self.input).at("write", &path)?,
            &[(SAMPLES_KEY, r#"{"dataset":"faces","classes":[],"aus":[]}"#.to_owned())],
        )?;
        self.pieces.push(Piece {
            rows: faces.len(),
            digest: of_file(&path)?,
            input: self.input.clone(),
            origin: Origin::Faces {
                samples: path,
                root: self.root.clone(),
            },
        });
        Ok(())
    }
}

/// The columns of a samples table, and what predictions name beside.
fn batch(faces: &[(Face, String, i32)], input: &str) -> std::result::Result<RecordBatch, arrow::error::ArrowError> {
    let constant = |text: &str| -> ArrayRef { Arc::new(StringArray::from(vec![text; faces.len()])) };
    let text = |of: &dyn Fn(&(Face, String, i32)) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(faces.iter().map(of)))
    };
    let side = |of: fn(&FaceBox) -> f32| -> ArrayRef {
        Arc::new(
            faces
                .iter()
                .map(|(face, ..)| face.bbox.as_ref().map(of))
                .collect::<Float32Array>(),
        )
    };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("sample_id", text(&|(_, id, _)| id.clone())),
        ("dataset", constant("faces")),
        ("split", constant("test")),
        (
            "frame",
            Arc::new(faces.iter().map(|(face, ..)| face.frame).collect::<Int32Array>()),
        ),
        ("image_path", text(&|(face, ..)| face.image.clone())),
        ("bbox_x", side(|face| face.x)),
        ("bbox_y", side(|face| face.y)),
        ("bbox_w", side(|face| face.width)),
        ("bbox_h", side(|face| face.height)),
        ("input", constant(input)),
        (
            "image",
            text(&|(face, ..)| face.of.as_ref().unwrap_or(&face.image).clone()),
        ),
        (
            "face",
            Arc::new(faces.iter().map(|(.., number)| Some(*number)).collect::<Int32Array>()),
        ),
    ];
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), true))
        .collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
}
