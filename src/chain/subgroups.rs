//! Whom a run serves, once every seed is there: `subgroups.parquet` of the run folder.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray};
use arrow::datatypes::Int64Type;

use crate::check::answers::Asked;
use crate::check::subgroup::{self, Values};
use crate::digest::of_file;
use crate::disk::parquet;
use crate::error::{Error, Result};
use crate::metric::Bootstrap;
use crate::run::folder::RunFolder;
use crate::there;

use super::state::Chain;

impl Chain<'_> {
    /// Computes every metric by group over the seeds of the folder, unless the table is there; its digest, or nothing in a run without
    /// attributes.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Data`] if a table cannot be read; [`Error::Interrupted`].
    pub(crate) fn subgroups(&self, folder: &RunFolder, seeds: &[u64], outputs: &[String]) -> Result<String> {
        let config = self.asked();
        if config.is_empty() {
            return Ok(String::new());
        }
        let path = folder.subgroups();
        if !(there::is_file(&path)? && self.asks_the_same(folder)?) {
            self.interrupt.check()?;
            folder.unseal()?;
            let said = self.predictions(folder, seeds, &Asked::test(outputs), &folder.samples())?;
            let table = parquet::read(&folder.attributes())?;
            let text = |name: &str| {
                let column = table
                    .column_by_name(name)
                    .and_then(|column| column.as_string_opt::<i32>());
                column.ok_or_else(|| {
                    Error::unusable_table(format!("{}: no text column {name}", folder.attributes().display()))
                })
            };
            let (ids, names, values) = (text("sample_id")?, text("attribute")?, text("value")?);
            let mut attributes: BTreeMap<&str, Values<'_>> = BTreeMap::new();
            for row in 0..table.num_rows() {
                let own = attributes.entry(names.value(row)).or_default();
                if values.is_valid(row) {
                    own.insert(ids.value(row), values.value(row));
                }
            }
            let task = self.recipe.protocol.task;
            let bootstrap = Bootstrap::hearing(self.interrupt);
            let rows = subgroup::of(&said, &attributes, task, config.least, &bootstrap)?;
            parquet::write(&path, &rows, &folder.origin())?;
        }
        Ok(format!(" {}", of_file(&path)?))
    }

    /// Whether the table that is there counts groups from as many samples on.
    fn asks_the_same(&self, folder: &RunFolder) -> Result<bool> {
        let table = parquet::read(&folder.subgroups())?;
        let least = table
            .column_by_name("least")
            .and_then(|column| column.as_primitive_opt::<Int64Type>())
            .filter(|column| !column.is_empty())
            .map(|column| column.value(0));
        Ok(least.is_none_or(|least| least == i64::from(self.recipe.dataset.attributes.least)))
    }
}
