//! Features and labels in Parquet files.

use std::collections::BTreeSet;
use std::path::Path;

use ::parquet::arrow::ProjectionMask;
use arrow::array::{Array, ArrayRef, AsArray, Float32Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type, Schema};

use crate::dataset::table::TableConfig;
use crate::disk::guard;
use crate::disk::lists::lists;
use crate::error::{Context, Error, Result};
use crate::interrupt::Interrupt;
use crate::spelling::composed;

use super::columns::{Columns, Offer, Roles, find, listed, two_for_one};
use super::parts::Part;
use super::source::{Features, Reading, USUAL, no_features};
use super::spill::SpillWriter;

/// Rows of a Parquet file read at a time.
const BATCH: usize = 256;

impl Reading<'_> {
    /// Features and columns of the parts of one table, in their order.
    pub(crate) fn parquet(&self, path: &Path, parts: &[Part]) -> Result<Features> {
        let mut global = self.spill()?;
        let mut tokens = self.spill()?;
        let mut plan: Option<Plan> = None;
        let mut rows = 0;
        let mut read: Vec<(String, usize)> = Vec::new();
        for part in parts {
            let (file, before) = (part.path.as_path(), rows);
            let builder = guard::open(file)?;
            let names: Vec<String> = builder
                .schema()
                .fields()
                .iter()
                .map(|field| field.name().clone())
                .collect();
            let plan = match &mut plan {
                None => plan.insert(self.plan(file, builder.schema())?),
                Some(plan) if plan.all == names => plan,
                Some(plan) => {
                    return Err(Error::unusable_table(format!(
                        "{}: has the columns {}, the parts before have {}",
                        file.display(),
                        listed(&names),
                        listed(&plan.all)
                    )));
                }
            };
            let mask = ProjectionMask::roots(builder.parquet_schema(), places(&names, &plan.read));
            let reader = builder
                .with_projection(mask)
                .with_batch_size(BATCH)
                .build()
                .at("read", file)?;
            for batch in reader {
                self.interrupt.check()?;
                let batch = batch.at("read", file)?;
                push_features(&batch, &plan.chosen, file, &mut global)?;
                if let Some(name) = &plan.tokens {
                    push_features(&batch, std::slice::from_ref(name), file, &mut tokens)?;
                }
                for name in &plan.wanted {
                    let texts = push_texts(&batch, name, file, rows, &mut plan.columns)?;
                    if Some(name) == plan.key.as_ref() {
                        plan.keys.extend(texts.iter().map(|text| text.map(str::to_owned)));
                    }
                }
                rows += batch.num_rows();
            }
            if !part.name.is_empty() {
                read.push((part.name.clone(), rows - before));
            }
        }
        let fail = |error: String| Error::unusable_table(format!("{}: {error}", path.display()));
        let Some(mut plan) = plan.filter(|_| rows > 0) else {
            return Err(fail("it holds no rows".into()));
        };
        plan.columns.set_rows(rows);
        let tokens = match &plan.tokens {
            Some(name) => {
                let spill = tokens.finish().map_err(fail)?;
                let shape = self.shape(path, name, spill.width, &plan.token_shape)?;
                Some((spill, shape))
            }
            None => None,
        };
        Ok(Features {
            global: global.finish().map_err(fail)?,
            tokens,
            roles: plan.roles,
            columns: plan.columns,
            keys: plan.key.map(|_| plan.keys),
            names: plan.all,
            parts: read,
        })
    }

    /// Which columns of a Parquet file are read, and as what.
    fn plan(&self, file: &Path, schema: &Schema) -> Result<Plan> {
        let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
        let numbers = offer(schema, |_, kind| is_numbers(kind));
        let chosen = if let Some(prefix) = self.config.features.strip_suffix('*') {
            let prefix = composed(prefix);
            let begins = |name: &&String| composed(name).starts_with(&*prefix);
            let found: Vec<String> = names.iter().filter(begins).cloned().collect();
            let mut seen = BTreeSet::new();
            if let Some(name) = found.iter().find(|name| !seen.insert(*name)) {
                return Err(two_for_one(name, name, "", "", file));
            }
            found
        } else {
            Vec::from_iter(find(&numbers, "features", &self.config.features, &USUAL, file)?)
        };
        if chosen.is_empty() {
            return Err(no_features(file, &names, &numbers.others));
        }
        let tokens = self.tokens_column(file, &numbers)?;
        let taken: Vec<String> = chosen.iter().chain(&tokens).cloned().collect();
        let rest = values(file, schema)?.without(&taken);
        let roles = self.roles(file, &rest)?;
        let key = self.key(file, &rest)?;
        let mut wanted = roles.names();
        wanted.extend(key.clone());
        let read = chosen.iter().chain(&tokens).chain(&wanted).cloned().collect();
        let token_shape = match &tokens {
            Some(_) => stored_grid(file)?,
            None => Vec::new(),
        };
        Ok(Plan {
            all: names,
            chosen,
            tokens,
            token_shape,
            columns: Columns::new(&roles),
            wanted: wanted.into_iter().collect(),
            key,
            keys: Vec::new(),
            read,
            roles,
        })
    }
}

struct Plan {
    all: Vec<String>,
    chosen: Vec<String>,
    tokens: Option<String>,
    token_shape: Vec<usize>,
    wanted: Vec<String>,
    key: Option<String>,
    keys: Vec<Option<String>>,
    read: Vec<String>,
    roles: Roles,
    columns: Columns,
}

/// The grid that a feature table of this program stores with its tokens, as a shape with rows; empty for other tables.
fn stored_grid(file: &Path) -> Result<Vec<usize>> {
    let builder = guard::open(file)?;
    let text =
        crate::feature::reader::value_of(builder.metadata().file_metadata(), crate::feature::table::FEATURES_KEY);
    let metadata: Option<crate::feature::FeatureMetadata> = text.and_then(|text| serde_json::from_str(text).ok());
    Ok(metadata
        .and_then(|metadata| metadata.tokens)
        .map_or_else(Vec::new, |shape| vec![0, shape.rows, shape.cols, shape.width]))
}

/// Positions of columns, by which they are asked for: a dot in a name would read as a path.
fn places(names: &[String], read: &[String]) -> Vec<usize> {
    read.iter()
        .filter_map(|name| names.iter().position(|there| there == name))
        .collect()
}

/// Whether a column may hold features: numbers, or lists of them.
fn is_numbers(kind: &DataType) -> bool {
    let single = |kind: &DataType| kind.is_numeric() || *kind == DataType::Boolean;
    match kind {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => single(item.data_type()),
        kind => single(kind),
    }
}

/// The columns that `fits` takes, and what the others hold.
fn offer(schema: &Schema, fits: impl Fn(usize, &DataType) -> bool) -> Offer {
    let mut offer = Offer::default();
    for (i, field) in schema.fields().iter().enumerate() {
        if fits(i, field.data_type()) {
            offer.names.push(field.name().clone());
        } else {
            offer.others.insert(field.name().clone(), described(field.data_type()));
        }
    }
    offer
}

/// What a column holds, in words.
fn described(kind: &DataType) -> String {
    match kind {
        DataType::Struct(fields) => {
            let names: Vec<String> = fields.iter().map(|field| field.name().clone()).collect();
            format!("structs of {}", listed(&names))
        }
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => "lists".into(),
        DataType::Map(..) => "maps".into(),
        DataType::Binary | DataType::LargeBinary | DataType::FixedSizeBinary(_) | DataType::BinaryView => {
            "bytes that are no text".into()
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text".into(),
        kind => format!("values of type {kind}"),
    }
}

/// The columns with one text or number a row. Some programs write text as bytes: the first rows tell.
fn values(file: &Path, schema: &Schema) -> Result<Offer> {
    let mut text = Vec::new();
    for (i, field) in schema.fields().iter().enumerate() {
        if matches!(
            field.data_type(),
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView
        ) && begins_with_text(file, i)?
        {
            text.push(i);
        }
    }
    Ok(offer(schema, |i, kind| match kind {
        DataType::Dictionary(_, kind) => {
            !kind.is_nested() && !matches!(**kind, DataType::Binary | DataType::LargeBinary)
        }
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => text.contains(&i),
        DataType::FixedSizeBinary(_) | DataType::RunEndEncoded(..) => false,
        kind => !kind.is_nested(),
    }))
}

/// Whether the first rows of a column of bytes are text, most of them: a name in another encoding makes no image of the others.
fn begins_with_text(file: &Path, place: usize) -> Result<bool> {
    const LOOKED_AT: usize = 8;
    let builder = guard::open(file)?;
    let mask = ProjectionMask::roots(builder.parquet_schema(), [place]);
    let reader = builder
        .with_projection(mask)
        .with_batch_size(LOOKED_AT)
        .with_limit(LOOKED_AT);
    let (mut text, mut other) = (0, 0);
    for batch in reader.build().at("read", file)? {
        let bytes = cast(batch.at("read", file)?.column(0), &DataType::LargeBinary).at("read", file)?;
        let is_text = |bytes: &[u8]| std::str::from_utf8(bytes).is_ok_and(|text| !text.contains('\0'));
        for bytes in bytes.as_binary::<i64>().iter().flatten() {
            if is_text(bytes) {
                text += 1;
            } else {
                other += 1;
            }
        }
    }
    Ok(other == 0 || text > other)
}

/// Appends the values of a column as text, and returns them; `before` rows stand before the batch. A row whose bytes are no text
/// is given up.
fn push_texts(
    batch: &RecordBatch,
    name: &str,
    path: &Path,
    before: usize,
    columns: &mut Columns,
) -> Result<StringArray> {
    let column = column(batch, name, path)?;
    let as_type = |kind: &DataType| {
        cast(column, kind).map_err(|error| {
            Error::unusable_table(format!(
                "{}: column `{name}` holds {}, and not one text or number a row: {error}",
                path.display(),
                described(column.data_type())
            ))
        })
    };
    let texts = as_type(&DataType::Utf8)?.as_string::<i32>().clone();
    for text in &texts {
        columns.push(name, text);
    }
    // The cast makes a null of bytes that are no text.
    if matches!(
        column.data_type(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView
    ) && texts.null_count() > column.null_count()
    {
        let bytes = as_type(&DataType::LargeBinary)?;
        for (row, bytes) in bytes.as_binary::<i64>().iter().enumerate() {
            if let Some(bytes) = bytes.filter(|_| texts.is_null(row)) {
                // A message shows less than that.
                let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(512)]);
                columns.give_up_no_text(before + row, name, &shown);
            }
        }
    }
    Ok(texts)
}

fn column<'a>(batch: &'a RecordBatch, name: &str, path: &Path) -> Result<&'a ArrayRef> {
    batch
        .column_by_name(name)
        .ok_or_else(|| Error::unusable_table(format!("{}: column `{name}` is missing", path.display())))
}

/// Appends the rows of one list column, or of many columns of one number each.
fn push_features(batch: &RecordBatch, names: &[String], path: &Path, spill: &mut SpillWriter) -> Result<()> {
    let fail = |name: &str, what: String| Error::unusable_table(format!("{}: column `{name}`: {what}", path.display()));
    let numbers = |name: &str, values: &ArrayRef| -> Result<Float32Array> {
        if !values.data_type().is_numeric() && *values.data_type() != DataType::Boolean {
            return Err(fail(name, format!("expected numbers, found {}", values.data_type())));
        }
        let values = cast(values, &DataType::Float32).at("read", path)?;
        Ok(values.as_primitive::<Float32Type>().clone())
    };
    let push = |spill: &mut SpillWriter, row: &[f32], name: &str| spill.push(row).map_err(|error| fail(name, error));
    if let [name] = names
        && let Some((values, offsets)) = lists(column(batch, name, path)?)
    {
        let rows = column(batch, name, path)?;
        let values = numbers(name, &values)?;
        let values: Vec<f32> = values.iter().map(|value| value.unwrap_or(f32::NAN)).collect();
        for (row, pair) in offsets.windows(2).enumerate() {
            if rows.is_null(row) {
                spill.push_null().map_err(|error| fail(name, error))?;
            } else {
                push(spill, &values[pair[0]..pair[1]], name)?;
            }
        }
        return Ok(());
    }
    let parts: Vec<Float32Array> = names
        .iter()
        .map(|name| numbers(name, column(batch, name, path)?))
        .collect::<Result<_>>()?;
    let mut row = vec![0.0; parts.len()];
    for i in 0..batch.num_rows() {
        for (value, part) in row.iter_mut().zip(&parts) {
            *value = if part.is_valid(i) { part.value(i) } else { f32::NAN };
        }
        push(spill, &row, &names[0])?;
    }
    Ok(())
}

/// Columns of a Parquet label file.
pub(crate) fn read_parquet_labels(
    path: &Path,
    config: &TableConfig,
    interrupt: &Interrupt,
) -> Result<(Roles, Columns)> {
    let builder = guard::open(path)?;
    let fields = builder.schema().fields();
    let names: Vec<String> = fields.iter().map(|field| field.name().clone()).collect();
    let roles = Roles::find(&values(path, builder.schema())?, config, path)?;
    let wanted: Vec<String> = roles.names().into_iter().collect();
    let mut columns = Columns::new(&roles);
    let mask = ProjectionMask::roots(builder.parquet_schema(), places(&names, &wanted));
    let reader = builder
        .with_projection(mask)
        .with_batch_size(1 << 14)
        .build()
        .at("read", path)?;
    let mut rows = 0;
    for batch in reader {
        interrupt.check()?;
        let batch = batch.at("read", path)?;
        for name in &wanted {
            push_texts(&batch, name, path, rows, &mut columns)?;
        }
        rows += batch.num_rows();
    }
    columns.set_rows(rows);
    Ok((roles, columns))
}
