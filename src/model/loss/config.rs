//! Recipe section `[loss]`: which terms there are, and what each weighs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::document::invalid::{Invalid, not_negative, require};
use crate::task::Task;

/// The form of the projection loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VasForm {
    /// Straight-through head term and mixture term.
    Both,
    /// The straight-through head term alone.
    StraightThrough,
    /// The mixture term alone.
    Mixture,
}

/// Which pairs of archetypes are held apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Separate {
    /// Every pair.
    All,
    /// Pairs with different values: other class, other action-unit pattern, scores further apart than the margin.
    Unlike,
}

/// `[loss]`: weights and margins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LossConfig {
    /// `λ_Proj`, weight of the projection loss (appendix A.2: 1).
    pub lambda_proj: f64,
    /// `λ_Arc`, weight of the archetype loss (appendix A.2: 1).
    pub lambda_arc: f64,
    /// `λ_Contx`, weight of the contextual loss (appendix A.2: 1).
    pub lambda_contx: f64,
    /// β, weight of the commitment half (appendix A.2: 1).
    pub beta: f64,
    /// Margin m of the regularisation; default by task (Table 5): 0.3 for expressions and action units, 0.2 for valence
    /// and arousal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub margin: Option<f64>,
    /// Form of the projection loss.
    pub vas: VasForm,
    /// Cosine above which two archetypes are pushed apart.
    pub dissimilarity_margin: f64,
    /// Which pairs are pushed apart.
    pub separate: Separate,
    /// Weight of the separation term within the archetype loss.
    pub dissimilarity_weight: f64,
    /// Weight of the regularisation within the archetype loss.
    pub regularisation_weight: f64,
    /// Weight of the diversity part within the regularisation.
    pub diversity_weight: f64,
    /// Cosine above which two archetypes of like value count as duplicates.
    pub diversity_margin: f64,
    /// Weight of the Dice part of the action-unit loss.
    pub dice_weight: f64,
    /// Whether rare action units weigh more in the cross-entropy.
    pub balance_units: bool,
}

impl Default for LossConfig {
    fn default() -> Self {
        Self {
            lambda_proj: 1.0,
            lambda_arc: 1.0,
            lambda_contx: 1.0,
            beta: 1.0,
            margin: None,
            vas: VasForm::Both,
            dissimilarity_margin: 0.9,
            separate: Separate::All,
            dissimilarity_weight: 1.0,
            regularisation_weight: 1.0,
            diversity_weight: 0.1,
            diversity_margin: 0.95,
            dice_weight: 1.0,
            balance_units: false,
        }
    }
}

impl LossConfig {
    /// The margin m, with the task's default.
    pub fn margin_for(&self, task: Task) -> f64 {
        self.margin.unwrap_or(match task {
            Task::Expression | Task::ActionUnits => 0.3,
            Task::ValenceArousal => 0.2,
        })
    }

    /// Checks every value.
    ///
    /// # Errors
    /// The key and what was expected.
    pub fn validate(&self) -> Result<(), Invalid> {
        for (value, key) in [
            (self.lambda_proj, "lambda_proj"),
            (self.lambda_arc, "lambda_arc"),
            (self.lambda_contx, "lambda_contx"),
            (self.beta, "beta"),
            (self.dissimilarity_weight, "dissimilarity_weight"),
            (self.regularisation_weight, "regularisation_weight"),
            (self.diversity_weight, "diversity_weight"),
            (self.dice_weight, "dice_weight"),
        ] {
            require(not_negative(value), key, "expected 0 or more")?;
        }
        require(
            self.margin.is_none_or(|m| (0.0..=1.0).contains(&m) && m > 0.0),
            "margin",
            "expected more than 0, at most 1",
        )?;
        for (value, key) in [
            (self.dissimilarity_margin, "dissimilarity_margin"),
            (self.diversity_margin, "diversity_margin"),
        ] {
            require((-1.0..=1.0).contains(&value), key, "expected a cosine, -1 to 1")?;
        }
        Ok(())
    }
}
