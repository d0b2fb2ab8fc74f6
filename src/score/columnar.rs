//! Predictions in Parquet files.

use std::collections::BTreeMap;
use std::path::Path;

use ::parquet::arrow::ProjectionMask;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type, Float64Type};

use crate::disk::guard::{self, guarded};
use crate::disk::lists::lists;
use crate::error::{Context, Error, Result};
use crate::interrupt::Interrupt;

use super::frame::{Frame, Kind, Offer, Values};

/// Rows read at a time.
const BATCH: usize = 1 << 14;

/// The columns of a file that hold a text, a number or a list of numbers a row. How long lists are is known from the first row.
///
/// # Errors
/// [`Error::Io`] if it is no Parquet file.
pub fn offer(path: &Path) -> Result<Offer> {
    guarded(path, || {
        let builder = guard::open(path)?;
        let fields = builder.schema().fields().clone();
        let mut first = builder.with_limit(1).build().at("read", path)?;
        let first = first.next().transpose().at("read", path)?;
        let mut offer = Offer::new();
        for (i, field) in fields.iter().enumerate() {
            let kind = match field.data_type() {
                DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
                    let values = first.as_ref().filter(|_| item.data_type().is_numeric());
                    values.and_then(|batch| lists(batch.column(i))).map(|(_, offsets)| {
                        Kind::List(offsets.last().copied().unwrap_or(0) - offsets.first().copied().unwrap_or(0))
                    })
                }
                DataType::Dictionary(_, kind) => (!kind.is_nested()).then_some(Kind::One),
                DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => None,
                kind => (!kind.is_nested()).then_some(Kind::One),
            };
            offer.extend(kind.map(|kind| (field.name().clone(), kind)));
        }
        Ok(offer)
    })
}

/// Some columns of a file.
///
/// # Errors
/// As [`offer`]; [`Error::Data`] if lists are not all of one length.
pub fn read(path: &Path, wanted: &[String], interrupt: &Interrupt) -> Result<Frame> {
    guarded(path, || {
        let builder = guard::open(path)?;
        let names: Vec<String> = builder
            .schema()
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect();
        let places = wanted
            .iter()
            .filter_map(|name| names.iter().position(|there| there == name));
        let mask = ProjectionMask::roots(builder.parquet_schema(), places);
        let reader = builder
            .with_projection(mask)
            .with_batch_size(BATCH)
            .build()
            .at("read", path)?;
        let mut columns: BTreeMap<String, Values> = BTreeMap::new();
        let mut rows = 0;
        for batch in reader {
            interrupt.check()?;
            let batch = batch.at("read", path)?;
            for name in wanted {
                let Some(column) = batch.column_by_name(name) else {
                    continue;
                };
                push(&mut columns, name, column, rows, path)?;
            }
            rows += batch.num_rows();
        }
        Ok(Frame::new(path, rows, columns, Vec::new()))
    })
}

/// Appends the rows of a batch to a column; `before` rows stand before it.
fn push(
    columns: &mut BTreeMap<String, Values>,
    name: &str,
    column: &ArrayRef,
    before: usize,
    path: &Path,
) -> Result<()> {
    if let Some((values, offsets)) = lists(column) {
        let values = cast(&values, &DataType::Float32).at("read", path)?;
        let values = values.as_primitive::<Float32Type>();
        let width = offsets.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0);
        let there = columns
            .entry(name.to_owned())
            .or_insert_with(|| Values::Lists(width, Vec::new()));
        let Values::Lists(width, data) = there else {
            return Ok(());
        };
        for (row, pair) in offsets.windows(2).enumerate() {
            if column.is_null(row) {
                data.extend(std::iter::repeat_n(f32::NAN, *width));
                continue;
            }
            if pair[1] - pair[0] != *width {
                return Err(Error::unusable_table(format!(
                    "{}, row {}: `{name}` holds {} values, the other rows hold {width}",
                    path.display(),
                    before + row + 1,
                    pair[1] - pair[0]
                )));
            }
            data.extend((pair[0]..pair[1]).map(|at| {
                if values.is_valid(at) {
                    values.value(at)
                } else {
                    f32::NAN
                }
            }));
        }
        return Ok(());
    }
    if column.data_type().is_numeric() {
        let numbers = cast(column, &DataType::Float64).at("read", path)?;
        let numbers = numbers.as_primitive::<Float64Type>();
        let there = columns
            .entry(name.to_owned())
            .or_insert_with(|| Values::Numbers(Vec::new()));
        if let Values::Numbers(to) = there {
            to.extend(numbers.iter().map(|number| number.unwrap_or(f64::NAN)));
        }
        return Ok(());
    }
    let texts = cast(column, &DataType::Utf8).at("read", path)?;
    let there = columns
        .entry(name.to_owned())
        .or_insert_with(|| Values::Texts(Vec::new()));
    if let Values::Texts(to) = there {
        to.extend(
            texts
                .as_string::<i32>()
                .iter()
                .map(|text| text.map(|text| text.trim().into())),
        );
    }
    Ok(())
}
