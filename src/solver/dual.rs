//! Linear support vectors by dual coordinate descent (Hsieh et al. 2008), the hinge loss of LIBLINEAR.
//!
//! minimises ½‖(w, b)‖² + C Σ max(0, 1 − yᵢ(w·xᵢ + b)): the bias is the weight of an appended 1 and penalised as the others
//! are, as in scikit-learn's `LinearSVC(loss="hinge")`.

use super::linalg::dot;
use crate::error::Result;
use crate::interrupt::Interrupt;

/// Passes over the samples at most (scikit-learn's `max_iter`).
const PASSES: usize = 1_000;
/// Samples between two looks for Ctrl-C.
const LOOK: usize = 4_096;
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

/// Samples, and on which side of each of O hyperplanes they lie.
#[derive(Debug, Clone, Copy)]
pub struct Problem<'a> {
    /// n × m features, row-major.
    pub x: &'a [f32],
    /// m.
    pub width: usize,
    /// n × O sides: ±1, or 0 where the sample does not count.
    pub sides: &'a [f64],
    /// O.
    pub outputs: usize,
    /// C > 0.
    pub c: f64,
}

/// A hyperplane on its way.
struct Course {
    plane: Plane,
    /// Samples that still take part in its passes.
    active: usize,
    /// Gradients beyond which a sample on a bound is left out of the passes that follow.
    ceiling: f64,
    floor: f64,
    /// Largest and smallest projected gradient of the pass.
    highest: f64,
    lowest: f64,
    found: bool,
}

impl Course {
    /// Whether every sample that counts has to be looked at once more.
    fn end_of_pass(&mut self, all: usize, tolerance: f64) -> bool {
        self.plane.passes += 1;
        let (highest, lowest) = (self.highest, self.lowest);
        (self.highest, self.lowest) = (f64::NEG_INFINITY, f64::INFINITY);
        if highest - lowest <= tolerance {
            self.found = self.active == all;
            (self.ceiling, self.floor) = (f64::INFINITY, f64::NEG_INFINITY);
            return !self.found;
        }
        self.ceiling = if highest > 0.0 { highest } else { f64::INFINITY };
        self.floor = if lowest < 0.0 { lowest } else { f64::NEG_INFINITY };
        false
    }
}

/// Solves until the projected gradients of each plane span no more than `tolerance` (scikit-learn: 1e-4). The seed orders the
/// passes. Starts from the n × O dual weights in `alphas`, none or those of a smaller C, and leaves its own there.
///
/// All planes walk over the samples together: a sample is read once for all of them, and reading is what takes the time.
///
/// # Errors
/// [`crate::Error::Interrupted`].
pub fn solve(
    problem: &Problem<'_>,
    tolerance: f64,
    seed: u64,
    alphas: &mut Vec<f64>,
    interrupt: &Interrupt,
) -> Result<Vec<Plane>> {
    let &Problem {
        x,
        width: m,
        sides,
        outputs: o,
        c,
    } = problem;
    let n = x.len() / m.max(1);
    alphas.resize(n * o, 0.0);
    let mut active: Vec<bool> = sides.iter().map(|&side| side != 0.0).collect();
    let counts: Vec<usize> = (0..o)
        .map(|k| active.iter().skip(k).step_by(o).filter(|&&a| a).count())
        .collect();
    let course = |&active: &usize| Course {
        plane: Plane {
            weights: vec![0.0; m],
            bias: 0.0,
            passes: 0,
        },
        active,
        ceiling: f64::INFINITY,
        floor: f64::NEG_INFINITY,
        highest: f64::NEG_INFINITY,
        lowest: f64::INFINITY,
        // A plane without samples is the one of zeros.
        found: active == 0,
    };
    let mut courses: Vec<Course> = counts.iter().map(course).collect();
    let mut norms = Vec::with_capacity(n);
    for (i, sample) in x.chunks_exact(m).enumerate() {
        if i % LOOK == 0 {
            interrupt.check()?;
        }
        norms.push(1.0 + sample.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>());
        for (k, course) in courses.iter_mut().enumerate() {
            if alphas[i * o + k] > 0.0 {
                course.plane.add(alphas[i * o + k] * sides[i * o + k], sample);
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    let mut random = Random(seed);
    let mut live = n;
    for _ in 0..PASSES {
        for at in 0..live {
            order.swap(at, at + random.below(live - at));
        }
        let mut place = 0;
        while place < live {
            if place % LOOK == 0 {
                interrupt.check()?;
            }
            let i = order[place];
            let cells = i * o..(i + 1) * o;
            if !active[cells.clone()].contains(&true) {
                live -= 1;
                order.swap(place, live);
                continue;
            }
            place += 1;
            let sample = &x[i * m..(i + 1) * m];
            for (course, cell) in courses.iter_mut().zip(cells) {
                if !active[cell] {
                    continue;
                }
                let (y, alpha) = (sides[cell], alphas[cell]);
                let gradient = y * (dot(sample, &course.plane.weights) + course.plane.bias) - 1.0;
                let (empty, full) = (alpha <= 0.0, alpha >= c);
                if (empty && gradient > course.ceiling) || (full && gradient < course.floor) {
                    active[cell] = false;
                    course.active -= 1;
                    continue;
                }
                let projected = if empty {
                    gradient.min(0.0)
                } else if full {
                    gradient.max(0.0)
                } else {
                    gradient
                };
                (course.highest, course.lowest) = (course.highest.max(projected), course.lowest.min(projected));
                if projected.abs() > STILL {
                    alphas[cell] = (alpha - gradient / norms[i]).clamp(0.0, c);
                    course.plane.add((alphas[cell] - alpha) * y, sample);
                }
            }
        }
        for (k, course) in courses.iter_mut().enumerate().filter(|(_, course)| !course.found) {
            if course.end_of_pass(counts[k], tolerance) {
                (course.active, live) = (counts[k], n);
                for cell in (k..n * o).step_by(o) {
                    active[cell] = sides[cell] != 0.0;
                }
            }
            if course.found {
                active.iter_mut().skip(k).step_by(o).for_each(|active| *active = false);
            }
        }
        if courses.iter().all(|course| course.found) {
            break;
        }
    }
    Ok(courses.into_iter().map(|course| course.plane).collect())
}

impl Plane {
    /// Moves by `step` times a sample and its appended 1.
    fn add(&mut self, step: f64, sample: &[f32]) {
        let moved = self.weights.iter_mut().zip(sample);
        moved.for_each(|(weight, &value)| *weight += step * f64::from(value));
        self.bias += step;
    }
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
        let above = |i: usize, j: usize| {
            if x[i * m + j] + x[i * m + j + 1] > (i % 3) as f32 - 1.0 {
                1.0
            } else {
                -1.0
            }
        };
        let signs: Vec<f64> = (0..n).map(|i| above(i, 0)).collect();
        let problem = Problem {
            x: &x,
            width: m,
            sides: &signs,
            outputs: 1,
            c,
        };
        let objective = |plane: &Plane| {
            let loss =
                (0..n).map(|i| (1.0 - signs[i] * (dot(&x[i * m..(i + 1) * m], &plane.weights) + plane.bias)).max(0.0));
            let norm: f64 = plane.weights.iter().map(|w| w * w).sum();
            0.5 * (norm + plane.bias * plane.bias) + c * loss.sum::<f64>()
        };
        let found = |problem: &Problem<'_>, seed, alphas: &mut Vec<f64>| {
            solve(problem, 1e-6, seed, alphas, &Interrupt::default()).unwrap()
        };
        let solved = |seed| found(&problem, seed, &mut Vec::new()).remove(0);
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
        found(&smaller, 1, &mut alphas);
        let warm = found(&problem, 1, &mut alphas).remove(0);
        assert!((objective(&warm) - least).abs() < 1e-5 && warm.passes < first.passes);
        // Beside another plane, and one that knows no sample; of the other, every third sample does not count.
        let sides: Vec<f64> = (0..n)
            .flat_map(|i| [if i % 3 == 0 { 0.0 } else { above(i, 1) }, signs[i], 0.0])
            .collect();
        let three = Problem {
            sides: &sides,
            outputs: 3,
            ..problem
        };
        let planes = found(&three, 1, &mut Vec::new());
        assert!((objective(&planes[1]) - least).abs() < 1e-5);
        assert_eq!((planes[2].bias, planes[2].passes), (0.0, 0));
        let kept: Vec<usize> = (0..n).filter(|i| i % 3 > 0).collect();
        let x_kept: Vec<f32> = kept.iter().flat_map(|i| &x[i * m..(i + 1) * m]).copied().collect();
        let alone = Problem {
            x: &x_kept,
            sides: &kept.iter().map(|&i| above(i, 1)).collect::<Vec<_>>(),
            ..problem
        };
        let alone = found(&alone, 2, &mut Vec::new()).remove(0);
        let apart = planes[0].weights.iter().zip(&alone.weights).map(|(a, b)| (a - b).abs());
        assert!(apart.fold(0.0, f64::max) < 1e-3);
    }
}
