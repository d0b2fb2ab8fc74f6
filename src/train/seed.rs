//! Seeds from start values to frozen dictionary and fitted read-outs.

use std::path::Path;

use burn::tensor::Device;

use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::sets::SplitSets;

use super::departure::{Regressions, Tuned};
use super::finish::finish;
use super::held_out::HeldOut;
use super::run::Job;
use super::setup::{Method, SeedOutcome, Setup};

/// The seeds of one training split. What no seed changes is computed once.
pub struct Seeds<'a> {
    data: &'a SplitSets,
    setup: &'a Setup,
    device: &'a Device,
    progress: Progress,
    interrupt: &'a Interrupt,
    regressions: Regressions,
}

impl<'a> Seeds<'a> {
    /// Seeds of these splits, nothing trained yet.
    pub fn new(
        data: &'a SplitSets,
        setup: &'a Setup,
        device: &'a Device,
        progress: Progress,
        interrupt: &'a Interrupt,
    ) -> Self {
        Self {
            data,
            setup,
            device,
            progress,
            interrupt,
            regressions: Regressions::default(),
        }
    }

    /// Trains one seed. `folder` is the seed's part of the run folder: checkpoints go to `folder/checkpoint/` and are found
    /// there by the next call with the same settings and data.
    ///
    /// # Errors
    /// [`crate::Error::Usage`] for impossible settings, [`crate::Error::Data`] if the data cannot serve the model,
    /// [`crate::Error::Interrupted`] after the checkpoint was written, [`crate::Error::Io`] if it cannot be written,
    /// [`crate::Error::Device`] if the device fails.
    pub fn train(&self, seed: u64, folder: &Path) -> Result<SeedOutcome> {
        let job = Job {
            data: self.data,
            setup: self.setup,
            seed,
            device: self.device,
            folder,
            label: &format!("seed {seed}"),
            progress: self.progress,
            interrupt: self.interrupt,
        };
        let tuned = self.tuned()?;
        let held_out = HeldOut::by_parts(&job, tuned)?;
        finish(&job, &job.train()?, tuned, held_out)
    }

    /// What departures are read with, where the method reads them.
    fn tuned(&self) -> Result<Option<Tuned<'_>>> {
        let (setup, val) = (self.setup, self.data.val.as_ref().filter(|set| !set.is_empty()));
        if setup.method == Method::Paper {
            return Ok(None);
        }
        let how = setup.model.standardise;
        let (penalty, first) = self
            .regressions
            .penalty(&self.data.train, val, &setup.fitting, how, self.interrupt)?;
        if penalty.is_none() && first {
            self.progress.line(
                "warning: `aura_tuned` is left out: no training sample can be held out to choose its penalty (expected two \
                 samples or more, of two people where people are named)",
            );
        }
        Ok(penalty.map(|penalty| Tuned {
            penalty,
            part: None,
            regressions: &self.regressions,
        }))
    }
}
