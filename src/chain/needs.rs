//! What a run needs, told before its work begins.

use std::fmt::Write as _;

use indicatif::HumanBytes;

use crate::encoder::interface::TokenShape;
use crate::error::{Error, Result};
use crate::feature::pool::pooled_shape;
use crate::meter::{available_memory, memory_limit};
use crate::model::config::Level;
use crate::recipe::Recipe;
use crate::rival::method::Kind;
use crate::size::{Size, Weights};
use crate::train::departure;
use crate::train::setup::Method;

use super::state::Chain;

/// The sizes of a run of `rows` samples whose features have `global` values and, where there are any, these tokens.
pub(crate) fn of(recipe: &Recipe, rows: usize, global: usize, tokens: Option<TokenShape>) -> Size {
    let task = recipe.protocol.task;
    let rivals = recipe.baselines.methods_for(task, &[]);
    let runs = |kind| recipe.baselines.enabled && rivals.iter().any(|method| method.kind == kind);
    let read = tokens.filter(|_| recipe.model.level_for(task) == Level::Patch);
    Size {
        task,
        rows,
        global,
        tokens: read.map_or(0, |shape| shape.count()),
        token_width: read.map_or(0, |shape| shape.width),
        value_bytes: recipe.features.dtype.bytes(),
        width: recipe.model.width,
        hidden: recipe.model.hidden,
        batch: recipe.train.batch_for(task, rows),
        rivals: recipe.baselines.enabled,
        folds: recipe.fitting.folds,
        kernel_ridge: runs(Kind::KernelRidge).then_some(recipe.baselines.kernel_ridge.exact),
        svm: runs(Kind::Svm).then_some(recipe.baselines.svm.exact),
        tuned: (recipe.method == Method::Tuned).then_some(departure::EXACT),
    }
}

/// As [`of`], for what the recipe's encoder says of an image; `None` where its weights alone would tell.
pub(crate) fn of_encoder(recipe: &Recipe, rows: usize) -> Option<Result<Size>> {
    let (global, tokens) = recipe.encoder.shape()?;
    let kept = pooled_shape(recipe.features.tokens, tokens, recipe.encoder.kind.as_str());
    Some(kept.map(|kept| of(recipe, rows, global, kept)))
}

/// For people: memory and disk, what this machine has, and what to change where that is less.
pub(crate) fn text(size: &Size) -> String {
    let (memory, available) = (size.memory(), available_memory());
    let mut text = format!(
        "{} rows: training and rivals take at most {} of memory on the processor, features {} on disk",
        size.rows,
        HumanBytes(memory),
        HumanBytes(size.disk())
    );
    if let Some(available) = available {
        let _ = write!(text, "; {} of memory are free here", HumanBytes(available));
        if available < memory {
            text.push_str(
                "\nwarning: that may not be enough: lower train.batch, choose fewer tokens (features.tokens = \"7x7\"), or run \
                 fewer rivals (baselines.methods)",
            );
        }
    }
    text
}

/// The same of another database that is tested on: what comes to the run's own.
pub(crate) fn of_test(size: &Size) -> String {
    format!(
        "{} rows: features {} on disk, {} of memory more at most where they are asked about",
        size.rows,
        HumanBytes(size.disk()),
        HumanBytes(size.asked())
    )
}

/// Refuses a model, or a kernel, that this process cannot hold: an allocation that fails ends it without a word.
///
/// # Errors
/// [`Error::Data`] with what is needed and what there is.
fn possible(recipe: &Recipe, size: &Size, limit: Option<u64>) -> Result<()> {
    let Some(limit) = limit else { return Ok(()) };
    let model = &recipe.model;
    let context = &model.contextualization;
    let weights = Weights {
        input: if size.tokens > 0 { size.token_width } else { size.global },
        hidden: size.hidden,
        width: size.width,
        archetypes: model.k_max,
        attended: if context.enabled { context.top_k } else { 0 },
        batch: size.batch.min(size.rows),
        tokens: size.tokens.max(1),
    };
    let needs = [
        (
            weights.least(),
            "the model",
            "lower model.k_max, model.width, model.hidden, model.contextualization.top_k or train.batch",
        ),
        (
            size.kernels(),
            "an exact kernel",
            "lower baselines.kernel_ridge.exact or baselines.svm.exact",
        ),
    ];
    for (bytes, what, advice) in needs {
        if bytes > limit {
            return Err(Error::data(format!(
                "{what} of this recipe takes at least {} of memory, and this process can have {}: {advice}",
                HumanBytes(bytes),
                HumanBytes(limit)
            )));
        }
    }
    Ok(())
}

impl Chain<'_> {
    /// Says what the run needs, before features are made or training begins.
    ///
    /// # Errors
    /// [`Error::Data`] where this process cannot have it.
    pub(crate) fn announce(&self, size: &Size) -> Result<()> {
        for line in text(size).lines() {
            self.progress.line(&format!("            {line}"));
        }
        possible(self.recipe, size, memory_limit())
    }
}
