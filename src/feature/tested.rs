//! The samples that a protocol tests on, from a samples table alone: what predictions made elsewhere are held against.

use std::path::Path;
use std::sync::Arc;

use crate::columns::SAMPLES_KEY;
use crate::disk::guard::{self, guarded};
use crate::error::{Context, Error, Result};
use crate::task::Targets;

use super::labelling::{Builder, LabelTable, Plan};
use super::options::{BATCH, LoadCounts, LoadOptions};
use super::reader::value_of;
use super::table::canonical_samples;

/// The test samples of a protocol, in the order of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Tested {
    /// Identifiers.
    pub sample_ids: Vec<String>,
    /// Person in each image, where the database says.
    pub subjects: Vec<Option<String>>,
    /// What is to be predicted.
    pub targets: Targets,
    /// Where the table's rows went.
    pub counts: LoadCounts,
}

/// Reads which samples of `table` are tested on, with their targets, by the rules of [`super::FeatureTable::load`].
///
/// # Errors
/// As of a feature table: what the task needs is not there, a value cannot be, or no test sample is left.
pub fn test_samples(table: &Path, options: &LoadOptions<'_>) -> Result<Tested> {
    guarded(table, || read(table, options))
}

fn read(path: &Path, options: &LoadOptions<'_>) -> Result<Tested> {
    let builder = guard::open(path)?;
    let file = builder.metadata().file_metadata();
    let description: Option<serde_json::Value> = match value_of(file, SAMPLES_KEY) {
        Some(text) => Some(serde_json::from_str(text).at("read the description of", path)?),
        None => None,
    };
    let table = LabelTable::new(
        format!("the samples table {}", path.display()),
        Arc::clone(builder.schema()),
        description.as_ref(),
    );
    let plan = Plan::new(&table, options)?;
    let mut counts = LoadCounts {
        rows: usize::try_from(file.num_rows()).unwrap_or(0),
        ..LoadCounts::default()
    };
    let reader = builder.with_batch_size(BATCH).build().at("read", path)?;
    let mut sets: [Builder; 3] = std::array::from_fn(|_| Builder::default());
    let mut first = 0;
    for batch in reader {
        let batch = canonical_samples(&batch.at("read", path)?, path)?;
        plan.read(&batch, first, &mut sets, &mut counts)?;
        first += batch.num_rows();
        options.interrupt.check()?;
    }
    let [train, val, mut test] = sets;
    counts.train = train.rows.len();
    counts.val = val.rows.len();
    counts.test = test.rows.len();
    if test.rows.is_empty() {
        return Err(Error::unusable_table(format!(
            "{} leaves no test samples for this task: of {} rows, {} have no label, {} have another class, {} are in no fold",
            table.what, counts.rows, counts.unlabelled, counts.other_class, counts.no_fold
        )));
    }
    Ok(Tested {
        targets: test.targets(&plan),
        sample_ids: test.sample_ids,
        subjects: test.subjects,
        counts,
    })
}
