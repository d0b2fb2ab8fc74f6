//! The parts of a feature table, as one process computes them.
//!
//! One thread takes a part that nobody has in hand and keeps the pool decoding and preparing its batches; the calling thread encodes
//! and writes them. The queue between them is bounded, order is kept, and parts that are already whole are not computed again.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use ::image::RgbImage;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::disk::atomic;
use crate::disk::fence::Fence;
use crate::disk::lock::{self, Attempt, Lock};
use crate::disk::publish::Identity;
use crate::disk::seal::{Damage, Seal, Sealed};
use crate::encoder::interface::Encoder;
use crate::error::{Context, Error, Result};
use crate::image::DecodeLimits;
use crate::image::decode;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::there;

use super::config::FeaturesConfig;
use super::digests;
use super::reader::read_part;
use super::reject::{AFTER_DECODING, Reject};
use super::samples::Source;
use super::table::{FeatureMetadata, PartMetadata, canonical_samples, part_path};
use super::writer::PartWriter;

/// Batches that wait between decoding and encoding.
const QUEUE: usize = 2;

/// An extraction into the folder `out`.
pub(super) struct Job<'a> {
    pub(super) metadata: FeatureMetadata,
    pub(super) limits: DecodeLimits,
    pub(super) root: Fence,
    pub(super) source: &'a Source<'a>,
    pub(super) encoder: &'a dyn Encoder,
    pub(super) options: &'a FeaturesConfig,
    pub(super) out: &'a Path,
    /// Which folder that is.
    pub(super) home: Identity,
    pub(super) progress: Progress,
    pub(super) interrupt: &'a Interrupt,
}

/// Decoded and prepared images of consecutive samples.
pub(super) struct Batch {
    pub(super) samples: RecordBatch,
    /// 1-based row of the first sample.
    pub(super) line: usize,
    /// One a sample; the reason where there is no image.
    pub(super) images: Vec<Result<Prepared, String>>,
}

/// An image as the encoder takes it.
pub(super) struct Prepared {
    pub(super) image: RgbImage,
    /// Digest of its file.
    pub(super) digest: String,
}

/// What the decoding thread hands over: a part that it holds, and then the batches of that part.
enum Work {
    Part(usize, Lock),
    Batch(Batch),
}

/// What came of the parts that were asked for; all of them are there.
pub(super) struct Done {
    /// Parts that were there before.
    pub(super) cached: usize,
    /// Parts that this process wrote.
    pub(super) written: usize,
    /// Images that this process encoded.
    pub(super) images: usize,
}

impl Job<'_> {
    fn batch_size(&self) -> usize {
        self.options
            .batch
            .map_or_else(|| self.encoder.batch_size(), |n| n as usize)
            .max(1)
    }

    /// The record of part `index` if it is there, whole, and of this table.
    pub(super) fn part(&self, index: usize) -> Option<PartMetadata> {
        let (metadata, part) = read_part(&part_path(self.out, index)).ok()?;
        // The digest covers all of the description; numbers in it may read back differently in their last bit.
        let whole = metadata.digest == self.metadata.digest
            && part.index == index
            && part.rows + part.rejects.len() == self.metadata.range(index).len();
        whole.then_some(part)
    }

    /// The record of part `index` if it need not be computed: it is what was written, and none of its rejects can be read by now.
    ///
    /// # Errors
    /// [`Error::Io`] if the part is there and cannot be read.
    fn whole_part(&self, index: usize, known: &Seal) -> Result<Option<PartMetadata>> {
        let path = part_path(self.out, index);
        if let Some(sealed) = known.get(&name_of(&path))
            && let Some(damage @ Damage::Changed(_)) = sealed.damage(&path)?
        {
            self.progress.line(&format!("made again, because {damage}"));
            return Ok(None);
        }
        // What nobody has said yet is judged under the part's lock.
        let Some(part) = self.part(index).filter(|_| known.get(&name_of(&path)).is_some()) else {
            return Ok(None);
        };
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

    /// Computes those of `parts` that are missing.
    ///
    /// # Errors
    /// [`Error::Data`] if the samples are unusable; [`Error::Io`]; [`Error::Interrupted`].
    pub(super) fn run(&self, parts: &[usize]) -> Result<Done> {
        let known = digests::known(self.out)?;
        let mut todo = VecDeque::new();
        for &index in parts {
            if self.whole_part(index, &known)?.is_none() {
                todo.push_back(index);
            }
        }
        let count = |parts: &mut dyn Iterator<Item = &usize>| -> usize {
            parts.map(|&index| self.metadata.range(index).len()).sum()
        };
        let (all, missing) = (count(&mut parts.iter()), count(&mut todo.iter()));
        let mut done = Done {
            cached: parts.len() - todo.len(),
            written: 0,
            images: 0,
        };
        if todo.is_empty() {
            return Ok(done);
        }
        let bar = self.progress.bar("extract", all as u64, "images");
        bar.inc((all - missing) as u64);
        let advance = |images: u64| bar.inc(images);
        let schema = self.source.schema()?;
        std::thread::scope(|scope| {
            let (sender, receiver) = sync_channel(QUEUE);
            let advance = &advance;
            scope.spawn(move || {
                if let Err(error) = self.send_parts(todo, &sender, advance) {
                    // If nobody listens, the error has lost its reader too.
                    let _ = sender.send(Err(error));
                }
            });
            let written = receiver.iter().try_for_each(|work| {
                let Work::Part(index, lock) = work? else {
                    return Err(self.too_few_rows());
                };
                let part = self.write_part(index, &schema, &receiver, advance)?;
                done.written += 1;
                done.images += part.rows + part.rejects.len();
                drop(lock);
                Ok(())
            });
            // Dropped before the scope waits for the decoding thread, which may be waiting for room in the queue.
            drop(receiver);
            written
        })?;
        Ok(done)
    }

    fn too_few_rows(&self) -> Error {
        Error::unusable_table(format!(
            "{} has fewer rows than its footer says; convert the database again",
            self.source.path.display()
        ))
    }

    /// Sends every part that nobody else computes; ends when all are there, or nobody listens any more.
    fn send_parts(
        &self,
        mut todo: VecDeque<usize>,
        sender: &SyncSender<Result<Work>>,
        advance: &(dyn Fn(u64) + Sync),
    ) -> Result<()> {
        let mut told = false;
        loop {
            let mut by = None;
            for _ in 0..todo.len() {
                let Some(index) = todo.pop_front() else { break };
                let lock = match Lock::attempt(self.out, &format!("part-{index:05}"), self.interrupt)? {
                    Attempt::Held(lock) => lock,
                    Attempt::Busy(holder) => {
                        todo.push_back(index);
                        by = holder;
                        continue;
                    }
                };
                // Whoever held it before may have written it.
                let written = self.is_written(index)?;
                // After the look: what is missing here while its lock is held, nobody can end the table without.
                is_home(self.out, self.home)?;
                if written {
                    advance(self.metadata.range(index).len() as u64);
                    continue;
                }
                if sender.send(Ok(Work::Part(index, lock))).is_err() || !self.send_batches(index, sender)? {
                    return Ok(());
                }
            }
            if todo.is_empty() {
                return Ok(());
            }
            if !std::mem::replace(&mut told, true) {
                self.progress.line(&lock::waiting(by.as_ref(), self.out));
            }
            self.interrupt.check()?;
            std::thread::sleep(lock::pause(by.as_ref()));
        }
    }

    /// Whether a part that this process holds is there and whole.
    ///
    /// # Errors
    /// [`Error::Data`] if nothing says what was written.
    fn is_written(&self, index: usize) -> Result<bool> {
        let path = part_path(self.out, index);
        if !there::is_file(&path)? {
            return Ok(false);
        }
        let known = digests::known(self.out)?;
        if known.get(&name_of(&path)).is_none() && self.part(index).is_some() {
            return Err(Error::unusable_table(format!(
                "nothing says whether {} is what was written: put the digests*.json of whoever extracted it beside it, or remove \
                 it to extract it again",
                path.display()
            )));
        }
        Ok(self.whole_part(index, &known)?.is_some())
    }

    /// Sends the batches of a part, in order; whether somebody listens still.
    fn send_batches(&self, index: usize, sender: &SyncSender<Result<Work>>) -> Result<bool> {
        let range = self.metadata.range(index);
        let mut line = range.start + 1;
        for samples in self.source.read(range, self.batch_size())? {
            let samples = samples.at("read the samples table", self.source.path)?;
            let samples = canonical_samples(&samples, self.source.path)?;
            self.interrupt.check()?;
            let batch = Batch {
                line,
                images: self.images(&samples)?,
                samples,
            };
            line += batch.samples.num_rows();
            if sender.send(Ok(Work::Batch(batch))).is_err() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Receives the batches of part `index`, encodes and writes them.
    fn write_part(
        &self,
        index: usize,
        schema: &SchemaRef,
        receiver: &Receiver<Result<Work>>,
        advance: &(dyn Fn(u64) + Sync),
    ) -> Result<PartMetadata> {
        let path = part_path(self.out, index);
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
                let Ok(work) = receiver.recv() else {
                    return Err(self.too_few_rows());
                };
                let Work::Batch(batch) = work? else {
                    return Err(self.too_few_rows());
                };
                let rows = batch.samples.num_rows();
                self.encode(batch, schema, &mut writer, &mut part.rejects)?;
                missing = missing.saturating_sub(rows);
                advance(rows as u64);
            }
            part.rows = writer.rows();
            writer.finish(&part)?;
            // Said before the part has its name: a part without digest is none that this program wrote.
            let mut seal = Seal::default();
            seal.add(&name_of(&path), Sealed::of_open(file, &path)?);
            seal.write(&self.out.join(digests::file_of(index)))
        })?;
        Ok(part)
    }
}

/// Fails if the folder is not the one in which this process began: somebody ended the work, and gave it its name.
pub(super) fn is_home(folder: &Path, home: Identity) -> Result<()> {
    if there::identity(folder) == home {
        return Ok(());
    }
    Err(std::io::Error::from(std::io::ErrorKind::NotFound)).at("write to the folder", folder)
}

fn name_of(part: &Path) -> String {
    part.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
