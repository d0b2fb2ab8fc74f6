//! Several methods with several seeds on the same samples, laid out as sums that can be resampled together.

use crate::error::{Error, Result};
use crate::sets::Matrix;
use crate::task::Targets;

use super::evaluate::groups;
use super::interval::Contributions;
use super::tally::{Estimate, Measure, Tally};

/// Outputs of several methods for the same samples of one test set.
#[derive(Debug, Clone)]
pub struct Panel<'a> {
    /// What was asked.
    pub targets: &'a Targets,
    /// Of each method one matrix (n × O) a seed.
    pub methods: Vec<Vec<&'a Matrix>>,
    /// Person of each sample, where known.
    pub subjects: &'a [Option<String>],
}

/// What one model adds to its method's mean.
struct Part<'a> {
    method: usize,
    tally: Tally<'a>,
    /// Where its sums begin.
    offset: usize,
    /// Its weight: 1 / (seeds · folds), times the seeds that gave the same outputs.
    share: f64,
}

/// Panels, each a test set whose metrics are averaged, as sums over samples.
pub(crate) struct Laid<'a> {
    methods: usize,
    /// The measures of each panel, and its models: the sums of one panel lie side by side, method by method and seed by seed.
    panels: Vec<(Vec<Measure>, Vec<Part<'a>>)>,
    rows: Contributions,
}

impl<'a> Laid<'a> {
    /// `measures` says of a panel's targets what is asked of every method, as many for each panel.
    ///
    /// # Errors
    /// [`Error::Data`] if shapes do not fit, a value is not finite, there is no panel, or a method has no seed; whatever `measures`
    /// returns.
    pub(crate) fn new(panels: &[Panel<'a>], measures: impl Fn(&Targets) -> Result<Vec<Measure>>) -> Result<Self> {
        let methods = panels.first().map_or(0, |panel| panel.methods.len());
        let whole = |panel: &Panel<'_>| panel.methods.len() == methods && panel.methods.iter().all(|m| !m.is_empty());
        if methods == 0 || !panels.iter().all(whole) {
            return Err(Error::data("a comparison needs outputs of all models for every fold"));
        }
        // Folds follow one another.
        let mut laid = Vec::new();
        let mut starts = vec![0];
        let mut width = 0;
        for panel in panels {
            let targets = panel.targets;
            let mut parts: Vec<Part<'a>> = Vec::new();
            for (method, matrices) in panel.methods.iter().enumerate() {
                let share = 1.0 / (matrices.len() * panels.len()) as f64;
                let mut seen: Vec<(&Matrix, usize)> = Vec::new();
                for &matrix in matrices {
                    // A method to which the seed does not matter says the same again.
                    if let Some((_, at)) = seen.iter().find(|(other, _)| *other == matrix) {
                        parts[*at].share += share;
                        continue;
                    }
                    seen.push((matrix, parts.len()));
                    let tally = Tally::new(targets, matrix)?;
                    let offset = width;
                    width += tally.shape().width();
                    parts.push(Part {
                        method,
                        tally,
                        offset,
                        share,
                    });
                }
            }
            laid.push((measures(targets)?, parts));
            starts.push(starts[starts.len() - 1] + targets.len());
        }
        let samples = starts[starts.len() - 1];
        let named: Vec<Option<String>> = panels.iter().flat_map(|panel| panel.subjects.iter().cloned()).collect();
        let groups = groups((!named.is_empty()).then_some(named.as_slice()), samples)?;
        let rows = Contributions::new(samples, width, groups.as_deref(), |i, sink| {
            let fold = starts.partition_point(|&start| start <= i) - 1;
            for part in &laid[fold].1 {
                part.tally.emit(i - starts[fold], &mut |position, amount| {
                    sink(part.offset + position, amount);
                });
            }
        });
        Ok(Self {
            methods,
            panels: laid,
            rows,
        })
    }

    /// The sums, a row a cluster.
    pub(crate) fn rows(&self) -> &Contributions {
        &self.rows
    }

    /// Every measure of every method from sums, the methods one after the other: means over seeds and panels.
    pub(crate) fn values(&self, sums: &[f64]) -> Vec<f64> {
        let count = self.panels.first().map_or(0, |(measures, _)| measures.len());
        let mut values = vec![0.0; self.methods * count];
        for (measures, parts) in &self.panels {
            for part in parts {
                let shape = part.tally.shape();
                let own = &sums[part.offset..part.offset + shape.width()];
                let of_method = &mut values[part.method * count..(part.method + 1) * count];
                for (value, measure) in of_method.iter_mut().zip(measures) {
                    *value += part.share * measure.value(shape, own).value;
                }
            }
        }
        values
    }

    /// On how many samples of all panels each measure of a method rests, and whether convention sets any seed's value of it.
    pub(crate) fn supports(&self) -> Vec<(f64, bool)> {
        let count = self.panels.first().map_or(0, |(measures, _)| measures.len());
        let mut supports = vec![(0.0, false); self.methods * count];
        for (measures, parts) in &self.panels {
            // All seeds were asked about the same samples.
            let mut counted = vec![false; self.methods];
            for part in parts {
                let total = part.tally.total();
                let first = !std::mem::replace(&mut counted[part.method], true);
                let of_method = &mut supports[part.method * count..(part.method + 1) * count];
                for ((n, degenerate), measure) in of_method.iter_mut().zip(measures) {
                    let estimate: Estimate = measure.value(part.tally.shape(), &total);
                    if first {
                        *n += estimate.n;
                    }
                    *degenerate |= estimate.degenerate;
                }
            }
        }
        supports
    }
}
