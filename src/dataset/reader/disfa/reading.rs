//! Which of several numbers in the names of frames is the frame: the labels tell.

use std::collections::BTreeSet;

use crate::dataset::source::Source;
use crate::error::{Error, Result};

use super::frames::{FirstNumber, FrameFolder, NumberedFiles, first_number};
use super::labels::NamedImages;

/// The frames of a recording by the number that its labels know.
pub(crate) struct Reading<'a> {
    pub(crate) frames: &'a NumberedFiles,
    /// What is added to a label's frame, counted from 1, to get the number on disk; and what spoke for it, of frames that are counted.
    pub(crate) offset: i64,
    pub(crate) first: Option<FirstNumber>,
}

/// The frames that labels speak of.
pub(crate) struct LabelledFrames<'a> {
    /// As written.
    pub(crate) numbers: &'a BTreeSet<u32>,
    /// What makes them count from 1.
    pub(crate) shift: u32,
    /// Whether they count frames; else they name images.
    pub(crate) counted: bool,
    /// The names of images in them.
    pub(crate) names: &'a NamedImages,
}

impl LabelledFrames<'_> {
    fn has(&self, reading: &Reading<'_>, number: u32) -> bool {
        let label = i64::from(number) - reading.offset - i64::from(self.shift);
        u32::try_from(label).is_ok_and(|label| self.numbers.contains(&label))
    }
}

impl<'a> Reading<'a> {
    fn of(source: &Source<'_>, frames: &'a NumberedFiles, decoded: bool, labels: &LabelledFrames<'_>) -> Self {
        if !labels.counted {
            return Self::named(frames, labels);
        }
        let last = labels
            .numbers
            .last()
            .map_or(0, |last| last.saturating_add(labels.shift));
        let first = first_number(source, frames, decoded, last);
        Self {
            frames,
            offset: i64::from(first.number) - 1,
            first: Some(first),
        }
    }

    /// Of labels that name images: numbers are the images' own.
    pub(crate) fn named(frames: &'a NumberedFiles, labels: &LabelledFrames<'_>) -> Self {
        Self {
            frames,
            offset: -i64::from(labels.shift),
            first: None,
        }
    }

    /// How many images have no label.
    pub(crate) fn unlabelled(&self, labels: &LabelledFrames<'_>) -> usize {
        self.frames
            .files
            .keys()
            .filter(|number| !labels.has(self, **number))
            .count()
    }

    /// Whether both give every image to the same frame.
    fn agrees(&self, other: &Self) -> bool {
        let frames = |of: &Self| -> Vec<(i64, &'a str)> {
            let files = of.frames.files.iter();
            files
                .map(|(number, file)| (i64::from(*number) - of.offset, file.as_str()))
                .collect()
        };
        frames(self) == frames(other)
    }

    /// What a message says of it.
    fn shown(&self, labels: &LabelledFrames<'_>, example: &str) -> String {
        let (column, files) = (self.frames.column, &self.frames.files);
        let frame = files.iter().find(|(_, file)| *file == example);
        let frame = frame.map_or(0, |(number, _)| i64::from(*number) - self.offset);
        format!(
            "by number {column} of its name {example} is frame {frame} ({} of {} images have a label)",
            files.len() - self.unlabelled(labels),
            files.len()
        )
    }
}

/// The number in the names of a folder that is the frame. Where several may be it, all but one have to leave most images or labels
/// without their counterpart: that one of them fits all labels proves nothing, as a running number of faces does so too where a video
/// is a little longer than its labels.
///
/// Labels that name the very images leave nothing to tell.
///
/// # Errors
/// [`Error::Data`] if several fit, or none, with what each would mean.
pub(crate) fn reading_of<'a>(
    source: &Source<'_>,
    folder: &'a FrameFolder,
    labels: &LabelledFrames<'_>,
) -> Result<Reading<'a>> {
    if let Some(frames) = folder.as_named(labels.names) {
        return Ok(Reading::named(frames, labels));
    }
    if let Some(why) = &labels.names.doubt {
        return Err(Error::unusable_table(format!(
            "{}: the labels name images that are not there, and do not say which frame is meant: {why}; write its number instead, such as \
             `12,3`",
            source.root.join(&folder.folder).display()
        )));
    }
    let readings: Vec<Reading<'a>> = folder
        .readings
        .iter()
        .map(|frames| Reading::of(source, frames, folder.decoded, labels))
        .collect();
    let alone = readings.len() == 1;
    let fits = |reading: &Reading<'_>| {
        let images = reading.frames.files.len();
        let matched = images - reading.unlabelled(labels);
        matched > 0 && 2 * matched >= images.min(labels.numbers.len())
    };
    let mut fitting = readings
        .iter()
        .enumerate()
        .filter(|(_, reading)| alone || fits(reading));
    let first = fitting.next();
    let other = first.and_then(|(_, first)| fitting.find(|(_, other)| !first.agrees(other)));
    let (shown, why) = match (first, other) {
        (Some((at, _)), None) => {
            return readings
                .into_iter()
                .nth(at)
                .ok_or_else(|| Error::unusable_table(format!("{}: there are no frames", folder.folder)));
        }
        (Some((_, first)), Some((_, other))) => (vec![first, other], "fit the labels"),
        (None, _) => (readings.iter().take(2).collect(), "do not fit the labels"),
    };
    // The image that shows the difference best is the last.
    let example = shown
        .first()
        .and_then(|reading| reading.frames.files.values().next_back())
        .map_or("", String::as_str);
    let shown: Vec<String> = shown.iter().map(|reading| reading.shown(labels, example)).collect();
    Err(Error::unusable_table(format!(
        "{}: the names hold several numbers that count up, which {why} alike, so that the frame is not known: {}; rename the images so \
         that the frame is their only number, such as 00012.png",
        source.root.join(&folder.folder).display(),
        shown.join("; ")
    )))
}
