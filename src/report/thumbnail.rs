//! Small square pictures of samples, for pages and figures.

use std::path::Path;

use base64::Engine as _;
use image::RgbImage;

use crate::disk::fence::resolve_inside;
use crate::image::{DecodeLimits, FaceBox, Filter, centre_crop, crop_face, decode, resize};
use crate::query::{Table, Value};
use crate::spelling::other_forms;

/// Ground of a picture that cannot be shown.
pub(super) const GREY: image::Rgb<u8> = image::Rgb([200, 204, 209]);

/// Share of the face box that is shown around it.
const AROUND: f32 = 0.15;

/// No picture was asked for.
const LEFT_OUT: &str = "images left out";
/// What lies there is no image that can be read.
const UNREADABLE: &str = "image unreadable";
/// The sample has none.
const NONE: &str = "no image";

/// A square picture, or why there is none.
#[derive(Debug, Clone)]
pub(crate) struct Thumbnail {
    /// The pixels; grey where the picture is missing.
    pub(super) image: RgbImage,
    /// The same as JPEG, of no more pixels than the source has: enlarged ones would say nothing and take the room of several.
    pub(super) jpeg: Vec<u8>,
    /// Why there is no picture.
    pub(super) missing: Option<&'static str>,
}

impl Thumbnail {
    /// The picture of `row`, whose columns are `image_path` and, where the face is a part of the image, `bbox_x`, `bbox_y`,
    /// `bbox_w`, `bbox_h`. Images are read from below `root`; nothing is read without one.
    pub(super) fn of_row(table: &Table, row: &[Value], root: Option<&Path>, side: u32) -> Self {
        let number = |name: &str| table.get(row, name).as_f64().map(|value| value as f32);
        let face = match (number("bbox_x"), number("bbox_y"), number("bbox_w"), number("bbox_h")) {
            (Some(x), Some(y), Some(width), Some(height)) => Some(FaceBox { x, y, width, height }),
            _ => None,
        };
        Self::of(root, table.get(row, "image_path").as_str(), face, side)
    }

    /// The picture of `face` in the image at `path` below `root`.
    pub(crate) fn of(root: Option<&Path>, path: Option<&str>, face: Option<FaceBox>, side: u32) -> Self {
        let loaded = match (root, path) {
            (None, _) => Err(LEFT_OUT),
            (_, None) => Err(NONE),
            (Some(root), Some(path)) => load(root, path, face, side),
        };
        match loaded {
            Ok((image, jpeg)) => Self {
                image,
                jpeg,
                missing: None,
            },
            Err(reason) => Self {
                image: RgbImage::from_pixel(side, side, GREY),
                jpeg: Vec::new(),
                missing: Some(reason),
            },
        }
    }

    /// The picture as a JPEG file; nothing where it is missing.
    pub(crate) fn into_jpeg(self) -> Option<Vec<u8>> {
        self.missing.is_none().then_some(self.jpeg)
    }

    /// The picture as the source of an `img`; empty where it is missing.
    pub(super) fn source(&self) -> String {
        if self.missing.is_some() {
            return String::new();
        }
        format!(
            "data:image/jpeg;base64,{}",
            base64::engine::general_purpose::STANDARD.encode(&self.jpeg)
        )
    }
}

impl Thumbnail {
    /// Whether there should be a picture, and none could be read.
    pub(super) fn is_lacking(&self) -> bool {
        self.missing.is_some_and(|why| why != LEFT_OUT && why != NONE)
    }
}

/// The image at `relative` below `root`, as a square of `side` pixels, and as a JPEG file of at most as many. The path comes from a
/// table and may not leave the root.
fn load(root: &Path, relative: &str, face: Option<FaceBox>, side: u32) -> Result<(RgbImage, Vec<u8>), &'static str> {
    // A table made elsewhere may write an accent otherwise than the disk does.
    let path = std::iter::once(relative.to_owned())
        .chain(other_forms(relative))
        .find_map(|name| resolve_inside(root, &name).ok())
        .ok_or("image missing")?;
    let mut image = decode(&path, &DecodeLimits::default()).map_err(|_| UNREADABLE)?;
    if let Some(face) = face {
        image = crop_face(&image, face, AROUND).map_err(|_| "face box outside")?;
    }
    let short = image.width().min(image.height());
    let square = centre_crop(&image, short, short);
    let shown = resize(&square, side, side, Filter::Bicubic).map_err(|_| UNREADABLE)?;
    let stored = if short < side { jpeg(&square) } else { jpeg(&shown) };
    Ok((shown, stored))
}

fn jpeg(image: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 82);
    // Writing to memory cannot fail, and the size is fixed; an empty image would be shown as broken.
    if image.write_with_encoder(encoder).is_err() {
        bytes.clear();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_sources_are_shown_large_and_kept_small() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        let source = RgbImage::from_fn(40, 60, |x, y| image::Rgb([4 * x as u8, 4 * y as u8, 90]));
        source.save(path("e\u{301}.png")).unwrap();
        source.save(path("large.png")).unwrap();
        for (name, side, kept) in [("\u{e9}.png", 150, 40), ("large.png", 30, 30)] {
            let (shown, jpeg) = load(root.path(), name, None, side).unwrap();
            assert_eq!(shown.dimensions(), (side, side));
            assert_eq!(image::load_from_memory(&jpeg).unwrap().width(), kept, "{name}");
        }
        assert_eq!(load(root.path(), "\u{ea}.png", None, 30).unwrap_err(), "image missing");
    }
}
