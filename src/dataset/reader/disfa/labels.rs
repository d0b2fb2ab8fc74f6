//! A file of intensities of one action unit.

use std::collections::BTreeMap;

use polars::prelude::*;

use crate::action_unit::ActionUnit;
use crate::dataset::frame::wrap;
use crate::dataset::reader::rows::{self, Number};
use crate::dataset::source::Source;
use crate::dataset::unknown::UnknownLabels;
use crate::intake::paths;
use crate::intake::reject::{Reason, Reject};
use crate::intake::text::{self, bare};
use crate::spelling::integer;
use crate::task::Task;

use super::names::frame_in;

/// Frame number → intensity, where it is known, with the line it stands in.
pub(crate) type Intensities = BTreeMap<u32, (Option<f32>, u32)>;

/// The highest frame that a sample can have; labels that count from 0 are read as one more.
const LAST_FRAME: u32 = i32::MAX as u32 - 1;

/// The fields of a line, between commas, semicolons or white space, without quotes. Nothing behind a comma is a field too.
fn fields(text: &str) -> Vec<&str> {
    let text = text.trim();
    let fields: Vec<&str> = match [',', ';'].into_iter().find(|separator| text.contains(*separator)) {
        Some(separator) => text.split(separator).map(bare).collect(),
        None => text.split_whitespace().map(bare).collect(),
    };
    if fields.len() > 2 {
        return fields.into_iter().filter(|field| !field.is_empty()).collect();
    }
    fields
}

/// Whether these are names of columns: a frame is never a word.
fn is_header(frame: &str, intensity: &str) -> bool {
    frame.starts_with(char::is_alphabetic) && !paths::is_image(frame) && rows::number(Some(intensity)) == Number::Bad
}

/// The frame that a field names, by number or by the name of its image.
fn frame_of(field: &str) -> Result<u32, Reason> {
    let number = if paths::is_image(field) {
        frame_in(field).map(|(number, _)| number)
    } else {
        let digits = field.bytes().all(|byte| byte.is_ascii_digit()) && !field.is_empty();
        // More digits than any number that is known are a number too high.
        integer(field)
            .and_then(|number| u32::try_from(number).ok())
            .or(digits.then_some(u32::MAX))
    };
    match number {
        Some(number) if number <= LAST_FRAME => Ok(number),
        Some(_) => Err(Reason::BadValue {
            column: "the frame".into(),
            found: field.to_owned(),
            expected: format!("a number up to {LAST_FRAME}"),
        }),
        None => Err(Reason::MalformedLine("a frame number, then an intensity".into())),
    }
}

/// The intensity that a field says, `None` where it says that it is unknown.
fn intensity_of(field: &str, unknown: Option<&UnknownLabels>) -> Result<Option<f32>, Reason> {
    match rows::number(Some(field)) {
        Number::Unknown | Number::Is(ActionUnit::UNKNOWN) => Ok(None),
        Number::Is(value) if UnknownLabels::has(unknown, Task::ActionUnits, value) => Ok(None),
        Number::Is(value) if (0.0..=5.0).contains(&value) => Ok(Some(value)),
        _ => Err(Reason::BadValue {
            column: "intensity".into(),
            found: field.to_owned(),
            expected: "a number from 0 to 5, or 999 for unknown; other numbers that mean unknown are listed in protocol.unknown"
                .into(),
        }),
    }
}

/// Reads `frame,intensity` lines (comma, semicolon or white space; `#` starts a comment; the first may be a header); `frame` may be a
/// number or an image name.
pub(crate) fn read_intensities(
    source: &Source<'_>,
    file: &str,
    rejects: &mut Vec<Reject>,
) -> crate::error::Result<Intensities> {
    let lines = text::read_lines(&source.inside(file)?, file, rejects)?;
    let texts = lines.column("text").and_then(Column::str).map_err(wrap)?;
    let numbers = lines.column("line").and_then(Column::u32).map_err(wrap)?;
    let mut found = Intensities::new();
    let mut first = true;
    for (text, line) in texts.iter().zip(numbers.iter()) {
        let (text, line) = (text.unwrap_or_default(), line.unwrap_or_default());
        let fields = fields(text.split('#').next().unwrap_or_default());
        if fields.is_empty() {
            continue;
        }
        let first = std::mem::take(&mut first);
        let read = match fields[..] {
            [frame, intensity] if first && is_header(frame, intensity) => continue,
            [frame, intensity] => {
                frame_of(frame).and_then(|frame| Ok((frame, intensity_of(intensity, source.options.unknown.as_ref())?)))
            }
            _ => Err(Reason::MalformedLine("a frame and an intensity, such as `12,3`".into())),
        };
        let read = read.and_then(|(frame, value)| match found.get(&frame) {
            Some((_, first)) => Err(Reason::DuplicateId {
                id: frame.to_string(),
                first: format!("{file}:{first}"),
            }),
            None => Ok((frame, value)),
        });
        match read {
            Ok((frame, value)) => {
                found.insert(frame, (value, line));
            }
            Err(reason) => rejects.push(Reject::new(file.to_owned(), Some(line), reason)),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_as_programs_write_them() {
        for text in [
            "1,0",
            "\"1\",\"0\"",
            " 1 ; 0 ",
            "1\t0",
            "1.0,0.0",
            "'1' '0'",
            "1,0,",
            "00001.png 0",
        ] {
            let fields = fields(text);
            assert_eq!(frame_of(fields[0]), Ok(1), "{text}");
            assert_eq!(intensity_of(fields[1], None), Ok(Some(0.0)), "{text}");
        }
        for text in ["1,", "1,NaN", "1 NULL", "1,None", "1,na", "1,999", "1,\"\""] {
            assert_eq!(intensity_of(fields(text)[1], None), Ok(None), "{text}");
        }
        assert!(is_header("frame", "AU1") && is_header("Frame", "intensity"));
        for (frame, intensity) in [("1", "x"), ("x", "3"), ("x", "NaN"), ("a1.png", "x"), ("", "x")] {
            assert!(!is_header(frame, intensity), "{frame}");
        }
    }

    #[test]
    fn frames_that_no_sample_can_have() {
        for text in ["2147483647", "4294967295", "99999999999999", "4294967295.png"] {
            assert!(matches!(frame_of(text), Err(Reason::BadValue { .. })), "{text}");
        }
        assert_eq!(frame_of("2147483646"), Ok(2_147_483_646));
        for text in ["", "x", "-1", "1.5"] {
            assert!(matches!(frame_of(text), Err(Reason::MalformedLine(_))), "{text}");
        }
    }
}
