//! Linear support vectors by dual coordinate descent (Hsieh et al. 2008), the hinge loss of LIBLINEAR.
//!
//! minimises ½‖(w, b)‖² + C Σ max(0, 1 − yᵢ(w·xᵢ + b)): the bias is the weight of an appended 1 and penalised as the others
//! are, as in scikit-learn's `LinearSVC(loss="hinge")`.

use super::linalg::dot;
use crate::error::Result;
use crate::interrupt::Interrupt;

/// Passes over the samples at most (scikit-learn's `max_iter`).
const PASSES: usize = 1_000;
/// Projected gradients below this count as none.
const STILL: f64 = 1e-12;

/// One hyperplane.
#[derive(Debug, Clone, PartialEq)]
pub struct Plane {
    /// Weights w, m values.
    pub weights: Vec<f64>,
    /// Bias b.
    pub bias: f64,
    /// Passes made.
    pub passes: usize,
}

/// Samples of one problem: rows of an n × m table, with signs ±1 in the same order.
#[derive(Debug, Clone, Copy)]
pub struct Problem<'a> {
    /// n × m features, row-major.
    pub x: &'a [f32],
    /// m.
    pub width: usize,
    /// Which rows.
    pub rows: &'a [usize],
    /// Sign of each.
    pub signs: &'a [f64],
    /// C > 0.
    pub c: f64,
}

/// Solves until projected gradients span no more than `tolerance` (scikit-learn: 1e-4). The seed orders the passes. Starts from
/// the dual weights in `alphas`, none or those of a smaller C, and leaves its own there.
///
/// # Errors
/// [`crate::Error::Interrupted`].
pub fn solve(
    problem: &Problem<'_>,
    tolerance: f64,
    seed: u64,
    alphas: &mut Vec<f64>,
    interrupt: &Interrupt,
) -> Result<Plane> {
    let (m, c) = (problem.width, problem.c);
    let sample = |at: usize| &problem.x[problem.rows[at] * m..(problem.rows[at] + 1) * m];
    let l = problem.rows.len();
    let mut norms = Vec::with_capacity(l);
    for at in 0..l {
        let own = sample(at).iter().map(|&v| f64::from(v).powi(2)).sum::<f64>();
        norms.push(own + 1.0);
    }
    let (mut weights, mut bias) = (vec![0.0_f64; m], 0.0_f64);
    alphas.resize(l, 0.0);
    for (at, &alpha) in alphas.iter().enumerate() {
        if alpha > 0.0 {
            add(&mut weights, alpha * problem.signs[at], sample(at));
            bias += alpha * problem.signs[at];
        }
    }
    let mut order: Vec<usize> = (0..l).collect();
    let mut random = Random(seed);
    let (mut active, mut passes) = (l, 0);
    // Gradients beyond which a sample on a bound is left out of the passes that follow.
    let (mut ceiling, mut floor) = (f64::INFINITY, f64::NEG_INFINITY);
    while passes < PASSES {
        interrupt.check()?;
        passes += 1;
        for at in 0..active {
            let other = at + random.below(active - at);
            order.swap(at, other);
        }
        let (mut highest, mut lowest) = (f64::NEG_INFINITY, f64::INFINITY);
        let mut place = 0;
        while place < active {
            let at = order[place];
            let y = problem.signs[at];
            let gradient = y * (dot(sample(at), &weights) + bias) - 1.0;
            let (empty, full) = (alphas[at] <= 0.0, alphas[at] >= c);
            if (empty && gradient > ceiling) || (full && gradient < floor) {
                active -= 1;
                order.swap(place, active);
                continue;
            }
            place += 1;
            let projected = if empty {
                gradient.min(0.0)
            } else if full {
                gradient.max(0.0)
            } else {
                gradient
            };
            (highest, lowest) = (highest.max(projected), lowest.min(projected));
            if projected.abs() > STILL {
                let next = (alphas[at] - gradient / norms[at]).clamp(0.0, c);
                let step = (next - alphas[at]) * y;
                alphas[at] = next;
                add(&mut weights, step, sample(at));
                bias += step;
            }
        }
        if highest - lowest <= tolerance {
            if active == l {
                break;
            }
            // Look at every sample once more before the end.
            active = l;
            (ceiling, floor) = (f64::INFINITY, f64::NEG_INFINITY);
            continue;
        }
        ceiling = if highest > 0.0 { highest } else { f64::INFINITY };
        floor = if lowest < 0.0 { lowest } else { f64::NEG_INFINITY };
    }
    Ok(Plane { weights, bias, passes })
}

fn add(weights: &mut [f64], step: f64, sample: &[f32]) {
    let moved = weights.iter_mut().zip(sample);
    moved.for_each(|(weight, &value)| *weight += step * f64::from(value));
}

/// `SplitMix64` (Steele, Lea & Flood 2014): an order of passes needs no more.
#[derive(Debug)]
struct Random(u64);

impl Random {
    /// A number below `n` > 0; the bias of the remainder is below 2⁻³².
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % n as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_objective_is_least_and_the_seed_does_not_matter() {
        let (n, m, c) = (150, 4, 0.7);
        let x: Vec<f32> = (0..n * m).map(|i| ((i * i + 3 * i) % 29) as f32 / 9.0 - 1.5).collect();
        let rows: Vec<usize> = (0..n).collect();
        let signs: Vec<f64> = (0..n)
            .map(|i| {
                if x[i * m] + x[i * m + 1] > (i % 3) as f32 - 1.0 {
                    1.0
                } else {
                    -1.0
                }
            })
            .collect();
        let problem = Problem {
            x: &x,
            width: m,
            rows: &rows,
            signs: &signs,
            c,
        };
        let objective = |plane: &Plane| {
            let loss =
                (0..n).map(|i| (1.0 - signs[i] * (dot(&x[i * m..(i + 1) * m], &plane.weights) + plane.bias)).max(0.0));
            let norm: f64 = plane.weights.iter().map(|w| w * w).sum();
            0.5 * (norm + plane.bias * plane.bias) + c * loss.sum::<f64>()
        };
        let solved = |seed| solve(&problem, 1e-6, seed, &mut Vec::new(), &Interrupt::default()).unwrap();
        let (first, second) = (solved(1), solved(2));
        assert!(first.passes < PASSES);
        assert!((first.bias - second.bias).abs() < 1e-3);
        let least = objective(&first);
        for j in 0..m {
            for by in [-0.01, 0.01] {
                let mut moved = first.clone();
                moved.weights[j] += by;
                assert!(objective(&moved) >= least - 1e-5);
            }
        }
        assert_eq!(solved(1), first);
        // From where a smaller C ended.
        let mut alphas = Vec::new();
        let smaller = Problem { c: 0.2, ..problem };
        solve(&smaller, 1e-6, 1, &mut alphas, &Interrupt::default()).unwrap();
        let warm = solve(&problem, 1e-6, 1, &mut alphas, &Interrupt::default()).unwrap();
        assert!((objective(&warm) - least).abs() < 1e-5 && warm.passes < first.passes);
    }
}
