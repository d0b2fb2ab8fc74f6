//! Image dimensions from the header alone: enough to reject what is no image, or is a bomb, before anything is decoded.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use crate::error::is_passing;

use super::reject::Reason;

/// Bytes that hold the header of almost every file.
const HEAD: u64 = 16 << 10;

/// Width and height, or why the file is not used.
///
/// # Errors
/// [`Reason::UnreadableHeader`], [`Reason::ImageTooLarge`] or [`Reason::MissingImage`].
pub fn check(path: &Path, max_pixels: u64) -> Result<(u32, u32), Reason> {
    let (width, height) = dimensions(path)?;
    if u64::from(width) * u64::from(height) > max_pixels {
        return Err(Reason::ImageTooLarge {
            width,
            height,
            limit: max_pixels,
        });
    }
    if width == 0 || height == 0 {
        return Err(Reason::UnreadableHeader(format!(
            "the header says {width} x {height} pixels"
        )));
    }
    Ok((width, height))
}

/// As [`read_dimensions`]; a decoder that panics on a malformed header only loses this image.
fn dimensions(path: &Path) -> Result<(u32, u32), Reason> {
    std::panic::catch_unwind(|| read_dimensions(path))
        .unwrap_or_else(|_| Err(Reason::UnreadableHeader("the decoder gave up on malformed data".into())))
}

fn read_dimensions(path: &Path) -> Result<(u32, u32), Reason> {
    let unreadable = |error: &std::io::Error| match error.kind() {
        _ if is_passing(error) => Reason::unavailable(path.display().to_string(), error),
        std::io::ErrorKind::NotFound => Reason::MissingImage(path.display().to_string()),
        _ => Reason::UnreadableHeader(error.to_string()),
    };
    let file = File::open(path).map_err(|error| unreadable(&error))?;
    let mut head = Vec::with_capacity(HEAD as usize);
    (&file)
        .take(HEAD)
        .read_to_end(&mut head)
        .map_err(|error| unreadable(&error))?;
    if head.is_empty() {
        return Err(Reason::UnreadableHeader("the file is empty".into()));
    }
    if let Some(found) = png(&head).or_else(|| jpeg(&head)) {
        return Ok(found);
    }
    // Rarer formats, and JPEG with long metadata before the frame header. The reader looks at the header only.
    let reader = image::ImageReader::open(path)
        .and_then(|reader: image::ImageReader<BufReader<File>>| reader.with_guessed_format())
        .map_err(|error| unreadable(&error))?;
    if reader.format().is_none() {
        return Err(Reason::UnreadableHeader(
            "not a JPEG, PNG, BMP, TIFF or WebP file".into(),
        ));
    }
    reader.into_dimensions().map_err(|error| match error {
        image::ImageError::IoError(error) => unreadable(&error),
        error => Reason::UnreadableHeader(error.to_string()),
    })
}

/// PNG: the IHDR chunk follows the signature.
fn png(head: &[u8]) -> Option<(u32, u32)> {
    if !head.starts_with(b"\x89PNG\r\n\x1a\n") || head.get(12..16)? != b"IHDR" {
        return None;
    }
    let number = |at: usize| Some(u32::from_be_bytes(head.get(at..at + 4)?.try_into().ok()?));
    Some((number(16)?, number(20)?))
}

/// JPEG: segments are skipped by their length up to the frame header (SOF0–15 without DHT, JPG, DAC).
fn jpeg(head: &[u8]) -> Option<(u32, u32)> {
    if !head.starts_with(&[0xFF, 0xD8]) {
        return None;
    }
    let mut at = 2;
    loop {
        while *head.get(at)? == 0xFF {
            at += 1;
        }
        let marker = head[at];
        // The byte before a marker must be the fill byte.
        if head[at - 1] != 0xFF {
            return None;
        }
        at += 1;
        let length = usize::from(u16::from_be_bytes(head.get(at..at + 2)?.try_into().ok()?));
        if matches!(marker, 0xC0..=0xCF) && !matches!(marker, 0xC4 | 0xC8 | 0xCC) {
            let side = |at: usize| Some(u32::from(u16::from_be_bytes(head.get(at..at + 2)?.try_into().ok()?)));
            return Some((side(at + 5)?, side(at + 3)?));
        }
        if marker == 0xDA || length < 2 {
            return None;
        }
        at += length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::limits::MAX_PIXELS;

    #[test]
    fn agrees_with_the_decoder_and_refuses_bombs() {
        let folder = tempfile::tempdir().unwrap();
        let image = image::RgbImage::new(37, 21);
        for name in ["a.jpg", "a.png", "a.bmp", "a.tif"] {
            let path = folder.path().join(name);
            image.save(&path).unwrap();
            assert_eq!(check(&path, MAX_PIXELS).unwrap(), (37, 21), "{name}");
            assert!(matches!(check(&path, 700), Err(Reason::ImageTooLarge { .. })));
            // Extensions lie: the content decides.
            let renamed = folder.path().join("b.jpg");
            std::fs::copy(&path, &renamed).unwrap();
            assert_eq!(check(&renamed, MAX_PIXELS).unwrap(), (37, 21));
        }
        let mut bomb = std::fs::read(folder.path().join("a.png")).unwrap();
        bomb[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
        let path = folder.path().join("bomb.png");
        std::fs::write(&path, &bomb).unwrap();
        assert_eq!(
            check(&path, MAX_PIXELS),
            Err(Reason::ImageTooLarge {
                width: 65_536,
                height: 65_536,
                limit: MAX_PIXELS
            })
        );
    }

    #[test]
    fn what_is_no_image_is_unreadable() {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in [
            ("empty.jpg", &b""[..]),
            ("text.jpg", b"hello"),
            ("cut.jpg", b"\xFF\xD8\xFF\xE0\x00"),
            ("cut.png", b"\x89PNG\r\n\x1a\n\0\0"),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            assert!(
                matches!(check(&path, MAX_PIXELS), Err(Reason::UnreadableHeader(_))),
                "{name}"
            );
        }
        assert!(matches!(
            check(&folder.path().join("none"), MAX_PIXELS),
            Err(Reason::MissingImage(_))
        ));
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_heads_never_panic(bytes: Vec<u8>) {
            let mut jpeg_like = vec![0xFF, 0xD8];
            jpeg_like.extend(&bytes);
            let _ = (jpeg(&jpeg_like), png(&bytes));
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_fault_of_the_moment_is_no_broken_header() {
        let found = check(Path::new("/proc/self/mem"), MAX_PIXELS);
        assert!(matches!(found, Err(Reason::Unavailable { .. })), "{found:?}");
        let reject = crate::intake::reject::Reject {
            file: "list.txt".into(),
            line: Some(3),
            reason: found.unwrap_err(),
            sample: String::new(),
            image: String::new(),
        };
        let error = crate::intake::reject::check_available(&[reject], Path::new("/data")).unwrap_err();
        assert!(
            error.to_string().starts_with("failed to read /proc/self/mem: "),
            "{error}"
        );
    }
}
