//! Whether the classes of a tool were read in the wrong order: a confusion that another order would mend.

use crate::metric::expression::argmax;
use crate::metric::special::binomial_half_cdf;
use crate::task::Targets;

/// Another order of the classes that fits the labels far better.
#[derive(Debug, Clone, PartialEq)]
pub struct Mended {
    /// For each class, as which it should have been read.
    pub read_as: Vec<usize>,
    /// Samples of the classes that change places which are right as they were read.
    pub right: u64,
    /// Those that would be right.
    pub would_be: u64,
    /// Samples of these classes.
    pub of: u64,
}

/// By how much more of a group's samples another order must be right.
const GAIN: f64 = 0.2;
/// How improbable the gain must be by chance (sign test): every order is looked at, and none may be found by luck.
const CHANCE: f64 = 1e-3;

/// Looks for an order in which far more answers are right. `answers` holds n × C outputs, `None` where there is none.
///
/// Only groups of classes that change places among each other by the best order are judged: each must gain a fifth of its samples, and
/// more than chance gives. A model that is merely poor confuses classes with others that it knows, which no exchange mends.
pub fn mended(targets: &Targets, answers: &[Option<Vec<f32>>]) -> Option<Mended> {
    let classes = targets.outputs();
    let mut counts = vec![0_u64; classes * classes];
    for (i, answer) in answers.iter().enumerate() {
        if let (Some(label), Some(answer)) = (targets.class(i), answer) {
            counts[label * classes + argmax(answer)] += 1;
        }
    }
    let count = |label: usize, said: usize| counts[label * classes + said];
    let best = assignment(classes, &|said, label| count(label, said));
    let mut read_as: Vec<usize> = (0..classes).collect();
    let (mut right, mut would_be, mut of) = (0, 0, 0);
    for group in cycles(&best) {
        // A sample belongs to the group if its label does.
        let samples: u64 = group
            .iter()
            .map(|&label| (0..classes).map(|said| count(label, said)).sum::<u64>())
            .sum();
        let now: u64 = group.iter().map(|&class| count(class, class)).sum();
        let then: u64 = group.iter().map(|&said| count(best[said], said)).sum();
        let gain = then.saturating_sub(now) as f64;
        let chance = 2.0 * binomial_half_cdf(now.min(then), now + then);
        if samples > 0 && gain > 0.0 && gain >= GAIN * samples as f64 && chance < CHANCE {
            for &said in &group {
                read_as[said] = best[said];
            }
            right += now;
            would_be += then;
            of += samples;
        }
    }
    (of > 0).then_some(Mended {
        read_as,
        right,
        would_be,
        of,
    })
}

/// The groups of classes that change places among each other, of two or more each.
fn cycles(order: &[usize]) -> Vec<Vec<usize>> {
    let mut seen = vec![false; order.len()];
    let mut groups = Vec::new();
    for start in 0..order.len() {
        let mut group = Vec::new();
        let mut at = start;
        while !seen[at] {
            seen[at] = true;
            group.push(at);
            at = order[at];
        }
        if group.len() > 1 {
            groups.push(group);
        }
    }
    groups
}

/// For each row the column, each once, with the largest sum of `value` (the Hungarian method, Kuhn 1955, in O(n³)).
fn assignment(n: usize, value: &dyn Fn(usize, usize) -> u64) -> Vec<usize> {
    let most = (0..n)
        .flat_map(|row| (0..n).map(move |column| value(row, column)))
        .max()
        .unwrap_or(0);
    let cost = |row: usize, column: usize| (most - value(row, column)) as f64;
    // Rows and columns count from 1; 0 stands for none.
    let (mut u, mut v) = (vec![0.0; n + 1], vec![0.0; n + 1]);
    let mut row_of = vec![0_usize; n + 1];
    let mut way = vec![0_usize; n + 1];
    for row in 1..=n {
        row_of[0] = row;
        let mut column = 0;
        let mut least = vec![f64::INFINITY; n + 1];
        let mut used = vec![false; n + 1];
        while row_of[column] != 0 {
            used[column] = true;
            let at = row_of[column];
            let (mut delta, mut next) = (f64::INFINITY, 0);
            for j in 1..=n {
                if used[j] {
                    continue;
                }
                let reduced = cost(at - 1, j - 1) - u[at] - v[j];
                if reduced < least[j] {
                    least[j] = reduced;
                    way[j] = column;
                }
                if least[j] < delta {
                    delta = least[j];
                    next = j;
                }
            }
            for j in 0..=n {
                if used[j] {
                    u[row_of[j]] += delta;
                    v[j] -= delta;
                } else {
                    least[j] -= delta;
                }
            }
            column = next;
        }
        while column != 0 {
            let before = way[column];
            row_of[column] = row_of[before];
            column = before;
        }
    }
    let mut columns = vec![0; n];
    for column in 1..=n {
        columns[row_of[column] - 1] = column - 1;
    }
    columns
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::task::Task;

    fn targets(labels: &[usize], classes: usize) -> Targets {
        Targets {
            task: Task::Expression,
            names: (0..classes).map(|class| class.to_string()).collect(),
            values: labels
                .iter()
                .flat_map(|&label| (0..classes).map(move |class| f32::from(class == label)))
                .collect(),
            known: vec![true; labels.len() * classes],
        }
    }

    fn said(classes: usize, class: usize) -> Vec<f32> {
        (0..classes).map(|other| f32::from(other == class)).collect()
    }

    #[test]
    fn two_classes_that_changed_places_are_seen_and_a_poor_model_is_not() {
        let labels: Vec<usize> = (0..700).map(|i| i % 7).collect();
        let of = targets(&labels, 7);
        // Nine of ten are right, but for 2 and 5, which are called each other.
        let swapped: Vec<_> = labels
            .iter()
            .enumerate()
            .map(|(i, &label)| {
                let class = if i % 10 == 9 { (label + 1) % 7 } else { label };
                let class = match class {
                    2 => 5,
                    5 => 2,
                    other => other,
                };
                Some(said(7, class))
            })
            .collect();
        let found = mended(&of, &swapped).unwrap();
        assert_eq!(found.read_as, [0, 1, 5, 3, 4, 2, 6]);
        assert_eq!((found.right, found.would_be, found.of), (0, 180, 200));
        // One that says the next class half of the time is poor, and in order.
        let poor: Vec<_> = labels
            .iter()
            .enumerate()
            .map(|(i, &label)| Some(said(7, (label + i / 7 % 2) % 7)))
            .collect();
        assert_eq!(mended(&of, &poor), None);
        assert_eq!(mended(&of, &vec![None; 700]), None);
    }

    proptest! {
        #[test]
        fn the_assignment_is_the_best_of_all(values in prop::collection::vec(0_u64..9, 16)) {
            let value = |row: usize, column: usize| values[row * 4 + column];
            let found = assignment(4, &value);
            let sum = |order: &[usize]| order.iter().enumerate().map(|(row, &column)| value(row, column)).sum::<u64>();
            let mut best = 0;
            for a in 0..4 {
                for b in (0..4).filter(|b| *b != a) {
                    for c in (0..4).filter(|c| *c != a && *c != b) {
                        best = best.max(sum(&[a, b, c, 6 - a - b - c]));
                    }
                }
            }
            prop_assert_eq!(sum(&found), best);
        }
    }
}
