//! Features as other programs write them: Parquet, `.npy`, `.npz`.

use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use ::parquet::arrow::ProjectionMask;
use arrow::array::{Array, ArrayRef, AsArray, Float32Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type};

use crate::dataset::table::TableConfig;
use crate::disk::guard::guarded;
use crate::disk::parquet;
use crate::encoder::interface::TokenShape;
use crate::error::{Context, Error, Result};
use crate::feature::config::Dtype;
use crate::intake::npy;
use crate::interrupt::Interrupt;
use crate::regular;

use super::columns::{Columns, Format, Roles, find, listed};
use super::spill::{Spill, SpillWriter};

/// Rows of a Parquet file read at a time.
const BATCH: usize = 256;
/// A compressed array that unpacks to more than this is believed only if it does not shrink suspiciously.
const LARGE: u64 = 1 << 30;
/// Most bytes that one compressed byte of a large array may become; floats shrink to half at best.
const MOST_SHRINKING: u64 = 50;

/// Features, and the columns that stand beside them.
pub(crate) struct Features {
    pub(crate) global: Spill,
    pub(crate) tokens: Option<(Spill, TokenShape)>,
    pub(crate) roles: Roles,
    pub(crate) columns: Columns,
    /// What names the samples, if the labels are found by it.
    pub(crate) keys: Option<Vec<Option<String>>>,
    /// Names of all columns beside the features.
    pub(crate) names: Vec<String>,
}

/// How features are read.
pub(crate) struct Reading<'a> {
    pub(crate) config: &'a TableConfig,
    /// Whether tokens are read.
    pub(crate) tokens: bool,
    pub(crate) dtype: Dtype,
    /// Where rows are kept meanwhile; `None` only checks them.
    pub(crate) scratch: Option<&'a Path>,
    pub(crate) interrupt: &'a Interrupt,
}

const USUAL: [&str; 6] = ["global", "features", "embeddings", "embedding", "x", "arr_0"];

impl Reading<'_> {
    /// Reads the features of `path` and the columns beside them.
    pub(crate) fn read(&self, path: &Path) -> Result<Features> {
        match Format::of(path)? {
            Format::Npy => self.npy(path),
            Format::Npz => self.npz(path),
            Format::Parquet => guarded(path, || self.parquet(path, &[path.to_owned()])),
            Format::Folder => guarded(path, || self.parquet(path, &parts(path)?)),
            Format::Csv => Err(Error::unusable_table(format!(
                "{}: features are read from .parquet, .npy or .npz; a CSV can only hold labels (dataset.table.labels)",
                path.display()
            ))),
        }
    }

    fn spill(&self) -> Result<SpillWriter> {
        SpillWriter::new(self.scratch, self.dtype)
    }

    /// Streams the rows of one array into a spill.
    fn array(&self, input: &mut impl Read, header: &npy::Header, path: &Path) -> Result<Spill> {
        let fail = |error: String| Error::unusable_table(format!("{}: {error}", path.display()));
        let mut spill = self.spill()?;
        npy::rows(input, header, |row| {
            if self.interrupt.is_raised() {
                return Err("interrupted".into());
            }
            spill.push(row)
        })
        .or_else(|error| {
            self.interrupt.check()?;
            Err(fail(error))
        })?;
        let spill = spill.finish().map_err(fail)?;
        if spill.rows() == 0 {
            return Err(fail("the array holds no rows".into()));
        }
        Ok(spill)
    }

    fn npy(&self, path: &Path) -> Result<Features> {
        let mut input = BufReader::new(regular::open(path).at("read", path)?);
        for (key, named) in [
            ("features", &self.config.features),
            ("tokens", &self.config.tokens),
            ("key", &self.config.key),
        ] {
            if !named.is_empty() {
                return Err(Error::unusable_table(format!(
                    "dataset.table.{key} = \"{named}\": a .npy file holds one array without a name; save several with \
                     np.savez, or leave the key out"
                )));
            }
        }
        if self.tokens {
            return Err(Error::unusable_table(format!(
                "{}: the recipe asks for tokens (features.tokens, or model.level), and a .npy file holds the features alone; save both \
                 with np.savez, or set model.level = \"global\"",
                path.display()
            )));
        }
        let header = npy::read_header(&mut input)
            .map_err(|error| Error::unusable_table(format!("{}: {error}", path.display())))?;
        Ok(Features {
            global: self.array(&mut input, &header, path)?,
            tokens: None,
            roles: Roles::default(),
            columns: Columns::default(),
            keys: None,
            names: Vec::new(),
        })
    }

    /// A ZIP archive of `.npy` files. Arrays of one value a row are columns.
    fn npz(&self, path: &Path) -> Result<Features> {
        let fail = |error: &dyn std::fmt::Display| Error::unusable_table(format!("{}: {error}", path.display()));
        // NumPy's archives begin with the file. The library's search for a later beginning is misled by those of 2 to 4 GiB,
        // which end in a ZIP64 record without needing one.
        let begins = zip::read::Config {
            archive_offset: zip::read::ArchiveOffset::Known(0),
        };
        let file = BufReader::new(regular::open(path).at("read", path)?);
        let mut archive = zip::ZipArchive::with_config(begins, file).map_err(|error| fail(&error))?;
        let names: Vec<String> = archive
            .file_names()
            .flatten()
            .filter_map(|name| name.strip_suffix(".npy").map(str::to_owned))
            .collect();
        let chosen =
            find(&names, "features", &self.config.features, &USUAL, path)?.ok_or_else(|| no_features(path, &names))?;
        let tokens = self.tokens_column(path, &names)?;
        let rest: Vec<String> = names
            .iter()
            .filter(|name| **name != chosen && Some(*name) != tokens.as_ref())
            .cloned()
            .collect();
        let mut features = Features {
            global: self.spill()?.finish().map_err(|error| fail(&error))?,
            tokens: None,
            roles: self.roles(path, &rest)?,
            columns: Columns::default(),
            keys: None,
            names: rest,
        };
        features.columns = Columns::new(&features.roles);
        let mut wanted = features.roles.names();
        let key = self.key(path, &features.names)?;
        wanted.extend(key.clone());
        let mut rows: Option<(String, usize)> = None;
        let mut same = |name: &str, n: usize| -> Result<()> {
            let (first, expected) = rows.get_or_insert((name.to_owned(), n));
            if *expected == n {
                return Ok(());
            }
            Err(fail(&format!(
                "the arrays do not belong together: `{first}` has {expected} rows, `{name}` {n}"
            )))
        };
        for name in [&chosen].into_iter().chain(&tokens).chain(&wanted) {
            self.interrupt.check()?;
            let inner = |error: String| fail(&format!("{name}.npy: {error}"));
            let mut entry = archive
                .by_name(&format!("{name}.npy"))
                .map_err(|error| inner(error.to_string()))?;
            if entry.size() > LARGE && entry.size() / entry.compressed_size().max(1) > MOST_SHRINKING {
                return Err(inner(format!(
                    "{} bytes claim to unpack to {}; no features shrink so far: save them with np.savez",
                    entry.compressed_size(),
                    entry.size()
                )));
            }
            let size = entry.size();
            // The archive's own word on the size bounds what is unpacked.
            let mut input = BufReader::new((&mut entry).take(size));
            let header = npy::read_header(&mut input).map_err(inner)?;
            if *name == chosen {
                features.global = self.array(&mut input, &header, path)?;
                same(name, features.global.rows())?;
            } else if Some(name) == tokens.as_ref() {
                let spill = self.array(&mut input, &header, path)?;
                same(name, spill.rows())?;
                let shape = self.shape(path, name, spill.width, &header.shape)?;
                features.tokens = Some((spill, shape));
            } else {
                let values = npy::column(&mut input, &header).map_err(inner)?;
                same(name, values.len())?;
                let texts: Vec<String> = values.iter().map(npy::Value::to_text).collect();
                if Some(name) == key.as_ref() {
                    features.keys = Some(texts.iter().map(|text| Some(text.clone())).collect());
                }
                for text in &texts {
                    features.columns.push(name, Some(text));
                }
                features.columns.set_rows(texts.len());
            }
        }
        Ok(features)
    }

    /// Which columns beside the features mean what; none if a label file says it all.
    fn roles(&self, path: &Path, names: &[String]) -> Result<Roles> {
        if self.config.labels.is_empty() {
            return Roles::find(names, self.config, path);
        }
        // Names in the recipe speak of the label file; here only a name of the samples is looked for, to compare it.
        let own = Roles::find(names, &TableConfig::default(), path)?;
        Ok(Roles {
            sample_id: own.sample_id,
            ..Roles::default()
        })
    }

    fn key(&self, path: &Path, names: &[String]) -> Result<Option<String>> {
        if self.config.key.is_empty() {
            return Ok(None);
        }
        find(names, "key", &self.config.key, &[], path)
    }

    fn tokens_column(&self, path: &Path, names: &[String]) -> Result<Option<String>> {
        if !self.tokens {
            return Ok(None);
        }
        find(names, "tokens", &self.config.tokens, &["tokens"], path)?
            .map(Some)
            .ok_or_else(|| {
                Error::unusable_table(format!(
                    "{}: features.tokens asks for tokens, and there is no column of them: found {}; name it as \
                     dataset.table.tokens, or set model.level = \"global\" and features.tokens = \"none\"",
                    path.display(),
                    listed(names)
                ))
            })
    }

    /// The grid of tokens: as the recipe says, as the array's dimensions say, or a square. `shape` is that of the array with its
    /// rows, empty where it has none.
    fn shape(&self, path: &Path, name: &str, values: usize, shape: &[usize]) -> Result<TokenShape> {
        let fail = |what: String| Err(Error::unusable_table(format!("{}: `{name}` {what}", path.display())));
        let (count, width) = match *shape {
            [_, rows, cols, width] => (Some((rows, cols)), width),
            [_, count, width] => (square(count), width),
            _ => (None, 0),
        };
        let grid = match (self.config.grid(), count) {
            (Some((rows, cols)), _) if values.is_multiple_of(rows * cols) => (rows, cols),
            (Some((rows, cols)), _) => {
                return fail(format!(
                    "has {values} values a sample, which are not {rows} × {cols} tokens"
                ));
            }
            (None, Some(grid)) => grid,
            (None, None) => {
                return fail(format!(
                    "has {values} values a sample of shape {:?}; say how many tokens that are, as dataset.table.token_grid = \
                     \"7x7\"",
                    shape.get(1..).unwrap_or_default()
                ));
            }
        };
        let own = values / (grid.0 * grid.1).max(1);
        if own == 0 || (width > 0 && width != own) {
            return fail(format!(
                "has tokens of {width} values, which do not fill a grid of {} × {} with {values}",
                grid.0, grid.1
            ));
        }
        Ok(TokenShape {
            rows: grid.0,
            cols: grid.1,
            width: own,
        })
    }

    fn parquet(&self, path: &Path, files: &[PathBuf]) -> Result<Features> {
        let mut global = self.spill()?;
        let mut tokens = self.spill()?;
        let mut plan: Option<Plan> = None;
        let mut rows = 0;
        for file in files {
            let builder = parquet::open(file)?;
            let names: Vec<String> = builder
                .schema()
                .fields()
                .iter()
                .map(|field| field.name().clone())
                .collect();
            let plan = match &mut plan {
                None => plan.insert(self.plan(file, &names)?),
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
            let mask = ProjectionMask::columns(builder.parquet_schema(), plan.read.iter().map(String::as_str));
            let reader = builder
                .with_projection(mask)
                .with_batch_size(BATCH)
                .build()
                .at("read", file)?;
            for batch in reader {
                self.interrupt.check()?;
                let batch = batch.at("read", file)?;
                rows += batch.num_rows();
                push_features(&batch, &plan.chosen, file, &mut global)?;
                if let Some(name) = &plan.tokens {
                    push_features(&batch, std::slice::from_ref(name), file, &mut tokens)?;
                }
                for name in &plan.wanted {
                    let texts = cast(column(&batch, name, file)?, &DataType::Utf8).at("read", file)?;
                    let texts = texts.as_string::<i32>();
                    for text in texts {
                        plan.columns.push(name, text);
                    }
                    if Some(name) == plan.key.as_ref() {
                        plan.keys.extend(texts.iter().map(|text| text.map(str::to_owned)));
                    }
                }
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
        })
    }

    /// Which columns of a Parquet file are read, and as what.
    fn plan(&self, file: &Path, names: &[String]) -> Result<Plan> {
        let chosen = if let Some(prefix) = self.config.features.strip_suffix('*') {
            names.iter().filter(|name| name.starts_with(prefix)).cloned().collect()
        } else {
            Vec::from_iter(find(names, "features", &self.config.features, &USUAL, file)?)
        };
        if chosen.is_empty() {
            return Err(no_features(file, names));
        }
        let tokens = self.tokens_column(file, names)?;
        let rest: Vec<String> = names
            .iter()
            .filter(|name| !chosen.contains(name) && Some(*name) != tokens.as_ref())
            .cloned()
            .collect();
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
            all: names.to_vec(),
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
    let builder = parquet::open(file)?;
    let text =
        crate::feature::reader::value_of(builder.metadata().file_metadata(), crate::feature::table::FEATURES_KEY);
    let metadata: Option<crate::feature::FeatureMetadata> = text.and_then(|text| serde_json::from_str(text).ok());
    Ok(metadata
        .and_then(|metadata| metadata.tokens)
        .map_or_else(Vec::new, |shape| vec![0, shape.rows, shape.cols, shape.width]))
}

fn no_features(path: &Path, names: &[String]) -> Error {
    Error::unusable_table(format!(
        "{}: there is no column of features: found {}, expected one of {}; name it as dataset.table.features, or \"feat_*\" for \
         many columns",
        path.display(),
        listed(names),
        USUAL.join(", ")
    ))
}

fn square(count: usize) -> Option<(usize, usize)> {
    let side = count.isqrt();
    (side * side == count).then_some((side, side))
}

/// The Parquet files of a folder, by name.
pub(crate) fn parts(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).at("list", folder)? {
        let path = entry.at("list", folder)?.path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !hidden
            && path
                .extension()
                .is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"))
        {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(Error::unusable_table(format!(
            "{}: the folder holds no .parquet files",
            folder.display()
        )));
    }
    Ok(files)
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
        if column(batch, name, path)?.null_count() > 0 {
            return Err(fail(name, "a row has no features (null)".into()));
        }
        let values = numbers(name, &values)?;
        let values: Vec<f32> = values.iter().map(|value| value.unwrap_or(f32::NAN)).collect();
        for pair in offsets.windows(2) {
            push(spill, &values[pair[0]..pair[1]], name)?;
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

/// The values of a list column, and where each row's begin and end.
fn lists(column: &ArrayRef) -> Option<(ArrayRef, Vec<usize>)> {
    match column.data_type() {
        DataType::FixedSizeList(_, width) => {
            let list = column.as_fixed_size_list();
            let width = usize::try_from(*width).ok()?;
            let first = usize::try_from(list.value_offset(0)).ok()?;
            let offsets = (0..=list.len()).map(|row| first + row * width).collect();
            Some((list.values().clone(), offsets))
        }
        DataType::List(_) => {
            let list = column.as_list::<i32>();
            let offsets = list.value_offsets().iter().map(|at| *at as usize).collect();
            Some((list.values().clone(), offsets))
        }
        DataType::LargeList(_) => {
            let list = column.as_list::<i64>();
            let offsets = list.value_offsets().iter().map(|at| *at as usize).collect();
            Some((list.values().clone(), offsets))
        }
        _ => None,
    }
}

/// Columns of a Parquet label file.
pub(crate) fn read_parquet_labels(
    path: &Path,
    config: &TableConfig,
    interrupt: &Interrupt,
) -> Result<(Roles, Columns)> {
    let builder = parquet::open(path)?;
    let names: Vec<String> = builder
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    let roles = Roles::find(&names, config, path)?;
    let wanted = roles.names();
    let mut columns = Columns::new(&roles);
    let mask = ProjectionMask::columns(builder.parquet_schema(), wanted.iter().map(String::as_str));
    let reader = builder
        .with_projection(mask)
        .with_batch_size(1 << 14)
        .build()
        .at("read", path)?;
    let mut rows = 0;
    for batch in reader {
        interrupt.check()?;
        let batch = batch.at("read", path)?;
        rows += batch.num_rows();
        for name in &wanted {
            let texts = cast(column(&batch, name, path)?, &DataType::Utf8).at("read", path)?;
            for text in texts.as_string::<i32>() {
                columns.push(name, text);
            }
        }
    }
    columns.set_rows(rows);
    Ok((roles, columns))
}
