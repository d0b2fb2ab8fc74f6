//! Label files as polars tables of text, whatever they hold: every row knows its line, and no byte sequence is fatal.
//!
//! Files are read in blocks that end at a line end, so memory is bounded by the block and by the columns that are kept.
//! Byte order mark, CR LF, blank lines, lines that are not UTF-8 and overlong lines are dealt with before polars sees a byte;
//! therefore row `i` of a block is always line `lines[i]`.

use std::fmt::Display;
use std::fs::File;
use std::io::Read;
use std::path::Path;

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
pub(super) struct Block {
    /// Lines, each ended by `\n`; valid UTF-8 without blank lines.
    pub(super) text: Vec<u8>,
    /// 1-based number of each line in the file.
    pub(super) lines: Vec<u32>,
}

impl Block {
    /// Takes the first line away, which has this many bytes without its end.
    pub(super) fn take_first(&mut self, length: usize) {
        self.text.drain(..=length);
        self.lines.remove(0);
    }
}

/// Cuts a file into [`Block`]s.
pub(super) struct Blocks<'a> {
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
    pub(super) fn open(path: &'a Path, name: &'a str) -> Result<Self> {
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
    pub(super) fn next(&mut self, rejects: &mut Vec<Reject>) -> Result<Option<Block>> {
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

/// Whether a file is text in UTF-16, which no reader of lines takes.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read.
pub(crate) fn is_in_utf16(path: &Path) -> Result<bool> {
    let mut start = Vec::new();
    let file = regular::open(path).at("read", path)?;
    file.take(64).read_to_end(&mut start).at("read", path)?;
    Ok(is_utf16(&start))
}

/// Column that holds the 1-based line number of every row.
pub const LINE: &str = "line";

pub(super) fn line_column(lines: &[u32]) -> Column {
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

/// A text column without surrounding spaces and quotes; empty text is null.
pub fn trimmed(texts: &StringChunked) -> StringChunked {
    let stripped = texts.iter().map(|text| {
        let text = text?.trim_matches([' ', '\t', '\r', '"', '\'']);
        (!text.is_empty()).then_some(text)
    });
    stripped.collect()
}

/// What a group of a regular expression matches in each text; null where the expression does not match.
///
/// # Errors
/// If the expression is none.
pub fn group(texts: &StringChunked, pattern: &str, group: usize) -> PolarsResult<StringChunked> {
    texts.extract(&StringChunked::full("pattern".into(), pattern, 1), group)
}
