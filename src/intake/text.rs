//! Label files as polars tables of text, whatever they hold: every row knows its line, and no byte sequence is fatal.
//!
//! Files are read in blocks that end at a line end, so memory is bounded by the block and by the columns that are kept.
//! Byte order mark, CR LF, blank lines, lines that are not UTF-8 and overlong lines are dealt with before polars sees a byte;
//! therefore row `i` of a block is always line `lines[i]`.

use std::fmt::Display;
use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;
use std::sync::Arc;

use polars::prelude::*;

use crate::error::{Context, Error, Result};
use crate::regular;

use super::line_ends::{end_by_return, feed_lines};
use super::reject::{Reason, Reject};
use super::utf16::is_utf16;

/// Bytes read at once.
pub(super) const BLOCK: usize = 8 << 20;
/// No line of any label file comes near; longer ones are rejected unread.
const LONGEST_LINE: usize = 1 << 20;
/// Rejected lines after which a file is no label file: more than the largest list has rows. Each costs more memory than a short line
/// on disk.
const MOST_REJECTS: usize = 1 << 20;

/// Gives up on a file of which hardly anything can be used.
pub(crate) fn bounded(rejects: &[Reject], path: &Path) -> Result<()> {
    match rejects.first() {
        Some(first) => bound(rejects.len(), path, first),
        None => Ok(()),
    }
}

/// The same where lines that cannot be used are only counted; `first` is the first of them.
pub(crate) fn bound(unusable: usize, path: &Path, first: impl Display) -> Result<()> {
    if unusable > MOST_REJECTS {
        return Err(Error::too_many_rejects(format!(
            "{}: more than {MOST_REJECTS} lines cannot be used; the first: {first}; is it really a label file?",
            path.display()
        )));
    }
    Ok(())
}

/// Whole lines of a label file, clean enough to be parsed.
struct Block {
    /// Lines, each ended by `\n`; valid UTF-8 without blank lines.
    text: Vec<u8>,
    /// 1-based number of each line in the file.
    lines: Vec<u32>,
}

/// Cuts a file into [`Block`]s.
struct Blocks<'a> {
    input: File,
    path: &'a Path,
    name: &'a str,
    rest: Vec<u8>,
    line: u32,
    skipping: bool,
    done: bool,
    /// Whether lines end with CR alone, as old spreadsheets write them; not known before the first block.
    by_return: Option<bool>,
}

impl<'a> Blocks<'a> {
    fn open(path: &'a Path, name: &'a str) -> Result<Self> {
        Ok(Self {
            input: regular::open(path).at("read", path)?,
            path,
            name,
            rest: Vec::new(),
            line: 0,
            skipping: false,
            done: false,
            by_return: None,
        })
    }

    /// The next block, or `None` at the end; lines that cannot be used go to `rejects`.
    fn next(&mut self, rejects: &mut Vec<Reject>) -> Result<Option<Block>> {
        while !self.done {
            let start = self.rest.len();
            (&mut self.input)
                .take(BLOCK as u64)
                .read_to_end(&mut self.rest)
                .at("read", self.path)?;
            self.done = self.rest.len() == start;
            if self.by_return.is_none() && is_utf16(&self.rest) {
                return Err(Error::unusable_table(format!(
                    "{}: the file is UTF-16; save it as UTF-8 (in Excel: \"CSV UTF-8\")",
                    self.path.display()
                )));
            }
            // A block without a line feed is a file without any, or begins with a line that is too long in any case.
            let by_return = *self
                .by_return
                .get_or_insert_with(|| self.rest.contains(&b'\r') && !self.rest.contains(&b'\n'));
            let end = if self.done {
                self.rest.len()
            } else if by_return {
                end_by_return(&self.rest)
            } else {
                self.rest.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1)
            };
            let tail = self.rest.split_off(end);
            let mut whole = std::mem::replace(&mut self.rest, tail);
            if by_return {
                feed_lines(&mut whole);
            }
            let block = self.clean(&whole, rejects);
            if self.done && std::mem::take(&mut self.skipping) {
                // The file ends with a line that was too long before its last block.
                self.line = self.line.saturating_add(1);
                rejects.push(Reject::new(self.name.to_owned(), Some(self.line), too_long()));
            }
            if self.rest.len() > LONGEST_LINE {
                // Forget what was read of an overlong line; its end is looked for in the next blocks.
                let cut = self.rest.len() - usize::from(by_return && self.rest.ends_with(b"\r"));
                self.rest.drain(..cut);
                self.skipping = true;
            }
            bounded(rejects, self.path)?;
            if !block.lines.is_empty() {
                return Ok(Some(block));
            }
        }
        Ok(None)
    }

    fn clean(&mut self, bytes: &[u8], rejects: &mut Vec<Reject>) -> Block {
        let mut text = Vec::with_capacity(bytes.len() + 1);
        let mut lines = Vec::new();
        for raw in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.line = self.line.saturating_add(1);
            let mut line = raw.strip_suffix(b"\n").unwrap_or(raw);
            line = line.strip_suffix(b"\r").unwrap_or(line);
            if self.line == 1 {
                line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
            }
            let reason = if std::mem::take(&mut self.skipping) || line.len() > LONGEST_LINE {
                too_long()
            } else if line.trim_ascii().is_empty() {
                continue;
            } else if std::str::from_utf8(line).is_err() {
                Reason::NotUtf8
            } else if line.contains(&0) {
                Reason::MalformedLine("text without NUL bytes".into())
            } else {
                text.extend_from_slice(line);
                text.push(b'\n');
                lines.push(self.line);
                continue;
            };
            rejects.push(Reject::new(self.name.to_owned(), Some(self.line), reason));
        }
        Block { text, lines }
    }
}

/// How many fields the first usable line of a delimited file has under that of the separators which makes most of it; 0 without any.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read; [`Error::Data`] if it is UTF-16.
pub(crate) fn fields_of_first_line(path: &Path, name: &str, separators: &[u8]) -> Result<usize> {
    let Some(block) = Blocks::open(path, name)?.next(&mut Vec::new())? else {
        return Ok(0);
    };
    let first = block.text.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let first = String::from_utf8_lossy(first);
    let counts = separators.iter().map(|separator| split(&first, *separator).len());
    Ok(counts.max().unwrap_or(1))
}

/// Column that holds the 1-based line number of every row.
pub const LINE: &str = "line";

fn line_column(lines: &[u32]) -> Column {
    Column::new(LINE.into(), lines)
}

fn too_long() -> Reason {
    Reason::MalformedLine(format!("a line of at most {LONGEST_LINE} bytes"))
}

/// Polars errors become data errors that name the file.
pub(crate) fn polars<T>(result: PolarsResult<T>, path: &Path) -> Result<T> {
    result.at("read", path)
}

/// A file of lines: columns `line` (u32) and `text` (str), blank lines left out.
///
/// `name` is what rejects call the file.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read; [`Error::Data`] if it is UTF-16.
pub fn read_lines(path: &Path, name: &str, rejects: &mut Vec<Reject>) -> Result<DataFrame> {
    let mut numbers: Vec<u32> = Vec::new();
    let mut texts = StringChunkedBuilder::new("text".into(), 0);
    let mut blocks = Blocks::open(path, name)?;
    while let Some(block) = blocks.next(rejects)? {
        numbers.extend(&block.lines);
        for line in block.text.split(|&byte| byte == b'\n').take(block.lines.len()) {
            // `clean` let only UTF-8 through.
            texts.append_value(std::str::from_utf8(line).unwrap_or_default());
        }
    }
    polars(
        DataFrame::new(numbers.len(), vec![line_column(&numbers), texts.finish().into_column()]),
        path,
    )
}

/// Hands on the lines of a file with their 1-based numbers, blank lines left out; of a line that cannot be used, why.
///
/// `name` is what errors call the file.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read; [`Error::Data`] if it is UTF-16, or hardly a line can be used; whatever `each` returns.
pub fn each_line(
    path: &Path,
    name: &str,
    mut each: impl FnMut(u32, std::result::Result<&str, Reason>) -> Result<()>,
) -> Result<()> {
    let mut blocks = Blocks::open(path, name)?;
    let mut rejects: Vec<Reject> = Vec::new();
    let mut told = 0;
    loop {
        let block = blocks.next(&mut rejects)?;
        let (lines, text) = block
            .as_ref()
            .map_or((&[][..], &[][..]), |block| (&block.lines, &block.text));
        let mut unusable = rejects[told..].iter().peekable();
        for (line, text) in lines.iter().zip(text.split(|&byte| byte == b'\n')) {
            while let Some(reject) = unusable.next_if(|reject| reject.line < Some(*line)) {
                each(reject.line.unwrap_or_default(), Err(reject.reason.clone()))?;
            }
            // `clean` let only UTF-8 through.
            each(*line, Ok(std::str::from_utf8(text).unwrap_or_default()))?;
        }
        for reject in unusable {
            each(reject.line.unwrap_or_default(), Err(reject.reason.clone()))?;
        }
        told = rejects.len();
        if block.is_none() {
            return Ok(());
        }
    }
}

/// A field without the quotes and blanks around it.
pub(crate) fn bare(field: &str) -> &str {
    field.trim_matches(|c: char| c.is_whitespace() || c == '"' || c == '\'')
}

/// The fields of one line as spreadsheets and pandas write them: a field in double quotes may hold separators, and `""` for a
/// quote. `None` if a quote is left open.
pub fn fields(line: &str, separator: char) -> Option<Vec<String>> {
    let mut fields = Vec::new();
    let mut rest = Some(line);
    while let Some(text) = rest {
        let Some(mut tail) = text.trim_start_matches(' ').strip_prefix('"') else {
            let (field, more) = match text.split_once(separator) {
                Some((field, more)) => (field, Some(more)),
                None => (text, None),
            };
            fields.push(field.to_owned());
            rest = more;
            continue;
        };
        let mut field = String::new();
        loop {
            let (inner, after) = tail.split_once('"')?;
            field.push_str(inner);
            let Some(more) = after.strip_prefix('"') else {
                tail = after;
                break;
            };
            field.push('"');
            tail = more;
        }
        let (trailing, more) = match tail.split_once(separator) {
            Some((trailing, more)) => (trailing, Some(more)),
            None => (tail, None),
        };
        field.push_str(trailing.trim_end());
        fields.push(field);
        rest = more;
    }
    Some(fields)
}

/// How a delimited file is read.
pub struct Delimited<'a> {
    /// What may stand between fields, the usual one first.
    pub separators: &'a [u8],
    /// Names of the columns of a file without header, in order.
    pub columns: &'a [&'a str],
    /// Column names of which one, anywhere in the first line, shows that this is a header.
    pub header_words: &'a [&'a str],
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

/// The fields of a line; where a quote is left open, quotes are text.
fn split(line: &str, separator: u8) -> Vec<String> {
    let separator = char::from(separator);
    fields(line, separator).unwrap_or_else(|| line.split(separator).map(str::to_owned).collect())
}

impl Delimited<'_> {
    fn is_header_word(&self, field: &str) -> bool {
        let field = clean_name(field);
        self.header_words.iter().any(|word| field.eq_ignore_ascii_case(word))
    }
}

/// A delimited file as text columns, with or without header, handed on block by block.
///
/// The separator is that of [`separator_of`]. The first line is a header if one of its fields is one of `header_words` (without regard to case, quotes and spaces);
/// otherwise the columns are `columns` and no row is lost. All columns are text; missing fields are null; header names are
/// trimmed and stripped of quotes. A line with more fields than there are columns, or fewer than the first line has, goes to
/// `rejects`: what stands where cannot be known. `each` gets blocks with the column `line` first.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read; [`Error::Data`] if it is UTF-16; whatever `each` returns.
pub fn read_delimited(
    path: &Path,
    name: &str,
    form: &Delimited<'_>,
    rejects: &mut Vec<Reject>,
    mut each: impl FnMut(DataFrame, &mut Vec<Reject>) -> Result<()>,
) -> Result<()> {
    let mut blocks = Blocks::open(path, name)?;
    let mut shape: Option<Shape> = None;
    while let Some(mut block) = blocks.next(rejects)? {
        let shape = match &mut shape {
            Some(shape) => shape,
            None => shape.insert(Shape::of(&mut block, form, path)?),
        };
        shape.sift(&mut block, name, rejects);
        if !block.lines.is_empty() {
            each(parse_block(block, shape, form, path)?, rejects)?;
        }
        bounded(rejects, path)?;
    }
    Ok(())
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
    fn of(block: &mut Block, form: &Delimited<'_>, path: &Path) -> Result<Self> {
        let first = block.text.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let first = String::from_utf8_lossy(first).into_owned();
        let separator = separator_of(&first, form);
        let fields: Vec<String> = split(&first, separator).iter().map(|field| clean_name(field)).collect();
        let filled = fields
            .iter()
            .rposition(|field| !field.is_empty())
            .map_or(0, |last| last + 1);
        if fields.iter().any(|field| form.is_header_word(field)) {
            block.text.drain(..=first.len());
            block.lines.remove(0);
            each_once(&fields, form.meaning, path)?;
            return Ok(Self {
                separator,
                expected: expected_fields(fields.len(), "", form),
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
        let expected = expected_fields(names.len(), &known, form);
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

/// What a line should be made of: `4 fields (image, label, …) separated by `,`, `;` or a tab`.
fn expected_fields(count: usize, names: &str, form: &Delimited<'_>) -> String {
    let separators: Vec<String> = form
        .separators
        .iter()
        .map(|separator| match separator {
            b'\t' => "a tab".to_owned(),
            other => format!("`{}`", char::from(*other)),
        })
        .collect();
    format!("{count} fields{names} separated by {}", separators.join(" or "))
}

/// A header name without surrounding spaces and quotes.
pub fn clean_name(raw: &str) -> String {
    raw.trim_matches(|c: char| c.is_whitespace() || c == '"' || c == '\'' || c == '\u{feff}')
        .to_owned()
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

/// A text column without surrounding spaces and quotes; empty text is null.
pub fn trimmed(name: &str) -> Expr {
    let stripped = col(name).str().strip_chars(lit(" \t\r\"'"));
    when(stripped.clone().eq(lit(""))).then(lit(NULL)).otherwise(stripped)
}
