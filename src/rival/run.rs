//! Fits every rival under the protocol of AURA.

use std::time::Instant;

use burn::tensor::Device;

use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::metric::evaluate;
use crate::model::readout::{Fit, ReadoutFit};
use crate::progress::Progress;
use crate::sets::SplitSets;
use crate::task::{Split, Task};

use super::config::RivalConfig;
use super::fit::{Context, Fitted, Rival, Training};
use super::holdout;
use super::input::{Features, Input, ScaledInput};
use super::outcome::RivalOutcome;

/// Fits every rival of the configuration on the training split and applies it to the others.
///
/// The training split itself is not reported: nearest neighbours would find each sample's own label. Same data, settings and
/// seed give the same numbers on the CPU, with any number of threads.
///
/// # Errors
/// [`Error::Data`] if a split is empty, features do not fit together, are not finite or lack the tokens that a method reads;
/// [`Error::Interrupted`] on Ctrl-C.
pub fn run_all(
    data: &SplitSets,
    config: &RivalConfig,
    seed: u64,
    device: &Device,
    progress: &Progress,
    interrupt: &Interrupt,
) -> Result<Vec<RivalOutcome>> {
    if !config.enabled {
        return Ok(Vec::new());
    }
    let task = data.train.targets.task;
    let methods = config.methods_for(task, data.train.tokens.is_some());
    if let Some(method) = methods.iter().find(|method| !method.kind.serves(task)) {
        return Err(Error::data(format!(
            "`{}` predicts valence and arousal only; take it out of `baselines.methods`",
            method.name(task)
        )));
    }
    let groups = evaluate::groups(Some(&data.train.subjects), data.train.len())?;
    let bar = progress.bar("rivals", methods.len() as u64, "methods");
    // Methods in order, inputs grouped: each input is standardised once and freed before the next.
    let mut outcomes: Vec<Option<RivalOutcome>> = methods.iter().map(|_| None).collect();
    for input in Input::ALL {
        if !methods.iter().any(|method| method.input == input) {
            continue;
        }
        let scaled = ScaledInput::fit(input, config.standardise, &data.train)?;
        let train = scaled.apply(&data.train, device)?;
        let val = data
            .val
            .as_ref()
            .filter(|set| !set.is_empty())
            .map(|set| Ok::<_, Error>((set, scaled.apply(set, device)?)))
            .transpose()?;
        let test = scaled.apply(&data.test, device)?;
        let training = Training {
            x: &train,
            targets: &data.train.targets,
            groups: groups.as_deref(),
            validation: val.as_ref().map(|(set, x)| (x, &set.targets)),
        };
        for (method, slot) in methods
            .iter()
            .zip(&mut outcomes)
            .filter(|(method, _)| method.input == input)
        {
            let name = method.name(task);
            bar.message(name.clone());
            let started = Instant::now();
            let context = Context {
                seed,
                holdout: config.holdout,
                interrupt,
            };
            let rival = config.rival(method.kind);
            let fitted = rival.fit(&training, &context)?;
            let readout = fit_readout(config.readout_fit, &*rival, &*fitted, &training, &context)?;
            let predict = |x: &Features| {
                let mut outputs = fitted.predict(x)?;
                readout.apply(&mut outputs.data);
                Ok::<_, Error>(outputs)
            };
            let mut outcome = RivalOutcome {
                predictions: Vec::new(),
                metrics: readout.rows(&name, &data.train.targets.names),
                note: fitted.note(),
                seconds: 0.0,
                method: name,
            };
            if let Some((set, x)) = &val {
                outcome.add(Split::Val, set, &predict(x)?, seed)?;
            }
            outcome.add(Split::Test, &data.test, &predict(&test)?, seed)?;
            outcome.seconds = started.elapsed().as_secs_f64();
            *slot = Some(outcome);
            bar.inc(1);
        }
    }
    Ok(outcomes.into_iter().flatten().collect())
}

/// The map of a rival's outputs, from samples that it has not seen: the validation split, or a part of the training split on the
/// rest of which it is fitted once more.
pub(crate) fn fit_readout(
    how: ReadoutFit,
    rival: &dyn Rival,
    fitted: &dyn Fitted,
    training: &Training<'_>,
    context: &Context<'_>,
) -> Result<Fit> {
    if how == ReadoutFit::None || training.targets.task == Task::Expression {
        return Ok(Fit::None);
    }
    if let Some((x, targets)) = training.validation {
        return Ok(Fit::new(how, targets, &fitted.predict(x)?.data));
    }
    let (kept, held) = holdout::split(training.targets, training.groups, context.holdout, context.seed);
    if kept.is_empty() || held.is_empty() {
        return Ok(Fit::None);
    }
    let groups: Option<Vec<usize>> = training
        .groups
        .map(|groups| kept.iter().map(|&row| groups[row]).collect());
    let rest = Training {
        x: &training.x.select(&kept),
        targets: &training.targets.select(&kept),
        groups: groups.as_deref(),
        validation: None,
    };
    let outputs = rival.fit(&rest, context)?.predict(&training.x.select(&held))?;
    Ok(Fit::new(how, &training.targets.select(&held), &outputs.data))
}
