//! The result of a query: typed columns, plain values.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Float32Type, Float64Type, Int64Type, SchemaRef};

use crate::error::{Error, Result};

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing known.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number. Single precision is widened by its decimal form: 0.1 stays 0.1.
    Float(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Value>),
}

impl Value {
    /// The number in it, if it is one.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            _ => None,
        }
    }

    /// The whole number in it, if it is one.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The text in it, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(value) => Some(value),
            _ => None,
        }
    }

    /// Whether nothing is known.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// True or false.
    Bool,
    /// Whole numbers.
    Int,
    /// Numbers.
    Float,
    /// Text.
    Text,
    /// Lists.
    List,
}

/// Name and type of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name; made unique in a result (`value`, `value_2`).
    pub name: String,
    /// What it holds.
    pub kind: Kind,
}

/// The result of a query.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows, each with one value a column.
    pub rows: Vec<Vec<Value>>,
}

impl Table {
    /// Position of the column `name`.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// The value of column `name` in `row`; null where there is no such column.
    pub fn get<'a>(&'a self, row: &'a [Value], name: &str) -> &'a Value {
        self.column(name).and_then(|i| row.get(i)).unwrap_or(&Value::Null)
    }

    /// From record batches that share `schema`.
    ///
    /// # Errors
    /// [`Error::Data`] if a column has a type that cannot be shown.
    pub(crate) fn from_batches(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Self> {
        let columns: Vec<Column> = unique_names(schema)
            .into_iter()
            .zip(schema.fields())
            .map(|(name, field)| Column {
                name,
                kind: kind(field.data_type()),
            })
            .collect();
        let mut rows = Vec::new();
        for batch in batches {
            let values: Vec<Vec<Value>> = batch.columns().iter().map(convert).collect::<Result<_>>()?;
            let mut cells: Vec<_> = values.into_iter().map(Vec::into_iter).collect();
            for _ in 0..batch.num_rows() {
                rows.push(
                    cells
                        .iter_mut()
                        .map(|cell| cell.next().unwrap_or(Value::Null))
                        .collect(),
                );
            }
        }
        Ok(Self { columns, rows })
    }
}

/// Names of a result's columns, each once: `value`, `value_2`.
pub(super) fn unique_names(schema: &SchemaRef) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for field in schema.fields() {
        let mut name = field.name().clone();
        let mut copy = 1;
        while names.contains(&name) {
            copy += 1;
            name = format!("{}_{copy}", field.name());
        }
        names.push(name);
    }
    names
}

fn kind(data_type: &DataType) -> Kind {
    match data_type {
        DataType::Boolean => Kind::Bool,
        DataType::Float16
        | DataType::Float32
        | DataType::Float64
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => Kind::Float,
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => Kind::List,
        other if other.is_integer() => Kind::Int,
        _ => Kind::Text,
    }
}

fn convert(array: &Arc<dyn Array>) -> Result<Vec<Value>> {
    let wrong = |error: arrow::error::ArrowError| Error::data(format!("a result column cannot be shown: {error}"));
    let unsigned_64 = array.data_type() == &DataType::UInt64;
    let target = match kind(array.data_type()) {
        Kind::Bool => DataType::Boolean,
        Kind::Int => DataType::Int64,
        Kind::Float if array.data_type() == &DataType::Float32 => DataType::Float32,
        Kind::Float => DataType::Float64,
        Kind::Text => DataType::Utf8,
        Kind::List => {
            let item = match array.data_type() {
                DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
                    item.data_type().clone()
                }
                _ => DataType::Utf8,
            };
            DataType::List(Arc::new(Field::new("item", item, true)))
        }
    };
    let array = if array.data_type() == &target {
        Arc::clone(array)
    } else {
        arrow::compute::cast(array, &target).map_err(wrong)?
    };
    let mut values = Vec::with_capacity(array.len());
    for i in 0..array.len() {
        values.push(if array.is_null(i) {
            Value::Null
        } else {
            match &target {
                DataType::Boolean => Value::Bool(array.as_boolean().value(i)),
                DataType::Int64 => Value::Int(array.as_primitive::<Int64Type>().value(i)),
                DataType::Float32 => Value::Float(widen(array.as_primitive::<Float32Type>().value(i))),
                DataType::Float64 => Value::Float(array.as_primitive::<Float64Type>().value(i)),
                DataType::List(_) => Value::List(convert(&array.as_list::<i32>().value(i))?),
                _ => Value::Text(array.as_string::<i32>().value(i).to_owned()),
            }
        });
    }
    // Counts come unsigned from some functions; they fit, or the cast above has made them null and that must not pass.
    if unsigned_64
        && values
            .iter()
            .enumerate()
            .any(|(i, value)| value.is_null() && !array.is_null(i))
    {
        return Err(Error::data("a whole number in the result exceeds 64 bits"));
    }
    Ok(values)
}

/// The double nearest to the shortest decimal form of a single.
fn widen(value: f32) -> f64 {
    value.to_string().parse().unwrap_or_else(|_| f64::from(value))
}
