//! What a run needs, told before its work begins.

use std::fmt::Write as _;

use indicatif::HumanBytes;

use crate::encoder::interface::TokenShape;
use crate::error::Result;
use crate::feature::pool::pooled_shape;
use crate::meter::available_memory;
use crate::model::config::Level;
use crate::recipe::Recipe;
use crate::rival::method::Kind;
use crate::size::Size;
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

impl Chain<'_> {
    /// Says what the run needs, before features are made or training begins.
    pub(crate) fn announce(&self, size: &Size) {
        for line in text(size).lines() {
            self.progress.line(&format!("            {line}"));
        }
    }
}
