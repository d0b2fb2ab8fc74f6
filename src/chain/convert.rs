//! Stage 1: the database's folder becomes a samples table.

use std::path::{Path, PathBuf};

use crate::dataset::LocatedData;
use crate::dataset::conversion::Conversion;
use crate::dataset::convert::convert_located;
use crate::dataset::generated::TRUTH_FILE;
use crate::digest::{Digest, of_file, stage};
use crate::disk::lock::Lock;
use crate::disk::publish::{self, Published};
use crate::disk::seal;
use crate::error::{Context, Error, Result};
use crate::interrupt::Interrupt;
use crate::meter::Meter;
use crate::there;

use super::data::{Data, expand};
use super::state::{Chain, json};

/// The samples table of a run.
pub struct Samples {
    /// `samples.parquet`.
    pub table: PathBuf,
    /// Digest of its bytes.
    pub digest: String,
    /// Whether the faces were generated, by this run or before.
    pub stand_in: bool,
    /// `truth.parquet` of generated faces.
    pub truth: Option<PathBuf>,
    /// Release of the database that was read, where its card knows of several.
    pub release: Option<String>,
    /// Where image paths begin, if not in the data folder: frames were decoded from videos.
    pub images: Option<PathBuf>,
}

/// Where a conversion lies, whether it is there or not.
struct Place {
    folder: PathBuf,
    /// Folder of the frames that are decoded from videos.
    frames: PathBuf,
    digest: String,
}

impl Chain<'_> {
    /// Converts, or finds the conversion of exactly these files by exactly this code.
    pub fn convert(&mut self, data: &Data) -> Result<Samples> {
        let started = Meter::start();
        let options = self.recipe.protocol.convert_options(&self.recipe.dataset);
        let located = LocatedData::find(&self.recipe.card, &data.root, &options)?;
        let Place { folder, frames, digest } = self.converted(&located)?;
        // Samples without their frames are made again, and with them the frames.
        let lacks_frames = || match read(&folder) {
            Ok(there) => frames_are_whole(&there, &frames, self.interrupt).map(|whole| !whole),
            Err(_) => Ok(false),
        };
        if lacks_frames()? {
            let partial = publish::partial(&folder);
            let lock = Lock::hold(&partial, self.progress, self.interrupt)?;
            // Another process may have made them meanwhile.
            if lacks_frames()? {
                std::fs::remove_dir_all(&folder).at("remove", &folder)?;
            } else {
                lock.clear_away(&partial);
            }
        }
        let published = publish::folder(&folder, self.progress, self.interrupt, |partial| {
            convert_located(&located, partial, &folder, &frames, &self.progress, self.interrupt)?;
            Ok(())
        })?;
        let conversion = read(&folder)?;
        let decoded = conversion.decoded.iter().flat_map(|decoded| decoded.folders(&frames));
        self.in_use.extend(decoded.map(|folder| Published::in_use(&folder)));
        let samples = self.samples(data, &conversion, &folder, frames)?;
        self.done("convert", &started, published.cached, &digest);
        self.warn_of(&conversion, &folder, published.cached);
        self.in_use.push(published);
        Ok(samples)
    }

    /// What a conversion left in `folder`.
    fn samples(&self, data: &Data, conversion: &Conversion, folder: &Path, frames: PathBuf) -> Result<Samples> {
        let table = folder.join("samples.parquet");
        // What `standin` drew and a recipe reads as if it were the database is generated all the same.
        let stand_in = self.recipe.stand_in.is_some() || conversion.stand_in;
        let truth = data.root.join(TRUTH_FILE);
        Ok(Samples {
            digest: of_file(&table)?,
            table,
            release: self.release(conversion)?,
            stand_in,
            images: conversion.decoded.as_ref().map(|_| frames),
            truth: (stand_in && there::is_file(&truth)?).then_some(truth),
        })
    }

    /// Where the conversion of a database lies.
    fn converted(&self, located: &LocatedData<'_>) -> Result<Place> {
        let recipe = self.recipe;
        let options = recipe.protocol.convert_options(&recipe.dataset);
        let digest = Digest::new("samples")
            .part("source", located.source_digest()?)
            .part("options", json(&options)?.to_string())
            .part("card", json(&recipe.card)?.to_string())
            .part("code", stage::CONVERT)
            .finish();
        Ok(Place {
            folder: self
                .options
                .cache
                .join("samples")
                .join(format!("{}-{}", recipe.card.id, &digest[..16])),
            frames: match recipe.dataset.decoded_frames.as_str() {
                "" => self.options.cache.join("frames"),
                text => expand(text)
                    .map_err(|reason| Error::data(format!("dataset.decoded_frames = \"{text}\", but {reason}")))?,
            },
            digest,
        })
    }

    /// The samples of a database, if they are there, and otherwise the folder in which they would be.
    ///
    /// # Errors
    /// As [`Self::convert`].
    pub(super) fn samples_there(&self, data: &Data) -> Result<Result<Samples, PathBuf>> {
        let options = self.recipe.protocol.convert_options(&self.recipe.dataset);
        let located = LocatedData::find(&self.recipe.card, &data.root, &options)?;
        let Place { folder, frames, .. } = self.converted(&located)?;
        if !publish::is_there(&folder)? {
            return Ok(Err(folder));
        }
        self.samples(data, &read(&folder)?, &folder, frames).map(Ok)
    }

    /// The release that was read; refused if the protocol asks for another.
    fn release(&self, conversion: &Conversion) -> Result<Option<String>> {
        let card = &self.recipe.card;
        if card.releases().is_empty() {
            return Ok(None);
        }
        // A conversion that was cached did not ask.
        card.require_release(&conversion.layout, self.recipe.protocol.release.as_deref())?;
        Ok(Some(card.release_of(&conversion.layout).to_owned()))
    }
}

impl Chain<'_> {
    /// Keeps what a conversion warns of, and how many rows it left out; says it, where the conversion was not made by this call.
    pub(super) fn warn_of(&mut self, conversion: &Conversion, folder: &Path, cached: bool) {
        for warning in &conversion.warnings {
            if cached {
                self.warn(warning.clone());
            } else {
                self.warnings.push(warning.clone());
            }
        }
        if conversion.rejected > 0 {
            let reasons = conversion.reject_reasons.iter();
            let reasons: Vec<String> = reasons
                .map(|(reason, n)| format!("{n} {}", reason.replace('_', " ")))
                .collect();
            self.warn(format!(
                "{} of {} rows are left out ({}); listed in {} of the cache",
                conversion.rejected,
                conversion.rejected + conversion.samples,
                reasons.join(", "),
                rejects_of(folder)
            ));
        }
    }
}

/// Where a folder of the cache lists what it left out, below the cache: the same on every machine.
pub(super) fn rejects_of(folder: &Path) -> String {
    let name = |path: Option<&Path>| {
        path.and_then(Path::file_name)
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    format!("{}/{}/rejects.csv", name(folder.parent()), name(Some(folder)))
}

/// Whether the frames that a conversion decoded are still there, as they were written.
fn frames_are_whole(conversion: &Conversion, frames: &Path, interrupt: &Interrupt) -> Result<bool> {
    for folder in conversion.decoded.iter().flat_map(|decoded| decoded.folders(frames)) {
        if !seal::damages(&folder, interrupt)?.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What a conversion says of itself.
pub(super) fn read(folder: &Path) -> Result<Conversion> {
    let path = folder.join("conversion.json");
    let text = std::fs::read_to_string(&path).at("read", &path)?;
    serde_json::from_str(&text).at("read", &path)
}
