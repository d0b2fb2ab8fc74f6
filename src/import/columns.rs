//! The columns beside the features: which is which, and their values.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::action_unit::ActionUnit;
use crate::dataset::table::{TableConfig, unit_of};
use crate::dataset::unknown::says_unknown;
use crate::error::{Context, Error, Result};
use crate::intake::reject::Reason;
use crate::spelling::composed;

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
    /// Columns that speak of an action unit and are not called after it alone, where the recipe names none: which of
    /// `AU12_r` and `AU12_c` is the label is not for this program to say.
    pub(crate) unit_like: Vec<String>,
    /// All columns with one text or number a row.
    pub(crate) there: Vec<String>,
}

impl Roles {
    /// Finds the columns among those of `offer`; `file` is named in errors.
    ///
    /// # Errors
    /// [`Error::Data`] if a column that the recipe names is not there, or holds something else; if two columns have one meaning.
    pub(crate) fn find(offer: &Offer, config: &TableConfig, file: &Path) -> Result<Self> {
        let mut aside: BTreeMap<String, String> = BTreeMap::new();
        let mut leave = |is_usual: &dyn Fn(&str) -> bool| {
            let left = offer.others.iter().filter(|(name, _)| is_usual(name));
            aside.extend(left.map(|(name, what)| (name.clone(), what.clone())));
        };
        let mut aus = BTreeMap::new();
        if config.aus.is_empty() {
            for name in &offer.names {
                if let Some(unit) = unit_of(name)
                    && let Some(first) = aus.insert(unit, name.clone())
                {
                    let example = format!(
                        "dataset.table.aus = {{ {} = \"{name}\" }}, with all other units",
                        unit.column()
                    );
                    return Err(two_for_one(&first, name, &unit.to_string(), &example, file));
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
            if let Some((unit, name)) = unit_of(au).zip(found)
                && let Some(first) = aus.insert(unit, name.clone())
                && first != name
            {
                let example = format!("dataset.table.aus.{}", unit.column());
                return Err(two_for_one(&first, &name, &unit.to_string(), &example, file));
            }
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
            sample_id: find("sample_id", &config.sample_id, &SAMPLE_ID)?,
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
            ..Self::default()
        };
        let used = roles.names();
        let is_like = |name: &&String| {
            config.aus.is_empty()
                && !used.contains(*name)
                && unit_of(name).is_none()
                && ActionUnit::mentioned(name).is_some()
        };
        Ok(Self {
            aside,
            unit_like: offer.names.iter().filter(is_like).cloned().collect(),
            there: offer.names.clone(),
            ..roles
        })
    }

    /// A word on the columns that are there, to end a message.
    pub(crate) fn what_is_there(&self) -> String {
        match self.there.as_slice() {
            [] => "there are no columns".to_owned(),
            [one] if one.contains([' ', '|', ':', '/']) => format!(
                "the only column is `{one}`; if these are several, save them with `,`, `;` or a tab between them, their names in the \
                 first line"
            ),
            names => format!("the columns are {}", listed(names)),
        }
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

/// Usual names of the column that names the samples.
pub(crate) const SAMPLE_ID: [&str; 6] = ["sample_id", "id", "name", "file", "image", "image_path"];

/// Two columns mean the same, and which is right only the reader knows.
pub(crate) fn two_for_one(first: &str, second: &str, what: &str, example: &str, file: &Path) -> Error {
    let at = file.display();
    Error::unusable_table(if first == second {
        format!("{at}: two columns are called `{first}`; rename or remove the one that is not meant")
    } else {
        format!("{at}: the columns `{first}` and `{second}` both mean {what}; name the one that is meant as {example}")
    })
}

/// The columns with the first of the usual names that is there.
fn called<'a>(names: &'a [String], usual: &[&str]) -> Vec<&'a String> {
    let mut found = usual.iter().map(|usual| {
        let fitting = names.iter().filter(|name| name.eq_ignore_ascii_case(usual));
        fitting.collect::<Vec<_>>()
    });
    found.find(|found| !found.is_empty()).unwrap_or_default()
}

/// The first column with a usual name, where nothing but a comparison depends on it.
pub(crate) fn first_called(names: &[String], usual: &[&str]) -> Option<String> {
    called(names, usual).first().copied().cloned()
}

/// The column that the recipe names, or the first of the usual ones.
///
/// # Errors
/// [`Error::Data`] if there is no column as named, or if two have the name that is looked for.
pub(crate) fn find(offer: &Offer, key: &str, named: &str, usual: &[&str], file: &Path) -> Result<Option<String>> {
    let names = &offer.names;
    // Keyboards write accents as one character, some systems as two.
    let same = |name: &&String| composed(name) == composed(named);
    let found = match named {
        "" => called(names, usual),
        _ if names.iter().any(|name| name == named) => names.iter().filter(|name| *name == named).collect(),
        _ => names.iter().filter(same).collect(),
    };
    if let Some(first) = found.first() {
        // Columns of one name may hold different things.
        let other = found
            .get(1)
            .copied()
            .or(Some(*first).filter(|name| offer.others.contains_key(*name)));
        return match other {
            Some(second) => {
                let example = format!("dataset.table.{key}");
                Err(two_for_one(first, second, &format!("`{key}`"), &example, file))
            }
            None => Ok(Some((*first).clone())),
        };
    }
    if named.is_empty() {
        return Ok(None);
    }
    let at = file.display();
    let other = offer.others.iter().find(|(name, _)| same(name)).map(|(_, what)| what);
    let whole = named
        .match_indices('.')
        .find_map(|(at, _)| offer.others.get_key_value(&named[..at]));
    if let (None, Some((column, what))) = (other, whole) {
        return Err(Error::unusable_table(format!(
            "dataset.table.{key} = \"{named}\": the column `{column}` of {at} holds {what}, whose parts are not read; write the part that \
             is meant into a column of its own, and name that"
        )));
    }
    Err(Error::unusable_table(match other {
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
    /// Why a row cannot be used: its line could not be split into fields, or a value is no text. It is there all the same, so that
    /// those after it keep their places.
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

    /// Gives up a row; what was wrong with it first is told.
    pub(crate) fn give_up(&mut self, row: usize, reason: Reason) {
        self.unusable.entry(row).or_insert(reason);
    }

    /// Gives up a row because the value of column `name` is no text; `shown` is what can be shown of it.
    pub(crate) fn give_up_no_text(&mut self, row: usize, name: &str, shown: &str) {
        let reason = Reason::BadValue {
            column: name.to_owned(),
            found: shown.to_owned(),
            expected: "text in UTF-8".into(),
        };
        self.give_up(row, reason);
    }

    /// The first row of all, if none can be used, and why.
    pub(crate) fn none_usable(&self) -> Option<(usize, &Reason)> {
        let (row, reason) = self.unusable.first_key_value()?;
        (self.unusable.len() == self.rows).then_some((*row, reason))
    }

    /// How many rows cannot be used, and why the first of them.
    pub(crate) fn all_unusable(&self) -> Option<(usize, &Reason)> {
        Some((self.unusable.len(), self.unusable.values().next()?))
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// A row of a text file begins, at this line.
    pub(crate) fn begin_line(&mut self, line: u32) -> usize {
        self.lines.push(line);
        self.rows = self.lines.len();
        self.rows - 1
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
                text.map(|text| text.trim_matches([' ', '\t']))
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
    if says_unknown(text) {
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
    text.is_none_or(says_unknown)
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
