//! What the stages of one call share.

use std::path::PathBuf;

use crate::dataset::card::Card;
use crate::disk::atomic;
use crate::disk::publish::Published;
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::meter::{Meter, Spent};
use crate::progress::Progress;
use crate::recipe::Recipe;
use crate::run::cost::Cost;
use crate::run::folder::RunFolder;
use crate::run::manifest::{Manifest, StageRecord, SweepPoint};
use crate::there;

use super::portion::Portion;
use super::reviewed::Relabel;

/// Where a run reads and writes.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// The licensed folder, if given on the command line.
    pub data: Option<PathBuf>,
    /// Where run folders are written.
    pub out: PathBuf,
    /// Where what runs share is kept.
    pub cache: PathBuf,
    /// `auto`, `cpu`, `cuda`, `cuda:N`.
    pub device: String,
    /// The study that the run is a point of, if any.
    pub sweep: Option<SweepPoint>,
    /// Where the file of feature rows is kept that training reads, for example on a disk of this machine; beside the features if
    /// left out.
    pub scratch: Option<PathBuf>,
}

/// What the stages share.
pub(crate) struct Chain<'a> {
    pub(crate) recipe: &'a Recipe,
    pub(crate) options: &'a RunOptions,
    /// What of the work this call does.
    pub(super) portion: Portion,
    pub(crate) progress: Progress,
    pub(crate) interrupt: &'a Interrupt,
    pub(crate) stages: Vec<StageRecord>,
    pub(crate) cost: Option<Cost>,
    /// Parts of feature tables that others extract yet.
    pub(super) left: usize,
    /// The folder that image paths are relative to, where there are images.
    pub(crate) image_root: Option<PathBuf>,
    /// Reviewed labels, once they are held against the samples.
    pub(super) relabel: Option<Relabel>,
    /// What changes what is measured, and was not asked for.
    pub(crate) warnings: Vec<String>,
    /// Folders of the cache that the run reads.
    pub(crate) in_use: Vec<Published>,
}

impl<'a> Chain<'a> {
    /// The beginning of a call: no stage is done.
    pub(crate) fn new(
        recipe: &'a Recipe,
        options: &'a RunOptions,
        progress: Progress,
        interrupt: &'a Interrupt,
    ) -> Self {
        Self {
            recipe,
            options,
            portion: Portion::ALL,
            progress,
            interrupt,
            stages: Vec::new(),
            cost: None,
            left: 0,
            image_root: None,
            relabel: None,
            warnings: Vec::new(),
            in_use: Vec::new(),
        }
    }
}

impl Chain<'_> {
    /// The same for a part of the work.
    pub(super) fn of_portion(self, portion: Portion) -> Self {
        Self { portion, ..self }
    }
}

impl Chain<'_> {
    /// Says what changes what is measured; the manifest and the page say it too.
    pub(crate) fn warn(&mut self, warning: String) {
        if !self.warnings.contains(&warning) {
            self.progress.line(&format!("warning: {warning}"));
            self.warnings.push(warning);
        }
    }

    /// Records a stage and says on stderr how it went.
    pub(crate) fn done(&mut self, name: &str, started: &Meter, cached: bool, digest: &str) {
        self.record(name, started.spent(), cached, digest);
    }

    /// As [`Self::done`], for a stage whose time was added up over the seeds.
    pub(crate) fn record(&mut self, name: &str, spent: Spent, cached: bool, digest: &str) {
        let how = if cached {
            "cached".to_owned()
        } else {
            format!("{:.1} s", spent.seconds)
        };
        self.progress.line(&format!("{name:<11} {how}"));
        if !cached {
            self.progress.detail(&cost(&spent));
        }
        self.progress.detail(&format!("digest {digest}"));
        self.note(name, spent, cached, digest);
    }

    /// Records a part of a stage, of which nothing is said.
    pub(crate) fn note(&mut self, name: &str, spent: Spent, cached: bool, digest: &str) {
        self.stages.push(StageRecord {
            name: name.to_owned(),
            seconds: spent.seconds,
            cpu_seconds: spent.cpu_seconds,
            peak_memory_bytes: spent.peak_memory_bytes,
            cached,
            digest: Some(digest.to_owned()),
        });
    }

    /// Writes the manifest unless one that says the same is `there`: that keeps the times of the call that did the work, and is
    /// returned. The recipe of a run without digests may not be what was written, and is written anew.
    pub(crate) fn write_manifest(
        &self,
        folder: &RunFolder,
        manifest: Manifest,
        there: Option<Manifest>,
    ) -> Result<Manifest> {
        let there = there.filter(|there| {
            there.seeds == manifest.seeds
                && there.data_root == manifest.data_root
                && roots(there).eq(roots(&manifest))
                && there.warnings == manifest.warnings
        });
        if there.is_none() || !folder.is_sealed()? || !there::is_file(&folder.recipe())? {
            folder.unseal()?;
            atomic::write(&folder.recipe(), self.recipe.to_toml()?.as_bytes())?;
        }
        if let Some(there) = there {
            return Ok(there);
        }
        manifest.write(folder.path())?;
        Ok(manifest)
    }
}

/// Folders in which the images of other databases lie.
fn roots(manifest: &Manifest) -> impl Iterator<Item = Option<&String>> {
    manifest.tests.iter().map(|test| test.data_root.as_ref())
}

/// `17.0 s of processor time, 812 MiB at most`, as far as the system says.
fn cost(spent: &Spent) -> String {
    let processor = spent
        .cpu_seconds
        .map(|seconds| format!("{seconds:.1} s of processor time"));
    let memory = spent
        .peak_memory_bytes
        .map(|bytes| format!("{} MiB at most", bytes >> 20));
    let known: Vec<String> = processor.into_iter().chain(memory).collect();
    known.join(", ")
}

pub(crate) fn json(value: &impl serde::Serialize) -> Result<serde_json::Value> {
    serde_json::to_value(value).map_err(|error| Error::data(format!("cannot encode as JSON: {error}")))
}

/// What a card says of the use of its images; nothing of faces that were drawn.
pub(super) fn licence(card: &Card, stand_in: bool) -> Option<String> {
    (!stand_in && !card.licence.terms.is_empty()).then(|| card.licence.terms.clone())
}

pub(crate) fn serde_name(value: &impl serde::Serialize) -> Result<String> {
    Ok(json(value)?.as_str().unwrap_or_default().to_owned())
}
