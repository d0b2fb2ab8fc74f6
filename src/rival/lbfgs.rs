//! Limited-memory BFGS (Nocedal & Wright 2006, algorithms 7.4 and 7.5) for smooth convex objectives.
//!
//! States are f64 on the host; only the objective touches the device. A few hundred evaluations of a convex function need no
//! more than backtracking and a curvature check.

use std::collections::VecDeque;

use crate::error::Result;

/// Pairs of steps and gradient changes that are remembered.
const MEMORY: usize = 12;
/// Sufficient decrease of a step, as a share of the decrease that the slope promises.
const ARMIJO: f64 = 1e-4;
/// Relative rounding of an objective that is computed from f32 products.
const NOISE: f64 = 1e-6;
/// Share of the slope that may be left after a step inside that rounding.
const FLATTER: f64 = 0.9;
/// Halvings after which a step is given up: the objective is then flat to its own precision.
const HALVINGS: usize = 25;

/// When to stop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stop {
    /// Largest absolute component of the gradient at which the minimum counts as found.
    pub tolerance: f64,
    /// Steps at most.
    pub steps: usize,
}

/// How a minimisation ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Minimum {
    /// Value reached.
    pub value: f64,
    /// Steps taken.
    pub steps: usize,
    /// Largest absolute component of the gradient there.
    pub gradient: f64,
}

/// Minimises `objective` from `x`, in place; the objective returns its value and writes its gradient. `inverse` applies what is
/// known of the inverse Hessian beforehand, linear and positive: the better, the fewer steps.
///
/// # Errors
/// Whatever the objective fails with, an interrupt among it.
pub fn minimise(
    x: &mut Vec<f64>,
    stop: Stop,
    inverse: impl Fn(Vec<f64>) -> Vec<f64>,
    mut objective: impl FnMut(&[f64], &mut [f64]) -> Result<f64>,
) -> Result<Minimum> {
    let n = x.len();
    let mut gradient = vec![0.0; n];
    let mut value = objective(x, &mut gradient)?;
    let mut newton = inverse(gradient.clone());
    let mut pairs: VecDeque<Pair> = VecDeque::new();
    let mut steps = 0;
    while steps < stop.steps && largest(&gradient) > stop.tolerance {
        let mut direction = two_loops(&gradient, &newton, &pairs);
        let mut slope = dot(&direction, &gradient);
        if slope >= 0.0 {
            // Rounding spoiled the memory: start over without it.
            pairs.clear();
            direction = newton.iter().map(|v| -v).collect();
            slope = dot(&direction, &gradient);
        }
        let mut length = 1.0;
        let mut next_gradient = vec![0.0; n];
        let mut found = None;
        for _ in 0..HALVINGS {
            let next: Vec<f64> = x.iter().zip(&direction).map(|(x, d)| x + length * d).collect();
            let next_value = objective(&next, &mut next_gradient)?;
            // Near the minimum the decrease drowns in the rounding of an f32 objective, while the slope along the step is still
            // known: then a flatter slope says that the step is good (Hager & Zhang 2005, approximate Wolfe conditions).
            let sufficient = next_value <= value + ARMIJO * length * slope;
            let flatter = || {
                next_value <= value + NOISE * value.abs() && dot(&next_gradient, &direction).abs() <= FLATTER * -slope
            };
            if sufficient || flatter() {
                found = Some((next, next_value));
                break;
            }
            length *= 0.5;
        }
        let Some((next, next_value)) = found else {
            if pairs.is_empty() {
                break;
            }
            pairs.clear();
            continue;
        };
        let next_newton = inverse(next_gradient.clone());
        let step = minus(&next, x);
        let change = minus(&next_gradient, &gradient);
        let curvature = dot(&step, &change);
        if curvature > 1e-10 * dot(&change, &change).sqrt() * dot(&step, &step).sqrt() {
            if pairs.len() == MEMORY {
                pairs.pop_front();
            }
            pairs.push_back(Pair {
                newton: minus(&next_newton, &newton),
                step,
                change,
                rho: 1.0 / curvature,
            });
        }
        *x = next;
        value = next_value;
        gradient = next_gradient;
        newton = next_newton;
        steps += 1;
    }
    Ok(Minimum {
        value,
        steps,
        gradient: largest(&gradient),
    })
}

/// A step and what it changed.
struct Pair {
    step: Vec<f64>,
    /// Of the gradient.
    change: Vec<f64>,
    /// Of the gradient, times the inverse Hessian known beforehand.
    newton: Vec<f64>,
    /// 1 / (step · change).
    rho: f64,
}

/// −H·g with the inverse Hessian estimate H; `newton` is the gradient times the inverse Hessian known beforehand.
fn two_loops(gradient: &[f64], newton: &[f64], pairs: &VecDeque<Pair>) -> Vec<f64> {
    let mut q: Vec<f64> = gradient.iter().map(|g| -g).collect();
    // What is known beforehand is linear: applied to q, it is the same sum of what it made of gradients.
    let mut direction: Vec<f64> = newton.iter().map(|v| -v).collect();
    let mut alphas = Vec::with_capacity(pairs.len());
    for pair in pairs.iter().rev() {
        let alpha = pair.rho * dot(&pair.step, &q);
        axpy(&mut q, -alpha, &pair.change);
        axpy(&mut direction, -alpha, &pair.newton);
        alphas.push(alpha);
    }
    if let Some(pair) = pairs.back() {
        let scale = 1.0 / (pair.rho * dot(&pair.change, &pair.newton));
        for v in &mut direction {
            *v *= scale;
        }
    }
    for (pair, alpha) in pairs.iter().zip(alphas.into_iter().rev()) {
        let beta = pair.rho * dot(&pair.change, &direction);
        axpy(&mut direction, alpha - beta, &pair.step);
    }
    direction
}

fn minus(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

fn axpy(y: &mut [f64], a: f64, x: &[f64]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += a * x;
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn largest(v: &[f64]) -> f64 {
    v.iter().fold(0.0, |m, x| m.max(x.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_minimum_of_an_ill_conditioned_quadratic() {
        let scale: Vec<f64> = (0..40).map(|i| 10.0_f64.powf(f64::from(i) / 20.0)).collect();
        let mut x = vec![1.0; 40];
        let stop = Stop {
            tolerance: 1e-9,
            steps: 500,
        };
        // Known to a factor of up to three.
        let inverse = |g: Vec<f64>| {
            g.iter()
                .zip(&scale)
                .map(|(g, s)| g / (s * s.ln().sin().exp()))
                .collect()
        };
        let end = minimise(&mut x, stop, inverse, |x, g| {
            let mut value = 0.0;
            for i in 0..40 {
                g[i] = scale[i] * (x[i] - 3.0);
                value += 0.5 * scale[i] * (x[i] - 3.0) * (x[i] - 3.0);
            }
            Ok(value)
        })
        .expect("no failure");
        assert!(end.gradient <= 1e-9 && end.steps < 60, "{end:?}");
        assert!(x.iter().all(|v| (v - 3.0).abs() < 1e-8));
    }
}
