//! `AffectNet`: the first release (CSVs), the release of March 2021 (one `.npy` a label), and the derived lists in circulation.
//!
//! Which images a card keeps follows from its classes: labels that are not among them (none, uncertain, no face; contempt
//! where there are seven classes) are masked. The official validation set is the test set.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use polars::prelude::*;
use rayon::prelude::*;

use crate::dataset::frame::{sift, wrap};
use crate::dataset::source::{Found, Source};
use crate::dataset::split;
use crate::disk::fence::Fence;
use crate::error::{Error, Result, is_passing};
use crate::intake::paths;
use crate::intake::reject::{Reason, Reject};
use crate::intake::{npy, text};
use crate::regular;
use crate::task::{Split, Task};
use crate::there;

use super::rows::{self, Collected};
use super::tabular;

/// Columns of the first release's CSVs; some copies of `validation.csv` have no header.
const COLUMNS: [&str; 9] = [
    "subDirectory_filePath",
    "face_x",
    "face_y",
    "face_width",
    "face_height",
    "facial_landmarks",
    "expression",
    "valence",
    "arousal",
];

/// `training.csv` and `validation.csv` with the manual labels.
pub(crate) fn read_lists(source: &Source<'_>) -> Result<Found> {
    let lists = [("training.csv", Split::Train), ("validation.csv", Split::Test)];
    let mut found: Vec<(String, Split)> = Vec::new();
    for (name, split) in lists {
        let places =
            ["Manually_Annotated_file_lists/", ""].map(|place| paths::join(source.base, &format!("{place}{name}")));
        found.extend(source.first_existing(&places)?.map(|list| (list, split)));
    }
    let images = [
        "Manually_Annotated_Images",
        "Manually_Annotated_compressed/Manually_Annotated_Images",
        "Manually_Annotated/Manually_Annotated_Images",
        "Manually_Annotated_compressed",
        "Manually_Annotated",
        "Manually_annotated",
        "images",
    ];
    read_csvs(source, &found, &images, Vec::new())
}

/// The automatically labelled part, where nothing else is there.
pub(crate) fn read_automatic(source: &Source<'_>) -> Result<Found> {
    let places: Vec<String> = ["list", "lists"]
        .iter()
        .flat_map(|end| {
            ["Automatically_annotated_file_", "Automatically_Annotated_file_"].map(|start| format!("{start}{end}/"))
        })
        .chain([String::new()])
        .map(|place| paths::join(source.base, &format!("{place}automatically_annotated.csv")))
        .collect();
    let lists: Vec<(String, Split)> = source
        .first_existing(&places)?
        .into_iter()
        .map(|list| (list, Split::Train))
        .collect();
    let images = [
        "Automatically_Annotated_Images",
        "Automatically_annotated_Images",
        "Automatically_Annotated_compressed/Automatically_Annotated_Images",
        "Automatically_Annotated/Automatically_Annotated_Images",
        "Automatically_Annotated_compressed",
        "Automatically_Annotated",
        "images",
    ];
    let warning = "these labels were given by a network, not by people; there is nothing to test on".to_owned();
    read_csvs(source, &lists, &images, vec![warning])
}

fn read_csvs(
    source: &Source<'_>,
    lists: &[(String, Split)],
    folders: &[&str],
    mut warnings: Vec<String>,
) -> Result<Found> {
    // Without any of the usual folders the paths are taken as written, below the base.
    let candidates: Vec<String> = folders.iter().map(|folder| paths::join(source.base, folder)).collect();
    let folder = source
        .first_existing(&candidates)?
        .unwrap_or_else(|| source.base.to_owned());
    let mut rejects = Vec::new();
    let mut parts = Vec::new();
    for (list, split) in lists {
        let before = rejects.len();
        let frame = tabular::read(source, list, &COLUMNS, true, &mut rejects)?;
        let listed = frame.height() + rejects.len() - before;
        if listed == 0 {
            warnings.push(format!("{list}: there are no rows in it"));
        }
        check_rows(source, list, *split, listed, &mut warnings);
        let images = frame.column("image").and_then(Column::str).map_err(wrap)?;
        let mut reasons = Vec::with_capacity(frame.height());
        let mut ids: Vec<String> = Vec::with_capacity(frame.height());
        for image in images.iter() {
            let (id, reason) = match paths::relative(image.unwrap_or_default()) {
                Ok(id) => (id, None),
                Err(reason) => (String::new(), Some(reason)),
            };
            ids.push(id);
            reasons.push(reason);
        }
        let image_paths: StringChunked = ids.iter().map(|id| Some(paths::join(&folder, id))).collect();
        let mut frame = frame;
        for column in [
            Column::new("sample_id".into(), ids),
            image_paths.with_name("image_path".into()).into_column(),
            Column::new_scalar(
                "split".into(),
                Scalar::from(PlSmallStr::from(split.as_str())),
                frame.height(),
            ),
        ] {
            frame.with_column(column).map_err(wrap)?;
        }
        let mut reasons = reasons.into_iter();
        let frame = sift(&frame, &mut rejects, |_| reasons.next().flatten())?;
        let (frame, without_box) = tabular::with_boxes(&frame, &mut rejects)?;
        if !without_box.is_empty() {
            let first: Vec<String> = without_box.iter().take(5).map(u32::to_string).collect();
            warnings.push(format!(
                "{list}: {} rows have no face box (line {}{}); their whole image is used",
                without_box.len(),
                first.join(", "),
                if without_box.len() > 5 { ", …" } else { "" }
            ));
        }
        parts.push(frame);
    }
    let found = rows::with_classes(source, &tabular::stack(parts)?, true, rejects, warnings)?;
    rows::with_valence(source, found)
}

/// A whole label file has a known number of rows; one row less is a header that was none.
fn check_rows(source: &Source<'_>, list: &str, split: Split, found: usize, warnings: &mut Vec<String>) {
    let expected = source
        .card
        .splits
        .iter()
        .find(|expected| expected.name == split)
        .and_then(|split| split.rows);
    if let Some(expected) = expected
        && source.is_counted()
        && source.layout.name == "original"
        && expected != found as u64
    {
        warnings.push(format!("{list}: expected {expected} rows, found {found}"));
    }
}

/// Most bytes of a file with one label; a number takes 136.
const MAX_LABEL: u64 = 1 << 16;

/// One label of one image: `N_exp.npy`, `N_val.npy`, `N_aro.npy`.
fn read_label(fence: &Fence, path: &str) -> std::result::Result<Option<String>, Reason> {
    let file = match fence.file(path).map_err(|refusal| Reason::of_path(&refusal, path)) {
        Ok(file) => file,
        Err(Reason::MissingImage(_)) => return Ok(None),
        Err(reason) => return Err(reason),
    };
    let bad = |why: String| Reason::BadValue {
        column: path.rsplit('/').next().unwrap_or(path).to_owned(),
        found: why,
        expected: "one number or string in .npy format".into(),
    };
    let failed = |error: std::io::Error| {
        if is_passing(&error) {
            Reason::unavailable(path, &error)
        } else {
            bad(error.to_string())
        }
    };
    let mut bytes = Vec::with_capacity(512);
    let input = regular::open(&file).map_err(failed)?;
    input.take(MAX_LABEL).read_to_end(&mut bytes).map_err(failed)?;
    let value = npy::scalar(&mut bytes.as_slice()).map_err(bad)?;
    Ok(Some(value.to_text()))
}

/// What the three label files of an image say, or why it cannot be used.
type Labels = std::result::Result<[Option<String>; 3], Reason>;

/// `{train_set,val_set}/images/N.jpg` with `annotations/N_{exp,val,aro,lnd}.npy`. Numbers overlap between the sets.
pub(crate) fn read_npy(source: &Source<'_>) -> Result<Found> {
    const KINDS: [&str; 3] = ["exp", "val", "aro"];
    let expression_first = source.card.tasks.first() == Some(&Task::Expression);
    let mut collected = Collected::default();
    let (mut valence, mut arousal): (Vec<Option<String>>, Vec<Option<String>>) = (Vec::new(), Vec::new());
    let mut rejects = Vec::new();
    for (set, split) in [("train_set", Split::Train), ("val_set", Split::Test)] {
        let set = paths::join(source.base, set);
        if !there::is_dir(&source.root.join(&set))? {
            continue;
        }
        let (images, annotations) = (paths::join(&set, "images"), paths::join(&set, "annotations"));
        let mut named: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for entry in paths::list(&source.inside(&images)?)? {
            if !entry.is_dir {
                named
                    .entry(paths::stem(&entry.name).to_owned())
                    .or_default()
                    .push(entry.name);
            }
        }
        // Labels without image are as wrong as images without label.
        let mut labelled = BTreeSet::new();
        for entry in paths::list(&source.inside(&annotations)?)? {
            if let Some((stem, kind)) = paths::stem(&entry.name).rsplit_once('_')
                && KINDS.contains(&kind)
                && entry.name.ends_with(".npy")
            {
                labelled.insert(stem.to_owned());
            }
        }
        for stem in labelled.iter().filter(|stem| !named.contains_key(*stem)) {
            rejects.push(Reject::new(
                format!("{annotations}/{stem}_exp.npy"),
                None,
                Reason::MissingImage(format!("{images}/{stem}.jpg")),
            ));
        }
        let probe = format!("{annotations}/x");
        let fence = source.fence.clone().with_folders_of(std::iter::once(probe.as_str()));
        let items: Vec<(String, String)> = named
            .into_iter()
            .flat_map(|(stem, names)| names.into_iter().map(move |name| (stem.clone(), name)))
            .collect();
        let read: Vec<Labels> = items
            .par_iter()
            .map(|(stem, _)| {
                let read = |kind: &str| read_label(&fence, &format!("{annotations}/{stem}_{kind}.npy"));
                let exp = read("exp");
                // What the card's first task does not need may be broken.
                let (val, aro) = if expression_first {
                    (Ok(read("val").ok().flatten()), Ok(read("aro").ok().flatten()))
                } else {
                    (read("val"), read("aro"))
                };
                let labels = [exp?, val?, aro?];
                let needed: &[usize] = if expression_first { &[0] } else { &[1, 2] };
                match needed.iter().find(|&&i| labels[i].is_none()) {
                    Some(&i) => Err(Reason::MissingLabel(format!("{annotations}/{stem}_{}.npy", KINDS[i]))),
                    None => Ok(labels),
                }
            })
            .collect();
        let sample = |stem: &str| format!("{}/{stem}", set.rsplit('/').next().unwrap_or(&set));
        for ((stem, name), labels) in items.into_iter().zip(read) {
            let path = format!("{images}/{name}");
            match labels {
                Err(reason) => {
                    rejects.push(Reject::new(path.clone(), None, reason).of(Some(&sample(&stem)), Some(&path)));
                }
                Ok([exp, val, aro]) => {
                    collected.file.push(format!("{annotations}/{stem}_exp.npy"));
                    collected.line.push(None);
                    collected.split.push(split.as_str());
                    collected.sample_id.push(sample(&stem));
                    collected.image_path.push(path);
                    collected.label.push(exp);
                    valence.push(val);
                    arousal.push(aro);
                }
            }
        }
    }
    let mut frame = collected.into_frame()?;
    for (name, values) in [("valence", valence), ("arousal", arousal)] {
        frame.with_column(Column::new(name.into(), values)).map_err(wrap)?;
    }
    let found = rows::with_classes(source, &frame, true, rejects, Vec::new())?;
    rows::with_valence(source, found)
}

/// `annotations/EXPR` or `annotations/VA`, by the card's first task, with a CSV a split.
pub(crate) fn read_annotations(source: &Source<'_>) -> Result<Found> {
    let kind = match source.card.tasks.first() {
        Some(Task::ValenceArousal) => "VA",
        _ => "EXPR",
    };
    tabular::read_folder(source, &paths::join(source.base, &format!("annotations/{kind}")))
}

/// `train_annotations_7class.txt` and the like: lines `N.jpg label`.
pub(crate) fn read_text_lists(source: &Source<'_>) -> Result<Found> {
    let mut warnings = Vec::new();
    let mut rejects = Vec::new();
    let mut all: Vec<(String, Split)> = Vec::new();
    for entry in paths::list(&source.inside(source.base)?)? {
        if entry.is_dir || !entry.name.contains("annotation") || !entry.name.ends_with(".txt") {
            continue;
        }
        match split::split_of_name(&entry.name) {
            Some(split) => all.push((entry.name, split)),
            None => warnings.push(format!("{} is left aside: its name says no split", entry.name)),
        }
    }
    // Lists of seven and of eight classes may lie side by side; together they would list every image twice.
    let own = format!("{}class", source.card.classes.len());
    let has_own = all.iter().any(|(name, _)| name.contains(&own));
    let lists: Vec<(String, Split)> = all
        .into_iter()
        .filter(|(name, _)| !has_own || name.contains(&own))
        .collect();
    let has_test = lists.iter().any(|(_, split)| *split == Split::Test);
    if lists.is_empty() {
        return Err(Error::missing_database(format!(
            "{}: no list names its split: expected train_annotations_7class.txt, val_annotations_7class.txt or the like",
            source.root.join(source.base).display()
        )));
    }
    let mut collected = Collected::default();
    for (name, split) in lists {
        let split = match split {
            Split::Val => rows::meaning_of_val(source, has_test, &mut warnings),
            other => other,
        };
        let list = paths::join(source.base, &name);
        let before = rejects.len();
        let lines = text::read_lines(&source.inside(&list)?, &list, &mut rejects)?;
        if lines.height() == 0 && rejects.len() == before {
            warnings.push(format!("{list}: there are no rows in it"));
        }
        const LINE: &str = r#"^\s*["']?(\S.*?)["']?[\s,;]+["']?([^\s"']+)["']?\s*$"#;
        let written = lines.column("text").and_then(Column::str).map_err(wrap)?;
        let part = |group: usize| text::group(written, LINE, group).map_err(wrap);
        let (names, labels) = (part(1)?, part(2)?);
        let numbers = lines.column("line").and_then(Column::u32).map_err(wrap)?;
        let headed = names.iter().next().flatten().is_some_and(tabular::is_image_heading);
        let rows = names.iter().zip(labels.iter()).zip(numbers.iter());
        for ((image, label), line) in rows.skip(usize::from(headed)) {
            let relative = match image {
                Some(image) => paths::relative(image),
                None => Err(Reason::MalformedLine(
                    "an image name and a label, such as `12.jpg 3`".into(),
                )),
            };
            match relative {
                Err(reason) => rejects.push(Reject::new(list.clone(), line, reason).of(None, image)),
                Ok(relative) => {
                    collected.file.push(list.clone());
                    collected.line.push(line);
                    collected.split.push(split.as_str());
                    collected
                        .image_path
                        .push(tabular::find_image(source, &relative, split, label)?);
                    collected.sample_id.push(format!("{split}/{relative}"));
                    collected.label.push(label.map(str::to_owned));
                }
            }
        }
    }
    rows::with_classes(source, &collected.into_frame()?, false, rejects, warnings)
}
