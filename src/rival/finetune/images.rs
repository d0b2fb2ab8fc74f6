//! Faces by sample, as training and evaluation see them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::sync_channel;

use ::image::{RgbImage, imageops};
use arrow::array::{Array, AsArray};
use arrow::datatypes::Float32Type;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::disk::fence::Fence;
use crate::disk::guard::{self, guarded};
use crate::error::{Context, Error, Result};
use crate::feature::FeaturesConfig;
use crate::feature::table::canonical_samples;
use crate::image::{DecodeLimits, FaceBox, Preprocess, crop_face, decode, resize};
use crate::interrupt::Interrupt;

use super::config::FinetuneConfig;

/// Batches that wait between decoding and the device.
const QUEUE: usize = 2;

/// Where each sample's image is.
#[derive(Debug)]
pub struct Images {
    root: Fence,
    limits: DecodeLimits,
    margin: f32,
    places: BTreeMap<String, (String, Option<FaceBox>)>,
}

impl Images {
    /// Reads paths and face boxes of a samples table whose paths are relative to `root`.
    ///
    /// # Errors
    /// [`Error::Io`] if the table or the root cannot be read, [`Error::Data`] if a column is missing.
    pub fn read(samples: &Path, root: &Path, options: &FeaturesConfig) -> Result<Self> {
        let reader = guarded(samples, || {
            guard::open(samples)?.build().at("read the samples table", samples)
        })?;
        let mut places = BTreeMap::new();
        for batch in reader {
            let batch = canonical_samples(&batch.at("read the samples table", samples)?, samples)?;
            let text = |name: &str| {
                batch
                    .column_by_name(name)
                    .and_then(|column| column.as_string_opt::<i32>())
                    .ok_or_else(|| Error::unusable_table(format!("{} has no text column `{name}`", samples.display())))
            };
            let (ids, paths) = (text("sample_id")?, text("image_path")?);
            let corners = ["bbox_x", "bbox_y", "bbox_w", "bbox_h"].map(|name| {
                batch
                    .column_by_name(name)
                    .and_then(|column| column.as_primitive_opt::<Float32Type>())
            });
            for row in 0..batch.num_rows() {
                let corner = |at: usize| corners[at].filter(|c| c.is_valid(row)).map(|c| c.value(row));
                let face = (|| {
                    Some(FaceBox {
                        x: corner(0)?,
                        y: corner(1)?,
                        width: corner(2)?,
                        height: corner(3)?,
                    })
                })();
                if paths.is_valid(row) {
                    let place = (paths.value(row).to_owned(), face.filter(|_| options.crop));
                    places.insert(ids.value(row).to_owned(), place);
                }
            }
        }
        Ok(Self {
            root: Fence::around(root)?,
            limits: options.limits(),
            margin: options.margin,
            places,
        })
    }

    /// The face of a sample, as large as the file has it.
    fn face(&self, id: &str) -> Result<RgbImage> {
        let (path, face) = self.places.get(id).ok_or_else(|| {
            Error::unusable_table(format!(
                "sample {id} has features but no image; extract the features again"
            ))
        })?;
        let failed = |error: &dyn std::fmt::Display| Error::data(format!("{path} can no longer be read: {error}"));
        let image = decode(&self.root.resolve(path)?, &self.limits).map_err(|error| failed(&error))?;
        match face {
            Some(face) => crop_face(&image, *face, self.margin).map_err(|error| failed(&error)),
            None => Ok(image),
        }
    }

    /// Hands the images of `batches` (rows of `ids`) to `consume`, in order; decoding runs ahead on all threads of the pool.
    ///
    /// # Errors
    /// What decoding or `consume` returns, [`Error::Interrupted`].
    pub fn stream(
        &self,
        ids: &[String],
        batches: &[Vec<usize>],
        view: &View<'_>,
        interrupt: &Interrupt,
        mut consume: impl FnMut(&[usize], &[RgbImage]) -> Result<()>,
    ) -> Result<()> {
        std::thread::scope(|scope| {
            let (sender, receiver) = sync_channel(QUEUE);
            scope.spawn(move || {
                for rows in batches {
                    let images: Result<Vec<RgbImage>> = interrupt.check().and_then(|()| {
                        rows.par_iter()
                            .map(|&row| view.of(&self.face(&ids[row])?, row))
                            .collect()
                    });
                    let failed = images.is_err();
                    if sender.send(images).is_err() || failed {
                        return;
                    }
                }
            });
            for rows in batches {
                let images = receiver
                    .recv()
                    .map_err(|_| Error::data("the thread that decodes images ended early"))??;
                consume(rows, &images)?;
            }
            Ok(())
        })
    }
}

/// How an image is brought to the encoder's input.
#[derive(Debug)]
pub enum View<'a> {
    /// As for features: the encoder's own pre-processing.
    Plain(&'a Preprocess),
    /// As for training: a random crop, perhaps mirrored. The same seed, epoch and row give the same view.
    Random {
        /// The encoder's own pre-processing, for filter and colours.
        preprocess: &'a Preprocess,
        /// Pixels a side.
        side: u32,
        /// What may be done.
        config: &'a FinetuneConfig,
        /// Seed of the run.
        seed: u64,
        /// 1-based epoch.
        epoch: usize,
    },
}

impl View<'_> {
    fn of(&self, image: &RgbImage, row: usize) -> Result<RgbImage> {
        match *self {
            Self::Plain(preprocess) => preprocess.pixels(image),
            Self::Random {
                preprocess,
                side,
                config,
                seed,
                epoch,
            } => {
                let mut rng = ChaCha8Rng::seed_from_u64(seed ^ ((epoch as u64) << 32));
                rng.set_stream(row as u64);
                let (x, y, width, height) = window(image.dimensions(), config.crop, &mut rng);
                let cut = imageops::crop_imm(image, x, y, width, height).to_image();
                let mut result = resize(&cut, side, side, preprocess.filter)?;
                if config.flip && rng.random_range(0..2) == 1 {
                    imageops::flip_horizontal_in_place(&mut result);
                }
                Ok(result)
            }
        }
    }
}

/// A random window of at least `least` of the area, with sides between 3 : 4 and 4 : 3 of the image's own.
fn window((width, height): (u32, u32), least: f64, rng: &mut ChaCha8Rng) -> (u32, u32, u32, u32) {
    if least >= 1.0 {
        return (0, 0, width, height);
    }
    let area: f64 = rng.random_range(least..=1.0);
    let ratio = rng.random_range(0.75_f64.ln()..=(4.0_f64 / 3.0).ln()).exp();
    let side =
        |length: u32, factor: f64| ((f64::from(length) * factor.min(1.0)).round() as u32).clamp(1, length.max(1));
    let (w, h) = (side(width, (area * ratio).sqrt()), side(height, (area / ratio).sqrt()));
    (rng.random_range(0..=width - w), rng.random_range(0..=height - h), w, h)
}
