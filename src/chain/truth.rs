//! The truth behind generated faces, beside what a seed made of them.

use std::collections::BTreeMap;
use std::path::Path;

use polars::prelude::*;

use crate::disk::guard::guarded;
use crate::error::{Context, Error, Result};
use crate::metric::truth::{TruthSample, agreement};
use crate::record::{ArchetypeRow, AssignmentRow, MetricRow};
use crate::regular;
use crate::task::Split;

/// What was planted in one image.
struct Planted {
    mode: String,
    subject: Option<String>,
    label: Option<usize>,
    flipped: bool,
}

/// `truth.parquet`, by sample.
pub struct Truth(BTreeMap<String, Planted>);

impl Truth {
    /// Reads the table that lies beside a generated tree. `classes` are the model's classes: labels outside them count as
    /// unknown.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::Data`] if a column is missing.
    pub fn read(path: &Path, card_classes: &[String], classes: &[String]) -> Result<Self> {
        let table = guarded(path, || {
            let file = regular::open(path).at("read", path)?;
            ParquetReader::new(file).finish().at("read", path)
        })?;
        let column = |name: &str| table.column(name).at("read", path);
        let ids = column("sample_id")?.str().at("read", path)?.clone();
        let modes = column("mode")?.str().at("read", path)?.clone();
        let subjects = column("subject")?.str().at("read", path)?.clone();
        let labels = column("label")?.cast(&DataType::Int32).at("read", path)?;
        let labels = labels.i32().at("read", path)?;
        let flipped = column("flipped")?.bool().at("read", path)?.clone();
        // The truth counts classes as the card does, the model as the protocol does.
        let output: Vec<Option<usize>> = card_classes
            .iter()
            .map(|name| classes.iter().position(|class| class == name))
            .collect();
        let mut planted = BTreeMap::new();
        for row in 0..table.height() {
            let (Some(id), Some(mode)) = (ids.get(row), modes.get(row)) else {
                return Err(Error::unusable_table(format!(
                    "{}: row {row} has no sample_id or no mode",
                    path.display()
                )));
            };
            let label = labels.get(row).and_then(|label| usize::try_from(label).ok());
            planted.insert(
                id.to_owned(),
                Planted {
                    mode: mode.to_owned(),
                    subject: subjects.get(row).map(str::to_owned),
                    label: label.and_then(|label| output.get(label).copied().flatten()),
                    flipped: flipped.get(row).unwrap_or(false),
                },
            );
        }
        Ok(Self(planted))
    }

    /// How far the dictionary follows what was planted, per split.
    ///
    /// # Errors
    /// [`Error::Data`] if a sample has no truth.
    pub fn agreement(&self, assignments: &[AssignmentRow], archetypes: &[ArchetypeRow]) -> Result<Vec<MetricRow>> {
        let samples = assignments
            .iter()
            .map(|row| {
                let planted = self.0.get(&row.sample_id).ok_or_else(|| {
                    Error::unusable_table(format!("truth.parquet knows nothing of sample {}", row.sample_id))
                })?;
                Ok(TruthSample {
                    split: Split::parse(&row.split)
                        .ok_or_else(|| Error::unusable_table(format!("`{}` is not a split", row.split)))?,
                    archetype: row.archetype,
                    margin: row.margin,
                    mode: &planted.mode,
                    subject: planted.subject.as_deref(),
                    label: planted.label,
                    flipped: planted.flipped,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let values = archetypes
            .iter()
            .map(|row| (row.archetype, row.value.clone()))
            .collect();
        agreement("aura", &samples, &values)
    }
}
