//! The `[report]` section of a recipe, and what the command line adds.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::action_unit::ActionUnit;
use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::query::bins::Bins;
use crate::query::{FoundRun, Value, fetch};
use crate::regular;

use super::provenance::COLUMNS;

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
    /// Panels on the pages of their own, which have more of them than the figures.
    pub page_panels: usize,
    /// Images on each side of a panel there.
    pub page_images: usize,
    /// Test samples on the maps, evenly over the split; 0 draws no maps. The first 5000 are laid out, further ones are placed
    /// among them.
    pub map_points: usize,
    /// Neighbours that a map keeps near (UMAP's `n_neighbors`, the point itself among them).
    pub map_neighbours: usize,
    /// How near points may come on a map (UMAP's `min_dist`).
    pub map_min_dist: f64,
    /// Features of other models to map beside the encoder's, by the name shown: `"POSTER++" = "poster.parquet"`. Parquet, `.npz`,
    /// or a folder that `extract` wrote; they must know the run's test samples by the same identifiers.
    pub features: BTreeMap<String, String>,
    /// Edges of the ranges of arousal whose archetypes are counted on the map, ascending.
    pub arousal_clusters: Vec<f64>,
    /// The same for valence.
    pub valence_clusters: Vec<f64>,
    /// Action units whose activation is mapped (`au04`); those that a run does not have are left out. Unless another list is
    /// given, units that neither DISFA nor `EmotioNet` labels are added to it.
    pub map_units: Vec<String>,
    /// Edges of the levels of activation whose archetypes are counted on the map, ascending.
    pub au_levels: Vec<f64>,
    /// Edges of the bins of valence and arousal in Table 1, ascending.
    pub va_bins: Vec<f64>,
    /// Edges of the bins of activation in Table 1, ascending.
    pub au_bins: Vec<f64>,
    /// The action units of Table 1 (`au12`); those that a run does not have are left out. Unless another list is given, units
    /// that neither DISFA nor `EmotioNet` labels are added to it.
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
            page_panels: 24,
            page_images: 12,
            map_points: 2000,
            map_neighbours: 15,
            map_min_dist: 0.1,
            features: BTreeMap::new(),
            arousal_clusters: vec![-1.0, -0.5, -0.1, 0.3, 1.0],
            valence_clusters: vec![-1.0, -0.5, 0.0, 0.6, 1.0],
            map_units: ["au04", "au12", "au25", "au26"].map(str::to_owned).to_vec(),
            au_levels: vec![0.0, 0.4, 0.7, 1.0],
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
            ("page_panels", self.page_panels, 400),
            ("page_images", self.page_images, 100),
        ];
        for (key, value, most) in limits {
            if value == 0 || value > most {
                return Err((
                    key.to_owned(),
                    format!("expected a number from 1 to {most}, found {value}"),
                ));
            }
        }
        if self.map_points > 50_000 {
            return Err((
                "map_points".to_owned(),
                format!("expected at most 50000, found {}", self.map_points),
            ));
        }
        if !(2..=200).contains(&self.map_neighbours) {
            return Err((
                "map_neighbours".to_owned(),
                format!("expected a number from 2 to 200, found {}", self.map_neighbours),
            ));
        }
        if !(0.0..=1.0).contains(&self.map_min_dist) {
            return Err((
                "map_min_dist".to_owned(),
                format!("expected a number from 0 to 1, found {}", self.map_min_dist),
            ));
        }
        if let Some(name) = self
            .features
            .keys()
            .find(|name| name.is_empty() || matches!(name.as_str(), "archetypes" | "aura" | "encoder"))
        {
            return Err((
                "features".to_owned(),
                format!("`{name}` cannot name another model: expected a name of its own"),
            ));
        }
        for (key, edges) in [
            ("va_bins", &self.va_bins),
            ("au_bins", &self.au_bins),
            ("arousal_clusters", &self.arousal_clusters),
            ("valence_clusters", &self.valence_clusters),
            ("au_levels", &self.au_levels),
        ] {
            let ascending = edges.windows(2).all(|pair| pair[0] < pair[1]);
            if edges.len() < 2 || !ascending || edges.iter().any(|edge| !edge.is_finite()) {
                return Err((key.to_owned(), "expected at least two numbers, ascending".to_owned()));
            }
        }
        for (key, names) in [("action_units", &self.action_units), ("map_units", &self.map_units)] {
            if let Some(name) = names.iter().find(|name| name.is_empty() || name.contains(',')) {
                return Err((key.to_owned(), format!("expected names such as `au12`, found `{name}`")));
            }
        }
        Ok(())
    }

    /// The values that the statistics may name as `$name`; `page`: for a figure that also has a page of its own.
    pub(super) fn parameters(&self, page: bool) -> Vec<(&'static str, Value)> {
        let (panels, images) = if page {
            (
                self.panels.max(self.page_panels),
                self.panel_images.max(self.page_images),
            )
        } else {
            (self.panels, self.panel_images)
        };
        let edges = |edges: &[f64]| Value::Text(edges.iter().map(f64::to_string).collect::<Vec<_>>().join(","));
        vec![
            ("archetypes", Value::Int(self.contact_archetypes as i64)),
            ("images", Value::Int(self.contact_images as i64)),
            ("panels", Value::Int(panels as i64)),
            ("panel_images", Value::Int(images as i64)),
            ("arousal_clusters", edges(&self.arousal_clusters)),
            ("valence_clusters", edges(&self.valence_clusters)),
            ("map_units", Value::Text(self.map_units.join(","))),
            ("au_levels", edges(&self.au_levels)),
        ]
    }

    /// With all units of `runs` that the paper's databases do not label in the lists of units that are as they were: the paper
    /// chose among twelve, and a table made elsewhere may have others, which would be shown nowhere.
    pub(super) fn with_units_of(mut self, runs: &[FoundRun]) -> Self {
        let others: BTreeSet<ActionUnit> = runs
            .iter()
            .filter(|run| run.manifest.task == "action_units")
            .flat_map(|run| &run.manifest.classes)
            .filter_map(|name| ActionUnit::of_column(name))
            .filter(|unit| !ActionUnit::PAPER.contains(unit))
            .collect();
        let usual = Self::default();
        for (units, usual) in [
            (&mut self.map_units, usual.map_units),
            (&mut self.action_units, usual.action_units),
        ] {
            if *units == usual {
                units.extend(others.iter().map(|unit| unit.column()));
            }
        }
        self
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

/// What the recipes of the runs say of their report, if they agree; the defaults for runs without a recipe, and for more runs
/// than the page has columns for, where nothing is shown that a recipe decides. The title is that of a single run.
///
/// # Errors
/// [`crate::Error::Data`] if a recipe that is kept elsewhere does not come.
pub(super) fn of_runs(runs: &[FoundRun]) -> Result<Option<ReportConfig>> {
    if runs.len() > COLUMNS {
        return Ok(Some(ReportConfig::default()));
    }
    fetch(runs, |name| name == "recipe.toml")?;
    let mut asked = runs.iter().map(|run| {
        let text = regular::text(&run.path.join("recipe.toml")).unwrap_or_default();
        let recipe: toml::Table = text.parse().unwrap_or_default();
        let section = recipe.get("report").cloned();
        let mut config: ReportConfig = section.and_then(|section| section.try_into().ok()).unwrap_or_default();
        if runs.len() > 1 {
            config.title.clear();
        }
        config
    });
    let first = asked.next();
    Ok(first.filter(|first| asked.all(|other| other == *first)))
}

/// What a report is built with, beside the runs.
#[derive(Debug, Clone, Default)]
pub struct ReportOptions {
    /// The recipe's section. Without one, that of the runs' own recipes, if these agree.
    pub config: Option<ReportConfig>,
    /// Whether images are left out, whatever the recipe says.
    pub no_images: bool,
    /// A folder whose `catalog.toml`, `sql/` and `templates/` are looked at before the program's own.
    pub reports: Option<PathBuf>,
    /// Where the images lie, if not where the manifest says.
    pub data_root: Option<PathBuf>,
    /// Where it is shown how far the work has come.
    pub progress: Progress,
    /// What ends it between two tables, or within a query.
    pub interrupt: Interrupt,
}
