//! Named parameters and their AdamW.
//!
//! The optimiser is written out, because a reset must be able to clear the moments of single rows of the dictionary, and
//! because weight decay applies to matrices of the networks only, not to offsets, gains and archetypes.

use std::collections::BTreeMap;

use burn::tensor::{Device, Gradients, Tensor};

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

/// One parameter matrix with its moments. Vectors are matrices of one row.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Values, r × c.
    pub value: Tensor<2>,
    /// Running mean of the gradient, r × c.
    pub first: Tensor<2>,
    /// Running mean of the squared gradient, r × c.
    pub second: Tensor<2>,
    /// Steps taken since the moments of a row were zero, r × 1: the bias correction is each row's own.
    pub age: Tensor<2>,
    /// Whether weight decay applies.
    pub decays: bool,
}

impl Parameter {
    /// A parameter that has not moved yet.
    pub fn new(value: Tensor<2>, decays: bool) -> Self {
        let [rows, _] = value.dims();
        let device = value.device();
        Self {
            first: value.zeros_like(),
            second: value.zeros_like(),
            age: Tensor::zeros([rows, 1], &device),
            value,
            decays,
        }
    }

    /// One AdamW step along `gradient`.
    pub fn step(&mut self, gradient: Tensor<2>, adam: &AdamW) {
        let correction = |age: Tensor<2>, beta: f64| (age * beta.ln()).exp().neg() + 1.0;
        self.age = self.age.clone() + 1.0;
        self.first = self.first.clone() * adam.beta1 + gradient.clone() * (1.0 - adam.beta1);
        self.second = self.second.clone() * adam.beta2 + gradient.square() * (1.0 - adam.beta2);
        let rate = correction(self.age.clone(), adam.beta1).recip() * adam.lr;
        let scale = correction(self.age.clone(), adam.beta2).sqrt().recip();
        let direction = self.first.clone() / (self.second.clone().sqrt() * scale + adam.eps);
        let mut value = self.value.clone();
        if self.decays && adam.weight_decay > 0.0 {
            value = value * (1.0 - adam.lr * adam.weight_decay);
        }
        self.value = value - direction * rate;
    }

    /// Clears moments and age of the rows where `keep` (r × 1) is 0.
    pub fn forget_rows(&mut self, keep: &Tensor<2>) {
        self.first = self.first.clone() * keep.clone();
        self.second = self.second.clone() * keep.clone();
        self.age = self.age.clone() * keep.clone();
    }
}

/// Matrices with their names.
pub type Named = Vec<(String, Tensor<2>)>;

/// Tensors by name: the parameters as a forward pass sees them.
#[derive(Debug, Clone, Default)]
pub struct Leaves(BTreeMap<String, Tensor<2>>);

impl Leaves {
    /// The tensor of this name.
    ///
    /// # Errors
    /// [`Error::Data`] if there is none: a model file that does not fit its own description.
    pub fn get(&self, name: &str) -> Result<Tensor<2>> {
        self.0.get(name).cloned().ok_or_else(|| {
            Error::data(format!(
                "the model has no parameter {name:?}; the file belongs to another version"
            ))
        })
    }

    /// Adds or replaces a tensor.
    pub fn insert(&mut self, name: impl Into<String>, tensor: Tensor<2>) {
        self.0.insert(name.into(), tensor);
    }

    /// Whether there is a tensor of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// All tensors in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Tensor<2>)> {
        self.0.iter()
    }

    /// Takes the gradient of every tensor that a loss reached, in the order of the names.
    pub fn gradients(&self, gradients: &mut Gradients) -> Named {
        let reached = |(name, leaf): (&String, &Tensor<2>)| Some((name.clone(), leaf.grad_remove(gradients)?));
        self.0.iter().filter_map(reached).collect()
    }
}

/// All parameters of a model by name.
#[derive(Debug, Clone, Default)]
pub struct Store(BTreeMap<String, Parameter>);

impl Store {
    /// Adds a parameter.
    pub fn insert(&mut self, name: impl Into<String>, parameter: Parameter) {
        self.0.insert(name.into(), parameter);
    }

    /// The parameter of this name.
    ///
    /// # Errors
    /// [`Error::Data`] if there is none.
    pub fn get(&self, name: &str) -> Result<&Parameter> {
        self.0
            .get(name)
            .ok_or_else(|| Error::data(format!("the model has no parameter {name:?}")))
    }

    /// The parameter of this name, to be changed.
    ///
    /// # Errors
    /// [`Error::Data`] if there is none.
    pub fn get_mut(&mut self, name: &str) -> Result<&mut Parameter> {
        self.0
            .get_mut(name)
            .ok_or_else(|| Error::data(format!("the model has no parameter {name:?}")))
    }

    /// All parameters in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Parameter)> {
        self.0.iter()
    }

    /// All parameters in the order of their names, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&String, &mut Parameter)> {
        self.0.iter_mut()
    }

    /// The values as leaves of a new gradient tape.
    pub fn tracked(&self) -> Leaves {
        Leaves(
            self.0
                .iter()
                .map(|(name, p)| (name.clone(), p.value.clone().autodiff().require_grad()))
                .collect(),
        )
    }

    /// The values without gradients.
    pub fn values(&self) -> Leaves {
        Leaves(self.0.iter().map(|(name, p)| (name.clone(), p.value.clone())).collect())
    }

    /// One AdamW step of every parameter that the loss reached; the others stay as they are.
    pub fn step(&mut self, leaves: &Leaves, gradients: &mut Gradients, adam: impl Fn(&str) -> AdamW) {
        for (name, parameter) in &mut self.0 {
            let gradient = leaves.0.get(name).and_then(|leaf| leaf.grad_remove(gradients));
            if let Some(gradient) = gradient {
                parameter.step(gradient, &adam(name));
            }
        }
    }
}

/// Zeros, one row.
pub fn zeros_row(cols: usize, device: &Device) -> Tensor<2> {
    Tensor::zeros([1, cols], device)
}
