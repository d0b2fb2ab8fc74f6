//! Resizing and centre crops as Pillow and torchvision do them.

use std::cell::RefCell;

use ::image::RgbImage;
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
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

thread_local! {
    /// Keeps the convolution's buffers from one image to the next.
    static RESIZER: RefCell<Resizer> = RefCell::new(Resizer::new());
}

/// Resizes to `width` × `height`; equal to `PIL.Image.resize` within one level of 255.
///
/// # Errors
/// [`Error::Data`] if a side is 0.
pub fn resize(image: &RgbImage, width: u32, height: u32, filter: Filter) -> Result<RgbImage> {
    if (width, height) == image.dimensions() {
        return Ok(image.clone());
    }
    let wrong = |error: &dyn std::fmt::Display| {
        Error::data(format!(
            "failed to resize {} x {} pixels to {width} x {height}: {error}",
            image.width(),
            image.height()
        ))
    };
    if width == 0 || height == 0 {
        return Err(wrong(&"a side is 0"));
    }
    let filter = match filter {
        Filter::Bilinear => FilterType::Bilinear,
        Filter::Bicubic => FilterType::CatmullRom,
        Filter::Lanczos => FilterType::Lanczos3,
    };
    let source =
        ImageRef::new(image.width(), image.height(), image.as_raw(), PixelType::U8x3).map_err(|e| wrong(&e))?;
    let mut target = Image::new(width, height, PixelType::U8x3);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter));
    RESIZER
        .with_borrow_mut(|resizer| resizer.resize(&source, &mut target, &options))
        .map_err(|e| wrong(&e))?;
    RgbImage::from_raw(width, height, target.into_vec()).ok_or_else(|| wrong(&"the buffer has another size"))
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
            if spare % 2 == 1 && half % 2 == 1 { half + 1 } else { half }
        }
    };
    let mut result = RgbImage::new(width, height);
    let (left, top) = (place(image.width(), width), place(image.height(), height));
    ::image::imageops::replace(&mut result, image, -left, -top);
    result
}
