//! RBF kernels exp(−γ‖a − b‖²), perhaps with a linear one beside them, and features that stand for them (Williams & Seeger 2001).
//!
//! Squared distances are ‖a‖² + ‖b‖² − 2a·b in f64, by products of blocks. Nyström features of a sample are k L⁻ᵀ with its
//! kernel k to m landmarks whose own kernel is L·Lᵀ: their products are the kernel, exactly between landmarks.

use std::ops::Range;

use super::blocks::blocks;
use super::linalg::{BLOCK, Cholesky, Dense, mirror};
use super::linear::Linear;
use super::samples::{Rows, Table};
use crate::error::Result;
use crate::interrupt::Interrupt;

/// Share of the diagonal that is added to the kernel of the landmarks, so that twins among them do no harm.
const JITTER: f64 = 1e-10;

/// An RBF kernel with a linear one beside it: γ, and the weight of the linear part, both in units of 1/d.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    /// γ; 1 is scikit-learn's `gamma="scale"` for standardised features.
    pub gamma: f64,
    /// Weight of the linear part; 0: none.
    pub linear: f64,
}

impl Shape {
    /// What departures from archetypes are read with (`docs/notes/read-outs.md`), and what `kernel_ridge` may choose too.
    pub const MIXED: Self = Self {
        gamma: 0.5,
        linear: 0.18,
    };

    /// A kernel without a linear part.
    pub const fn rbf(gamma: f64) -> Self {
        Self { gamma, linear: 0.0 }
    }
}

/// Inner products of n samples with m centres.
#[derive(Debug, Clone)]
pub struct Products {
    inner: Dense,
    /// Squared norm of each sample.
    norms: Vec<f64>,
}

/// Samples against which kernels are taken.
#[derive(Debug, Clone)]
pub struct Kernel {
    gamma: f64,
    linear: f64,
    centres: Vec<f32>,
    width: usize,
    /// Squared norm of each centre.
    norms: Vec<f64>,
}

impl Kernel {
    /// Kernel exp(−γ‖a − b‖²) + `linear` · a·b against every sample of a table.
    pub fn new(centres: Table<'_>, gamma: f64, linear: f64) -> Self {
        Self::of(centres.x.to_vec(), centres.width, gamma, linear)
    }

    fn of(centres: Vec<f32>, width: usize, gamma: f64, linear: f64) -> Self {
        let row_norm = |row: &[f32]| norm(row.iter().map(|&v| f64::from(v)));
        Self {
            gamma,
            linear,
            norms: centres.chunks_exact(width).map(row_norm).collect(),
            centres,
            width,
        }
    }

    /// Number of centres m.
    pub fn count(&self) -> usize {
        self.norms.len()
    }

    fn table(&self) -> Table<'_> {
        Table {
            x: &self.centres,
            width: self.width,
        }
    }

    /// Inner products of the samples of a block with the first `upto` centres.
    fn inner(&self, samples: &Dense, upto: usize) -> Dense {
        let mut products = Dense::zeros(samples.rows, upto);
        for cols in blocks(upto, BLOCK) {
            let part = samples.times_transposed(&self.table().block(cols.clone()));
            for i in 0..samples.rows {
                products.row_mut(i)[cols.clone()].copy_from_slice(part.row(i));
            }
        }
        products
    }

    /// Inner products of one sample with the first centres become kernels.
    fn bend(&self, norm: f64, products: &mut [f64]) {
        for (value, centre) in products.iter_mut().zip(&self.norms) {
            let product = *value;
            let squared = norm + centre - 2.0 * product;
            // Rounding can make the distance of twins negative; what is no number stays none, as `max` would not let it.
            *value = (-self.gamma * if squared < 0.0 { 0.0 } else { squared }).exp() + self.linear * product;
        }
    }

    fn row_norms(&self, samples: &Dense) -> Vec<f64> {
        let rows = samples.data.chunks_exact(self.width);
        rows.map(|row| norm(row.iter().copied())).collect()
    }

    /// Kernels of the samples of a block to the first `upto` centres.
    fn against(&self, samples: &Dense, upto: usize) -> Dense {
        let mut kernel = self.inner(samples, upto);
        for (i, norm) in self.row_norms(samples).into_iter().enumerate() {
            self.bend(norm, kernel.row_mut(i));
        }
        kernel
    }

    /// Inner products of n samples with the centres, from which kernels of any shape follow: [`Self::of_products`].
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`]; if the samples cannot be read.
    pub fn products(&self, x: &dyn Rows, interrupt: &Interrupt) -> Result<Products> {
        let mut inner = Dense::zeros(0, self.count());
        inner.data.reserve_exact(x.count() * self.count());
        let mut norms = Vec::with_capacity(x.count());
        for rows in blocks(x.count(), BLOCK) {
            interrupt.check()?;
            let samples = x.read(rows)?;
            norms.extend(self.row_norms(&samples));
            inner.rows += samples.rows;
            inner.data.extend(self.inner(&samples, self.count()).data);
        }
        Ok(Products { inner, norms })
    }

    /// Inner products of the centres with one another, for [`Self::matrix_of_products`]; above the diagonal stands nothing.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`].
    pub fn own_products(&self, interrupt: &Interrupt) -> Result<Products> {
        let m = self.count();
        let mut inner = Dense::zeros(m, m);
        for rows in blocks(m, BLOCK) {
            interrupt.check()?;
            let part = self.inner(&self.table().block(rows.clone()), rows.end);
            for (i, row) in rows.zip(part.data.chunks_exact(part.cols)) {
                inner.row_mut(i)[..=i].copy_from_slice(&row[..=i]);
            }
        }
        Ok(Products {
            inner,
            norms: self.norms.clone(),
        })
    }

    /// n × m kernels from inner products with the same centres, the bits of [`Self::block`] for the same blocks.
    pub fn of_products(&self, products: &Products) -> Dense {
        let mut kernel = products.inner.clone();
        for (i, &norm) in products.norms.iter().enumerate() {
            self.bend(norm, kernel.row_mut(i));
        }
        kernel
    }

    /// The centres' kernel from [`Self::own_products`], the bits of [`Self::matrix`].
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`].
    pub fn matrix_of_products(&self, products: &Products, interrupt: &Interrupt) -> Result<Dense> {
        let mut kernel = products.inner.clone();
        for (i, &norm) in products.norms.iter().enumerate() {
            if i % BLOCK == 0 {
                interrupt.check()?;
            }
            self.bend(norm, &mut kernel.row_mut(i)[..i]);
            kernel.row_mut(i)[i] = self.alone(norm);
        }
        kernel.mirror();
        Ok(kernel)
    }

    /// Kernel of a sample with itself.
    fn alone(&self, norm: f64) -> f64 {
        1.0 + self.linear * norm
    }

    /// rows × m kernels of the samples of a range.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn block(&self, x: &dyn Rows, rows: Range<usize>) -> Result<Dense> {
        Ok(self.against(&x.read(rows)?, self.count()))
    }

    /// m × m kernel of the centres, symmetric to the last bit.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`].
    pub fn matrix(&self, interrupt: &Interrupt) -> Result<Dense> {
        let m = self.count();
        let mut all = Dense::zeros(m, m);
        all.data = self.square(|v| v, interrupt)?;
        Ok(all)
    }

    /// As [`Self::matrix`], computed in f64 and rounded to f32: half the memory.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`].
    pub fn matrix_f32(&self, interrupt: &Interrupt) -> Result<Vec<f32>> {
        self.square(|v| v as f32, interrupt)
    }

    /// n × O scores that are linear in the kernels to the centres; nothing n × m is kept.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`].
    pub fn expand(&self, linear: &Linear, x: &dyn Rows, interrupt: &Interrupt) -> Result<Dense> {
        let mut all = Dense::zeros(0, linear.bias.len());
        for rows in blocks(x.count(), BLOCK) {
            interrupt.check()?;
            let scores = linear.apply(&self.block(x, rows)?);
            all.rows += scores.rows;
            all.data.extend(scores.data);
        }
        Ok(all)
    }

    fn square<T: Copy + Default>(&self, cast: impl Fn(f64) -> T, interrupt: &Interrupt) -> Result<Vec<T>> {
        let m = self.count();
        let mut all = vec![T::default(); m * m];
        for rows in blocks(m, BLOCK) {
            interrupt.check()?;
            let kernel = self.against(&self.table().block(rows.clone()), rows.end);
            for (i, row) in rows.zip(kernel.data.chunks_exact(kernel.cols)) {
                all[i * m..i * m + i]
                    .iter_mut()
                    .zip(row)
                    .for_each(|(to, &v)| *to = cast(v));
                all[i * m + i] = cast(self.alone(self.norms[i]));
            }
        }
        mirror(&mut all, m);
        Ok(all)
    }
}

fn norm(row: impl Iterator<Item = f64>) -> f64 {
    row.map(|v| v * v).sum()
}

/// How a kernel is worked with.
#[derive(Debug, Clone, Copy)]
pub struct Width<'a> {
    /// The kernel.
    pub shape: Shape,
    /// Training samples up to which the kernel is exact.
    pub limit: usize,
    /// Training samples that serve as landmarks beyond it, each once; if there are none, the kernel is exact after all.
    pub landmarks: &'a [usize],
}

/// What a sample is described by: its kernels to all training samples, or Nyström features.
#[derive(Debug)]
pub struct Basis {
    kernel: Kernel,
    root: Option<Cholesky>,
}

impl Basis {
    /// Basis of training samples.
    ///
    /// # Errors
    /// [`crate::Error::Data`] if features are no numbers; [`crate::Error::Interrupted`].
    pub fn new(x: &dyn Rows, width: &Width<'_>, interrupt: &Interrupt) -> Result<Self> {
        let Shape { gamma, linear } = width.shape;
        let (gamma, linear) = (gamma / x.width() as f64, linear / x.width() as f64);
        if x.count() <= width.limit || width.landmarks.is_empty() {
            let all: Vec<usize> = (0..x.count()).collect();
            let kernel = Kernel::of(x.pick(&all)?, x.width(), gamma, linear);
            return Ok(Self { kernel, root: None });
        }
        let kernel = Kernel::of(x.pick(width.landmarks)?, x.width(), gamma, linear);
        let root = Cholesky::new(&kernel.matrix(interrupt)?, JITTER, interrupt)?;
        Ok(Self {
            kernel,
            root: Some(root),
        })
    }

    /// The exact kernel's centres; none for Nyström features.
    pub fn exact(&self) -> Option<&Kernel> {
        self.root.is_none().then_some(&self.kernel)
    }

    /// Weights of descriptions as weights of the kernels to centres, which come with them: m × d values.
    pub fn against_centres(&self, mut linear: Linear) -> (Vec<f32>, Linear) {
        if let Some(root) = &self.root {
            linear.weights = root.unwhiten(linear.weights);
        }
        (self.kernel.centres.clone(), linear)
    }

    /// Columns of a description.
    pub fn width(&self) -> usize {
        self.kernel.count()
    }

    /// rows × width descriptions of the samples of a range.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn block(&self, x: &dyn Rows, rows: Range<usize>) -> Result<Dense> {
        let kernel = self.kernel.block(x, rows)?;
        Ok(match &self.root {
            None => kernel,
            Some(root) => root.whiten(kernel),
        })
    }

    /// Descriptions of all samples of a table.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`].
    pub fn describe(&self, x: &dyn Rows, interrupt: &Interrupt) -> Result<Dense> {
        let mut all = Dense::zeros(0, self.width());
        all.data.reserve_exact(x.count() * self.width());
        for rows in blocks(x.count(), BLOCK) {
            interrupt.check()?;
            let block = self.block(x, rows)?;
            all.rows += block.rows;
            all.data.extend(block.data);
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(n: usize, d: usize) -> Vec<f32> {
        (0..n * d).map(|i| ((i * i + 5 * i) % 23) as f32 / 8.0 - 1.3).collect()
    }

    #[test]
    fn kernels_are_those_of_the_definition_and_symmetric() {
        let (n, d) = (BLOCK + 70, 5);
        let x = samples(n, d);
        let table = Table { x: &x, width: d };
        let kernel = Kernel::new(table, 0.3, 0.0);
        let all = kernel.matrix(&Interrupt::default()).unwrap();
        let half = kernel.matrix_f32(&Interrupt::default()).unwrap();
        let block = kernel.block(&table, 500..520).unwrap();
        for i in 500..520 {
            for j in 0..n {
                let pairs = x[i * d..(i + 1) * d].iter().zip(&x[j * d..(j + 1) * d]);
                let distance: f64 = pairs.map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
                let expected = (-0.3 * distance).exp();
                assert!((all.row(i)[j] - expected).abs() < 1e-12);
                assert!((block.row(i - 500)[j] - expected).abs() < 1e-12);
                assert_eq!(all.row(i)[j].to_bits(), all.row(j)[i].to_bits());
                assert_eq!(half[i * n + j].to_bits(), (all.row(i)[j] as f32).to_bits());
            }
        }
    }

    #[test]
    fn products_give_the_bits_of_every_shape() {
        let (n, d) = (BLOCK + 70, 5);
        let (x, quiet) = (samples(n, d), Interrupt::default());
        let table = Table { x: &x, width: d };
        let first = Kernel::new(table, 0.3, 0.0);
        let (own, all) = (
            first.own_products(&quiet).unwrap(),
            first.products(&table, &quiet).unwrap(),
        );
        for (gamma, linear) in [(0.3, 0.0), (0.7, 0.2)] {
            let kernel = Kernel::new(table, gamma, linear);
            assert_eq!(
                kernel.matrix_of_products(&own, &quiet).unwrap(),
                kernel.matrix(&quiet).unwrap()
            );
            let blocks =
                [kernel.block(&table, 0..BLOCK), kernel.block(&table, BLOCK..n)].map(|block| block.unwrap().data);
            assert_eq!(kernel.of_products(&all).data, blocks.concat());
        }
    }

    #[test]
    fn what_is_no_number_stays_none() {
        let kernel = Kernel::new(
            Table {
                x: &[0.0, f32::NAN],
                width: 1,
            },
            1.0,
            0.0,
        )
        .matrix(&Interrupt::default())
        .unwrap();
        assert!(kernel.data[1].is_nan() && kernel.data[2].is_nan());
    }

    #[test]
    fn a_linear_part_is_added() {
        let x = samples(30, 5);
        let table = Table { x: &x, width: 5 };
        let both = Kernel::new(table, 0.3, 0.2).matrix(&Interrupt::default()).unwrap();
        let one = Kernel::new(table, 0.3, 0.0).matrix(&Interrupt::default()).unwrap();
        for i in 0..30 {
            for j in 0..30 {
                let product: f64 = (0..5).map(|k| f64::from(x[i * 5 + k]) * f64::from(x[j * 5 + k])).sum();
                assert!((both.row(i)[j] - one.row(i)[j] - 0.2 * product).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn products_of_features_are_the_kernel_between_landmarks() {
        let (n, d) = (40, 5);
        let x = samples(n, d);
        let table = Table { x: &x, width: d };
        // 3 and 26 are twins: x repeats itself after 23 values.
        let landmarks = [3, 7, 26, 31, 12];
        let width = Width {
            shape: Shape::rbf(1.5),
            limit: 10,
            landmarks: &landmarks,
        };
        let basis = Basis::new(&table, &width, &Interrupt::default()).unwrap();
        assert!(basis.exact().is_none() && basis.width() == 5);
        let features = basis.describe(&table, &Interrupt::default()).unwrap();
        let exact = Kernel::new(table, 0.3, 0.0).matrix(&Interrupt::default()).unwrap();
        let products = features.times_transposed(&features);
        for i in 0..n {
            for &j in &landmarks {
                assert!((products.row(i)[j] - exact.row(i)[j]).abs() < 1e-4, "{i} {j}");
            }
        }
        let width = Width { limit: 40, ..width };
        assert!(
            Basis::new(&table, &width, &Interrupt::default())
                .unwrap()
                .exact()
                .is_some()
        );
    }
}
