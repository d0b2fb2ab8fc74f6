//! Any folder of images as a samples table without labels.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use serde_json::json;

use crate::columns::{SAMPLES_KEY, required_names};
use crate::disk::parquet::write_batch;
use crate::error::{Context, Error, Result};
use crate::system_files::is_system;

/// Deepest folder that is looked into.
const MAX_DEPTH: usize = 32;

/// The files below a folder, sorted by path. Every file is one, as what it holds is told from its content alone; hidden files and
/// those of the system are left out, and links to folders are listed and not followed. A name that is not UTF-8 is listed with
/// replacement characters.
#[derive(Debug)]
pub struct FolderSamples(Vec<String>);

impl FolderSamples {
    /// Looks for the files below `root`.
    ///
    /// # Errors
    /// [`Error::Io`] if a folder cannot be read; [`Error::Data`] if there is no file.
    pub fn of(root: &Path) -> Result<Self> {
        let mut paths = Vec::new();
        collect(root, "", 0, &mut paths)?;
        if paths.is_empty() {
            return Err(Error::data(format!(
                "{} holds no images, nor any other file; expected some in it or in the folders below",
                root.display()
            )));
        }
        paths.sort_unstable();
        Ok(Self(paths))
    }

    /// Their paths below the root, sorted.
    pub fn into_paths(self) -> Vec<String> {
        self.0
    }

    /// Writes them to `out` as a samples table: `sample_id` and `image_path` are the path below the root, `split` is `test`.
    ///
    /// # Errors
    /// [`Error::Io`] if the table cannot be written.
    pub fn write(&self, out: &Path) -> Result<()> {
        let constant = |text: &str| -> ArrayRef { Arc::new(StringArray::from(vec![text; self.0.len()])) };
        let names: ArrayRef = Arc::new(StringArray::from_iter_values(&self.0));
        let columns = vec![Arc::clone(&names), constant("folder"), constant("test"), names];
        let fields: Vec<Field> = required_names()
            .map(|name| Field::new(name, DataType::Utf8, false))
            .collect();
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).at("write", out)?;
        let description = json!({"dataset": "folder", "classes": [], "aus": []}).to_string();
        write_batch(out, &batch, &[(SAMPLES_KEY, description)])
    }
}

/// Adds the files below `folder`, whose path below the root is `prefix`.
fn collect(folder: &Path, prefix: &str, depth: usize, paths: &mut Vec<String>) -> Result<()> {
    if depth > MAX_DEPTH {
        return Err(Error::data(format!(
            "{} is nested more than {MAX_DEPTH} folders deep",
            folder.display()
        )));
    }
    for entry in std::fs::read_dir(folder).at("read the folder", folder)? {
        let entry = entry.at("read the folder", folder)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_system(&name) {
            continue;
        }
        let path = if prefix.is_empty() {
            name
        } else {
            format!("{prefix}/{name}")
        };
        // Of the entry itself: a link to a folder is not followed, but listed, and becomes a reject.
        let kind = entry.file_type().at("read the folder", folder)?;
        if kind.is_dir() {
            collect(&entry.path(), &path, depth + 1, paths)?;
        } else {
            paths.push(path);
        }
    }
    Ok(())
}
