//! Resizing and centre crops as Pillow and torchvision do them.

use std::borrow::Cow;

use ::image::RgbImage;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How pixels between pixels are found. All are antialiased when shrinking, as Pillow's are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// Triangle.
    Bilinear,
    /// Catmull-Rom cubic, a = -0.5.
    #[default]
    Bicubic,
    /// Lanczos of three lobes.
    Lanczos,
}

impl Filter {
    /// Half the width of the kernel, in source pixels when enlarging.
    fn support(self) -> f64 {
        match self {
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
            Self::Lanczos => 3.0,
        }
    }

    /// The kernel at `x`.
    fn weight(self, x: f64) -> f64 {
        let sinc = |x: f64| {
            let x = x * std::f64::consts::PI;
            if x == 0.0 { 1.0 } else { x.sin() / x }
        };
        match self {
            Self::Bilinear => (1.0 - x.abs()).max(0.0),
            Self::Bicubic => {
                const A: f64 = -0.5;
                let x = x.abs();
                if x < 1.0 {
                    ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
                } else if x < 2.0 {
                    (((x - 5.0) * x + 8.0) * x - 4.0) * A
                } else {
                    0.0
                }
            }
            Self::Lanczos if (-3.0..3.0).contains(&x) => sinc(x) * sinc(x / 3.0),
            Self::Lanczos => 0.0,
        }
    }

    /// What each of `to` places takes from `from` places along one axis: the first of them, and the weights of this one and
    /// those behind it, which sum to 1. Antialiased when shrinking; what lies beyond the border counts nothing.
    pub fn taps(self, from: usize, to: usize) -> Vec<(usize, Vec<f64>)> {
        let scale = from as f64 / to as f64;
        // Shrinking widens the kernel: that is the antialiasing.
        let widening = scale.max(1.0);
        let support = self.support() * widening;
        (0..to)
            .map(|target| {
                let centre = (target as f64 + 0.5) * scale;
                // Saturating casts: negative bounds become 0.
                let first = (centre - support + 0.5) as usize;
                let last = ((centre + support + 0.5) as usize).min(from);
                let mut weights: Vec<f64> = (first..last)
                    .map(|x| self.weight((x as f64 - centre + 0.5) / widening))
                    .collect();
                let sum: f64 = weights.iter().sum();
                let unit = 1.0 / if sum == 0.0 { 1.0 } else { sum };
                for weight in &mut weights {
                    *weight *= unit;
                }
                (first, weights)
            })
            .collect()
    }
}

/// Fractional bits of the weights: 8 bits of result and 2 of headroom are left of 32, as in Pillow.
const PRECISION: u32 = 32 - 8 - 2;

/// The source pixels that make up each target pixel along one axis, and their weights in fixed point.
struct Kernel {
    /// First source pixel and number of source pixels, by target pixel.
    spans: Vec<(usize, usize)>,
    /// `stride` weights by target pixel, of which the span's count is used.
    weights: Vec<i32>,
    stride: usize,
}

impl Kernel {
    fn new(from: u32, to: u32, filter: Filter) -> Self {
        let taps = filter.taps(from as usize, to as usize);
        let stride = taps.iter().map(|(_, weights)| weights.len()).max().unwrap_or(0).max(1);
        let mut fixed = vec![0; taps.len() * stride];
        for (fixed, (_, weights)) in fixed.chunks_exact_mut(stride).zip(&taps) {
            for (fixed, weight) in fixed.iter_mut().zip(weights) {
                // `round` takes halves away from zero, as Pillow does.
                *fixed = (weight * f64::from(1 << PRECISION)).round() as i32;
            }
        }
        Self {
            spans: taps.iter().map(|(first, weights)| (*first, weights.len())).collect(),
            weights: fixed,
            stride,
        }
    }

    /// (first source pixel, weights) by target pixel.
    fn taps(&self) -> impl Iterator<Item = (usize, &[i32])> {
        self.spans
            .iter()
            .zip(self.weights.chunks_exact(self.stride))
            .map(|(&(first, count), weights)| (first, &weights[..count]))
    }
}

/// From fixed point to a level, rounded and clipped.
fn level(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

/// Half a level, so that cutting off rounds.
const HALF: i32 = 1 << (PRECISION - 1);

fn horizontally(image: &RgbImage, width: u32, filter: Filter) -> RgbImage {
    let kernel = Kernel::new(image.width(), width, filter);
    let mut result = RgbImage::new(width, image.height());
    let rows = image.as_raw().chunks_exact(3 * image.width() as usize);
    for (source, target) in rows.zip(result.chunks_exact_mut(3 * width as usize)) {
        for (target, (first, weights)) in target.as_chunks_mut::<3>().0.iter_mut().zip(kernel.taps()) {
            let mut sums = [HALF; 3];
            for (pixel, &weight) in source[3 * first..].as_chunks::<3>().0.iter().zip(weights) {
                for (sum, &value) in sums.iter_mut().zip(pixel) {
                    *sum += i32::from(value) * weight;
                }
            }
            *target = sums.map(level);
        }
    }
    result
}

fn vertically(image: &RgbImage, height: u32, filter: Filter) -> RgbImage {
    let kernel = Kernel::new(image.height(), height, filter);
    let mut result = RgbImage::new(image.width(), height);
    let stride = 3 * image.width() as usize;
    let mut sums = vec![HALF; stride];
    for (target, (first, weights)) in result.chunks_exact_mut(stride).zip(kernel.taps()) {
        sums.fill(HALF);
        // Row after row: neighbouring values are independent, which the compiler turns into vector instructions.
        for (source, &weight) in image.as_raw()[first * stride..].chunks_exact(stride).zip(weights) {
            for (sum, &value) in sums.iter_mut().zip(source) {
                *sum += i32::from(value) * weight;
            }
        }
        for (target, &sum) in target.iter_mut().zip(&sums) {
            *target = level(sum);
        }
    }
    result
}

/// Resizes to `width` × `height`; equal to `PIL.Image.resize` (Pillow 13) to the bit: the same kernels, the same fixed point,
/// 8-bit rounding between the two passes, and the same order of them: the vertical one goes first where it takes away more
/// than twice as many lines as the horizontal one. (Older versions of Pillow always begin with the horizontal one; where the
/// order differs, so do pixels, by a level or two.)
///
/// # Errors
/// [`Error::Data`] if a side is 0.
pub fn resize(image: &RgbImage, width: u32, height: u32, filter: Filter) -> Result<RgbImage> {
    let (from_width, from_height) = image.dimensions();
    if width.min(height).min(from_width).min(from_height) == 0 {
        return Err(Error::data(format!(
            "failed to resize {from_width} x {from_height} pixels to {width} x {height}: a side is 0"
        )));
    }
    let lost = |from: u32, to: u32| i64::from(from) - i64::from(to);
    let (columns, rows) = (lost(from_width, width), lost(from_height, height));
    let vertical_first = rows > 0 && rows > 2 * columns;
    let mut result = Cow::Borrowed(image);
    for vertical in [vertical_first, !vertical_first] {
        if vertical && rows != 0 {
            result = Cow::Owned(vertically(&result, height, filter));
        } else if !vertical && columns != 0 {
            result = Cow::Owned(horizontally(&result, width, filter));
        }
    }
    Ok(result.into_owned())
}

/// The size whose short side is `short`, the long side cut to whole pixels as torchvision's `Resize` does.
pub fn short_side(width: u32, height: u32, short: u32) -> (u32, u32) {
    let long = |long_side: u32, short_side: u32| {
        u32::try_from(u64::from(short) * u64::from(long_side) / u64::from(short_side.max(1))).unwrap_or(u32::MAX)
    };
    if width <= height {
        (short, long(height, width))
    } else {
        (long(width, height), short)
    }
}

/// Cuts `width` × `height` out of the middle, as torchvision's `CenterCrop`: half a pixel goes to the even side, and
/// what the image lacks is filled with black.
pub fn centre_crop(image: &RgbImage, width: u32, height: u32) -> RgbImage {
    if (width, height) == image.dimensions() {
        return image.clone();
    }
    let offset = |have: u32, want: u32| (i64::from(have) - i64::from(want), have < want);
    let place = |have: u32, want: u32| {
        let (spare, pad) = offset(have, want);
        if pad {
            // The padding on the left is the smaller half.
            -(-spare / 2)
        } else {
            // Halves to even, as Python's `round`.
            let half = spare / 2;
            if spare % 2 == 1 && half % 2 == 1 {
                half + 1
            } else {
                half
            }
        }
    };
    let mut result = RgbImage::new(width, height);
    let (left, top) = (place(image.width(), width), place(image.height(), height));
    ::image::imageops::replace(&mut result, image, -left, -top);
    result
}
