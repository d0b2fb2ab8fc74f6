//! `EmotioNet`: automatic labels (tab-separated), manual labels (`.xlsx`, `.csv`) and lists derived from them.
//!
//! Images are found by their names in any folder; 999 and nothing mean unknown.

use std::collections::{BTreeMap, HashSet};

use polars::prelude::*;

use crate::action_unit::ActionUnit;
use crate::dataset::card::ExpectedList;
use crate::dataset::frame::wrap;
use crate::dataset::reader::rows;
use crate::dataset::source::{Found, Source};
use crate::dataset::split::{self, hash_share};
use crate::dataset::unknown::UnknownLabels;
use crate::error::{Error, Result};
use crate::intake::delimited::{self, Delimited};
use crate::intake::fields::clean_name;
use crate::intake::paths;
use crate::intake::reject::{Reason, Reject};
use crate::intake::text;
use crate::intake::xlsx;
use crate::task::{Split, Task};

use super::images::Images;
use super::lists::ListForm;
use super::splits::{Splits, file_key};

/// Rows as they are collected; files are numbered to keep a million rows small.
struct Rows<'a> {
    source: &'a Source<'a>,
    files: Vec<String>,
    images: Images,
    splits: Splits,
    file: Vec<u16>,
    line: Vec<u32>,
    id: Vec<String>,
    image: Vec<String>,
    split: Vec<&'static str>,
    values: Vec<Vec<Option<f32>>>,
    rejects: Vec<Reject>,
    masked: u64,
    unknown_rows: u64,
    warnings: Vec<String>,
}

/// One label: present, absent, unknown; `None` if it is none of these.
fn label(text: Option<&str>, unknown: Option<&UnknownLabels>) -> Option<Option<f32>> {
    let text = text
        .unwrap_or_default()
        .trim_matches(|c: char| c.is_whitespace() || c == '\'' || c == '"');
    if unknown.is_some() && UnknownLabels::has_text(unknown, Task::ActionUnits, text) {
        return Some(None);
    }
    match text {
        "" | "999" => return Some(None),
        "0" => return Some(Some(0.0)),
        "1" => return Some(Some(1.0)),
        _ => {}
    }
    match rows::number(Some(text)) {
        rows::Number::Is(value @ (0.0 | 1.0)) => Some(Some(value)),
        rows::Number::Is(ActionUnit::UNKNOWN) | rows::Number::Unknown => Some(None),
        // As cells of a workbook that hold truth values are read.
        _ if text.eq_ignore_ascii_case("true") => Some(Some(1.0)),
        _ if text.eq_ignore_ascii_case("false") => Some(Some(0.0)),
        _ => None,
    }
}

/// The action unit that a column is named after: `'AU 1'`, `AU01`, `au_12`.
fn unit_of(name: &str) -> Option<u8> {
    Some(ActionUnit::named(&clean_name(name))?.number())
}

impl<'a> Rows<'a> {
    fn new(source: &'a Source<'a>) -> Result<Self> {
        let images = Images::find(source)?;
        let nameless = images.nameless.iter();
        let warnings = nameless
            .map(|path| format!("{path}: its name is not UTF-8, so that it is left aside: rename it"))
            .collect();
        Ok(Self {
            source,
            files: Vec::new(),
            images,
            splits: Splits::of(source)?,
            file: Vec::new(),
            line: Vec::new(),
            id: Vec::new(),
            image: Vec::new(),
            split: Vec::new(),
            values: vec![Vec::new(); source.card.aus.len()],
            rejects: Vec::new(),
            masked: 0,
            unknown_rows: 0,
            warnings,
        })
    }

    fn file_index(&mut self, file: &str) -> u16 {
        if self.files.last().map(String::as_str) != Some(file) {
            self.files.push(file.to_owned());
        }
        // A database has a few hundred label files at most.
        u16::try_from(self.files.len() - 1).unwrap_or(u16::MAX)
    }

    /// Takes one row; `values` are in the order of the card's action units.
    fn push(&mut self, file: &str, line: u32, url: Option<&str>, values: &[Option<&str>], own_split: Option<Split>) {
        let outcome = self.check(url, values, own_split);
        match outcome {
            Err(reason) => {
                let name = url.and_then(file_key);
                let reject = Reject::new(file.to_owned(), Some(line), reason);
                self.rejects
                    .push(reject.of(name.as_deref().map(paths::stem), name.as_deref()));
            }
            Ok(None) => {}
            Ok(Some((id, image, split, values))) => {
                let index = self.file_index(file);
                self.file.push(index);
                self.line.push(line);
                self.id.push(id);
                self.image.push(image);
                self.split.push(split.as_str());
                for (column, value) in self.values.iter_mut().zip(values) {
                    self.masked += u64::from(value.is_none());
                    column.push(value);
                }
            }
        }
    }

    #[expect(clippy::type_complexity, reason = "one private call site")]
    fn check(
        &mut self,
        url: Option<&str>,
        values: &[Option<&str>],
        own_split: Option<Split>,
    ) -> std::result::Result<Option<(String, String, Split, Vec<Option<f32>>)>, Reason> {
        let form = || Reason::MalformedLine("a URL or image name, then labels of action units".into());
        let name = url.and_then(file_key).ok_or_else(form)?;
        if values.iter().all(Option::is_none) {
            return Err(form());
        }
        let mut read = Vec::with_capacity(values.len());
        for (text, au) in values.iter().zip(&self.source.card.aus) {
            match label(*text, self.source.options.unknown.as_ref()) {
                Some(value) => read.push(value),
                None => {
                    return Err(Reason::BadValue {
                        column: format!("action unit {au}"),
                        found: text.unwrap_or_default().to_owned(),
                        expected:
                            "0, 1, or 999 for unknown; other numbers that mean unknown are listed in protocol.unknown"
                                .into(),
                    });
                }
            }
        }
        if read.iter().all(Option::is_none) {
            self.unknown_rows += 1;
            self.masked += read.len() as u64;
            return Ok(None);
        }
        let stem = paths::stem(&name).to_owned();
        let split = match (&self.splits, own_split) {
            (Splits::Listed(listed), _) => match listed.get(&stem) {
                Some(split) => *split,
                None => return Err(Reason::MissingLabel(format!("{name} is not in the split list"))),
            },
            (Splits::Named, Some(split)) => split,
            (Splits::Named, None) => {
                let options = self.source.options;
                if hash_share(options.split_seed, &stem) < options.test_share {
                    Split::Test
                } else {
                    Split::Train
                }
            }
        };
        let image = self
            .images
            .path(&name)
            .ok_or_else(|| Reason::MissingImage(name.clone()))?;
        Ok(Some((stem, image, split, read)))
    }

    fn finish(mut self, named_split: bool) -> Result<Found> {
        if self.unknown_rows > 0 {
            self.warnings.push(format!(
                "{} rows have no known label at all and are left out",
                self.unknown_rows
            ));
        }
        match (&self.splits, named_split) {
            (Splits::Listed(_), _) | (_, true) => {}
            _ => self.warnings.push(format!(
                "no labels of the official test set are public: images are split by a hash of their names (seed {}, {:.0} % test); \
                 name a list as protocol.split_list for another split",
                self.source.options.split_seed,
                100.0 * self.source.options.test_share
            )),
        }
        let files: StringChunked = self
            .file
            .iter()
            .map(|&file| self.files.get(usize::from(file)).map(String::as_str))
            .collect();
        let splits: StringChunked = self.split.iter().map(|split| Some(*split)).collect();
        let rows = self.id.len();
        let mut columns = vec![
            files.with_name("file".into()).into_column(),
            Column::new("line".into(), self.line),
            splits.with_name("split".into()).into_column(),
            Column::new("sample_id".into(), self.id),
            Column::new("image_path".into(), self.image),
        ];
        for (name, values) in self.source.card.au_columns().into_iter().zip(self.values) {
            columns.push(Column::new(name.into(), values));
        }
        Ok(Found {
            frame: DataFrame::new(rows, columns).map_err(wrap)?,
            rejects: self.rejects,
            masked: self.masked,
            warnings: self.warnings,
            decoded: None,
        })
    }
}

/// Label files in the base folder that fit.
fn label_files(source: &Source<'_>, fits: impl Fn(&str) -> bool) -> Result<Vec<String>> {
    Ok(paths::list(&source.inside(source.base)?)?
        .into_iter()
        .filter(|entry| !entry.is_dir && fits(&entry.name.to_ascii_lowercase()))
        .map(|entry| paths::join(source.base, &entry.name))
        .collect())
}

/// Which of the card's action units have no column, if some have; all or none is no finding of this kind.
fn absent_units(source: &Source<'_>, there: impl Iterator<Item = bool>) -> Option<String> {
    let absent: Vec<String> = source
        .card
        .aus
        .iter()
        .zip(there)
        .filter(|(_, there)| !there)
        .map(|(au, _)| au.to_string())
        .collect();
    (!absent.is_empty() && absent.len() < source.card.aus.len()).then(|| absent.join(", "))
}

/// Reads delimited files with one URL column and named action unit columns, block by block. `columns` are those of a file without
/// header; `last` is the one that no whole row lacks.
fn read_delimited(
    source: &Source<'_>,
    files: &[String],
    separators: &[u8],
    columns: &[&str],
    last: Option<&str>,
) -> Result<Found> {
    let mut rows = Rows::new(source)?;
    let is_url = |name: &str| name.eq_ignore_ascii_case("URL");
    let meaning = |name: &str| {
        let unit = unit_of(name).filter(|au| source.card.aus.contains(au));
        unit.map(|au| au.to_string())
            .or_else(|| (is_url(name) || last == Some(name)).then(|| name.to_ascii_lowercase()))
    };
    let bar = source.progress.bar("labels", files.len() as u64, "files");
    for file in files {
        source.interrupt.check()?;
        let path = source.inside(file)?;
        let form = Delimited {
            separators,
            columns,
            header_words: &["URL", "URL orig", "AU 1", "AU1", "AU01"],
            image_words: &["URL", "URL orig"],
            meaning: &meaning,
        };
        let mut rejects = Vec::new();
        let mut first_block = true;
        delimited::read_delimited(&path, file, &form, &mut rejects, |frame, _| {
            source.interrupt.check()?;
            let names: Vec<String> = frame
                .get_column_names()
                .iter()
                .map(std::string::ToString::to_string)
                .collect();
            let find = |wanted: &dyn Fn(&str) -> bool| -> Result<Option<StringChunked>> {
                match names.iter().find(|name| wanted(name)) {
                    Some(name) => Ok(Some(frame.column(name).and_then(Column::str).map_err(wrap)?.clone())),
                    None => Ok(None),
                }
            };
            let Some(urls) = find(&is_url)? else {
                return Err(Error::unusable_table(format!(
                    "{}: there is no column URL",
                    path.display()
                )));
            };
            let units: Vec<Option<StringChunked>> = source
                .card
                .aus
                .iter()
                .map(|au| find(&|name| unit_of(name) == Some(*au)))
                .collect::<Result<_>>()?;
            if units.iter().all(Option::is_none) {
                return Err(Error::unusable_table(format!(
                    "{}: there are no columns 'AU 1', 'AU 2', …",
                    path.display()
                )));
            }
            if std::mem::take(&mut first_block)
                && let Some(absent) = absent_units(source, units.iter().map(Option::is_some))
            {
                rows.warnings
                    .push(format!("{file}: no column of action unit {absent}: unknown there"));
            }
            let ends = last.map(|last| find(&|name| name == last)).transpose()?.flatten();
            let lines = frame.column("line").and_then(Column::u32).map_err(wrap)?;
            let mut values: Vec<Option<&str>> = vec![None; units.len()];
            for row in 0..frame.height() {
                if ends.as_ref().is_some_and(|ends| ends.get(row).is_none()) {
                    rows.rejects.push(Reject::new(
                        file.clone(),
                        lines.get(row),
                        Reason::MalformedLine(format!("{} fields", columns.len())),
                    ));
                    continue;
                }
                for (value, unit) in values.iter_mut().zip(&units) {
                    *value = unit
                        .as_ref()
                        .and_then(|unit| unit.get(row))
                        .map(str::trim)
                        .filter(|text| !text.is_empty());
                }
                rows.push(file, lines.get(row).unwrap_or_default(), urls.get(row), &values, None);
            }
            text::bounded(&rows.rejects, &path)
        })?;
        // With names of columns alone a line is known to have too few fields; here the names themselves are among these.
        if let Some(first) = rejects
            .first()
            .filter(|first| first_block && first.line == Some(1) && last.is_none())
        {
            return Err(Error::unusable_table(format!(
                "{}: the first line has no columns URL and 'AU 1', 'AU 2', … that `,`, `;` or a tab separates ({})",
                path.display(),
                first.reason
            )));
        }
        if first_block && rejects.is_empty() {
            rows.warnings.push(format!("{file}: there are no rows in it"));
        }
        rows.rejects.append(&mut rejects);
        bar.inc(1);
    }
    rows.finish(false)
}

/// `dataFile_0001.txt` …: URL, original URL, AU1 … AU60, tab-separated, no header.
pub(crate) fn read_tab(source: &Source<'_>) -> Result<Found> {
    let files = label_files(source, |name| name.starts_with("datafile_") && name.ends_with(".txt"))?;
    let units: Vec<String> = (1..=60).map(|au| format!("AU {au}")).collect();
    let columns: Vec<&str> = ["URL", "URL orig"]
        .into_iter()
        .chain(units.iter().map(String::as_str))
        .collect();
    read_delimited(source, &files, b"\t", &columns, columns.last().copied())
}

/// `EmotioNet_FACS….csv` with a header.
pub(crate) fn read_csv(source: &Source<'_>) -> Result<Found> {
    let files = label_files(source, |name| {
        name.ends_with(".csv") && (name.contains("motio") || name.contains("facs"))
    })?;
    read_delimited(source, &files, &delimited::SEPARATORS, &["URL", "URL orig"], None)
}

/// `EmotioNet_FACS….xlsx`: every sheet with a header row; a sheet without goes on with the columns of the one before.
pub(crate) fn read_xlsx(source: &Source<'_>) -> Result<Found> {
    let files = label_files(source, |name| name.ends_with(".xlsx") && name.contains("motio"))?;
    let mut rows = Rows::new(source)?;
    let mut warnings = Vec::new();
    for file in &files {
        let path = source.inside(file)?;
        let mut header: Option<(usize, Vec<Option<usize>>)> = None;
        let (mut read, mut listed) = (0_u64, false);
        xlsx::rows(&path, |sheet, line, cells| {
            read += 1;
            if read.is_multiple_of(4096) {
                source.interrupt.check()?;
                text::bounded(&rows.rejects, &path)?;
            }
            let url = cells.iter().position(|cell| {
                cell.as_deref()
                    .is_some_and(|cell| clean_name(cell).eq_ignore_ascii_case("url"))
            });
            if let Some(url) = url {
                let names: Vec<String> = cells.iter().map(|cell| cell.clone().unwrap_or_default()).collect();
                let unit = |name: &str| unit_of(name).filter(|au| source.card.aus.contains(au));
                delimited::each_once(&names, &|name| unit(name).map(|au| au.to_string()), &path)?;
                let units: Vec<Option<usize>> = source
                    .card
                    .aus
                    .iter()
                    .map(|au| {
                        cells
                            .iter()
                            .position(|cell| cell.as_deref().and_then(unit_of) == Some(*au))
                    })
                    .collect();
                if units.iter().all(Option::is_none) {
                    warnings.push(format!(
                        "{file}, sheet {sheet}: no columns 'AU 1', 'AU 2', …: left aside"
                    ));
                    header = None;
                } else {
                    if let Some(absent) = absent_units(source, units.iter().map(Option::is_some)) {
                        warnings.push(format!(
                            "{file}, sheet {sheet}: no column of action unit {absent}: unknown there"
                        ));
                    }
                    header = Some((url, units));
                }
                return Ok(());
            }
            // Rows above the first header are titles.
            if let Some((url, units)) = &header {
                listed = true;
                let cell = |place: usize| cells.get(place).and_then(Option::as_deref);
                let values: Vec<Option<&str>> = units.iter().map(|place| place.and_then(cell)).collect();
                rows.push(&format!("{file}/{sheet}"), line, cell(*url), &values, None);
            }
            Ok(())
        })?;
        if read == 0 || (header.is_some() && !listed) {
            warnings.push(format!("{file}: there are no rows in it"));
        } else if header.is_none() {
            warnings.push(format!(
                "{file}: no row with the columns URL and 'AU 1', 'AU 2', … was found"
            ));
        }
    }
    rows.warnings.append(&mut warnings);
    rows.finish(false)
}

/// What lists hold, whether or not the images are there.
struct Tally {
    rows: u64,
    names: HashSet<String>,
    positives: Vec<u64>,
}

impl Tally {
    fn new(units: usize) -> Self {
        Self {
            rows: 0,
            names: HashSet::new(),
            positives: vec![0; units],
        }
    }

    fn add(&mut self, name: Option<&str>, values: &[Option<&str>]) {
        self.rows += 1;
        self.names.extend(name.map(str::to_owned));
        for (count, value) in self.positives.iter_mut().zip(values) {
            *count += u64::from(label(*value, None) == Some(Some(1.0)));
        }
    }

    /// Where the counts are not those of the whole list, with both numbers.
    fn differences(&self, expected: &ExpectedList, columns: &[String]) -> Vec<String> {
        let names = self.names.len() as u64;
        let mut found = Vec::new();
        if (self.rows, names) != (expected.rows, expected.names) {
            found.push(format!(
                "the lists have {} rows with {names} names; the whole list has {} rows with {} names",
                self.rows, expected.rows, expected.names
            ));
        }
        let wrong: Vec<String> = columns
            .iter()
            .zip(&self.positives)
            .filter_map(|(column, found)| Some((column, found, expected.positives.get(column)?)))
            .filter(|(_, found, expected)| found != expected)
            .map(|(column, found, expected)| format!("{column} {found} instead of {expected}"))
            .collect();
        if !wrong.is_empty() {
            found.push(format!("the lists' positive labels differ: {}", wrong.join(", ")));
        }
        found
    }
}

/// Derived lists: an image name and the card's `listed_aus` (or only its own action units), separated by white space.
pub(crate) fn read_list(source: &Source<'_>) -> Result<Found> {
    let files = label_files(source, |name| name.ends_with(".txt") && !name.starts_with("datafile_"))?;
    let mut rows = Rows::new(source)?;
    let (own, listed) = (&source.card.aus, &source.card.listed_aus);
    let named: BTreeMap<&String, Split> = files
        .iter()
        .filter_map(|file| Some((file, split::split_of_name(file)?)))
        .collect();
    let has_test = named.values().any(|split| *split == Split::Test);
    let mut val = None;
    let mut tally = Tally::new(own.len());
    // What is left aside has no say in how the others are split.
    let mut read = Vec::new();
    for file in &files {
        source.interrupt.check()?;
        let mut rejects = Vec::new();
        let path = source.inside(file)?;
        if text::is_in_utf16(&path)? {
            rows.warnings.push(format!(
                "{file} is left aside: it is UTF-16; if it is a list, save it as UTF-8"
            ));
            continue;
        }
        let lines = text::read_lines(&path, file, &mut rejects)?;
        let texts = lines.column("text").and_then(Column::str).map_err(wrap)?;
        let numbers = lines.column("line").and_then(Column::u32).map_err(wrap)?;
        let form = ListForm::of(texts.iter().flatten(), own, listed);
        let first = texts.iter().flatten().nth(usize::from(form.headed));
        let fields = first.map(|first| form.fields(first)).unwrap_or_default();
        if fields.len() < 2 || fields.first().and_then(|name| file_key(name)).is_none() {
            rows.warnings.push(if first.is_none() && rejects.is_empty() {
                format!("{file}: there are no rows in it")
            } else {
                format!("{file} is left aside: its first line is no image name with labels")
            });
            continue;
        }
        rows.rejects.append(&mut rejects);
        read.push(file);
        let split = match named.get(file) {
            Some(Split::Val) => {
                Some(*val.get_or_insert_with(|| rows::meaning_of_val(source, has_test, &mut rows.warnings)))
            }
            other => other.copied(),
        };
        for (text, line) in texts.iter().zip(numbers.iter()).skip(usize::from(form.headed)) {
            let line = line.unwrap_or_default();
            let mut fields = form.fields(text.unwrap_or_default()).into_iter();
            let name = fields.next();
            let fields: Vec<&str> = fields.collect();
            let Some(columns) = form.columns(fields.len()) else {
                rows.rejects.push(Reject::new(
                    file.clone(),
                    Some(line),
                    Reason::MalformedLine(format!("an image name and {} or {} labels", listed.len(), own.len())),
                ));
                continue;
            };
            let values: Vec<Option<&str>> = own
                .iter()
                .map(|au| fields.get(columns.iter().position(|column| column == au)?).copied())
                .collect();
            tally.add(name, &values);
            rows.push(file, line, name, &values, split);
        }
    }
    if let Some(expected) = source.layout.list.as_ref().filter(|_| source.is_counted()) {
        rows.warnings
            .extend(tally.differences(expected, &source.card.au_columns()));
    }
    let all_named = !read.is_empty() && read.iter().all(|file| named.contains_key(file));
    rows.finish(all_named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_columns_and_labels() {
        let key = Some("N_0000000123_00045.jpg".to_owned());
        for text in [
            "'http://cbcsl.ece.ohio-state.edu/db/N_0000000123_00045.jpg'",
            "N_0000000123_00045.jpg",
            "https://x/N_0000000123_00045.jpg?size=2#a",
            "a\\N_0000000123_00045",
        ] {
            assert_eq!(file_key(text), key, "{text}");
        }
        for text in ["", "http://x/", "..", "N_12_3", "text"] {
            assert_eq!(file_key(text), None, "{text}");
        }
        assert_eq!(unit_of("'AU 1'"), Some(1));
        assert_eq!(unit_of("AU01"), Some(1));
        assert_eq!(unit_of("URL"), None);
        assert_eq!(label(Some("999"), None), Some(None));
        assert_eq!(label(Some("1.0"), None), Some(Some(1.0)));
        assert_eq!(label(Some("2"), None), None);
        assert_eq!(label(None, None), Some(None));
    }

    #[test]
    fn the_hash_splits_as_asked_and_never_changes() {
        let names: Vec<String> = (0..10_000).map(|i| format!("N_{i:010}_00000")).collect();
        let test = names.iter().filter(|name| hash_share(0, name) < 0.2).count();
        assert!((1880..2120).contains(&test), "{test}");
        let other = names
            .iter()
            .filter(|name| (hash_share(0, name) < 0.2) != (hash_share(1, name) < 0.2))
            .count();
        assert!((2900..3500).contains(&other), "{other}");
    }
}
