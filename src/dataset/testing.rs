//! Small data trees for tests.

use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::intake::reject::Reject;
use crate::interrupt::Interrupt;
use crate::progress::Progress;

use super::conversion::Conversion;
use super::convert::{Examined, convert, examine};
use super::options::ConvertOptions;
use super::{Card, samples};

/// A data folder and a place for results, both gone after the test.
pub(crate) struct Tree {
    folder: tempfile::TempDir,
}

impl Tree {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("data")).unwrap();
        Self { folder }
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    /// Outside the data folder.
    pub(crate) fn outside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, path: &str, bytes: impl AsRef<[u8]>) -> &Self {
        let path = self.root().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
        self
    }

    /// A real image of 1 x 1 pixel; all are one file, linked, so that thousands cost little.
    pub(crate) fn image(&self, path: &str) -> &Self {
        let original = self.outside("pixel.png");
        if !original.exists() {
            image::RgbImage::new(1, 1).save(&original).unwrap();
        }
        let path = self.root().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::hard_link(original, path).unwrap();
        self
    }

    pub(crate) fn convert(&self, card: &str) -> Result<Conversion> {
        self.convert_with(card, &lenient())
    }

    pub(crate) fn convert_with(&self, card: &str, options: &ConvertOptions) -> Result<Conversion> {
        let card = Card::load(card)?;
        convert(
            &card,
            &self.root(),
            options,
            &self.out(),
            &Progress::hidden(),
            &Interrupt::default(),
        )
    }

    pub(crate) fn examine(&self, card: &str) -> Result<Examined> {
        self.examine_with(card, &lenient())
    }

    pub(crate) fn examine_with(&self, card: &str, options: &ConvertOptions) -> Result<Examined> {
        let card = Card::load(card)?;
        examine(&card, &self.root(), options, &Progress::hidden(), &Interrupt::default())
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.out().join(name)).unwrap()
    }
}

/// Options that let every reject through, so that tests can look at them.
pub(crate) fn lenient() -> ConvertOptions {
    ConvertOptions {
        max_rejected: 1.0,
        ..ConvertOptions::default()
    }
}

/// "<file:line> kind" of every reject.
pub(crate) fn places(rejects: &[Reject]) -> Vec<String> {
    rejects
        .iter()
        .map(|reject| {
            let line = reject.line.map_or_else(String::new, |line| format!(":{line}"));
            format!("{}{line} {}", reject.file, reject.reason.kind())
        })
        .collect()
}

/// One text column of a table, empty text for null.
pub(crate) fn texts(table: &polars::prelude::DataFrame, column: &str) -> Vec<String> {
    let values = table.column(column).unwrap().str().unwrap();
    values
        .iter()
        .map(|value| value.unwrap_or_default().to_owned())
        .collect()
}

/// One numeric column of a table.
pub(crate) fn numbers(table: &polars::prelude::DataFrame, column: &str) -> Vec<Option<f64>> {
    let values = table
        .column(column)
        .unwrap()
        .cast(&polars::prelude::DataType::Float64)
        .unwrap();
    values.f64().unwrap().iter().collect()
}

/// Columns of a written samples table.
pub(crate) fn columns(path: &Path) -> Vec<String> {
    let (table, _) = samples::read(path).unwrap();
    table
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect()
}
