//! Histograms of oriented gradients after Dalal & Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR
//! 2005: centred differences, unsigned orientation, cells, overlapping blocks, L2-Hys.
//!
//! Conventions are those of scikit-image's `hog`: gradients are 0 on the image border along their own direction; a pixel
//! votes with its whole magnitude for one bin, [180°·b/n, 180°·(b+1)/n); a cell's histogram is divided by its area; blocks
//! step by one cell; L2-Hys has ε = 1e-5 and clips at 0.2. Values enter as 0..255.

use ::image::RgbImage;
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::error::{Error, Result};
use crate::image::preprocess::luma;
use crate::image::resize::{Filter, resize};

use super::interface::{Encoded, Encoder, TokenShape};

/// Which gradient a pixel of a colour image has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HogColour {
    /// That of the channel where it is largest, as in the paper.
    #[default]
    Dominant,
    /// That of the ITU-R 601 luma.
    Gray,
}

/// The recipe section `[encoder.hog]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HogConfig {
    /// Faces are resized to this many pixels a side, antialiased bicubic. A multiple of `cell`.
    pub size: u32,
    /// Pixels a side of a cell.
    pub cell: u32,
    /// Cells a side of a block; blocks overlap and step by one cell.
    pub block: u32,
    /// Bins over 180 degrees.
    pub orientations: u32,
    /// Take the square root of the pixel values first (gamma compression).
    pub transform_sqrt: bool,
    /// `dominant` (the channel of the largest gradient, pixel by pixel) or `gray`.
    pub colour: HogColour,
}

impl Default for HogConfig {
    fn default() -> Self {
        Self {
            size: 64,
            cell: 8,
            block: 2,
            orientations: 9,
            transform_sqrt: true,
            colour: HogColour::Dominant,
        }
    }
}

impl HogConfig {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// The key below `[encoder.hog]` and what was expected of it.
    pub fn validate(&self) -> Result<(), (String, String)> {
        let wrong = |key: &str, message: String| Err((key.to_owned(), message));
        if !(8..=1024).contains(&self.size) {
            return wrong("size", format!("expected 8 to 1024 pixels, not {}", self.size));
        }
        if self.cell < 2 || self.cell > self.size {
            return wrong(
                "cell",
                format!("expected 2 to {} pixels (size), not {}", self.size, self.cell),
            );
        }
        if !self.size.is_multiple_of(self.cell) {
            return wrong(
                "cell",
                format!("expected a divisor of size = {}, not {}", self.size, self.cell),
            );
        }
        let cells = self.size / self.cell;
        if self.block == 0 || self.block > cells {
            return wrong(
                "block",
                format!("expected 1 to {cells} cells (size / cell), not {}", self.block),
            );
        }
        if !(2..=180).contains(&self.orientations) {
            return wrong(
                "orientations",
                format!("expected 2 to 180 bins, not {}", self.orientations),
            );
        }
        let shape = self.shape(cells, cells);
        if shape.values() > MAX_VALUES {
            return wrong(
                "cell",
                format!(
                    "these options give {} values an image; the limit is {MAX_VALUES}: enlarge cell or reduce size, \
                     block or orientations",
                    shape.values()
                ),
            );
        }
        Ok(())
    }

    /// Blocks of an image of `cell_rows` × `cell_cols` cells.
    fn shape(&self, cell_rows: u32, cell_cols: u32) -> TokenShape {
        TokenShape {
            rows: (cell_rows + 1).saturating_sub(self.block) as usize,
            cols: (cell_cols + 1).saturating_sub(self.block) as usize,
            width: (self.block * self.block * self.orientations) as usize,
        }
    }
}

/// Largest descriptor: 256 KiB in f32.
const MAX_VALUES: usize = 1 << 16;

/// Keeps an empty block from dividing by zero; scikit-image's value.
const EPSILON: f64 = 1e-5;

/// Where L2-Hys clips.
const CLIP: f64 = 0.2;

/// The HOG encoder: `global` is the whole descriptor, block by block; `tokens` are the blocks.
#[derive(Debug, Clone)]
pub struct Hog {
    config: HogConfig,
    shape: TokenShape,
}

impl Hog {
    /// A HOG encoder with these options.
    ///
    /// # Errors
    /// [`Error::Usage`] if the options cannot be.
    pub fn new(config: HogConfig) -> Result<Self> {
        config
            .validate()
            .map_err(|(key, message)| Error::Usage(format!("encoder.hog.{key}: {message}")))?;
        let cells = config.size / config.cell;
        let shape = config.shape(cells, cells);
        Ok(Self { config, shape })
    }
}

impl Encoder for Hog {
    fn name(&self) -> &'static str {
        "hog"
    }

    fn describe(&self) -> serde_json::Value {
        json!({
            "kind": "hog",
            "version": 2,
            "options": self.config,
            "filter": Filter::Bicubic,
            "norm": "L2-Hys",
        })
    }

    fn global_dim(&self) -> usize {
        self.shape.values()
    }

    fn tokens(&self) -> Option<TokenShape> {
        Some(self.shape)
    }

    fn prepare(&self, image: &RgbImage) -> Result<RgbImage> {
        resize(image, self.config.size, self.config.size, Filter::Bicubic)
    }

    fn forward(&self, prepared: &[RgbImage]) -> Result<Vec<Encoded>> {
        let size = self.config.size;
        if let Some(wrong) = prepared.iter().find(|image| image.dimensions() != (size, size)) {
            return Err(Error::data(format!(
                "hog expected images of {size} x {size} pixels, not {} x {}",
                wrong.width(),
                wrong.height()
            )));
        }
        Ok(prepared
            .par_iter()
            .map(|image| {
                let global = descriptor(image, &self.config);
                Encoded {
                    tokens: Some(global.clone()),
                    global,
                }
            })
            .collect())
    }
}

/// The HOG descriptor of an image of any size: blocks row by row, in each the cells row by row, in each the bins.
/// Empty if the image holds no whole block. Pixels beyond the last whole cell count for nothing.
pub fn descriptor(image: &RgbImage, config: &HogConfig) -> Vec<f32> {
    let (cell_rows, cell_cols) = (image.height() / config.cell, image.width() / config.cell);
    let cells = cell_histograms(image, config, cell_rows as usize, cell_cols as usize);
    let shape = config.shape(cell_rows, cell_cols);
    let (block, bins) = (config.block as usize, config.orientations as usize);
    let mut result = Vec::with_capacity(shape.values());
    let mut values = Vec::with_capacity(shape.width);
    for row in 0..shape.rows {
        for col in 0..shape.cols {
            values.clear();
            for r in row..row + block {
                let start = (r * cell_cols as usize + col) * bins;
                values.extend_from_slice(&cells[start..start + block * bins]);
            }
            l2_hys(&mut values);
            result.extend(values.iter().map(|&v| v as f32));
        }
    }
    result
}

/// L2 norm, clipping, L2 norm again.
fn l2_hys(values: &mut [f64]) {
    let scale = |values: &[f64]| 1.0 / (values.iter().map(|v| v * v).sum::<f64>() + EPSILON * EPSILON).sqrt();
    let first = scale(values);
    for value in values.iter_mut() {
        *value = (*value * first).min(CLIP);
    }
    let second = scale(values);
    for value in values.iter_mut() {
        *value *= second;
    }
}

/// Mean gradient magnitude by cell and bin: rows × cols × orientations values.
fn cell_histograms(image: &RgbImage, config: &HogConfig, rows: usize, cols: usize) -> Vec<f64> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let bins = config.orientations as usize;
    let cell = config.cell as usize;
    let channels = match config.colour {
        HogColour::Dominant => 3,
        HogColour::Gray => 1,
    };
    // Square roots are looked up: there are 256 of them.
    let levels: Vec<f64> = (0..256)
        .map(|v| {
            if config.transform_sqrt {
                f64::from(v).sqrt()
            } else {
                f64::from(v)
            }
        })
        .collect();
    let mut plane = Vec::with_capacity(width * height * channels);
    for pixel in image.pixels() {
        match config.colour {
            HogColour::Dominant => plane.extend(pixel.0.map(|v| levels[usize::from(v)])),
            HogColour::Gray => plane.push(levels[usize::from(luma(pixel.0))]),
        }
    }
    let at = |y: usize, x: usize, c: usize| plane[(y * width + x) * channels + c];
    let mut histograms = vec![0.0; rows * cols * bins];
    for y in 0..rows * cell {
        for x in 0..cols * cell {
            let (mut gx, mut gy, mut strongest) = (0.0, 0.0, -1.0);
            for c in 0..channels {
                let dx = if x == 0 || x + 1 == width {
                    0.0
                } else {
                    at(y, x + 1, c) - at(y, x - 1, c)
                };
                let dy = if y == 0 || y + 1 == height {
                    0.0
                } else {
                    at(y + 1, x, c) - at(y - 1, x, c)
                };
                // Not `hypot`: its last bit is another one from one C library to the next, and equals would not be equal.
                let magnitude = (dx * dx + dy * dy).sqrt();
                // The first of equals, as `argmax` has it.
                if magnitude > strongest {
                    (gx, gy, strongest) = (dx, dy, magnitude);
                }
            }
            let bin = orientation_bin(gx, gy, bins);
            histograms[((y / cell) * cols + x / cell) * bins + bin] += strongest;
        }
    }
    let area = (cell * cell) as f64;
    for value in &mut histograms {
        *value /= area;
    }
    histograms
}

/// The bin of the unsigned direction of (gx, gy): `floor(angle / (180° / n))` with the angle in [0°, 180°).
fn orientation_bin(gx: f64, gy: f64, bins: usize) -> usize {
    // Square roots of levels meet at exactly 60° and 120°, bounds of nine bins, where the last bit decides.
    let angle = libm::atan2(gy, gx).to_degrees().rem_euclid(180.0);
    let width = 180.0 / bins as f64;
    // Bounds are products, as in the reference, where a quotient could round to the other side.
    let guess = ((angle / width) as usize).min(bins - 1);
    if angle < width * guess as f64 {
        guess - 1
    } else if guess + 1 < bins && angle >= width * (guess + 1) as f64 {
        guess + 1
    } else {
        guess
    }
}
