//! The columns beside the features: which is which, and their values.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::action_unit::ActionUnit;
use crate::dataset::table::{TableConfig, unit_of};
use crate::error::{Context, Error, Result};
use crate::intake::reject::Reason;
use crate::intake::text;

/// The columns of a file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Offer {
    /// Those with one text or number a row, in the file's order.
    pub(crate) names: Vec<String>,
    /// What the others hold.
    pub(crate) others: BTreeMap<String, String>,
}

impl Offer {
    /// The columns but for these.
    pub(crate) fn without(&self, taken: &[String]) -> Self {
        let mut left = self.clone();
        left.names.retain(|name| !taken.contains(name));
        left.others.retain(|name, _| !taken.contains(name));
        left
    }
}

/// The columns that were found for what a sample needs.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Roles {
    pub(crate) sample_id: Option<String>,
    pub(crate) split: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) frame: Option<String>,
    pub(crate) fold: Option<String>,
    pub(crate) image_path: Option<String>,
    pub(crate) label: Option<String>,
    /// Index of the class beside its name, in tables of this program.
    pub(crate) order: Option<String>,
    pub(crate) valence: Option<String>,
    pub(crate) arousal: Option<String>,
    pub(crate) aus: BTreeMap<ActionUnit, String>,
    /// Columns with a usual name that hold something else than a text or a number a row, and what that is.
    pub(crate) aside: BTreeMap<String, String>,
}

impl Roles {
    /// Finds the columns among those of `offer`; `file` is named in errors.
    ///
    /// # Errors
    /// [`Error::Data`] if a column that the recipe names is not there, or holds something else.
    pub(crate) fn find(offer: &Offer, config: &TableConfig, file: &Path) -> Result<Self> {
        let mut aside: BTreeMap<String, String> = BTreeMap::new();
        let mut leave = |is_usual: &dyn Fn(&str) -> bool| {
            let left = offer.others.iter().filter(|(name, _)| is_usual(name));
            aside.extend(left.map(|(name, what)| (name.clone(), what.clone())));
        };
        let mut aus = BTreeMap::new();
        if config.aus.is_empty() {
            for name in &offer.names {
                if let Some(au) = unit_of(name) {
                    aus.entry(au).or_insert_with(|| name.clone());
                }
            }
            leave(&|name| unit_of(name).is_some_and(|unit| !aus.contains_key(&unit)));
        }
        let mut find = |key: &str, named: &str, usual: &[&str]| {
            let found = find(offer, key, named, usual, file)?;
            if named.is_empty() {
                let place = |name: &str| usual.iter().position(|usual| name.eq_ignore_ascii_case(usual));
                let of_found = found.as_deref().and_then(place).unwrap_or(usual.len());
                leave(&|name| place(name).is_some_and(|at| at < of_found));
            }
            Ok::<_, Error>(found)
        };
        for (au, named) in &config.aus {
            let found = find(&format!("aus.{au}"), named, &[])?;
            // The configuration has been checked: every key is an action unit.
            aus.extend(unit_of(au).zip(found));
        }
        let label = find(
            "label",
            &config.label,
            &[
                "expression_name",
                "expression",
                "label",
                "labels",
                "y",
                "target",
                "class",
                "emotion",
            ],
        )?;
        let roles = Self {
            sample_id: find(
                "sample_id",
                &config.sample_id,
                &["sample_id", "id", "name", "file", "image", "image_path"],
            )?,
            split: find("split", &config.split, &["split", "subset", "set"])?,
            subject: find("subject", &config.subject, &["subject", "person", "identity"])?,
            frame: find("frame", &config.frame, &["frame"])?,
            fold: find("fold", &config.fold, &["fold"])?,
            image_path: find("image_path", &config.image_path, &["image_path"])?,
            order: match label.as_deref() {
                Some("expression_name") => find("label", "", &["expression"])?,
                _ => None,
            },
            label,
            valence: find("valence", &config.valence, &["valence", "v"])?,
            arousal: find("arousal", &config.arousal, &["arousal", "a"])?,
            aus,
            aside: BTreeMap::new(),
        };
        Ok(Self { aside, ..roles })
    }

    /// A word on what was left aside, to end a message.
    pub(crate) fn what_is_aside(&self) -> String {
        self.aside
            .iter()
            .map(|(name, what)| format!("; `{name}` holds {what} and is left aside"))
            .collect()
    }

    fn texts(&self) -> impl Iterator<Item = &String> {
        [
            &self.sample_id,
            &self.split,
            &self.subject,
            &self.image_path,
            &self.label,
            &self.order,
        ]
        .into_iter()
        .flatten()
    }

    fn numbers(&self) -> impl Iterator<Item = &String> {
        [&self.frame, &self.fold, &self.valence, &self.arousal]
            .into_iter()
            .flatten()
            .chain(self.aus.values())
    }

    /// Columns that are read, each once.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        self.texts().chain(self.numbers()).cloned().collect()
    }
}

/// The column that the recipe names, or the first of the usual ones.
pub(crate) fn find(offer: &Offer, key: &str, named: &str, usual: &[&str], file: &Path) -> Result<Option<String>> {
    let names = &offer.names;
    if named.is_empty() {
        return Ok(usual
            .iter()
            .find_map(|usual| names.iter().find(|name| name.eq_ignore_ascii_case(usual)))
            .cloned());
    }
    if let Some(name) = names.iter().find(|name| *name == named) {
        return Ok(Some(name.clone()));
    }
    let at = file.display();
    Err(Error::unusable_table(match offer.others.get(named) {
        Some(what) => format!(
            "dataset.table.{key} = \"{named}\": the column of {at} holds {what}; expected one text or number a row. Write the part that \
             is meant into a column of its own, and name that"
        ),
        None => format!(
            "dataset.table.{key} = \"{named}\": {at} has no such column; it has {}",
            listed(names)
        ),
    }))
}

/// The first names of many, for messages.
pub(crate) fn listed(names: &[String]) -> String {
    const SHOWN: usize = 24;
    if names.is_empty() {
        return "none".into();
    }
    let mut shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        shown.push_str(&format!(", … ({} columns)", names.len()));
    }
    shown
}

/// What a text says of a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number<'a> {
    Is(f32),
    /// Nothing, `NULL`, `NaN`, `NA`.
    Unknown,
    /// Something else.
    Bad(&'a str),
}

fn is_unknown(text: &str) -> bool {
    text.is_empty()
        || ["null", "nan", "na", "none", "<na>"]
            .iter()
            .any(|unknown| text.eq_ignore_ascii_case(unknown))
}

/// One column.
#[derive(Debug, Clone)]
enum Column {
    Texts(Vec<Option<Box<str>>>),
    /// NaN is unknown; what was no number is kept as text, by row.
    Numbers(Vec<f32>, BTreeMap<usize, String>),
}

/// Columns with one value a row.
#[derive(Debug, Clone, Default)]
pub(crate) struct Columns {
    by_name: BTreeMap<String, Column>,
    /// 1-based line in a text file; empty where a row has no line, and its number from 1 is shown.
    lines: Vec<u32>,
    rows: usize,
    /// Why a line could not be split into fields: its row is there, so that those after it keep their places, and holds nothing.
    unusable: BTreeMap<usize, Reason>,
}

impl Columns {
    /// Empty columns for `roles`.
    pub(crate) fn new(roles: &Roles) -> Self {
        let mut by_name: BTreeMap<String, Column> = roles
            .numbers()
            .map(|name| (name.clone(), Column::Numbers(Vec::new(), BTreeMap::new())))
            .collect();
        // A column in both uses is text; numbers are read from it all the same.
        by_name.extend(roles.texts().map(|name| (name.clone(), Column::Texts(Vec::new()))));
        Self {
            by_name,
            lines: Vec::new(),
            rows: 0,
            unusable: BTreeMap::new(),
        }
    }

    /// Why the row cannot be used at all.
    pub(crate) fn unusable(&self, row: usize) -> Option<&Reason> {
        self.unusable.get(&row)
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The line of a row, or its number from 1.
    pub(crate) fn line(&self, row: usize) -> u32 {
        match self.lines.get(row) {
            Some(line) => *line,
            None => u32::try_from(row + 1).unwrap_or(u32::MAX),
        }
    }

    /// Appends a value to column `name`, which must be one of the roles' columns.
    pub(crate) fn push(&mut self, name: &str, text: Option<&str>) {
        match self.by_name.get_mut(name) {
            Some(Column::Texts(values)) => values.push(
                text.map(|text| text.trim_matches([' ', '\t', '"', '\'']))
                    .filter(|text| !text.is_empty())
                    .map(Into::into),
            ),
            Some(Column::Numbers(values, bad)) => {
                let row = values.len();
                values.push(match number(text) {
                    Number::Is(value) => value,
                    Number::Unknown => f32::NAN,
                    Number::Bad(text) => {
                        bad.insert(row, text.to_owned());
                        f32::NAN
                    }
                });
            }
            None => {}
        }
    }

    /// Rows have been appended to all columns.
    pub(crate) fn set_rows(&mut self, rows: usize) {
        self.rows = rows;
    }

    /// A text; `None` for nothing.
    pub(crate) fn text(&self, name: Option<&str>, row: usize) -> Option<&str> {
        match self.by_name.get(name?)? {
            Column::Texts(values) => values.get(row)?.as_deref(),
            Column::Numbers(..) => None,
        }
    }

    /// A number.
    pub(crate) fn number(&self, name: Option<&str>, row: usize) -> Number<'_> {
        match name.and_then(|name| self.by_name.get(name)) {
            None => Number::Unknown,
            Some(Column::Texts(values)) => number(values.get(row).and_then(Option::as_deref)),
            Some(Column::Numbers(values, bad)) => match (bad.get(&row), values.get(row)) {
                (Some(text), _) => Number::Bad(text),
                (None, Some(value)) if !value.is_nan() => Number::Is(*value),
                _ => Number::Unknown,
            },
        }
    }
}

fn number(text: Option<&str>) -> Number<'_> {
    let text = text.unwrap_or_default().trim_matches([' ', '\t', '"', '\'']);
    if is_unknown(text) {
        return Number::Unknown;
    }
    match text.parse::<f32>() {
        Ok(value) if value.is_finite() => Number::Is(value),
        // As arrays of truth values are read.
        _ if text.eq_ignore_ascii_case("true") => Number::Is(1.0),
        _ if text.eq_ignore_ascii_case("false") => Number::Is(0.0),
        _ => Number::Bad(text),
    }
}

/// Whether a label is missing, in the ways that tables write it.
pub(crate) fn missing(text: Option<&str>) -> bool {
    text.is_none_or(|text| is_unknown(text.trim()))
}

/// Reads a CSV or TSV file whose first line names the columns. A line that has not the fields of the header, or is no text, is a
/// row that holds nothing and says why ([`Columns::unusable`]): were it lost, all labels after it would shift.
///
/// # Errors
/// [`Error::Io`] if it cannot be read; [`Error::Data`] with file and line if there is no header, or if a quote is left open: then
/// nobody knows where the row ends.
pub(crate) fn read_csv(path: &Path, config: &TableConfig) -> Result<(Roles, Columns)> {
    let name = path.display().to_string();
    let mut header: Option<Header> = None;
    let mut roles = Roles::default();
    let mut columns = Columns::default();
    text::each_line(path, &name, |line, text| {
        let place = || format!("{name}:{line}");
        let Some(Header {
            separator,
            fields,
            wanted,
        }) = &header
        else {
            let text = text.map_err(|reason| Error::unusable_table(format!("{}: {reason}", place())))?;
            let (separator, names) = Header::split(text).ok_or_else(|| open_quote(&place()))?;
            let offer = Offer {
                names: names.clone(),
                others: BTreeMap::new(),
            };
            roles = Roles::find(&offer, config, path)?;
            columns = Columns::new(&roles);
            let mut left = roles.names();
            header = Some(Header {
                separator,
                fields: names.len(),
                // Of columns with the same name the first is read.
                wanted: names.iter().map(|name| left.take(name)).collect(),
            });
            return Ok(());
        };
        let row = columns.lines.len();
        columns.lines.push(line);
        let found = match text {
            Err(reason) => Err(reason),
            Ok(text) => {
                let found = text::fields(text, *separator).ok_or_else(|| open_quote(&place()))?;
                match found.len() {
                    number if number == *fields => Ok(found),
                    number => Err(Reason::MalformedLine(format!(
                        "{fields} fields as in the header, found {number}"
                    ))),
                }
            }
        };
        match found {
            Ok(found) => {
                for (field, wanted) in found.iter().zip(wanted) {
                    if let Some(name) = wanted {
                        columns.push(name, Some(field));
                    }
                }
            }
            Err(reason) => {
                for name in wanted.iter().flatten() {
                    columns.push(name, None);
                }
                columns.unusable.insert(row, reason);
                if let Some(first) = columns.unusable.values().next() {
                    text::bound(columns.unusable.len(), path, first)?;
                }
            }
        }
        Ok(())
    })?;
    if header.is_none() {
        return Err(Error::unusable_table(format!(
            "{name}: the file is empty; expected a line with the names of the columns, then one line a sample"
        )));
    }
    columns.rows = columns.lines.len();
    Ok((roles, columns))
}

/// What the first line of a text file says of the others.
struct Header {
    separator: char,
    fields: usize,
    /// The column that each field belongs to; `None` if it is not read.
    wanted: Vec<Option<String>>,
}

impl Header {
    /// The separator, and the names that it parts; `None` if a quote is left open.
    fn split(text: &str) -> Option<(char, Vec<String>)> {
        let separator = [',', '\t', ';']
            .into_iter()
            .max_by_key(|separator| (text.matches(*separator).count(), *separator == ','))
            .unwrap_or(',');
        let names = text::fields(text, separator)?;
        Some((separator, names.iter().map(|name| text::clean_name(name)).collect()))
    }
}

fn open_quote(place: &str) -> Error {
    Error::unusable_table(format!(
        "{place}: a quote is left open; fields that hold line breaks are not read"
    ))
}

/// What kind of file a name promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Parquet,
    Npy,
    Npz,
    Csv,
    /// A folder of Parquet parts.
    Folder,
}

impl Format {
    pub(crate) fn of(path: &Path) -> Result<Self> {
        let meta = std::fs::metadata(path).at("open", path)?;
        if meta.is_dir() {
            return Ok(Self::Folder);
        }
        let extension = path
            .extension()
            .and_then(|extension| extension.to_str())
            .unwrap_or_default();
        match extension.to_ascii_lowercase().as_str() {
            "parquet" | "pq" => Ok(Self::Parquet),
            "npy" => Ok(Self::Npy),
            "npz" => Ok(Self::Npz),
            "csv" | "tsv" | "txt" => Ok(Self::Csv),
            _ => Err(Error::unusable_table(format!(
                "{}: expected a file that ends in .parquet, .npy, .npz (features), .csv or .tsv (labels)",
                path.display()
            ))),
        }
    }
}
