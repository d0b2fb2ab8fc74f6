//! CSVs with an image and its labels, whatever the columns are called.

use polars::prelude::*;

use crate::dataset::frame::{sift, wrap};
use crate::dataset::source::{Found, Source};
use crate::dataset::split;
use crate::error::{Error, Result};
use crate::intake::delimited::{self, Delimited};
use crate::intake::fields::clean_name;
use crate::intake::paths;
use crate::intake::reject::{Reason, Reject};
use crate::intake::text;
use crate::task::{Split, Task};
use crate::there;

use super::folders::plain_stem;
use super::rows::{self, Number};

/// What a column holds, and the names under which it is found; the first that occurs is taken.
const MEANINGS: [(&str, &[&str]); 9] = [
    (
        "image",
        &[
            "subDirectory_filePath",
            "image",
            "img",
            "image_path",
            "path",
            "pth",
            "filename",
            "file_name",
            "image_name",
            "file",
            "name",
            "images",
            "number",
        ],
    ),
    (
        "label",
        &[
            "label",
            "labels",
            "expression",
            "exp",
            "expr",
            "emotion",
            "class",
            "target",
        ],
    ),
    ("valence", &["valence", "val"]),
    ("arousal", &["arousal", "aro"]),
    ("split_text", &["split", "subset", "set", "usage", "partition"]),
    ("face_x", &["face_x"]),
    ("face_y", &["face_y"]),
    ("face_width", &["face_width"]),
    ("face_height", &["face_height"]),
];

fn names_of(meaning: &str) -> &'static [&'static str] {
    MEANINGS
        .iter()
        .find(|(name, _)| *name == meaning)
        .map_or(&[], |(_, names)| names)
}

/// Whether a field is the name of a column of images, as in the first line of a list.
pub(crate) fn is_image_heading(field: &str) -> bool {
    let field = clean_name(field);
    let mut names = names_of("image").iter().chain(&["URL"]);
    names.any(|name| field.eq_ignore_ascii_case(name))
}

/// Reads a CSV as text columns `file, line, image, label, valence, arousal, split_text, face_x, …`; absent ones are null.
///
/// `columns` names the columns of a file without header. If `labelled`, a label column (or valence and arousal, where these
/// are the card's first task) is required. Rows without an image are rejected.
pub(crate) fn read(
    source: &Source<'_>,
    file: &str,
    columns: &[&str],
    labelled: bool,
    rejects: &mut Vec<Reject>,
) -> Result<DataFrame> {
    let words: Vec<&str> = MEANINGS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
    let form = Delimited {
        separators: &delimited::SEPARATORS,
        columns,
        header_words: &words,
        image_words: names_of("image"),
        meaning: &|name| {
            let known = words.iter().any(|word| name.eq_ignore_ascii_case(word));
            known.then(|| name.to_ascii_lowercase())
        },
    };
    let path = source.inside(file)?;
    let affect = source.card.tasks.first() == Some(&Task::ValenceArousal);
    let mut all: Option<DataFrame> = None;
    delimited::read_delimited(&path, file, &form, rejects, |frame, _| {
        let names: Vec<String> = frame
            .get_column_names()
            .iter()
            .map(std::string::ToString::to_string)
            .collect();
        let find = |meaning: &str| {
            names_of(meaning)
                .iter()
                .find_map(|known| names.iter().find(|name| name.eq_ignore_ascii_case(known)))
        };
        let absent = |meaning: &str| labelled && find(meaning).is_none();
        let missing = if find("image").is_none() {
            Some("image")
        } else if affect {
            ["valence", "arousal"].into_iter().find(|meaning| absent(meaning))
        } else {
            absent("label").then_some("label")
        };
        if let Some(missing) = missing {
            return Err(Error::unusable_table(format!(
                "{}: there is no {missing} column: expected one of {}; of the columns that are known, only these are there: {}",
                path.display(),
                names_of(missing).join(", "),
                names[1..].join(", ")
            )));
        }
        let rows = frame.height();
        let mut columns = vec![
            StringChunked::full("file".into(), file, rows).into_column(),
            frame.column("line").map_err(wrap)?.clone(),
        ];
        for (meaning, _) in MEANINGS {
            let column = match find(meaning) {
                Some(name) => text::trimmed(frame.column(name).and_then(Column::str).map_err(wrap)?),
                None => StringChunked::full_null(meaning.into(), rows),
            };
            columns.push(column.with_name(meaning.into()).into_column());
        }
        let part = DataFrame::new(rows, columns).map_err(wrap)?;
        match &mut all {
            Some(all) => {
                all.vstack_mut(&part).map_err(wrap)?;
            }
            None => all = Some(part),
        }
        Ok(())
    })?;
    let Some(mut all) = all else {
        // As a block with rows has them: lists are put together.
        let texts = MEANINGS.iter().map(|(name, _)| (*name, DataType::String));
        let empty: Vec<Column> = [("file", DataType::String), ("line", DataType::UInt32)]
            .into_iter()
            .chain(texts)
            .map(|(name, kind)| Column::new_empty(name.into(), &kind))
            .collect();
        return DataFrame::new(0, empty).map_err(wrap);
    };
    all.rechunk_mut();
    let images = all.column("image").and_then(Column::str).map_err(wrap)?.clone();
    sift(&all, rejects, |row| {
        images
            .get(row)
            .is_none()
            .then(|| Reason::MalformedLine("an image and its labels".into()))
    })
}

/// Adds `bbox_x … bbox_h` from the text columns of the face box; returns how many rows have none although the file has boxes.
///
/// `NULL` and nothing mean that there is no box; a box without width or height is impossible and rejects the row.
pub(crate) fn with_boxes(frame: &DataFrame, rejects: &mut Vec<Reject>) -> Result<(DataFrame, Vec<u32>)> {
    const COLUMNS: [(&str, &str); 4] = [
        ("face_x", "bbox_x"),
        ("face_y", "bbox_y"),
        ("face_width", "bbox_w"),
        ("face_height", "bbox_h"),
    ];
    let mut boxes: Vec<[Number; 4]> = vec![[Number::Unknown; 4]; frame.height()];
    for (i, (name, _)) in COLUMNS.iter().enumerate() {
        let texts = frame.column(name).and_then(Column::str).map_err(wrap)?;
        for (row, text) in texts.iter().enumerate() {
            boxes[row][i] = rows::number(text);
        }
    }
    let has_boxes = boxes.iter().any(|b| b.iter().any(|n| *n != Number::Unknown));
    let complete = |b: &[Number; 4]| b.iter().all(|n| matches!(n, Number::Is(_)));
    let mut without = Vec::new();
    if has_boxes {
        let lines = frame.column("line").and_then(Column::u32).map_err(wrap)?;
        without = boxes
            .iter()
            .zip(lines.iter())
            .filter(|(b, _)| !complete(b) && !b.contains(&Number::Bad))
            .filter_map(|(_, line)| line)
            .collect();
    }
    let mut frame = frame.clone();
    for (i, (_, name)) in COLUMNS.iter().enumerate() {
        let values: Float32Chunked = boxes
            .iter()
            .map(|b| match b[i] {
                Number::Is(value) if complete(b) => Some(value),
                _ => None,
            })
            .collect();
        frame
            .with_column(values.with_name((*name).into()).into_column())
            .map_err(wrap)?;
    }
    let texts: Vec<StringChunked> = COLUMNS
        .iter()
        .map(|(name, _)| Ok(frame.column(name).and_then(Column::str).map_err(wrap)?.clone()))
        .collect::<Result<_>>()?;
    let sifted = sift(&frame, rejects, |row| {
        let wrong = (0..4).find(|&i| match boxes[row][i] {
            Number::Bad => true,
            Number::Is(value) => i >= 2 && value <= 0.0,
            Number::Unknown => false,
        })?;
        Some(Reason::BadValue {
            column: COLUMNS[wrong].0.to_owned(),
            found: texts[wrong].get(row).unwrap_or_default().to_owned(),
            expected: if wrong < 2 {
                "a number of pixels"
            } else {
                "a number of pixels above 0"
            }
            .to_owned(),
        })
    })?;
    Ok((sifted, without))
}

/// Every CSV in a folder: one a split (by its name), or one for all with a split column; `image_path` is looked up.
pub(crate) fn read_all(source: &Source<'_>) -> Result<Found> {
    read_folder(source, source.base)
}

/// As [`read_all`], for the CSVs in `folder` (relative to the root); images are looked for from the layout's base.
pub(crate) fn read_folder(source: &Source<'_>, folder: &str) -> Result<Found> {
    let mut warnings = Vec::new();
    let mut rejects = Vec::new();
    let files: Vec<String> = paths::list(&source.inside(folder)?)?
        .into_iter()
        .filter(|entry| !entry.is_dir && entry.name.to_ascii_lowercase().ends_with(".csv"))
        .map(|entry| entry.name)
        .collect();
    let per_split = files.iter().any(|file| split::split_of_name(file).is_some());
    let has_test = files.iter().any(|file| split::split_of_name(file) == Some(Split::Test));
    let mut val: Option<Split> = None;
    let mut unsplit = 0_usize;
    let mut parts: Vec<DataFrame> = Vec::new();
    for file in files {
        let file_split = split::split_of_name(&file);
        if per_split && file_split.is_none() {
            warnings.push(format!("{file} is left aside: its name says no split"));
            continue;
        }
        let list = paths::join(folder, &file);
        // What a file without header holds follows from the task and from the number of its columns.
        let fields = delimited::fields_of_first_line(&source.inside(&list)?, &list, &delimited::SEPARATORS)?;
        let columns: &[&str] = match (source.card.tasks.first(), fields) {
            (Some(Task::ValenceArousal), 3) => &["image", "valence", "arousal"],
            (Some(Task::ValenceArousal), _) => &["image", "label", "valence", "arousal"],
            _ => &["image", "label"],
        };
        let before = rejects.len();
        let frame = read(source, &list, columns, true, &mut rejects)?;
        if frame.height() == 0 && rejects.len() == before {
            warnings.push(format!("{list}: there are no rows in it"));
        }
        let images = frame.column("image").and_then(Column::str).map_err(wrap)?;
        let labels = frame.column("label").and_then(Column::str).map_err(wrap)?;
        let splits = frame.column("split_text").and_then(Column::str).map_err(wrap)?;
        let said = |text: &str| split::split_of_value(text).is_some();
        let unknown = splits.iter().flatten().find(|text| !said(text));
        // A column that says no split anywhere is about something else, if the name of the list says one.
        let column_counts = file_split.is_none() || splits.iter().flatten().any(said);
        if let Some(unknown) = unknown.filter(|_| !column_counts) {
            warnings.push(format!(
                "{list}: its name says the split; a column that could say it holds none that is known (`{unknown}`)"
            ));
        }
        let column_has_test = splits
            .iter()
            .flatten()
            .any(|split| split::split_of_value(split) == Some(Split::Test));
        let named_splits = match file_split {
            Some(_) => NamedSplits::None,
            None => NamedSplits::of(source, images.iter().flatten()),
        };
        let mut reasons = Vec::with_capacity(frame.height());
        let mut placed: Vec<(Option<&'static str>, String, String)> = Vec::with_capacity(frame.height());
        for ((image, label), split) in images.iter().zip(labels.iter()).zip(splits.iter()) {
            let image = image.unwrap_or_default();
            let mut refuse = |reason| {
                reasons.push(Some(reason));
                placed.push((None, String::new(), String::new()));
            };
            let relative = match paths::relative(image) {
                Ok(relative) => relative,
                Err(reason) => {
                    refuse(reason);
                    continue;
                }
            };
            // What a column says and nobody understands is not what the name of the file says.
            let split = split.filter(|_| column_counts);
            let named = match split {
                Some(said) => split::split_of_value(said),
                None => file_split.or_else(|| named_splits.split(&relative)),
            };
            let mut split = match named {
                Some(split) => split,
                // Where names say the split, a row whose name does not is wrong. Copies of AffectNet may be unsplit.
                None if named_splits != NamedSplits::None || split.is_some() => {
                    refuse(split.map_or_else(
                        || {
                            Reason::MalformedLine(
                                "a split: a column `split`, or a file or folder named after it".into(),
                            )
                        },
                        |found| Reason::BadValue {
                            column: "the split".into(),
                            found: found.to_owned(),
                            expected: "train, val or test".into(),
                        },
                    ));
                    continue;
                }
                None => {
                    unsplit += 1;
                    Split::Train
                }
            };
            if split == Split::Val {
                split = *val
                    .get_or_insert_with(|| rows::meaning_of_val(source, has_test || column_has_test, &mut warnings));
            }
            let name = paths::base_name(&relative);
            let id = if source.card.id == "rafdb" {
                plain_stem(name).to_owned()
            } else {
                format!("{split}/{relative}")
            };
            reasons.push(None);
            placed.push((Some(split.as_str()), id, find_image(source, &relative, split, label)?));
        }
        let mut frame = frame.clone();
        let splits: StringChunked = placed.iter().map(|row| row.0).collect();
        let ids: StringChunked = placed.iter().map(|row| Some(row.1.as_str())).collect();
        let paths: StringChunked = placed.iter().map(|row| Some(row.2.as_str())).collect();
        for (name, column) in [("split", splits), ("sample_id", ids), ("image_path", paths)] {
            frame
                .with_column(column.with_name(name.into()).into_column())
                .map_err(wrap)?;
        }
        let mut reasons = reasons.into_iter();
        let frame = sift(&frame, &mut rejects, |_| reasons.next().flatten())?;
        parts.push(with_boxes(&frame, &mut rejects)?.0);
    }
    if unsplit > 0 {
        warnings.push(format!(
            "{unsplit} rows say no split: all are read as `train`, and there is nothing to test on"
        ));
    }
    let found = rows::with_classes(source, &stack(parts)?, false, rejects, warnings)?;
    rows::with_valence(source, found)
}

/// What of the images' paths says their split.
#[derive(Debug, Clone, Copy, PartialEq)]
enum NamedSplits {
    /// Folders, if those of one path do not disagree.
    Folders,
    /// The images' own names.
    Names,
    None,
}

impl NamedSplits {
    /// That a name begins like a split may be chance, unless all do or the database promises it. A folder is called so for a reason.
    fn of<'a>(source: &Source<'_>, images: impl Iterator<Item = &'a str>) -> Self {
        let paths: Vec<String> = images.filter_map(|image| paths::relative(image).ok()).collect();
        let say = |by: Self| move |path: &String| by.split(path).is_some();
        if paths.iter().any(say(Self::Folders)) {
            Self::Folders
        } else if source.card.id == "rafdb" || (!paths.is_empty() && paths.iter().all(say(Self::Names))) {
            Self::Names
        } else {
            Self::None
        }
    }

    fn split(self, path: &str) -> Option<Split> {
        let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
        match self {
            Self::Folders => split::split_of_words(folders),
            Self::Names => split::split_of_words(name),
            Self::None => None,
        }
    }
}

/// Puts working tables of the same columns together.
pub(crate) fn stack(parts: Vec<DataFrame>) -> Result<DataFrame> {
    let mut parts = parts.into_iter();
    let Some(mut all) = parts.next() else {
        return rows::Collected::default().into_frame();
    };
    for part in parts {
        all.vstack_mut(&part).map_err(wrap)?;
    }
    all.rechunk_mut();
    Ok(all)
}

/// Where the image of a row lies: as written, or in one of the usual folders, with or without extension.
///
/// # Errors
/// [`crate::Error::Io`] if the system cannot say what is there.
pub(crate) fn find_image(source: &Source<'_>, relative: &str, split: Split, label: Option<&str>) -> Result<String> {
    let images = source.options.images.as_str();
    let mut places = vec![
        String::new(),
        "images".into(),
        split.as_str().into(),
        format!("{split}/images"),
        format!("{split}_set/images"),
        format!("images/{split}"),
        format!("Image/{images}"),
        images.into(),
    ];
    if split != Split::Train {
        for name in ["valid", "val", "test"] {
            places.extend([
                name.into(),
                format!("{name}/images"),
                format!("{name}_set/images"),
                format!("images/{name}"),
            ]);
        }
    }
    if let Some(label) = label
        && !label.contains(['/', '\\', '.'])
    {
        places.push(format!("{split}/{label}"));
        places.push(label.to_owned());
    }
    let written = paths::join(source.base, relative);
    let name = paths::base_name(relative);
    let mut names = vec![relative.to_owned()];
    if !paths::is_image(name) {
        names.extend(["jpg", "png", "jpeg", "JPG"].map(|extension| format!("{relative}.{extension}")));
    }
    let find = |places: &[String], names: &[String]| -> Result<Option<String>> {
        for place in places {
            for name in names {
                let path = paths::join(source.base, &paths::join(place, name));
                if there::is_file(&source.root.join(&path))? {
                    return Ok(Some(path));
                }
            }
        }
        Ok(None)
    };
    if let Some(found) = find(&places, &names)? {
        return Ok(found);
    }
    // Looked for only where there is a folder: lists may name hundreds of thousands of images that are not there.
    let mut folders = Vec::new();
    for place in places {
        if there::is_dir(&source.root.join(source.base).join(&place))? {
            folders.push(place);
        }
    }
    Ok(find(&folders, &paths::other_names(relative))?.unwrap_or(written))
}
