//! Delimited files, with or without a line that names the columns, as polars tables of text.

use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use polars::prelude::*;

use crate::error::{Error, Result};

use super::fields::{clean_name, said_separator, split};
use super::reject::{Reason, Reject};
use super::text::{Block, Blocks, LINE, bounded, line_column, polars};

/// How a delimited file is read.
pub struct Delimited<'a> {
    /// What may stand between fields, the usual one first.
    pub separators: &'a [u8],
    /// Names of the columns of a file without header, in order.
    pub columns: &'a [&'a str],
    /// Column names of which one, anywhere in the first line, shows that this is a header.
    pub header_words: &'a [&'a str],
    /// Those of the column of images: no image is called so.
    pub image_words: &'a [&'a str],
    /// What a column of this name holds; `None` for one that is not read.
    pub meaning: &'a dyn Fn(&str) -> Option<String>,
}

/// What lists of this kind are separated by; the first line tells.
pub const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];

/// The separator under which a first line has most names of columns; without any, that which gives as many fields as there are
/// columns, else the most fields.
pub fn separator_of(line: &str, form: &Delimited<'_>) -> u8 {
    let usual = form.separators.first().copied().unwrap_or(b',');
    let score = |separator: u8| {
        let fields = split(line, separator);
        let named = fields.iter().filter(|field| form.is_header_word(field)).count();
        (
            named,
            fields.len() == form.columns.len(),
            fields.len(),
            separator == usual,
        )
    };
    let separators = form.separators.iter().copied();
    separators.max_by_key(|separator| score(*separator)).unwrap_or(usual)
}

impl Delimited<'_> {
    fn is_header_word(&self, field: &str) -> bool {
        is_one_of(field, self.header_words)
    }
}

fn is_one_of(field: &str, words: &[&str]) -> bool {
    let field = clean_name(field);
    words.iter().any(|word| field.eq_ignore_ascii_case(word))
}

/// A delimited file as text columns, with or without header, handed on block by block.
///
/// The separator is that of Excel's line `sep=;` above all others, else of [`separator_of`]. The first line is a header if one of its
/// fields is one of `header_words` (without regard to case, quotes and spaces); otherwise the columns are `columns` and no row is
/// lost. All columns are text; missing fields are null; header names are trimmed and stripped of quotes. A line with more fields
/// than there are columns, or fewer than the first line has, goes to `rejects`: what stands where cannot be known. `each` gets blocks
/// with the column `line` first.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read; [`Error::Data`] if it is UTF-16, names a column twice, or names its columns below other
/// lines; whatever `each` returns.
pub fn read_delimited(
    path: &Path,
    name: &str,
    form: &Delimited<'_>,
    rejects: &mut Vec<Reject>,
    mut each: impl FnMut(DataFrame, &mut Vec<Reject>) -> Result<()>,
) -> Result<()> {
    let mut blocks = Blocks::open(path, name)?;
    let mut shape: Option<Shape> = None;
    let mut said = None;
    while let Some(mut block) = blocks.next(rejects)? {
        said = said.or_else(|| take_said(&mut block));
        if block.lines.is_empty() {
            continue;
        }
        let shape = match &mut shape {
            Some(shape) => shape,
            None => shape.insert(Shape::of(&mut block, said, form, path)?),
        };
        shape.sift(&mut block, name, rejects);
        if !block.lines.is_empty() {
            each(parse_block(block, shape, form, path)?, rejects)?;
        }
        bounded(rejects, path)?;
    }
    Ok(())
}

/// The separator that the first line of a file says and does nothing else; that line is taken away.
fn take_said(block: &mut Block) -> Option<u8> {
    if block.lines.first() != Some(&1) {
        return None;
    }
    let first = first_line(block);
    let said = u8::try_from(said_separator(&first)?).ok()?;
    block.take_first(first.len());
    Some(said)
}

fn first_line(block: &Block) -> String {
    let first = block.text.split(|&byte| byte == b'\n').next().unwrap_or_default();
    // `Blocks` let only UTF-8 through.
    String::from_utf8_lossy(first).into_owned()
}

/// What the first line of a delimited file says of all.
struct Shape {
    separator: u8,
    names: Vec<String>,
    /// Fewest fields of a line.
    least: usize,
    /// What a line of one field lacks.
    expected: String,
}

impl Shape {
    /// Looks at the first line, and takes it away if it is a header.
    fn of(block: &mut Block, said: Option<u8>, form: &Delimited<'_>, path: &Path) -> Result<Self> {
        let first = first_line(block);
        let separator = said.unwrap_or_else(|| separator_of(&first, form));
        names_below(block, &first, form, path)?;
        let separators = said.map_or(form.separators, |_| std::slice::from_ref(&separator));
        let fields: Vec<String> = split(&first, separator).iter().map(|field| clean_name(field)).collect();
        let filled = fields
            .iter()
            .rposition(|field| !field.is_empty())
            .map_or(0, |last| last + 1);
        if fields.iter().any(|field| form.is_header_word(field)) {
            block.take_first(first.len());
            each_once(&fields, form.meaning, path)?;
            return Ok(Self {
                separator,
                expected: expected_fields(fields.len(), "", separators),
                names: unique_names(fields),
                least: filled,
            });
        }
        let mut names: Vec<String> = form.columns.iter().map(|&name| name.to_owned()).collect();
        let known = if names.len() <= 10 {
            format!(" ({})", names.join(", "))
        } else {
            String::new()
        };
        let expected = expected_fields(names.len(), &known, separators);
        // One field of several is a line that something else separates.
        let least = fields.len().max(2).min(names.len());
        for extra in names.len()..fields.len().min(4096) {
            names.push(format!("column_{}", extra + 1));
        }
        Ok(Self {
            separator,
            names,
            least,
            expected,
        })
    }

    /// Moves lines with too few or too many fields to `rejects`. With one column, a separator in the text is text.
    fn sift(&self, block: &mut Block, name: &str, rejects: &mut Vec<Reject>) {
        if self.names.len() == 1 {
            return;
        }
        let wrong: Vec<Option<usize>> = block
            .text
            .split(|&byte| byte == b'\n')
            .take(block.lines.len())
            .map(|line| {
                let count = if line.contains(&b'"') {
                    let fields = split(&String::from_utf8_lossy(line), self.separator);
                    let filled = fields.iter().rposition(|field| !field.trim().is_empty());
                    match fields.len() {
                        count if count > self.names.len() => filled.map_or(1, |last| last + 1),
                        count => count,
                    }
                } else {
                    // Empty fields at the end are no more than a habit of spreadsheets.
                    let filled = line.trim_ascii_end().iter().rposition(|byte| *byte != self.separator);
                    let fields = |line: &[u8]| line.split(|byte| *byte == self.separator).count();
                    match fields(line) {
                        count if count > self.names.len() => filled.map_or(1, |last| fields(&line[..=last])),
                        count => count,
                    }
                };
                (count < self.least || count > self.names.len()).then_some(count)
            })
            .collect();
        if wrong.iter().all(Option::is_none) {
            return;
        }
        let mut text = Vec::with_capacity(block.text.len());
        let mut lines = Vec::with_capacity(block.lines.len());
        for ((line, number), wrong) in block.text.split(|&byte| byte == b'\n').zip(&block.lines).zip(wrong) {
            match wrong {
                None => {
                    text.extend_from_slice(line);
                    text.push(b'\n');
                    lines.push(*number);
                }
                Some(count) => rejects.push(Reject::new(
                    name.to_owned(),
                    Some(*number),
                    Reason::MalformedLine(match count {
                        1 => format!("{}, found 1", self.expected),
                        _ => format!("{} fields, found {count}", self.names.len()),
                    }),
                )),
            }
        }
        *block = Block { text, lines };
    }
}

/// Refuses a list whose columns are named below other lines, such as a title or a comment: read as a list without names, or with
/// those of a title, another column would be the label.
fn names_below(block: &Block, first: &str, form: &Delimited<'_>, path: &Path) -> Result<()> {
    const DEEPEST: usize = 100;
    // How many columns a line names, under the separator that makes most of them; one alone only if it is that of the images, as
    // a label may be called `name`.
    let named = |text: &str| {
        let named = |separator: &u8| {
            let fields = split(text, *separator);
            let words = fields.iter().filter(|field| form.is_header_word(field)).count();
            let image = fields.iter().any(|field| is_one_of(field, form.image_words));
            if image || words > 1 { words.max(1) } else { 0 }
        };
        form.separators.iter().map(named).max().unwrap_or(0)
    };
    let above = named(first);
    let lines = block.text.split(|&byte| byte == b'\n').zip(&block.lines);
    for (text, line) in lines.take(DEEPEST).skip(1) {
        if named(&String::from_utf8_lossy(text)) > above {
            return Err(Error::unusable_table(format!(
                "{}:{line}: the columns are named here, and not in the first line, which is `{}`; remove what stands above",
                path.display(),
                first.chars().take(80).collect::<String>()
            )));
        }
    }
    Ok(())
}

/// What a line should be made of: `4 fields (image, label, …) separated by `,`, `;` or a tab`.
fn expected_fields(count: usize, names: &str, separators: &[u8]) -> String {
    let separators: Vec<String> = separators
        .iter()
        .map(|separator| match separator {
            b'\t' => "a tab".to_owned(),
            other => format!("`{}`", char::from(*other)),
        })
        .collect();
    format!("{count} fields{names} separated by {}", separators.join(" or "))
}

/// Refuses a header in which two columns hold the same: nobody can say which of them is meant.
///
/// # Errors
/// [`Error::Data`] with both.
pub(crate) fn each_once(header: &[String], meaning: &dyn Fn(&str) -> Option<String>, path: &Path) -> Result<()> {
    let mut seen = std::collections::BTreeMap::new();
    for (at, name) in header.iter().enumerate() {
        let Some(meaning) = meaning(name) else { continue };
        if let Some(first) = seen.insert(meaning, at) {
            return Err(Error::unusable_table(format!(
                "{}: columns {} (`{}`) and {} (`{name}`) hold the same; remove or rename the one that is not meant",
                path.display(),
                first + 1,
                header[first],
                at + 1
            )));
        }
    }
    Ok(())
}

/// Repeated names get a number, as a table cannot hold the same name twice.
fn unique_names(fields: Vec<String>) -> Vec<String> {
    let mut seen: std::collections::BTreeSet<String> = [LINE.to_owned()].into();
    let mut names = Vec::with_capacity(fields.len());
    for (i, field) in fields.into_iter().enumerate() {
        let name = if field.is_empty() || seen.contains(&field) {
            format!("{field}_{}", i + 1)
        } else {
            field
        };
        seen.insert(name.clone());
        names.push(name);
    }
    names
}

fn parse_block(block: Block, shape: &Shape, form: &Delimited<'_>, path: &Path) -> Result<DataFrame> {
    let (rows, names) = (block.lines.len(), &shape.names);
    let schema: Schema = names
        .iter()
        .map(|name| Field::new(name.as_str().into(), DataType::String))
        .collect();
    let keep: Vec<PlSmallStr> = names
        .iter()
        .filter(|name| (form.meaning)(name).is_some())
        .map(|name| name.as_str().into())
        .collect();
    if keep.is_empty() {
        return polars(DataFrame::new(rows, vec![line_column(&block.lines)]), path);
    }
    let mut frame = if names.len() == 1 {
        // With one column, a separator in the text is text.
        let mut texts = StringChunkedBuilder::new(names[0].as_str().into(), rows);
        for line in block.text.split(|&byte| byte == b'\n').take(rows) {
            texts.append_value(std::str::from_utf8(line).unwrap_or_default());
        }
        polars(DataFrame::new(rows, vec![texts.finish().into_column()]), path)?
    } else if block.text.contains(&b'"') {
        let kept: Vec<usize> = (0..names.len())
            .filter(|&i| (form.meaning)(&names[i]).is_some())
            .collect();
        let mut columns: Vec<StringChunkedBuilder> = kept
            .iter()
            .map(|&i| StringChunkedBuilder::new(names[i].as_str().into(), rows))
            .collect();
        for line in block.text.split(|&byte| byte == b'\n').take(rows) {
            let fields = split(std::str::from_utf8(line).unwrap_or_default(), shape.separator);
            for (column, &i) in columns.iter_mut().zip(&kept) {
                column.append_option(fields.get(i).filter(|field| !field.is_empty()));
            }
        }
        let columns = columns
            .into_iter()
            .map(|column| column.finish().into_column())
            .collect();
        polars(DataFrame::new(rows, columns), path)?
    } else {
        let options = CsvReadOptions::default()
            .with_has_header(false)
            .with_schema(Some(Arc::new(schema)))
            .with_columns(Some(keep.into()))
            .with_infer_schema_length(Some(0))
            .map_parse_options(|options| {
                options
                    .with_separator(shape.separator)
                    .with_quote_char(None)
                    .with_missing_is_null(true)
                    .with_truncate_ragged_lines(true)
            });
        polars(
            options.into_reader_with_file_handle(Cursor::new(block.text)).finish(),
            path,
        )?
    };
    if frame.height() != rows {
        return Err(Error::unusable_table(format!(
            "{}: cannot be read line by line: {rows} lines gave {} rows; is it really a label file?",
            path.display(),
            frame.height()
        )));
    }
    polars(frame.insert_column(0, line_column(&block.lines)).map(|_| ()), path)?;
    Ok(frame)
}

/// How many fields the first usable line of a delimited file has under that of the separators which makes most of it; 0 without any.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read; [`Error::Data`] if it is UTF-16.
pub(crate) fn fields_of_first_line(path: &Path, name: &str, separators: &[u8]) -> Result<usize> {
    let mut blocks = Blocks::open(path, name)?;
    let mut said = None;
    while let Some(mut block) = blocks.next(&mut Vec::new())? {
        said = said.or_else(|| take_said(&mut block));
        if !block.lines.is_empty() {
            let first = first_line(&block);
            let count = |separator| split(&first, separator).len();
            let most = separators.iter().map(|separator| count(*separator)).max();
            return Ok(said.map_or_else(|| most.unwrap_or(1), count));
        }
    }
    Ok(0)
}
