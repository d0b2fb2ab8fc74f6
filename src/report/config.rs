//! The `[report]` section of a recipe, and what the command line adds.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::progress::Progress;
use crate::query::{Bins, Value};

/// What the report of a run shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReportConfig {
    /// Title of the page; made from the names of the runs if empty.
    pub title: String,
    /// Tables and figures to leave out, by their id in the catalogue.
    pub leave_out: Vec<String>,
    /// Rows of the contact sheet: so many of the most used archetypes.
    pub contact_archetypes: usize,
    /// Images in each row of the contact sheet.
    pub contact_images: usize,
    /// Panels of the figures of contradicting labels and of failures.
    pub panels: usize,
    /// Images on each side of a panel.
    pub panel_images: usize,
    /// Edges of the bins of valence and arousal in Table 1, ascending.
    pub va_bins: Vec<f64>,
    /// Edges of the bins of activation in Table 1, ascending.
    pub au_bins: Vec<f64>,
    /// The action units of Table 1 (`au12`); those that a run does not have are left out.
    pub action_units: Vec<String>,
    /// Whether images of the database may stand in the report. Licences of most databases forbid passing them on.
    pub images: bool,
}

impl Default for ReportConfig {
    fn default() -> Self {
        let Bins {
            affect,
            activation,
            units,
        } = Bins::default();
        Self {
            title: String::new(),
            leave_out: Vec::new(),
            contact_archetypes: 12,
            contact_images: 8,
            panels: 6,
            panel_images: 4,
            va_bins: affect,
            au_bins: activation,
            action_units: units,
            images: true,
        }
    }
}

impl ReportConfig {
    /// Checks the values.
    ///
    /// # Errors
    /// The key and what was expected.
    pub fn validate(&self) -> std::result::Result<(), (String, String)> {
        let limits = [
            ("contact_archetypes", self.contact_archetypes, 400),
            ("contact_images", self.contact_images, 32),
            ("panels", self.panels, 40),
            ("panel_images", self.panel_images, 12),
        ];
        for (key, value, most) in limits {
            if value == 0 || value > most {
                return Err((
                    key.to_owned(),
                    format!("expected a number from 1 to {most}, found {value}"),
                ));
            }
        }
        for (key, edges) in [("va_bins", &self.va_bins), ("au_bins", &self.au_bins)] {
            let ascending = edges.windows(2).all(|pair| pair[0] < pair[1]);
            if edges.len() < 2 || !ascending || edges.iter().any(|edge| !edge.is_finite()) {
                return Err((key.to_owned(), "expected at least two numbers, ascending".to_owned()));
            }
        }
        if let Some(name) = self
            .action_units
            .iter()
            .find(|name| name.is_empty() || name.contains(','))
        {
            return Err((
                "action_units".to_owned(),
                format!("expected names such as `au12`, found `{name}`"),
            ));
        }
        Ok(())
    }

    /// The values that the statistics may name as `$name`.
    pub(super) fn parameters(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("archetypes", Value::Int(self.contact_archetypes as i64)),
            ("images", Value::Int(self.contact_images as i64)),
            ("panels", Value::Int(self.panels as i64)),
            ("panel_images", Value::Int(self.panel_images as i64)),
        ]
    }

    /// The bins of Table 1.
    pub(super) fn bins(&self) -> Bins {
        Bins {
            affect: self.va_bins.clone(),
            activation: self.au_bins.clone(),
            units: self.action_units.clone(),
        }
    }
}

/// What a report is built with, beside the runs.
#[derive(Debug, Clone, Default)]
pub struct ReportOptions {
    /// The recipe's section.
    pub config: ReportConfig,
    /// A folder whose `catalog.toml`, `sql/` and `templates/` are looked at before the program's own.
    pub reports: Option<PathBuf>,
    /// Where the images lie, if not where the manifest says.
    pub data_root: Option<PathBuf>,
    /// Where it is shown how far the work has come.
    pub progress: Progress,
}
