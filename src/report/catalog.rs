//! The catalogue of tables and figures, and the files that it names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};
use serde::{Deserialize, Serialize};

use crate::error::{Context, Error, Result};

static EMBEDDED: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/reports");

/// Where report files are looked up: a folder of the user first, then those in the program.
#[derive(Debug, Clone, Default)]
pub(super) struct Assets {
    folder: Option<PathBuf>,
}

impl Assets {
    pub(super) fn new(folder: Option<&Path>) -> Result<Self> {
        if let Some(folder) = folder
            && !folder.is_dir()
        {
            return Err(Error::Usage(format!(
                "no folder {}: --reports takes a folder with catalog.toml, sql/ and templates/",
                folder.display()
            )));
        }
        Ok(Self {
            folder: folder.map(Path::to_owned),
        })
    }

    /// The text of `name` (`sql/usage.sql`, `templates/report.html`).
    pub(super) fn text(&self, name: &str) -> Result<String> {
        if let Some(folder) = &self.folder {
            let path = folder.join(name);
            if path.is_file() {
                return std::fs::read_to_string(&path).at("read", &path);
            }
        }
        embedded(name).ok_or_else(|| {
            Error::Usage(format!(
                "no report file {name}{}",
                match &self.folder {
                    Some(folder) => format!(", neither in {} nor in the program", folder.display()),
                    None => String::new(),
                }
            ))
        })
    }

    /// The catalogue: the program's entries, with those of the user's folder added or replaced by id.
    pub(super) fn catalog(&self) -> Result<Catalog> {
        let own = embedded("catalog.toml").unwrap_or_default();
        let mut catalog = parse(&own, Path::new("reports/catalog.toml"))?;
        if let Some(folder) = &self.folder {
            let path = folder.join("catalog.toml");
            if path.is_file() {
                let text = std::fs::read_to_string(&path).at("read", &path)?;
                let theirs = parse(&text, &path)?;
                catalog.labels.extend(theirs.labels);
                for entry in theirs.entry {
                    match catalog.entry.iter_mut().find(|known| known.id == entry.id) {
                        Some(known) => *known = entry,
                        None => catalog.entry.push(entry),
                    }
                }
            }
        }
        Ok(catalog)
    }
}

fn embedded(name: &str) -> Option<String> {
    EMBEDDED.get_file(name)?.contents_utf8().map(str::to_owned)
}

/// Bytes of a file that is always in the program, such as a font.
pub(super) fn embedded_bytes(name: &str) -> &'static [u8] {
    EMBEDDED.get_file(name).map_or(&[], include_dir::File::contents)
}

fn parse(text: &str, path: &Path) -> Result<Catalog> {
    let catalog: Catalog =
        toml::from_str(text).map_err(|error| Error::Usage(format!("{}: {error}", path.display())))?;
    let mut seen = std::collections::BTreeSet::new();
    for entry in &catalog.entry {
        let wrong = |what: String| {
            Err(Error::Usage(format!(
                "{}: entry `{}`: {what}",
                path.display(),
                entry.id
            )))
        };
        if entry.id.is_empty() || !entry.id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return wrong("an id consists of letters, digits and underscores".to_owned());
        }
        if !seen.insert(entry.id.as_str()) {
            return wrong("the id occurs twice".to_owned());
        }
        if let Some(page) = &entry.page
            && (page.is_empty() || page == "report" || !page.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
        {
            return wrong(format!(
                "`page = \"{page}\"` must be a name of letters, digits and underscores, other than `report`"
            ));
        }
        if entry.sql.contains("..") || entry.sql.contains('/') || entry.sql.contains('\\') {
            return wrong(format!("`sql = \"{}\"` must be the name of a file in sql/", entry.sql));
        }
        match entry.kind {
            EntryKind::Table if entry.columns.is_empty() => return wrong("a table needs `columns`".to_owned()),
            EntryKind::Figure if entry.chart.is_none() => return wrong("a figure needs `chart`".to_owned()),
            _ if entry.page.is_some() && entry.chart != Some(Chart::Panels) => {
                return wrong("only panels have a `page` of their own".to_owned());
            }
            _ => {}
        }
        for column in &entry.columns {
            if matches!(
                column.format,
                CellFormat::Range | CellFormat::Bounds | CellFormat::Interval
            ) && column.to.is_none()
            {
                return wrong(format!("column `{}`: this format needs `to`", column.name));
            }
        }
        let mut spread = entry.columns.iter().filter_map(|column| column.for_each.as_deref());
        if let Some(first) = spread.next()
            && let Some(other) = spread.find(|other| *other != first)
        {
            return wrong(format!("`for_each` names `{first}` and `{other}`: expected one column"));
        }
    }
    Ok(catalog)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Catalog {
    /// What stands for a value in columns of the format `label`.
    #[serde(default)]
    pub(super) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) entry: Vec<Entry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum EntryKind {
    Table,
    Figure,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Chart {
    Curves,
    Confusion,
    Bars,
    Usage,
    Contact,
    Panels,
    ClassMaps,
    ScoreMaps,
}

/// One table or figure.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
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
    #[serde(default)]
    pub(super) columns: Vec<ColumnSpec>,
}

fn all_rows() -> usize {
    500
}

/// How a column of a result is shown.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ColumnSpec {
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
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CellFormat {
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
pub(super) enum Show {
    #[default]
    Always,
    SeveralRuns,
    SeveralSeeds,
    NotEmpty,
}
