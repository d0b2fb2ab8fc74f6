//! From a samples table and a folder of images to a feature table.
//!
//! One thread keeps the pool decoding and preparing batches; the calling thread encodes and writes them. The queue between
//! them is bounded, order is kept, and parts that are already whole are not computed again.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Instant;

use ::image::RgbImage;
use arrow::array::{Array, AsArray, BooleanArray, RecordBatch, StringArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Float32Type, SchemaRef};
use rayon::prelude::*;
use serde::Serialize;

use crate::disk::atomic;
use crate::disk::fence::{Fence, Refusal};
use crate::disk::rejects;
use crate::disk::seal::{Damage, Seal, Sealed};
use crate::encoder::interface::{Encoded, Encoder};
use crate::error::{Context, Error, Result, is_passing};
use crate::image::decode::{self, ImageError, decode_bytes};
use crate::image::{DecodeLimits, FaceBox, crop_face};
use crate::interrupt::Interrupt;
use crate::naming;
use crate::progress::Progress;

use super::config::FeaturesConfig;
use super::digests;
use super::pool::pool;
use super::reader::read_part;
use super::reject::Reject;
use super::samples::Source;
use super::shard::Shard;
use super::table::{FeatureMetadata, PartMetadata, canonical_samples, part_index, part_path};
use super::writer::{PartWriter, all_finite};

/// Batches that wait between decoding and encoding.
const QUEUE: usize = 2;

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

/// Extracts features of every sample into the folder `out`, part by part; a part that is there and whole is kept.
///
/// Beside the parts stands `rejects.csv` ([`rejects::HEADER`]). Images rejected by an earlier call are tried again.
///
/// # Errors
/// As [`Extraction::run`].
pub fn extract(
    samples: &Path,
    data_root: &Path,
    encoder: &dyn Encoder,
    options: &FeaturesConfig,
    out: &Path,
    progress: Progress,
    interrupt: &Interrupt,
) -> Result<ExtractReport> {
    Extraction {
        samples,
        data_root,
        encoder,
        options,
        out,
        shard: Shard::WHOLE,
    }
    .run(progress, interrupt)
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

impl Extraction<'_> {
    /// Computes what is missing.
    ///
    /// # Errors
    /// [`Error::Data`] if the samples table is unusable or no image at all gives features, [`Error::Io`] if something cannot
    /// be read or written, [`Error::Usage`] for options that do not fit the encoder, [`Error::Interrupted`].
    pub fn run(&self, progress: Progress, interrupt: &Interrupt) -> Result<ExtractReport> {
        let start = Instant::now();
        self.options
            .validate()
            .map_err(|(key, message)| Error::Usage(format!("features.{key}: {message}")))?;
        let source = Source::open(self.samples)?;
        let job = Job {
            metadata: source.describe(self.encoder, self.options)?,
            limits: self.options.limits(),
            root: Fence::around(self.data_root)?,
            source: &source,
            encoder: self.encoder,
            options: self.options,
            shard: self.shard,
            interrupt,
        };
        std::fs::create_dir_all(self.out).at("create the folder", self.out)?;
        atomic::sweep(self.out)?;
        remove_surplus_parts(self.out, job.metadata.parts)?;
        let ours: Vec<usize> = (0..job.metadata.parts).filter(|&index| self.shard.has(index)).collect();
        let mut done = Vec::new();
        let mut todo = Vec::new();
        let known = digests::known(self.out)?;
        for &index in &ours {
            match job.whole_part(self.out, index, &known, progress)? {
                Some(part) => done.push(part),
                None => todo.push(index),
            }
        }
        let images = |parts: &[usize]| -> usize { parts.iter().map(|&index| job.metadata.range(index).len()).sum() };
        let (samples, fresh) = (images(&ours), images(&todo));
        let bar = progress.bar("extract", samples as u64, "images");
        bar.inc((samples - fresh) as u64);
        let cached_parts = done.len();
        done.extend(job.run(&todo, self.out, &|n| bar.inc(n))?);
        drop(bar);
        done.sort_unstable_by_key(|part| part.index);
        let rejects = || done.iter().flat_map(|part| &part.rejects);
        let listed = self.out.join(self.shard.rejects_file());
        write_rejects(&listed, rejects())?;
        let rows = done.iter().map(|part| part.rows).sum();
        let rejected = rejects().count();
        if job.metadata.samples_rows == 0 {
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
        let others = (0..job.metadata.parts).filter(|&index| !self.shard.has(index));
        let missing_parts = others.filter(|&index| job.part(self.out, index).is_none()).count();
        let seconds = start.elapsed().as_secs_f64();
        Ok(ExtractReport {
            digest: job.metadata.digest.clone(),
            encoder: naming::title(&job.metadata.encoder),
            samples,
            rows,
            rejected,
            parts: ours.len(),
            cached_parts,
            missing_parts,
            seconds,
            images_per_second: fresh as f64 / seconds.max(1e-9),
        })
    }
}

/// Decoded and prepared images of consecutive samples.
struct Batch {
    samples: RecordBatch,
    /// 1-based row of the first sample.
    line: usize,
    /// One a sample; the reason where there is no image.
    images: Vec<Result<Prepared, String>>,
}

/// An image as the encoder takes it.
struct Prepared {
    image: RgbImage,
    /// Digest of its file.
    digest: String,
}

struct Job<'a> {
    metadata: FeatureMetadata,
    limits: DecodeLimits,
    root: Fence,
    source: &'a Source<'a>,
    encoder: &'a dyn Encoder,
    options: &'a FeaturesConfig,
    shard: Shard,
    interrupt: &'a Interrupt,
}

impl Job<'_> {
    fn batch_size(&self) -> usize {
        self.options
            .batch
            .map_or_else(|| self.encoder.batch_size(), |n| n as usize)
            .max(1)
    }

    /// The record of part `index` if it is there, whole, and of this table.
    fn part(&self, out: &Path, index: usize) -> Option<PartMetadata> {
        let (metadata, part) = read_part(&part_path(out, index)).ok()?;
        // The digest covers all of the description; numbers in it may read back differently in their last bit.
        let whole = metadata.digest == self.metadata.digest
            && part.index == index
            && part.rows + part.rejects.len() == self.metadata.range(index).len();
        whole.then_some(part)
    }

    /// The record of part `index` if it need not be computed: it is what was written, and none of its rejects can be read by now.
    ///
    /// # Errors
    /// [`Error::Data`] if nothing says what was written; [`Error::Io`] if the part is there and cannot be read.
    fn whole_part(&self, out: &Path, index: usize, known: &Seal, progress: Progress) -> Result<Option<PartMetadata>> {
        let path = part_path(out, index);
        if let Some(sealed) = known.get(&name_of(&path))
            && let Some(damage @ Damage::Changed(_)) = sealed.damage(&path)?
        {
            progress.line(&format!("made again, because {damage}"));
            return Ok(None);
        }
        let Some(part) = self.part(out, index) else {
            return Ok(None);
        };
        if known.get(&name_of(&path)).is_none() {
            return Err(Error::unusable_table(format!(
                "nothing says whether {} is what was written: put the digests*.json of whoever extracted it beside it, or remove \
                 it to extract it again",
                path.display()
            )));
        }
        // A disk that was not mounted, or a file that has been repaired since.
        let stale = |reject: &Reject| {
            !reject.reason.starts_with(AFTER_DECODING)
                && self
                    .root
                    .resolve(&reject.file)
                    .is_ok_and(|path| decode::decode(&path, &self.limits).is_ok())
        };
        Ok((!part.rejects.iter().any(stale)).then_some(part))
    }

    /// Computes the parts `todo`.
    fn run(&self, todo: &[usize], out: &Path, advance: &(dyn Fn(u64) + Sync)) -> Result<Vec<PartMetadata>> {
        if todo.is_empty() {
            return Ok(Vec::new());
        }
        let schema = self.source.schema()?;
        let mut seal = Seal::read(&out.join(digests::file(self.shard)))?.unwrap_or_default();
        std::thread::scope(|scope| {
            let (sender, receiver) = sync_channel(QUEUE);
            scope.spawn(move || self.decode_parts(todo, &sender));
            let parts = todo
                .iter()
                .map(|&index| self.write_part(index, out, &schema, &receiver, &mut seal, advance))
                .collect();
            // Dropped before the scope waits for the decoding thread, which may be waiting for room in the queue.
            drop(receiver);
            parts
        })
    }

    /// Sends the batches of all parts, in order; ends when nobody listens any more.
    fn decode_parts(&self, todo: &[usize], sender: &SyncSender<Result<Batch>>) {
        for &index in todo {
            let range = self.metadata.range(index);
            let mut line = range.start + 1;
            let reader = match self.source.read(range, self.batch_size()) {
                Ok(reader) => reader,
                Err(error) => {
                    // If nobody listens, the error has lost its reader too.
                    let _ = sender.send(Err(error));
                    return;
                }
            };
            for samples in reader {
                let batch = samples
                    .at("read the samples table", self.source.path)
                    .and_then(|samples| canonical_samples(&samples, self.source.path))
                    .and_then(|samples| {
                        self.interrupt.check()?;
                        Ok(Batch {
                            line,
                            images: self.images(&samples)?,
                            samples,
                        })
                    });
                line += batch.as_ref().map_or(0, |batch| batch.samples.num_rows());
                let failed = batch.is_err();
                if sender.send(batch).is_err() || failed {
                    return;
                }
            }
        }
    }

    /// Decodes, crops and prepares the images of `samples` on all threads of the pool.
    ///
    /// # Errors
    /// [`Error::Io`] if an image cannot be read for a reason that may be gone a minute later.
    fn images(&self, samples: &RecordBatch) -> Result<Vec<Result<Prepared, String>>> {
        let paths = strings(samples, "image_path", self.source.path)?;
        let corners = ["bbox_x", "bbox_y", "bbox_w", "bbox_h"]
            .map(|name| samples.column_by_name(name).map(AsArray::as_primitive::<Float32Type>));
        let face = |row: usize| -> Option<FaceBox> {
            let [x, y, width, height] = corners.map(|column| column.filter(|c| c.is_valid(row)).map(|c| c.value(row)));
            Some(FaceBox {
                x: x?,
                y: y?,
                width: width?,
                height: height?,
            })
        };
        (0..samples.num_rows())
            .into_par_iter()
            .map(|row| {
                if paths.is_null(row) {
                    return Ok(Err("has no image path".to_owned()));
                }
                let bytes = match self.read(paths.value(row))? {
                    Ok(bytes) => bytes,
                    Err(reason) => return Ok(Err(reason)),
                };
                let face = face(row).filter(|_| self.options.crop);
                Ok(self.prepare(&bytes, face).map(|image| Prepared {
                    image,
                    digest: blake3::hash(&bytes).to_hex()[..32].to_owned(),
                }))
            })
            .collect()
    }

    /// The bytes of an image, or why it has none that can be used.
    fn read(&self, relative: &str) -> Result<Result<Vec<u8>, String>> {
        let failed = |source: std::io::Error| Error::Io {
            action: "read",
            path: self.root.root().join(relative),
            source: source.into(),
        };
        // The path is in the record already; what is wanted here is the reason.
        let path = match self.root.look(relative) {
            Ok(path) => path,
            Err(Refusal::Missing(error)) if is_passing(&error) => return Err(failed(error)),
            Err(Refusal::Missing(_)) if relative.contains('\u{fffd}') => {
                return Ok(Err("has a name that is not UTF-8: rename the file".to_owned()));
            }
            Err(Refusal::Missing(error)) => return Ok(Err(format!("cannot be opened: {error}"))),
            Err(refusal) => return Ok(Err(format!("path {refusal}"))),
        };
        match decode::read(&path, &self.limits) {
            Err(ImageError::Io(error)) if is_passing(&error) => Err(failed(error)),
            read => Ok(read.map_err(|error| error.to_string())),
        }
    }

    /// Decodes, crops and prepares one image; the reason where it cannot be used.
    fn prepare(&self, bytes: &[u8], face: Option<FaceBox>) -> Result<RgbImage, String> {
        let after = |error: &dyn Display| format!("{AFTER_DECODING}{error}");
        let mut image = decode_bytes(bytes, &self.limits).map_err(|error| error.to_string())?;
        if let Some(face) = face {
            image = crop_face(&image, face, self.options.margin).map_err(|error| after(&error))?;
        }
        self.encoder.prepare(&image).map_err(|error| after(&error))
    }

    /// Receives the batches of part `index`, encodes and writes them.
    fn write_part(
        &self,
        index: usize,
        out: &Path,
        schema: &SchemaRef,
        receiver: &Receiver<Result<Batch>>,
        seal: &mut Seal,
        advance: &(dyn Fn(u64) + Sync),
    ) -> Result<PartMetadata> {
        let path = part_path(out, index);
        let mut part = PartMetadata {
            index,
            rows: 0,
            rejects: Vec::new(),
        };
        atomic::write_with(&path, |file| {
            let mut writer = PartWriter::new(&mut *file, schema, &self.metadata, &path)?;
            let mut missing = self.metadata.range(index).len();
            while missing > 0 {
                self.interrupt.check()?;
                let batch = receiver.recv().map_err(|_| {
                    Error::unusable_table(format!(
                        "{} has fewer rows than its footer says; convert the database again",
                        self.source.path.display()
                    ))
                })??;
                let rows = batch.samples.num_rows();
                self.encode(batch, schema, &mut writer, &mut part.rejects)?;
                missing = missing.saturating_sub(rows);
                advance(rows as u64);
            }
            part.rows = writer.rows();
            writer.finish(&part)?;
            // Said before the part has its name: a part without digest is none that this program wrote.
            seal.add(&name_of(&path), Sealed::of_open(file, &path)?);
            seal.write(&out.join(digests::file(self.shard)))
        })?;
        Ok(part)
    }

    fn encode(
        &self,
        batch: Batch,
        schema: &SchemaRef,
        writer: &mut PartWriter<&mut File>,
        rejects: &mut Vec<Reject>,
    ) -> Result<()> {
        let paths = strings(&batch.samples, "image_path", self.source.path)?;
        let ids = strings(&batch.samples, "sample_id", self.source.path)?;
        let mut reject = |row: usize, reason: String| {
            rejects.push(Reject {
                file: if paths.is_null(row) {
                    String::new()
                } else {
                    paths.value(row).to_owned()
                },
                line: batch.line + row,
                reason,
                sample: ids.value(row).to_owned(),
            });
        };
        let mut images = Vec::with_capacity(batch.images.len());
        let mut rows = Vec::with_capacity(batch.images.len());
        let mut digests = vec![String::new(); batch.images.len()];
        let mut failed = Vec::new();
        for (row, image) in batch.images.into_iter().enumerate() {
            match image {
                Ok(Prepared { image, digest }) => {
                    images.push(image);
                    digests[row] = digest;
                    rows.push(row);
                }
                Err(reason) => failed.push((row, reason)),
            }
        }
        let encoded = self.encoder.forward(&images)?;
        if encoded.len() != images.len() {
            return Err(Error::data(format!(
                "encoder \"{}\" gave {} results for {} images",
                self.encoder.name(),
                encoded.len(),
                images.len()
            )));
        }
        let mut keep = vec![false; batch.samples.num_rows()];
        let mut features = Vec::with_capacity(encoded.len());
        for (row, encoded) in rows.into_iter().zip(encoded) {
            let encoded = self.pooled(encoded)?;
            let dtype = self.metadata.dtype;
            let finite = all_finite(&encoded.global, dtype)
                && encoded.tokens.as_ref().is_none_or(|tokens| all_finite(tokens, dtype));
            if finite {
                keep[row] = true;
                features.push(encoded);
            } else {
                failed.push((row, format!("{AFTER_DECODING}its features are not finite numbers")));
            }
        }
        failed.sort_unstable();
        for (row, reason) in failed {
            reject(row, reason);
        }
        let mut columns = batch.samples.columns().to_vec();
        columns.push(Arc::new(StringArray::from(digests)));
        let kept = RecordBatch::try_new(Arc::clone(schema), columns)
            .and_then(|samples| filter_record_batch(&samples, &BooleanArray::from(keep)))
            .at("filter", self.source.path)?;
        writer.write(&kept, &features)
    }

    fn pooled(&self, encoded: Encoded) -> Result<Encoded> {
        let (Some(to), Some(from)) = (self.metadata.tokens, self.encoder.tokens()) else {
            return Ok(Encoded {
                tokens: None,
                ..encoded
            });
        };
        let tokens = encoded.tokens.unwrap_or_default();
        if tokens.len() != from.values() {
            return Err(Error::data(format!(
                "encoder \"{}\" gave {} token values where it announced {}",
                self.encoder.name(),
                tokens.len(),
                from.values()
            )));
        }
        Ok(Encoded {
            global: encoded.global,
            tokens: Some(pool(&tokens, from, to)),
        })
    }
}

fn name_of(part: &Path) -> String {
    part.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Begins the reasons that decoding the same file again cannot remove.
const AFTER_DECODING: &str = "was decoded, but ";

fn strings<'a>(batch: &'a RecordBatch, name: &str, path: &Path) -> Result<&'a arrow::array::StringArray> {
    batch
        .column_by_name(name)
        .and_then(|column| column.as_string_opt::<i32>())
        .ok_or_else(|| Error::unusable_table(format!("{} has no text column `{name}`", path.display())))
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
