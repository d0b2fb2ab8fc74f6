//! AdamW: its settings, and a step in one pass over host memory.

use burn::tensor::{DataError, Tensor, TensorData};
use rayon::prelude::*;

use crate::counted::counted;
use crate::error::{Error, Result};

/// Settings of AdamW (Loshchilov and Hutter: decay apart from the gradient).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamW {
    /// Step size of this step.
    pub lr: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub eps: f64,
    /// Weight decay, for the parameters that take part in it.
    pub weight_decay: f64,
}

impl AdamW {
    /// What differs from step to step: the rate with the correction of the first moment, the correction of the root of the second
    /// (both after `steps` steps since moments were zero; without a correction where rows have ages of their own), and what
    /// weight decay leaves of a value.
    pub fn factors(&self, steps: Option<u64>, decays: bool) -> [f64; 3] {
        let correction = |beta: f64| steps.map_or(1.0, |steps| 1.0 - beta.powf(steps as f64));
        let decay = if decays { self.lr * self.weight_decay } else { 0.0 };
        [
            self.lr / correction(self.beta1),
            correction(self.beta2).sqrt().recip(),
            1.0 - decay,
        ]
    }
}

/// Values that one thread moves.
const STRIDE: usize = 1 << 14;

/// A step of AdamW: what is a dozen operations on a device, the same bits.
pub struct Pass {
    beta1: f32,
    rest1: f32,
    beta2: f32,
    rest2: f32,
    scale: f32,
    eps: f32,
    rate: f32,
    keep: f32,
}

impl Pass {
    /// The step number `steps` of a parameter, with weight decay if it `decays`.
    pub fn new(adam: &AdamW, steps: u64, decays: bool) -> Self {
        let [rate, scale, keep] = adam.factors(Some(steps), decays);
        Self {
            beta1: adam.beta1 as f32,
            rest1: (1.0 - adam.beta1) as f32,
            beta2: adam.beta2 as f32,
            rest2: (1.0 - adam.beta2) as f32,
            scale: scale as f32,
            eps: adam.eps as f32,
            rate: rate as f32,
            keep: keep as f32,
        }
    }

    /// Value and moments after it, of value, gradient, first and second moment.
    ///
    /// In the memory of the tensors themselves: handing values out and taking them back would copy each twice.
    ///
    /// # Errors
    /// [`Error::Device`] if they hold no f32 values.
    pub fn over(&self, tensors: [Tensor<2>; 4]) -> Result<[Tensor<2>; 3]> {
        let device = tensors[0].device();
        let [mut value, gradient, mut first, mut second] = tensors.map(Tensor::into_data);
        let moments = in_place(&mut first)?
            .par_chunks_mut(STRIDE)
            .zip(in_place(&mut second)?.par_chunks_mut(STRIDE));
        let gradient = gradient.as_slice::<f32>().map_err(|error| no_floats(&error))?;
        let values = in_place(&mut value)?
            .par_chunks_mut(STRIDE)
            .zip(gradient.par_chunks(STRIDE));
        values.zip(moments).for_each(|((value, gradient), (first, second))| {
            let count = value.len();
            let (gradient, first, second) = (&gradient[..count], &mut first[..count], &mut second[..count]);
            counted(count, |i| {
                first[i] = first[i] * self.beta1 + gradient[i] * self.rest1;
                second[i] = second[i] * self.beta2 + gradient[i] * gradient[i] * self.rest2;
                let step = first[i] / (second[i].sqrt() * self.scale + self.eps) * self.rate;
                value[i] = value[i] * self.keep - step;
            });
        });
        Ok([value, first, second].map(|data| Tensor::from_data(data, &device)))
    }
}

fn in_place(data: &mut TensorData) -> Result<&mut [f32]> {
    data.as_mut_slice::<f32>().map_err(|error| no_floats(&error))
}

fn no_floats(error: &DataError) -> Error {
    Error::Device(format!("a parameter holds no f32 values: {error:?}"))
}
