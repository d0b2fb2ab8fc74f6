//! Activations on the processor. Without calls into the C library, and with value and slope from one loop, the compiler makes
//! vectors of them; on a GPU they are those of the backend.

use burn::tensor::activation::{gelu as backend_gelu, sigmoid as backend_sigmoid};
use burn::tensor::{DType, Device, Tensor, TensorData};

/// Whether tensors of this device lie in host memory.
pub fn on_host(device: &Device) -> bool {
    device.clone().inner() == Device::flex()
}

/// GELU: x·Φ(x), with the normal distribution function Φ of Abramowitz and Stegun, 7.1.26, which is right to 1e-7.
pub fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    apply(x, backend_gelu, |x| {
        let bell = exp_of_negative(-0.5 * x * x);
        let t = 1.0 / (1.0 + 0.231_641_89 * x.abs());
        let tail = t * (-0.284_496_72 + t * (1.421_413_8 + t * (-1.453_152_1 + t * 1.061_405_4)));
        let tail = 0.5 * t * (0.254_829_6 + tail) * bell;
        let below = if x < 0.0 { tail } else { 1.0 - tail };
        (x * below, below + x * 0.398_942_3 * bell)
    })
}

/// The approximation of GELU that CLIP was trained with: x·σ(1.702 x).
pub fn quick_gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let backend = |x: Tensor<D>| x.clone() * backend_sigmoid(x * 1.702);
    apply(x, backend, |x| {
        let steep = 1.702 * x;
        let tail = exp_of_negative(-steep.abs());
        let share = if x < 0.0 { tail } else { 1.0 } / (1.0 + tail);
        (x * share, share + steep * share * (1.0 - share))
    })
}

/// A function of each value, from its value and slope; `backend` where those do not lie in host memory as f32.
fn apply<const D: usize>(
    x: Tensor<D>,
    backend: impl Fn(Tensor<D>) -> Tensor<D>,
    of: impl Fn(f32) -> (f32, f32),
) -> Tensor<D> {
    if !on_host(&x.device()) || x.dtype() != DType::F32 {
        return backend(x);
    }
    let shape = x.dims();
    let device = x.device().inner();
    let Ok(mut values) = x.clone().inner().try_into_vec_as::<f32>() else {
        return backend(x);
    };
    let tensor = |values: Vec<f32>| Tensor::from_data(TensorData::new(values, shape), &device);
    if !x.is_autodiff() {
        for value in &mut values {
            *value = of(*value).0;
        }
        return tensor(values);
    }
    let mut slopes = vec![0.0; values.len()];
    for (value, slope) in values.iter_mut().zip(&mut slopes) {
        (*value, *slope) = of(*value);
    }
    // The value is exact, the gradient that of the first term.
    (x.clone() - x.detach()) * tensor(slopes) + tensor(values)
}

/// e^x of x ≤ 0, to 1e-7: 2^k times a polynomial of what is left.
fn exp_of_negative(x: f32) -> f32 {
    // Added to a small number, it leaves the nearest whole number in the last bits.
    const WHOLE: f32 = 12_582_912.0;
    let power = (x * std::f32::consts::LOG2_E).max(-126.0);
    let whole = power + WHOLE;
    let rest = power - (whole - WHOLE);
    let polynomial = 0.009_618_129 + rest * (0.001_333_355_8 + rest * 0.000_154_035_3);
    let polynomial = std::f32::consts::LN_2 + rest * (0.240_226_5 + rest * (0.055_504_11 + rest * polynomial));
    let scale = f32::from_bits((whole.to_bits() << 23).wrapping_add(0x3f80_0000));
    if power > -126.0 {
        (1.0 + rest * polynomial) * scale
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against burn's own, which calls the C library.
    #[test]
    fn values_and_slopes_are_exact_to_single_precision() {
        let device = Device::flex();
        let points: Vec<f32> = (-2000..=2000).map(|i| i as f32 * 0.01).collect();
        let of = |function: &dyn Fn(Tensor<1>) -> Tensor<1>| -> Vec<f32> {
            let x = Tensor::<1>::from_data(points.as_slice(), &device)
                .autodiff()
                .require_grad();
            let y = function(x.clone());
            let plain = function(x.clone().inner());
            let slope = x.grad(&y.clone().sum().backward());
            let parts = [Some(y.inner()), Some(plain), slope];
            let vectors = parts
                .into_iter()
                .flatten()
                .map(|t| t.try_into_vec_as::<f32>().unwrap_or_default());
            vectors.flatten().collect()
        };
        let pairs = [
            (of(&gelu), of(&backend_gelu)),
            (
                of(&quick_gelu),
                of(&|x: Tensor<1>| x.clone() * backend_sigmoid(x * 1.702)),
            ),
        ];
        for (found, expected) in pairs {
            assert_eq!(found.len(), 3 * points.len());
            assert_eq!(expected.len(), 3 * points.len());
            for (found, expected) in found.iter().zip(&expected) {
                assert!(
                    (found - expected).abs() < 1e-6 * expected.abs().max(1.0),
                    "{found} {expected}"
                );
            }
        }
    }

    #[test]
    fn the_ends_are_right() {
        let device = Device::flex();
        for function in [gelu::<1>, quick_gelu::<1>] {
            let ends = function(Tensor::<1>::from_data([f32::NAN, 1e30, -1e30, 0.0], &device));
            let ends = ends.try_into_vec_as::<f32>().unwrap_or_default();
            assert!(ends[0].is_nan() && ends[1..] == [1e30, 0.0, 0.0], "{ends:?}");
        }
    }
}
