//! How far a face departs from its archetypes, and whither (`method = "tuned"`, ours; `docs/method.md`).
//!
//! An archetype says what its samples have in common. What a face says beyond that is read off its features by a regression F of
//! the labels on the frozen features, which knows nothing of archetypes: a sample x is said to be
//! `F(x) + s Σ_k p_k (V_k − f̄_k)`, where `f̄_k` is the mean of F over the archetype's training samples, p the soft assignment and
//! s a strength: at s = 1 that is what archetypes say, `Σ_k p_k V_k`, and the departure `F(x) − Σ_k p_k f̄_k`. F has a linear
//! part, of which the departure is `W (x − Σ_k p_k x̄_k)`, and one of kernels, `exp(−γ‖x − x_j‖²)`, which names the training faces
//! that x is drawn towards.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::fitting::choose::{Candidates, Walk, choose};
use crate::fitting::config::FittingConfig;
use crate::fitting::folds;
use crate::fitting::map::Fit;
use crate::fitting::walked::Walked;
use crate::interrupt::Interrupt;
use crate::metric::evaluate;
use crate::model::config::Standardise;
use crate::model::math::{host, matrix};
use crate::model::standardise::Standardiser;
use crate::sets::{FeatureSet, Matrix, Rows};
use crate::solver::kernel::{Kernel, Shape, Width};
use crate::solver::kernel_ridge::KernelRidge;
use crate::solver::linalg::{BLOCK, Dense};
use crate::solver::linear::Linear;
use crate::solver::samples::{self, Answers, Table};
use crate::task::{Targets, Task};

use super::checkpoint::{Loaded, Tensors};

/// Penalties λ that may be chosen. They, and the kernel, come from held-out training samples of the stand-ins
/// (`docs/notes/read-outs.md`).
const PENALTIES: [f64; 4] = [0.15, 0.5, 1.5, 5.0];
/// Strengths of what archetypes say that may be chosen, the whole first: few noisy samples are learned by heart, and their
/// archetypes are then surer than they should be.
pub const STRENGTHS: [f64; 3] = [1.0, 0.5, 0.25];
/// Training samples up to which the kernel is exact.
pub const EXACT: usize = 4_096;
/// How many stand for all beyond.
const LANDMARKS: usize = 2_000;

/// A regression, and what it says of the samples that it was fitted on, n × O.
type Fitted = (Arc<Regression>, Arc<Matrix>);

/// The penalty of one training split, and the regressions of the split and of its held-out parts: no seed changes them, so each
/// is fitted once.
#[derive(Debug, Default)]
pub struct Regressions {
    penalty: RefCell<Option<Option<f64>>>,
    of: RefCell<BTreeMap<Option<usize>, Fitted>>,
}

impl Regressions {
    /// The penalty, chosen on held-out samples as a rival's is chosen, and whether it was chosen just now; `None` where nothing
    /// can be held out.
    ///
    /// # Errors
    /// [`Error::Interrupted`]; [`Error::Data`] if features are no numbers.
    pub fn penalty(
        &self,
        train: &FeatureSet,
        val: Option<&FeatureSet>,
        fitting: &FittingConfig,
        how: Standardise,
        interrupt: &Interrupt,
    ) -> Result<(Option<f64>, bool)> {
        if let Some(there) = *self.penalty.borrow() {
            return Ok((there, false));
        }
        let found = penalty(train, val, fitting, how, interrupt)?;
        *self.penalty.borrow_mut() = Some(found);
        Ok((found, true))
    }
}

/// What departures are read with: a penalty, and the regression of the whole training split or of what one held-out part leaves.
#[derive(Debug, Clone, Copy)]
pub struct Tuned<'a> {
    /// λ.
    pub penalty: f64,
    /// Number of the part that is held out.
    pub part: Option<usize>,
    /// Regressions that are there.
    pub regressions: &'a Regressions,
}

impl Tuned<'_> {
    fn regression(&self, train: &FeatureSet, how: Standardise, interrupt: &Interrupt) -> Result<Fitted> {
        if let Some(there) = self.regressions.of.borrow().get(&self.part) {
            return Ok(there.clone());
        }
        let regression = Regression::fit(train, how, self.penalty, interrupt)?;
        let scores = regression.scores(&train.global, interrupt)?;
        let found = (Arc::new(regression), Arc::new(scores));
        self.regressions.of.borrow_mut().insert(self.part, found.clone());
        Ok(found)
    }
}

fn penalty(
    train: &FeatureSet,
    val: Option<&FeatureSet>,
    fitting: &FittingConfig,
    how: Standardise,
    interrupt: &Interrupt,
) -> Result<Option<f64>> {
    let sets: Vec<(FeatureSet, FeatureSet)> = if let Some(val) = val {
        vec![(train.clone(), val.clone())]
    } else {
        let groups = evaluate::groups(Some(&train.subjects), train.len())?;
        let parts = folds::parts(&train.targets, groups.as_deref(), fitting);
        parts
            .iter()
            .map(|part| (train.select(&part.kept), train.select(&part.held)))
            .collect()
    };
    let mut held = train.targets.select(&[]);
    let mut paths: Vec<Box<dyn Candidates + '_>> = Vec::new();
    for (kept, asked) in &sets {
        held.values.extend(&asked.targets.values);
        held.known.extend(&asked.targets.known);
        paths.push(Box::new(Walked::new(Path {
            solver: None,
            prepared: Prepared::new(kept, how, interrupt)?,
            asked,
            interrupt,
        })));
    }
    if paths.is_empty() {
        return Ok(None);
    }
    let choice = choose(fitting.outputs, &held, &mut paths, Walk::ALL)?;
    Ok(PENALTIES.get(choice.at).copied())
}

/// Feature vectors brought to scale as they are read.
struct Scaled<'a> {
    scale: &'a Standardiser,
    rows: &'a Rows,
}

impl samples::Rows for Scaled<'_> {
    fn count(&self) -> usize {
        self.rows.len()
    }

    fn width(&self) -> usize {
        self.rows.cols()
    }

    fn read(&self, range: Range<usize>) -> Result<Dense> {
        let block = self.rows.read(range)?;
        Ok(Dense {
            rows: block.rows,
            cols: block.cols,
            data: self.scale.apply(block).into_iter().map(f64::from).collect(),
        })
    }

    fn pick(&self, rows: &[usize]) -> Result<Vec<f32>> {
        Ok(self.scale.apply(self.rows.gather(rows.iter().copied())?))
    }
}

/// The same in whole blocks, the last one filled up with zeros: products of few rows are computed by other ways than those of many,
/// and a sample has the same numbers whatever stands beside it.
struct Filled<'a>(Scaled<'a>);

impl samples::Rows for Filled<'_> {
    fn count(&self) -> usize {
        self.0.count().next_multiple_of(BLOCK)
    }

    fn width(&self) -> usize {
        self.0.width()
    }

    fn read(&self, range: Range<usize>) -> Result<Dense> {
        let there = self.0.count();
        let mut block = self.0.read(range.start.min(there)..range.end.min(there))?;
        block.rows = range.len();
        block.data.resize(block.rows * block.cols, 0.0);
        Ok(block)
    }

    fn pick(&self, rows: &[usize]) -> Result<Vec<f32>> {
        self.0.pick(rows)
    }
}

/// Training samples, and their scale.
struct Prepared<'a> {
    scale: Standardiser,
    rows: &'a Rows,
    targets: &'a Targets,
    y: Vec<f64>,
}

impl<'a> Prepared<'a> {
    fn new(set: &'a FeatureSet, how: Standardise, interrupt: &Interrupt) -> Result<Self> {
        if set.global.cols() == 0 || set.is_empty() {
            return Err(Error::unusable_table(
                "`method = \"tuned\"` reads one vector an image, and the features have none",
            ));
        }
        let scale = Standardiser::fit(&set.global, set.global.cols(), how, interrupt)?;
        Ok(Self {
            rows: &set.global,
            scale,
            targets: &set.targets,
            y: set.targets.values.iter().map(|&v| f64::from(v)).collect(),
        })
    }

    fn solver(&self, interrupt: &Interrupt) -> Result<KernelRidge> {
        let answers = Answers {
            y: &self.y,
            known: &self.targets.known,
            outputs: self.targets.outputs(),
        };
        let n = self.targets.len();
        let width = Width {
            shape: Shape::MIXED,
            limit: EXACT,
            landmarks: &(0..LANDMARKS).map(|at| at * n / LANDMARKS).collect::<Vec<_>>(),
        };
        let samples = Scaled {
            scale: &self.scale,
            rows: self.rows,
        };
        KernelRidge::new(&samples, &answers, &width, interrupt)
    }

    /// The regression of one penalty.
    fn solve(&self, solver: &KernelRidge, penalty: f64, interrupt: &Interrupt) -> Result<Regression> {
        let found = solver.solve(penalty, interrupt)?;
        let (centres, linear) = found.basis.against_centres(found.linear);
        let width = self.scale.mean.len();
        Ok(Regression {
            // As they are stored: what a file gives back says the same.
            mean: self.scale.mean_f32(),
            factor: self.scale.factor_f32(),
            centres: Matrix {
                rows: centres.len() / width,
                cols: width,
                data: centres,
            },
            weights: narrow(&linear.weights),
            bias: linear.bias.iter().map(|&v| v as f32).collect(),
        })
    }
}

fn narrow(dense: &Dense) -> Matrix {
    Matrix {
        rows: dense.rows,
        cols: dense.cols,
        data: dense.data.iter().map(|&v| v as f32).collect(),
    }
}

struct Path<'a> {
    prepared: Prepared<'a>,
    solver: Option<KernelRidge>,
    asked: &'a FeatureSet,
    interrupt: &'a Interrupt,
}

impl Candidates for Path<'_> {
    fn outputs(&mut self, at: usize) -> Result<Option<Matrix>> {
        let Some(&penalty) = PENALTIES.get(at) else {
            return Ok(None);
        };
        let solver = match self.solver.take() {
            Some(solver) => solver,
            None => self.prepared.solver(self.interrupt)?,
        };
        let found = self.prepared.solve(&solver, penalty, self.interrupt)?;
        self.solver = Some(solver);
        let mut outputs = found.scores(&self.asked.global, self.interrupt)?;
        within(self.asked.targets.task, outputs.cols, &mut outputs.data);
        Ok(Some(outputs))
    }
}

/// Makes outputs (n × `width`) such as the task has: shares of classes, scores within −1 to 1, probabilities of units.
pub fn within(task: Task, width: usize, outputs: &mut [f32]) {
    let least = if task == Task::ValenceArousal { -1.0 } else { 0.0 };
    for value in outputs.iter_mut() {
        *value = value.clamp(least, 1.0);
    }
    if task == Task::Expression {
        for row in outputs.chunks_exact_mut(width.max(1)) {
            let sum: f32 = row.iter().sum();
            for value in row {
                *value = if sum > 0.0 { *value / sum } else { 1.0 / width as f32 };
            }
        }
    }
}

/// F: linear in the kernels of standardised features to centres.
#[derive(Debug, Clone, PartialEq)]
pub struct Regression {
    mean: Vec<f32>,
    factor: Vec<f32>,
    /// m × D, standardised.
    centres: Matrix,
    /// m × O.
    weights: Matrix,
    /// O values.
    bias: Vec<f32>,
}

impl Regression {
    /// Values of the vectors that it reads.
    pub fn width(&self) -> usize {
        self.mean.len()
    }

    /// Fits F with this penalty to a training split.
    ///
    /// # Errors
    /// As [`Regressions::penalty`].
    pub fn fit(train: &FeatureSet, how: Standardise, penalty: f64, interrupt: &Interrupt) -> Result<Self> {
        let prepared = Prepared::new(train, how, interrupt)?;
        let solver = prepared.solver(interrupt)?;
        prepared.solve(&solver, penalty, interrupt)
    }

    /// F of feature vectors (n × D), n × O.
    ///
    /// # Errors
    /// [`Error::Data`] if they are of another width; [`Error::Interrupted`].
    pub fn scores(&self, global: &Rows, interrupt: &Interrupt) -> Result<Matrix> {
        let width = self.mean.len();
        if global.cols() != width {
            return Err(Error::data(format!(
                "the model was trained on vectors of {} values, the features have {}",
                width,
                global.cols()
            )));
        }
        let scale = Standardiser {
            mean: self.mean.iter().map(|&v| f64::from(v)).collect(),
            factor: self.factor.iter().map(|&v| f64::from(v)).collect(),
        };
        let wide = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
        let linear = Linear {
            weights: Dense {
                rows: self.weights.rows,
                cols: self.weights.cols,
                data: wide(&self.weights.data),
            },
            bias: wide(&self.bias),
        };
        let centres = Table {
            x: &self.centres.data,
            width,
        };
        let unit = width as f64;
        let kernel = Kernel::new(centres, Shape::MIXED.gamma / unit, Shape::MIXED.linear / unit);
        let samples = Filled(Scaled {
            scale: &scale,
            rows: global,
        });
        let mut scores = narrow(&kernel.expand(&linear, &samples, interrupt)?);
        scores.rows = global.len();
        scores.data.truncate(scores.rows * scores.cols);
        Ok(scores)
    }
}

/// The regression beside a frozen dictionary.
#[derive(Debug, Clone, PartialEq)]
pub struct Departure {
    /// F.
    pub regression: Arc<Regression>,
    /// `f̄_k`, K × O.
    pub archetypes: Matrix,
    /// λ.
    pub penalty: f64,
    /// s, one of [`STRENGTHS`].
    pub strength: f64,
    /// How its outputs are fitted to the task.
    pub fit: Fit,
}

/// The JSON part of a departure.
#[derive(Debug, Serialize, Deserialize)]
pub struct Description {
    penalty: f64,
    strength: f64,
    fit: Fit,
    dimensions: usize,
    centres: usize,
}

impl Departure {
    /// Of a dictionary whose archetypes have the training samples `nearest[i] = k`.
    ///
    /// # Errors
    /// As [`Regression::fit`].
    pub fn new(
        train: &FeatureSet,
        nearest: &[usize],
        archetypes: usize,
        how: Standardise,
        tuned: Tuned<'_>,
        interrupt: &Interrupt,
    ) -> Result<Self> {
        let (regression, scores) = tuned.regression(train, how, interrupt)?;
        let o = scores.cols;
        let mut sums = vec![0.0_f64; archetypes * o];
        let mut counts = vec![0.0_f64; archetypes];
        for (i, &k) in nearest.iter().enumerate() {
            counts[k] += 1.0;
            for (sum, &v) in sums[k * o..(k + 1) * o].iter_mut().zip(scores.row(i)) {
                *sum += f64::from(v);
            }
        }
        // An archetype without samples is never read.
        let means = sums
            .iter()
            .enumerate()
            .map(|(at, sum)| (sum / counts[at / o].max(1.0)) as f32);
        Ok(Self {
            archetypes: Matrix {
                rows: archetypes,
                cols: o,
                data: means.collect(),
            },
            regression,
            penalty: tuned.penalty,
            strength: STRENGTHS[0],
            fit: Fit::None,
        })
    }

    /// Its part of the model file.
    pub fn tensors(&self, device: &Device) -> (Description, Tensors) {
        let of = |m: &Matrix| matrix(m.data.clone(), m.rows, m.cols, device);
        let row = |values: &[f32]| matrix(values.to_vec(), 1, values.len(), device);
        let regression = &self.regression;
        let tensors = vec![
            ("departure.mean".to_owned(), row(&regression.mean)),
            ("departure.factor".to_owned(), row(&regression.factor)),
            ("departure.weights".to_owned(), of(&regression.weights)),
            ("departure.bias".to_owned(), row(&regression.bias)),
            ("departure.archetypes".to_owned(), of(&self.archetypes)),
            ("departure.centres".to_owned(), of(&regression.centres)),
        ];
        let description = Description {
            penalty: self.penalty,
            strength: self.strength,
            fit: self.fit.clone(),
            dimensions: regression.mean.len(),
            centres: regression.centres.rows,
        };
        (description, tensors)
    }

    /// Back from the model file.
    ///
    /// # Errors
    /// [`Error::Data`] if a tensor is missing or of another shape.
    pub fn read(
        description: &Description,
        loaded: &Loaded,
        archetypes: usize,
        outputs: usize,
        device: &Device,
    ) -> Result<Self> {
        let take = |name: &str, rows: usize, cols: usize| -> Result<Matrix> {
            let tensor: Tensor<2> = loaded.tensor(&format!("departure.{name}"), [rows, cols], device)?;
            Ok(Matrix {
                rows,
                cols,
                data: host(tensor)?,
            })
        };
        let (d, m) = (description.dimensions, description.centres);
        Ok(Self {
            regression: Arc::new(Regression {
                mean: take("mean", 1, d)?.data,
                factor: take("factor", 1, d)?.data,
                centres: take("centres", m, d)?,
                weights: take("weights", m, outputs)?,
                bias: take("bias", 1, outputs)?.data,
            }),
            archetypes: take("archetypes", archetypes, outputs)?,
            penalty: description.penalty,
            strength: description.strength,
            fit: description.fit.clone(),
        })
    }
}
