//! Running means of a gradient, and the step that AdamW takes by them.

use burn::tensor::{Device, Tensor};

use crate::elementwise::on_host;
use crate::error::Result;

use super::adamw::{AdamW, Pass};

/// Running means of a parameter's gradient.
#[derive(Debug, Clone)]
pub struct Moments {
    /// Of the gradient, in the parameter's shape.
    pub first: Tensor<2>,
    /// Of its square.
    pub second: Tensor<2>,
    /// Steps since they were zero, for the bias correction.
    pub age: Age,
}

/// Steps since moments were zero.
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "one a parameter, beside two tensors of the same size"
)]
pub enum Age {
    /// Alike for the whole parameter.
    Whole(u64),
    /// Of each row, r × 1: rows can be forgotten one by one.
    Rows(Tensor<2>),
}

impl Age {
    /// As a matrix: 1 × 1 for a whole parameter, r × 1 by rows.
    pub fn tensor(&self, device: &Device) -> Tensor<2> {
        match self {
            Self::Whole(steps) => Tensor::full([1, 1], *steps as f64, device),
            Self::Rows(rows) => rows.clone(),
        }
    }
}

impl Moments {
    /// Those of a parameter that has not moved yet.
    pub fn of(value: &Tensor<2>) -> Self {
        Self {
            first: value.zeros_like(),
            second: value.zeros_like(),
            age: Age::Whole(0),
        }
    }

    /// The value after one AdamW step along `gradient`, with weight decay if it `decays`.
    ///
    /// # Errors
    /// [`Error::Device`] if the device fails.
    pub fn step(&mut self, value: Tensor<2>, gradient: Tensor<2>, decays: bool, adam: &AdamW) -> Result<Tensor<2>> {
        // Where this crate is not optimised, the operations are: they are faster there, and the bits are the same.
        if !cfg!(debug_assertions) && on_host(&value.device()) {
            self.step_in_one_pass(value, gradient, decays, adam)
        } else {
            Ok(self.step_by_operations(value, gradient, decays, adam))
        }
    }

    /// [`Self::step`], with factors from the device's memory where they are `given`.
    pub(crate) fn any_step(
        &mut self,
        moving: [Tensor<2>; 2],
        decays: bool,
        adam: &AdamW,
        given: Option<Tensor<2>>,
    ) -> Result<Tensor<2>> {
        let [value, gradient] = moving;
        match given {
            Some(factors) => Ok(self.step_given([value, gradient], decays, adam, &factors)),
            None => self.step(value, gradient, decays, adam),
        }
    }

    pub(crate) fn moving(&mut self) -> Vec<&mut Tensor<2>> {
        let mut found = vec![&mut self.first, &mut self.second];
        if let Age::Rows(rows) = &mut self.age {
            found.push(rows);
        }
        found
    }

    pub(crate) fn step_in_one_pass(
        &mut self,
        value: Tensor<2>,
        gradient: Tensor<2>,
        decays: bool,
        adam: &AdamW,
    ) -> Result<Tensor<2>> {
        let Age::Whole(steps) = &mut self.age else {
            return Ok(self.step_by_operations(value, gradient, decays, adam));
        };
        *steps += 1;
        let pass = Pass::new(adam, *steps, decays);
        let moved = pass.over([value, gradient, taken(&mut self.first), taken(&mut self.second)])?;
        let [value, first, second] = moved;
        (self.first, self.second) = (first, second);
        Ok(value)
    }

    pub(crate) fn step_by_operations(
        &mut self,
        value: Tensor<2>,
        gradient: Tensor<2>,
        decays: bool,
        adam: &AdamW,
    ) -> Tensor<2> {
        let factors = adam.factors(self.aged(1), decays).map(Factor::Number);
        self.moved([value, gradient], decays, adam, factors)
    }

    /// As [`Self::step`], by operations, with [`AdamW::factors`] from the device's memory (1 × 3).
    fn step_given(&mut self, moving: [Tensor<2>; 2], decays: bool, adam: &AdamW, factors: &Tensor<2>) -> Tensor<2> {
        self.aged(1);
        let factors = [0, 1, 2].map(|i| Factor::Given(factors.clone().slice([0..1, i..i + 1])));
        self.moved(moving, decays, adam, factors)
    }

    /// The age after so many more steps, if it is one of the whole parameter.
    pub(crate) fn aged(&mut self, more: u64) -> Option<u64> {
        match &mut self.age {
            Age::Whole(steps) => {
                *steps += more;
                Some(*steps)
            }
            Age::Rows(_) => None,
        }
    }

    fn moved(&mut self, moving: [Tensor<2>; 2], decays: bool, adam: &AdamW, factors: [Factor; 3]) -> Tensor<2> {
        let ([value, gradient], [rate, scale, keep]) = (moving, factors);
        self.first = self.first.clone() * adam.beta1 + gradient.clone() * (1.0 - adam.beta1);
        self.second = self.second.clone() * adam.beta2 + gradient.square() * (1.0 - adam.beta2);
        let root = self.second.clone().sqrt();
        let step = match &mut self.age {
            Age::Whole(_) => rate.of(self.first.clone() / (scale.of(root) + adam.eps)),
            Age::Rows(rows) => {
                *rows = rows.clone() + 1.0;
                let correction = |beta: f64| (rows.clone() * beta.ln()).exp().neg() + 1.0;
                let rate = rate.of(correction(adam.beta1).recip());
                let scale = correction(adam.beta2).sqrt().recip();
                self.first.clone() / (root * scale + adam.eps) * rate
            }
        };
        if decays && adam.weight_decay > 0.0 {
            keep.of(value) - step
        } else {
            value - step
        }
    }
}

/// A number of a step: from the host, or 1 × 1 from the device's memory, where a recorded step reads it anew every time.
#[expect(clippy::large_enum_variant, reason = "three a parameter, for the time of a step")]
enum Factor {
    Number(f64),
    Given(Tensor<2>),
}

impl Factor {
    /// Its product with a tensor.
    fn of(&self, tensor: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Number(number) => tensor * *number,
            Self::Given(given) => tensor * given.clone(),
        }
    }
}

/// Takes a tensor out, so that a step can write into its memory.
pub fn taken(tensor: &mut Tensor<2>) -> Tensor<2> {
    let empty = Tensor::empty([0, 0], &tensor.device());
    std::mem::replace(tensor, empty)
}
