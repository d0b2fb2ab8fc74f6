//! Frames of a video, decoded by ffmpeg.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::dataset::reader::disfa::video::find_program;
use crate::digest::{Digest, of_large_file};
use crate::error::{Context, Error, Result};
use crate::intake::paths::has_extension;
use crate::interrupt::Interrupt;
use crate::there;

/// JPEG of the best quality but one that ffmpeg has, as frames of databases are decoded.
const QUALITY: [&str; 2] = ["-q:v", "2"];
/// Endings of videos.
const ENDINGS: [&str; 10] = ["mp4", "avi", "mov", "mkv", "webm", "m4v", "mpg", "mpeg", "wmv", "flv"];
/// How often a running decoder is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Whether a file is a video by its name.
pub fn is_video(name: &str) -> bool {
    has_extension(name, &ENDINGS)
}

/// The file of frame `frame`, counted from 0, among every `every`-th; `None` for one that is left out.
pub fn file_of(frame: i32, every: u32) -> Option<String> {
    let frame = u32::try_from(frame).ok()?;
    frame.is_multiple_of(every).then(|| format!("{:08}.jpg", frame / every))
}

/// Decodes every `every`-th frame of `video`, the first one among them, into a folder below `work`, unless an earlier call did.
///
/// # Errors
/// [`Error::Data`] if there is no ffmpeg, or it cannot decode the video; [`Error::Io`]; [`Error::Interrupted`].
pub fn frames(video: &Path, every: u32, work: &Path, interrupt: &Interrupt) -> Result<PathBuf> {
    if !there::is_file(video)? {
        return Err(Error::data(format!("there is no video {}", video.display())));
    }
    let Some(ffmpeg) = find_program("ffmpeg") else {
        return Err(Error::data(format!(
            "{} is a video, and `ffmpeg`, which decodes it, is not installed: install it and run the same command again, or give a \
             folder of its frames",
            video.display()
        )));
    };
    let digest = Digest::new("frames")
        .part("video", of_large_file(video, || interrupt.check())?)
        .part("every", every.to_string())
        .finish();
    let folder = work.join(format!("frames-{}", &digest[..16]));
    if there::is_dir(&folder)? {
        return Ok(folder);
    }
    let partial = folder.with_extension("partial");
    if there::is_dir(&partial)? {
        std::fs::remove_dir_all(&partial).at("remove", &partial)?;
    }
    std::fs::create_dir_all(&partial).at("create the folder", &partial)?;
    let said = partial.with_extension("said");
    let mut ended = decode(
        &ffmpeg,
        video,
        every,
        &partial,
        &said,
        ["-fps_mode", "passthrough"],
        interrupt,
    )?;
    let words = |said: &Path| std::fs::read(said).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    if !ended && words(&said).at("read", &said)?.contains("fps_mode") {
        // Before version 5.1 the option had another name.
        ended = decode(&ffmpeg, video, every, &partial, &said, ["-vsync", "0"], interrupt)?;
    }
    let empty = std::fs::read_dir(&partial)
        .at("read the folder", &partial)?
        .next()
        .is_none();
    if !ended || empty {
        let words = words(&said).at("read", &said)?;
        let last: Vec<&str> = words.lines().rev().take(3).collect();
        let last = last.into_iter().rev().collect::<Vec<_>>().join("; ");
        return Err(Error::data(format!(
            "{}: ffmpeg found no frames that it could decode{}{last}",
            video.display(),
            if last.is_empty() { "" } else { ": " }
        )));
    }
    std::fs::rename(&partial, &folder).at("rename to", &folder)?;
    Ok(folder)
}

/// Runs ffmpeg to its end, whose words go to `said`; whether it ended well.
fn decode(
    ffmpeg: &Path,
    video: &Path,
    every: u32,
    folder: &Path,
    said: &Path,
    passthrough: [&str; 2],
    interrupt: &Interrupt,
) -> Result<bool> {
    let words = File::create(said).at("write", said)?;
    let mut child = Command::new(ffmpeg)
        .args(["-nostdin", "-loglevel", "error", "-i"])
        .arg(video)
        .args(["-vf", &format!("select=not(mod(n\\,{every}))"), "-start_number", "0"])
        .args(passthrough)
        .args(QUALITY)
        .arg(folder.join("%08d.jpg"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(words)
        .spawn()
        .at("start", ffmpeg)?;
    loop {
        if let Some(status) = child.try_wait().at("wait for", ffmpeg)? {
            return Ok(status.success());
        }
        if let Err(stopped) = interrupt.check() {
            // Whatever it has written is of no use to the next call.
            let _ = child.kill().and_then(|()| child.wait());
            return Err(stopped);
        }
        std::thread::sleep(LOOK);
    }
}

#[cfg(test)]
mod tests {
    use super::{file_of, is_video};

    #[test]
    fn frames_between_are_left_out() {
        assert_eq!(file_of(0, 3).as_deref(), Some("00000000.jpg"));
        assert_eq!(file_of(6, 3).as_deref(), Some("00000002.jpg"));
        assert_eq!(file_of(7, 3), None);
        assert_eq!(file_of(-1, 1), None);
        assert!(is_video("a/B.MP4") && !is_video("a.jpg") && !is_video("mp4"));
    }
}
