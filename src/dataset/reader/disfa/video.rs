//! Frames from DISFA's videos, decoded once into a folder of the cache: a licensed folder is only read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use polars::prelude::*;

use crate::dataset::decoded::{DecodedFrames, DecodedVideo};
use crate::dataset::frame::wrap;
use crate::dataset::source::Source;
use crate::digest::{Digest, of_file};
use crate::disk::{publish, seal};
use crate::error::{Context, Error, Result};
use crate::intake::paths;

use super::names::{camera_of, subject_in};

/// How frames are written: JPEG of the best quality but one that ffmpeg has (`-q:v 1` is larger by half and no nearer to the video's
/// own compression).
const QUALITY: [&str; 2] = ["-q:v", "2"];

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

/// Decodes the videos of people without frames with `ffmpeg` into the folder of the source's frames, a folder a video, called after
/// the digest of the video and of what decodes it. Where others have frames (`none` is false), what cannot be decoded is a warning:
/// their rows are rejected one by one. `None` if there is nothing to decode.
pub(crate) fn decode_videos(
    source: &Source<'_>,
    subjects: &BTreeSet<String>,
    none: bool,
    warnings: &mut Vec<String>,
) -> Result<Option<DecodedFrames>> {
    let camera = source.options.camera;
    let videos = videos_of(source, subjects)?;
    let base = source.root.join(source.base);
    let Some((subject, video)) = videos.first_key_value() else {
        if !none {
            return Ok(None);
        }
        return Err(Error::missing_database(format!(
            "{}: neither frames nor videos of the {} camera were found: expected folders of images named after the subjects \
             (…/SN001/00001.jpg), or Videos_LeftCamera/LeftVideoSN001_comp.avi; found {}",
            base.display(),
            camera.as_str(),
            crate::dataset::layout::contents(&base)
        )));
    };
    let example = format!(
        "mkdir -p DIR/Frames/{subject} && ffmpeg -i {} -start_number 1 -fps_mode passthrough {} DIR/Frames/{subject}/%05d.jpg",
        source.root.join(video).display(),
        QUALITY.join(" ")
    );
    let ffmpeg = find_program("ffmpeg");
    let (Some(ffmpeg), Some(folder)) = (&ffmpeg, source.frames) else {
        let problem = if ffmpeg.is_some() {
            "`convert` and `run` decode them with ffmpeg, which is installed".to_owned()
        } else {
            format!(
                "`ffmpeg` is not installed. Install it and run the same command again, or extract the frames of each video \
                     elsewhere, into a folder DIR that holds ActionUnit_Labels too:\n  {example}"
            )
        };
        let which: Vec<&str> = videos.keys().map(String::as_str).collect();
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
        return Ok(None);
    };
    let folder = outside(source, folder)?;
    let decoder = version(ffmpeg)?;
    source.progress.line(&format!(
        "convert: frames of {} videos, decoded by {decoder} ({} of its JPEG encoder), are kept in {} (about 0.5 GB each)",
        videos.len(),
        QUALITY.join(" "),
        folder.display()
    ));
    let bar = source.progress.bar("videos", videos.len() as u64, "videos");
    let mut decoded = BTreeMap::new();
    for (subject, video) in videos {
        source.interrupt.check()?;
        let path = source.inside(&video)?;
        let digest = of_file(&path)?;
        let name = Digest::new("frames of a video")
            .part("video", &digest)
            .part("decoder", &decoder)
            .part("quality", QUALITY.join(" "))
            .finish()[..32]
            .to_owned();
        let target = folder.join(&name);
        publish::folder(&target, *source.progress, source.interrupt, |partial| {
            decode_video(ffmpeg, &path, partial)
        })?;
        let frames = frames_in(&target)?.len() as u64;
        decoded.insert(
            subject,
            DecodedVideo {
                video,
                digest,
                folder: name,
                frames,
            },
        );
        bar.inc(1);
    }
    Ok(Some(DecodedFrames {
        folder: folder.display().to_string(),
        decoder,
        quality: format!("JPEG, {}", QUALITY.join(" ")),
        videos: decoded,
        copied: None,
    }))
}

/// Names of the frames in the folder of a decoded video.
pub(crate) fn frames_in(folder: &Path) -> Result<Vec<String>> {
    let names = paths::list(folder)?.into_iter().map(|entry| entry.name);
    Ok(names.filter(|name| name != seal::FILE).collect())
}

/// Copies images that lie in the data folder beside the decoded ones, and corrects their paths.
pub(crate) fn gather(kept: &mut DecodedFrames, source: &Source<'_>, frame: &mut DataFrame) -> Result<()> {
    let column = frame.column("image_path").and_then(Column::str).map_err(wrap)?;
    let decoded = |path: &str| {
        let folder = path.split('/').next().unwrap_or_default();
        kept.videos.values().any(|video| video.folder == folder)
    };
    let paths: Vec<&str> = column.iter().map(Option::unwrap_or_default).collect();
    let mut files = Vec::new();
    let mut digest = Digest::new("copied images");
    for path in paths.iter().copied().filter(|path| !decoded(path)) {
        // What is missing is told when images are checked.
        let Ok(file) = source.fence.look(path) else { continue };
        let meta = std::fs::metadata(&file).at("read", &file)?;
        let changed = meta
            .modified()
            .ok()
            .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        let changed = changed.map_or(0, |time| time.as_nanos());
        digest = digest
            .part("file", file.display().to_string())
            .part("size", format!("{} {changed}", meta.len()));
        files.push((path.to_owned(), file));
    }
    if files.is_empty() {
        return Ok(());
    }
    let folder = digest.finish()[..32].to_owned();
    source.progress.line(&format!(
        "convert: {} images of people whose frames were there are copied beside the decoded ones, so that all lie in one folder",
        files.len()
    ));
    let target = Path::new(&kept.folder).join(&folder);
    publish::folder(&target, *source.progress, source.interrupt, |partial| {
        for (path, file) in &files {
            source.interrupt.check()?;
            let to = partial.join(path);
            if let Some(parent) = to.parent() {
                std::fs::create_dir_all(parent).at("create the folder", parent)?;
            }
            std::fs::copy(file, &to).at("copy to", &to)?;
        }
        Ok(())
    })?;
    let moved: Vec<String> = paths
        .iter()
        .map(|path| {
            if decoded(path) {
                (*path).to_owned()
            } else {
                format!("{folder}/{path}")
            }
        })
        .collect();
    frame
        .with_column(Column::new("image_path".into(), moved))
        .map_err(wrap)?;
    kept.copied = Some(folder);
    Ok(())
}

/// The folder of the frames, which must not lie in the data folder.
pub(crate) fn outside(source: &Source<'_>, folder: &Path) -> Result<PathBuf> {
    // Before anything is made: a folder that is not there yet lies where its nearest parent does.
    let there = folder.ancestors().find_map(|folder| {
        let folder = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        folder.canonicalize().ok()
    });
    if there.is_some_and(|there| there.starts_with(source.root)) {
        return Err(Error::data(format!(
            "{}: decoded frames would lie in the data folder, which is never written to; name another folder as \
             dataset.decoded_frames, or another cache",
            folder.display()
        )));
    }
    std::fs::create_dir_all(folder).at("create the folder", folder)?;
    folder.canonicalize().at("open", folder)
}

/// What ffmpeg says of its version.
fn version(ffmpeg: &Path) -> Result<String> {
    let output = Command::new(ffmpeg)
        .arg("-version")
        .stdin(Stdio::null())
        .output()
        .at("start", ffmpeg)?;
    let said = String::from_utf8_lossy(&output.stdout);
    let first = said.lines().next().map(str::trim).filter(|line| !line.is_empty());
    let version = first.map(|line| line.split(" Copyright").next().unwrap_or(line));
    match version {
        Some(version) if output.status.success() => Ok(version.chars().take(120).collect()),
        _ => Err(Error::data(format!(
            "{}: it does not say its version ({}), so that frames could not be told apart from those of another",
            ffmpeg.display(),
            output.status
        ))),
    }
}

/// Decodes one video into `folder/%05d.jpg`. What an earlier call left there is of a decoder that was stopped.
pub(crate) fn decode_video(ffmpeg: &Path, video: &Path, folder: &Path) -> Result<()> {
    for entry in paths::list(folder)? {
        let old = folder.join(entry.name);
        std::fs::remove_file(&old).at("remove", &old)?;
    }
    let run = |every_frame: [&str; 2]| {
        Command::new(ffmpeg)
            .args(["-nostdin", "-loglevel", "error", "-i"])
            .arg(video)
            .args(["-start_number", "1"])
            .args(every_frame)
            .args(QUALITY)
            .arg(folder.join("%05d.jpg"))
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
    if paths::list(folder)?.is_empty() {
        return Err(Error::data(format!(
            "{}: ffmpeg found no frames in it",
            video.display()
        )));
    }
    Ok(())
}

/// A program on the search path.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}
