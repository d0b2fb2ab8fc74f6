//! Consolidation of the dictionary once the projector is frozen: move archetypes to their samples, join those that say the
//! same, move again.

use burn::tensor::Device;

use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::model::codebook::cosines;
use crate::model::kmeans::normalise;
use crate::model::math::{host, host_indices, matrix};
use crate::model::merge::{Criterion, ward};
use crate::sets::Matrix;
use crate::task::Targets;

use super::trained::{Trained, blocks};

/// Joins archetypes of `trained` as `model.merge` says; `z` are its projections of the training split. An archetype keeps its
/// place in the dictionary, those that were joined to another or have no samples are marked as gone. The result is the
/// archetype that each sample was nearest to before.
///
/// # Errors
/// [`crate::error::Error::Device`] if the device fails; [`crate::error::Error::Interrupted`].
pub fn consolidate(trained: &mut Trained, z: &Matrix, targets: &Targets, interrupt: &Interrupt) -> Result<Vec<usize>> {
    let config = trained.config.merge.clone();
    let mut dictionary = Rows {
        e: host(trained.dictionary.clone())?,
        alive: host(trained.alive.clone())?,
        width: trained.config.width,
    };
    let before = dictionary.nearest(z, &trained.device, interrupt)?;
    if config.tolerance <= 0.0 {
        return Ok(before);
    }
    dictionary.settle(z, &trained.device, config.refine, interrupt)?;
    let nearest = dictionary.nearest(z, &trained.device, interrupt)?;
    let criterion = Criterion {
        tolerance: config.tolerance.max(config.samples / z.rows as f64),
        label_weight: config.label_weight_for(trained.task),
    };
    let home = ward(z, &nearest, dictionary.alive.len(), targets, criterion);
    dictionary.centre(z, nearest.iter().map(|&archetype| home[archetype]));
    dictionary.settle(z, &trained.device, config.refine, interrupt)?;
    let (k, d) = (dictionary.alive.len(), dictionary.width);
    trained.dictionary = matrix(dictionary.e, k, d, &trained.device);
    trained.alive = matrix(dictionary.alive, 1, k, &trained.device);
    Ok(before)
}

/// The dictionary on the host.
struct Rows {
    /// K × d, unit rows.
    e: Vec<f32>,
    /// 1 where the archetype is alive.
    alive: Vec<f32>,
    width: usize,
}

impl Rows {
    /// The nearest living archetype of each unit vector.
    fn nearest(&self, z: &Matrix, device: &Device, interrupt: &Interrupt) -> Result<Vec<usize>> {
        let k = self.alive.len();
        let e = matrix(self.e.clone(), k, self.width, device);
        let alive = matrix(self.alive.clone(), 1, k, device);
        let mut nearest = Vec::with_capacity(z.rows);
        for (rows, points) in blocks(z, device) {
            interrupt.check()?;
            let found = host_indices(cosines(points, e.clone(), &alive).argmax(1))?;
            nearest.extend(found.into_iter().take(rows.len()));
        }
        Ok(nearest)
    }

    /// Moves archetypes to their samples until no sample changes its archetype any more, `steps` times at most.
    fn settle(&mut self, z: &Matrix, device: &Device, steps: usize, interrupt: &Interrupt) -> Result<()> {
        let mut before = Vec::new();
        for _ in 0..steps {
            let nearest = self.nearest(z, device, interrupt)?;
            if nearest == before {
                break;
            }
            self.centre(z, nearest.iter().copied().map(Some));
            before = nearest;
        }
        Ok(())
    }

    /// Moves every archetype to the mean direction of its samples; one without samples is gone. (Samples whose mean is zero
    /// leave it where it is.)
    fn centre(&mut self, z: &Matrix, homes: impl Iterator<Item = Option<usize>>) {
        let d = self.width;
        let mut sums = vec![0.0_f64; self.e.len()];
        let mut present = vec![0.0_f32; self.alive.len()];
        for (row, home) in homes.enumerate() {
            let Some(home) = home else { continue };
            present[home] = 1.0;
            for (sum, &value) in sums[home * d..(home + 1) * d].iter_mut().zip(z.row(row)) {
                *sum += f64::from(value);
            }
        }
        for (row, sum) in self.e.chunks_exact_mut(d).zip(sums.chunks_exact(d)) {
            let mut mean: Vec<f32> = sum.iter().map(|&s| s as f32).collect();
            if normalise(&mut mean) {
                row.copy_from_slice(&mean);
            }
        }
        self.alive = present;
    }
}
