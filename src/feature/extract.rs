//! From a samples table and a folder of images to a feature table, part by part; several processes may share in it.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use serde::Serialize;

use crate::disk::atomic;
use crate::disk::fence::Fence;
use crate::disk::lock::{self, Lock};
use crate::disk::publish::Identity;
use crate::disk::rejects;
use crate::encoder::interface::Encoder;
use crate::error::{Context, Error, Result};
use crate::interrupt::Interrupt;
use crate::naming;
use crate::progress::Progress;
use crate::there;

use super::config::FeaturesConfig;
use super::digests;
use super::job::{Job, is_home};
use super::reader::read_part;
use super::reject::Reject;
use super::samples::Source;
use super::shard::Shard;
use super::table::{FeatureMetadata, part_index, part_path};

/// What an extraction did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExtractReport {
    /// Digest of the table.
    pub digest: String,
    /// The encoder, and that its weights are random where they are: the features then mean nothing.
    pub encoder: Option<String>,
    /// Rows of the samples table that this shard covers: all of them, unless the table is made by several machines.
    pub samples: usize,
    /// Rows of the feature table, of this shard.
    pub rows: usize,
    /// Images that gave no features; listed in `rejects.csv`.
    pub rejected: usize,
    /// Parts of the table, of this shard.
    pub parts: usize,
    /// Parts that were there already.
    pub cached_parts: usize,
    /// Parts of other shards that are not in the folder yet.
    pub missing_parts: usize,
    /// Wall time in seconds.
    pub seconds: f64,
    /// Images decoded and encoded in this call, by second; 0 if everything was there.
    pub images_per_second: f64,
}

impl ExtractReport {
    /// Whether there was nothing to do.
    pub fn cached(&self) -> bool {
        self.cached_parts == self.parts
    }
}

/// An extraction, or one machine's share of it.
#[derive(Clone, Copy)]
pub struct Extraction<'a> {
    /// The samples table.
    pub samples: &'a Path,
    /// The folder that its image paths are relative to.
    pub data_root: &'a Path,
    /// The encoder.
    pub encoder: &'a dyn Encoder,
    /// The recipe section `[features]`.
    pub options: &'a FeaturesConfig,
    /// The folder of the feature table.
    pub out: &'a Path,
    /// The share.
    pub shard: Shard,
}

/// What was done of a table's parts.
#[derive(Debug)]
pub struct Share {
    metadata: FeatureMetadata,
    /// Parts of the share that were there already.
    cached: usize,
    /// Parts that other processes wrote meanwhile, or other shards have.
    others: usize,
    /// Images decoded and encoded by this process.
    images: usize,
    /// Parts of other shards that are not there.
    missing: usize,
    seconds: f64,
}

impl Share {
    /// Whether every part of the table is there, those of other shards among them.
    pub fn is_whole(&self) -> bool {
        self.missing == 0
    }

    /// Parts of other shards that are not there.
    pub fn missing(&self) -> usize {
        self.missing
    }
}

impl Extraction<'_> {
    /// Computes what is missing of the share, and lists what was rejected.
    ///
    /// # Errors
    /// [`Error::Data`] if the samples table is unusable or no image at all gives features, [`Error::Io`] if something cannot
    /// be read or written, [`Error::Usage`] for options that do not fit the encoder, [`Error::Interrupted`].
    pub fn run(&self, progress: Progress, interrupt: &Interrupt) -> Result<ExtractReport> {
        std::fs::create_dir_all(self.out).at("create the folder", self.out)?;
        let share = self.share(there::identity(self.out), progress, interrupt)?;
        let _lock = Lock::hold(self.out, progress, interrupt)?;
        self.end(&share, interrupt)
    }

    /// Computes what is missing of the share in the folder, which is there, each part under a lock of its own; what another process
    /// has in hand is waited for.
    ///
    /// # Errors
    /// As [`Self::run`], or if the folder is not, or is no longer, the one that is meant.
    pub fn share(&self, home: Identity, progress: Progress, interrupt: &Interrupt) -> Result<Share> {
        let start = Instant::now();
        self.options
            .validate()
            .map_err(|(key, message)| Error::Usage(format!("features.{key}: {message}")))?;
        let source = Source::open(self.samples)?;
        let metadata = {
            let _lock = Lock::hold_of(self.out, "layout", progress, interrupt)?;
            is_home(self.out, home)?;
            atomic::sweep(self.out)?;
            let metadata = source.describe(self.encoder, self.options, self.out, self.shard)?;
            remove_surplus_parts(self.out, metadata.parts)?;
            metadata
        };
        let job = Job {
            metadata,
            limits: self.options.limits(),
            root: Fence::around(self.data_root)?,
            source: &source,
            encoder: self.encoder,
            options: self.options,
            out: self.out,
            home,
            progress,
            interrupt,
        };
        let (ours, others): (Vec<usize>, Vec<usize>) =
            (0..job.metadata.parts).partition(|&index| self.shard.has(index));
        let done = job.run(&ours)?;
        let missing = others.into_iter().filter(|&index| job.part(index).is_none()).count();
        // What was counted in another folder says nothing.
        is_home(self.out, home)?;
        Ok(Share {
            cached: done.cached,
            others: job.metadata.parts - done.cached - done.written,
            images: done.images,
            missing,
            seconds: start.elapsed().as_secs_f64(),
            metadata: job.metadata,
        })
    }

    /// Lists what was rejected in the parts of the share, which are all there, and says what they hold; for one process at a time.
    ///
    /// # Errors
    /// [`Error::Data`] if there are no samples, none gives features, or a part is not what was written; [`Error::Io`];
    /// [`Error::Interrupted`].
    pub fn end(&self, share: &Share, interrupt: &Interrupt) -> Result<ExtractReport> {
        let metadata = &share.metadata;
        let ours = || (0..metadata.parts).filter(|&index| self.shard.has(index));
        digests::gather(self.out, self.shard, ours())?;
        if share.is_whole() {
            if share.others > 0 {
                // Days may lie between: what is not what was written is not sealed as if it were.
                digests::check_parts(self.out, 0..metadata.parts, interrupt)?;
            }
            lock::forget_things(self.out)?;
        }
        let parts = ours()
            .map(|index| {
                let path = part_path(self.out, index);
                read_part(&path).map(|(_, part)| part)
            })
            .collect::<Result<Vec<_>>>()?;
        let rejects = || parts.iter().flat_map(|part| &part.rejects);
        let listed = self.out.join(self.shard.rejects_file());
        write_rejects(&listed, rejects())?;
        let rows = parts.iter().map(|part| part.rows).sum();
        let rejected = rejects().count();
        if metadata.samples_rows == 0 {
            return Err(Error::unusable_table(format!(
                "{} lists no samples",
                self.samples.display()
            )));
        }
        if let Some(first) = rejects().next().filter(|_| rows == 0) {
            return Err(Error::too_many_rejects(format!(
                "none of the {rejected} images below {} can be used; the first, {}, {}; all are listed in {}",
                self.data_root.display(),
                first.file,
                first.reason,
                rejects::keep(&listed)?.display()
            )));
        }
        Ok(ExtractReport {
            digest: metadata.digest.clone(),
            encoder: naming::title(&metadata.encoder),
            samples: ours().map(|index| metadata.range(index).len()).sum(),
            rows,
            rejected,
            parts: parts.len(),
            cached_parts: share.cached.min(parts.len()),
            missing_parts: share.missing,
            seconds: share.seconds,
            images_per_second: share.images as f64 / share.seconds.max(1e-9),
        })
    }
}

/// Removes part files beyond the table's last one: they are left over from a table of more parts.
fn remove_surplus_parts(out: &Path, parts: usize) -> Result<()> {
    let mut surplus = BTreeSet::new();
    for entry in std::fs::read_dir(out).at("read the folder", out)? {
        let path = entry.at("read the folder", out)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // Only what is certainly a part of a feature table is touched.
        if part_index(&name).is_some_and(|index| index >= parts) && read_part(&path).is_ok() {
            surplus.insert(path);
        }
    }
    for path in surplus {
        std::fs::remove_file(&path).at("remove", &path)?;
    }
    Ok(())
}

/// Writes the rejects of all parts for persons.
fn write_rejects<'a>(path: &Path, rejects: impl Iterator<Item = &'a Reject>) -> Result<()> {
    let lines = rejects.map(|reject| rejects::Line {
        file: &reject.file,
        line: Some(reject.line),
        reason: &reject.reason,
        sample: &reject.sample,
        image: &reject.file,
    });
    rejects::write(path, lines)
}
