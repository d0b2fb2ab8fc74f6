//! Speed of an encoder: of pre-processing on the processor, and of the forward pass on its device.

use std::time::Instant;

use ::image::RgbImage;
use rand::Rng;
use rayon::prelude::*;
use serde::Serialize;

use crate::device::Resolved;
use crate::encoder::EncoderConfig;
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::model::math::{Purpose, stream};

/// What is measured.
#[derive(Debug, Clone)]
pub struct ExtractBench {
    /// The encoder; weights that mean nothing (`"random:0"`) cost as much as real ones.
    pub encoder: EncoderConfig,
    /// Images drawn.
    pub images: usize,
    /// Pixels a side of the drawn images.
    pub side: u32,
    /// Images a batch; the encoder's own choice if not given.
    pub batch: Option<usize>,
}

/// The result, for people and as JSON.
#[derive(Debug, Clone, Serialize)]
pub struct ExtractSpeed {
    /// The device.
    pub device: String,
    /// `cpu` or `cuda`.
    pub kind: &'static str,
    /// The encoder's name.
    pub encoder: String,
    /// Values of the global vector.
    pub global_dim: usize,
    /// Tokens an image.
    pub tokens: usize,
    /// Images measured.
    pub images: usize,
    /// Images a batch.
    pub batch: usize,
    /// Images brought to size a second, on all threads of the processor.
    pub prepared_per_second: f64,
    /// Images encoded a second, results read back.
    pub images_per_second: f64,
    /// The first batch, seconds: kernels are compiled and tuned in it.
    pub warm_up_seconds: f64,
    /// Device memory in use after the measurement, bytes, where the device tells it.
    pub memory_in_use_bytes: Option<u64>,
}

impl ExtractBench {
    /// Measures on `device` (`hog` always runs on the processor).
    ///
    /// # Errors
    /// [`Error::Usage`] for sizes that cannot be, [`Error::Data`] for missing weights, [`Error::Device`].
    pub fn run(&self, device: &Resolved, interrupt: &Interrupt) -> Result<ExtractSpeed> {
        if self.images == 0 || self.batch == Some(0) {
            return Err(Error::Usage("--images and --batch: expected at least 1".to_owned()));
        }
        if !(8..=4096).contains(&self.side) {
            return Err(Error::Usage(format!(
                "--side: expected 8 to 4096 pixels, found {}",
                self.side
            )));
        }
        let encoder = self.encoder.build_on(&device.device)?;
        let batch = self.batch.unwrap_or_else(|| encoder.batch_size());
        let drawn: Vec<RgbImage> = (0..self.images).map(|number| drawn(number, self.side)).collect();
        let clock = Instant::now();
        let prepared = drawn
            .par_iter()
            .map(|image| encoder.prepare(image))
            .collect::<Result<Vec<_>>>()?;
        let preparing = clock.elapsed().as_secs_f64().max(1e-9);

        let clock = Instant::now();
        encoder.forward(&prepared[..batch.min(prepared.len())])?;
        let warm_up_seconds = clock.elapsed().as_secs_f64();
        let clock = Instant::now();
        let mut encoded = 0;
        for part in prepared.chunks(batch) {
            interrupt.check()?;
            encoded += encoder.forward(part)?.len();
        }
        let encoding = clock.elapsed().as_secs_f64().max(1e-9);
        Ok(ExtractSpeed {
            device: device.name.clone(),
            kind: device.kind,
            encoder: encoder.name().to_owned(),
            global_dim: encoder.global_dim(),
            tokens: encoder.tokens().map_or(0, |shape| shape.count()),
            images: encoded,
            batch,
            prepared_per_second: self.images as f64 / preparing,
            images_per_second: encoded as f64 / encoding,
            warm_up_seconds,
            memory_in_use_bytes: device.device.memory_pool_usage().map(|usage| usage.bytes_in_use),
        })
    }
}

/// Noise: what pixels say does not change the work.
fn drawn(number: usize, side: u32) -> RgbImage {
    let mut image = RgbImage::new(side, side);
    stream(0, Purpose::Parameters, number, 1).fill_bytes(&mut image);
    image
}

impl ExtractSpeed {
    /// Lines for people.
    pub fn to_text(&self) -> String {
        let memory = self.memory_in_use_bytes.map_or(String::new(), |bytes| {
            format!(
                "\nmemory        {:.2} GiB in use on the device",
                bytes as f64 / f64::from(1 << 30)
            )
        });
        format!(
            "device        {}\n\
             encoder       {}, {} values, {} tokens\n\
             preparation   {:.1} images/s on the processor\n\
             encoding      {:.1} images/s ({} images, batches of {}; first batch {:.2} s){memory}",
            self.device,
            self.encoder,
            self.global_dim,
            self.tokens,
            self.prepared_per_second,
            self.images_per_second,
            self.images,
            self.batch,
            self.warm_up_seconds,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::DeviceChoice;

    #[test]
    fn an_encoder_without_weights_is_measured() -> Result<()> {
        let bench = ExtractBench {
            encoder: EncoderConfig::default(),
            images: 5,
            side: 64,
            batch: Some(2),
        };
        let found = bench.run(&DeviceChoice::Cpu.resolve()?, &Interrupt::default())?;
        assert_eq!((found.images, found.batch, found.encoder.as_str()), (5, 2, "hog"));
        assert!(found.images_per_second > 0.0 && found.to_text().contains("images/s"));
        let none = ExtractBench { images: 0, ..bench };
        let error = none.run(&DeviceChoice::Cpu.resolve()?, &Interrupt::default()).err();
        assert_eq!(error.map(|e| e.exit_code()), Some(crate::error::exit::USAGE));
        Ok(())
    }
}
