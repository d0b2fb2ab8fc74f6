//! Seeds from start values to frozen dictionary and fitted read-outs.

use std::cell::RefCell;
use std::path::Path;

use burn::tensor::Device;

use crate::error::Result;
use crate::fitting::folds;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::sets::SplitSets;

use super::departure::{Regressions, Tuned};
use super::finish::finish;
use super::held_out::{Choices, HeldOut};
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
    /// What was fitted on held-out parts, where outputs are fitted.
    chosen: RefCell<Option<Option<Choices>>>,
    /// What was left out, and why.
    warnings: RefCell<Vec<String>>,
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
            chosen: RefCell::default(),
            warnings: RefCell::default(),
        }
    }

    /// What the seeds so far left out, and why.
    pub fn warnings(&self) -> Vec<String> {
        self.warnings.borrow().clone()
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
        let trained_on = self.choose(&job, tuned)?;
        let chosen = self.chosen.borrow();
        let mut outcome = finish(&job, &job.train()?, tuned, chosen.as_ref().and_then(Option::as_ref))?;
        outcome.trained_on += trained_on;
        Ok(outcome)
    }

    /// Fits the read-outs on held-out parts, once for all seeds, as the rivals choose their settings. The result is the number of
    /// samples that went through training for it.
    fn choose(&self, job: &Job<'_>, tuned: Option<Tuned<'_>>) -> Result<u64> {
        if self.chosen.borrow().is_some() {
            return Ok(0);
        }
        let job = Job {
            seed: folds::SEED,
            label: "held out",
            ..*job
        };
        let held_out = HeldOut::by_parts(&job, tuned)?;
        let trained_on = held_out.as_ref().map_or(0, |held_out| held_out.trained_on);
        let chosen = held_out.map(|held_out| held_out.choose(self.setup)).transpose()?;
        *self.chosen.borrow_mut() = Some(chosen);
        Ok(trained_on)
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
            self.warnings.borrow_mut().push(
                "`aura_tuned` is left out: no training sample can be held out to choose its penalty (expected two samples or \
                 more, of two people where people are named)"
                    .to_owned(),
            );
        }
        Ok(penalty.map(|penalty| Tuned {
            penalty,
            part: None,
            regressions: &self.regressions,
        }))
    }
}
