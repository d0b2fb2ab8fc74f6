//! Speed of an encoder: of pre-processing on the processor, of the forward pass on its device, and of the whole way from
//! files to a feature table; on request beside `transformers` with a `DataLoader` on the same files.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use ::image::RgbImage;
use rand::Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::device::machine::Resolved;
use crate::encoder::config::{EncoderConfig, EncoderKind};
use crate::encoder::interface::Encoder;
use crate::error::{Context, Error, Result};
use crate::feature::shard::Shard;
use crate::feature::{Extraction, FeaturesConfig, FolderSamples};
use crate::image::{DecodeLimits, Filter, decode, resize};
use crate::interrupt::Interrupt;
use crate::model::math::{Purpose, stream};
use crate::progress::Progress;

/// The same work in Python.
const PEER: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/encoder.py"));
/// What it shares with other peers.
const PEER_COMMON: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/common.py"));

/// Pixels of a drawn image to one pixel of the noise that it is made of.
const SMOOTH: u32 = 8;

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
    /// A Python with torch and transformers, to be measured on the same files.
    pub peer: Option<PathBuf>,
}

/// The result, for people and as JSON.
#[derive(Debug, Clone, Serialize)]
pub struct ExtractSpeed {
    /// The device.
    pub device: String,
    /// `cpu`, `cuda` or `gpu`.
    pub kind: &'static str,
    /// Threads of the processor.
    pub threads: usize,
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
    /// Images decoded and brought to size a second, on all threads of the processor.
    pub prepared_per_second: f64,
    /// Images encoded a second, results read back.
    pub images_per_second: f64,
    /// Images a second from files to a feature table: decoded, brought to size, encoded, written.
    pub extracted_per_second: f64,
    /// The first batch, seconds: kernels are compiled and tuned in it.
    pub warm_up_seconds: f64,
    /// Device memory in use after the measurement, bytes, where the device tells it.
    pub memory_in_use_bytes: Option<u64>,
    /// The same in Python.
    pub peer: Option<PeerSpeed>,
}

/// What the peer measured, on the same files in batches of the same size.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PeerSpeed {
    /// Version of torch.
    pub torch: String,
    /// Version of transformers.
    pub transformers: String,
    /// As it comes.
    pub eager: PeerNumbers,
    /// Through `torch.compile`, where it was asked for and the machine can.
    pub compiled: Option<PeerNumbers>,
}

/// Speeds of the peer, named as in [`ExtractSpeed`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PeerNumbers {
    /// Images encoded a second, results read back.
    pub images_per_second: f64,
    /// Images a second from files to features in memory, through a `DataLoader`.
    pub extracted_per_second: f64,
}

impl ExtractBench {
    /// Measures on `device` (`hog` always runs on the processor).
    ///
    /// # Errors
    /// [`Error::Usage`] for sizes that cannot be, or a peer for `hog`; [`Error::Data`] for missing weights or a peer that
    /// fails; [`Error::Io`] if the drawn images cannot be written; [`Error::Device`].
    pub fn run(&self, device: &Resolved, interrupt: &Interrupt) -> Result<ExtractSpeed> {
        if self.images == 0 || self.batch == Some(0) {
            return Err(Error::Usage("images and batch: expected at least 1".to_owned()));
        }
        if !(8..=4096).contains(&self.side) {
            return Err(Error::Usage(format!(
                "side: expected 8 to 4096 pixels, found {}",
                self.side
            )));
        }
        if self.peer.is_some() && self.encoder.kind == EncoderKind::Hog {
            return Err(Error::Usage(
                "peer: transformers has no hog; expected clip, dino or dinov2".to_owned(),
            ));
        }
        let encoder = self.encoder.build_on(&device.device)?;
        let batch = self.batch.unwrap_or_else(|| encoder.batch_size());
        let folder = tempfile::tempdir().at("create a folder in", &std::env::temp_dir())?;
        let files = self.draw(folder.path())?;
        let clock = Instant::now();
        let prepared = files
            .par_iter()
            .map(|file| {
                let image = decode(file, &DecodeLimits::default()).at("read", file)?;
                encoder.prepare(&image)
            })
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
        let memory_in_use_bytes = device.device.memory_pool_usage().map(|usage| usage.bytes_in_use);
        Ok(ExtractSpeed {
            device: device.name.clone(),
            kind: device.kind,
            threads: rayon::current_num_threads(),
            encoder: encoder.name().to_owned(),
            global_dim: encoder.global_dim(),
            tokens: encoder.tokens().map_or(0, |shape| shape.count()),
            images: encoded,
            batch,
            prepared_per_second: self.images as f64 / preparing,
            images_per_second: encoded as f64 / encoding,
            extracted_per_second: extracted(encoder.as_ref(), folder.path(), batch, interrupt)?,
            warm_up_seconds,
            memory_in_use_bytes,
            peer: match &self.peer {
                Some(python) => Some(self.peer(python, folder.path(), batch, device.kind)?),
                None => None,
            },
        })
    }

    /// Draws the images, as JPEG files below `folder`.
    fn draw(&self, folder: &Path) -> Result<Vec<PathBuf>> {
        let images = folder.join("images");
        std::fs::create_dir(&images).at("create the folder", &images)?;
        (0..self.images)
            .into_par_iter()
            .map(|number| {
                let file = images.join(format!("{number:06}.jpg"));
                drawn(number, self.side)?.save(&file).at("write", &file)?;
                Ok(file)
            })
            .collect()
    }

    /// Runs the peer on the files below `folder`.
    fn peer(&self, python: &Path, folder: &Path, batch: usize, kind: &str) -> Result<PeerSpeed> {
        let script = folder.join("encoder.py");
        std::fs::write(&script, PEER).at("write", &script)?;
        let common = folder.join("common.py");
        std::fs::write(&common, PEER_COMMON).at("write", &common)?;
        let mut command = Command::new(python);
        command
            .arg(&script)
            .args([
                "--json",
                "--device",
                kind,
                "--encoder",
                self.encoder.kind.as_str(),
                "--folder",
            ])
            .arg(folder.join("images"))
            .args(["--batch", &batch.to_string()])
            .args(["--threads", &rayon::current_num_threads().to_string()]);
        if kind == "cpu" {
            command.arg("--no-compile");
        }
        let output = command.output().at("start", python)?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let lines: Vec<&str> = said.lines().rev().take(4).collect();
            return Err(Error::data(format!(
                "peer: {} failed; expected a Python with torch, transformers and Pillow\n{}",
                python.display(),
                lines.into_iter().rev().collect::<Vec<_>>().join("\n")
            )));
        }
        serde_json::from_slice(&output.stdout).at("read the output of", python)
    }
}

/// Images a second from the files below `folder` to a feature table beside them.
fn extracted(encoder: &dyn Encoder, folder: &Path, batch: usize, interrupt: &Interrupt) -> Result<f64> {
    let images = folder.join("images");
    let samples = folder.join("samples.parquet");
    FolderSamples::of(&images).and_then(|found| found.write(&samples))?;
    let options = FeaturesConfig {
        batch: u32::try_from(batch).ok(),
        ..FeaturesConfig::default()
    };
    let report = Extraction {
        samples: &samples,
        data_root: &images,
        encoder,
        options: &options,
        out: &folder.join("table"),
        shard: Shard::WHOLE,
    }
    .run(Progress::hidden(), interrupt)?;
    Ok(report.images_per_second)
}

/// Smooth noise: what pixels say does not change the work, but files of pure noise would be larger than photographs.
fn drawn(number: usize, side: u32) -> Result<RgbImage> {
    let small = side.div_ceil(SMOOTH);
    let mut noise = RgbImage::new(small, small);
    stream(0, Purpose::Parameters, number, 1).fill_bytes(&mut noise);
    resize(&noise, side, side, Filter::Bicubic)
}

impl ExtractSpeed {
    /// Lines for people.
    pub fn to_text(&self) -> String {
        let mut text = format!(
            "device        {}\n\
             encoder       {}, {} values, {} tokens\n\
             preparation   {:.1} images/s on {} threads of the processor\n\
             encoding      {:.1} images/s ({} images, batches of {}; first batch {:.2} s)\n\
             extraction    {:.1} images/s from files to a feature table",
            self.device,
            self.encoder,
            self.global_dim,
            self.tokens,
            self.prepared_per_second,
            self.threads,
            self.images_per_second,
            self.images,
            self.batch,
            self.warm_up_seconds,
            self.extracted_per_second,
        );
        if let Some(bytes) = self.memory_in_use_bytes {
            text.push_str(&format!(
                "\nmemory        {:.2} GiB in use on the device",
                bytes as f64 / f64::from(1 << 30)
            ));
        }
        if let Some(peer) = &self.peer {
            text.push_str(&format!(
                "\npeer          torch {}, transformers {}, DataLoader, same files, batches and threads",
                peer.torch, peer.transformers
            ));
            for (name, numbers) in [("eager", Some(&peer.eager)), ("compiled", peer.compiled.as_ref())] {
                if let Some(numbers) = numbers {
                    text.push_str(&format!(
                        "\n  {name:<12}encoding {:.1} images/s (ratio {:.2}), extraction {:.1} images/s (ratio {:.2})",
                        numbers.images_per_second,
                        self.images_per_second / numbers.images_per_second,
                        numbers.extracted_per_second,
                        self.extracted_per_second / numbers.extracted_per_second,
                    ));
                }
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::choice::DeviceChoice;

    #[test]
    fn an_encoder_without_weights_is_measured() -> Result<()> {
        let bench = ExtractBench {
            encoder: EncoderConfig::default(),
            images: 5,
            side: 64,
            batch: Some(2),
            peer: None,
        };
        let found = bench.run(&DeviceChoice::Cpu.resolve()?, &Interrupt::default())?;
        assert_eq!((found.images, found.batch, found.encoder.as_str()), (5, 2, "hog"));
        assert!(found.images_per_second > 0.0 && found.extracted_per_second > 0.0);
        assert!(found.to_text().contains("images/s from files"));
        for wrong in [
            ExtractBench {
                images: 0,
                ..bench.clone()
            },
            ExtractBench {
                peer: Some("python3".into()),
                ..bench
            },
        ] {
            let error = wrong.run(&DeviceChoice::Cpu.resolve()?, &Interrupt::default()).err();
            assert_eq!(error.map(|e| e.exit_code()), Some(crate::error::exit::USAGE));
        }
        Ok(())
    }

    #[test]
    fn the_peer_is_held_against_ours() -> Result<()> {
        // Stands for Python: what a peer prints, from a shell.
        let folder = tempfile::tempdir().at("create a folder in", &std::env::temp_dir())?;
        let script = folder.path().join("python");
        let said = r#"{"torch":"2","transformers":"5","eager":{"images_per_second":0.5,"extracted_per_second":0.25}}"#;
        std::fs::write(&script, format!("#!/bin/sh\ntest -d \"$8\" && echo '{said}'\n")).at("write", &script)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).at("write", &script)?;
            let bench = ExtractBench {
                encoder: EncoderConfig {
                    kind: EncoderKind::Dino,
                    weights: Some(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/vit/dino").to_owned()),
                    ..EncoderConfig::default()
                },
                images: 3,
                side: 40,
                batch: Some(2),
                peer: Some(script),
            };
            let found = bench.run(&DeviceChoice::Cpu.resolve()?, &Interrupt::default())?;
            let text = found.to_text();
            assert!(text.contains("eager       encoding 0.5 images/s (ratio "), "{text}");
            let failing = ExtractBench {
                peer: Some("false".into()),
                ..bench
            };
            let error = failing.run(&DeviceChoice::Cpu.resolve()?, &Interrupt::default()).err();
            assert_eq!(error.map(|e| e.exit_code()), Some(crate::error::exit::DATA));
        }
        Ok(())
    }
}
