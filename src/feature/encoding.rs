//! What becomes of the images of a batch: read, decoded, cropped, prepared, encoded, checked.

use std::fmt::Display;
use std::fs::File;
use std::sync::Arc;

use ::image::RgbImage;
use arrow::array::{Array, AsArray, BooleanArray, RecordBatch, StringArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Float32Type, SchemaRef};
use rayon::prelude::*;

use crate::disk::fence::Refusal;
use crate::encoder::interface::Encoded;
use crate::error::{Context, Error, Result, is_passing};
use crate::image::decode::{self, ImageError, decode_bytes};
use crate::image::{FaceBox, crop_face};

use super::job::{Batch, Job, Prepared};
use super::pool::pool;
use super::reject::{AFTER_DECODING, Reject};
use super::samples::strings;
use super::writer::{PartWriter, all_finite};

impl Job<'_> {
    /// Decodes, crops and prepares the images of `samples` on all threads of the pool.
    ///
    /// # Errors
    /// [`Error::Io`] if an image cannot be read for a reason that may be gone a minute later.
    pub(super) fn images(&self, samples: &RecordBatch) -> Result<Vec<Result<Prepared, String>>> {
        let paths = strings(samples, "image_path", self.source.path)?;
        let corners = ["bbox_x", "bbox_y", "bbox_w", "bbox_h"]
            .map(|name| samples.column_by_name(name).map(AsArray::as_primitive::<Float32Type>));
        let face = |row: usize| -> Option<FaceBox> {
            let [x, y, width, height] = corners.map(|column| column.filter(|c| c.is_valid(row)).map(|c| c.value(row)));
            Some(FaceBox {
                x: x?,
                y: y?,
                width: width?,
                height: height?,
            })
        };
        (0..samples.num_rows())
            .into_par_iter()
            .map(|row| {
                if paths.is_null(row) {
                    return Ok(Err("has no image path".to_owned()));
                }
                let bytes = match self.read(paths.value(row))? {
                    Ok(bytes) => bytes,
                    Err(reason) => return Ok(Err(reason)),
                };
                let face = face(row).filter(|_| self.options.crop);
                Ok(self.prepare(&bytes, face).map(|image| Prepared {
                    image,
                    digest: blake3::hash(&bytes).to_hex()[..32].to_owned(),
                }))
            })
            .collect()
    }

    /// The bytes of an image, or why it has none that can be used.
    fn read(&self, relative: &str) -> Result<Result<Vec<u8>, String>> {
        let failed = |source: std::io::Error| Error::Io {
            action: "read",
            path: self.root.root().join(relative),
            source: source.into(),
        };
        // The path is in the record already; what is wanted here is the reason.
        let path = match self.root.look(relative) {
            Ok(path) => path,
            Err(Refusal::Missing(error)) if is_passing(&error) => return Err(failed(error)),
            Err(Refusal::Missing(_)) if relative.contains('\u{fffd}') => {
                return Ok(Err("has a name that is not UTF-8: rename the file".to_owned()));
            }
            Err(Refusal::Missing(error)) => return Ok(Err(format!("cannot be opened: {error}"))),
            Err(refusal) => return Ok(Err(format!("path {refusal}"))),
        };
        match decode::read(&path, &self.limits) {
            Err(ImageError::Io(error)) if is_passing(&error) => Err(failed(error)),
            read => Ok(read.map_err(|error| error.to_string())),
        }
    }

    /// Decodes, crops and prepares one image; the reason where it cannot be used.
    fn prepare(&self, bytes: &[u8], face: Option<FaceBox>) -> Result<RgbImage, String> {
        let after = |error: &dyn Display| format!("{AFTER_DECODING}{error}");
        let mut image = decode_bytes(bytes, &self.limits).map_err(|error| error.to_string())?;
        if let Some(face) = face {
            image = crop_face(&image, face, self.options.margin).map_err(|error| after(&error))?;
        }
        self.encoder.prepare(&image).map_err(|error| after(&error))
    }

    pub(super) fn encode(
        &self,
        batch: Batch,
        schema: &SchemaRef,
        writer: &mut PartWriter<&mut File>,
        rejects: &mut Vec<Reject>,
    ) -> Result<()> {
        let paths = strings(&batch.samples, "image_path", self.source.path)?;
        let ids = strings(&batch.samples, "sample_id", self.source.path)?;
        let mut reject = |row: usize, reason: String| {
            rejects.push(Reject {
                file: if paths.is_null(row) {
                    String::new()
                } else {
                    paths.value(row).to_owned()
                },
                line: batch.line + row,
                reason,
                sample: ids.value(row).to_owned(),
            });
        };
        let mut images = Vec::with_capacity(batch.images.len());
        let mut rows = Vec::with_capacity(batch.images.len());
        let mut digests = vec![String::new(); batch.images.len()];
        let mut failed = Vec::new();
        for (row, image) in batch.images.into_iter().enumerate() {
            match image {
                Ok(Prepared { image, digest }) => {
                    images.push(image);
                    digests[row] = digest;
                    rows.push(row);
                }
                Err(reason) => failed.push((row, reason)),
            }
        }
        let encoded = self.encoder.forward(&images)?;
        if encoded.len() != images.len() {
            return Err(Error::data(format!(
                "encoder \"{}\" gave {} results for {} images",
                self.encoder.name(),
                encoded.len(),
                images.len()
            )));
        }
        let mut keep = vec![false; batch.samples.num_rows()];
        let mut features = Vec::with_capacity(encoded.len());
        for (row, encoded) in rows.into_iter().zip(encoded) {
            let encoded = self.pooled(encoded)?;
            let dtype = self.metadata.dtype;
            let finite = all_finite(&encoded.global, dtype)
                && encoded.tokens.as_ref().is_none_or(|tokens| all_finite(tokens, dtype));
            if finite {
                keep[row] = true;
                features.push(encoded);
            } else {
                failed.push((row, format!("{AFTER_DECODING}its features are not finite numbers")));
            }
        }
        failed.sort_unstable();
        for (row, reason) in failed {
            reject(row, reason);
        }
        let mut columns = batch.samples.columns().to_vec();
        columns.push(Arc::new(StringArray::from(digests)));
        let kept = RecordBatch::try_new(Arc::clone(schema), columns)
            .and_then(|samples| filter_record_batch(&samples, &BooleanArray::from(keep)))
            .at("filter", self.source.path)?;
        writer.write(&kept, &features)
    }

    fn pooled(&self, encoded: Encoded) -> Result<Encoded> {
        let (Some(to), Some(from)) = (self.metadata.tokens, self.encoder.tokens()) else {
            return Ok(Encoded {
                tokens: None,
                ..encoded
            });
        };
        let tokens = encoded.tokens.unwrap_or_default();
        if tokens.len() != from.values() {
            return Err(Error::data(format!(
                "encoder \"{}\" gave {} token values where it announced {}",
                self.encoder.name(),
                tokens.len(),
                from.values()
            )));
        }
        Ok(Encoded {
            global: encoded.global,
            tokens: Some(pool(&tokens, from, to)),
        })
    }
}
