//! Licensed folder → `samples.parquet`, `rejects.csv`, `conversion.json`.

use std::path::Path;

use polars::prelude::*;
use rayon::prelude::*;

use crate::disk::atomic;
use crate::disk::fence::Fence;
use crate::error::{Context, Error, Result};
use crate::intake::header;
use crate::intake::paths;
use crate::intake::reject::{self, Reason, Reject};
use crate::interrupt::Interrupt;
use crate::progress::Progress;

use super::card::Card;
use super::conversion::{Conversion, compare, count, never_learned, usable};
use super::frame::{drop_duplicates, keep_good, wrap};
use super::generated::{STAND_IN_FILE, TRUTH_FILE};
use super::layout::beside;
use super::located::LocatedData;
use super::options::ConvertOptions;
use super::people::name_subjects;
use super::reader::registry;
use super::samples::{self, SamplesMeta};
use super::source::{Found, Source};

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
    examine_located(&LocatedData::find(card, root, options)?, progress, interrupt)
}

/// As [`examine`], of a database that was found before.
///
/// # Errors
/// As [`examine`].
pub fn examine_located(data: &LocatedData<'_>, progress: &Progress, interrupt: &Interrupt) -> Result<Examined> {
    read(data, None, progress, interrupt)
}

/// As [`examine_located`]; where there are only videos, their frames are decoded into the folder `frames`.
fn read(data: &LocatedData<'_>, frames: Option<&Path>, progress: &Progress, interrupt: &Interrupt) -> Result<Examined> {
    let LocatedData {
        card,
        options,
        detected,
        fence,
        ..
    } = data;
    let root = fence.root();
    progress.line(&format!(
        "convert: layout `{}` of {} ({})",
        detected.layout.name, card.title, detected.why
    ));
    card.require_release(&detected.layout.name, options.release.as_deref())?;
    let stand_in = beside(root, &detected.base, STAND_IN_FILE)?.is_some();
    let source = Source {
        card,
        layout: detected.layout,
        root,
        fence,
        base: &detected.base,
        options,
        stand_in,
        frames,
        progress,
        interrupt,
    };
    let Some(reader) = registry::reader(&detected.layout.reader) else {
        // `Card::validate` has checked this.
        return Err(Error::Usage(format!("there is no reader `{}`", detected.layout.reader)));
    };
    let Found {
        frame,
        mut rejects,
        masked,
        mut warnings,
        decoded,
    } = reader(&source)?;
    interrupt.check()?;
    let source_digest = data.source_digest()?;
    let beside_frames = decoded
        .as_ref()
        .map(|decoded| Fence::around(Path::new(&decoded.folder)));
    let beside_frames = beside_frames.transpose()?;
    let frame = check_images(
        &frame,
        beside_frames.as_ref().unwrap_or(fence),
        options,
        &mut rejects,
        progress,
        interrupt,
    )?;
    reject::check_available(&rejects, fence.root())?;
    let frame = drop_duplicates(frame, &mut rejects)?;
    let mut table = samples::normalise(&frame, card)?;
    let truth = beside(root, &detected.base, TRUTH_FILE)?.filter(|_| stand_in);
    if let Some(truth) = &truth {
        name_subjects(&mut table, fence, truth)?;
    }
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
        truth,
        source_digest,
        decoded,
        ..Conversion::default()
    };
    count(&table, card, &mut conversion)?;
    // Of a generated stand-in the size is free, and a small one need not have every class.
    if !stand_in {
        if source.is_counted() {
            compare(card, options, &mut conversion, &mut warnings);
        }
        warnings.extend(never_learned(&conversion));
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
/// Each file appears whole or not at all; `conversion.json` is written last. Frames of a database of videos are decoded into
/// `options.decoded_frames`, or into `frames` below `out`.
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
    let frames = options.decoded_frames.clone().unwrap_or_else(|| out.join("frames"));
    let data = LocatedData::find(card, root, options)?;
    convert_located(&data, out, out, &frames, progress, interrupt)
}

/// As [`convert`], of a database that was found before. `lies` is where `out` will lie for whoever reads the messages, `frames`
/// the folder that keeps frames decoded from videos.
///
/// # Errors
/// As [`convert`].
pub fn convert_located(
    data: &LocatedData<'_>,
    out: &Path,
    lies: &Path,
    frames: &Path,
    progress: &Progress,
    interrupt: &Interrupt,
) -> Result<Conversion> {
    let (card, options) = (data.card, data.options);
    let Examined {
        conversion,
        mut table,
        mut rejects,
    } = read(data, Some(frames), progress, interrupt)?;
    // An earlier result must not stand beside the rejects of this one; `conversion.json` is written last and says "complete".
    for name in ["conversion.json", "samples.parquet"] {
        atomic::remove(&out.join(name))?;
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
            format!(" (listed in {})", lies.join("rejects.csv").display())
        } else {
            String::new()
        }
    ));
    Ok(conversion)
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
    fence: &Fence,
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
    let fence = fence.clone().with_folders_of(images.iter().copied());
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

/// Looks at one image. If it is missing, the same name with its accents in another form, or its extension in other case or
/// spelling, is looked for, as label files and archives do not always agree; the path found is then returned.
fn check_image(fence: &Fence, path: &str, max_pixels: u64) -> std::result::Result<Seen, Reason> {
    let look = |file: &Path, path: Option<String>| -> std::result::Result<Seen, Reason> {
        let size = header::check(file, max_pixels)?;
        Ok(Seen { path, size })
    };
    let open = |path: &str| fence.file(path).map_err(|refusal| Reason::of_path(&refusal, path));
    let missing = match open(path) {
        Ok(file) => return look(&file, None),
        Err(reason @ Reason::MissingImage(_)) => reason,
        Err(reason) => return Err(reason),
    };
    for candidate in paths::other_names(path) {
        if let Ok(file) = open(&candidate) {
            return look(&file, Some(candidate));
        }
    }
    Err(missing)
}
