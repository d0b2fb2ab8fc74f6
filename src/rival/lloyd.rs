//! Lloyd's steps from given codes; a code that loses its last sample moves to the sample farthest from its own code.

use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::solver::samples::Rows as _;

use super::input::Features;
use super::prototypes::Prototypes;

/// Values of the samples that are read at once where they move to another code: 16 MiB.
const CARRIED: usize = 1 << 22;

/// Codes, the code of every sample, and the sum of squared distances.
#[derive(Debug, Clone, PartialEq)]
pub struct Clustering {
    /// The codes.
    pub codes: Prototypes,
    /// Code of each sample.
    pub assignment: Vec<usize>,
    /// Σ squared distance of a sample from its code.
    pub inertia: f64,
}

/// A sample that moves to another code.
struct Move {
    row: usize,
    from: Option<usize>,
    to: usize,
}

/// Sums of the samples of each code, and how many they are.
struct Sums {
    /// K × D.
    values: Vec<f64>,
    counts: Vec<usize>,
}

impl Sums {
    /// Of codes without samples.
    fn none(k: usize, width: usize) -> Self {
        Self {
            values: vec![0.0; k * width],
            counts: vec![0; k],
        }
    }

    /// Carries samples from their codes, if they had any, to others, and counts them: only what moves is read.
    fn carry(&mut self, x: &Features, moves: impl IntoIterator<Item = Move>) -> Result<usize> {
        let (d, mut moves, mut carried) = (x.cols, moves.into_iter(), 0);
        loop {
            let block: Vec<Move> = moves.by_ref().take((CARRIED / d).max(1)).collect();
            if block.is_empty() {
                return Ok(carried);
            }
            carried += block.len();
            let rows: Vec<usize> = block.iter().map(|one| one.row).collect();
            for (one, sample) in block.iter().zip(x.pick(&rows)?.chunks_exact(d)) {
                let mut add = |code: usize, sign: f64| {
                    let sum = self.values[code * d..(code + 1) * d].iter_mut();
                    sum.zip(sample)
                        .for_each(|(sum, &value)| *sum += sign * f64::from(value));
                };
                add(one.to, 1.0);
                self.counts[one.to] += 1;
                if let Some(from) = one.from {
                    add(from, -1.0);
                    self.counts[from] -= 1;
                }
            }
        }
    }

    /// Moves codes to the means of their samples; those without samples stay where they are.
    fn move_to_means(&self, codes: &mut Prototypes) {
        let means = self.values.chunks_exact(codes.width).zip(&self.counts);
        for (point, (sum, &count)) in codes.points.chunks_exact_mut(codes.width).zip(means) {
            if count > 0 {
                for (value, sum) in point.iter_mut().zip(sum) {
                    *value = (sum / count as f64) as f32;
                }
            }
        }
    }
}

/// Lloyd's steps from given codes, `steps` at most, until no sample changes its code, or one lowers the sum of squared distances
/// by no more than the share `tolerance` > 0.
///
/// # Errors
/// If the samples cannot be read, or the device fails; [`crate::Error::Interrupted`].
pub fn lloyd(
    x: &Features,
    start: &Prototypes,
    steps: usize,
    tolerance: f64,
    interrupt: &Interrupt,
) -> Result<Clustering> {
    let norms = x.squared_norms()?;
    let (mut codes, k) = (start.clone(), start.count());
    let (mut assignment, mut distance) = codes.nearest(x, &norms)?;
    let sum = |distance: &[f32]| distance.iter().map(|&d| f64::from(d)).sum::<f64>();
    let mut inertia = sum(&distance);
    let mut sums = Sums::none(k, x.cols);
    let arrivals = assignment.iter().enumerate();
    sums.carry(x, arrivals.map(|(row, &to)| Move { row, from: None, to }))?;
    for _ in 0..steps {
        interrupt.check()?;
        // Codes without samples take the farthest ones; equal distances in the order of samples.
        let empty: Vec<usize> = (0..k).filter(|&c| sums.counts[c] == 0).collect();
        if !empty.is_empty() {
            let mut far: Vec<usize> = (0..x.rows).collect();
            far.sort_by(|&a, &b| distance[b].total_cmp(&distance[a]).then(a.cmp(&b)));
            let mut far = far.into_iter();
            for code in empty {
                if let Some(i) = far.by_ref().find(|&i| sums.counts[assignment[i]] > 1) {
                    let from = std::mem::replace(&mut assignment[i], code);
                    let one = Move {
                        row: i,
                        from: Some(from),
                        to: code,
                    };
                    sums.carry(x, [one])?;
                }
            }
        }
        sums.move_to_means(&mut codes);
        let (next, next_distance) = codes.nearest(x, &norms)?;
        let changes = assignment
            .iter()
            .zip(&next)
            .enumerate()
            .filter(|(_, (from, to))| from != to);
        let carried = sums.carry(
            x,
            changes.map(|(row, (&from, &to))| Move {
                row,
                from: Some(from),
                to,
            }),
        )?;
        (assignment, distance) = (next, next_distance);
        let before = std::mem::replace(&mut inertia, sum(&distance));
        if carried == 0 || (tolerance > 0.0 && before - inertia <= tolerance * before) {
            break;
        }
    }
    Ok(Clustering {
        codes,
        assignment,
        inertia,
    })
}
