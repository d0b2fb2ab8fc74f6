//! Decoding of JPEG, PNG, BMP, TIFF and WebP files that nobody vouches for, to 8-bit RGB.
//!
//! The pixels are those of Pillow's `ImageOps.exif_transpose(Image.open(path)).convert("RGB")`, except that
//! - 16-bit grayscale keeps its high byte, where Pillow clips every value above 255 to white;
//! - floating-point pixels are refused, because nothing says what range they span.
//!
//! Alpha is dropped, not composited, as `convert("RGB")` does; a palette is looked up; grayscale is replicated; CMYK is
//! converted by `(255 - C)(255 - K) / 255`.

use std::fs::File;
use std::io::{Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use ::image::metadata::Orientation;
use ::image::{DynamicImage, ImageBuffer, ImageDecoder, ImageFormat, ImageReader, Limits, Primitive, RgbImage};
use libjpeg_turbo_rs::PixelFormat;

use super::limits::DecodeLimits;

/// Longest side, in pixels: what JPEG can express. A needle of few pixels but enormous length would grow with the first
/// pass of a resize.
const MAX_SIDE: u32 = 65_535;

/// Scans of a progressive JPEG at most: tools write ten or so, and each one passes over all coefficients.
const MAX_SCANS: usize = 100;

/// Why a file gave no image. Displays as a lower-case fragment without the path, which the caller knows.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The operating system refused.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// A folder, a pipe or a device.
    #[error("is not a regular file")]
    NotAFile,
    /// No byte in it.
    #[error("is empty (0 bytes)")]
    Empty,
    /// More bytes than allowed.
    #[error("has {bytes} bytes; the limit is {limit}")]
    FileTooLarge {
        /// Size of the file.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// Neither of the formats, whatever the file is called.
    #[error("content is not JPEG, PNG, BMP, TIFF or WebP")]
    UnknownFormat,
    /// The header claims more pixels than allowed.
    #[error("claims {width} x {height} pixels; the limit is {limit} pixels in all")]
    TooManyPixels {
        /// Claimed width.
        width: u32,
        /// Claimed height.
        height: u32,
        /// The limit.
        limit: u64,
    },
    /// One side is longer than any photograph.
    #[error("claims {width} x {height} pixels; the limit is {MAX_SIDE} a side")]
    SideTooLong {
        /// Claimed width.
        width: u32,
        /// Claimed height.
        height: u32,
    },
    /// No pixel at all.
    #[error("claims {width} x {height} pixels, which is no image")]
    NoPixels {
        /// Claimed width.
        width: u32,
        /// Claimed height.
        height: u32,
    },
    /// A JPEG stream that stops before its end marker.
    #[error("is a truncated JPEG file (no end-of-image marker)")]
    Truncated,
    /// A kind of pixel that has no defined conversion to 8 bits.
    #[error("has floating-point pixels; expected integers of at most 16 bits")]
    FloatPixels,
    /// The decoder says so.
    #[error("cannot be decoded as {format}: {reason}")]
    Malformed {
        /// `JPEG`, `PNG`, ….
        format: &'static str,
        /// The decoder's words.
        reason: String,
    },
}

/// Decodes the image file at `path` to upright 8-bit RGB. The format is told from the content, not from the name.
///
/// # Errors
/// [`ImageError`] for anything that is not a whole image within `limits`.
pub fn decode(path: &Path, limits: &DecodeLimits) -> Result<RgbImage, ImageError> {
    decode_bytes(&read(path, limits)?, limits)
}

/// The bytes of the image file at `path`, within `limits`.
///
/// # Errors
/// [`ImageError`] if it is no file, is too large, or cannot be read.
pub fn read(path: &Path, limits: &DecodeLimits) -> Result<Vec<u8>, ImageError> {
    // Asked before opening: opening a pipe would wait for its writer.
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(ImageError::NotAFile);
    }
    let too_large = |bytes| ImageError::FileTooLarge {
        bytes,
        limit: limits.max_file_bytes,
    };
    if metadata.len() > limits.max_file_bytes {
        return Err(too_large(metadata.len()));
    }
    // The file may have grown since it was asked for its size.
    let mut bytes = Vec::with_capacity(metadata.len() as usize);
    let read = File::open(path)?
        .take(limits.max_file_bytes.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if read as u64 > limits.max_file_bytes {
        return Err(too_large(read as u64));
    }
    Ok(bytes)
}

/// Decodes an image held in memory; see [`decode`].
///
/// # Errors
/// As [`decode`].
pub fn decode_bytes(bytes: &[u8], limits: &DecodeLimits) -> Result<RgbImage, ImageError> {
    if bytes.is_empty() {
        return Err(ImageError::Empty);
    }
    let format = ::image::guess_format(bytes)
        .ok()
        .and_then(known)
        .ok_or(ImageError::UnknownFormat)?;
    // The decoders are meant not to panic on malformed data, but one that does must not end a run of hours.
    match catch_unwind(AssertUnwindSafe(|| decode_as(bytes, format, limits))) {
        Ok(result) => result,
        Err(_) => Err(ImageError::Malformed {
            format: name(format),
            reason: "the decoder gave up on malformed data".to_owned(),
        }),
    }
}

/// The format, if it is one that is compiled in.
fn known(format: ImageFormat) -> Option<ImageFormat> {
    (!name(format).is_empty()).then_some(format)
}

fn name(format: ImageFormat) -> &'static str {
    match format {
        ImageFormat::Jpeg => "JPEG",
        ImageFormat::Png => "PNG",
        ImageFormat::Bmp => "BMP",
        ImageFormat::Tiff => "TIFF",
        ImageFormat::WebP => "WebP",
        _ => "",
    }
}

/// What a decoder says, on one line, as a list of rejects has one for each.
fn one_line(said: &str) -> String {
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn decode_as(bytes: &[u8], format: ImageFormat, limits: &DecodeLimits) -> Result<RgbImage, ImageError> {
    let malformed = |error: ::image::ImageError| ImageError::Malformed {
        format: name(format),
        reason: one_line(&error.to_string()),
    };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(allocations(limits));
    let mut decoder = reader.into_decoder().map_err(malformed)?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(ImageError::NoPixels { width, height });
    }
    if u64::from(width) * u64::from(height) > limits.max_pixels {
        return Err(ImageError::TooManyPixels {
            width,
            height,
            limit: limits.max_pixels,
        });
    }
    if width.max(height) > MAX_SIDE {
        return Err(ImageError::SideTooLong { width, height });
    }
    if format == ImageFormat::Jpeg && !jpeg_is_whole(bytes) {
        return Err(ImageError::Truncated);
    }
    // A broken EXIF block does not spoil the pixels: without a readable orientation the image stands as it is.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    decoder.set_limits(allocations(limits)).map_err(malformed)?;
    let decoded = if format == ImageFormat::Jpeg {
        decode_jpeg(bytes, limits)?
    } else {
        to_rgb8(DynamicImage::from_decoder(decoder).map_err(malformed)?)?
    };
    let mut upright = DynamicImage::ImageRgb8(decoded);
    upright.apply_orientation(orientation);
    match upright {
        DynamicImage::ImageRgb8(image) => Ok(image),
        other => Ok(other.into_rgb8()),
    }
}

/// The pixels of a JPEG file as libjpeg-turbo reconstructs them, and with it Pillow, torchvision and `OpenCV`.
///
/// Another decoder is up to ten levels off where colours are stored at half resolution, and features follow.
fn decode_jpeg(bytes: &[u8], limits: &DecodeLimits) -> Result<RgbImage, ImageError> {
    let malformed = |reason: String| ImageError::Malformed {
        format: name(ImageFormat::Jpeg),
        reason: one_line(&reason),
    };
    let bounds = libjpeg_turbo_rs::DecodeLimits {
        max_pixels: limits.max_pixels,
        max_memory: Some(limits.max_alloc_bytes),
        max_scans: MAX_SCANS,
        ..libjpeg_turbo_rs::DecodeLimits::default()
    };
    let mut decoder =
        libjpeg_turbo_rs::Decoder::new_with_limits(bytes, bounds).map_err(|error| malformed(error.to_string()))?;
    let inks = decoder.header().components.len() == 4;
    decoder.set_output_format(if inks { PixelFormat::Cmyk } else { PixelFormat::Rgb });
    // Corrupt data in the middle of a file are warnings to libjpeg, and to Pillow.
    decoder.set_lenient(true);
    let image = decoder.decode_image().map_err(|error| malformed(error.to_string()))?;
    let pixels = if inks {
        // Stored inverted, as Adobe's programs do and Pillow takes for granted: 255 is no ink.
        let (inks, _) = image.data.as_chunks::<4>();
        inks.iter()
            .flat_map(|&[c, m, y, k]| [c, m, y].map(|ink| k - product(255 - ink, k)))
            .collect()
    } else {
        image.data
    };
    RgbImage::from_raw(image.width as u32, image.height as u32, pixels)
        .ok_or_else(|| malformed("the decoder gave fewer pixels than it said".to_owned()))
}

/// a · b / 255, rounded as Pillow does.
fn product(a: u8, b: u8) -> u8 {
    let scaled = u32::from(a) * u32::from(b) + 128;
    (((scaled >> 8) + scaled) >> 8) as u8
}

fn allocations(limits: &DecodeLimits) -> Limits {
    let mut result = Limits::default();
    result.max_alloc = Some(limits.max_alloc_bytes);
    result
}

/// To 8-bit RGB without any colour management, as Pillow's `convert("RGB")`.
fn to_rgb8(image: DynamicImage) -> Result<RgbImage, ImageError> {
    let high_byte = |value: u16| (value >> 8) as u8;
    Ok(match image {
        DynamicImage::ImageRgb8(image) => image,
        DynamicImage::ImageLuma8(image) => map(&image, |p: &::image::Luma<u8>| [p.0[0]; 3]),
        DynamicImage::ImageLumaA8(image) => map(&image, |p: &::image::LumaA<u8>| [p.0[0]; 3]),
        DynamicImage::ImageRgba8(image) => map(&image, |p: &::image::Rgba<u8>| [p.0[0], p.0[1], p.0[2]]),
        DynamicImage::ImageLuma16(image) => map(&image, |p: &::image::Luma<u16>| [high_byte(p.0[0]); 3]),
        DynamicImage::ImageLumaA16(image) => map(&image, |p: &::image::LumaA<u16>| [high_byte(p.0[0]); 3]),
        DynamicImage::ImageRgb16(image) => map(&image, |p: &::image::Rgb<u16>| p.0.map(high_byte)),
        DynamicImage::ImageRgba16(image) => map(&image, |p: &::image::Rgba<u16>| {
            [high_byte(p.0[0]), high_byte(p.0[1]), high_byte(p.0[2])]
        }),
        _ => return Err(ImageError::FloatPixels),
    })
}

fn map<S: Primitive, P: ::image::Pixel<Subpixel = S>>(
    image: &ImageBuffer<P, Vec<S>>,
    to_rgb: impl Fn(&P) -> [u8; 3],
) -> RgbImage {
    let mut result = RgbImage::new(image.width(), image.height());
    for (target, source) in result.pixels_mut().zip(image.pixels()) {
        target.0 = to_rgb(source);
    }
    result
}

/// Whether the marker segments of a JPEG stream lead to an end-of-image marker.
///
/// The decoder fills what is missing with gray and says nothing; half a face is no sample. Pillow refuses such files too.
fn jpeg_is_whole(bytes: &[u8]) -> bool {
    const END_OF_IMAGE: u8 = 0xD9;
    // After the start-of-image marker.
    let mut at = 2;
    loop {
        // To the next marker: 0xFF and a byte that is neither stuffing (00), nor filling (FF), nor a restart (D0-D7).
        // Between segments the two are adjacent; behind a scan header this skips the entropy-coded data.
        let Some(offset) = bytes.get(at..).and_then(|rest| {
            rest.windows(2)
                .position(|pair| pair[0] == 0xFF && !matches!(pair[1], 0x00 | 0xFF | 0x01 | 0xD0..=0xD7))
        }) else {
            return false;
        };
        let marker = bytes[at + offset + 1];
        let segment = at + offset + 2;
        if marker == END_OF_IMAGE {
            return true;
        }
        let Some(&[high, low]) = bytes.get(segment..segment + 2) else {
            return false;
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        // A scan's own header may be skipped like any other segment: its data hold no marker.
        at = segment + length.max(2);
    }
}
