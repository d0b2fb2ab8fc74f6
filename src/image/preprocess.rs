//! From a face of any size to the pixels that an encoder was trained on.

use ::image::RgbImage;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::image::resize::{Filter, centre_crop, resize, short_side};

/// How an image is brought to size before the centre crop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Resize {
    /// Short side to this length, proportions kept.
    ShortSide(u32),
    /// To width and height, proportions given up.
    Exact(u32, u32),
    /// Left as it is.
    None,
}

/// Longest side that a resized image may have: beyond it, proportions of 1 : 65,536 would eat all memory.
const MAX_SIDE: u32 = 16_384;

/// An encoder's pre-processing: size, crop, and the mean and deviation of its training images.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Preprocess {
    /// First step.
    pub resize: Resize,
    /// The filter of the first step.
    pub filter: Filter,
    /// Second step: width and height cut out of the middle.
    pub centre_crop: Option<(u32, u32)>,
    /// Third step: replace colours by their luma, all three channels alike.
    pub grayscale: bool,
    /// Subtracted per channel after division by 255.
    pub mean: [f32; 3],
    /// Divided by, per channel, last.
    pub std: [f32; 3],
}

impl Preprocess {
    /// CLIP: short side `size` bicubic, centre crop `size`, CLIP's mean and deviation.
    pub fn clip(size: u32) -> Self {
        Self {
            resize: Resize::ShortSide(size),
            filter: Filter::Bicubic,
            centre_crop: Some((size, size)),
            grayscale: false,
            mean: [0.481_454_66, 0.457_827_5, 0.408_210_73],
            std: [0.268_629_54, 0.261_302_6, 0.275_777_1],
        }
    }

    /// DINO and `DINOv2`: short side 8/7 of `size` bicubic (256 for 224), centre crop `size`, `ImageNet`'s mean and deviation.
    pub fn dino(size: u32) -> Self {
        Self {
            resize: Resize::ShortSide(size + size.div_ceil(7)),
            filter: Filter::Bicubic,
            centre_crop: Some((size, size)),
            grayscale: false,
            mean: [0.485, 0.456, 0.406],
            std: [0.229, 0.224, 0.225],
        }
    }

    /// The 8-bit steps: resized, cropped, and grayed.
    ///
    /// # Errors
    /// [`Error::Data`] if the image is so narrow that its long side would exceed 16,384 pixels.
    pub fn pixels(&self, image: &RgbImage) -> Result<RgbImage> {
        let (width, height) = match self.resize {
            Resize::ShortSide(short) => short_side(image.width(), image.height(), short),
            Resize::Exact(width, height) => (width, height),
            Resize::None => image.dimensions(),
        };
        if width.max(height) > MAX_SIDE {
            return Err(Error::data(format!(
                "{} x {} pixels would become {width} x {height}; the limit is {MAX_SIDE} a side",
                image.width(),
                image.height()
            )));
        }
        let mut result = resize(image, width, height, self.filter)?;
        if let Some((width, height)) = self.centre_crop {
            result = centre_crop(&result, width, height);
        }
        if self.grayscale {
            for pixel in result.pixels_mut() {
                pixel.0 = [luma(pixel.0); 3];
            }
        }
        Ok(result)
    }

    /// The floating-point steps: channel-major (3 × height × width) values `(p / 255 - mean) / std`.
    pub fn normalise(&self, pixels: &RgbImage) -> Vec<f32> {
        let plane = pixels.width() as usize * pixels.height() as usize;
        let mut result = vec![0.0; 3 * plane];
        for (i, pixel) in pixels.pixels().enumerate() {
            for channel in 0..3 {
                result[channel * plane + i] =
                    (f32::from(pixel.0[channel]) / 255.0 - self.mean[channel]) / self.std[channel];
            }
        }
        result
    }
}

/// ITU-R 601-2 luma in Pillow's integers: what `convert("L")` gives.
pub fn luma([r, g, b]: [u8; 3]) -> u8 {
    ((u32::from(r) * 19_595 + u32::from(g) * 38_470 + u32::from(b) * 7_471 + 0x8000) >> 16) as u8
}
