//! A file of intensities of one action unit.

use std::collections::{BTreeMap, BTreeSet};

use polars::prelude::*;

use crate::action_unit::ActionUnit;
use crate::dataset::frame::wrap;
use crate::dataset::reader::rows::{self, Number};
use crate::dataset::source::Source;
use crate::dataset::unknown::UnknownLabels;
use crate::error::Error;
use crate::intake::fields::bare;
use crate::intake::paths;
use crate::intake::reject::{Reason, Reject};
use crate::intake::text;
use crate::spelling::integer;
use crate::task::Task;

use super::names::frames_in;

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

/// The images that the labels of one recording name.
#[derive(Default)]
pub(crate) struct NamedImages {
    /// The frame that each is taken for, by its name without extension.
    pub(crate) frames: BTreeMap<String, u32>,
    /// Why that may be wrong, unless the images on disk have these very names: several numbers in them count up.
    pub(crate) doubt: Option<String>,
}

impl NamedImages {
    /// Those of one file more.
    pub(crate) fn join(&mut self, other: Self) {
        self.frames.extend(other.frames);
        self.doubt = self.doubt.take().or(other.doubt);
    }
}

/// The frames that the names of images in a file of labels mean.
#[derive(Default)]
struct Named<'a> {
    frames: BTreeMap<&'a str, u32>,
    doubt: Option<String>,
}

impl<'a> Named<'a> {
    /// # Errors
    /// What is wrong, if more than a few names claim the frames of others.
    fn of(fields: &[&'a str]) -> Result<Self, String> {
        const SLIPS: usize = 8;
        let distinct: BTreeSet<&str> = fields.iter().copied().filter(|field| paths::is_image(field)).collect();
        let mut written: Vec<&str> = distinct.into_iter().collect();
        let mut slips = 0;
        let found = loop {
            let names: Vec<String> = written.iter().map(|name| paths::base_name(name).to_owned()).collect();
            match frames_in(&names) {
                Ok(found) => break found,
                Err((_, _, other)) if slips < SLIPS => {
                    // A name that is written in two ways costs its line, and not the file.
                    slips += 1;
                    written.remove(other);
                }
                Err((frame, one, other)) => {
                    return Err(format!(
                        "frame {frame} is named twice, as {} and as {}",
                        names[one], names[other]
                    ));
                }
            }
        };
        let mut columns = found.columns.into_iter().map(|(column, frames)| {
            let frames = frames.into_iter().map(|(frame, (at, _))| (written[at], frame));
            (column, frames.collect::<BTreeMap<&str, u32>>())
        });
        let Some((column, frames)) = columns.next() else {
            return Ok(Self::default());
        };
        let other = columns.find(|(_, others)| *others != frames);
        let doubt = other
            .zip(frames.last_key_value())
            .map(|((other, others), (last, frame))| {
                format!(
                    "by number {column} of its name {last} is frame {frame}, by number {other} frame {}",
                    others.get(last).copied().unwrap_or_default()
                )
            });
        Ok(Self { frames, doubt })
    }

    fn images(self) -> NamedImages {
        let stem = |(name, frame): (&str, u32)| (paths::stem(paths::base_name(name)).to_owned(), frame);
        NamedImages {
            frames: self.frames.into_iter().map(stem).collect(),
            doubt: self.doubt,
        }
    }
}

/// The frame that a field names, by number or by the name of its image.
fn frame_of(field: &str, named: &Named<'_>) -> Result<u32, Reason> {
    let number = if paths::is_image(field) {
        let frame = named.frames.get(field).copied();
        Some(frame.ok_or_else(|| Reason::BadValue {
            column: "the frame".into(),
            found: field.to_owned(),
            expected: "a name with as many numbers as most, and a frame that no other name has".into(),
        })?)
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
/// number or an image name: of several numbers in such names that which no two of them share is the frame. Also returns what is known
/// of these names.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read; [`Error::Data`] if several names claim one frame.
pub(crate) fn read_intensities(
    source: &Source<'_>,
    file: &str,
    rejects: &mut Vec<Reject>,
) -> crate::error::Result<(Intensities, NamedImages)> {
    let lines = text::read_lines(&source.inside(file)?, file, rejects)?;
    let texts = lines.column("text").and_then(Column::str).map_err(wrap)?;
    let numbers = lines.column("line").and_then(Column::u32).map_err(wrap)?;
    let frames: Vec<&str> = texts
        .iter()
        .filter_map(|text| fields(without_comment(text.unwrap_or_default())).first().copied())
        .collect();
    let named = Named::of(&frames).map_err(|why| {
        Error::unusable_table(format!(
            "{}: the names of the images do not say which frame is meant: {why}; write its number instead, such as `12,3`",
            source.root.join(file).display()
        ))
    })?;
    let mut found = Intensities::new();
    let mut first = true;
    for (text, line) in texts.iter().zip(numbers.iter()) {
        let (text, line) = (text.unwrap_or_default(), line.unwrap_or_default());
        let fields = fields(without_comment(text));
        if fields.is_empty() {
            continue;
        }
        let first = std::mem::take(&mut first);
        let read = match fields[..] {
            [frame, intensity] if first && is_header(frame, intensity) => continue,
            [frame, intensity] => {
                let frame = frame_of(frame, &named);
                frame.and_then(|frame| Ok((frame, intensity_of(intensity, source.options.unknown.as_ref())?)))
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
    Ok((found, named.images()))
}

fn without_comment(line: &str) -> &str {
    line.split('#').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(field: &str) -> Result<u32, Reason> {
        frame_of(field, &Named::of(&[field]).unwrap())
    }

    #[test]
    fn names_of_images_say_the_frame_by_the_number_that_counts() {
        let named = |fields: &[&str]| {
            let named = Named::of(fields)?;
            let frame = |field: &&str| named.frames.get(field).copied();
            Ok::<_, String>(fields.iter().map(frame).collect::<Vec<_>>())
        };
        let names = [
            "frame_00001_of_00012.png",
            "frame_00002_of_00012.png",
            "frame_00001_of_00012.png",
        ];
        assert_eq!(named(&names), Ok(vec![Some(1), Some(2), Some(1)]));
        assert_eq!(named(&["SN001_0012.png", "3"]), Ok(vec![Some(12), None]));
        assert_eq!(named(&["7_7.png", "9_9.png"]), Ok(vec![Some(7), Some(9)]));
        let doubt = Named::of(&["00001_00002.png", "00002_00003.png"])
            .unwrap()
            .doubt
            .unwrap();
        assert_eq!(
            doubt,
            "by number 1 of its name 00002_00003.png is frame 2, by number 2 frame 3"
        );
        // A name in two ways costs its line; names that all share their frames say nothing.
        assert_eq!(named(&["a/1.png", "2.jpg", "2.png"]), Ok(vec![Some(1), Some(2), None]));
        let shared: Vec<String> = (0..20).map(|n| format!("0001_{}.jpg", char::from(b'a' + n))).collect();
        let shared: Vec<&str> = shared.iter().map(String::as_str).collect();
        let error = named(&shared).unwrap_err();
        assert!(error.contains("frame 1 is named twice"), "{error}");
        assert_eq!(named(&["1", "2"]), Ok(vec![None, None]));
    }

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
            assert_eq!(frame(fields[0]), Ok(1), "{text}");
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
            assert!(matches!(frame(text), Err(Reason::BadValue { .. })), "{text}");
        }
        assert_eq!(frame("2147483646"), Ok(2_147_483_646));
        for text in ["", "x", "-1", "1.5"] {
            assert!(matches!(frame(text), Err(Reason::MalformedLine(_))), "{text}");
        }
    }
}
