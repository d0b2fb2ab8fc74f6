//! Draws from the distributions that faces are made of.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// A number from a bell-shaped distribution around 0, never beyond ±1.
pub(crate) fn bell(rng: &mut ChaCha8Rng) -> f32 {
    (rng.random::<f32>() + rng.random::<f32>() + rng.random::<f32>()) / 1.5 - 1.0
}

pub(crate) fn pick<T: Copy>(rng: &mut ChaCha8Rng, table: &[(T, f32)], otherwise: T) -> T {
    let total: f32 = table.iter().map(|&(_, weight)| weight).sum();
    let mut left = rng.random::<f32>() * total;
    for &(value, weight) in table {
        if left < weight {
            return value;
        }
        left -= weight;
    }
    otherwise
}
