//! The face cut out of its photograph.

use ::image::RgbImage;

/// A face box in pixels of the upright image: left, top, width, height.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FaceBox {
    /// Left edge.
    pub x: f32,
    /// Top edge.
    pub y: f32,
    /// Width.
    pub width: f32,
    /// Height.
    pub height: f32,
}

/// Cuts out `face`, enlarged by `margin` of its width on the left and right and of its height above and below, clamped to
/// the image. Edges are rounded to whole pixels, halves upwards.
///
/// # Errors
/// A message if the box is not finite, has no area, or lies outside of the image.
pub fn crop_face(image: &RgbImage, face: FaceBox, margin: f32) -> Result<RgbImage, String> {
    let FaceBox { x, y, width, height } = face;
    let wrong = |why: &str| {
        Err(format!(
            "face box {x}, {y}, {width} x {height} {why}; the image has {} x {} pixels",
            image.width(),
            image.height()
        ))
    };
    if ![x, y, width, height].iter().all(|v| v.is_finite()) {
        return wrong("is not finite");
    }
    if width <= 0.0 || height <= 0.0 {
        return wrong("has no area");
    }
    let (left, right) = span(x, width, margin, image.width());
    let (top, bottom) = span(y, height, margin, image.height());
    if left >= right || top >= bottom {
        return wrong("lies outside of the image");
    }
    Ok(::image::imageops::crop_imm(image, left, top, right - left, bottom - top).to_image())
}

/// First and one-past-last pixel of an interval with margins, within 0..size. f64, so that no box overflows.
fn span(start: f32, length: f32, margin: f32, size: u32) -> (u32, u32) {
    let (start, length, margin) = (f64::from(start), f64::from(length), f64::from(margin));
    let edge = |value: f64| (value + 0.5).floor().clamp(0.0, f64::from(size)) as u32;
    (edge(start - margin * length), edge(start + length + margin * length))
}
