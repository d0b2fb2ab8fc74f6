//! What is known of the people in the samples: `attributes.parquet` of the run folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::DataType;

use crate::dataset::attribute_list::{AttributeList, Line};
use crate::dataset::attributes::{AttributeKey, AttributesConfig};
use crate::disk::{atomic, parquet};
use crate::error::{Context, Error, Result};
use crate::recipe::Recipe;
use crate::record::Table;
use crate::run::folder::RunFolder;
use crate::served::AttributeRow;
use crate::there;

use super::data::expand;
use super::state::Chain;

/// Most values of an attribute: beyond, there are no groups to speak of.
const MOST_VALUES: usize = 40;

/// The attributes that a recipe asks for. A list is of the database, and says nothing about generated faces.
fn asked(recipe: &Recipe) -> AttributesConfig {
    let config = recipe.dataset.attributes.clone();
    if recipe.stand_in.is_some() {
        return AttributesConfig {
            list: String::new(),
            ..config
        };
    }
    config
}

/// The list that a recipe names, read: what is wrong with it is told before anything is trained.
///
/// # Errors
/// [`Error::Data`] if it is not there, or not as [`AttributeList::read`] expects it.
pub(super) fn list(recipe: &Recipe) -> Result<Option<(PathBuf, AttributeList)>> {
    let config = asked(recipe);
    if config.list.is_empty() {
        return Ok(None);
    }
    let path = expand(&config.list)
        .map_err(|reason| Error::data(format!("dataset.attributes.list = \"{}\", but {reason}", config.list)))?;
    let list = AttributeList::read(&path, &config)?;
    Ok(Some((path, list)))
}

impl Chain<'_> {
    /// The attributes that the recipe asks for.
    pub(super) fn asked(&self) -> AttributesConfig {
        asked(self.recipe)
    }

    /// Writes what the recipe's list and the database say of each sample, unless the same rows are there; says how many samples have
    /// none. Metrics by group are taken away with rows that change.
    ///
    /// # Errors
    /// [`Error::Data`] if the list or a column is missing or unusable, the list knows none of the samples, or an attribute has too
    /// many values.
    pub(crate) fn attributes(&self, folder: &RunFolder) -> Result<()> {
        let config = &self.asked();
        let path = folder.attributes();
        if config.is_empty() {
            if there::is_file(&path)? || there::is_file(&folder.subgroups())? {
                folder.unseal()?;
                atomic::remove(&path)?;
                atomic::remove(&folder.subgroups())?;
            }
            return Ok(());
        }
        let rows = self.attribute_rows(config, folder)?;
        self.tell_attributes(&rows);
        let batch = AttributeRow::batch(&rows).and_then(|batch| folder.origin().lead(&batch));
        let batch = batch.at("encode", &path)?;
        // A schema that was read has what the file says of itself beside it.
        if there::is_file(&path)? && parquet::read(&path)?.columns() == batch.columns() {
            return Ok(());
        }
        folder.unseal()?;
        atomic::remove(&folder.subgroups())?;
        parquet::write(&path, &rows, &folder.origin())
    }

    /// One row a sample and attribute, in the order of the samples table.
    fn attribute_rows(&self, config: &AttributesConfig, folder: &RunFolder) -> Result<Vec<AttributeRow>> {
        let samples = parquet::read(&folder.samples())?;
        let ids = column(&samples, "sample_id", &folder.samples())?;
        let mut rows = Vec::new();
        let mut push = |attribute: &str, values: &[Option<String>]| -> Result<()> {
            let different: BTreeSet<&String> = values.iter().flatten().collect();
            if different.len() > MOST_VALUES {
                return Err(Error::data(format!(
                    "the attribute `{attribute}` has {} values, the first `{}`; at most {MOST_VALUES} make groups: put it into bins, or \
                     leave it out of dataset.attributes",
                    different.len(),
                    different.first().map_or("", |value| value)
                )));
            }
            let own = ids.iter().zip(values);
            rows.extend(own.map(|(id, value)| AttributeRow {
                sample_id: id.clone().unwrap_or_default(),
                attribute: attribute.to_owned(),
                value: value.clone(),
            }));
            Ok(())
        };
        let truth = if there::is_file(&folder.truth())? {
            Some(Truth::read(&folder.truth())?)
        } else {
            None
        };
        for name in &config.own {
            let values = match (&truth, samples.column_by_name(name)) {
                (_, Some(_)) => column(&samples, name, &folder.samples())?,
                (Some(truth), None) if truth.table.column_by_name(name).is_some() => truth.values(&ids, name)?,
                _ => return Err(unknown(name, &samples, truth.as_ref())),
            };
            push(name, &values)?;
        }
        if let Some((path, list)) = list(self.recipe)? {
            let found = find(&list, config, &samples, &folder.samples(), &path)?;
            self.tell_unused(&list, &found, &path);
            for (at, name) in list.names.iter().enumerate() {
                let value = |row: Option<&Line>| row.and_then(|(_, row)| row[at].clone());
                push(name, &found.iter().copied().map(value).collect::<Vec<_>>())?;
            }
        }
        Ok(rows)
    }

    /// Lines of a list that say nothing of any sample: of another release, or under another spelling.
    fn tell_unused(&self, list: &AttributeList, found: &[Option<&Line>], path: &Path) {
        let used: BTreeSet<u32> = found.iter().flatten().map(|(line, _)| *line).collect();
        let mut unused = list.rows.iter().filter(|(_, (line, _))| !used.contains(line));
        let n = unused.clone().count();
        if let Some((key, (line, _))) = unused.next() {
            self.progress.line(&format!(
                "            {}: {n} of {} lines name no sample, such as `{key}` (line {line})",
                path.display(),
                list.rows.len()
            ));
        }
    }

    fn tell_attributes(&self, rows: &[AttributeRow]) {
        for rows in rows.chunk_by(|a, b| a.attribute == b.attribute) {
            let without: Vec<&AttributeRow> = rows.iter().filter(|row| row.value.is_none()).collect();
            let name = &rows[0].attribute;
            self.progress.line(&match without.first() {
                None => format!("            attribute {name}: known of all {} samples", rows.len()),
                Some(first) => format!(
                    "            attribute {name}: not known of {} of {} samples, the first {}; they are those without `value` in the table \
                     `attributes` of the run",
                    without.len(),
                    rows.len(),
                    first.sample_id
                ),
            });
        }
    }
}

/// The truth of generated faces, by sample.
struct Truth {
    table: RecordBatch,
    rows: BTreeMap<String, usize>,
    path: std::path::PathBuf,
}

impl Truth {
    fn read(path: &Path) -> Result<Self> {
        let table = parquet::read(path)?;
        let ids = column(&table, "sample_id", path)?;
        let rows = ids
            .into_iter()
            .enumerate()
            .filter_map(|(row, id)| Some((id?, row)))
            .collect();
        Ok(Self {
            table,
            rows,
            path: path.to_owned(),
        })
    }

    fn values(&self, ids: &[Option<String>], name: &str) -> Result<Vec<Option<String>>> {
        let values = column(&self.table, name, &self.path)?;
        let row = |id: &Option<String>| self.rows.get(id.as_deref()?).copied();
        Ok(ids
            .iter()
            .map(|id| row(id).and_then(|row| values[row].clone()))
            .collect())
    }
}

/// A column as text.
fn column(table: &RecordBatch, name: &str, path: &Path) -> Result<Vec<Option<String>>> {
    let found = table
        .column_by_name(name)
        .ok_or_else(|| Error::unusable_table(format!("{}: the column {name} is missing", path.display())))?;
    let texts = cast(found, &DataType::Utf8).at("read", path)?;
    Ok(texts
        .as_string::<i32>()
        .iter()
        .map(|text| text.map(str::to_owned))
        .collect())
}

fn unknown(name: &str, samples: &RecordBatch, truth: Option<&Truth>) -> Error {
    let names = |table: &RecordBatch| {
        table
            .schema()
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect::<Vec<_>>()
    };
    let mut known = names(samples);
    known.extend(truth.map(|truth| names(&truth.table)).unwrap_or_default());
    known.sort();
    known.dedup();
    Error::data(format!(
        "dataset.attributes.own names `{name}`, and the database has no such column; there are {}",
        known.join(", ")
    ))
}

/// The row of the list for each sample.
fn find<'a>(
    list: &'a AttributeList,
    config: &AttributesConfig,
    samples: &RecordBatch,
    table: &Path,
    path: &Path,
) -> Result<Vec<Option<&'a Line>>> {
    let keys = column(samples, config.key.as_str(), table)?;
    let names: Vec<Option<&str>> = keys.iter().map(|key| file_name(key.as_deref()?)).collect();
    let mut of_name: BTreeMap<&str, usize> = BTreeMap::new();
    for name in names.iter().flatten() {
        *of_name.entry(name).or_default() += 1;
    }
    let mut found = Vec::with_capacity(keys.len());
    for (key, name) in keys.iter().zip(&names) {
        let exact = key.as_deref().and_then(|key| list.rows.get(key));
        let by_name = name.filter(|_| config.key == AttributeKey::ImagePath && exact.is_none());
        let row = match by_name.and_then(|name| list.rows.get(name).map(|row| (name, row))) {
            Some((name, (line, _))) if of_name[name] > 1 => {
                return Err(Error::unusable_table(format!(
                    "{}:{line}: {} images are called `{name}`; write their paths as in the table `samples`, such as `{}`",
                    path.display(),
                    of_name[name],
                    key.as_deref().unwrap_or_default()
                )));
            }
            Some((_, row)) => Some(row),
            None => exact,
        };
        found.push(row);
    }
    if found.iter().all(Option::is_none) {
        let first = list.rows.keys().next().map_or("", String::as_str);
        let known = keys.iter().flatten().next().map_or("", String::as_str);
        return Err(Error::unusable_table(format!(
            "{}: no sample is found by its column `{}`, which holds `{first}`, where `{}` of the samples is such as `{known}`; set \
             dataset.attributes.key to what the list names",
            path.display(),
            config.key_column(),
            config.key.as_str()
        )));
    }
    Ok(found)
}

/// The last part of a path.
fn file_name(path: &str) -> Option<&str> {
    path.rsplit('/').next().filter(|name| !name.is_empty())
}
