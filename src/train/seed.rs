//! One seed from start values to frozen dictionary and fitted read-outs.

use std::path::Path;

use burn::tensor::Device;

use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::sets::SplitSets;

use super::departure;
use super::finish::finish;
use super::held_out::HeldOut;
use super::run::Job;
use super::setup::{Method, SeedOutcome, Setup};

/// Trains one seed. `folder` is the seed's part of the run folder: checkpoints go to `folder/checkpoint/` and are found
/// there by the next call with the same settings and data.
///
/// # Errors
/// [`crate::Error::Usage`] for impossible settings, [`crate::Error::Data`] if the data cannot serve the model,
/// [`crate::Error::Interrupted`] after the checkpoint was written, [`crate::Error::Io`] if it cannot be written,
/// [`crate::Error::Device`] if the device fails.
pub fn train_seed(
    data: &SplitSets,
    setup: &Setup,
    seed: u64,
    device: &Device,
    folder: &Path,
    progress: Progress,
    interrupt: &Interrupt,
) -> Result<SeedOutcome> {
    let job = Job {
        data,
        setup,
        seed,
        device,
        folder,
        label: &format!("seed {seed}"),
        progress,
        interrupt,
    };
    let val = data.val.as_ref().filter(|set| !set.is_empty());
    let penalty = match setup.method {
        Method::Paper => None,
        Method::Tuned => {
            let how = setup.model.standardise;
            let penalty = departure::penalty(&data.train, val, &setup.fitting, how, interrupt)?;
            if penalty.is_none() {
                progress.line(
                    "warning: `aura_tuned` is left out: no training sample can be held out to choose its penalty (expected two \
                     samples or more, of two people where people are named)",
                );
            }
            penalty
        }
    };
    let held_out = HeldOut::by_parts(&job, penalty)?;
    finish(&job, &job.train()?, penalty, held_out)
}
