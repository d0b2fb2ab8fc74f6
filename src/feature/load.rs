//! From a feature table to the train, validation and test sets of one task.

use std::sync::Arc;

use arrow::array::RecordBatch;

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
        let labels = self.labels();
        let plan = Plan::new(&labels, options)?;
        let mut counts = LoadCounts {
            rows: self.rows(),
            ..LoadCounts::default()
        };
        let mut sets: [Builder; 3] = std::array::from_fn(|_| Builder::default());
        let mut pictures = Vec::new();
        self.read_labels(&plan, &mut sets, &mut counts, |batch| {
            plan.pictures(batch, &mut pictures)
        })?;
        let sources = self.sources(options)?;
        let shape = self.metadata().tokens;
        let [train, val, test] = sets.map(|builder| sources.set(builder, &plan, shape));
        let (train, val) = self.validation(options, train, val)?;
        let mut sets = SplitSets {
            train,
            val,
            test,
            others: Vec::new(),
        };
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
                return Err(self.nothing_left(split, &counts));
            }
        }
        Ok(Loaded {
            sets,
            counts,
            duplicates: shared,
        })
    }

    fn labels(&self) -> LabelTable {
        LabelTable::new(
            format!("the feature table {}", self.folder().display()),
            Arc::clone(self.schema()),
            self.metadata().samples.as_ref(),
        )
    }

    fn read_labels(
        &self,
        plan: &Plan<'_>,
        sets: &mut [Builder; 3],
        counts: &mut LoadCounts,
        mut also: impl FnMut(&RecordBatch) -> Result<()>,
    ) -> Result<()> {
        let columns: Vec<&str> = plan.columns.iter().map(String::as_str).collect();
        let mut first = 0;
        for batch in self.batches(Some(&columns), BATCH)? {
            let batch = batch?;
            plan.read(&batch, first, sets, counts)?;
            also(&batch)?;
            first += batch.num_rows();
            plan.options.interrupt.check()?;
        }
        Ok(())
    }

    fn sources(&self, options: &LoadOptions<'_>) -> Result<Sources> {
        if options.tokens && self.metadata().tokens.is_none() {
            return Err(Error::unusable_table(format!(
                "the feature table {} holds no tokens; set features.tokens = \"all\" or a grid like \"7x7\" and extract again",
                self.folder().display()
            )));
        }
        let source = |column| {
            store::source(
                self,
                column,
                options.scratch.as_deref(),
                options.progress,
                &options.interrupt,
            )
        };
        Ok(Sources {
            global: source(Column::Global)?,
            tokens: options.tokens.then(|| source(Column::Tokens)).transpose()?,
        })
    }

    fn nothing_left(&self, split: Split, counts: &LoadCounts) -> Error {
        Error::unusable_table(format!(
            "the feature table {} leaves no {split} samples for this task: of {} rows, {} have no label, {} have another class, {} \
             are in no fold, {} are filtered out; {} train, {} val, {} test",
            self.folder().display(),
            counts.rows,
            counts.unlabelled,
            counts.other_class,
            counts.no_fold,
            counts.filtered,
            counts.train,
            counts.val,
            counts.test
        ))
    }

    /// The samples alone that are tested on: the test split, or of a table with folds every sample of these `folds`. The training
    /// options are not read.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn tested(&self, options: &LoadOptions<'_>, folds: &[i32]) -> Result<(FeatureSet, LoadCounts)> {
        let labels = self.labels();
        let mut counts = LoadCounts::default();
        let mut tested = Builder::default();
        let folds: Vec<Option<i32>> = if folds.is_empty() {
            vec![None]
        } else {
            folds.iter().copied().map(Some).collect()
        };
        let options = |fold: &Option<i32>| LoadOptions {
            fold: *fold,
            ..options.clone()
        };
        for of_fold in folds.iter().map(options) {
            let plan = Plan::new(&labels, &of_fold)?;
            // Rows of other folds are met again and again: what is said of all rows is said once.
            counts = LoadCounts {
                rows: self.rows(),
                test_left_out: counts.test_left_out,
                ..LoadCounts::default()
            };
            let mut sets: [Builder; 3] = std::array::from_fn(|_| Builder::default());
            std::mem::swap(&mut sets[2], &mut tested);
            self.read_labels(&plan, &mut sets, &mut counts, |_| Ok(()))?;
            let [.., test] = sets;
            tested = test;
        }
        counts.test = tested.sample_ids.len();
        if tested.sample_ids.is_empty() {
            return Err(self.nothing_left(Split::Test, &counts));
        }
        let of_table = options(&None);
        let plan = Plan::new(&labels, &of_table)?;
        let set = self.sources(&of_table)?.set(tested, &plan, self.metadata().tokens);
        Ok((set, counts))
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
