//! From the rows of a samples table or a feature table to the targets of one task, split by split.

use arrow::array::{Array, AsArray, PrimitiveArray, RecordBatch, StringArray};
use arrow::datatypes::{ArrowPrimitiveType, Float32Type, Int8Type, Int32Type, SchemaRef};

use crate::action_unit::ActionUnit;
use crate::error::{Error, Result};
use crate::task::{Split, Targets, Task};

use super::options::{LoadCounts, LoadOptions, RowInfo};
use super::table::IMAGE_DIGEST;

/// A set that grows row by row.
#[derive(Default)]
pub(super) struct Builder {
    pub(super) sample_ids: Vec<String>,
    pub(super) subjects: Vec<Option<String>>,
    /// Numbers of the rows in the table.
    pub(super) rows: Vec<u32>,
    values: Vec<f32>,
    known: Vec<bool>,
}

impl Builder {
    /// What is to be predicted of the rows.
    pub(super) fn targets(&mut self, plan: &Plan<'_>) -> Targets {
        Targets {
            task: plan.options.task,
            names: plan.names.clone(),
            values: std::mem::take(&mut self.values),
            known: std::mem::take(&mut self.known),
        }
    }
}

/// The table that labels are read from.
pub(super) struct LabelTable {
    /// What messages call it: `the feature table …`.
    pub(super) what: String,
    pub(super) schema: SchemaRef,
    /// Its class names by index; empty where it does not list them.
    pub(super) classes: Vec<String>,
}

impl LabelTable {
    /// A table with this schema, which says `description` of itself.
    pub(super) fn new(what: String, schema: SchemaRef, description: Option<&serde_json::Value>) -> Self {
        let listed = description.and_then(|description| description.get("classes"));
        let names = listed.and_then(|list| list.as_array()).into_iter().flatten();
        Self {
            what,
            schema,
            classes: names.filter_map(|name| name.as_str().map(str::to_owned)).collect(),
        }
    }
}

/// What is read, worked out once from the table and the options.
pub(super) struct Plan<'a> {
    table: &'a LabelTable,
    pub(super) options: &'a LoadOptions<'a>,
    /// Names of the O outputs.
    names: Vec<String>,
    /// The table's own class names by index (expression).
    classes: Vec<String>,
    pub(super) columns: Vec<String>,
}

/// The target of one row.
enum Label {
    Values(Vec<f32>, Vec<bool>),
    Unknown,
    OtherClass,
}

impl<'a> Plan<'a> {
    pub(super) fn new(table: &'a LabelTable, options: &'a LoadOptions<'a>) -> Result<Self> {
        let wrong = |message: String| Err(Error::unusable_table(format!("{} {message}", table.what)));
        let has = |name: &str| table.schema.field_with_name(name).is_ok();
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
                classes.clone_from(&table.classes);
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
                    .schema
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
        Ok(Self {
            table,
            options,
            names,
            classes,
            columns,
        })
    }

    /// Sorts the rows of one batch, which begins at row `first` of the table, into the sets.
    pub(super) fn read(
        &self,
        batch: &RecordBatch,
        first: usize,
        sets: &mut [Builder; 3],
        counts: &mut LoadCounts,
    ) -> Result<()> {
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
                    counts.test_left_out += usize::from(split == Split::Test);
                    continue;
                }
                Label::OtherClass => {
                    counts.other_class += 1;
                    counts.test_left_out += usize::from(split == Split::Test);
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
    pub(super) fn pictures(&self, batch: &RecordBatch, to: &mut Vec<Option<u128>>) -> Result<()> {
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
                let name = match self.options.relabel.class(sample_id) {
                    Some(name) => name,
                    None if indices.is_null(row) => return Ok(Label::Unknown),
                    None => self.own_class(indices.value(row), names.filter(|n| n.is_valid(row)), row, sample_id)?,
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
                let own = |column: &PrimitiveArray<Float32Type>| value(Some(column), row).filter(|v| !v.is_nan());
                let relabel = &self.options.relabel;
                let numbers: Vec<Option<f32>> = columns
                    .iter()
                    .zip(&self.names)
                    .map(|(column, name)| relabel.number(sample_id, name).or_else(|| own(column)))
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

    /// The name of the class that the table says.
    fn own_class<'b>(
        &'b self,
        index: i8,
        names: Option<&'b StringArray>,
        row: usize,
        sample_id: &str,
    ) -> Result<&'b str> {
        if let Some(names) = names {
            return Ok(names.value(row));
        }
        let own = usize::try_from(index).ok().and_then(|i| self.classes.get(i));
        own.map(String::as_str)
            .ok_or_else(|| self.bad_row(sample_id, &format!("has expression {index}, a class without a name")))
    }

    fn text<'b>(&self, batch: &'b RecordBatch, name: &str) -> Result<&'b StringArray> {
        let column = self.optional_text(batch, name)?.ok_or_else(|| self.mistyped(name))?;
        if column.null_count() > 0 {
            return Err(Error::unusable_table(format!(
                "{} has rows without `{name}`",
                self.table.what
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
            "{} has no column `{name}` of the documented type; make it again",
            self.table.what
        ))
    }

    fn bad_row(&self, sample_id: &str, what: &str) -> Error {
        Error::unusable_table(format!("{}: sample {sample_id} {what}", self.table.what))
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
