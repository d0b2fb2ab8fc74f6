//! Licensed folder → `samples.parquet`, `rejects.csv`, `conversion.json`.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use polars::prelude::*;
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::card::Card;
use super::config::{Camera, DatasetConfig, FrameBase, Frames, Images};
use super::header;
use super::layout::{self, Found, Source};
use super::paths::Fence;
use super::reject::{self, Reason, Reject};
use super::samples::{self, SamplesMeta};
use super::text::bounded;
use crate::error::{Context, Error, Result};
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::run::atomic;
use crate::task::Split;

/// Name of the file that marks a generated tree.
pub const STAND_IN_FILE: &str = "STAND-IN.toml";
/// Name of the table of planted truths in a generated tree.
pub const TRUTH_FILE: &str = "truth.parquet";

/// Share of images that the hash makes the test set of a database without official split, unless the protocol says more.
pub const TEST_SHARE: f64 = 0.2;

/// Options of a conversion; all that can change its result besides the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConvertOptions {
    /// Layout to read; `None` finds out.
    pub layout: Option<String>,
    /// Aligned or original images.
    pub images: Images,
    /// Frames of a video database.
    pub frames: Frames,
    /// Camera of a video database.
    pub camera: Camera,
    /// Number of the first extracted frame.
    pub frame_base: FrameBase,
    /// File with folds in place of the card's.
    pub folds: Option<PathBuf>,
    /// File that says which image belongs to which split.
    pub split_list: Option<PathBuf>,
    /// Seed of the splitting hash.
    pub split_seed: u64,
    /// Share of the test set under the splitting hash.
    pub test_share: f64,
    /// Release that the folder must hold, if only one will do; says nothing about what is found in it.
    #[serde(skip)]
    pub release: Option<String>,
    /// Largest share of rows that may be rejected.
    pub max_rejected: f64,
    /// Largest number of pixels of an image.
    pub max_pixels: u64,
}

impl Default for ConvertOptions {
    fn default() -> Self {
        Self::from(&DatasetConfig::default())
    }
}

/// How the folder is read, with the defaults for what a protocol decides.
impl From<&DatasetConfig> for ConvertOptions {
    fn from(config: &DatasetConfig) -> Self {
        Self {
            layout: (config.layout != "auto").then(|| config.layout.clone()),
            images: Images::default(),
            frames: Frames::default(),
            camera: Camera::default(),
            frame_base: config.frame_base,
            folds: None,
            split_list: None,
            split_seed: 0,
            test_share: TEST_SHARE,
            release: None,
            max_rejected: config.max_rejected,
            max_pixels: config.max_pixels,
        }
    }
}

/// One count that is not what the card expects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// The split.
    pub split: String,
    /// The class; `None` for the whole split.
    pub class: Option<String>,
    /// According to the card.
    pub expected: u64,
    /// In this folder.
    pub found: u64,
}

/// The card's counts against what was found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Expected {
    /// Samples by split.
    pub by_split: BTreeMap<String, u64>,
    /// Samples by split and class.
    pub by_split_class: BTreeMap<String, BTreeMap<String, u64>>,
    /// Where they differ; empty if the database is complete.
    pub differences: Vec<Difference>,
}

/// What a conversion found; `conversion.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Conversion {
    /// Version of this file: 1.
    #[serde(default)]
    pub schema: u32,
    /// Card id.
    pub dataset: String,
    /// Layout that was read.
    pub layout: String,
    /// What spoke for this layout.
    pub layout_why: String,
    /// Folder in which it begins, relative to the data folder.
    pub base: String,
    /// Usable samples.
    pub samples: u64,
    /// Rows that were left out, listed in `rejects.csv`.
    pub rejected: u64,
    /// Labels that are legal, but unknown or outside the card's classes.
    pub masked: u64,
    /// Samples by split.
    pub by_split: BTreeMap<String, u64>,
    /// Samples by class, over all splits.
    pub by_class: BTreeMap<String, u64>,
    /// Samples by split and class.
    pub by_split_class: BTreeMap<String, BTreeMap<String, u64>>,
    /// Known labels and, among them, those above zero, by action unit.
    pub by_au: BTreeMap<String, AuCount>,
    /// The card's counts; `None` for generated trees, whose size is free, and for layouts that hold another collection than the
    /// one that the card counts.
    pub expected: Option<Expected>,
    /// Rows left out by kind of reason.
    pub reject_reasons: BTreeMap<String, usize>,
    /// What the user should know.
    pub warnings: Vec<String>,
    /// Whether the tree was generated.
    pub stand_in: bool,
    /// The table of planted truths, relative to the data folder, where there is one.
    pub truth: Option<String>,
    /// Digest of the label files and of the list of images.
    pub source_digest: String,
}

/// Labels of one action unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AuCount {
    /// Samples with a known value.
    pub known: u64,
    /// Samples with a value above zero.
    pub positive: u64,
}

/// Everything that [`convert`] writes, before it is written.
#[derive(Debug)]
pub struct Examined {
    /// Summary.
    pub conversion: Conversion,
    /// The samples table.
    pub table: DataFrame,
    /// Rows left out, sorted.
    pub rejects: Vec<Reject>,
}

/// The data folder, links resolved; or what to do without one.
///
/// # Errors
/// [`Error::Data`] with where it was looked for, how the database is obtained, and what `--stand-in` does.
pub fn data_folder(card: &Card, root: &Path) -> Result<PathBuf> {
    let missing = |what: &str| {
        Error::data(format!(
            "{}: {what}\n{} is needed there.\nhow to obtain it: {}\nlicence: {}\nwithout it: --stand-in draws faces in the \
             database's own layout and runs the same chain on them; its numbers say nothing about {}.",
            if root.as_os_str().is_empty() {
                "no data folder is named".to_owned()
            } else {
                format!("looked in {}", root.display())
            },
            card.title,
            card.licence.obtain,
            card.licence.page,
            card.title
        ))
    };
    if root.as_os_str().is_empty() {
        return Err(missing("give --data DIR, or [dataset].root in the recipe"));
    }
    if !root.exists() {
        return Err(missing("there is no such folder"));
    }
    if !root.is_dir() {
        return Err(missing("this is not a folder"));
    }
    root.canonicalize().at("open the data folder", root)
}

/// Where the marker file of a generated tree lies (relative), if there is one: at the root or where the layout begins.
pub(super) fn beside(root: &Path, base: &str, name: &str) -> Option<String> {
    let mut folder = base;
    loop {
        let path = super::paths::join(folder, name);
        if root.join(&path).is_file() {
            return Some(path);
        }
        if folder.is_empty() {
            return None;
        }
        folder = folder.rsplit_once('/').map_or("", |(parent, _)| parent);
    }
}

/// Reads and checks a database without writing anything.
///
/// # Errors
/// [`Error::Data`] if the folder is missing, its layout is unknown, or a label file is beyond use; [`Error::Interrupted`].
pub fn examine(
    card: &Card,
    root: &Path,
    options: &ConvertOptions,
    progress: &Progress,
    interrupt: &Interrupt,
) -> Result<Examined> {
    read(card, root, options, false, progress, interrupt)
}

/// As [`examine`]; frames are decoded from videos if `may_decode`.
fn read(
    card: &Card,
    root: &Path,
    options: &ConvertOptions,
    may_decode: bool,
    progress: &Progress,
    interrupt: &Interrupt,
) -> Result<Examined> {
    let root = data_folder(card, root)?;
    let detected = layout::detect(card, &root, options.layout.as_deref())?;
    progress.line(&format!(
        "convert: layout `{}` of {} ({})",
        detected.layout.name, card.title, detected.why
    ));
    card.require_release(&detected.layout.name, options.release.as_deref())?;
    let stand_in = beside(&root, &detected.base, STAND_IN_FILE).is_some();
    let source = Source {
        card,
        layout: detected.layout,
        root: &root,
        base: &detected.base,
        options,
        stand_in,
        may_decode,
        progress,
        interrupt,
    };
    let Some(reader) = layout::reader(&detected.layout.reader) else {
        // `Card::validate` has checked this.
        return Err(Error::Usage(format!("there is no reader `{}`", detected.layout.reader)));
    };
    let Found {
        frame,
        mut rejects,
        masked,
        mut warnings,
    } = reader(&source)?;
    interrupt.check()?;
    // After reading, as a reader may have decoded videos.
    let source_digest = super::digest::of(&root, &detected.base, card, options, &detected.layout.name)?;
    let frame = check_images(&frame, &root, options, &mut rejects, progress, interrupt)?;
    let frame = drop_duplicates(frame, &mut rejects)?;
    let table = samples::normalise(&frame, card)?;
    rejects.sort();

    let mut conversion = Conversion {
        schema: 1,
        dataset: card.id.clone(),
        layout: detected.layout.name.clone(),
        layout_why: detected.why.clone(),
        base: detected.base.clone(),
        samples: table.height() as u64,
        rejected: rejects.len() as u64,
        masked,
        reject_reasons: reject::histogram(&rejects),
        stand_in,
        truth: beside(&root, &detected.base, TRUTH_FILE).filter(|_| stand_in),
        source_digest,
        ..Conversion::default()
    };
    count(&table, card, &mut conversion)?;
    if stand_in {
        warnings.push("this is a generated stand-in: its counts are not compared with the database's".into());
    } else if source.is_counted() {
        compare(card, options, &mut conversion, &mut warnings);
    }
    conversion.warnings = warnings;
    Ok(Examined {
        conversion,
        table,
        rejects,
    })
}

/// Converts a database into `samples.parquet`, `rejects.csv` and `conversion.json` below `out`.
///
/// Each file appears whole or not at all; `conversion.json` is written last.
///
/// # Errors
/// As [`examine`]; [`Error::Data`] if no sample is usable or more than `options.max_rejected` of the rows are rejected
/// (`rejects.csv` is written all the same); [`Error::Io`] if `out` cannot be written.
pub fn convert(
    card: &Card,
    root: &Path,
    options: &ConvertOptions,
    out: &Path,
    progress: &Progress,
    interrupt: &Interrupt,
) -> Result<Conversion> {
    let Examined {
        conversion,
        mut table,
        mut rejects,
    } = read(card, root, options, true, progress, interrupt)?;
    // An earlier result must not stand beside the rejects of this one; `conversion.json` is written last and says "complete".
    for name in ["conversion.json", "samples.parquet"] {
        let old = out.join(name);
        if old.exists() {
            std::fs::remove_file(&old).at("replace", &old)?;
        }
    }
    let rejects_path = out.join("rejects.csv");
    reject::write_csv(&rejects_path, &mut rejects)?;
    usable(&conversion, &rejects, options, &rejects_path)?;
    interrupt.check()?;
    let meta = SamplesMeta {
        dataset: card.id.clone(),
        layout: conversion.layout.clone(),
        classes: card.class_names(),
        aus: card.au_columns(),
        source_digest: conversion.source_digest.clone(),
        stand_in: conversion.stand_in,
    };
    samples::write(&out.join("samples.parquet"), &mut table, &meta)?;
    let path = out.join("conversion.json");
    let mut json = serde_json::to_vec_pretty(&conversion).at("write", &path)?;
    json.push(b'\n');
    atomic::write(&path, &json)?;
    for warning in &conversion.warnings {
        progress.line(&format!("warning: {warning}"));
    }
    progress.line(&format!(
        "convert: {} samples, {} rejected{}",
        conversion.samples,
        conversion.rejected,
        if conversion.rejected > 0 {
            format!(" (listed in {})", rejects_path.display())
        } else {
            String::new()
        }
    ));
    Ok(conversion)
}

/// Fails if too little of a database is left.
///
/// # Errors
/// [`Error::Data`] with the first reasons and where all of them are listed.
pub fn usable(conversion: &Conversion, rejects: &[Reject], options: &ConvertOptions, list: &Path) -> Result<()> {
    let rows = conversion.samples + conversion.rejected;
    let share = conversion.rejected as f64 / rows.max(1) as f64;
    let what = if conversion.samples == 0 {
        format!("no usable sample is left of {rows} rows")
    } else if share > options.max_rejected {
        format!(
            "{} of {rows} rows were rejected ({:.1} %), more than the {:.1} % that `dataset.max_rejected` allows",
            conversion.rejected,
            100.0 * share,
            100.0 * options.max_rejected
        )
    } else {
        return Ok(());
    };
    let first: Vec<String> = rejects.iter().take(3).map(|reject| format!("  {reject}")).collect();
    let reasons: Vec<String> = conversion
        .reject_reasons
        .iter()
        .map(|(kind, n)| format!("{n} {kind}"))
        .collect();
    Err(Error::data(format!(
        "{what}{}{}\nall rejected rows: {}",
        if reasons.is_empty() {
            String::new()
        } else {
            format!(": {}", reasons.join(", "))
        },
        if first.is_empty() {
            String::new()
        } else {
            format!("\n{}", first.join("\n"))
        },
        list.display()
    )))
}

#[expect(clippy::needless_pass_by_value, reason = "map_err hands the error over")]
fn wrap(error: PolarsError) -> Error {
    Error::data(format!("failed to check the label table: {error}"))
}

/// Where a working row was read, for its reject.
struct Places<'a> {
    files: &'a StringChunked,
    lines: &'a UInt32Chunked,
}

impl<'a> Places<'a> {
    fn of(frame: &'a DataFrame) -> Result<Self> {
        Ok(Self {
            files: frame.column("file").and_then(Column::str).map_err(wrap)?,
            lines: frame.column("line").and_then(Column::u32).map_err(wrap)?,
        })
    }

    /// `file:line`.
    fn show(&self, row: usize) -> String {
        let file = self.files.get(row).unwrap_or_default();
        let line = self.lines.get(row).map_or_else(String::new, |line| format!(":{line}"));
        format!("{file}{line}")
    }

    fn reject(&self, row: usize, reason: Reason) -> Reject {
        Reject {
            file: self.files.get(row).unwrap_or_default().to_owned(),
            line: self.lines.get(row),
            reason,
        }
    }
}

/// What looking at one image found.
#[derive(Debug, Clone, Default)]
struct Seen {
    /// The path under which it is there, if that is not the one written.
    path: Option<String>,
    /// Pixels across and down.
    size: (u32, u32),
}

/// Looks at the header of every image, in parallel; rows whose image cannot be used, or whose face box lies beside it, are
/// rejected.
fn check_images(
    frame: &DataFrame,
    root: &Path,
    options: &ConvertOptions,
    rejects: &mut Vec<Reject>,
    progress: &Progress,
    interrupt: &Interrupt,
) -> Result<DataFrame> {
    const TOGETHER: usize = 1024;
    let mut frame = frame.clone();
    frame.rechunk_mut();
    if frame.column("image_path").is_err() {
        return Ok(frame);
    }
    let column = frame.column("image_path").and_then(Column::str).map_err(wrap)?;
    let images: Vec<&str> = column.iter().map(Option::unwrap_or_default).collect();
    let fence = Fence::new(root, images.iter().copied())?;
    let bar = progress.bar("images", images.len() as u64, "images");
    let checked: Vec<std::result::Result<Seen, Reason>> = images
        .par_chunks(TOGETHER)
        .flat_map_iter(|chunk| {
            let checked: Vec<_> = if interrupt.is_raised() {
                chunk.iter().map(|_| Ok(Seen::default())).collect()
            } else {
                chunk
                    .iter()
                    .map(|path| check_image(&fence, path, options.max_pixels))
                    .collect()
            };
            bar.inc(chunk.len() as u64);
            checked
        })
        .collect();
    interrupt.check()?;
    let boxes = FaceBoxes::of(&frame)?;
    let mut reasons = Vec::with_capacity(checked.len());
    let mut renamed = Vec::new();
    for (row, result) in checked.into_iter().enumerate() {
        reasons.push(match result {
            Ok(seen) => {
                renamed.extend(seen.path.map(|path| (row, path)));
                boxes.as_ref().and_then(|boxes| boxes.beside(row, seen.size))
            }
            Err(reason) => Some(reason),
        });
    }
    if !renamed.is_empty() {
        let mut paths: Vec<&str> = images;
        for (row, path) in &renamed {
            paths[*row] = path;
        }
        let paths = Column::new("image_path".into(), paths);
        frame.with_column(paths).map_err(wrap)?;
    }
    keep_good(&frame, reasons, rejects)
}

/// The face boxes of the working rows: left, top, width, height.
struct FaceBoxes([Float32Chunked; 4]);

impl FaceBoxes {
    /// `None` where the rows have no such columns.
    fn of(frame: &DataFrame) -> Result<Option<Self>> {
        let names = ["bbox_x", "bbox_y", "bbox_w", "bbox_h"];
        if names.iter().any(|name| frame.column(name).is_err()) {
            return Ok(None);
        }
        let column = |name: &str| -> Result<Float32Chunked> {
            Ok(frame.column(name).and_then(Column::f32).map_err(wrap)?.clone())
        };
        let [x, y, w, h] = names.map(column);
        Ok(Some(Self([x?, y?, w?, h?])))
    }

    /// Why the box of a row cannot be that of a face in an image of this size; boxes that reach beyond an edge can. The header may
    /// be that of an image that is shown turned by a quarter, so that either side may be the width.
    fn beside(&self, row: usize, (width, height): (u32, u32)) -> Option<Reason> {
        let value = |i: usize| self.0[i].get(row);
        let (x, y, w, h) = (value(0)?, value(1)?, value(2)?, value(3)?);
        let touches = |start: f32, length: f32, side: u32| start < side as f32 && start + length > 0.0;
        let within = |width: u32, height: u32| touches(x, w, width) && touches(y, h, height);
        (!within(width, height) && !within(height, width)).then(|| Reason::BadValue {
            column: "the face box".to_owned(),
            found: format!("{x}, {y}, {w} x {h}"),
            expected: format!("a box that meets the image of {width} x {height} pixels"),
        })
    }
}

/// Looks at one image. If it is missing, the same name with its extension in other case or spelling is looked for, as
/// label files and archives do not always agree; the path found is then returned.
fn check_image(fence: &Fence, path: &str, max_pixels: u64) -> std::result::Result<Seen, Reason> {
    let look = |file: &Path, path: Option<String>| -> std::result::Result<Seen, Reason> {
        let size = header::check(file, max_pixels)?;
        Ok(Seen { path, size })
    };
    let missing = match fence.open(path) {
        Ok(file) => return look(&file, None),
        Err(reason @ Reason::MissingImage(_)) => reason,
        Err(reason) => return Err(reason),
    };
    let (stem, extension) = path.rsplit_once('.').unwrap_or((path, ""));
    if extension.contains('/') {
        return Err(missing);
    }
    for other in [
        "jpg", "JPG", "Jpg", "jpeg", "JPEG", "Jpeg", "png", "PNG", "Png", "bmp", "BMP", "tif", "TIF", "tiff", "TIFF",
    ] {
        let same = other.eq_ignore_ascii_case(extension)
            || [("jpg", "jpeg"), ("tif", "tiff")].iter().any(|(a, b)| {
                let pair = |x: &str, y: &str| other.eq_ignore_ascii_case(x) && extension.eq_ignore_ascii_case(y);
                pair(a, b) || pair(b, a)
            });
        if !same || other == extension {
            continue;
        }
        let candidate = format!("{stem}.{other}");
        if let Ok(file) = fence.open(&candidate) {
            return look(&file, Some(candidate));
        }
    }
    Err(missing)
}

/// Moves the rows with a reason to `rejects`.
fn keep_good(frame: &DataFrame, reasons: Vec<Option<Reason>>, rejects: &mut Vec<Reject>) -> Result<DataFrame> {
    let mask: BooleanChunked = reasons.iter().map(|reason| Some(reason.is_none())).collect();
    let places = Places::of(frame)?;
    for (row, reason) in reasons.into_iter().enumerate() {
        if let Some(reason) = reason {
            rejects.push(places.reject(row, reason));
            bounded(rejects, Path::new(places.files.get(row).unwrap_or_default()))?;
        }
    }
    frame.filter(&mask).map_err(wrap)
}

/// Keeps the first row of every sample, and of every image: one image under two names may be in two splits.
fn drop_duplicates(frame: DataFrame, rejects: &mut Vec<Reject>) -> Result<DataFrame> {
    let frame = keep_first(frame, "sample_id", rejects, |id, first| Reason::DuplicateId {
        id,
        first,
    })?;
    keep_first(frame, "image_path", rejects, |path, first| Reason::DuplicateImage {
        path,
        first,
    })
}

/// Keeps the first row of every value of a text column; the others are rejected for `reason`, which is told the value and where it
/// stood first.
fn keep_first(
    frame: DataFrame,
    column: &str,
    rejects: &mut Vec<Reject>,
    reason: fn(String, String) -> Reason,
) -> Result<DataFrame> {
    if frame.height() == 0 {
        return Ok(frame);
    }
    let values = frame.column(column).and_then(Column::str).map_err(wrap)?;
    let places = Places::of(&frame)?;
    let mut first: HashMap<&str, usize> = HashMap::with_capacity(frame.height());
    let mut reasons = vec![None; frame.height()];
    for (row, value) in values.iter().enumerate() {
        let value = value.unwrap_or_default();
        match first.entry(value) {
            Entry::Occupied(earlier) => reasons[row] = Some(reason(value.to_owned(), places.show(*earlier.get()))),
            Entry::Vacant(place) => {
                place.insert(row);
            }
        }
    }
    if reasons.iter().all(Option::is_none) {
        return Ok(frame);
    }
    drop(first);
    keep_good(&frame, reasons, rejects)
}

/// Fills in the counts by split, class and action unit.
pub(crate) fn count(table: &DataFrame, card: &Card, conversion: &mut Conversion) -> Result<()> {
    let splits = table.column("split").and_then(Column::str).map_err(wrap)?;
    let classes = table.column("expression").and_then(Column::i8).map_err(wrap)?;
    let mut counts: BTreeMap<(Split, Option<i8>), u64> = BTreeMap::new();
    for (split, class) in splits.iter().zip(classes.iter()) {
        if let Some(split) = split.and_then(Split::parse) {
            *counts.entry((split, class)).or_insert(0) += 1;
        }
    }
    for ((split, class), n) in counts {
        *conversion.by_split.entry(split.to_string()).or_insert(0) += n;
        if let Some(class) = class.and_then(|class| card.classes.get(usize::try_from(class).ok()?)) {
            *conversion.by_class.entry(class.name.clone()).or_insert(0) += n;
            *conversion
                .by_split_class
                .entry(split.to_string())
                .or_default()
                .entry(class.name.clone())
                .or_insert(0) += n;
        }
    }
    for name in card.au_columns() {
        let values = table.column(&name).and_then(Column::f32).map_err(wrap)?;
        let known = values.iter().flatten().count() as u64;
        let positive = values.iter().flatten().filter(|value| *value > 0.0).count() as u64;
        conversion.by_au.insert(name, AuCount { known, positive });
    }
    Ok(())
}

/// Compares the counts with the card's, split by split and class by class.
fn compare(card: &Card, options: &ConvertOptions, conversion: &mut Conversion, warnings: &mut Vec<String>) {
    // Cards count frames without the error log under the name `clean`.
    let layout = match options.frames {
        Frames::WithoutBad if !card.bad_frames.is_empty() => "clean".to_owned(),
        _ => conversion.layout.clone(),
    };
    let mut result = Expected::default();
    for split in Split::ALL {
        let Some((samples, classes)) = card.expected(split, &layout) else {
            continue;
        };
        let name = split.to_string();
        let found = conversion.by_split.get(&name).copied().unwrap_or(0);
        if let Some(samples) = samples {
            result.by_split.insert(name.clone(), samples);
            if samples != found {
                result.differences.push(Difference {
                    split: name.clone(),
                    class: None,
                    expected: samples,
                    found,
                });
                warnings.push(format!("{name}: expected {samples} samples, found {found}"));
            }
        }
        // Lists of valence and arousal alone have no expressions to count.
        if classes.is_empty() || (conversion.by_class.is_empty() && found > 0) {
            continue;
        }
        let mut wrong = Vec::new();
        for class in &card.classes {
            let Some(&expected) = classes.get(&class.name) else {
                continue;
            };
            let found = conversion
                .by_split_class
                .get(&name)
                .and_then(|counts| counts.get(&class.name))
                .copied()
                .unwrap_or(0);
            if expected != found {
                wrong.push(format!("{} {found} instead of {expected}", class.name));
                result.differences.push(Difference {
                    split: name.clone(),
                    class: Some(class.name.clone()),
                    expected,
                    found,
                });
            }
        }
        if !wrong.is_empty() {
            warnings.push(format!("{name}: class counts differ: {}", wrong.join(", ")));
        }
        result.by_split_class.insert(name, classes);
    }
    conversion.expected = Some(result);
}
