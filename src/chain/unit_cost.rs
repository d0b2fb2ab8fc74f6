//! What a seed of a fold cost, kept beside it: processes that train side by side know of each other by that alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::disk::atomic;
use crate::error::{Context, Result};
use crate::meter::Spent;
use crate::run::cost::Cost;
use crate::run::folder::SeedFolder;

/// What a unit took.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct UnitCost {
    /// Of training.
    pub(super) training: Spent,
    /// Whether that is all of it: what an interrupted call trained was not timed.
    pub(super) from_the_start: bool,
    /// Training samples, each as often as there were epochs.
    pub(super) samples: u64,
    /// Speed of the machine before it, in products of matrices a second.
    pub(super) calibration_per_second: f64,
    /// Largest resident memory of the process so far, in bytes.
    pub(super) peak_memory_bytes: Option<u64>,
    /// Of fitting the rivals, evaluating and writing.
    pub(super) evaluating: Spent,
    /// Of each rival alone.
    pub(super) rivals: BTreeMap<String, Spent>,
}

impl UnitCost {
    /// What is known of a seed; nothing, where the file is missing.
    pub(super) fn read(folder: &SeedFolder) -> Option<Self> {
        let text = std::fs::read(folder.cost()).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Keeps it.
    ///
    /// # Errors
    /// [`crate::Error::Io`].
    pub(super) fn write(&self, folder: &SeedFolder) -> Result<()> {
        let path = folder.cost();
        atomic::write(&path, &serde_json::to_vec(self).at("encode", &path)?)
    }
}

/// What all units of a run took together.
#[derive(Debug, Default)]
pub(super) struct Together {
    pub(super) training: Spent,
    pub(super) evaluating: Spent,
    pub(super) rivals: BTreeMap<String, Spent>,
    /// In a form that can be compared; `None` unless everything was timed.
    pub(super) cost: Option<Cost>,
}

impl Together {
    /// Adds up what is known of the seeds.
    pub(super) fn of<'a>(folders: impl Iterator<Item = &'a SeedFolder>) -> Self {
        let units: Vec<Option<UnitCost>> = folders.map(UnitCost::read).collect();
        let mut all = Self::default();
        let mut cost = Cost::default();
        let mut products = 0.0;
        for unit in units.iter().flatten() {
            all.training += unit.training;
            all.evaluating += unit.evaluating;
            for (name, spent) in &unit.rivals {
                *all.rivals.entry(name.clone()).or_default() += *spent;
            }
            cost.train_samples += unit.samples;
            cost.train_seconds += unit.training.seconds;
            products += unit.training.seconds * unit.calibration_per_second;
            cost.peak_memory_bytes = cost.peak_memory_bytes.max(unit.peak_memory_bytes);
        }
        let timed = |unit: &Option<UnitCost>| unit.as_ref().is_some_and(|unit| unit.from_the_start);
        if units.iter().all(timed) && cost.train_seconds > 0.0 {
            // Of several machines each counts as long as it trained.
            cost.calibration_per_second = products / cost.train_seconds;
            all.cost = Some(cost);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::folder::RunFolder;

    #[test]
    fn two_machines_count_as_long_as_each_trained() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::new(folder.path());
        let seeds: Vec<SeedFolder> = (0..2).map(|seed| run.seed(None, seed)).collect();
        let unit = |seconds: f64, speed: f64| UnitCost {
            training: Spent {
                seconds,
                ..Spent::default()
            },
            from_the_start: true,
            samples: 1_000,
            calibration_per_second: speed,
            ..UnitCost::default()
        };
        unit(10.0, 100.0).write(&seeds[0]).unwrap();
        assert_eq!(Together::of(seeds.iter()).cost, None, "nothing is known of the second");
        // Twice as fast, and done in half of the time.
        unit(5.0, 200.0).write(&seeds[1]).unwrap();
        let together = Together::of(seeds.iter());
        let cost = together.cost.unwrap();
        assert_eq!((cost.train_samples, cost.train_seconds), (2_000, 15.0));
        assert_eq!(cost.train_speed(), Some(1.0));
        let resumed = UnitCost {
            from_the_start: false,
            ..unit(5.0, 200.0)
        };
        resumed.write(&seeds[1]).unwrap();
        assert_eq!(Together::of(seeds.iter()).cost, None);
    }
}
