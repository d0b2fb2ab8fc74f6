//! Features made elsewhere → a feature table.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::dataset::Card;
use crate::dataset::conversion::{self, Conversion};
use crate::dataset::options::ConvertOptions;
use crate::dataset::samples::{self, SamplesMeta};
use crate::dataset::table::TableConfig;
use crate::digest::{Digest, of_file, of_large_file, stage};
use crate::disk::atomic;
use crate::disk::guard::guarded;
use crate::encoder::interface::{Encoded, TokenShape};
use crate::error::{Context, Error, Result};
use crate::feature::config::{Dtype, FeaturesConfig, TokenGrid};
use crate::feature::digests;
use crate::feature::pool::{pool, pooled_shape};
use crate::feature::table::{FeatureMetadata, PART_BYTES, PART_ROWS, PartMetadata, canonical_samples, part_path};
use crate::feature::writer::PartWriter;
use crate::intake::reject::{self, Reject};
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::sets::Matrix;
use crate::task::Task;
use crate::there;

use super::assemble::{self, Assembled};
use super::columns::{self, Format};
use super::csv;
use super::parquet;
use super::parts::{Part, parts};
use super::rules::{Labels, Rules};
use super::source::{Features, Reading};

/// Folder of the feature table below an import's folder.
pub const FEATURES: &str = "features";

/// An import of features made elsewhere.
#[derive(Debug, Clone)]
pub struct Import<'a> {
    /// The file with the features, or a folder of Parquet parts.
    pub features: PathBuf,
    /// The file with the labels, if it is another.
    pub labels: Option<PathBuf>,
    /// Which column means what.
    pub table: &'a TableConfig,
    /// The card of the table.
    pub card: &'a Card,
    /// Seed and share of the splitting hash, and how much may be rejected.
    pub options: &'a ConvertOptions,
    /// Tokens, type and size of the parts.
    pub store: &'a FeaturesConfig,
    /// What is predicted: its labels must be there.
    pub task: Task,
    /// Classes or action units that the protocol names; empty for all.
    pub outputs: &'a [String],
    /// Whether labels of action units must be 0 or 1, because no threshold is given.
    pub binary: bool,
    /// Folds that the protocol names.
    pub folds: &'a [i32],
}

/// The files of a table of features: itself, or the parts in a folder, whose names may say the split.
pub(crate) fn files_of(features: &Path, interrupt: &Interrupt) -> Result<Vec<Part>> {
    Ok(match Format::of(features)? {
        Format::Folder => {
            digests::check(features, interrupt)?;
            parts(features)?
        }
        _ => vec![Part {
            path: features.to_owned(),
            name: String::new(),
        }],
    })
}

/// Digest of the bytes of a table of features.
///
/// # Errors
/// [`Error::Io`] if a file cannot be read; [`Error::Data`] if it is no table of features.
pub fn digest_of(features: &Path, interrupt: &Interrupt) -> Result<String> {
    let mut digest = Digest::new("features of another model");
    for file in files_of(features, interrupt)? {
        digest = digest.part("file", of_large_file(&file.path, || interrupt.check())?);
    }
    Ok(digest.finish())
}

/// The features of the samples `ids`, one row each, from a table whose rows carry names: one that this program wrote, Parquet or
/// `.npz`. Rows pass through a temporary file in `scratch`.
///
/// # Errors
/// [`Error::Data`] if the file holds no features or no names, or lacks one of the samples; [`Error::Io`] if it cannot be read;
/// [`Error::Interrupted`].
pub fn named(features: &Path, ids: &[String], scratch: &Path, interrupt: &Interrupt) -> Result<Matrix> {
    let wrong = |what: String| Error::unusable_table(format!("{}: {what}", features.display()));
    if !there::exists(features)? {
        return Err(wrong("there is no such file or folder".to_owned()));
    }
    // The labels are the run's: beside the features, only what names the samples is read.
    let config = TableConfig {
        labels: "those of the run".into(),
        ..TableConfig::default()
    };
    let reading = Reading {
        config: &config,
        tokens: false,
        dtype: Dtype::F32,
        scratch: Some(scratch),
        interrupt,
    };
    let mut found = reading.read(features)?;
    let name = found.roles.sample_id.clone().ok_or_else(|| {
        wrong(format!(
            "nothing names the samples; expected a column `sample_id` beside the features, found {}",
            columns::listed(&found.names)
        ))
    })?;
    let mut places = BTreeMap::new();
    for row in 0..found.columns.rows() {
        if let Some(id) = found.columns.text(Some(&name), row)
            && places.insert(id, row).is_some()
        {
            return Err(wrong(format!("sample {id} occurs twice")));
        }
    }
    let mut data = Vec::with_capacity(ids.len() * found.global.width);
    for id in ids {
        let row = *places.get(id.as_str()).ok_or_else(|| {
            wrong(format!(
                "no features of sample {id}; expected every test sample of the run, by the same identifiers"
            ))
        })?;
        if let Some(flaw) = found.global.flaw(row) {
            return Err(wrong(format!("the features of sample {id} cannot be used: {flaw}")));
        }
        data.extend(found.global.row(row)?);
    }
    Ok(Matrix {
        rows: ids.len(),
        cols: found.global.width,
        data,
    })
}

/// What an import found.
#[derive(Debug)]
pub struct Imported {
    /// Summary.
    pub conversion: Conversion,
    /// The card, with the classes and action units of the labels.
    pub card: Card,
    /// Rows left out, sorted.
    pub rejects: Vec<Reject>,
    /// Values of the global vector (D).
    pub dim: usize,
    /// Grid of the tokens that are kept.
    pub tokens: Option<TokenShape>,
}

impl Import<'_> {
    /// What the feature table says of its encoder; `kind` is the name that the recipe gives it.
    pub fn encoder(&self) -> serde_json::Value {
        let kind = if self.table.encoder.is_empty() {
            "table"
        } else {
            &self.table.encoder
        };
        let file = self
            .features
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        json!({ "kind": kind, "made_elsewhere": true, "file": file })
    }

    /// Digest of everything that goes into the result: the bytes of all files, the meaning of the columns, the options, the code.
    ///
    /// # Errors
    /// [`Error::Io`] if a file cannot be read.
    pub fn digest(&self, interrupt: &Interrupt) -> Result<String> {
        let text = |value: serde_json::Result<String>| {
            value.map_err(|error| Error::data(format!("cannot encode the recipe as JSON: {error}")))
        };
        let mut table = self.table.clone();
        table.labels.clear();
        let mut digest = Digest::new("features made elsewhere")
            .part("table", text(serde_json::to_string(&table))?)
            .part("card", text(serde_json::to_string(self.card))?)
            .part("options", text(serde_json::to_string(self.options))?)
            .part("store", text(serde_json::to_string(self.store))?)
            .part("task", text(serde_json::to_string(&self.task))?)
            .part("outputs", text(serde_json::to_string(self.outputs))?)
            .part("folds", text(serde_json::to_string(&(self.folds, self.binary)))?)
            .part("code", stage::IMPORT);
        for part in self.files(interrupt)? {
            let bytes = of_large_file(&part.path, || interrupt.check())?;
            digest = digest.part("name", &part.name).part("file", bytes);
        }
        Ok(digest.finish())
    }

    fn check_there(&self) -> Result<()> {
        for path in [Some(&self.features), self.labels.as_ref()].into_iter().flatten() {
            if !there::exists(path)? {
                return Err(Error::unusable_table(format!(
                    "{}: there is no such file; dataset.path names the features, dataset.table.labels the labels, both as seen \
                     from the current folder",
                    path.display()
                )));
            }
        }
        Ok(())
    }

    fn files(&self, interrupt: &Interrupt) -> Result<Vec<Part>> {
        self.check_there()?;
        let mut files = files_of(&self.features, interrupt)?;
        files.extend(self.labels.iter().map(|path| Part {
            path: path.clone(),
            name: String::new(),
        }));
        Ok(files)
    }

    /// Reads and checks everything and writes nothing; beside what was found, the samples table.
    ///
    /// # Errors
    /// [`Error::Io`] if a file cannot be read; [`Error::Data`] if it holds no features or labels, or if they do not belong
    /// together; [`Error::Interrupted`].
    pub fn examine(&self, interrupt: &Interrupt) -> Result<(Imported, polars::prelude::DataFrame)> {
        let (features, assembled) = self.read(None, interrupt)?;
        let (imported, table, _) = self.imported(&features, assembled, interrupt)?;
        Ok((imported, table))
    }

    /// Writes `samples.parquet`, `rejects.csv`, `conversion.json` and the feature table below `out`.
    ///
    /// # Errors
    /// As [`Self::examine`]; [`Error::Data`] if too little is usable; [`Error::Io`] if something cannot be written.
    pub fn run(&self, out: &Path, progress: &Progress, interrupt: &Interrupt) -> Result<Imported> {
        let (mut features, assembled) = self.read(Some(out), interrupt)?;
        let (mut imported, mut table, rows) = self.imported(&features, assembled, interrupt)?;
        let rejects_path = out.join("rejects.csv");
        reject::write_csv(&rejects_path, &mut imported.rejects)?;
        conversion::usable(&imported.conversion, &imported.rejects, self.options, &rejects_path)?;
        let meta = SamplesMeta {
            dataset: imported.card.id.clone(),
            layout: imported.conversion.layout.clone(),
            classes: imported.card.class_names(),
            aus: imported.card.au_columns(),
            source_digest: imported.conversion.source_digest.clone(),
            stand_in: false,
        };
        let samples_path = out.join("samples.parquet");
        samples::write(&samples_path, &mut table, &meta)?;
        self.write_features(&mut features, &rows, &imported, &meta, out, progress, interrupt)?;
        let path = out.join("conversion.json");
        let mut text = serde_json::to_vec_pretty(&imported.conversion).at("write", &path)?;
        text.push(b'\n');
        atomic::write(&path, &text)?;
        for warning in &imported.conversion.warnings {
            progress.line(&format!("warning: {warning}"));
        }
        Ok(imported)
    }

    /// Features and samples, matched and checked; rows of features are kept in `scratch`, if there is one.
    fn read(&self, scratch: Option<&Path>, interrupt: &Interrupt) -> Result<(Features, Assembled)> {
        self.check_there()?;
        let reading = Reading {
            config: self.table,
            tokens: self.store.tokens != TokenGrid::None,
            dtype: self.store.dtype,
            scratch,
            interrupt,
        };
        let features = reading.read(&self.features)?;
        interrupt.check()?;
        let separate = match &self.labels {
            Some(path) => Some(match Format::of(path)? {
                Format::Csv => csv::read_csv(path, self.table)?,
                Format::Parquet => guarded(path, || parquet::read_parquet_labels(path, self.table, interrupt))?,
                _ => {
                    return Err(Error::unusable_table(format!(
                        "{}: expected a label file that ends in .csv, .tsv or .parquet",
                        path.display()
                    )));
                }
            }),
            None => None,
        };
        if separate.is_none() && features.columns.rows() == 0 {
            return Err(Error::unusable_table(format!(
                "{}: there are features but no labels: name a CSV or Parquet file with one row a feature row as \
                 dataset.table.labels (columns beside the features: {}{})",
                self.features.display(),
                columns::listed(&features.names),
                features.roles.what_is_aside()
            )));
        }
        let labels = match &separate {
            Some((roles, columns)) => Labels {
                roles,
                columns,
                path: self.labels.as_deref().unwrap_or(&self.features),
                own_file: true,
            },
            None => Labels {
                roles: &features.roles,
                columns: &features.columns,
                path: &self.features,
                own_file: false,
            },
        };
        let rules = Rules {
            config: self.table,
            card: self.card,
            task: self.task,
            outputs: self.outputs,
            binary: self.binary,
            folds: self.folds,
            split_seed: self.options.split_seed,
            test_share: self.options.test_share,
            unknown: self.options.unknown.as_ref(),
        };
        let assembled = assemble::assemble(&features, &self.features, &labels, &rules)?;
        interrupt.check()?;
        Ok((features, assembled))
    }

    /// The summary; beside it the samples table and the rows of its features.
    fn imported(
        &self,
        features: &Features,
        assembled: Assembled,
        interrupt: &Interrupt,
    ) -> Result<(Imported, polars::prelude::DataFrame, Vec<usize>)> {
        let Assembled {
            card,
            table,
            rows,
            rejects,
            masked,
            warnings,
        } = assembled;
        let own = features.tokens.as_ref().map(|(_, shape)| *shape);
        let tokens = pooled_shape(self.store.tokens, own, "table")?;
        let mut conversion = Conversion {
            dataset: card.id.clone(),
            layout: "table".into(),
            layout_why: format!(
                "{} with {} values a row{}",
                self.features.display(),
                features.global.width,
                own.map_or_else(String::new, |shape| format!(
                    " and {} × {} tokens of {}",
                    shape.rows, shape.cols, shape.width
                ))
            ),
            samples: table.height() as u64,
            rejected: rejects.len() as u64,
            masked,
            reject_reasons: reject::histogram(&rejects),
            warnings,
            source_digest: self.digest(interrupt)?,
            ..Conversion::default()
        };
        conversion::count(&table, &card, &mut conversion)?;
        conversion.warnings.extend(conversion::never_learned(&conversion));
        let imported = Imported {
            conversion,
            card,
            rejects,
            dim: features.global.width,
            tokens,
        };
        Ok((imported, table, rows))
    }

    /// Writes the feature table part by part.
    #[expect(clippy::too_many_arguments, reason = "everything that a table is made of")]
    fn write_features(
        &self,
        features: &mut Features,
        rows: &[usize],
        imported: &Imported,
        meta: &SamplesMeta,
        out: &Path,
        progress: &Progress,
        interrupt: &Interrupt,
    ) -> Result<()> {
        let samples_path = out.join("samples.parquet");
        let (table, _) = samples::read(&samples_path)?;
        let table = canonical_samples(&table, &samples_path)?;
        let encoder = self.encoder();
        let mut metadata = FeatureMetadata {
            digest: String::new(),
            encoder_name: encoder["kind"].as_str().unwrap_or("table").to_owned(),
            encoder_digest: imported.conversion.source_digest.clone(),
            encoder,
            preprocessing: json!({}),
            dtype: self.store.dtype,
            global_dim: imported.dim,
            tokens: imported.tokens,
            samples_digest: of_file(&samples_path)?,
            samples: Some(serde_json::to_value(meta).at("describe", &samples_path)?),
            samples_rows: rows.len(),
            part_rows: 0,
            parts: 0,
        };
        let fitting = (PART_BYTES / metadata.row_bytes().max(1)).clamp(1, PART_ROWS);
        metadata.part_rows = self.store.part_rows.map_or(fitting, |rows| rows as usize);
        metadata.parts = rows.len().div_ceil(metadata.part_rows);
        let description = serde_json::to_string(&metadata).at("describe", &samples_path)?;
        metadata.digest = Digest::new("features").part("metadata", description).finish();
        let folder = out.join(FEATURES);
        std::fs::create_dir_all(&folder).at("create the folder", &folder)?;
        let bar = progress.bar("features", rows.len() as u64, "rows");
        /// Rows in memory at a time.
        const TOGETHER: usize = 256;
        for index in 0..metadata.parts {
            let range = metadata.range(index);
            let part = part_path(&folder, index);
            atomic::write_with(&part, |file| {
                let mut writer = PartWriter::new(file, &table.schema(), &metadata, &part)?;
                for start in range.clone().step_by(TOGETHER) {
                    interrupt.check()?;
                    let end = (start + TOGETHER).min(range.end);
                    let encoded: Vec<Encoded> = rows[start..end]
                        .iter()
                        .map(|&row| features.encoded(row, metadata.tokens))
                        .collect::<Result<_>>()?;
                    writer.write(&table.slice(start, end - start), &encoded)?;
                    bar.inc((end - start) as u64);
                }
                writer.finish(&PartMetadata {
                    index,
                    rows: range.len(),
                    rejects: Vec::new(),
                })
            })?;
        }
        Ok(())
    }
}

impl Features {
    /// The features of one row, tokens pooled to `keep`.
    fn encoded(&mut self, row: usize, keep: Option<TokenShape>) -> Result<Encoded> {
        let tokens = match (&mut self.tokens, keep) {
            (Some((spill, own)), Some(keep)) => Some(pool(&spill.row(row)?, *own, keep)),
            _ => None,
        };
        Ok(Encoded {
            global: self.global.row(row)?,
            tokens,
        })
    }
}
