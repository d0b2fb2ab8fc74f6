//! What there is to do of a recipe or a study, and what is done already.

use schemars::JsonSchema;
use serde::Serialize;

use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::recipe::{Job, Recipe};

use super::state::RunOptions;

/// What there is to do.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Plan {
    /// Version.
    pub schema: u32,
    /// The recipe.
    pub recipe: String,
    /// Its name.
    pub name: String,
    /// Whether it is a study.
    pub study: bool,
    /// Whether all is done.
    pub done: bool,
    /// The points; one of a recipe that is no study.
    pub points: Vec<PointPlan>,
    /// The study's own report.
    pub report: Option<Step>,
}

/// One point.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PointPlan {
    /// Its number.
    pub point: Option<usize>,
    /// In a few words.
    pub label: String,
    /// Its run folder.
    pub run_dir: Option<String>,
    /// Whether all of it is done.
    pub done: bool,
    /// What it takes.
    pub steps: Vec<Step>,
}

/// A stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Samples.
    Convert,
    /// Features.
    Extract,
    /// A seed.
    Train,
    /// Page.
    Report,
}

/// One unit of work.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Step {
    /// Of which stage.
    pub stage: Stage,
    /// Whether it is done.
    pub done: bool,
    /// Whether it was begun.
    pub begun: bool,
    /// Its fold.
    pub fold: Option<i32>,
    /// Its seed.
    pub seed: Option<u64>,
    /// Parts of its table.
    pub parts: Option<Parts>,
    /// Who holds it.
    pub running: Vec<String>,
    /// What does it.
    pub command: Vec<String>,
}

/// Parts of a feature table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Parts {
    /// All.
    pub all: usize,
    /// Those that are there.
    pub done: usize,
}

/// A stand-in: nothing is done.
pub fn plan(job: &Job, _options: &RunOptions, _progress: Progress, interrupt: &Interrupt) -> Result<Plan> {
    interrupt.check()?;
    let step = |stage, seed| Step {
        stage,
        done: false,
        begun: false,
        fold: None,
        seed,
        parts: None,
        running: Vec::new(),
        command: Vec::new(),
    };
    let point = |point, label, recipe: &Recipe| PointPlan {
        point,
        label,
        run_dir: None,
        done: false,
        steps: [step(Stage::Convert, None), step(Stage::Extract, None)]
            .into_iter()
            .chain(recipe.protocol.seeds.iter().map(|seed| step(Stage::Train, Some(*seed))))
            .chain([step(Stage::Report, None)])
            .collect(),
    };
    Ok(match job {
        Job::Run(recipe) => Plan {
            schema: 1,
            recipe: recipe.file.display().to_string(),
            name: recipe.name.clone(),
            study: false,
            done: false,
            points: vec![point(None, recipe.name.clone(), recipe)],
            report: None,
        },
        Job::Study(study) => Plan {
            schema: 1,
            recipe: study.name.clone(),
            name: study.name.clone(),
            study: true,
            done: false,
            points: study
                .points
                .iter()
                .enumerate()
                .map(|(i, one)| point(Some(i), one.label(), &one.recipe))
                .collect(),
            report: Some(step(Stage::Report, None)),
        },
    })
}
