//! Which archetypes say the same: agglomeration of the dictionary by Ward's criterion on the sphere.
//!
//! An over-complete dictionary cuts a cluster of samples into as many pieces as it has archetypes to spare. Here the pieces
//! are joined again, the cheapest pair first, as long as a join costs less than a share of what there is to explain. That
//! share does not depend on the number of archetypes at the start (`model.k_max`), and no sample loses its archetype: a
//! rare group far from all others stays, since joining it is dear.

use rayon::prelude::*;

use crate::sets::Matrix;
use crate::task::{Targets, Task};

/// When joining stops.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Criterion {
    /// Joins that cost at least this are not made.
    pub tolerance: f64,
    /// Weight η of the label information that a join loses.
    pub label_weight: f64,
}

/// What is known of the samples of a group; sums of two groups are the sums of their union.
#[derive(Debug, Clone)]
struct Group {
    /// Σ z, d values.
    sum: Vec<f64>,
    /// ‖Σ z‖.
    norm: f64,
    /// Σ y over known labels, O values.
    labels: Vec<f64>,
    /// Σ y², O values.
    squares: Vec<f64>,
    /// Known labels, O values.
    known: Vec<f64>,
}

impl Group {
    fn empty(d: usize, o: usize) -> Self {
        Self {
            sum: vec![0.0; d],
            norm: 0.0,
            labels: vec![0.0; o],
            squares: vec![0.0; o],
            known: vec![0.0; o],
        }
    }

    fn add(&mut self, other: &Self) {
        for (own, theirs) in [
            (&mut self.sum, &other.sum),
            (&mut self.labels, &other.labels),
            (&mut self.squares, &other.squares),
            (&mut self.known, &other.known),
        ] {
            for (a, b) in own.iter_mut().zip(theirs) {
                *a += b;
            }
        }
        self.norm = norm(&self.sum);
    }

    /// What the labels leave open within the group: n times the entropy of the class (expression), n times the mean
    /// Bernoulli entropy (action units), the squared deviations from the mean (valence, arousal).
    fn impurity(&self, task: Task) -> f64 {
        impurity(task, self.labels.iter().zip(&self.squares).zip(&self.known))
    }

    /// The impurity of the union of two groups.
    fn joint_impurity(&self, other: &Self, task: Task) -> f64 {
        let sums = |a: &[f64], b: &[f64]| -> Vec<f64> { a.iter().zip(b).map(|(a, b)| a + b).collect() };
        let labels = sums(&self.labels, &other.labels);
        let squares = sums(&self.squares, &other.squares);
        let known = sums(&self.known, &other.known);
        impurity(task, labels.iter().zip(&squares).zip(&known))
    }
}

fn norm(v: &[f64]) -> f64 {
    v.iter().map(|x| x * x).sum::<f64>().sqrt()
}

fn x_log_x(x: f64) -> f64 {
    if x > 0.0 { x * x.ln() } else { 0.0 }
}

fn impurity<'a>(task: Task, outputs: impl Iterator<Item = ((&'a f64, &'a f64), &'a f64)>) -> f64 {
    match task {
        Task::Expression => {
            let (mut n, mut within) = (0.0, 0.0);
            for ((&label, _), _) in outputs {
                n += label;
                within += x_log_x(label);
            }
            x_log_x(n) - within
        }
        Task::ActionUnits => {
            let (mut sum, mut units) = (0.0, 0.0);
            for ((&on, _), &n) in outputs {
                sum += x_log_x(n) - x_log_x(on) - x_log_x(n - on);
                units += 1.0;
            }
            sum / f64::max(units, 1.0)
        }
        Task::ValenceArousal => outputs
            .filter(|(_, n)| **n > 0.0)
            .map(|((&sum, &squares), &n)| squares - sum * sum / n)
            .sum(),
    }
}

/// The cost of joining two groups: what the union's mean direction explains less than the two means, Σ (1 − cos), as a share
/// of the spread Σ (1 − z·mean) of all samples; or the mean of that, with weight 1, and of the share of the label information
/// that is lost, with weight η.
struct Cost {
    task: Task,
    label_weight: f64,
    spread: f64,
    impurity: f64,
}

impl Cost {
    fn of(&self, a: &Group, b: &Group) -> f64 {
        let dot: f64 = a.sum.iter().zip(&b.sum).map(|(a, b)| a * b).sum();
        let joint = (a.norm * a.norm + b.norm * b.norm + 2.0 * dot).max(0.0).sqrt();
        let mut cost = (a.norm + b.norm - joint).max(0.0) / self.spread;
        if self.label_weight > 0.0 && self.impurity > 0.0 {
            let lost = a.joint_impurity(b, self.task) - a.impurity(self.task) - b.impurity(self.task);
            cost += self.label_weight * lost.max(0.0) / self.impurity;
            cost /= 1.0 + self.label_weight;
        }
        cost
    }

    /// The cheapest partner of group `i` among the others, the first of equals.
    fn partner(&self, groups: &[Option<Group>], i: usize) -> Option<(f64, usize)> {
        let own = groups[i].as_ref()?;
        let mut best: Option<(f64, usize)> = None;
        for (j, other) in groups.iter().enumerate() {
            let Some(other) = other.as_ref().filter(|_| j != i) else {
                continue;
            };
            let cost = self.of(own, other);
            if best.is_none_or(|(least, _)| cost < least) {
                best = Some((cost, j));
            }
        }
        best
    }
}

/// Joins archetypes by the samples that are nearest to each: `z` are the n unit rows, `nearest` the archetype of each row, `k`
/// the number of archetypes. The result names for every archetype the one that its samples now belong to (itself, if it was
/// not joined to another); archetypes without samples have none.
///
/// Starting from one group an archetype, the pair with the least cost is joined until the least cost reaches the
/// tolerance or two groups are left. The group keeps the place of the archetype with more samples.
pub fn ward(z: &Matrix, nearest: &[usize], k: usize, targets: &Targets, criterion: Criterion) -> Vec<Option<usize>> {
    let o = targets.outputs();
    let mut groups: Vec<Option<Group>> = vec![None; k];
    let mut counts = vec![0_usize; k];
    let mut all = Group::empty(z.cols, o);
    for (row, &archetype) in nearest.iter().enumerate() {
        counts[archetype] += 1;
        let group = groups[archetype].get_or_insert_with(|| Group::empty(z.cols, o));
        for (sum, &value) in group.sum.iter_mut().zip(z.row(row)) {
            *sum += f64::from(value);
        }
        for output in 0..o {
            if targets.known[row * o + output] {
                let y = f64::from(targets.values[row * o + output]);
                group.labels[output] += y;
                group.squares[output] += y * y;
                group.known[output] += 1.0;
            }
        }
    }
    for group in groups.iter_mut().flatten() {
        group.norm = norm(&group.sum);
        all.add(group);
    }
    let mut home: Vec<Option<usize>> = (0..k).map(|i| groups[i].is_some().then_some(i)).collect();
    let spread = nearest.len() as f64 - all.norm;
    if spread <= 1e-9 * nearest.len() as f64 {
        return home;
    }
    let cost = Cost {
        task: targets.task,
        label_weight: criterion.label_weight,
        spread,
        impurity: all.impurity(targets.task),
    };
    let mut partners: Vec<Option<(f64, usize)>> = (0..k).into_par_iter().map(|i| cost.partner(&groups, i)).collect();
    let mut left = groups.iter().flatten().count();
    while left > 2 {
        let cheapest = partners
            .iter()
            .enumerate()
            .filter_map(|(i, partner)| partner.map(|(cost, j)| (cost, i, j)))
            .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let Some((least, i, j)) = cheapest.filter(|(least, ..)| *least < criterion.tolerance) else {
            break;
        };
        debug_assert!(least.is_finite());
        let (to, from) = if counts[j] > counts[i] { (j, i) } else { (i, j) };
        let Some(gone) = groups[from].take() else { break };
        if let Some(group) = groups[to].as_mut() {
            group.add(&gone);
        }
        counts[to] += counts[from];
        counts[from] = 0;
        for place in &mut home {
            if *place == Some(from) {
                *place = Some(to);
            }
        }
        left -= 1;
        partners[from] = None;
        let fresh: Vec<Option<(f64, usize)>> = (0..k)
            .into_par_iter()
            .map(|i| {
                let own = groups[i].as_ref()?;
                let known = partners[i].filter(|&(_, j)| j != to && j != from);
                if i == to || known.is_none() {
                    return cost.partner(&groups, i);
                }
                let (least, j) = known?;
                let joined = cost.of(own, groups[to].as_ref()?);
                let nearer = joined < least || (joined <= least && to < j);
                Some(if nearer { (joined, to) } else { (least, j) })
            })
            .collect();
        partners = fresh;
    }
    home
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::kmeans::normalise;
    use crate::model::math::{Purpose, normal, stream};

    /// Three groups of 60, 60 and 6 samples around orthogonal directions, the last one rare and far away.
    fn clustered() -> (Matrix, Vec<usize>, Targets) {
        let mut rng = stream(5, Purpose::Dictionary, 0, 0);
        let d = 12;
        let (mut data, mut truth) = (Vec::new(), Vec::new());
        for (cluster, count) in [60, 60, 6].into_iter().enumerate() {
            for _ in 0..count {
                let mut point = normal(&mut rng, d, 0.05);
                point[cluster] += 1.0;
                normalise(&mut point);
                data.extend(point);
                truth.push(cluster);
            }
        }
        let targets = Targets {
            task: Task::Expression,
            names: vec!["a".into(), "b".into()],
            values: truth
                .iter()
                .flat_map(|&c| if c == 0 { [1.0, 0.0] } else { [0.0, 1.0] })
                .collect(),
            known: vec![true; 2 * truth.len()],
        };
        let z = Matrix {
            rows: truth.len(),
            cols: d,
            data,
        };
        (z, truth, targets)
    }

    const GEOMETRY: Criterion = Criterion {
        tolerance: 0.01,
        label_weight: 0.0,
    };

    #[test]
    fn pieces_of_a_cluster_are_joined_and_a_rare_far_one_stays() {
        let (z, truth, targets) = clustered();
        for pieces in [2, 5, 10] {
            let nearest: Vec<usize> = (0..z.rows)
                .map(|row| truth[row] * pieces + row % pieces.min(3))
                .collect();
            let home = ward(&z, &nearest, 3 * pieces, &targets, GEOMETRY);
            let mut left: Vec<usize> = home.iter().flatten().copied().collect();
            left.sort_unstable();
            left.dedup();
            assert_eq!(left.len(), 3, "{home:?}");
            for row in 0..z.rows {
                let place = home[nearest[row]].expect("every sample keeps an archetype");
                assert_eq!(place / pieces, truth[row]);
            }
        }
    }

    #[test]
    fn labels_hold_apart_what_lies_together() {
        let (z, _, mut targets) = clustered();
        // Two archetypes within each cluster, of which the first cluster's carry different labels.
        let nearest: Vec<usize> = (0..z.rows).map(|row| row % 2).collect();
        for row in 0..z.rows {
            let first = row % 2 == 0;
            targets.values[2 * row] = f32::from(u8::from(first));
            targets.values[2 * row + 1] = f32::from(u8::from(!first));
        }
        let three: Vec<usize> = nearest
            .iter()
            .enumerate()
            .map(|(row, &a)| if row == 1 { 2 } else { a })
            .collect();
        let count = |label_weight: f64| {
            let home = ward(
                &z,
                &three,
                3,
                &targets,
                Criterion {
                    tolerance: 0.05,
                    label_weight,
                },
            );
            home[0] == home[1]
        };
        assert!(
            count(0.0),
            "geometry alone joins the two large ones or the small one to a large one"
        );
        assert!(!count(1.0));
    }

    #[test]
    fn identical_samples_and_empty_archetypes_are_left_alone() {
        let (_, _, targets) = clustered();
        let z = Matrix {
            rows: 126,
            cols: 2,
            data: [1.0, 0.0].repeat(126),
        };
        let home = ward(&z, &[1; 126], 3, &targets, GEOMETRY);
        assert_eq!(home, [None, Some(1), None]);
    }
}
