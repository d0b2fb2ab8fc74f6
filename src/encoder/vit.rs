//! One vision transformer for CLIP's image tower, DINO and `DINOv2`: they differ in a few switches.
//!
//! Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021; Radford et al., "Learning Transferable Visual Models From
//! Natural Language Supervision", ICML 2021; Caron et al., "Emerging Properties in Self-Supervised Vision Transformers",
//! ICCV 2021; Oquab et al., "`DINOv2`", TMLR 2024. Inference only, no dropout.

use std::collections::BTreeMap;

use ::image::RgbImage;
use burn::tensor::activation::silu;
use burn::tensor::module::{attention, layer_norm, linear};
use burn::tensor::ops::AttentionModuleOptions;
use burn::tensor::{Device, FloatDType, Tensor, TensorData};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::elementwise::{gelu, on_host, quick_gelu};
use crate::error::{Error, Result};
use crate::image::Preprocess;

use super::architecture::{Activation, Architecture, Global};
use super::interface::{Encoded, TokenShape};

/// Memory that the attention weights of one batch may take, in bytes.
const ATTENTION_BYTES: usize = 1 << 30;

/// Largest batch on the processor, where more images together are no faster.
const HOST_BATCH: usize = 16;

/// Largest batch on a GPU, enough to keep it busy.
const DEVICE_BATCH: usize = 128;

/// Images that are encoded together on the processor. Matrix products use all of its threads, but the steps between them one
/// each: small groups side by side keep all threads busy. The number is fixed, so that results do not hang on the machine.
const TOGETHER: usize = 2;

/// In what numbers the matrix products are computed. Normalisations and the sums between blocks stay in single precision
/// throughout, so that rounding does not add up from block to block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// Single precision.
    #[default]
    F32,
    /// Half precision: 11 significant bits, up to 65,504.
    F16,
    /// Brain floating point: 8 significant bits, the range of single precision.
    Bf16,
}

impl Precision {
    /// `tensor` in these numbers.
    fn enter<const D: usize>(self, tensor: Tensor<D>) -> Tensor<D> {
        match self {
            Self::F32 => tensor,
            Self::F16 => tensor.cast(FloatDType::F16),
            Self::Bf16 => tensor.cast(FloatDType::BF16),
        }
    }

    /// `tensor` in single precision again.
    fn leave<const D: usize>(self, tensor: Tensor<D>) -> Tensor<D> {
        match self {
            Self::F32 => tensor,
            Self::F16 | Self::Bf16 => tensor.cast(FloatDType::F32),
        }
    }
}

#[derive(Debug)]
struct Norm {
    weight: Tensor<1>,
    bias: Tensor<1>,
}

#[derive(Debug)]
struct Dense {
    /// inputs × outputs.
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
}

impl Dense {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        linear(x, self.weight.clone(), self.bias.clone())
    }
}

#[derive(Debug)]
struct Block {
    norm1: Norm,
    /// Queries, keys and values in one matrix product.
    qkv: Dense,
    out: Dense,
    scale1: Option<Tensor<1>>,
    norm2: Norm,
    fc1: Dense,
    fc2: Dense,
    scale2: Option<Tensor<1>>,
}

/// Puts a model together from its parameters, each a matrix of (outputs, all inputs); vectors have one row.
struct Builder<F> {
    take: F,
    precision: Precision,
}

impl<F: FnMut(&str) -> Result<Tensor<2>>> Builder<F> {
    fn matrix(&mut self, name: &str) -> Result<Tensor<2>> {
        (self.take)(name)
    }

    fn vector(&mut self, name: &str) -> Result<Tensor<1>> {
        let row = self.matrix(name)?;
        let length = row.dims().iter().product::<usize>();
        Ok(row.reshape([length]))
    }

    fn norm(&mut self, name: &str) -> Result<Norm> {
        Ok(Norm {
            weight: self.vector(&format!("{name}.weight"))?,
            bias: self.vector(&format!("{name}.bias"))?,
        })
    }

    fn dense(&mut self, name: &str, bias: bool) -> Result<Dense> {
        let weight = self.matrix(&format!("{name}.weight"))?;
        let bias = if bias {
            Some(self.vector(&format!("{name}.bias"))?)
        } else {
            None
        };
        Ok(self.layer(weight, bias))
    }

    /// Stored as (outputs, inputs), multiplied as (inputs, outputs).
    fn layer(&self, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Dense {
        Dense {
            weight: self.precision.enter(weight.transpose()),
            bias: bias.map(|bias| self.precision.enter(bias)),
        }
    }

    fn block(&mut self, a: &Architecture, layer: usize) -> Result<Block> {
        let name = |part: &str| format!("layers.{layer}.{part}");
        let (mut weight, mut bias) = (Vec::with_capacity(3), Vec::with_capacity(3));
        for part in ["q", "k", "v"] {
            weight.push(self.matrix(&name(&format!("{part}.weight")))?);
            if a.qkv_bias {
                bias.push(self.vector(&name(&format!("{part}.bias")))?);
            }
        }
        let qkv = self.layer(Tensor::cat(weight, 0), a.qkv_bias.then(|| Tensor::cat(bias, 0)));
        let mut scale = |part: &str| -> Result<Option<Tensor<1>>> {
            if a.layer_scale {
                self.vector(&name(part)).map(Some)
            } else {
                Ok(None)
            }
        };
        let (scale1, scale2) = (scale("scale1")?, scale("scale2")?);
        Ok(Block {
            norm1: self.norm(&name("norm1"))?,
            qkv,
            out: self.dense(&name("out"), true)?,
            scale1,
            norm2: self.norm(&name("norm2"))?,
            fc1: self.dense(&name("fc1"), true)?,
            fc2: self.dense(&name("fc2"), true)?,
            scale2,
        })
    }
}

/// A vision transformer on a device.
#[derive(Debug)]
pub struct Vit {
    architecture: Architecture,
    /// Patches a side of the images that it is fed with.
    grid: usize,
    global: Global,
    precision: Precision,
    device: Device,
    patch: Dense,
    /// Class token and registers, positions added: 1 × (1 + registers) × D.
    prefix: Tensor<3>,
    /// Positions of the patches: 1 × P × D.
    position: Tensor<3>,
    pre_norm: Option<Norm>,
    blocks: Vec<Block>,
    post_norm: Norm,
    projection: Option<Tensor<2>>,
}

impl Vit {
    /// Builds the model for images of `size` pixels a side from its parameters: `take` gives the values of a parameter of
    /// [`Architecture::parameters`] by name, row-major.
    ///
    /// # Errors
    /// [`Error::Usage`] if `size` is not a multiple of the patch size; whatever `take` returns.
    pub fn new(
        architecture: &Architecture,
        size: usize,
        global: Global,
        precision: Precision,
        device: &Device,
        mut take: impl FnMut(&str) -> Result<Vec<f32>>,
    ) -> Result<Self> {
        let fitted = architecture.fitted(size)?;
        let shapes: BTreeMap<String, Vec<usize>> = fitted.parameters().into_iter().collect();
        Self::assemble(fitted, global, precision, device, |name| {
            let values = architecture.resampled(name, take(name)?, size);
            Ok(matrix_of(values, shapes.get(name), device))
        })
    }

    /// Puts the model together from tensors: `take` gives each parameter of [`Architecture::parameters`] by name, as a
    /// matrix of its first axis and all others, vectors as one row. Gradients flow to what `take` returns.
    ///
    /// # Errors
    /// Whatever `take` returns.
    pub fn assemble(
        architecture: Architecture,
        global: Global,
        precision: Precision,
        device: &Device,
        take: impl FnMut(&str) -> Result<Tensor<2>>,
    ) -> Result<Self> {
        let a = &architecture;
        let d = a.hidden;
        let mut from = Builder { take, precision };
        let grid = a.grid(a.image_size);
        let patches = grid * grid;
        let position = from.matrix("position")?;
        let class = from.matrix("class")? + position.clone().narrow(0, 0, 1);
        let prefix = if a.registers > 0 {
            Tensor::cat(vec![class, from.matrix("registers")?], 0)
        } else {
            class
        };
        Ok(Self {
            grid,
            global,
            precision,
            device: device.clone(),
            patch: from.dense("patch", a.patch_bias)?,
            prefix: prefix.reshape([1, 1 + a.registers, d]),
            position: position.narrow(0, 1, patches).reshape([1, patches, d]),
            pre_norm: if a.pre_norm { Some(from.norm("pre_norm")?) } else { None },
            blocks: (0..a.layers).map(|layer| from.block(a, layer)).collect::<Result<_>>()?,
            post_norm: from.norm("post_norm")?,
            projection: match a.projection {
                Some(_) => Some(precision.enter(from.matrix("projection")?.transpose())),
                None => None,
            },
            architecture,
        })
    }

    /// Values of the global vector.
    pub fn global_dim(&self) -> usize {
        match (self.global, self.architecture.projection) {
            (Global::Projected, Some(width)) => width,
            _ => self.architecture.hidden,
        }
    }

    /// Images a batch: as many as keep the attention weights below 1 GiB, and the device busy.
    pub fn batch_size(&self) -> usize {
        let length = self.grid * self.grid + 1 + self.architecture.registers;
        let most = if on_host(&self.device) {
            HOST_BATCH
        } else {
            DEVICE_BATCH
        };
        (ATTENTION_BYTES / (4 * self.architecture.heads * length * length)).clamp(1, most)
    }

    /// The patch tokens' grid.
    pub fn tokens(&self) -> TokenShape {
        TokenShape {
            rows: self.grid,
            cols: self.grid,
            width: self.architecture.hidden,
        }
    }

    /// Sizes and switches.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// Encodes prepared images, each of grid × patch size pixels a side.
    ///
    /// # Errors
    /// [`Error::Data`] if an image has another size, [`Error::Device`] if the results cannot be read back.
    pub fn encode(&self, images: &[RgbImage], preprocess: &Preprocess) -> Result<Vec<Encoded>> {
        if images.is_empty() {
            return Ok(Vec::new());
        }
        let size = (self.grid * self.architecture.patch_size) as u32;
        if let Some(wrong) = images.iter().find(|image| image.dimensions() != (size, size)) {
            return Err(Error::data(format!(
                "the encoder expected images of {size} x {size} pixels, not {} x {}",
                wrong.width(),
                wrong.height()
            )));
        }
        if on_host(&self.device) {
            let groups: Vec<Vec<Encoded>> = images
                .par_chunks(TOGETHER)
                .map(|group| self.encode_together(group, preprocess))
                .collect::<Result<_>>()?;
            return Ok(groups.into_iter().flatten().collect());
        }
        self.encode_together(images, preprocess)
    }

    /// Encodes images of the right size in one go.
    fn encode_together(&self, images: &[RgbImage], preprocess: &Preprocess) -> Result<Vec<Encoded>> {
        let (global, tokens) = self.forward(self.patches(images, preprocess));
        let read = |tensor: Tensor<2>| {
            tensor
                .try_into_vec_as::<f32>()
                .map_err(|error| Error::Device(format!("failed to read features from the device: {error}")))
        };
        let [batch, count, width] = tokens.dims();
        let global = read(global)?;
        let tokens = read(tokens.reshape([batch, count * width]))?;
        Ok(global
            .chunks_exact(self.global_dim())
            .zip(tokens.chunks_exact(count * width))
            .map(|(global, tokens)| Encoded {
                global: global.to_vec(),
                tokens: Some(tokens.to_vec()),
            })
            .collect())
    }

    /// Normalised patches, B × P × 3·p·p, each channel by channel and row by row as a convolution's kernel has them.
    pub fn patches(&self, images: &[RgbImage], preprocess: &Preprocess) -> Tensor<3> {
        let (grid, p) = (self.grid, self.architecture.patch_size);
        let size = grid * p;
        let width = 3 * p * p;
        let mut values = vec![0.0; images.len() * grid * grid * width];
        values
            .par_chunks_mut(grid * grid * width)
            .zip(images)
            .for_each(|(target, image)| {
                let planes = preprocess.normalise(image);
                for (index, patch) in target.chunks_exact_mut(width).enumerate() {
                    let (top, left) = (index / grid * p, index % grid * p);
                    for (row, line) in patch.chunks_exact_mut(p).enumerate() {
                        let (channel, y) = (row / p, top + row % p);
                        let start = (channel * size + y) * size + left;
                        line.copy_from_slice(&planes[start..start + p]);
                    }
                }
            });
        Tensor::from_data(
            TensorData::new(values, [images.len(), grid * grid, width]),
            &self.device,
        )
    }

    /// The global vectors (B × D) and the patch tokens after the last normalisation (B × P × D').
    pub fn forward(&self, patches: Tensor<3>) -> (Tensor<2>, Tensor<3>) {
        let [batch, count, _] = patches.dims();
        let d = self.architecture.hidden;
        let eps = self.architecture.norm_eps;
        let normed = |x: Tensor<3>, norm: &Norm| layer_norm(x, norm.weight.clone(), Some(norm.bias.clone()), eps);
        let half = self.precision;
        // A product in the precision asked for, its result in single precision again.
        let dense = |layer: &Dense, x: Tensor<3>| half.leave(layer.forward(half.enter(x)));
        let x = dense(&self.patch, patches) + self.position.clone();
        let mut x = Tensor::cat(vec![self.prefix.clone().repeat_dim(0, batch), x], 1);
        if let Some(norm) = &self.pre_norm {
            x = normed(x, norm);
        }
        let scaled = |x: Tensor<3>, scale: &Option<Tensor<1>>| match scale {
            Some(scale) => x * scale.clone().reshape([1, 1, d]),
            None => x,
        };
        for block in &self.blocks {
            let attended = half.leave(self.attend(half.enter(normed(x.clone(), &block.norm1)), block));
            x = x + scaled(attended, &block.scale1);
            let inside = self.activate(block.fc1.forward(half.enter(normed(x.clone(), &block.norm2))));
            x = x + scaled(half.leave(block.fc2.forward(inside)), &block.scale2);
        }
        let x = normed(x, &self.post_norm);
        let class = x.clone().narrow(1, 0, 1).reshape([batch, d]);
        let tokens = x.narrow(1, 1 + self.architecture.registers, count);
        let global = match (self.global, &self.projection) {
            (Global::Projected, Some(projection)) => {
                // A product of one row is computed by another way than that of several, whose last bits differ: an image has the
                // same features whatever stands beside it.
                let rows = if batch == 1 { class.repeat_dim(0, 2) } else { class };
                half.leave(half.enter(rows).matmul(projection.clone()))
                    .narrow(0, 0, batch)
            }
            (Global::Projected, None) | (Global::Class, _) => class,
            (Global::Mean, _) => tokens.clone().mean_dim(1).reshape([batch, d]),
        };
        (global, tokens)
    }

    fn attend(&self, x: Tensor<3>, block: &Block) -> Tensor<3> {
        let [batch, length, d] = x.dims();
        let heads = self.architecture.heads;
        let qkv = block.qkv.forward(x);
        let part = |index: usize| {
            qkv.clone()
                .narrow(2, index * d, d)
                .reshape([batch, length, heads, d / heads])
                .swap_dims(1, 2)
        };
        let mixed = attention(part(0), part(1), part(2), None, None, AttentionModuleOptions::default());
        block.out.forward(mixed.swap_dims(1, 2).reshape([batch, length, d]))
    }

    fn activate(&self, x: Tensor<3>) -> Tensor<3> {
        match self.architecture.activation {
            Activation::Gelu => gelu(x),
            Activation::QuickGelu => quick_gelu(x),
            Activation::SwiGlu => {
                let half = self.architecture.mlp;
                // A product of two rounded numbers: taken in single precision, it is rounded once.
                let x = self.precision.leave(x);
                self.precision
                    .enter(silu(x.clone().narrow(2, 0, half)) * x.narrow(2, half, half))
            }
        }
    }
}

/// Values of a parameter of `shape` as a matrix: first axis by all others; a vector is one row.
pub fn matrix_of(values: Vec<f32>, shape: Option<&Vec<usize>>, device: &Device) -> Tensor<2> {
    let rows = match shape.map(Vec::as_slice) {
        Some([rows, _, ..]) => *rows,
        _ => 1,
    };
    let columns = values.len() / rows.max(1);
    Tensor::from_data(TensorData::new(values, [rows, columns]), device)
}
