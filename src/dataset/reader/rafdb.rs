//! RAF-DB, basic expressions: the original list and Kaggle's folders with CSVs.
//!
//! Class folders without any list are read by [`super::folders`], plain CSVs by [`super::tabular`].

use std::collections::{BTreeMap, BTreeSet};

use polars::prelude::*;

use crate::dataset::config::Images;
use crate::dataset::frame::{sift, wrap};
use crate::dataset::source::{Found, Source};
use crate::error::{Error, Result};
use crate::intake::paths;
use crate::intake::reject::{Reason, Reject};
use crate::intake::text;
use crate::spelling::{composed, integer};

use super::folders::{plain_stem, split_folders, stray};
use super::rows::{self, Collected};
use super::tabular;

/// Spellings of the label list; the first is the one distributed.
const LISTS: [&str; 2] = ["EmoLabel/list_patition_label.txt", "EmoLabel/list_partition_label.txt"];

/// `EmoLabel/list_patition_label.txt` with lines `train_00001.jpg 5`, and the images beside it.
pub(crate) fn read_list(source: &Source<'_>) -> Result<Found> {
    let candidates: Vec<String> = LISTS.iter().map(|list| paths::join(source.base, list)).collect();
    let Some(list) = source.first_existing(&candidates)? else {
        return Err(Error::missing_database(format!(
            "{}: missing",
            source.root.join(&candidates[0]).display()
        )));
    };
    let (folder, suffix) = image_folder(source)?;
    let (mut rejects, mut warnings) = (Vec::new(), Vec::new());
    let lines = text::read_lines(&source.inside(&list)?, &list, &mut rejects)?;
    if lines.height() + rejects.len() == 0 {
        warnings.push(format!("{list}: there are no rows in it"));
    }
    // Names of this database hold neither spaces nor commas.
    const LINE: &str = r#"^\s*["']?([^\s,;"']+)["']?[\s,;]+["']?([^\s"'](?:[^"']*[^\s"'])?)["']?\s*$"#;
    let written = lines.column("text").and_then(Column::str).map_err(wrap)?;
    let group = |of: &StringChunked, pattern: &str, group: usize| text::group(of, pattern, group).map_err(wrap);
    let names = group(written, LINE, 1)?;
    let ids = group(&names, r"^((?:train|test)_[0-9]+)(?:_aligned)?\.[A-Za-z]+$", 1)?;
    let endings = group(&names, r"(\.[A-Za-z]+)$", 1)?;
    let images: StringChunked = ids
        .iter()
        .zip(endings.iter())
        .map(|(id, ending)| Some(format!("{folder}/{}{suffix}{}", id?, ending?)))
        .collect();
    let headed = names.iter().next().flatten().is_some_and(tabular::is_image_heading);
    let mut frame = lines.clone();
    for (name, column) in [
        ("file", StringChunked::full("file".into(), &list, lines.height())),
        ("label", group(written, LINE, 2)?),
        ("split", group(&names, "^(train|test)_[0-9]+", 1)?),
        ("sample_id", ids),
        ("image_path", images),
        ("name", names),
    ] {
        frame
            .with_column(column.with_name(name.into()).into_column())
            .map_err(wrap)?;
    }
    let frame = frame.slice(i64::from(headed), usize::MAX);
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
    rows::with_classes(source, &frame, true, rejects, warnings)
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
        source.first_existing(&candidates)
    };
    if let Some(folder) = place(wanted)? {
        return Ok((folder, suffix(wanted)));
    }
    let other = match wanted {
        Images::Aligned => Images::Original,
        Images::Original => Images::Aligned,
    };
    let hint = match place(other)? {
        Some(folder) => format!(
            "{folder} is there: set protocol.images = \"{}\" to read it",
            other.as_str()
        ),
        None => format!(
            "found: {}",
            crate::dataset::layout::contents(&source.root.join(source.base))
        ),
    };
    Err(Error::missing_database(format!(
        "{}: the {} images are missing (expected Image/{}/ beside EmoLabel/); {hint}",
        source.root.join(source.base).display(),
        wanted.as_str(),
        wanted.as_str()
    )))
}

/// Images below a split's folder by their names in lower case, as lists and archives do not always agree: class folder (empty for
/// the split's own) and name.
type Placed = BTreeMap<String, Vec<(String, String)>>;

fn place_images(source: &Source<'_>, split_path: &str) -> Result<Placed> {
    let mut placed = Placed::new();
    let mut place = |folder: &str, name: String| {
        let key = composed(&name).to_lowercase();
        placed.entry(key).or_default().push((folder.to_owned(), name));
    };
    for entry in paths::list(&source.inside(split_path)?)? {
        if !entry.is_dir {
            place("", entry.name);
            continue;
        }
        for image in paths::list(&source.inside(&paths::join(split_path, &entry.name))?)? {
            if !image.is_dir {
                place(&entry.name, image.name);
            }
        }
    }
    Ok(placed)
}

/// Of the images with the listed name the one whose folder agrees with the listed label, or why none does.
fn agreeing<'a>(
    source: &Source<'_>,
    found: &'a [(String, String)],
    label: Option<&str>,
    split_path: &str,
    listed: &str,
) -> std::result::Result<&'a (String, String), Reason> {
    let number = label.and_then(integer);
    let card = source.card;
    let named = label.and_then(|label| card.class_of_text(label));
    let class = number.map_or(named, |number| card.class_of_label(number));
    // Labels that are the same number in another writing (`5` and `5.0`) agree.
    let same = |folder: &str| {
        folder.is_empty()
            || label.is_some_and(|label| label == folder)
            || number.is_some_and(|number| integer(folder) == Some(number))
            // Folders may be called after classes where the list has other words or numbers: `Happiness`, `happy`, `4`.
            || (integer(folder).is_none() && class.is_some() && card.class_of_text(folder) == class)
    };
    if let Some(image) = found.iter().find(|(folder, _)| same(folder)) {
        return Ok(image);
    }
    let Some(image) = found.first() else {
        return Err(Reason::MissingImage(paths::join(split_path, listed)));
    };
    let is_class = |number: i32| card.class_of_label(number).is_some();
    let known = number.is_some_and(|number| is_class(number) || is_class(number.saturating_add(1)));
    let folder_class = integer(&image.0).and_then(|folder| card.class_of_label(folder));
    if (known || named.is_some()) && (named.is_none() || named != folder_class) {
        return Err(Reason::LabelConflict {
            listed: label.unwrap_or_default().to_owned(),
            folder: paths::join(split_path, &image.0),
        });
    }
    // Where the label is none at all, what it should have been is said when labels are read.
    Ok(image)
}

/// Kaggle's copy: `{train,test}/1..7/` with `{train,test}_labels.csv` beside or one above.
pub(crate) fn read_kaggle(source: &Source<'_>) -> Result<Found> {
    let mut warnings = Vec::new();
    let mut rejects = Vec::new();
    let mut collected = Collected::default();
    for (folder, split) in split_folders(source, &mut warnings)? {
        let split_path = paths::join(source.base, &folder);
        let placed = place_images(source, &split_path)?;
        let mut collect = |file: &str, line: Option<u32>, (class, name): &(String, String), label: Option<&str>| {
            let path = paths::join(&paths::join(&split_path, class), name);
            collected
                .file
                .push(if file.is_empty() { path.clone() } else { file.to_owned() });
            collected.line.push(line);
            collected.split.push(split.as_str());
            collected.sample_id.push(plain_stem(name).to_owned());
            collected.image_path.push(path);
            collected.label.push(label.map(str::to_owned));
        };
        let above = source.base.rsplit_once('/').map_or("", |(above, _)| above);
        let lists = [source.base, above].map(|place| paths::join(place, &format!("{folder}_labels.csv")));
        let Some(list) = source.first_existing(&lists)? else {
            warnings.push(format!(
                "{folder}_labels.csv is missing: labels of `{folder}` are taken from the folder names"
            ));
            for image in placed.values().flatten() {
                if image.0.is_empty() {
                    let path = paths::join(&split_path, &image.1);
                    rejects.push(Reject::new(path.clone(), None, stray(&path)).of(None, Some(&path)));
                } else {
                    collect("", None, image, Some(&image.0));
                }
            }
            continue;
        };
        let before = rejects.len();
        let frame = tabular::read(source, &list, &["image", "label"], true, &mut rejects)?;
        if frame.height() == 0 && rejects.len() == before {
            warnings.push(format!("{list}: there are no rows in it"));
        }
        let images = frame.column("image").and_then(Column::str).map_err(wrap)?;
        let labels = frame.column("label").and_then(Column::str).map_err(wrap)?;
        let lines = frame.column("line").and_then(Column::u32).map_err(wrap)?;
        let mut listed = BTreeSet::new();
        for ((image, label), line) in images.iter().zip(labels.iter()).zip(lines.iter()) {
            let found = paths::relative(image.unwrap_or_default()).and_then(|relative| {
                let name = composed(paths::base_name(&relative)).to_lowercase();
                let found = placed.get(&name).map_or(&[][..], Vec::as_slice);
                listed.insert(name);
                agreeing(source, found, label, &split_path, &relative)
            });
            match found {
                Ok(image) => collect(&list, line, image, label),
                Err(reason) => rejects.push(Reject::new(list.clone(), line, reason).of(None, image)),
            }
        }
        let unlisted = placed.keys().filter(|name| !listed.contains(*name)).count();
        if unlisted > 0 {
            warnings.push(format!(
                "{unlisted} files below {split_path} are not listed in {list} and are left out"
            ));
        }
    }
    let frame = collected.into_frame()?;
    rows::with_classes(source, &frame, false, rejects, warnings)
}
