//! Features as other programs write them: `.npy` and `.npz` here, Parquet in `parquet.rs`.

use std::collections::BTreeMap;
use std::io::{BufReader, Read};
use std::path::Path;

use crate::dataset::table::TableConfig;
use crate::disk::guard::guarded;
use crate::encoder::interface::TokenShape;
use crate::error::{Context, Error, Result};
use crate::feature::config::Dtype;
use crate::intake::npy;
use crate::intake::npz::Archive;
use crate::interrupt::Interrupt;
use crate::regular;

use super::columns::{Columns, Format, Offer, Roles, SAMPLE_ID, find, first_called, listed};
use super::parts::{Part, parts};
use super::spill::{Spill, SpillWriter};

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
    /// Name and number of rows of every file, in their order, where a folder was read.
    pub(crate) parts: Vec<(String, usize)>,
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

/// Usual names of the features.
pub(crate) const USUAL: [&str; 6] = ["global", "features", "embeddings", "embedding", "x", "arr_0"];

impl Reading<'_> {
    /// Reads the features of `path` and the columns beside them.
    pub(crate) fn read(&self, path: &Path) -> Result<Features> {
        match Format::of(path)? {
            Format::Npy => self.npy(path),
            Format::Npz => self.npz(path),
            Format::Parquet => {
                let part = Part {
                    path: path.to_owned(),
                    name: String::new(),
                };
                guarded(path, || self.parquet(path, &[part]))
            }
            Format::Folder => guarded(path, || self.parquet(path, &parts(path)?)),
            Format::Csv => Err(Error::unusable_table(format!(
                "{}: features are read from .parquet, .npy or .npz; a CSV can only hold labels (dataset.table.labels)",
                path.display()
            ))),
        }
    }

    pub(crate) fn spill(&self) -> Result<SpillWriter> {
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
            parts: Vec::new(),
        })
    }

    /// A ZIP archive of `.npy` files. Arrays of one value a row are columns.
    fn npz(&self, path: &Path) -> Result<Features> {
        let fail = |error: &dyn std::fmt::Display| Error::unusable_table(format!("{}: {error}", path.display()));
        let mut archive = Archive::open(path)?;
        let names = archive.names();
        let (mut arrays, mut columns) = (Offer::default(), Offer::default());
        for name in &names {
            let header = archive.header(name);
            let (in_rows, one_a_row) = match &header {
                Ok(header) => (
                    header.is_numeric() && !header.shape.is_empty(),
                    !header.shape.is_empty() && header.rows_and_columns().1 == 1,
                ),
                Err(_) => (false, false),
            };
            for (offer, fits) in [(&mut arrays, in_rows), (&mut columns, one_a_row)] {
                if fits {
                    offer.names.push(name.clone());
                } else {
                    let what = match &header {
                        Ok(header) => format!("an array of shape {:?}", header.shape),
                        Err(error) => match error.strip_prefix(npy::HOLDS) {
                            Some(what) => what.to_owned(),
                            None => format!("what cannot be read ({error})"),
                        },
                    };
                    offer.others.insert(name.clone(), what);
                }
            }
        }
        let chosen = find(&arrays, "features", &self.config.features, &USUAL, path)?
            .ok_or_else(|| no_features(path, &names, &arrays.others))?;
        let tokens = self.tokens_column(path, &arrays)?;
        let taken: Vec<String> = [&chosen].into_iter().chain(&tokens).cloned().collect();
        let rest = columns.without(&taken);
        let mut features = Features {
            global: self.spill()?.finish().map_err(|error| fail(&error))?,
            tokens: None,
            roles: self.roles(path, &rest)?,
            columns: Columns::default(),
            keys: None,
            names: names.iter().filter(|name| !taken.contains(name)).cloned().collect(),
            parts: Vec::new(),
        };
        features.columns = Columns::new(&features.roles);
        let mut wanted = features.roles.names();
        let key = self.key(path, &rest)?;
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
            let (header, mut input) = archive.array(name)?;
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
                // As classes, truth values have the names that CSV and Parquet files give them.
                let in_words = header.kind == npy::Kind::Bool && Some(name) == features.roles.label.as_ref();
                let texts: Vec<Option<String>> = values
                    .iter()
                    .map(|value| match value {
                        Ok(npy::Value::Whole(value)) if in_words => Some((*value != 0).to_string()),
                        Ok(value) => Some(value.to_text()),
                        Err(_) => None,
                    })
                    .collect();
                for (row, (text, value)) in texts.iter().zip(&values).enumerate() {
                    features.columns.push(name, text.as_deref());
                    if let Err(shown) = value {
                        features.columns.give_up_no_text(row, name, shown);
                    }
                }
                features.columns.set_rows(texts.len());
                if Some(name) == key.as_ref() {
                    features.keys = Some(texts);
                }
            }
        }
        Ok(features)
    }

    /// Which columns beside the features mean what; none if a label file says it all.
    pub(crate) fn roles(&self, path: &Path, offer: &Offer) -> Result<Roles> {
        if self.config.labels.is_empty() {
            return Roles::find(offer, self.config, path);
        }
        // Names in the recipe speak of the label file; here only a name of the samples is looked for, to compare it.
        Ok(Roles {
            sample_id: first_called(&offer.names, &SAMPLE_ID),
            ..Roles::default()
        })
    }

    pub(crate) fn key(&self, path: &Path, offer: &Offer) -> Result<Option<String>> {
        if self.config.key.is_empty() {
            return Ok(None);
        }
        find(offer, "key", &self.config.key, &[], path)
    }

    pub(crate) fn tokens_column(&self, path: &Path, offer: &Offer) -> Result<Option<String>> {
        if !self.tokens {
            return Ok(None);
        }
        find(offer, "tokens", &self.config.tokens, &["tokens"], path)?
            .map(Some)
            .ok_or_else(|| {
                Error::unusable_table(format!(
                    "{}: features.tokens asks for tokens, and there is no column of them: found {}; name it as \
                     dataset.table.tokens, or set model.level = \"global\" and features.tokens = \"none\"",
                    path.display(),
                    listed(&offer.names)
                ))
            })
    }

    /// The grid of tokens: as the recipe says, as the array's dimensions say, or a square. `shape` is that of the array with its
    /// rows, empty where it has none.
    pub(crate) fn shape(&self, path: &Path, name: &str, values: usize, shape: &[usize]) -> Result<TokenShape> {
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
}

/// There is no column of features among `names`; `others` are those with a name but no numbers.
pub(crate) fn no_features(path: &Path, names: &[String], others: &BTreeMap<String, String>) -> Error {
    let mut aside = others
        .iter()
        .filter(|(name, _)| USUAL.iter().any(|usual| name.eq_ignore_ascii_case(usual)));
    let aside = aside
        .next()
        .map_or_else(String::new, |(name, what)| format!(" (`{name}` holds {what})"));
    Error::unusable_table(format!(
        "{}: there is no column of features: found {}{aside}, expected one of {}; name it as dataset.table.features, or \"feat_*\" for \
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
