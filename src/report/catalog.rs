//! The catalogue of tables and figures, and the files that it names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use include_dir::include_dir;
use serde::{Deserialize, Serialize};

use crate::disk::fence::is_name;
use crate::document::assets::{Asset, Assets, Embedded};
use crate::document::invalid::{Invalid, require};
use crate::document::tree::Node;
use crate::error::{Error, Result};
use crate::there;

static EMBEDDED: Embedded = Embedded::new(include_dir!("$CARGO_MANIFEST_DIR/reports"), "reports");

/// The files of a report: a folder of the user first, then those in the program.
#[derive(Debug, Clone)]
pub(crate) struct ReportFiles(Assets);

impl ReportFiles {
    pub(crate) fn new(folder: Option<&Path>) -> Result<Self> {
        if let Some(folder) = folder
            && !there::is_dir(folder)?
        {
            return Err(Error::Usage(format!(
                "no folder {}: expected a folder of reports, with catalog.toml, sql/ and templates/",
                folder.display()
            )));
        }
        Ok(Self(Assets::new(&EMBEDDED, folder.map(Path::to_owned))))
    }

    /// The text of `name` (`sql/usage.sql`, `templates/report.html`).
    pub(crate) fn text(&self, name: &str) -> Result<String> {
        match self.0.find(name)? {
            Some(found) => Ok(found.text.into_owned()),
            None => Err(Error::Usage(format!(
                "no report file {name}{}",
                match self.0.folder() {
                    Some(folder) => format!(", neither in {} nor in the program", folder.display()),
                    None => String::new(),
                }
            ))),
        }
    }

    /// What the program calls methods, metrics and outputs.
    ///
    /// # Errors
    /// [`Error::Document`] if the catalogue of the user's folder is wrong.
    pub(crate) fn labels(&self) -> Result<BTreeMap<String, String>> {
        Ok(self.catalog()?.labels)
    }

    /// The catalogue: the program's entries, with those of the user's folder added or replaced by id.
    pub(super) fn catalog(&self) -> Result<Catalog> {
        let mut catalog = match self.0.own(CATALOG) {
            Some(own) => parse(&own)?,
            None => Catalog::default(),
        };
        if let Some(theirs) = self.0.theirs(CATALOG)? {
            let theirs = parse(&theirs)?;
            catalog.labels.extend(theirs.labels);
            for entry in theirs.entry {
                match catalog.entry.iter_mut().find(|known| known.id == entry.id) {
                    Some(known) => *known = entry,
                    None => catalog.entry.push(entry),
                }
            }
        }
        Ok(catalog)
    }
}

const CATALOG: &str = "catalog.toml";

/// Bytes of a file that is always in the program, such as a font.
pub(super) fn embedded_bytes(name: &str) -> &'static [u8] {
    EMBEDDED.bytes(name).unwrap_or_default()
}

fn parse(file: &Asset) -> Result<Catalog> {
    let tree = Node::parse("report catalogue", &file.shown, &file.text)?;
    let catalog: Catalog = tree.read()?;
    let mut seen = BTreeSet::new();
    for (i, entry) in catalog.entry.iter().enumerate() {
        require(seen.insert(&entry.id), "id", "the id occurs twice")
            .and_then(|()| entry.validate())
            .map_err(|(key, what)| {
                tree.invalid(&(format!("entry[{i}].{key}"), format!("entry `{}`: {what}", entry.id)))
            })?;
    }
    Ok(catalog)
}

impl Entry {
    /// What the types cannot say.
    fn validate(&self) -> std::result::Result<(), Invalid> {
        let plain = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        require(
            plain(&self.id),
            "id",
            "an id consists of letters, digits and underscores",
        )?;
        require(
            self.page.as_ref().is_none_or(|page| plain(page) && page != "report"),
            "page",
            "a page is a name of letters, digits and underscores, other than `report`",
        )?;
        require(
            is_name(&self.sql),
            "sql",
            &format!("`sql = \"{}\"` must be the name of a file in sql/", self.sql),
        )?;
        match self.kind {
            EntryKind::Table => require(!self.columns.is_empty(), "kind", "a table needs `columns`")?,
            EntryKind::Figure => require(self.chart.is_some(), "kind", "a figure needs `chart`")?,
        }
        require(
            self.page.is_none() || self.chart == Some(Chart::Panels),
            "page",
            "only panels have a `page` of their own",
        )?;
        for (i, column) in self.columns.iter().enumerate() {
            let two = matches!(
                column.format,
                CellFormat::Range | CellFormat::Bounds | CellFormat::Interval
            );
            require(
                !two || column.to.is_some(),
                &format!("columns[{i}].format"),
                &format!("column `{}`: this format needs `to`", column.name),
            )?;
        }
        let spread: Vec<&str> = self
            .columns
            .iter()
            .filter_map(|column| column.for_each.as_deref())
            .collect();
        require(
            spread.windows(2).all(|pair| pair[0] == pair[1]),
            "columns",
            &format!("`for_each` names `{}`: expected one column", spread.join("` and `")),
        )?;
        for (i, column) in self.columns.iter().enumerate() {
            require(
                !column.together || column.for_each.is_some(),
                &format!("columns[{i}].together"),
                &format!(
                    "column `{}`: only what is there `for_each` value can stand together",
                    column.name
                ),
            )?;
        }
        require(
            self.behind.as_ref() != Some(&self.id),
            "behind",
            "an entry cannot stand behind itself",
        )
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Catalog {
    /// What stands for a value in columns of the format `label`.
    #[serde(default)]
    pub(super) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) entry: Vec<Entry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EntryKind {
    Table,
    Figure,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Chart {
    Curves,
    Confusion,
    Bars,
    Usage,
    Contact,
    Panels,
    ClassMaps,
    ScoreMaps,
    Reliability,
    Forest,
}

/// One table or figure.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    pub(super) id: String,
    pub(super) kind: EntryKind,
    pub(super) section: String,
    pub(super) sql: String,
    pub(super) title: String,
    #[serde(default)]
    pub(super) caption: String,
    #[serde(default)]
    pub(super) tasks: Vec<String>,
    #[serde(default)]
    pub(super) several_runs: bool,
    #[serde(default)]
    pub(super) runs_at_most: Option<usize>,
    #[serde(default = "all_rows")]
    pub(super) rows: usize,
    #[serde(default)]
    pub(super) chart: Option<Chart>,
    /// Name of the page that has all panels, without ending.
    #[serde(default)]
    pub(super) page: Option<String>,
    /// What the paper calls it: `Figure 1a`.
    #[serde(default)]
    pub(super) paper: Option<String>,
    /// The entry behind which it is folded away, where that one is shown.
    #[serde(default)]
    pub(super) behind: Option<String>,
    #[serde(default)]
    pub(super) columns: Vec<ColumnSpec>,
}

fn all_rows() -> usize {
    500
}

/// How a column of a result is shown.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ColumnSpec {
    pub(super) name: String,
    pub(super) header: String,
    #[serde(default)]
    pub(super) format: CellFormat,
    #[serde(default)]
    pub(super) digits: usize,
    #[serde(default)]
    pub(super) sd: Option<String>,
    #[serde(default)]
    pub(super) gain: Option<String>,
    #[serde(default)]
    pub(super) to: Option<String>,
    #[serde(default)]
    pub(super) show: Show,
    /// The column of the result for each value of which the table has a column.
    #[serde(default)]
    pub(super) for_each: Option<String>,
    /// With `for_each`: one column for all values, which stand in a cell side by side.
    #[serde(default)]
    pub(super) together: bool,
    /// What stands in the same cell behind it.
    #[serde(skip)]
    pub(super) beside: Vec<ColumnSpec>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CellFormat {
    #[default]
    Text,
    Label,
    Integer,
    Decimal,
    Percent,
    SignedDecimal,
    SignedPercent,
    Range,
    Bounds,
    Interval,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Show {
    #[default]
    Always,
    SeveralRuns,
    SeveralSeeds,
    NotEmpty,
}
