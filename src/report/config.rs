//! The `[report]` section of a recipe, and what the command line adds.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::progress::Progress;

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
    /// Whether images of the database may stand in the report. Licences of most databases forbid passing them on.
    pub images: bool,
}

impl Default for ReportConfig {
    fn default() -> Self {
        Self {
            title: String::new(),
            leave_out: Vec::new(),
            contact_archetypes: 12,
            contact_images: 8,
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
        ];
        for (key, value, most) in limits {
            if value == 0 || value > most {
                return Err((
                    key.to_owned(),
                    format!("expected a number from 1 to {most}, found {value}"),
                ));
            }
        }
        Ok(())
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
