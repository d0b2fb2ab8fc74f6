//! From a feature table to the train, validation and test sets of one task.

use std::sync::Arc;

use arrow::array::{Array, AsArray, PrimitiveArray, RecordBatch, StringArray};
use arrow::datatypes::{ArrowPrimitiveType, Float32Type, Int8Type, Int32Type};
use serde::Serialize;

use crate::action_unit::ActionUnit;
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::sets::{FeatureSet, Rows, Source, SplitSets, Tokens};
use crate::task::{Split, Targets, Task};

use super::duplicates::{self, Duplicate, DuplicateRule};
use super::holdout::{Validation, by_subject, stratified};
use super::reader::FeatureTable;
use super::store::{self, Column};
use super::table::IMAGE_DIGEST;
use super::threshold::AuThreshold;
use super::training::Training;

impl From<AuThreshold> for String {
    fn from(threshold: AuThreshold) -> Self {
        threshold.to_string()
    }
}

/// What a row filter is told of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowInfo<'a> {
    /// The sample.
    pub sample_id: &'a str,
    /// Split in the table.
    pub split: Split,
    /// Person.
    pub subject: Option<&'a str>,
    /// Frame of the person's video, as the database counts.
    pub frame: Option<i32>,
    /// Fold.
    pub fold: Option<i32>,
}

/// Decides which rows are used.
pub type RowFilter<'a> = &'a (dyn Fn(&RowInfo<'_>) -> bool + 'a);

/// What to read of a feature table.
#[derive(Clone)]
pub struct LoadOptions<'a> {
    /// The task.
    pub task: Task,
    /// Expression: names of the classes, in the order of the outputs; a subset leaves the rows of other classes out. Action
    /// units: names of the columns (`au01`, …). Valence and arousal: one of the two, or both. Empty: all that the table
    /// knows.
    pub outputs: Vec<String>,
    /// Valence and arousal: labelled expressions whose images take part; all if `None`.
    pub only_classes: Option<Vec<String>>,
    /// Binarisation (action units only).
    pub threshold: AuThreshold,
    /// Whether to read the tokens.
    pub tokens: bool,
    /// A validation set out of the training split, for tables that have none of their own.
    pub validation: Option<Validation>,
    /// What is done to the training samples, once all splits are made.
    pub training: Training,
    /// Test on this fold and train on all others; the table's splits are not used then.
    pub fold: Option<i32>,
    /// Whether pictures that two splits share are looked for, which reads all global vectors once, and what is done about them.
    pub duplicates: Option<DuplicateRule>,
    /// Rows to use; all if `None`.
    pub filter: Option<RowFilter<'a>>,
    /// Shows how far the file of the features is.
    pub progress: Progress,
    /// Asked while it is made.
    pub interrupt: Interrupt,
}

impl LoadOptions<'_> {
    /// Everything that the table has for `task`, without tokens.
    pub fn new(task: Task) -> Self {
        Self {
            task,
            outputs: Vec::new(),
            only_classes: None,
            threshold: AuThreshold::default(),
            tokens: false,
            validation: None,
            training: Training::default(),
            fold: None,
            duplicates: None,
            filter: None,
            progress: Progress::hidden(),
            interrupt: Interrupt::default(),
        }
    }
}

/// Where the table's rows went.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LoadCounts {
    /// Rows of the table.
    pub rows: usize,
    /// Training samples.
    pub train: usize,
    /// Validation samples.
    pub val: usize,
    /// Test samples.
    pub test: usize,
    /// Left out by the row filter.
    pub filtered: usize,
    /// Left out because the task's label is unknown.
    pub unlabelled: usize,
    /// Left out because the class is not among those asked for.
    pub other_class: usize,
    /// Left out because the row belongs to no fold.
    pub no_fold: usize,
}

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

/// Rows whose labels are read at a time.
const BATCH: usize = 8192;

/// The feature values of a table.
struct Sources {
    global: Arc<dyn Source>,
    tokens: Option<Arc<dyn Source>>,
}

impl FeatureTable {
    /// Reads labels into memory and finds the rows of each set of one task; feature values stay in the file beside the table
    /// ([`store`]). Rows keep the table's order.
    ///
    /// # Errors
    /// [`Error::Data`] if the table lacks what is asked for, holds a value that cannot be (a valence of 3), or leaves the
    /// training or the test set empty; [`Error::Io`] if a part cannot be read; [`Error::Interrupted`].
    pub fn load(&self, options: &LoadOptions<'_>) -> Result<Loaded> {
        let plan = Plan::new(self, options)?;
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
        let [train, val, test] = sets.map(|builder| builder.finish(&plan, &sources));
        let (train, val) = plan.validation(train, val)?;
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
}

/// A set that grows row by row.
#[derive(Default)]
struct Builder {
    sample_ids: Vec<String>,
    subjects: Vec<Option<String>>,
    /// Numbers of the rows in the table.
    rows: Vec<u32>,
    values: Vec<f32>,
    known: Vec<bool>,
}

impl Builder {
    fn finish(self, plan: &Plan<'_>, sources: &Sources) -> FeatureSet {
        let shape = plan.table.metadata().tokens;
        FeatureSet {
            sample_ids: self.sample_ids,
            subjects: self.subjects,
            tokens: sources.tokens.as_ref().zip(shape).map(|(tokens, shape)| Tokens {
                count: shape.count(),
                width: shape.width,
                values: Rows::new(Arc::clone(tokens), self.rows.clone()),
            }),
            global: Rows::new(Arc::clone(&sources.global), self.rows),
            targets: Targets {
                task: plan.options.task,
                names: plan.names.clone(),
                values: self.values,
                known: self.known,
            },
        }
    }
}

/// What is read, worked out once from the table and the options.
struct Plan<'a> {
    table: &'a FeatureTable,
    options: &'a LoadOptions<'a>,
    /// Names of the O outputs.
    names: Vec<String>,
    /// The table's own class names by index (expression).
    classes: Vec<String>,
    columns: Vec<String>,
}

/// The target of one row.
enum Label {
    Values(Vec<f32>, Vec<bool>),
    Unknown,
    OtherClass,
}

impl<'a> Plan<'a> {
    fn new(table: &'a FeatureTable, options: &'a LoadOptions<'a>) -> Result<Self> {
        let wrong = |message: String| {
            Err(Error::unusable_table(format!(
                "the feature table {} {message}",
                table.folder().display()
            )))
        };
        let has = |name: &str| table.schema().field_with_name(name).is_ok();
        let listed = |key: &str| -> Vec<String> {
            let list = table.metadata().samples.as_ref().and_then(|s| s.get(key));
            let names = list.and_then(|list| list.as_array()).into_iter().flatten();
            names.filter_map(|name| name.as_str().map(str::to_owned)).collect()
        };
        let mut columns: Vec<String> = ["sample_id", "split", "subject", "frame", "fold", IMAGE_DIGEST]
            .into_iter()
            .filter(|name| has(name))
            .map(str::to_owned)
            .collect();
        let mut classes = Vec::new();
        let names = match options.task {
            Task::Expression => {
                if !has("expression") {
                    return wrong("has no column `expression`; this database has no expression labels".to_owned());
                }
                columns.push("expression".to_owned());
                if has("expression_name") {
                    columns.push("expression_name".to_owned());
                }
                classes = listed("classes");
                let names = if options.outputs.is_empty() {
                    classes.clone()
                } else {
                    options.outputs.clone()
                };
                if names.is_empty() {
                    return wrong("does not list its classes; name them in the recipe".to_owned());
                }
                if classes.is_empty() && !has("expression_name") {
                    // Without any names the labels can only be indices into the list that was asked for.
                    classes.clone_from(&names);
                }
                names
            }
            Task::ValenceArousal => {
                let names = if options.outputs.is_empty() {
                    vec!["valence".to_owned(), "arousal".to_owned()]
                } else {
                    options.outputs.clone()
                };
                for name in &names {
                    if !has(name) {
                        return wrong(format!("has no column `{name}`; this database has no such labels"));
                    }
                    columns.push(name.clone());
                }
                if options.only_classes.is_some() {
                    if !has("expression_name") {
                        return wrong(
                            "has no column `expression_name`, so that images cannot be chosen by their expression; leave \
                             protocol.classes and protocol.exclude_classes out"
                                .to_owned(),
                        );
                    }
                    columns.push("expression_name".to_owned());
                }
                names
            }
            Task::ActionUnits => {
                let own: Vec<String> = table
                    .schema()
                    .fields()
                    .iter()
                    .map(|field| field.name().clone())
                    .filter(|name| ActionUnit::of_column(name).is_some())
                    .collect();
                let names = if options.outputs.is_empty() {
                    own.clone()
                } else {
                    options.outputs.clone()
                };
                if own.is_empty() {
                    return wrong("has no action-unit columns; this database has no such labels".to_owned());
                }
                if let Some(name) = names.iter().find(|name| !own.contains(name)) {
                    return wrong(format!("has no action unit `{name}`; it has {}", own.join(", ")));
                }
                columns.extend(names.iter().cloned());
                names
            }
        };
        let mut sorted = names.clone();
        sorted.sort_unstable();
        if let Some([twice, _]) = sorted.array_windows().find(|[a, b]| a == b) {
            return wrong(format!("cannot be read with `{twice}` asked for twice"));
        }
        if options.fold.is_some() && !has("fold") {
            return wrong("has no column `fold`; this database has no folds".to_owned());
        }
        if options.tokens && table.metadata().tokens.is_none() {
            return wrong(
                "holds no tokens; set features.tokens = \"all\" or a grid like \"7x7\" and extract again".to_owned(),
            );
        }
        Ok(Self {
            table,
            options,
            names,
            classes,
            columns,
        })
    }

    /// Sorts the rows of one batch, which begins at row `first` of the table, into the sets.
    fn read(&self, batch: &RecordBatch, first: usize, sets: &mut [Builder; 3], counts: &mut LoadCounts) -> Result<()> {
        let ids = self.text(batch, "sample_id")?;
        let splits = self.text(batch, "split")?;
        let subjects = self.optional_text(batch, "subject")?;
        let frames = self.optional::<Int32Type>(batch, "frame")?;
        let folds = self.optional::<Int32Type>(batch, "fold")?;
        let labels = self.labels(batch)?;
        for row in 0..batch.num_rows() {
            let (sample_id, name) = (ids.value(row), splits.value(row));
            let Some(split) = Split::parse(name) else {
                return Err(self.bad_row(sample_id, &format!("has split \"{name}\"; expected train, val or test")));
            };
            let info = RowInfo {
                sample_id,
                split,
                subject: subjects.filter(|s| s.is_valid(row)).map(|s| s.value(row)),
                frame: value(frames, row),
                fold: value(folds, row),
            };
            if self.options.filter.is_some_and(|filter| !filter(&info)) {
                counts.filtered += 1;
                continue;
            }
            let split = match (self.options.fold, info.fold) {
                (None, _) => split,
                (Some(test), Some(fold)) if fold == test => Split::Test,
                (Some(_), Some(_)) => Split::Train,
                (Some(_), None) => {
                    counts.no_fold += 1;
                    continue;
                }
            };
            let (values, known) = match self.label(&labels, row, sample_id)? {
                Label::Values(values, known) => (values, known),
                Label::Unknown => {
                    counts.unlabelled += 1;
                    continue;
                }
                Label::OtherClass => {
                    counts.other_class += 1;
                    continue;
                }
            };
            let set = &mut sets[match split {
                Split::Train => 0,
                Split::Val => 1,
                Split::Test => 2,
            }];
            set.sample_ids.push(sample_id.to_owned());
            set.subjects.push(info.subject.map(str::to_owned));
            set.rows.push((first + row) as u32);
            set.values.extend(values);
            set.known.extend(known);
        }
        Ok(())
    }

    /// Appends the digests of the image files of a batch; nothing where the table has none.
    fn pictures(&self, batch: &RecordBatch, to: &mut Vec<Option<u128>>) -> Result<()> {
        if let Some(digests) = self.optional_text(batch, IMAGE_DIGEST)? {
            to.extend(digests.iter().map(|text| u128::from_str_radix(text?, 16).ok()));
        }
        Ok(())
    }

    fn labels<'b>(&self, batch: &'b RecordBatch) -> Result<Labels<'b>> {
        Ok(match self.options.task {
            Task::Expression => Labels::Expression(
                self.optional::<Int8Type>(batch, "expression")?
                    .ok_or_else(|| self.mistyped("expression"))?,
                self.optional_text(batch, "expression_name")?,
            ),
            Task::ValenceArousal | Task::ActionUnits => Labels::Numbers(
                self.names
                    .iter()
                    .map(|name| {
                        self.optional::<Float32Type>(batch, name)?
                            .ok_or_else(|| self.mistyped(name))
                    })
                    .collect::<Result<_>>()?,
                match self.options.only_classes {
                    Some(_) => self.optional_text(batch, "expression_name")?,
                    None => None,
                },
            ),
        })
    }

    fn label(&self, labels: &Labels<'_>, row: usize, sample_id: &str) -> Result<Label> {
        let outputs = self.names.len();
        match labels {
            Labels::Expression(indices, names) => {
                if indices.is_null(row) {
                    return Ok(Label::Unknown);
                }
                let index = indices.value(row);
                let own = usize::try_from(index).ok().and_then(|i| self.classes.get(i));
                let name = match names.filter(|names| names.is_valid(row)) {
                    Some(names) => names.value(row),
                    None => own.ok_or_else(|| {
                        self.bad_row(sample_id, &format!("has expression {index}, a class without a name"))
                    })?,
                };
                let Some(class) = self.names.iter().position(|n| n == name) else {
                    return Ok(Label::OtherClass);
                };
                let mut values = vec![0.0; outputs];
                values[class] = 1.0;
                Ok(Label::Values(values, vec![true; outputs]))
            }
            Labels::Numbers(columns, expressions) => {
                if let Some(wanted) = &self.options.only_classes {
                    let Some(name) = expressions.filter(|names| names.is_valid(row)) else {
                        return Ok(Label::Unknown);
                    };
                    if !wanted.iter().any(|class| class == name.value(row)) {
                        return Ok(Label::OtherClass);
                    }
                }
                let numbers: Vec<Option<f32>> = columns
                    .iter()
                    .map(|column| value(Some(column), row).filter(|v| !v.is_nan()))
                    .collect();
                let task = self.options.task;
                let complete = match task {
                    Task::ActionUnits => numbers.iter().any(Option::is_some),
                    _ => numbers.iter().all(Option::is_some),
                };
                if !complete {
                    return Ok(Label::Unknown);
                }
                let range = if task == Task::ActionUnits {
                    0.0..=5.0
                } else {
                    -1.0..=1.0
                };
                for (name, number) in self.names.iter().zip(&numbers) {
                    if let Some(number) = number.filter(|n| !range.contains(n)) {
                        let what = format!("has {name} = {number}; expected {} to {}", range.start(), range.end());
                        return Err(self.bad_row(sample_id, &what));
                    }
                }
                let target = |number: Option<f32>| match (task, number) {
                    (_, None) => 0.0,
                    (Task::ActionUnits, Some(intensity)) => {
                        f32::from(u8::from(self.options.threshold.active(intensity)))
                    }
                    (_, Some(number)) => number,
                };
                Ok(Label::Values(
                    numbers.iter().map(|&n| target(n)).collect(),
                    numbers.iter().map(Option::is_some).collect(),
                ))
            }
        }
    }

    /// The training set and the validation set, the latter taken from the former where the options say so.
    fn validation(&self, train: FeatureSet, val: FeatureSet) -> Result<(FeatureSet, Option<FeatureSet>)> {
        let Some(wanted) = self.options.validation else {
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
                self.table.folder().display(),
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

    fn text<'b>(&self, batch: &'b RecordBatch, name: &str) -> Result<&'b StringArray> {
        let column = self.optional_text(batch, name)?.ok_or_else(|| self.mistyped(name))?;
        if column.null_count() > 0 {
            return Err(Error::unusable_table(format!(
                "the feature table {} has rows without `{name}`",
                self.table.folder().display()
            )));
        }
        Ok(column)
    }

    fn optional_text<'b>(&self, batch: &'b RecordBatch, name: &str) -> Result<Option<&'b StringArray>> {
        batch
            .column_by_name(name)
            .filter(|column| !column.data_type().is_null())
            .map(|column| column.as_string_opt::<i32>().ok_or_else(|| self.mistyped(name)))
            .transpose()
    }

    fn optional<'b, T: ArrowPrimitiveType>(
        &self,
        batch: &'b RecordBatch,
        name: &str,
    ) -> Result<Option<&'b PrimitiveArray<T>>> {
        batch
            .column_by_name(name)
            .map(|column| column.as_primitive_opt::<T>().ok_or_else(|| self.mistyped(name)))
            .transpose()
    }

    fn mistyped(&self, name: &str) -> Error {
        Error::unusable_table(format!(
            "the feature table {} has no column `{name}` of the documented type; extract the features again",
            self.table.folder().display()
        ))
    }

    fn bad_row(&self, sample_id: &str, what: &str) -> Error {
        Error::unusable_table(format!(
            "the feature table {}: sample {sample_id} {what}",
            self.table.folder().display()
        ))
    }
}

enum Labels<'b> {
    Expression(&'b PrimitiveArray<Int8Type>, Option<&'b StringArray>),
    /// One column an output, and the names of the expressions where only some of them take part.
    Numbers(Vec<&'b PrimitiveArray<Float32Type>>, Option<&'b StringArray>),
}

pub(crate) fn value<T: ArrowPrimitiveType>(column: Option<&PrimitiveArray<T>>, row: usize) -> Option<T::Native> {
    column.filter(|c| c.is_valid(row)).map(|c| c.value(row))
}
