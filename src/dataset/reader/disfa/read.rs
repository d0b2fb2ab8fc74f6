//! DISFA: a file of intensities for each subject and action unit, frames or videos beside them; and DISFA+.
//!
//! Labels are matched by what files are called and by frame numbers, never by the order of a directory or by counting.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use polars::prelude::*;
use rayon::prelude::*;

use crate::dataset::config::Frames;
use crate::dataset::frame::wrap;
use crate::dataset::layout::contents;
use crate::dataset::source::{Found, Source};
use crate::error::{Error, Result};
use crate::intake::paths;
use crate::intake::reject::{Reason, Reject};
use crate::task::Split;

use super::folds::folds;
use super::frames::{FrameFolder, frame_folders};
use super::labels::{Intensities, NamedImages, read_intensities};
use super::names::{camera_of, subject_in, unit_in};
use super::reading::{LabelledFrames, Reading, reading_of};
use super::video::{decode_videos, frames_in, gather};

/// All labels of one recording.
struct Labelled {
    subject: String,
    /// Empty but for DISFA+.
    trial: String,
    /// Where they lie.
    folder: String,
    /// File and intensities by action unit.
    units: BTreeMap<u8, (String, Intensities)>,
    /// Where labels name images instead of counting frames.
    names: NamedImages,
    rejects: Vec<Reject>,
}

/// Reads the action unit files of a folder.
fn read_units(source: &Source<'_>, folder: &str, subject: &str, trial: &str) -> Result<Labelled> {
    let mut labelled = Labelled {
        subject: subject.to_owned(),
        trial: trial.to_owned(),
        folder: folder.to_owned(),
        units: BTreeMap::new(),
        names: NamedImages::default(),
        rejects: Vec::new(),
    };
    for entry in paths::list(&source.inside(folder)?)? {
        if entry.is_dir || !entry.name.to_ascii_lowercase().ends_with(".txt") {
            continue;
        }
        if let Some(au) = unit_in(&entry.name).filter(|au| source.card.aus.contains(au)) {
            let file = paths::join(folder, &entry.name);
            let (intensities, names) = read_intensities(source, &file, &mut labelled.rejects)?;
            labelled.names.join(names);
            if let Some((first, _)) = labelled.units.insert(au, (file, intensities)) {
                return Err(Error::unusable_table(format!(
                    "{}: {} and {} are both labels of action unit {au} of {subject}; keep the one that is right",
                    source.root.join(folder).display(),
                    first.rsplit('/').next().unwrap_or(&first),
                    entry.name
                )));
            }
        }
    }
    Ok(labelled)
}

/// The label folder of every subject. A folder called exactly like the subject goes before a copy of it (`SN001.bak`).
fn label_folders(source: &Source<'_>, folder: &str, warnings: &mut Vec<String>) -> Result<BTreeMap<String, String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in paths::list(&source.inside(folder)?)? {
        if let Some(subject) = subject_in(&entry.name).filter(|_| entry.is_dir && !entry.name.starts_with('.')) {
            let others = found.entry(subject.clone()).or_default();
            let at = if entry.name.eq_ignore_ascii_case(&subject) {
                0
            } else {
                others.len()
            };
            others.insert(at, entry.name);
        }
    }
    let mut folders = BTreeMap::new();
    for (subject, mut names) in found {
        let first = names.remove(0);
        if !names.is_empty() {
            warnings.push(format!(
                "{subject}: its labels are read from {first}; left aside: {}",
                names.join(", ")
            ));
        }
        folders.insert(subject, paths::join(folder, &first));
    }
    Ok(folders)
}

/// `ActionUnit_Labels/SN001/SN001_au1.txt` with frames or videos.
pub(crate) fn read(source: &Source<'_>) -> Result<Found> {
    let folder = paths::list(&source.inside(source.base)?)?
        .into_iter()
        .find(|entry| entry.is_dir && entry.name.to_ascii_lowercase().starts_with("actionunit"))
        .map(|entry| paths::join(source.base, &entry.name));
    let Some(folder) = folder else {
        return Err(Error::missing_database(format!(
            "{}: ActionUnit_Labels is missing",
            source.root.join(source.base).display()
        )));
    };
    let mut warnings = Vec::new();
    let subjects = label_folders(source, &folder, &mut warnings)?;
    let labelled: Vec<Labelled> = subjects
        .par_iter()
        .map(|(subject, folder)| read_units(source, folder, subject, ""))
        .collect::<Result<_>>()?;
    source.interrupt.check()?;
    let mut folders = frame_folders(source, &mut warnings)?;
    let with_frames: BTreeSet<&str> = folders
        .iter()
        .filter(|(_, frames)| camera_of(&frames.folder).is_none_or(|camera| camera == source.options.camera))
        .map(|(subject, _)| subject.as_str())
        .collect();
    // Frames of some people only: an extraction that was interrupted, or a copy in parts.
    let without_frames: BTreeSet<String> = labelled
        .iter()
        .map(|recording| recording.subject.clone())
        .filter(|subject| !with_frames.contains(subject.as_str()))
        .collect();
    let mut decoded = None;
    if folders.is_empty() || !without_frames.is_empty() {
        decoded = decode_videos(source, &without_frames, folders.is_empty(), &mut warnings)?;
    }
    if let Some(decoded) = &decoded {
        for (subject, video) in &decoded.videos {
            let names = frames_in(&Path::new(&decoded.folder).join(&video.folder))?;
            let frames = FrameFolder::of(source, video.folder.clone(), &names)?;
            folders.extend(frames.map(|frames| {
                let decoded = true;
                (subject.clone(), FrameFolder { decoded, ..frames })
            }));
        }
    }
    let mut found = assemble(source, labelled, &folders, warnings)?;
    if let Some(decoded) = &mut decoded {
        gather(decoded, source, &mut found.frame)?;
    }
    Ok(Found { decoded, ..found })
}

/// DISFA+: `Labels/SN001/TRIAL/AU1.txt` with `Images/SN001/TRIAL/`.
pub(crate) fn read_plus(source: &Source<'_>) -> Result<Found> {
    let labels = paths::join(source.base, "Labels");
    let mut trials = Vec::new();
    for subject in paths::list(&source.inside(&labels)?)? {
        let Some(name) = subject_in(&subject.name).filter(|_| subject.is_dir) else {
            continue;
        };
        let folder = paths::join(&labels, &subject.name);
        for trial in paths::list(&source.inside(&folder)?)? {
            if trial.is_dir {
                trials.push((name.clone(), trial.name.clone(), paths::join(&folder, &trial.name)));
            }
        }
    }
    let labelled: Vec<Labelled> = trials
        .par_iter()
        .map(|(subject, trial, folder)| read_units(source, folder, subject, trial))
        .collect::<Result<_>>()?;
    let warning = "this is DISFA+: all its people are in DISFA too; to train on one and test on the other is leakage";
    let mut warnings = vec![warning.to_owned()];
    let folders = frame_folders(source, &mut warnings)?;
    assemble(source, labelled, &folders, warnings)
}

/// Who of the card's people is missing, who is none of them, and whose labels are not as many as they should be.
fn people_and_frames(source: &Source<'_>, labelled: &[Labelled]) -> Vec<String> {
    let expected = &source.card.labelled_frames;
    if expected.is_empty() {
        return Vec::new();
    }
    let frames_of = |recording: &Labelled| -> u64 {
        let numbers: BTreeSet<u32> = recording
            .units
            .values()
            .flat_map(|(_, found)| found.keys().copied())
            .collect();
        numbers.len() as u64
    };
    let there: BTreeMap<&str, u64> = labelled
        .iter()
        .map(|recording| (recording.subject.as_str(), frames_of(recording)))
        .collect();
    let mut warnings = Vec::new();
    let mut tell = |who: Vec<String>, what: &str| {
        if !who.is_empty() {
            warnings.push(format!("{what}: {}", who.join(", ")));
        }
    };
    let title = &source.card.title;
    let absent = expected.keys().filter(|subject| !there.contains_key(subject.as_str()));
    tell(
        absent.cloned().collect(),
        &format!("{title} has {} people; no labels of", expected.len()),
    );
    let unknown = there.keys().filter(|subject| !expected.contains_key(**subject));
    tell(
        unknown.map(|&subject| subject.to_owned()).collect(),
        &format!("none of {title}'s people"),
    );
    let other = there
        .iter()
        .filter_map(|(subject, found)| Some((subject, found, expected.get(*subject)?)))
        .filter(|(_, found, expected)| found != expected);
    tell(
        other
            .map(|(subject, found, expected)| format!("{subject} {found} instead of {expected}"))
            .collect(),
        "labelled frames differ",
    );
    warnings
}

/// Joins labels and frames by number.
fn assemble(
    source: &Source<'_>,
    labelled: Vec<Labelled>,
    folders: &[(String, FrameFolder)],
    mut warnings: Vec<String>,
) -> Result<Found> {
    let folds = folds(source)?;
    let aus = &source.card.aus;
    if source.is_counted() {
        warnings.extend(people_and_frames(source, &labelled));
    }
    let mut rejects = Vec::new();
    let mut masked = 0_u64;
    let mut without_fold: BTreeSet<String> = BTreeSet::new();
    let mut unlabelled: Vec<String> = Vec::new();
    let mut bases: BTreeMap<(u32, &'static str), Vec<String>> = BTreeMap::new();
    let mut doubtful: Vec<String> = Vec::new();
    let (mut file, mut line, mut split) = (Vec::new(), Vec::new(), Vec::new());
    let (mut id, mut subject, mut frame, mut fold, mut image) = (
        Vec::new(),
        Vec::new(),
        Vec::<i32>::new(),
        Vec::<Option<i32>>::new(),
        Vec::new(),
    );
    let mut values: Vec<Vec<Option<f32>>> = vec![Vec::new(); aus.len()];
    for mut recording in labelled {
        rejects.append(&mut recording.rejects);
        let title = if recording.trial.is_empty() {
            recording.subject.clone()
        } else {
            format!("{}/{}", recording.subject, recording.trial)
        };
        let absent: Vec<String> = aus
            .iter()
            .filter(|au| !recording.units.contains_key(au))
            .map(u8::to_string)
            .collect();
        if !absent.is_empty() {
            warnings.push(format!("{title}: no labels of action unit {}", absent.join(", ")));
        }
        let lengths: BTreeSet<usize> = recording.units.values().map(|(_, found)| found.len()).collect();
        if let (Some(shortest), Some(longest)) = (lengths.first(), lengths.last())
            && shortest != longest
        {
            warnings.push(format!(
                "{title}: the label files have {shortest} to {longest} usable lines; frames that a file lacks are unknown there"
            ));
        }
        let mut numbers: BTreeSet<u32> = recording
            .units
            .values()
            .flat_map(|(_, found)| found.keys().copied())
            .collect();
        if numbers.is_empty() {
            warnings.push(no_labels(source, &title, &recording));
            continue;
        }
        // Labels count from 1; a copy that counts from 0 is shifted as a whole.
        let shift = u32::from(recording.trial.is_empty() && numbers.first() == Some(&0));
        if shift == 1 {
            warnings.push(format!(
                "{title}: labels count frames from 0 here, not from 1; read as one more"
            ));
        }
        let Some(frames) = pick_folder(source, &recording, folders, &mut warnings)? else {
            rejects.push(Reject::new(
                recording
                    .units
                    .values()
                    .next()
                    .map_or_else(String::new, |(file, _)| file.clone()),
                None,
                Reason::MissingImage(format!("all {} frames of {title}", numbers.len())),
            ));
            continue;
        };
        let labels = LabelledFrames {
            numbers: &numbers,
            shift,
            // DISFA+ names its images in the labels, so that numbers are the images' own.
            counted: recording.trial.is_empty(),
            names: &recording.names,
        };
        let reading = reading_of(source, frames, &labels)?;
        if let Some(first) = reading.first {
            bases.entry((first.number, first.why)).or_default().push(title.clone());
            if first.doubtful {
                doubtful.push(title.clone());
            }
        }
        for name in &frames.odd {
            let path = paths::join(&frames.folder, name);
            rejects.push(Reject::new(path.clone(), None, odd_name(name, &reading)).of(None, Some(&path)));
        }
        let (offset, files) = (reading.offset, &reading.frames.files);
        let extra = reading.unlabelled(&labels);
        if extra > 0 {
            unlabelled.push(format!("{title} ({extra})"));
        }
        if source.options.frames == Frames::WithoutBad
            && recording.trial.is_empty()
            && let Some(ranges) = source.card.bad_frames.get(&recording.subject)
        {
            let before = numbers.len();
            numbers.retain(|number| {
                !ranges
                    .iter()
                    .any(|[a, b]| (*a..=*b).contains(&number.saturating_add(shift)))
            });
            masked += (before - numbers.len()) as u64;
        }
        let own_fold = folds.get(&recording.subject).copied();
        if own_fold.is_none() {
            without_fold.insert(recording.subject.clone());
        }
        for number in numbers {
            let (first_file, first_line) = recording
                .units
                .values()
                .find_map(|(file, found)| Some((file, found.get(&number)?.1)))
                .map_or((String::new(), None), |(file, line)| (file.clone(), Some(line)));
            file.push(first_file);
            line.push(first_line);
            split.push(if own_fold == Some(1) {
                Split::Test.as_str()
            } else {
                Split::Train.as_str()
            });
            let label = number.saturating_add(shift);
            id.push(if recording.trial.is_empty() {
                format!("{}_{label:05}", recording.subject)
            } else {
                format!("{}_{}_{label:05}", recording.subject, recording.trial)
            });
            subject.push(recording.subject.clone());
            frame.push(i32::try_from(label).unwrap_or(i32::MAX));
            fold.push(own_fold);
            let on_disk = i64::from(label) + offset;
            let name = u32::try_from(on_disk)
                .ok()
                .and_then(|number| files.get(&number))
                .cloned();
            // A frame that is not there is rejected by its number when images are checked.
            image.push(paths::join(
                &frames.folder,
                &name.unwrap_or_else(|| on_disk.to_string()),
            ));
            for (column, au) in values.iter_mut().zip(aus) {
                let value = recording.units.get(au).and_then(|(_, found)| found.get(&number)?.0);
                masked += u64::from(value.is_none());
                column.push(value);
            }
        }
    }
    let from_zero = bases.iter().find(|((first, _), _)| *first == 0);
    if let (Some(((_, why), who)), Some(_)) = (from_zero, doubtful.first()) {
        return Err(Error::unusable_table(format!(
            "{}: frames are numbered from 0 ({why}): {}; of others there is neither a frame 0 nor one of the last label, so that either \
             their first frame is missing or their last: {}; set dataset.frame_base = \"zero\" or \"one\", which says it of all",
            source.root.join(source.base).display(),
            who.join(", "),
            doubtful.join(", ")
        )));
    }
    for ((first, why), who) in bases {
        source.progress.line(&format!(
            "convert: frames are numbered from {first} ({why}): {}",
            who.join(", ")
        ));
    }
    if !unlabelled.is_empty() {
        warnings.push(format!("frames without labels are left out: {}", unlabelled.join(", ")));
    }
    if !without_fold.is_empty() {
        let who: Vec<String> = without_fold.into_iter().collect();
        warnings.push(format!(
            "no fold is known for {}: read as training data without fold",
            who.join(", ")
        ));
    }
    let mut frame = df!(
        "file" => file, "line" => line, "split" => split, "sample_id" => id, "subject" => subject, "frame" => frame,
        "fold" => fold, "image_path" => image,
    )
    .map_err(wrap)?;
    for (column, values) in source.card.au_columns().into_iter().zip(values) {
        frame.with_column(Column::new(column.into(), values)).map_err(wrap)?;
    }
    Ok(Found {
        frame,
        rejects,
        masked,
        warnings,
        decoded: None,
    })
}

/// What is said of a recording of which there is no label: what was read, or what lies there instead of label files.
fn no_labels(source: &Source<'_>, title: &str, recording: &Labelled) -> String {
    let files: Vec<&str> = recording.units.values().map(|(file, _)| file.as_str()).collect();
    match files[..] {
        [] => format!(
            "{title}: no usable label: no file in {} is called like {}_au1.txt; found {}",
            recording.folder,
            recording.subject,
            contents(&source.root.join(&recording.folder))
        ),
        [first, ..] => format!(
            "{title}: no usable label in {first}{}",
            if files.len() > 1 {
                format!(" and {} other files", files.len() - 1)
            } else {
                String::new()
            }
        ),
    }
}

/// Why an image whose name holds another count of numbers than the others is none of the frames.
fn odd_name(name: &str, reading: &Reading<'_>) -> Reason {
    let usual = reading.frames.files.values().next().map_or("00001.png", String::as_str);
    Reason::BadValue {
        column: "the frame".into(),
        found: name.to_owned(),
        expected: format!(
            "a name with as many numbers as {usual}; a copy of an image is no other frame: remove or rename it"
        ),
    }
}

/// The folder with the frames of a recording, of the camera asked for.
fn pick_folder<'a>(
    source: &Source<'_>,
    recording: &Labelled,
    folders: &'a [(String, FrameFolder)],
    warnings: &mut Vec<String>,
) -> Result<Option<&'a FrameFolder>> {
    let own: Vec<&FrameFolder> = folders
        .iter()
        .filter(|(subject, folder)| {
            *subject == recording.subject
                && (recording.trial.is_empty() || folder.folder.split('/').any(|part| part == recording.trial))
        })
        .map(|(_, folder)| folder)
        .collect();
    let wanted = source.options.camera;
    let chosen: Vec<&FrameFolder> = own
        .iter()
        .copied()
        .filter(|folder| camera_of(&folder.folder).is_none_or(|camera| camera == wanted))
        .collect();
    if chosen.is_empty() && !own.is_empty() {
        return Err(Error::missing_database(format!(
            "{}: only frames of the other camera are there ({}); set protocol.camera = \"{}\" to read them",
            recording.subject,
            own[0].folder,
            wanted.other().as_str()
        )));
    }
    if chosen.len() > 1 {
        warnings.push(format!(
            "{}: several folders hold frames ({}, {}, …): the first is read",
            recording.subject, chosen[0].folder, chosen[1].folder
        ));
    }
    Ok(chosen.first().copied())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::reader::disfa::names::numbers_in;
    use crate::dataset::reader::disfa::video::decode_video;

    #[test]
    fn names() {
        assert_eq!(subject_in("LeftVideoSN001_comp.avi").as_deref(), Some("SN001"));
        assert_eq!(subject_in("sn032").as_deref(), Some("SN032"));
        assert_eq!(subject_in("SN0011"), None);
        assert_eq!(numbers_in("SN001_0012.png"), [(12, 4)]);
        assert_eq!(numbers_in("0.png"), [(0, 1)]);
        assert_eq!(numbers_in("naïve7é.png"), [(7, 1)]);
        assert_eq!(numbers_in("none.png"), []);
        assert_eq!(unit_in("SN001_au12.txt"), Some(12));
        assert_eq!(unit_in("AU4.txt"), Some(4));
        assert_eq!(unit_in("readme.txt"), None);
    }

    #[cfg(unix)]
    #[test]
    fn videos_are_decoded_whole_or_not_at_all() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let program = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            path
        };
        let (video, frames) = (folder.path().join("v.avi"), folder.path().join("frames"));
        std::fs::create_dir(&frames).unwrap();
        let failing = program("failing", "#!/bin/sh\necho moov atom not found >&2\nexit 1\n");
        let error = decode_video(&failing, &video, &frames).unwrap_err().to_string();
        assert!(error.contains("moov atom not found"), "{error}");
        let empty = program("empty", "#!/bin/sh\nexit 0\n");
        let error = decode_video(&empty, &video, &frames).unwrap_err().to_string();
        assert!(error.contains("no frames in it"), "{error}");
        // The last argument is the pattern of the frames.
        let working = "for last; do :; done\ntouch \"$(dirname \"$last\")/00001.jpg\"\n";
        // What a decoder that was killed has left is not taken for a frame.
        std::fs::write(frames.join("00007.jpg"), "").unwrap();
        decode_video(&program("working", &format!("#!/bin/sh\n{working}")), &video, &frames).unwrap();
        assert!(frames.join("00001.jpg").is_file() && !frames.join("00007.jpg").exists());
        let old = format!(
            "#!/bin/sh\ncase \"$*\" in *fps_mode*) echo \"Unrecognized option 'fps_mode'.\" >&2; exit 1;; esac\n{working}"
        );
        decode_video(&program("old", &old), &video, &frames).unwrap();
        assert!(frames.join("00001.jpg").is_file());
    }
}
