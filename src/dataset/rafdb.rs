//! RAF-DB, basic expressions: the original list, Kaggle's folders with CSVs, and plain CSVs.
//!
//! Class folders without any list are read by [`super::folders`].

use std::collections::BTreeMap;

use polars::prelude::*;

use super::config::Images;
use super::folders::{plain_stem, split_folders};
use super::layout::{Found, Source};
use super::paths;
use super::reject::{Reason, Reject};
use super::rows::{self, Collected, sift, wrap};
use super::text::{self, Delimited};
use crate::error::{Error, Result};
use crate::task::Split;

/// Spellings of the label list; the first is the one distributed.
const LISTS: [&str; 2] = ["EmoLabel/list_patition_label.txt", "EmoLabel/list_partition_label.txt"];

/// Column names under which CSVs hold the image.
pub(super) const IMAGE_COLUMNS: [&str; 11] = [
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
];
/// Column names under which CSVs hold the label.
pub(super) const LABEL_COLUMNS: [&str; 6] = ["label", "labels", "expression", "emotion", "class", "target"];
/// Column names under which CSVs hold the split.
const SPLIT_COLUMNS: [&str; 5] = ["split", "subset", "set", "usage", "partition"];

/// The first of several relative paths that exists.
fn first_existing(source: &Source<'_>, paths: &[String]) -> Option<String> {
    paths.iter().find(|path| source.root.join(path).exists()).cloned()
}

/// `EmoLabel/list_patition_label.txt` with lines `train_00001.jpg 5`, and the images beside it.
pub(super) fn read_list(source: &Source<'_>) -> Result<Found> {
    let candidates: Vec<String> = LISTS.iter().map(|list| paths::join(source.base, list)).collect();
    let Some(list) = first_existing(source, &candidates) else {
        return Err(Error::data(format!(
            "{}: missing",
            source.root.join(&candidates[0]).display()
        )));
    };
    let (folder, suffix) = image_folder(source)?;
    let mut rejects = Vec::new();
    let lines = text::read_lines(&source.inside(&list)?, &list, &mut rejects)?;
    // `\S+` before the label: names of this database hold no space.
    let part = |group: usize| col("text").str().extract(lit(r"^\s*(\S+)\s+(\S(?:.*\S)?)\s*$"), group);
    let frame = lines
        .lazy()
        .with_columns([
            lit(list.as_str()).alias("file"),
            part(1).alias("name"),
            part(2).alias("label"),
        ])
        .with_columns([col("name").str().extract(lit("^(train|test)_[0-9]+"), 1).alias("split")])
        .with_columns([col("name")
            .str()
            .extract(lit(r"^((?:train|test)_[0-9]+)(?:_aligned)?\.[A-Za-z]+$"), 1)
            .alias("sample_id")])
        .with_columns([(lit(format!("{folder}/"))
            + col("sample_id")
            + lit(suffix)
            + col("name").str().extract(lit(r"(\.[A-Za-z]+)$"), 1))
        .alias("image_path")])
        .collect()
        .map_err(wrap)?;
    let names = frame.column("name").and_then(Column::str).map_err(wrap)?.clone();
    let ids = frame.column("sample_id").and_then(Column::str).map_err(wrap)?.clone();
    let frame = sift(&frame, &mut rejects, |row| {
        let Some(name) = names.get(row) else {
            return Some(Reason::MalformedLine(
                "an image name and a label, such as `train_00001.jpg 5`".into(),
            ));
        };
        if ids.get(row).is_some() {
            return None;
        }
        match paths::relative(name) {
            Err(reason) => Some(reason),
            Ok(_) => Some(Reason::MalformedLine(
                "a name of the form `train_00001.jpg` or `test_0001.jpg`".into(),
            )),
        }
    })?;
    rows::with_classes(source, &frame, true, rejects, Vec::new())
}

/// The folder of the images asked for, and what their names add to the list's.
fn image_folder(source: &Source<'_>) -> Result<(String, &'static str)> {
    let wanted = source.options.images;
    let suffix = |images: Images| match images {
        Images::Aligned => "_aligned",
        Images::Original => "",
    };
    let place = |images: Images| {
        let candidates =
            ["Image/", "image/", ""].map(|above| paths::join(source.base, &format!("{above}{}", images.as_str())));
        first_existing(source, &candidates)
    };
    if let Some(folder) = place(wanted) {
        return Ok((folder, suffix(wanted)));
    }
    let other = match wanted {
        Images::Aligned => Images::Original,
        Images::Original => Images::Aligned,
    };
    let hint = match place(other) {
        Some(folder) => format!(
            "{folder} is there: set dataset.images = \"{}\" to read it",
            other.as_str()
        ),
        None => format!("found: {}", super::layout::contents(&source.root.join(source.base))),
    };
    Err(Error::data(format!(
        "{}: the {} images are missing (expected Image/{}/ beside EmoLabel/); {hint}",
        source.root.join(source.base).display(),
        wanted.as_str(),
        wanted.as_str()
    )))
}

/// A CSV with an image and a label column, with or without header, as text.
fn read_pairs(source: &Source<'_>, file: &str, rejects: &mut Vec<Reject>) -> Result<DataFrame> {
    let words: Vec<&str> = IMAGE_COLUMNS.iter().chain(&LABEL_COLUMNS).copied().collect();
    let form = Delimited {
        separator: b',',
        columns: &["image", "label"],
        header_words: &words,
        keep: &[],
    };
    let path = source.inside(file)?;
    let mut frames: Vec<DataFrame> = Vec::new();
    text::read_delimited(&path, file, &form, rejects, |frame, _| {
        let names: Vec<String> = frame.get_column_names().iter().map(|name| name.to_string()).collect();
        let find = |known: &[&str]| {
            known
                .iter()
                .find_map(|known| names.iter().find(|name| name.eq_ignore_ascii_case(known)))
                .cloned()
        };
        let (Some(image), Some(label)) = (find(&IMAGE_COLUMNS), find(&LABEL_COLUMNS)) else {
            return Err(Error::data(format!(
                "{}: expected an image column ({}) and a label column ({}), found {}",
                path.display(),
                IMAGE_COLUMNS.join(", "),
                LABEL_COLUMNS.join(", "),
                names[1..].join(", ")
            )));
        };
        let split = find(&SPLIT_COLUMNS).map_or_else(|| lit(NULL).cast(DataType::String), |name| text::trimmed(&name));
        frames.push(
            frame
                .lazy()
                .select([
                    lit(file).alias("file"),
                    col("line"),
                    text::trimmed(&image).alias("image"),
                    text::trimmed(&label).alias("label"),
                    split.alias("split_text"),
                ])
                .collect()
                .map_err(wrap)?,
        );
        Ok(())
    })?;
    let mut all: Option<DataFrame> = None;
    for frame in frames {
        match &mut all {
            Some(all) => {
                all.vstack_mut(&frame).map_err(wrap)?;
            }
            None => all = Some(frame),
        }
    }
    let Some(mut all) = all else {
        return df!(
            "file" => Vec::<String>::new(), "line" => Vec::<u32>::new(), "image" => Vec::<String>::new(),
            "label" => Vec::<String>::new(), "split_text" => Vec::<String>::new()
        )
        .map_err(wrap);
    };
    all.rechunk_mut();
    let images = all.column("image").and_then(Column::str).map_err(wrap)?.clone();
    sift(&all, rejects, |row| {
        images
            .get(row)
            .is_none()
            .then(|| Reason::MalformedLine("an image name and a label, separated by a comma".into()))
    })
}

/// Kaggle's copy: `{train,test}/1..7/` with `{train,test}_labels.csv` beside or one above.
pub(super) fn read_kaggle(source: &Source<'_>) -> Result<Found> {
    let mut warnings = Vec::new();
    let mut rejects = Vec::new();
    let mut collected = Collected::default();
    for (folder, split) in split_folders(source, &mut warnings)? {
        let split_path = paths::join(source.base, &folder);
        // Image name → class folder; empty for images that lie in the split's folder itself.
        let mut placed: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for entry in paths::list(&source.inside(&split_path)?)? {
            if !entry.is_dir {
                if paths::is_image(&entry.name) {
                    placed.entry(entry.name).or_default().push(String::new());
                }
                continue;
            }
            for image in paths::list(&source.inside(&paths::join(&split_path, &entry.name))?)? {
                if !image.is_dir && paths::is_image(&image.name) {
                    placed.entry(image.name).or_default().push(entry.name.clone());
                }
            }
        }
        let above = source.base.rsplit_once('/').map_or("", |(above, _)| above);
        let lists = [source.base, above].map(|place| paths::join(place, &format!("{folder}_labels.csv")));
        let Some(list) = first_existing(source, &lists) else {
            warnings.push(format!(
                "{folder}_labels.csv is missing: labels of `{folder}` are taken from the folder names"
            ));
            for (image, folders) in placed {
                for class in folders.into_iter().filter(|class| !class.is_empty()) {
                    let path = paths::join(&paths::join(&split_path, &class), &image);
                    collected.file.push(path.clone());
                    collected.line.push(None);
                    collected.split.push(split.as_str());
                    collected.sample_id.push(plain_stem(&image).to_owned());
                    collected.image_path.push(path);
                    collected.label.push(Some(class));
                }
            }
            continue;
        };
        let frame = read_pairs(source, &list, &mut rejects)?;
        let images = frame.column("image").and_then(Column::str).map_err(wrap)?;
        let labels = frame.column("label").and_then(Column::str).map_err(wrap)?;
        let lines = frame.column("line").and_then(Column::u32).map_err(wrap)?;
        let mut listed = std::collections::BTreeSet::new();
        for ((image, label), line) in images.iter().zip(labels.iter()).zip(lines.iter()) {
            let image = image.unwrap_or_default();
            let mut refuse = |reason| {
                rejects.push(Reject {
                    file: list.clone(),
                    line,
                    reason,
                });
            };
            let relative = match paths::relative(image) {
                Ok(relative) => relative,
                Err(reason) => {
                    refuse(reason);
                    continue;
                }
            };
            let name = relative.rsplit('/').next().unwrap_or(&relative);
            let folders = placed.get(name).map_or(&[][..], Vec::as_slice);
            listed.insert(name.to_owned());
            // Labels that are the same number in another writing (`5` and `5.0`) agree.
            let same = |folder: &str| {
                folder.is_empty()
                    || label.is_some_and(|label| {
                        label == folder
                            || super::labels::integer(label).is_some_and(|l| super::labels::integer(folder) == Some(l))
                    })
            };
            let class = match (folders.iter().find(|folder| same(folder)), folders.first()) {
                (Some(class), _) => class.clone(),
                (None, Some(other)) => {
                    let known = label.and_then(super::labels::integer).is_some_and(|label| {
                        source.card.class_of_label(label).is_some() || source.card.class_of_label(label + 1).is_some()
                    });
                    let text_class = label.and_then(|label| source.card.class_of_text(label));
                    let folder_class =
                        super::labels::integer(other).and_then(|folder| source.card.class_of_label(folder));
                    if text_class.is_some() && text_class == folder_class {
                        other.clone()
                    } else if known || text_class.is_some() {
                        refuse(Reason::LabelConflict {
                            listed: label.unwrap_or_default().to_owned(),
                            folder: paths::join(&folder, other),
                        });
                        continue;
                    } else {
                        // No label at all; what it should have been is said when labels are read.
                        other.clone()
                    }
                }
                (None, None) => {
                    refuse(Reason::MissingImage(paths::join(&split_path, &relative)));
                    continue;
                }
            };
            collected.file.push(list.clone());
            collected.line.push(line);
            collected.split.push(split.as_str());
            collected.sample_id.push(plain_stem(name).to_owned());
            collected
                .image_path
                .push(paths::join(&paths::join(&split_path, &class), name));
            collected.label.push(label.map(str::to_owned));
        }
        let unlisted = placed.keys().filter(|name| !listed.contains(*name)).count();
        if unlisted > 0 {
            warnings.push(format!(
                "{unlisted} images below {split_path} are not listed in {list} and are left out"
            ));
        }
    }
    let frame = collected.into_frame()?;
    rows::with_classes(source, &frame, false, rejects, warnings)
}

/// `train.csv`, `test.csv`, … or `labels.csv` with a split column: image and label, the label a number or a name.
pub(super) fn read_csv(source: &Source<'_>) -> Result<Found> {
    let mut warnings = Vec::new();
    let mut rejects = Vec::new();
    let files: Vec<String> = paths::list(&source.inside(source.base)?)?
        .into_iter()
        .filter(|entry| !entry.is_dir && entry.name.to_ascii_lowercase().ends_with(".csv"))
        .map(|entry| entry.name)
        .collect();
    let named = |files: &[String]| files.iter().any(|file| rows::split_of_name(file).is_some());
    let per_split = named(&files);
    let has_test = files.iter().any(|file| rows::split_of_name(file) == Some(Split::Test));
    let mut val: Option<Split> = None;
    let mut collected = Collected::default();
    for file in files {
        let file_split = rows::split_of_name(&file);
        if per_split && file_split.is_none() {
            warnings.push(format!("{file} is left aside: its name says no split"));
            continue;
        }
        let list = paths::join(source.base, &file);
        let frame = read_pairs(source, &list, &mut rejects)?;
        let images = frame.column("image").and_then(Column::str).map_err(wrap)?;
        let labels = frame.column("label").and_then(Column::str).map_err(wrap)?;
        let splits = frame.column("split_text").and_then(Column::str).map_err(wrap)?;
        let lines = frame.column("line").and_then(Column::u32).map_err(wrap)?;
        let column_has_test = splits
            .iter()
            .flatten()
            .any(|split| rows::split_of_name(split) == Some(Split::Test));
        for (((image, label), split), line) in images.iter().zip(labels.iter()).zip(splits.iter()).zip(lines.iter()) {
            let image = image.unwrap_or_default();
            let place = paths::relative(image);
            let name = image.rsplit(['/', '\\']).next().unwrap_or(image);
            let mut refuse = |reason| {
                rejects.push(Reject {
                    file: list.clone(),
                    line,
                    reason,
                });
            };
            let relative = match place {
                Ok(relative) => relative,
                Err(reason) => {
                    refuse(reason);
                    continue;
                }
            };
            let Some(mut split) = split
                .and_then(rows::split_of_name)
                .or(file_split)
                .or_else(|| rows::split_of_name(&relative))
            else {
                refuse(Reason::MalformedLine(
                    "a split: a column `split`, or a file named after it".into(),
                ));
                continue;
            };
            if split == Split::Val {
                split = *val
                    .get_or_insert_with(|| rows::meaning_of_val(source, has_test || column_has_test, &mut warnings));
            }
            collected.file.push(list.clone());
            collected.line.push(line);
            collected.split.push(split.as_str());
            collected.sample_id.push(plain_stem(name).to_owned());
            collected.image_path.push(find_image(source, &relative, split, label));
            collected.label.push(label.map(str::to_owned));
        }
    }
    let frame = collected.into_frame()?;
    rows::with_classes(source, &frame, false, rejects, warnings)
}

/// Where the image of a CSV row lies: as written, or in one of the usual folders.
fn find_image(source: &Source<'_>, relative: &str, split: Split, label: Option<&str>) -> String {
    let images = source.options.images.as_str();
    let mut places = vec![
        String::new(),
        "images".into(),
        split.as_str().into(),
        format!("{split}/images"),
        format!("images/{split}"),
        format!("Image/{images}"),
        images.into(),
    ];
    if split != Split::Train {
        places.extend(["valid".into(), "val".into(), "test".into()]);
    }
    if let Some(label) = label
        && !label.contains(['/', '\\', '.'])
    {
        places.push(format!("{split}/{label}"));
        places.push(label.to_owned());
    }
    let written = paths::join(source.base, relative);
    places
        .iter()
        .map(|place| paths::join(source.base, &paths::join(place, relative)))
        .find(|path| source.root.join(path).is_file())
        .unwrap_or(written)
}
