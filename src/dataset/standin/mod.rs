//! Stand-ins: drawn faces in a database's own layout, for everybody who does not hold the licence, and with the truth
//! beside them that no licensed database has.
//!
//! [`generate`] plans all samples (split, subject, emotion, mode, action units, flipped label), draws each from its own
//! random stream, and writes the layout's label files, `truth.parquet` and, last of all, the marker [`MARKER`]. Every
//! stream derives from the seed and the sample's number alone, so the same options give the same bytes in any order of
//! drawing and on any number of cores.
//!
//! A database is one file with one [`Layout`]; `LAYOUTS` lists them.

mod action_units;
mod canvas;
mod face;
mod hair;
mod identity;
mod modes;
mod photo;
mod plan;
mod rafdb;
mod rig;
#[cfg(test)]
mod sheets;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{ArrayRef, BooleanArray, Float32Array, Int8Array, RecordBatch, StringArray};
use arrow::datatypes::{Field, Schema};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

pub use self::action_units::{ACTION_UNITS, Expression};
use self::identity::{Identity, Shot};
pub use self::modes::{Emotion, Mode};
use self::plan::{Sample, stream};
use crate::error::{Context, Error, Result};
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::run::{atomic, tables};
use crate::task::Split;

/// Version of everything that decides the bytes of a stand-in: drawing, modes, layouts. It belongs into every cache key.
pub const GENERATOR_VERSION: u32 = 1;

/// The file at the root of a complete stand-in.
pub const MARKER: &str = "STAND-IN.toml";

/// The same content while the stand-in is being written.
const UNFINISHED: &str = "STAND-IN.unfinished.toml";

/// The file with the truth about every image, at the root of the tree.
pub const TRUTH: &str = "truth.parquet";

const NOTICE: &str = "These images are generated drawings of nobody, written by aura-bench in the layout of the \
                      database named by `card`. They are not the database, and no result on them is a result on it.";

const TEMPORARY: &str = ".partial-";

/// What to generate.
#[derive(Debug, Clone, PartialEq)]
pub struct StandinOptions {
    /// The database whose layout is written: one of [`cards`].
    pub card: String,
    /// Number of images, all splits together.
    pub samples: usize,
    /// Seed of everything.
    pub seed: u64,
    /// Share of the labels that are flipped to a neighbouring expression, 0 to 0.5.
    pub label_noise: f64,
    /// Side of an image in pixels; `None` for the database's own.
    pub size: Option<u32>,
}

impl Default for StandinOptions {
    fn default() -> Self {
        Self {
            card: "rafdb".to_owned(),
            samples: 2400,
            seed: 0,
            label_noise: 0.05,
            size: None,
        }
    }
}

/// What was generated.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StandinReport {
    /// The database whose layout was written.
    pub card: String,
    /// The root of the tree.
    pub root: PathBuf,
    /// Images in the tree.
    pub samples: usize,
    /// Images drawn by this call; the others were there already.
    pub drawn: usize,
    /// Whether the tree was complete before.
    pub cached: bool,
    /// Images of each split, in the order of [`Split::ALL`], empty splits left out.
    pub by_split: Vec<(String, usize)>,
    /// Images of each true class, in the card's order.
    pub by_class: Vec<(String, usize)>,
    /// Labels that are deliberately wrong.
    pub flipped: usize,
}

/// How one database lies on disk.
trait Layout: Sync {
    /// Name of the card.
    fn card(&self) -> &'static str;
    /// Expressions in the order of the card's class list.
    fn classes(&self) -> &'static [Emotion];
    /// Side of an image in pixels.
    fn size(&self) -> u32;
    /// Every sample: where it lies, who it shows, what it shows, how it is labelled.
    fn plan(&self, options: &StandinOptions) -> Result<Vec<Sample>>;
    /// The database's label files: paths relative to the root, and their bytes.
    fn labels(&self, samples: &[Sample]) -> Vec<(&'static str, Vec<u8>)>;
}

/// Every database that can be imitated.
static LAYOUTS: [&dyn Layout; 1] = [&rafdb::RafDb];

/// The cards that [`generate`] knows.
pub fn cards() -> Vec<&'static str> {
    LAYOUTS.iter().map(|layout| layout.card()).collect()
}

/// The content of [`MARKER`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Marker {
    schema: u32,
    generator: u32,
    card: String,
    samples: usize,
    seed: u64,
    label_noise: f64,
    size: u32,
    notice: String,
}

/// Whether the tree under `root` is a complete stand-in.
pub fn is_standin(root: &Path) -> bool {
    root.join(MARKER).is_file()
}

/// Writes a stand-in database under `out`, or finishes one that was interrupted, or finds it complete.
///
/// # Errors
/// [`Error::Usage`] for an unknown card or impossible options; [`Error::Data`] if `out` holds anything but this very
/// stand-in; [`Error::Io`] if a file cannot be written; [`Error::Interrupted`] if the user asked to stop: the next call
/// with the same options continues.
pub fn generate(
    options: &StandinOptions,
    out: &Path,
    progress: &Progress,
    interrupt: &Interrupt,
) -> Result<StandinReport> {
    let layout = layout(&options.card)?;
    let size = check(options, layout)?;
    let marker = Marker {
        schema: 1,
        generator: GENERATOR_VERSION,
        card: options.card.clone(),
        samples: options.samples,
        seed: options.seed,
        label_noise: options.label_noise,
        size,
        notice: NOTICE.to_owned(),
    };
    let complete = claim(out, &marker)?;
    let samples = layout.plan(options)?;
    let labels = layout.labels(&samples);
    if complete && out.join(TRUTH).is_file() && labels.iter().all(|(path, _)| out.join(path).is_file()) {
        return Ok(report(layout, out, &samples, 0, true));
    }

    let text = toml::to_string(&marker).at("encode", &out.join(MARKER))?;
    atomic::write(&out.join(UNFINISHED), text.as_bytes())?;
    let folders = folders(out, &samples);
    for folder in &folders {
        std::fs::create_dir_all(folder).at("create the folder", folder)?;
    }
    let drawn = draw_all(&samples, size, options.seed, out, progress, interrupt)?;
    for (path, bytes) in &labels {
        atomic::write(&out.join(path), bytes)?;
    }
    write_truth(&out.join(TRUTH), layout, &samples)?;
    for folder in &folders {
        sweep(folder)?;
    }
    atomic::write(&out.join(MARKER), text.as_bytes())?;
    let unfinished = out.join(UNFINISHED);
    std::fs::remove_file(&unfinished).at("remove", &unfinished)?;
    Ok(report(layout, out, &samples, drawn, false))
}

fn layout(card: &str) -> Result<&'static dyn Layout> {
    LAYOUTS
        .iter()
        .find(|layout| layout.card() == card)
        .copied()
        .ok_or_else(|| {
            Error::Usage(format!(
                "there is no stand-in for the card `{card}`; known are: {}",
                cards().join(", ")
            ))
        })
}

/// Checks what does not depend on the layout; the side of the images.
fn check(options: &StandinOptions, layout: &dyn Layout) -> Result<u32> {
    let size = options.size.unwrap_or_else(|| layout.size());
    if !(32..=1024).contains(&size) {
        return Err(Error::Usage(format!(
            "images of {size} pixels cannot be drawn; expected 32 to 1024"
        )));
    }
    if !(0.0..=0.5).contains(&options.label_noise) {
        return Err(Error::Usage(format!(
            "a label noise of {} is impossible; expected a share from 0 to 0.5",
            options.label_noise
        )));
    }
    Ok(size)
}

/// Makes sure that `out` is empty or belongs to this stand-in; true if that is complete.
fn claim(out: &Path, marker: &Marker) -> Result<bool> {
    for (name, complete) in [(MARKER, true), (UNFINISHED, false)] {
        let path = out.join(name);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error).at("read", &path),
        };
        let found: Marker = toml::from_str(&text).map_err(|error| {
            Error::Data(format!(
                "{} is no marker of this version of the generator ({}); remove the folder or choose another",
                path.display(),
                error.message()
            ))
        })?;
        if found != *marker {
            return Err(Error::Data(format!(
                "{} holds a stand-in made with other options ({}); remove it or choose another folder",
                out.display(),
                differences(&found, marker)
            )));
        }
        return Ok(complete);
    }
    let entries = match std::fs::read_dir(out) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error).at("read the folder", out),
    };
    for entry in entries {
        let name = entry.at("read the folder", out)?.file_name();
        if !name.to_string_lossy().starts_with(TEMPORARY) {
            return Err(Error::Data(format!(
                "{} holds files that are no stand-in (for example `{}`), and generated faces are never mixed with \
                 others; choose an empty folder",
                out.display(),
                name.to_string_lossy()
            )));
        }
    }
    Ok(false)
}

/// "seed 1, asked 2; …" for every option that differs.
fn differences(found: &Marker, asked: &Marker) -> String {
    let pairs = [
        ("generator", found.generator.to_string(), asked.generator.to_string()),
        ("card", found.card.clone(), asked.card.clone()),
        ("samples", found.samples.to_string(), asked.samples.to_string()),
        ("seed", found.seed.to_string(), asked.seed.to_string()),
        (
            "label noise",
            found.label_noise.to_string(),
            asked.label_noise.to_string(),
        ),
        ("size", found.size.to_string(), asked.size.to_string()),
        ("schema", found.schema.to_string(), asked.schema.to_string()),
    ];
    let differing: Vec<String> = pairs
        .into_iter()
        .filter(|(_, found, asked)| found != asked)
        .map(|(name, found, asked)| format!("{name} {found}, asked {asked}"))
        .collect();
    if differing.is_empty() {
        "its notice differs".to_owned()
    } else {
        differing.join("; ")
    }
}

/// The folders of the images, each once.
fn folders(out: &Path, samples: &[Sample]) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = samples
        .iter()
        .filter_map(|sample| out.join(&sample.path).parent().map(Path::to_owned))
        .collect();
    folders.sort();
    folders.dedup();
    folders
}

/// Draws every image that is not there yet, on all cores; how many that were.
fn draw_all(
    samples: &[Sample],
    size: u32,
    seed: u64,
    out: &Path,
    progress: &Progress,
    interrupt: &Interrupt,
) -> Result<usize> {
    let bar = progress.bar("faces", samples.len() as u64, "images");
    let drawn = AtomicUsize::new(0);
    samples.par_iter().try_for_each(|sample| {
        interrupt.check()?;
        let path = out.join(&sample.path);
        if !is_whole(&path) {
            write_image(&path, &render(sample, size, seed)?)?;
            drawn.fetch_add(1, Ordering::Relaxed);
        }
        bar.inc(1);
        Ok::<(), Error>(())
    })?;
    Ok(drawn.into_inner())
}

/// The JPEG file of one sample.
fn render(sample: &Sample, size: u32, seed: u64) -> Result<Vec<u8>> {
    let who = Identity::sample(&mut stream(seed, "subject", u64::from(sample.subject)));
    let shot = Shot::sample(&mut stream(seed, "shot", sample.shot));
    let mut grain = stream(seed, "grain", sample.number);
    photo::photograph(&who, &sample.expression, &shot, size, &mut grain)
        .and_then(|rgb| photo::jpeg(&rgb, size))
        .ok_or_else(|| Error::Data(format!("there is not enough memory to draw an image of {size} pixels")))
}

/// Whether a file begins and ends as a JPEG file does.
fn is_whole(path: &Path) -> bool {
    std::fs::read(path)
        .is_ok_and(|bytes| bytes.len() > 128 && bytes.starts_with(&[0xFF, 0xD8]) && bytes.ends_with(&[0xFF, 0xD9]))
}

/// Writes beside and renames, without waiting for the disk: after a power failure the end of the file tells, and the
/// image is drawn again. (Thousands of syncs would take longer than the drawing.)
fn write_image(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o644));
    }
    let mut file = builder.tempfile_in(folder).at("write a file in", folder)?;
    file.write_all(bytes).at("write", path)?;
    file.persist(path).map_err(|error| error.error).at("write", path)?;
    Ok(())
}

/// Removes what killed calls left behind.
fn sweep(folder: &Path) -> Result<()> {
    for entry in std::fs::read_dir(folder).at("read the folder", folder)? {
        let entry = entry.at("read the folder", folder)?;
        if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
            let path = entry.path();
            std::fs::remove_file(&path).at("remove", &path)?;
        }
    }
    Ok(())
}

/// Index of an emotion in the card's class list; the plan draws only from that list.
fn index_of(layout: &dyn Layout, emotion: Emotion) -> i8 {
    layout
        .classes()
        .iter()
        .position(|&class| class == emotion)
        .map_or(-1, |i| i as i8)
}

fn write_truth(path: &Path, layout: &dyn Layout, samples: &[Sample]) -> Result<()> {
    let text =
        |f: &dyn Fn(&Sample) -> String| -> ArrayRef { Arc::new(StringArray::from_iter_values(samples.iter().map(f))) };
    let number =
        |f: &dyn Fn(&Sample) -> f32| -> ArrayRef { Arc::new(Float32Array::from_iter_values(samples.iter().map(f))) };
    let class = |f: &dyn Fn(&Sample) -> Emotion| -> ArrayRef {
        Arc::new(Int8Array::from_iter_values(
            samples.iter().map(|sample| index_of(layout, f(sample))),
        ))
    };
    let mut columns: Vec<(String, ArrayRef)> = vec![
        ("sample_id".to_owned(), text(&|s| s.id.clone())),
        ("image_path".to_owned(), text(&|s| s.path.clone())),
        ("split".to_owned(), text(&|s| s.split.as_str().to_owned())),
        ("subject".to_owned(), text(&Sample::subject_name)),
        ("mode".to_owned(), text(&Sample::mode_name)),
        ("expression".to_owned(), class(&|s| s.emotion)),
        ("expression_name".to_owned(), text(&|s| s.emotion.name().to_owned())),
        ("label".to_owned(), class(&|s| s.label)),
        (
            "flipped".to_owned(),
            Arc::new(samples.iter().map(|s| Some(s.flipped())).collect::<BooleanArray>()),
        ),
        ("valence".to_owned(), number(&|s| s.expression.valence())),
        ("arousal".to_owned(), number(&|s| s.expression.arousal())),
    ];
    for unit in ACTION_UNITS {
        columns.push((format!("au{unit:02}"), number(&|s| s.expression.get(unit))));
    }
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, column)| Field::new(name, column.data_type().clone(), name == "subject"))
        .collect();
    let batch = RecordBatch::try_new(
        Arc::new(Schema::new(fields)),
        columns.into_iter().map(|(_, column)| column).collect(),
    )
    .at("encode", path)?;
    let classes: Vec<&str> = layout.classes().iter().map(|class| class.name()).collect();
    let about = serde_json::json!({
        "generator": GENERATOR_VERSION,
        "card": layout.card(),
        "classes": classes,
        "aus": ACTION_UNITS,
        "notice": NOTICE,
    });
    tables::write_batch(path, &batch, &[("aura-bench.truth", about.to_string())])
}

fn report(layout: &dyn Layout, out: &Path, samples: &[Sample], drawn: usize, cached: bool) -> StandinReport {
    let count = |f: &dyn Fn(&Sample) -> bool| samples.iter().filter(|sample| f(sample)).count();
    StandinReport {
        card: layout.card().to_owned(),
        root: out.to_owned(),
        samples: samples.len(),
        drawn,
        cached,
        by_split: Split::ALL
            .into_iter()
            .map(|split| (split.as_str().to_owned(), count(&|s| s.split == split)))
            .filter(|&(_, n)| n > 0)
            .collect(),
        by_class: layout
            .classes()
            .iter()
            .map(|&class| (class.name().to_owned(), count(&|s| s.emotion == class)))
            .collect(),
        flipped: count(&Sample::flipped),
    }
}
