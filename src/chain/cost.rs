//! The calibration that training speed is measured against.

use std::time::{Duration, Instant};

use burn::tensor::Device;

use crate::error::Result;
use crate::model::math::{host, matrix};

/// Side of the matrices.
const SIDE: usize = 256;
/// Products between two looks at the clock.
const BATCH: usize = 8;
/// How long is measured.
const LONG: Duration = Duration::from_millis(150);

/// Products of two [`SIDE`] × [`SIDE`] matrices a second: the fastest batch, since whatever else the machine does only slows.
///
/// # Errors
/// [`crate::error::Error::Device`] if the device fails.
pub fn calibrate(device: &Device) -> Result<f64> {
    let values: Vec<f32> = (0..SIDE * SIDE).map(|i| (i % 17) as f32 / 17.0 - 0.5).collect();
    let factor = matrix(values, SIDE, SIDE, device);
    let mut best = 0.0_f64;
    let started = Instant::now();
    // The first batch warms up caches and, on a GPU, compiles kernels.
    for round in 0.. {
        let clock = Instant::now();
        let mut product = factor.clone();
        for _ in 0..BATCH {
            product = product.matmul(factor.clone()) * 0.01;
        }
        host(product.slice([0..1, 0..1]))?;
        if round > 0 {
            best = best.max(BATCH as f64 / clock.elapsed().as_secs_f64());
            if started.elapsed() > LONG {
                break;
            }
        }
    }
    Ok(best)
}
