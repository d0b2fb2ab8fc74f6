//! Tables of the database as a run keeps them: with the labels that are in force.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float32Array, Int8Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type, Int8Type};

use crate::error::{Error, Result};
use crate::feature::relabel::NewLabels;

fn mistyped(name: &str) -> Error {
    Error::unusable_table(format!(
        "a table of the database has no column `{name}` of the documented type"
    ))
}

fn with(table: &RecordBatch, columns: Vec<ArrayRef>) -> Result<RecordBatch> {
    RecordBatch::try_new(table.schema(), columns).map_err(|error| {
        Error::data(format!(
            "a table of the database cannot take the labels in force: {error}"
        ))
    })
}

/// A samples table with the labels in force.
///
/// # Errors
/// [`Error::Data`] if a column is not of its type.
pub(super) fn samples(table: &RecordBatch, classes: &[String], labels: &NewLabels) -> Result<RecordBatch> {
    let ids = table
        .column_by_name("sample_id")
        .and_then(|ids| ids.as_string_opt::<i32>());
    let ids = ids.ok_or_else(|| mistyped("sample_id"))?;
    let mut columns = Vec::with_capacity(table.num_columns());
    for (field, column) in table.schema().fields().iter().zip(table.columns()) {
        let name = field.name();
        let rows = || ids.iter().map(Option::unwrap_or_default).enumerate();
        let new: ArrayRef = match name.as_str() {
            "expression" => {
                let own = column.as_primitive_opt::<Int8Type>().ok_or_else(|| mistyped(name))?;
                let index = |class: &str| classes.iter().position(|name| name == class);
                let label = |(row, id): (usize, &str)| match labels.class(id).and_then(index) {
                    Some(at) => i8::try_from(at).ok(),
                    None => own.is_valid(row).then(|| own.value(row)),
                };
                Arc::new(rows().map(label).collect::<Int8Array>())
            }
            "expression_name" => {
                let own = column.as_string_opt::<i32>().ok_or_else(|| mistyped(name))?;
                let own = |row: usize| own.is_valid(row).then(|| own.value(row));
                let label = |(row, id)| labels.class(id).or_else(|| own(row));
                Arc::new(rows().map(label).collect::<StringArray>())
            }
            _ if labels.samples().any(|id| labels.number(id, name).is_some()) => {
                let own = column.as_primitive_opt::<Float32Type>().ok_or_else(|| mistyped(name))?;
                let own = |row: usize| own.is_valid(row).then(|| own.value(row));
                let label = |(row, id): (usize, &str)| labels.number(id, name).or_else(|| own(row));
                Arc::new(rows().map(label).collect::<Float32Array>())
            }
            _ => Arc::clone(column),
        };
        columns.push(new);
    }
    with(table, columns)
}

/// The truth behind generated faces, where what was written is now another class: it is `flipped` if it is not the class that was
/// drawn. Of numbers the truth says what was drawn, and nothing of it changes.
///
/// # Errors
/// As [`samples`].
pub(super) fn truth(table: &RecordBatch, classes: &[String], labels: &NewLabels) -> Result<RecordBatch> {
    let column = |name: &str| table.column_by_name(name).ok_or_else(|| mistyped(name));
    let ids = cast(column("sample_id")?, &DataType::Utf8).map_err(|_| mistyped("sample_id"))?;
    let ids = ids.as_string::<i32>();
    let class = |name: &str| -> Result<&Int8Array> {
        column(name)?
            .as_primitive_opt::<Int8Type>()
            .ok_or_else(|| mistyped(name))
    };
    let (drawn, written) = (class("expression")?, class("label")?);
    let flipped = column("flipped")?.as_boolean_opt().ok_or_else(|| mistyped("flipped"))?;
    let new: Vec<Option<i8>> = ids
        .iter()
        .map(|id| {
            let name = labels.class(id?)?;
            i8::try_from(classes.iter().position(|class| class == name)?).ok()
        })
        .collect();
    let label = |(row, new): (usize, &Option<i8>)| new.or_else(|| written.is_valid(row).then(|| written.value(row)));
    let is_flipped = |(row, new): (usize, &Option<i8>)| match new {
        Some(new) => Some(drawn.is_null(row) || drawn.value(row) != *new),
        None => flipped.is_valid(row).then(|| flipped.value(row)),
    };
    let schema = table.schema();
    let columns = schema
        .fields()
        .iter()
        .zip(table.columns())
        .map(|(field, own)| -> ArrayRef {
            match field.name().as_str() {
                "label" => Arc::new(new.iter().enumerate().map(label).collect::<Int8Array>()),
                "flipped" => Arc::new(new.iter().enumerate().map(is_flipped).collect::<BooleanArray>()),
                _ => Arc::clone(own),
            }
        });
    with(table, columns.collect())
}
