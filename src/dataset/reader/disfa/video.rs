//! Frames from DISFA's videos, decoded once into the data folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::dataset::config::Camera;
use crate::dataset::source::Source;
use crate::error::{Context, Error, Result};
use crate::intake::paths;

use super::names::{camera_of, subject_in};

/// Where extracted frames are put, below the layout's base.
pub(crate) fn extraction_folder(camera: Camera) -> &'static str {
    match camera {
        Camera::Left => "Frames_LeftCamera",
        Camera::Right => "Frames_RightCamera",
    }
}

/// The videos of `subjects` below the base, of the camera asked for.
pub(crate) fn videos_of(source: &Source<'_>, subjects: &BTreeSet<String>) -> Result<BTreeMap<String, String>> {
    let mut videos: BTreeMap<String, String> = BTreeMap::new();
    let mut folders = vec![source.base.to_owned()];
    folders.extend(
        paths::list(&source.inside(source.base)?)?
            .into_iter()
            .filter(|entry| entry.is_dir && !entry.name.starts_with('.'))
            .map(|entry| paths::join(source.base, &entry.name))
            .filter(|folder| source.inside(folder).is_ok()),
    );
    for folder in folders {
        for entry in paths::list(&source.inside(&folder)?)? {
            let video = paths::join(&folder, &entry.name);
            let lower = entry.name.to_ascii_lowercase();
            if !entry.is_dir
                && (lower.ends_with(".avi") || lower.ends_with(".mp4"))
                && camera_of(&video).is_none_or(|found| found == source.options.camera)
                && let Some(subject) = subject_in(&entry.name)
                && subjects.contains(&subject)
            {
                videos.entry(subject).or_insert(video);
            }
        }
    }
    Ok(videos)
}

/// Decodes the videos of people without frames with `ffmpeg`, into `Frames_LeftCamera/SN001/00001.jpg` beside the labels. Where
/// others have frames (`none` is false), what cannot be decoded is a warning: their rows are rejected one by one. Tells whether
/// anything was decoded.
pub(crate) fn decode_videos(
    source: &Source<'_>,
    subjects: &BTreeSet<String>,
    none: bool,
    warnings: &mut Vec<String>,
) -> Result<bool> {
    let camera = source.options.camera;
    let videos = videos_of(source, subjects)?;
    let base = source.root.join(source.base);
    let Some((subject, video)) = videos.first_key_value() else {
        if !none {
            return Ok(false);
        }
        return Err(Error::missing_database(format!(
            "{}: neither frames nor videos of the {} camera were found: expected folders of images named after the subjects \
             (…/SN001/00001.jpg), or Videos_LeftCamera/LeftVideoSN001_comp.avi; found {}",
            base.display(),
            camera.as_str(),
            crate::dataset::layout::contents(&base)
        )));
    };
    let folder = base.join(extraction_folder(camera));
    let example = format!(
        "mkdir -p {0}/{subject} && ffmpeg -i {1} -start_number 1 -fps_mode passthrough -q:v 2 {0}/{subject}/%05d.jpg",
        folder.display(),
        source.root.join(video).display()
    );
    let ffmpeg = find_program("ffmpeg");
    let problem = match (&ffmpeg, source.may_decode) {
        (Some(_), false) => Some("`convert` and `run` decode them with ffmpeg, which is installed".to_owned()),
        (Some(_), true) => None,
        (None, _) => Some(format!(
            "`ffmpeg` is not installed. Install it and run the same command again, or extract the frames of each video \
             elsewhere:\n  {example}"
        )),
    };
    let (Some(ffmpeg), None) = (&ffmpeg, &problem) else {
        let which: Vec<&str> = videos.keys().map(String::as_str).collect();
        let problem = problem.unwrap_or_default();
        let message = format!(
            "{}: there are videos, but no frames, of {} people ({}), and {problem}",
            base.display(),
            videos.len(),
            which.join(", ")
        );
        if none {
            return Err(Error::missing_database(message));
        }
        warnings.push(message);
        return Ok(false);
    };
    if folder.exists() {
        source.inside(&paths::join(source.base, extraction_folder(camera)))?;
    }
    source.progress.line(&format!(
        "convert: decoding {} videos with {} into {} (about 0.5 GB each)",
        videos.len(),
        ffmpeg.display(),
        folder.display()
    ));
    let bar = source.progress.bar("videos", videos.len() as u64, "videos");
    for (subject, video) in &videos {
        source.interrupt.check()?;
        decode_video(ffmpeg, &source.inside(video)?, &folder, subject)?;
        bar.inc(1);
    }
    Ok(true)
}

/// Decodes one video into `folder/subject/%05d.jpg`; the folder appears only when it is complete.
pub(crate) fn decode_video(ffmpeg: &Path, video: &Path, folder: &Path, subject: &str) -> Result<()> {
    let unwritable = |error: std::io::Error| {
        Error::data(format!(
            "{}: frames cannot be written there ({error}); make the folder writable, or extract the frames elsewhere and give \
             a folder that holds ActionUnit_Labels and the frames",
            folder.display()
        ))
    };
    std::fs::create_dir_all(folder).map_err(unwritable)?;
    let temporary = tempfile::Builder::new()
        .prefix(".partial-")
        .tempdir_in(folder)
        .map_err(unwritable)?;
    let run = |every_frame: [&str; 2]| {
        Command::new(ffmpeg)
            .args(["-nostdin", "-loglevel", "error", "-i"])
            .arg(video)
            .args(["-start_number", "1"])
            .args(every_frame)
            .args(["-q:v", "2"])
            .arg(temporary.path().join("%05d.jpg"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .output()
            .at("start", ffmpeg)
    };
    let mut output = run(["-fps_mode", "passthrough"])?;
    if !output.status.success() && String::from_utf8_lossy(&output.stderr).contains("fps_mode") {
        // Before version 5.1 the option had another name.
        output = run(["-vsync", "0"])?;
    }
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last: Vec<&str> = said.lines().rev().take(3).collect();
        return Err(Error::data(format!(
            "{}: ffmpeg could not decode it ({}): {}",
            video.display(),
            output.status,
            last.into_iter().rev().collect::<Vec<_>>().join("; ")
        )));
    }
    let mut frames = std::fs::read_dir(temporary.path()).at("list", temporary.path())?;
    if frames.next().is_none() {
        return Err(Error::data(format!(
            "{}: ffmpeg found no frames in it",
            video.display()
        )));
    }
    let target = folder.join(subject);
    std::fs::rename(temporary.keep(), &target).at("write", &target)
}

/// A program on the search path.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}
