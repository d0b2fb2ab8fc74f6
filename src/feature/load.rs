//! From a feature table to the train, validation and test sets of one task.

use std::sync::Arc;

use crate::encoder::interface::TokenShape;
use crate::error::{Error, Result};
use crate::sets::{FeatureSet, Rows, Source, SplitSets, Tokens};
use crate::task::Split;

use super::duplicates::{self, Duplicate, DuplicateRule};
use super::holdout::{by_subject, stratified};
use super::labelling::{Builder, LabelTable, Plan};
use super::options::{BATCH, LoadCounts, LoadOptions};
use super::reader::FeatureTable;
use super::store::{self, Column};

/// The sets of a task, and where the rows went.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The sets.
    pub sets: SplitSets,
    /// The counts, of what is left.
    pub counts: LoadCounts,
    /// Samples whose picture is in a later split too, where they were looked for.
    pub duplicates: Vec<Duplicate>,
}

/// The feature values of a table.
struct Sources {
    global: Arc<dyn Source>,
    tokens: Option<Arc<dyn Source>>,
}

impl Sources {
    /// The rows of a set with their features.
    fn set(&self, mut builder: Builder, plan: &Plan<'_>, tokens: Option<TokenShape>) -> FeatureSet {
        FeatureSet {
            targets: builder.targets(plan),
            sample_ids: builder.sample_ids,
            subjects: builder.subjects,
            tokens: self.tokens.as_ref().zip(tokens).map(|(tokens, shape)| Tokens {
                count: shape.count(),
                width: shape.width,
                values: Rows::new(Arc::clone(tokens), builder.rows.clone()),
            }),
            global: Rows::new(Arc::clone(&self.global), builder.rows),
        }
    }
}

impl FeatureTable {
    /// Reads labels into memory and finds the rows of each set of one task; feature values stay in the file beside the table
    /// ([`store`]). Rows keep the table's order.
    ///
    /// # Errors
    /// [`Error::Data`] if the table lacks what is asked for, holds a value that cannot be (a valence of 3), or leaves the
    /// training or the test set empty; [`Error::Io`] if a part cannot be read; [`Error::Interrupted`].
    pub fn load(&self, options: &LoadOptions<'_>) -> Result<Loaded> {
        let labels = LabelTable::new(
            format!("the feature table {}", self.folder().display()),
            Arc::clone(self.schema()),
            self.metadata().samples.as_ref(),
        );
        let plan = Plan::new(&labels, options)?;
        if options.tokens && self.metadata().tokens.is_none() {
            return Err(Error::unusable_table(format!(
                "{} holds no tokens; set features.tokens = \"all\" or a grid like \"7x7\" and extract again",
                labels.what
            )));
        }
        let mut counts = LoadCounts {
            rows: self.rows(),
            ..LoadCounts::default()
        };
        let mut sets: [Builder; 3] = std::array::from_fn(|_| Builder::default());
        let columns: Vec<&str> = plan.columns.iter().map(String::as_str).collect();
        let mut pictures = Vec::new();
        let mut first = 0;
        for batch in self.batches(Some(&columns), BATCH)? {
            let batch = batch?;
            plan.read(&batch, first, &mut sets, &mut counts)?;
            plan.pictures(&batch, &mut pictures)?;
            first += batch.num_rows();
            options.interrupt.check()?;
        }
        let source = |column| store::source(self, column, options.progress, &options.interrupt);
        let sources = Sources {
            global: source(Column::Global)?,
            tokens: options.tokens.then(|| source(Column::Tokens)).transpose()?,
        };
        let shape = self.metadata().tokens;
        let [train, val, test] = sets.map(|builder| sources.set(builder, &plan, shape));
        let (train, val) = self.validation(options, train, val)?;
        let mut sets = SplitSets { train, val, test };
        let mut shared = Vec::new();
        if let Some(rule) = options.duplicates {
            let found = duplicates::find(&sets, &pictures)?;
            if rule == DuplicateRule::DropTrain {
                sets = found.dropped(&sets);
            }
            shared = found.list();
        }
        sets.train = options.training.of(sets.train)?;
        counts.train = sets.train.len();
        counts.val = sets.val.as_ref().map_or(0, FeatureSet::len);
        counts.test = sets.test.len();
        for (split, set) in [(Split::Train, &sets.train), (Split::Test, &sets.test)] {
            if set.is_empty() {
                return Err(Error::unusable_table(format!(
                    "the feature table {} leaves no {split} samples for this task: of {} rows, {} have no label, {} have \
                     another class, {} are in no fold, {} are filtered out; {} train, {} val, {} test",
                    self.folder().display(),
                    counts.rows,
                    counts.unlabelled,
                    counts.other_class,
                    counts.no_fold,
                    counts.filtered,
                    counts.train,
                    counts.val,
                    counts.test
                )));
            }
        }
        Ok(Loaded {
            sets,
            counts,
            duplicates: shared,
        })
    }

    /// The training set and the validation set, the latter taken from the former where the options say so.
    fn validation(
        &self,
        options: &LoadOptions<'_>,
        train: FeatureSet,
        val: FeatureSet,
    ) -> Result<(FeatureSet, Option<FeatureSet>)> {
        let Some(wanted) = options.validation else {
            return Ok((train, (!val.is_empty()).then_some(val)));
        };
        let wrong = |message: String| Err(Error::data(message));
        if !(wanted.fraction > 0.0 && wanted.fraction < 1.0) {
            return wrong(format!(
                "a validation fraction of {} cannot be; expected more than 0 and less than 1",
                wanted.fraction
            ));
        }
        if !val.is_empty() {
            return wrong(format!(
                "the feature table {} has a validation split of its own ({} samples); take no fraction of the training \
                 split",
                self.folder().display(),
                val.len()
            ));
        }
        let chosen = if wanted.by_subject {
            by_subject(&train, wanted)?
        } else {
            stratified(&train, wanted)
        };
        let rows = |of: bool| -> Vec<usize> { (0..train.len()).filter(|&i| chosen[i] == of).collect() };
        let (rest, taken) = (rows(false), rows(true));
        if taken.is_empty() || rest.is_empty() {
            return wrong(format!(
                "a validation fraction of {} of {} training samples leaves {} to train and {} to validate on",
                wanted.fraction,
                train.len(),
                rest.len(),
                taken.len()
            ));
        }
        Ok((train.select(&rest), Some(train.select(&taken))))
    }
}
