//! What is told of moves between archetypes.

use super::*;
use crate::record::{FlowRow, PredictionRow, ResetRow};

type Tables<'a> = (&'a [MetricRow], &'a [PredictionRow], &'a [ResetRow], &'a [FlowRow]);

/// What a stopped training must leave as an unbroken one does.
pub(super) fn tables(outcome: &SeedOutcome) -> Tables<'_> {
    (&outcome.metrics, &outcome.predictions, &outcome.resets, &outcome.flows)
}

/// Samples of each archetype after all moves.
fn after(outcome: &SeedOutcome) -> Vec<i64> {
    let mut samples = vec![0_i64; outcome.archetypes.len()];
    for row in &outcome.flows {
        samples[row.to as usize] += i64::from(row.n);
        if let Some(from) = row.from {
            samples[from as usize] -= i64::from(row.n);
        }
    }
    samples
}

fn epochs(outcome: &SeedOutcome, cause: &str) -> Vec<i32> {
    let rows = outcome.flows.iter().filter(|row| row.cause == cause);
    let mut epochs: Vec<i32> = rows.map(|row| row.epoch).collect();
    epochs.dedup();
    epochs
}

#[test]
fn moves_lead_from_the_first_look_to_the_uses_of_the_frozen_archetypes() -> Result<()> {
    let planted = planted(Task::Expression, 300, 60, 24, 2);
    let mut setup = small(Task::Expression);
    for (selection, every) in [
        (Selection::Last, 5),
        (Selection::Last, 0),
        (Selection::BestOnTest, 5),
        (Selection::BestOnTest, 1),
    ] {
        setup.selection = selection;
        setup.train.train_metric_every = every;
        let folder = folder()?;
        let outcome = train(&planted.sets, &setup, folder.path())?;
        let uses: Vec<i64> = outcome.archetypes.iter().map(|row| row.uses).collect();
        assert_eq!(after(&outcome), uses, "{selection:?}, every {every}");
        assert!(outcome.flows.iter().all(|row| row.from != Some(row.to) && row.n > 0));
        let begun = epochs(&outcome, "start");
        match (selection, every) {
            (Selection::Last, 5) => {
                assert_eq!(begun, [5]);
                assert_eq!(epochs(&outcome, "training"), [10, 15, 20]);
            }
            (Selection::Last, _) => {
                assert_eq!(begun, [20]);
                assert!(epochs(&outcome, "training").is_empty());
            }
            _ => {
                let last = epochs(&outcome, "freezing");
                assert!(outcome.flows.iter().all(|row| Some(&row.epoch) <= last.last()));
            }
        }
    }
    Ok(())
}

#[test]
fn a_checkpoint_that_knows_of_no_looks_is_not_used() -> Result<()> {
    let planted = planted(Task::Expression, 120, 40, 12, 3);
    let mut setup = small(Task::Expression);
    setup.train.epochs = 10;
    let (whole, other) = (folder()?, folder()?);
    let expected = train(&planted.sets, &setup, whole.path())?;

    let file = checkpoint::path(whole.path());
    let loaded = Loaded::read(&file)?;
    let mut header: serde_json::Value = serde_json::from_str(&loaded.json).expect("JSON");
    header["schema"] = 1.into();
    let fields = header.as_object_mut().expect("a table");
    assert!(fields.remove("look").is_some() && fields.remove("best_look").is_some());
    let position = fields["position"].as_object_mut().expect("a table");
    assert!(position.remove("moves").is_some());
    let tensors = loaded
        .shapes()
        .filter(|(name, _)| !name.ends_with("look"))
        .map(|(name, dims)| Ok((name.to_owned(), loaded.tensor(name, dims, &Device::flex())?)))
        .collect::<Result<Vec<_>>>()?;
    let old = checkpoint::encode(&tensors, header.to_string(), &file)?;
    crate::disk::atomic::write(&checkpoint::path(other.path()), &old)?;
    let begun_anew = train(&planted.sets, &setup, other.path())?;
    assert_eq!(tables(&begun_anew), tables(&expected));
    Ok(())
}
