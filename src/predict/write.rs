//! The output file: Parquet, CSV or JSON lines.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use ::parquet::arrow::ArrowWriter;
use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::WriterProperties;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float32Type, Int32Type, Int64Type};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::columns::SCHEMA_KEY;
use crate::disk::{atomic, parquet};
use crate::error::{Context, Error, Result};
use crate::interrupt::Interrupt;
use crate::query::csv_line;
use crate::record::SCHEMA_VERSION;

use super::row::PATH;

/// Metadata key of what a table of predictions says of itself, as JSON.
pub const PREDICTIONS_KEY: &str = "aura-bench.predictions";

/// How predictions are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Apache Parquet.
    Parquet,
    /// Comma-separated values, lists spread over columns or joined by `;`.
    Csv,
    /// One JSON object a line.
    JsonLines,
}

impl FromStr for Form {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "parquet" => Ok(Self::Parquet),
            "csv" => Ok(Self::Csv),
            "jsonl" | "ndjson" => Ok(Self::JsonLines),
            _ => Err(format!("expected parquet, csv or jsonl, found `{text}`")),
        }
    }
}

impl Form {
    /// The form that the ending of a file's name says.
    ///
    /// # Errors
    /// [`Error::Usage`] if it says none.
    pub fn of_file(path: &Path) -> Result<Self> {
        let ending = path.extension().unwrap_or_default().to_string_lossy().into_owned();
        ending.parse().map_err(|_| {
            Error::Usage(format!(
                "{}: the name does not say how predictions are to be written; expected .parquet, .csv or .jsonl at its end, or the \
                 form beside it",
                path.display()
            ))
        })
    }
}

/// Writes the rows of all pieces, in order, whole or not at all. `outputs` are the names of the model's outputs, `about` what the
/// table says of itself.
///
/// # Errors
/// [`Error::Io`] if a piece cannot be read or the file not written; [`Error::Interrupted`].
pub fn write(
    out: &Path,
    form: Form,
    pieces: &[PathBuf],
    outputs: &[String],
    about: &serde_json::Value,
    interrupt: &Interrupt,
) -> Result<()> {
    atomic::write_with(out, |file| match form {
        Form::Parquet => write_parquet(file, out, pieces, about, interrupt),
        Form::Csv => write_text(file, out, pieces, interrupt, |batch, first, to| {
            csv(batch, outputs, first, to);
            Ok(())
        }),
        Form::JsonLines => write_text(file, out, pieces, interrupt, |batch, _, to| {
            json_lines(batch, outputs, to, out)
        }),
    })
}

/// The rows of a piece without what only the page needs.
fn shown(piece: &Path) -> Result<RecordBatch> {
    let mut batch = parquet::read(piece)?;
    if let Ok(at) = batch.schema().index_of(PATH) {
        batch.remove_column(at);
    }
    Ok(batch)
}

fn write_parquet(
    file: &mut File,
    out: &Path,
    pieces: &[PathBuf],
    about: &serde_json::Value,
    interrupt: &Interrupt,
) -> Result<()> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_key_value_metadata(Some(vec![
            KeyValue::new(PREDICTIONS_KEY.to_owned(), about.to_string()),
            KeyValue::new(SCHEMA_KEY.to_owned(), SCHEMA_VERSION.to_owned()),
        ]))
        .build();
    let mut writer: Option<ArrowWriter<&mut File>> = None;
    let mut free = Some((file, properties));
    for piece in pieces {
        interrupt.check()?;
        let batch = shown(piece)?;
        if let Some((file, properties)) = free.take() {
            writer = Some(ArrowWriter::try_new(file, batch.schema(), Some(properties)).at("write", out)?);
        }
        if let Some(writer) = &mut writer {
            writer.write(&batch).at("write", out)?;
        }
    }
    match writer {
        Some(writer) => writer.close().at("write", out).map(drop),
        None => Ok(()),
    }
}

fn write_text(
    file: &mut File,
    out: &Path,
    pieces: &[PathBuf],
    interrupt: &Interrupt,
    encode: impl Fn(&RecordBatch, bool, &mut String) -> Result<()>,
) -> Result<()> {
    let mut to = BufWriter::new(file);
    for (at, piece) in pieces.iter().enumerate() {
        interrupt.check()?;
        let mut text = String::new();
        encode(&shown(piece)?, at == 0, &mut text)?;
        to.write_all(text.as_bytes()).at("write", out)?;
    }
    to.flush().at("write", out)
}

/// A cell as text; nothing where it is null.
fn cell(column: &dyn Array, row: usize) -> String {
    if column.is_null(row) {
        return String::new();
    }
    match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().value(row).to_owned(),
        DataType::Int32 => column.as_primitive::<Int32Type>().value(row).to_string(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Float32 => column.as_primitive::<Float32Type>().value(row).to_string(),
        _ => cells(column, row).join(";"),
    }
}

/// The items of a list.
fn cells(column: &dyn Array, row: usize) -> Vec<String> {
    column.as_list_opt::<i32>().map_or_else(Vec::new, |list| {
        let items = list.value(row);
        (0..items.len()).map(|at| cell(&items, at)).collect()
    })
}

fn csv(batch: &RecordBatch, outputs: &[String], first: bool, to: &mut String) {
    let schema = batch.schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    if first {
        let header = names.iter().flat_map(|name| match *name {
            "output" => outputs.iter().map(|output| format!("output_{output}")).collect(),
            other => vec![other.to_owned()],
        });
        csv_line(to, header);
    }
    for row in 0..batch.num_rows() {
        let fields = names
            .iter()
            .zip(batch.columns())
            .flat_map(|(name, column)| match *name {
                "output" => cells(column, row),
                _ => vec![cell(column, row)],
            });
        csv_line(to, fields);
    }
}

/// A row as JSON, its keys in the order of the columns.
struct Line<'a> {
    batch: &'a RecordBatch,
    row: usize,
    outputs: &'a [String],
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (field, column) in self.batch.schema().fields().iter().zip(self.batch.columns()) {
            map.serialize_key(field.name())?;
            let list = column.as_list_opt::<i32>();
            match list.and_then(|list| list.value(self.row).as_primitive_opt::<Float32Type>().cloned()) {
                Some(values) if field.name() == "output" => {
                    map.serialize_value(&Named(self.outputs, values.values()))?;
                }
                Some(values) => map.serialize_value(&values.values()[..])?,
                None => match list.map(|list| list.value(self.row)) {
                    Some(items) => map.serialize_value(&Whole(&items))?,
                    None => map.serialize_value(&Cell(column, self.row))?,
                },
            }
        }
        map.end()
    }
}

/// Outputs by their names.
struct Named<'a>(&'a [String], &'a [f32]);

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().zip(self.1))
    }
}

/// A list of whole numbers.
struct Whole<'a>(&'a arrow::array::ArrayRef);

impl Serialize for Whole<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_seq(
            self.0
                .as_primitive_opt::<Int32Type>()
                .into_iter()
                .flat_map(arrow::array::PrimitiveArray::values),
        )
    }
}

/// A cell of any other type.
struct Cell<'a>(&'a arrow::array::ArrayRef, usize);

impl Serialize for Cell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let (column, row) = (self.0, self.1);
        if column.is_null(row) {
            return serializer.serialize_none();
        }
        match column.data_type() {
            DataType::Int32 => serializer.serialize_i32(column.as_primitive::<Int32Type>().value(row)),
            DataType::Int64 => serializer.serialize_i64(column.as_primitive::<Int64Type>().value(row)),
            DataType::Float32 => serializer.serialize_f32(column.as_primitive::<Float32Type>().value(row)),
            _ => serializer.serialize_str(&cell(column, row)),
        }
    }
}

fn json_lines(batch: &RecordBatch, outputs: &[String], to: &mut String, out: &Path) -> Result<()> {
    for row in 0..batch.num_rows() {
        to.push_str(&serde_json::to_string(&Line { batch, row, outputs }).at("write", out)?);
        to.push('\n');
    }
    Ok(())
}
