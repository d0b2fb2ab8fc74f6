//! Pictures that two splits share: counted, listed in `duplicates.parquet`, and refused where the protocol says so.

use arrow::array::{Array, AsArray, RecordBatch};

use crate::disk::parquet;
use crate::error::{Error, Result};
use crate::feature::duplicates::DuplicateRule;
use crate::record::DuplicateRow;
use crate::run::folder::RunFolder;
use crate::there;

use super::extract::Features;
use super::state::Chain;

impl Chain<'_> {
    /// Looks for them in every fold, unless the table is there, and warns of those that are left in.
    ///
    /// # Errors
    /// [`Error::Data`] if there are any and `protocol.duplicates = "fail"`; the table is written all the same.
    pub(crate) fn duplicates(&mut self, features: &Features, folder: &RunFolder) -> Result<()> {
        let rule = self.recipe.protocol.duplicates;
        let path = folder.duplicates();
        if !there::is_file(&path)? {
            let mut rows = Vec::new();
            for fold in self.recipe.protocol.units() {
                self.interrupt.check()?;
                let found = self.load_with(features, fold, Some(rule))?.duplicates;
                rows.extend(found.into_iter().map(|found| DuplicateRow {
                    fold,
                    sample_id: found.sample_id,
                    split: found.split.to_string(),
                    same_as: found.same_as,
                    same_split: found.same_split.to_string(),
                    same: found.same.to_owned(),
                    dropped: rule == DuplicateRule::DropTrain,
                }));
            }
            folder.unseal()?;
            parquet::write(&path, &rows, &folder.origin())?;
        }
        let table = parquet::read(&path)?;
        let Some(first) = First::of(&table, self.recipe.protocol.folds.is_empty()) else {
            return Ok(());
        };
        let said = format!(
            "of {} training or validation samples are in a later split too, the first as {} and {}; all are listed in the table \
             `duplicates` of the run",
            first.count, first.sample_id, first.same_as
        );
        match rule {
            DuplicateRule::Fail => Err(Error::data(format!(
                "pictures {said} ({}): take them out of the database, or set protocol.duplicates = \"drop_train\" or \"report\"",
                path.display()
            ))),
            DuplicateRule::DropTrain => {
                self.progress
                    .line(&format!("            pictures {said}; they are left out"));
                Ok(())
            }
            DuplicateRule::Report => {
                self.warn(format!(
                    "pictures {said}; protocol.duplicates = \"drop_train\" takes them out of what is learned from"
                ));
                Ok(())
            }
        }
    }
}

/// The first of the duplicates, and how many there are.
struct First {
    count: String,
    sample_id: String,
    same_as: String,
}

impl First {
    fn of(table: &RecordBatch, once: bool) -> Option<Self> {
        let text = |name: &str| -> Option<String> {
            let column = table.column_by_name(name)?.as_string_opt::<i32>()?;
            (!column.is_empty()).then(|| column.value(0).to_owned())
        };
        let n = table.num_rows();
        Some(Self {
            count: if once {
                n.to_string()
            } else {
                format!("{n} (over all folds)")
            },
            sample_id: text("sample_id")?,
            same_as: text("same_as")?,
        })
    }
}
