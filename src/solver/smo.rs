//! Support vectors of two classes by sequential minimal optimisation, with working sets of second order (Fan, Chen & Lin 2005).
//!
//! minimises ½βᵀKβ − yᵀβ with Σβ = 0 and 0 ≤ yᵢβᵢ ≤ Cᵢ, the dual of the hinge loss with a free bias. βᵢ = yᵢαᵢ; steps, ties,
//! stopping and bias are those of LIBSVM without shrinking: its solutions come out but for rounding where samples stand in its order,
//! class behind class, and within the tolerance where they do not.

use crate::error::Result;
use crate::interrupt::Interrupt;

/// Least curvature along a step; twins of different classes have none.
const FLAT: f64 = 1e-12;
/// Steps between two looks for Ctrl-C.
const LOOK: usize = 256;
/// Steps at most, as many as LIBSVM's own program takes: large C on noisy labels creep.
const STEPS: usize = 10_000_000;
/// Steps a sample that are allowed beyond that.
const STEPS_A_SAMPLE: usize = 100;

/// Support vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    /// yᵢαᵢ of each sample.
    pub weights: Vec<f64>,
    /// Decision values are Σ weights·K − ρ.
    pub rho: f64,
    /// Steps taken.
    pub steps: usize,
    /// Violation of the optimality conditions that is left; above the tolerance only if steps ran out.
    pub gap: f64,
}

/// Solves for l samples with an l × l kernel, signs ±1 and boxes C > 0, until the violation is below `tolerance` (LIBSVM: 1e-3).
///
/// If all signs are equal, nothing is supported and decision values are that sign.
///
/// # Errors
/// [`crate::Error::Interrupted`].
pub fn solve(kernel: &[f32], signs: &[f64], boxes: &[f64], tolerance: f64, interrupt: &Interrupt) -> Result<Solution> {
    let l = signs.len();
    let row = |i: usize| &kernel[i * l..(i + 1) * l];
    let diagonal: Vec<f64> = (0..l).map(|i| f64::from(kernel[i * l + i])).collect();
    let lowest: Vec<f64> = signs
        .iter()
        .zip(boxes)
        .map(|(y, c)| if *y > 0.0 { 0.0 } else { -c })
        .collect();
    let highest: Vec<f64> = signs
        .iter()
        .zip(boxes)
        .map(|(y, c)| if *y > 0.0 { *c } else { 0.0 })
        .collect();
    let mut weights = vec![0.0_f64; l];
    // How far each sample is from its sign, y − Kβ.
    let mut rest = signs.to_vec();
    let limit = STEPS.max(STEPS_A_SAMPLE.saturating_mul(l));
    let mut steps = 0;
    let gap = loop {
        if steps % LOOK == 0 {
            interrupt.check()?;
        }
        // The sample that most wants more weight; of equals the last.
        let (mut up, mut most) = (None, f64::NEG_INFINITY);
        for t in 0..l {
            if weights[t] < highest[t] && rest[t] >= most {
                (up, most) = (Some(t), rest[t]);
            }
        }
        // The partner that lets the objective fall most.
        let (mut down, mut best, mut least) = (None, f64::INFINITY, f64::INFINITY);
        if let Some(i) = up {
            let (from, own) = (row(i), diagonal[i]);
            for t in 0..l {
                if weights[t] > lowest[t] {
                    least = least.min(rest[t]);
                    let slope = most - rest[t];
                    if slope > 0.0 {
                        let curvature = own + diagonal[t] - 2.0 * f64::from(from[t]);
                        let fall = -slope * slope / if curvature > 0.0 { curvature } else { FLAT };
                        if fall <= best {
                            (down, best) = (Some(t), fall);
                        }
                    }
                }
            }
        }
        let gap = most - least;
        let (Some(i), Some(j)) = (up, down) else { break gap };
        if gap < tolerance || steps >= limit {
            break gap;
        }
        steps += 1;
        let (from, to) = (row(i), row(j));
        let curvature = diagonal[i] + diagonal[j] - 2.0 * f64::from(from[j]);
        let wanted = (rest[i] - rest[j]) / if curvature > 0.0 { curvature } else { FLAT };
        let (room_up, room_down) = (highest[i] - weights[i], weights[j] - lowest[j]);
        let step = wanted.min(room_up).min(room_down);
        // On a bound exactly, or rounding would leave a sample beside it for ever.
        weights[i] = if step >= room_up { highest[i] } else { weights[i] + step };
        weights[j] = if step >= room_down {
            lowest[j]
        } else {
            weights[j] - step
        };
        for ((rest, a), b) in rest.iter_mut().zip(from).zip(to) {
            *rest -= step * (f64::from(*a) - f64::from(*b));
        }
    };
    let rho = -bias(&weights, &rest, &lowest, &highest);
    Ok(Solution {
        weights,
        rho,
        steps,
        gap: gap.max(0.0),
    })
}

/// Mean of what free samples lack; between the bounds that the others set if there are none.
fn bias(weights: &[f64], rest: &[f64], lowest: &[f64], highest: &[f64]) -> f64 {
    let (mut sum, mut free) = (0.0, 0_usize);
    let (mut above, mut below) = (f64::NEG_INFINITY, f64::INFINITY);
    for t in 0..weights.len() {
        let (up, down) = (weights[t] < highest[t], weights[t] > lowest[t]);
        if up && down {
            sum += rest[t];
            free += 1;
        } else if up {
            above = above.max(rest[t]);
        } else {
            below = below.min(rest[t]);
        }
    }
    match (free, above.is_finite(), below.is_finite()) {
        (1.., ..) => sum / free as f64,
        (_, true, true) => f64::midpoint(above, below),
        (_, true, false) => above,
        (_, false, true) => below,
        (_, false, false) => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_points_are_separated_half_way() {
        // Points 0 and 2 on a line, linear kernel: f(x) = x − 1.
        let found = solve(
            &[0.0, 0.0, 0.0, 4.0],
            &[-1.0, 1.0],
            &[10.0, 10.0],
            1e-6,
            &Interrupt::default(),
        )
        .unwrap();
        assert!((found.weights[1] - 0.5).abs() < 1e-12 && (found.weights[0] + 0.5).abs() < 1e-12);
        assert!((found.rho - 1.0).abs() < 1e-12 && found.steps == 1);
    }

    #[test]
    fn conditions_hold_and_boxes_are_kept() {
        let l = 120;
        let x: Vec<f64> = (0..l).map(|i| ((i * i + 3 * i) % 47) as f64 / 10.0).collect();
        let signs: Vec<f64> = (0..l)
            .map(|i| {
                if (x[i] - 2.0).abs() + (i % 5) as f64 * 0.2 < 1.4 {
                    1.0
                } else {
                    -1.0
                }
            })
            .collect();
        let boxes: Vec<f64> = (0..l).map(|i| if i % 2 == 0 { 3.0 } else { 0.5 }).collect();
        let kernel: Vec<f32> = (0..l * l)
            .map(|at| (-(x[at / l] - x[at % l]).powi(2)).exp() as f32)
            .collect();
        let found = solve(&kernel, &signs, &boxes, 1e-3, &Interrupt::default()).unwrap();
        assert!(found.gap < 1e-3 && found.weights.iter().sum::<f64>().abs() < 1e-9);
        for i in 0..l {
            let decision: f64 = (0..l)
                .map(|j| found.weights[j] * f64::from(kernel[i * l + j]))
                .sum::<f64>()
                - found.rho;
            let (margin, alpha) = (signs[i] * decision, signs[i] * found.weights[i]);
            assert!(alpha >= 0.0 && alpha <= boxes[i]);
            if alpha <= 0.0 {
                assert!(margin > 1.0 - 2e-3);
            } else if alpha >= boxes[i] {
                assert!(margin < 1.0 + 2e-3);
            } else {
                assert!((margin - 1.0).abs() < 2e-3);
            }
        }
    }

    #[test]
    fn one_class_alone_is_its_sign() {
        let found = solve(
            &[1.0, 0.5, 0.5, 1.0],
            &[-1.0, -1.0],
            &[1.0, 1.0],
            1e-3,
            &Interrupt::default(),
        )
        .unwrap();
        assert_eq!((found.weights, found.rho), (vec![0.0, 0.0], 1.0));
        let empty = solve(&[], &[], &[], 1e-3, &Interrupt::default()).unwrap();
        assert_eq!((empty.rho, empty.gap), (0.0, 0.0));
    }
}
