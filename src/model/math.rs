//! Small tensor helpers and the random streams.

use std::cell::RefCell;

use burn::tensor::{Device, Int, Tensor, TensorData};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::counted::counted;
use crate::elementwise::on_host;
use crate::error::{Error, Result};

/// Guard below square roots and divisions of squared norms.
const TINY: f64 = 1e-12;

/// A matrix on the device from row-major host values.
pub fn matrix(values: Vec<f32>, rows: usize, cols: usize, device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values, [rows, cols]), device)
}

/// The values of a tensor on the host, row-major. Waits for the device.
///
/// # Errors
/// [`Error::Device`] if the device fails.
pub fn host<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    tensor
        .inner()
        .try_into_vec_as::<f32>()
        .map_err(|error| Error::Device(format!("cannot read a tensor back from the device: {error}")))
}

/// Integer values of a tensor on the host. Waits for the device.
///
/// # Errors
/// [`Error::Device`] if the device fails.
pub fn host_indices<const D: usize>(tensor: Tensor<D, Int>) -> Result<Vec<usize>> {
    let values = tensor
        .try_into_vec_as::<i64>()
        .map_err(|error| Error::Device(format!("cannot read indices back from the device: {error}")))?;
    Ok(values.into_iter().map(|v| usize::try_from(v).unwrap_or(0)).collect())
}

/// Rows divided by their Euclidean norm.
pub fn unit_rows(t: Tensor<2>) -> Tensor<2> {
    let norm = (t.clone().square().sum_dim(1) + TINY).sqrt();
    t / norm
}

/// Last axis divided by its Euclidean norm.
pub fn unit_tokens(t: Tensor<3>) -> Tensor<3> {
    let norm = (t.clone().square().sum_dim(2) + TINY).sqrt();
    t / norm
}

thread_local! {
    static NUMBERS: RefCell<Vec<Tensor<1, Int>>> = const { RefCell::new(Vec::new()) };
}

/// 0, 1, …, n − 1. The host gives a device such numbers: once a thread, so that no step waits for them, and a recorded one has none to
/// be given.
fn numbers(n: usize, device: &Device) -> Tensor<1, Int> {
    let device = device.clone().inner();
    NUMBERS.with_borrow_mut(|known| {
        let same = |tensor: &&Tensor<1, Int>| tensor.dims() == [n] && tensor.device() == device;
        if let Some(found) = known.iter().find(same) {
            return found.clone();
        }
        let made = Tensor::<1, Int>::arange(0..n as i64, &device);
        known.push(made.clone());
        made
    })
}

/// n × K indicator of column indices (n × 1), without a copy to the host.
pub fn one_hot(index: Tensor<2, Int>, columns: usize, device: &Device) -> Tensor<2> {
    let rows = index.dims()[0];
    let range = numbers(columns, device).reshape([1, columns]).expand([rows, columns]);
    index.expand([rows, columns]).equal(range).float()
}

/// Rows of `table` (R × c) at `index`. On the processor their gradients are added row by row; a GPU would do that in one
/// long loop, and takes a product with an indicator instead.
pub fn rows_at(table: Tensor<2>, index: Tensor<1, Int>) -> Tensor<2> {
    if on_host(&table.device()) {
        table.select(0, index)
    } else {
        rows_by_indicator(table, index)
    }
}

fn rows_by_indicator(table: Tensor<2>, index: Tensor<1, Int>) -> Tensor<2> {
    let ([rows, _], [count]) = (table.dims(), index.dims());
    let indicator = one_hot(index.clone().reshape([count, 1]), rows, &table.device());
    let picked = indicator.matmul(table.clone());
    // Products may round: the value is that of the table.
    table.detach().select(0, index) + (picked.clone() - picked.detach())
}

/// K × K matrix of ones with a zero diagonal.
pub fn off_diagonal(k: usize, device: &Device) -> Tensor<2> {
    let numbers = numbers(k, device);
    let rows = numbers.clone().reshape([k, 1]).expand([k, k]);
    rows.not_equal(numbers.reshape([1, k]).expand([k, k])).float()
}

/// Normalises every row to mean 0 and variance 1 (layer normalisation without gain and offset).
pub fn normalise_rows(x: Tensor<2>) -> Tensor<2> {
    let centred = x.clone() - x.mean_dim(1);
    let variance = centred.clone().square().mean_dim(1);
    centred / (variance + 1e-5).sqrt()
}

/// What a random stream is for: streams of different purpose never share numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum Purpose {
    /// Start values of the parameters.
    Parameters = 1,
    /// Start of the dictionary.
    Dictionary = 2,
    /// Order of the samples.
    Order = 3,
    /// Dropout masks.
    Dropout = 4,
    /// Draws and noise of the reset.
    Reset = 5,
}

/// The random stream of a purpose at an epoch and step. Nothing of it needs saving: a resumed run opens the same stream.
pub fn stream(seed: u64, purpose: Purpose, epoch: usize, step: usize) -> ChaCha8Rng {
    let mut key = [0_u8; 32];
    for (place, word) in key
        .chunks_exact_mut(8)
        .zip([seed, purpose as u64, epoch as u64, step as u64])
    {
        place.copy_from_slice(&word.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

/// `count` values uniform in ±`bound`.
pub fn uniform(rng: &mut ChaCha8Rng, count: usize, bound: f32) -> Vec<f32> {
    (0..count).map(|_| (rng.random::<f32>() * 2.0 - 1.0) * bound).collect()
}

/// `count` values from the normal distribution with mean 0 and this standard deviation.
pub fn normal(rng: &mut ChaCha8Rng, count: usize, deviation: f32) -> Vec<f32> {
    (0..count)
        .map(|_| {
            let value: f32 = StandardNormal.sample(rng);
            value * deviation
        })
        .collect()
}

/// The numbers 0 … n−1 in random order (Fisher–Yates).
pub fn permutation(rng: &mut ChaCha8Rng, n: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    for last in (1..n).rev() {
        order.swap(last, rng.random_range(0..=last));
    }
    order
}

/// Random words that are drawn at once.
const BLOCK: usize = 256;

/// The values of a dropout mask: 0 with probability `rate`, else 1 / (1 − rate). `None` where nothing is dropped.
///
/// Masks are drawn on the host: the random state of a backend is global to the process, so that two runs side by side
/// would disturb each other.
pub fn dropout_values(rng: &mut ChaCha8Rng, count: usize, rate: f64) -> Option<Vec<f32>> {
    if rate <= 0.0 {
        return None;
    }
    // Sixteen bits a value: the rate is exact to 1/65536.
    let threshold = (rate * 65_536.0).round() as u32;
    let keep = (1.0 / (1.0 - f64::from(threshold) / 65_536.0)) as f32;
    let mut values = vec![0.0; count];
    let mut bytes = [0_u8; 4 * BLOCK];
    for block in values.chunks_mut(2 * BLOCK) {
        rng.fill_bytes(&mut bytes);
        counted(block.len(), |i| {
            let bits = u32::from(u16::from_le_bytes([bytes[2 * i], bytes[2 * i + 1]]));
            block[i] = if bits < threshold { 0.0 } else { keep };
        });
    }
    Some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_repeat_and_differ() {
        let draw = |purpose, epoch, step| uniform(&mut stream(7, purpose, epoch, step), 4, 1.0);
        assert_eq!(draw(Purpose::Order, 1, 0), draw(Purpose::Order, 1, 0));
        assert_ne!(draw(Purpose::Order, 1, 0), draw(Purpose::Order, 2, 0));
        assert_ne!(draw(Purpose::Order, 1, 0), draw(Purpose::Dropout, 1, 0));
    }

    #[test]
    fn permutations_hold_every_number_once() {
        let mut order = permutation(&mut stream(1, Purpose::Order, 1, 0), 100);
        order.sort_unstable();
        assert_eq!(order, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn masks_keep_the_expectation() -> Result<()> {
        let mask = dropout_values(&mut stream(1, Purpose::Dropout, 1, 0), 100 * 101, 0.2);
        let values = mask.ok_or_else(|| Error::data("no mask"))?;
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        assert!((mean - 1.0).abs() < 0.02, "{mean}");
        let dropped = values.iter().filter(|&&v| v == 0.0).count() as f32 / values.len() as f32;
        assert!((dropped - 0.2).abs() < 0.02, "{dropped}");
        Ok(())
    }

    /// Masks are part of what a seed means: sixteen bits of the stream a value, lower half of a word first.
    #[test]
    fn masks_follow_the_stream() -> Result<()> {
        let mask =
            dropout_values(&mut stream(1, Purpose::Dropout, 1, 0), 1001, 0.2).ok_or_else(|| Error::data("no mask"))?;
        let mut rng = stream(1, Purpose::Dropout, 1, 0);
        for pair in mask.chunks(2) {
            let word = rng.next_u32();
            for (value, bits) in pair.iter().zip([word & 0xffff, word >> 16]) {
                assert_eq!(*value == 0.0, bits < 13_107);
            }
        }
        Ok(())
    }

    #[test]
    fn rows_are_the_same_by_index_and_by_indicator() -> Result<()> {
        let device = Device::flex();
        let index = || Tensor::<1, Int>::from_data([2, 0, 2, 1], &device);
        let weight = matrix(uniform(&mut stream(2, Purpose::Reset, 0, 0), 12, 1.0), 4, 3, &device);
        let of = |rows: fn(Tensor<2>, Tensor<1, Int>) -> Tensor<2>| -> Result<(Vec<f32>, Vec<f32>)> {
            let values = uniform(&mut stream(1, Purpose::Reset, 0, 0), 12, 1.0);
            let table = matrix(values, 4, 3, &device).autodiff().require_grad();
            let picked = rows(table.clone(), index());
            let gradient = table.grad(&(picked.clone() * weight.clone()).sum().backward());
            Ok((
                host(picked)?,
                host(gradient.ok_or_else(|| Error::data("no gradient"))?)?,
            ))
        };
        assert_eq!(of(rows_at)?, of(rows_by_indicator)?);
        Ok(())
    }

    #[test]
    fn one_hot_marks_one_column() -> Result<()> {
        let device = Device::flex();
        let index = Tensor::<2, Int>::from_data([[2], [0]], &device);
        assert_eq!(host(one_hot(index, 3, &device))?, [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
        Ok(())
    }
}
