//! What a launch gives to the queue: the jobs of each phase, and which tasks of them are not done yet.

use std::path::PathBuf;

use crate::chain::Stage;
use crate::chain::plan::{Plan, Step};
use crate::digest::short;
use crate::error::Result;
use crate::recipe::{Job, Recipe};

use super::limits::Limits;
use super::phase::Phase;

/// A recipe or a study on its way into the queue.
#[derive(Debug)]
pub struct Launch<'a> {
    /// What is run.
    pub job: &'a Job,
    /// What of it is done already.
    pub plan: &'a Plan,
    /// The words that run it, after the program: `run`, the recipe, and where everything lies.
    pub words: Vec<String>,
    /// The program itself, where no configuration names another.
    pub program: PathBuf,
    /// The folder in which the launch was asked for, and in which jobs begin.
    pub here: PathBuf,
    /// Its own folder, with scripts and logs; see [`folder`].
    pub folder: PathBuf,
    /// What jobs are called, before their phase.
    pub name: String,
    /// Tasks that extract features.
    pub shards: u32,
    /// Whether a task of a study is one seed, or one fold of one, and not a point.
    pub by_seed: bool,
    /// A folder on the node for the file of feature rows; variables are put in there.
    pub scratch: Option<String>,
    /// Indices that a task of an array may have, from 0.
    pub array_size: u32,
    /// What the jobs of each phase may take, in the order of [`Phase::ALL`].
    pub limits: [Limits; 4],
}

/// A call of `sbatch`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Its phase.
    pub phase: Phase,
    /// The tasks of an array, from `first` on.
    pub tasks: Option<Vec<u32>>,
    /// What is added to a task's index: arrays that are larger than a cluster allows are several.
    pub first: u32,
}

/// One task of the phase [`Phase::Points`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit {
    /// The point of a study.
    pub point: Option<usize>,
    /// The fold alone, of a protocol that has some.
    pub fold: Option<i32>,
    /// The seed alone.
    pub seed: Option<u64>,
}

/// Name of a launch, and its folder below that of the runs: told by what is run, not by how.
///
/// # Errors
/// As [`Recipe::digest`].
pub fn name(job: &Job) -> Result<String> {
    let (name, digest) = match job {
        Job::Run(recipe) => (&recipe.name, recipe.digest()?),
        Job::Study(study) => (&study.name, study.digest()?),
    };
    Ok(format!("{name}-{}", short(&digest)))
}

/// The recipes of all points.
pub fn recipes(job: &Job) -> Vec<&Recipe> {
    match job {
        Job::Run(recipe) => vec![recipe.as_ref()],
        Job::Study(study) => study.points.iter().map(|point| &point.recipe).collect(),
    }
}

/// The steps of a plan that a phase does.
pub fn steps(plan: &Plan, phase: Phase) -> impl Iterator<Item = &Step> {
    let stage = match phase {
        Phase::Convert => Stage::Convert,
        Phase::Extract => Stage::Extract,
        Phase::Points => Stage::Train,
        Phase::Collect => Stage::Report,
    };
    let all = plan.points.iter().flat_map(|point| &point.steps).chain(&plan.report);
    all.filter(move |step| step.stage == stage)
}

impl Launch<'_> {
    /// What the jobs of a phase may take.
    pub fn limits(&self, phase: Phase) -> &Limits {
        &self.limits[phase as usize]
    }

    /// All tasks of the points, done or not: their place in the list is their index.
    pub fn units(&self) -> Vec<Unit> {
        let seeds = |point: Option<usize>, recipe: &Recipe| -> Vec<Unit> {
            let folds = recipe.protocol.units();
            let each = folds.iter().flat_map(|&fold| {
                let seeds = recipe.protocol.seeds.iter();
                seeds.map(move |&seed| Unit {
                    point,
                    fold,
                    seed: Some(seed),
                })
            });
            each.collect()
        };
        match self.job {
            Job::Run(recipe) => seeds(None, recipe),
            Job::Study(study) => {
                let points = study.points.iter().enumerate();
                points
                    .flat_map(|(i, point)| {
                        if self.by_seed {
                            seeds(Some(i), &point.recipe)
                        } else {
                            vec![Unit {
                                point: Some(i),
                                fold: None,
                                seed: None,
                            }]
                        }
                    })
                    .collect()
            }
        }
    }

    /// Every call of `sbatch` for what is not done, in order.
    pub fn batches(&self) -> Vec<Batch> {
        let mut batches = Vec::new();
        for phase in Phase::ALL {
            let Some(tasks) = self.missing(phase) else { continue };
            if matches!(phase, Phase::Convert | Phase::Collect) {
                batches.push(Batch {
                    phase,
                    tasks: None,
                    first: 0,
                });
                continue;
            }
            let mut rest = tasks.as_slice();
            while let Some(&next) = rest.first() {
                let first = next - next % self.array_size;
                let (these, later) = rest.split_at(rest.partition_point(|task| task - first < self.array_size));
                rest = later;
                batches.push(Batch {
                    phase,
                    tasks: Some(these.iter().map(|task| task - first).collect()),
                    first,
                });
            }
        }
        batches
    }

    /// The tasks of a phase that are not done; `None` if it has nothing to do.
    fn missing(&self, phase: Phase) -> Option<Vec<u32>> {
        let open = steps(self.plan, phase).any(|step| !step.done);
        let tasks = match phase {
            Phase::Convert => return open.then(Vec::new),
            Phase::Collect => return (!self.plan.done).then(Vec::new),
            // Features made elsewhere are read, not extracted.
            Phase::Extract if recipes(self.job).iter().all(|recipe| recipe.card.is_table()) => Vec::new(),
            Phase::Extract if !open => Vec::new(),
            Phase::Extract => (0..self.shards).collect(),
            Phase::Points => {
                let units = self.units().into_iter().enumerate();
                units
                    .filter(|(_, unit)| !self.is_done(*unit))
                    .map(|(i, _)| i as u32)
                    .collect()
            }
        };
        (!tasks.is_empty()).then_some(tasks)
    }

    fn is_done(&self, unit: Unit) -> bool {
        let Some(point) = self.plan.points.get(unit.point.unwrap_or(0)) else {
            return false;
        };
        let Some(seed) = unit.seed else { return point.done };
        let trains = |step: &&Step| step.stage == Stage::Train && step.seed == Some(seed) && step.fold == unit.fold;
        point.steps.iter().find(trains).is_some_and(|step| step.done)
    }
}

/// Indices as `sbatch` takes them: `0-3,7`, and `0-3,7%2` where so many run at a time.
pub fn array(tasks: &[u32], limit: Option<u32>) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for &task in tasks {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == task => *last = task,
            _ => ranges.push((task, task)),
        }
    }
    let ranges: Vec<String> = ranges
        .into_iter()
        .map(|(first, last)| {
            if first == last {
                first.to_string()
            } else {
                format!("{first}-{last}")
            }
        })
        .collect();
    let limit = limit.map_or_else(String::new, |limit| format!("%{limit}"));
    format!("{}{limit}", ranges.join(","))
}
