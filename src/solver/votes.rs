//! Votes between pairs of classes, as scikit-learn's `_ovr_decision_function` counts them.

use super::linalg::Dense;

/// Score of a class that no training sample has: below that of a class that lost every vote.
const ABSENT: f64 = -1.0;

/// Pairs of classes, each with a machine that decides between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Votes {
    /// The two classes of each machine, (0, 1), (0, 2), …; a decision of at least 0 is a vote for the first.
    pub pairs: Vec<(usize, usize)>,
    /// Whether each class has samples.
    present: Vec<bool>,
}

impl Votes {
    /// All pairs of classes that have samples.
    pub fn between(present: Vec<bool>) -> Self {
        let there: Vec<usize> = (0..present.len()).filter(|&c| present[c]).collect();
        let pairs = there
            .iter()
            .enumerate()
            .flat_map(|(at, &a)| there[at + 1..].iter().map(move |&b| (a, b)));
        Self {
            pairs: pairs.collect(),
            present,
        }
    }

    /// n × K scores from n × pairs decisions: votes, and sums of decisions squeezed to ±1/3, which break ties only.
    pub fn scores(&self, decisions: &Dense) -> Dense {
        let k = self.present.len();
        let mut scores = Dense::zeros(decisions.rows, k);
        let mut sums = vec![0.0; k];
        for i in 0..decisions.rows {
            sums.fill(0.0);
            let row = scores.row_mut(i);
            for (&decision, &(first, second)) in decisions.row(i).iter().zip(&self.pairs) {
                sums[first] += decision;
                sums[second] -= decision;
                row[if decision < 0.0 { second } else { first }] += 1.0;
            }
            for ((score, sum), &present) in row.iter_mut().zip(&sums).zip(&self.present) {
                *score = if present {
                    *score + sum / (3.0 * (sum.abs() + 1.0))
                } else {
                    ABSENT
                };
            }
        }
        scores
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confidence_breaks_ties_of_votes() {
        let votes = Votes::between(vec![true, false, true, true]);
        assert_eq!(votes.pairs, [(0, 2), (0, 3), (2, 3)]);
        // 0 beats 2, 2 beats 3, and 3 beats 0 most clearly.
        let decisions = Dense {
            rows: 1,
            cols: 3,
            data: vec![1.0, -3.0, 1.0],
        };
        let scores = votes.scores(&decisions).data;
        let expected = [1.0 - 2.0 / 9.0, -1.0, 1.0, 1.0 + 2.0 / 9.0];
        assert!(
            scores.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12),
            "{scores:?}"
        );
    }
}
