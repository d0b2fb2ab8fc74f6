//! From a large drawing to a small photograph: scaled down, focused or not, exposed, grained, compressed.

use fast_image_resize::images::Image;
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::codecs::bmp::BmpEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::counted::counted;
use crate::standin::action_units::Expression;

use super::face;
use super::identity::{Identity, Shot};

/// Quality of the JPEG files.
const QUALITY: u8 = 92;

/// Draws at a multiple of the final size, so that edges and creases thinner than a pixel come out soft.
const SUPERSAMPLING: u32 = 2;

/// One photograph, `size` × `size` pixels, RGB row by row. `None` only if there is no memory for it.
pub(crate) fn photograph(
    who: &Identity,
    expression: &Expression,
    shot: &Shot,
    size: u32,
    rng: &mut ChaCha8Rng,
) -> Option<Vec<u8>> {
    let side = size.checked_mul(SUPERSAMPLING)?;
    finish(face::draw(who, expression, shot, side)?, shot, size, rng)
}

/// As [`photograph`], with nobody in the picture.
pub(crate) fn scenery(who: &Identity, shot: &Shot, size: u32, rng: &mut ChaCha8Rng) -> Option<Vec<u8>> {
    let side = size.checked_mul(SUPERSAMPLING)?;
    finish(face::draw_scenery(who, shot, side)?, shot, size, rng)
}

fn finish(drawn: Vec<u8>, shot: &Shot, size: u32, rng: &mut ChaCha8Rng) -> Option<Vec<u8>> {
    let side = size.checked_mul(SUPERSAMPLING)?;
    let source = Image::from_vec_u8(side, side, drawn, PixelType::U8x4).ok()?;
    let mut target = Image::new(size, size, PixelType::U8x4);
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Box))
        .use_alpha(false);
    Resizer::new().resize(&source, &mut target, &options).ok()?;
    let mut rgb: Vec<f32> = target
        .buffer()
        .chunks_exact(4)
        .flat_map(|pixel| [pixel[0], pixel[1], pixel[2]])
        .map(|value| f32::from(value) / 255.0)
        .collect();
    // Blur is given for an image of 100 pixels and grows with the size: the same picture, only finer.
    blur(&mut rgb, size as usize, shot.blur * size as f32 / 100.0);
    develop(&mut rgb, shot, rng);
    Some(rgb.into_iter().map(|value| (value * 255.0 + 0.5) as u8).collect())
}

/// Separable Gaussian blur with standard deviation `sigma` pixels; edges repeat.
fn blur(rgb: &mut [f32], side: usize, sigma: f32) {
    if sigma < 0.15 {
        return;
    }
    let radius = (2.5 * sigma).ceil() as usize;
    let mut kernel: Vec<f32> = (0..=radius)
        .map(|i| (-0.5 * (i as f32 / sigma).powi(2)).exp())
        .collect();
    let sum: f32 = kernel[0] + 2.0 * kernel[1..].iter().sum::<f32>();
    for k in &mut kernel {
        *k /= sum;
    }
    let mut line = vec![0.0_f32; side * 3];
    for horizontal in [true, false] {
        let (step, stride) = if horizontal { (3, side * 3) } else { (side * 3, 3) };
        for row in 0..side {
            let at = |i: usize| row * stride + i * step;
            for i in 0..side {
                line[3 * i..3 * i + 3].copy_from_slice(&rgb[at(i)..at(i) + 3]);
            }
            for i in 0..side {
                let mut pixel = [0, 1, 2].map(|c| kernel[0] * line[3 * i + c]);
                counted(radius, |d| {
                    let (low, high) = (i.saturating_sub(d + 1), (i + d + 1).min(side - 1));
                    counted(3, |c| {
                        pixel[c] += kernel[d + 1] * (line[3 * low + c] + line[3 * high + c]);
                    });
                });
                rgb[at(i)..at(i) + 3].copy_from_slice(&pixel);
            }
        }
    }
}

/// White balance, saturation, exposure, contrast and grain.
fn develop(rgb: &mut [f32], shot: &Shot, rng: &mut ChaCha8Rng) {
    let balance = [1.0 + shot.warmth, 1.0, 1.0 - shot.warmth];
    for pixel in rgb.chunks_exact_mut(3) {
        let grey = 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2];
        // Grain of a sensor: mostly common to the three channels. Triangular noise of unit variance.
        let common = 2.449 * (rng.random::<f32>() - rng.random::<f32>());
        for (value, gain) in pixel.iter_mut().zip(balance) {
            let gain = if shot.saturation == 0.0 { 1.0 } else { gain };
            let coloured = (grey + (*value - grey) * shot.saturation) * gain * shot.exposure;
            *value = ((coloured - 0.5) * shot.contrast + 0.5 + shot.noise * common).clamp(0.0, 1.0);
        }
    }
}

/// The photograph as a file of the format that the extension of `path` names (JPEG where it names none); `None` only if the
/// size is beyond what the format can hold.
pub(crate) fn encode(rgb: &[u8], size: u32, path: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(rgb.len() / 4);
    match extension(path).as_str() {
        "png" => PngEncoder::new(&mut bytes).write_image(rgb, size, size, ExtendedColorType::Rgb8),
        "bmp" => BmpEncoder::new(&mut bytes).encode(rgb, size, size, ExtendedColorType::Rgb8),
        _ => JpegEncoder::new_with_quality(&mut bytes, QUALITY).encode(rgb, size, size, ExtendedColorType::Rgb8),
    }
    .ok()?;
    Some(bytes)
}

fn extension(path: &str) -> String {
    path.rsplit_once('.')
        .map_or_else(String::new, |(_, extension)| extension.to_ascii_lowercase())
}
