//! Positions for another number of patches than the model was trained with.

use crate::image::Filter;

/// Position embeddings (1 + from², D) resampled to (1 + to², D): the class token's stays, the patches' are interpolated
/// bicubically as `torch.nn.functional.interpolate` does it, pixel centres aligned; antialiased for models with registers,
/// which were trained so.
pub(crate) fn resample_positions(position: &[f32], from: usize, to: usize, d: usize, antialias: bool) -> Vec<f32> {
    if from == to {
        return position.to_vec();
    }
    let (class, patches) = position.split_at(d);
    let taps: Vec<Vec<(usize, f64)>> = if antialias {
        let taps = Filter::Bicubic.taps(from, to).into_iter();
        taps.map(|(first, weights)| (first..).zip(weights).collect()).collect()
    } else {
        (0..to).map(|i| cubic_taps(i, from, to).to_vec()).collect()
    };
    let mut result = class.to_vec();
    let mut sum = vec![0.0_f64; d];
    for rows in &taps {
        for cols in &taps {
            sum.fill(0.0);
            for &(row, wy) in rows {
                for &(col, wx) in cols {
                    let start = (row * from + col) * d;
                    for (sum, &value) in sum.iter_mut().zip(&patches[start..start + d]) {
                        *sum += wy * wx * f64::from(value);
                    }
                }
            }
            result.extend(sum.iter().map(|&s| s as f32));
        }
    }
    result
}

/// The four source positions of target `i` and their weights (a = -0.75); positions beyond the border repeat it.
pub(crate) fn cubic_taps(i: usize, from: usize, to: usize) -> [(usize, f64); 4] {
    const A: f64 = -0.75;
    let centre = (i as f64 + 0.5) * from as f64 / to as f64 - 0.5;
    let base = centre.floor();
    let t = centre - base;
    let near = |x: f64| ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0;
    let far = |x: f64| ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A;
    let weights = [far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)];
    std::array::from_fn(|k| {
        let position = base + k as f64 - 1.0;
        (position.clamp(0.0, (from - 1) as f64) as usize, weights[k])
    })
}
