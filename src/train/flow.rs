//! What moves between archetypes over training: the archetype nearest to each training sample whenever the metric of their
//! split is read, and how many went where since the last time.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::record::FlowRow;

/// The archetype nearest to each training sample at the end of an epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// 1-based epoch.
    pub epoch: usize,
    /// Indices in the dictionary, in the order of the split.
    pub nearest: Vec<usize>,
}

/// Training samples that went the same way between two looks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// Epoch of the later look.
    pub epoch: usize,
    /// Archetype that they left; `None` at the first look.
    pub from: Option<usize>,
    /// Archetype that they are nearest to now.
    pub to: usize,
    /// How many.
    pub n: usize,
}

impl Look {
    /// What has moved since an earlier look, by the archetypes left and found; without one, how many are where.
    pub fn since(&self, before: Option<&Self>) -> Vec<Move> {
        let before = before.map(|look| look.nearest.as_slice());
        let mut counts = BTreeMap::new();
        for (row, &to) in self.nearest.iter().enumerate() {
            let from = before.map(|nearest| nearest[row]);
            if from != Some(to) {
                *counts.entry((from, to)).or_insert(0) += 1;
            }
        }
        let of_count = |((from, to), n)| Move {
            epoch: self.epoch,
            from,
            to,
            n,
        };
        counts.into_iter().map(of_count).collect()
    }
}

/// What one training leaves to be told of its moves.
pub struct Flows<'a> {
    /// All moves of the training.
    pub moves: &'a [Move],
    /// The last look up to the selected epoch, if there was one.
    pub look: Option<&'a Look>,
    /// The selected epoch, whose model is frozen, and its archetypes as training left them.
    pub trained: Look,
    /// The nearest archetype of each sample once all is frozen.
    pub frozen: Vec<usize>,
}

impl Flows<'_> {
    /// Rows from the first look to the frozen dictionary. They lead from one to the other without a gap: what an archetype has at
    /// the first look, with all that came and without all that went, is what it has in the end. So later epochs than the selected
    /// one, whose archetypes nobody has, are left out.
    pub fn rows(self) -> Vec<FlowRow> {
        let Self {
            moves,
            look,
            trained,
            frozen,
        } = self;
        let selected = trained.epoch;
        let mut rows: Vec<FlowRow> = moves.iter().filter(|m| m.epoch <= selected).map(row).collect();
        let before = match look {
            Some(look) if look.epoch == selected => look,
            look => {
                rows.extend(trained.since(look).iter().map(row));
                &trained
            }
        };
        let frozen = Look {
            epoch: selected,
            nearest: frozen,
        };
        rows.extend(frozen.since(Some(before)).iter().map(|m| FlowRow {
            cause: "freezing".to_owned(),
            ..row(m)
        }));
        rows
    }
}

fn row(m: &Move) -> FlowRow {
    FlowRow {
        epoch: m.epoch as i32,
        from: m.from.map(|from| from as i32),
        to: m.to as i32,
        n: m.n as i32,
        cause: if m.from.is_some() { "training" } else { "start" }.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(epoch: usize, nearest: &[usize]) -> Look {
        let nearest = nearest.to_vec();
        Look { epoch, nearest }
    }

    fn told(flows: Flows<'_>) -> Vec<(i32, Option<i32>, i32, i32, String)> {
        let rows = flows.rows().into_iter();
        rows.map(|row| (row.epoch, row.from, row.to, row.n, row.cause))
            .collect()
    }

    #[test]
    fn the_first_look_counts_and_later_ones_say_what_moved() {
        let first = look(5, &[0, 2, 2, 1]);
        let counts: Vec<_> = first.since(None).iter().map(|m| (m.from, m.to, m.n)).collect();
        assert_eq!(counts, [(None, 0, 1), (None, 1, 1), (None, 2, 2)]);
        let second = look(10, &[0, 0, 0, 2]);
        let moved: Vec<_> = second
            .since(Some(&first))
            .iter()
            .map(|m| (m.epoch, m.from, m.to, m.n))
            .collect();
        assert_eq!(moved, [(10, Some(1), 2, 1), (10, Some(2), 0, 2)]);
        assert!(second.since(Some(&second)).is_empty());
    }

    #[test]
    fn rows_end_with_the_selected_epoch_and_what_freezing_does() {
        let (first, later) = (look(5, &[0, 1, 1]), look(10, &[2, 1, 1]));
        let mut moves = first.since(None);
        moves.extend(later.since(Some(&first)));
        // The model of epoch 7 was selected, between two looks.
        let flows = told(Flows {
            moves: &moves,
            look: Some(&first),
            trained: look(7, &[0, 0, 1]),
            frozen: vec![0, 0, 0],
        });
        let expected = [
            (5, None, 0, 1, "start"),
            (5, None, 1, 2, "start"),
            (7, Some(1), 0, 1, "training"),
            (7, Some(1), 0, 1, "freezing"),
        ];
        assert_eq!(
            flows,
            expected.map(|(e, f, t, n, cause)| (e, f, t, n, cause.to_owned()))
        );
        // Nobody looked in training: what there is to tell begins with what was frozen.
        let flows = told(Flows {
            moves: &[],
            look: None,
            trained: look(3, &[1, 1]),
            frozen: vec![1, 0],
        });
        let expected = [(3, None, 1, 2, "start"), (3, Some(1), 0, 1, "freezing")];
        assert_eq!(
            flows,
            expected.map(|(e, f, t, n, cause)| (e, f, t, n, cause.to_owned()))
        );
    }
}
