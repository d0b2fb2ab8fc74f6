//! What there is to do of a recipe or a study, and what is done already: for people, for launchers and for engines of workflows.
//! Nothing is written, and nothing is computed but addresses.

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use crate::device::choice::DeviceChoice;
use crate::disk::lock::Lock;
use crate::disk::{parquet, publish};
use crate::encoder::interface::Encoder;
use crate::error::{Error, Result};
use crate::feature::progress_of;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::recipe::{Job, Recipe};
use crate::run::folder::RunFolder;
use crate::run::manifest::Manifest;
use crate::train::checkpoint;

use super::address::{Address, From};
use super::import;
use super::portion::{Portion, Stage};
use super::state::{Chain, RunOptions, json};

/// What there is to do, and what is done.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Plan {
    /// Version of this object.
    pub schema: u32,
    /// The recipe's file.
    pub recipe: String,
    /// Name of the recipe or of the study.
    pub name: String,
    /// Whether it is a study.
    pub study: bool,
    /// Whether there is nothing to do any more.
    pub done: bool,
    /// The points of a study, in order; a recipe that is no study is one.
    pub points: Vec<PointPlan>,
    /// The report over all points of a study.
    pub report: Option<Step>,
}

/// What there is to do of one run.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PointPlan {
    /// Number of the point in its study, from 0.
    pub point: Option<usize>,
    /// The point in a few words.
    pub label: String,
    /// The run folder, once features are there, from which it has its name.
    pub run_dir: Option<String>,
    /// Whether the run is whole.
    pub done: bool,
    /// Its steps, in an order in which they can be done.
    pub steps: Vec<Step>,
}

/// A unit of work: one command does it, any number of times, beside any others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Step {
    /// Of which stage.
    pub stage: Stage,
    /// Whether it is done.
    pub done: bool,
    /// Whether it was begun; the same command goes on with it.
    pub begun: bool,
    /// The fold that is trained.
    pub fold: Option<i32>,
    /// The seed that is trained.
    pub seed: Option<u64>,
    /// Parts of the feature tables, once somebody began them.
    pub parts: Option<Parts>,
    /// Who does it now: processes, with their machines and jobs.
    pub running: Vec<String>,
    /// What does it: program and arguments.
    pub command: Vec<String>,
}

/// Parts of feature tables.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Parts {
    /// All of them.
    pub all: usize,
    /// Those that are there.
    pub done: usize,
}

impl Step {
    fn new(stage: Stage) -> Self {
        Self {
            stage,
            done: false,
            begun: false,
            fold: None,
            seed: None,
            parts: None,
            running: Vec::new(),
            command: Vec::new(),
        }
    }
}

/// Looks at what is there of a recipe or a study.
///
/// # Errors
/// Whatever keeps a run from being begun: a database that is missing, options that cannot be, an encoder that cannot be read.
pub fn plan(job: &Job, options: &RunOptions, progress: Progress, interrupt: &Interrupt) -> Result<Plan> {
    let choice: DeviceChoice = options
        .device
        .parse()
        .map_err(|message| Error::Usage(format!("device: {message}")))?;
    let kind = match choice {
        // Who plans may have no GPU: those who compute have.
        DeviceChoice::Cuda(_) => "cuda",
        DeviceChoice::Gpu(_) => "gpu",
        DeviceChoice::Cpu => "cpu",
        DeviceChoice::Auto => choice.resolve()?.kind,
    };
    let mut looking = Looking {
        options,
        kind,
        progress,
        interrupt,
        encoders: BTreeMap::new(),
        seen: BTreeMap::new(),
    };
    let (name, file, points, study) = match job {
        Job::Run(recipe) => {
            let point = looking.point(recipe, None, recipe.name.clone())?;
            (&recipe.name, &recipe.file, vec![point], None)
        }
        Job::Study(study) => {
            let points = study.points.iter().enumerate();
            let points = points
                .map(|(at, point)| {
                    looking
                        .point(&point.recipe, Some(at), point.label())
                        .map_err(|error| error.within(&format!("point {}", point.label())))
                })
                .collect::<Result<Vec<_>>>()?;
            let file = study.points.first().map(|point| &point.recipe.file);
            let file = file.ok_or_else(|| Error::Usage(format!("the study {} has no points", study.name)))?;
            (&study.name, file, points, Some(study))
        }
    };
    let all = points.iter().all(|point| point.done);
    let report = match study {
        None => None,
        Some(study) => Some(Step {
            done: all && super::study::is_reported(study, &options.out)?,
            ..Step::new(Stage::Report)
        }),
    };
    Ok(Plan {
        schema: 1,
        recipe: file.display().to_string(),
        name: name.clone(),
        study: study.is_some(),
        done: all && report.as_ref().is_none_or(|report| report.done),
        points,
        report,
    })
}

/// What all points share.
struct Looking<'a> {
    options: &'a RunOptions,
    kind: &'static str,
    progress: Progress,
    interrupt: &'a Interrupt,
    /// By what recipes say of them; `None` of weights that are not there yet.
    encoders: BTreeMap<String, Option<Box<dyn Encoder>>>,
    /// What was seen, by what recipes say of data and features: points of a study share most of it.
    seen: BTreeMap<String, There>,
}

/// What is there of a database's samples and features.
#[derive(Clone, Default)]
struct There {
    converted: bool,
    extracted: bool,
    /// Digest of the features, the truth of generated faces, and whether they are generated.
    features: Option<(String, bool, bool)>,
    begun: [bool; 2],
    parts: Option<Parts>,
    running: [Vec<String>; 2],
}

impl Looking<'_> {
    fn point(&mut self, recipe: &Recipe, point: Option<usize>, label: String) -> Result<PointPlan> {
        self.interrupt.check()?;
        let mut all = vec![self.there(recipe, self.options)?];
        // Where the files of other databases lie, their recipes say alone.
        let elsewhere = RunOptions {
            data: None,
            ..self.options.clone()
        };
        for test in &recipe.test {
            all.push(self.there(&recipe.on(test), &elsewhere)?);
        }
        let mut steps: Vec<Step> = [Stage::Convert, Stage::Extract]
            .into_iter()
            .enumerate()
            .map(|(at, stage)| {
                let mut running: Vec<String> = all.iter().flat_map(|there| there.running[at].clone()).collect();
                running.sort();
                running.dedup();
                Step {
                    done: all.iter().all(|there| [there.converted, there.extracted][at]),
                    begun: all.iter().any(|there| there.begun[at]),
                    parts: (at == 1).then(|| sum(&all)).flatten(),
                    running,
                    ..Step::new(stage)
                }
            })
            .collect();
        let run = self.run(recipe, &all)?;
        let units = recipe.protocol.units();
        for (fold, seed) in units
            .iter()
            .flat_map(|&fold| recipe.protocol.seeds.iter().map(move |&seed| (fold, seed)))
        {
            steps.push(match &run {
                Some(run) => unit(run, fold, seed)?,
                None => Step {
                    fold,
                    seed: Some(seed),
                    ..Step::new(Stage::Train)
                },
            });
        }
        let trained = steps.iter().all(|step| step.done);
        steps.push(Step {
            done: trained && run.as_ref().is_some_and(|run| is_reported(recipe, &run.folder)),
            running: match &run {
                Some(run) => Lock::holders(run.folder.path())?,
                None => Vec::new(),
            },
            ..Step::new(Stage::Report)
        });
        Ok(PointPlan {
            point,
            label,
            run_dir: run.map(|run| run.folder.path().display().to_string()),
            done: steps.iter().all(|step| step.done),
            steps,
        })
    }

    /// The addresses of a run, once features are there.
    fn run(&self, recipe: &Recipe, all: &[There]) -> Result<Option<Address>> {
        let Some(known) = all
            .iter()
            .map(|there| there.features.as_ref())
            .collect::<Option<Vec<_>>>()
        else {
            return Ok(None);
        };
        let Some(((features, stand_in, truth), others)) = known.split_first() else {
            return Ok(None);
        };
        let from = From {
            features,
            others: others.iter().map(|(features, ..)| features.as_str()).collect(),
            device: self.kind,
            stand_in: *stand_in,
            truth: *truth,
        };
        Address::of(recipe, &from, &self.options.out).map(Some)
    }

    /// What is there of the samples and features that a recipe asks for.
    fn there(&mut self, recipe: &Recipe, options: &RunOptions) -> Result<There> {
        let said = (
            json(&recipe.card)?,
            json(&recipe.dataset)?,
            json(&recipe.protocol)?,
            json(&recipe.stand_in)?,
            json(&recipe.encoder)?,
            json(&recipe.features)?,
            &options.data,
        );
        let key = json(&said)?.to_string();
        if let Some(seen) = self.seen.get(&key) {
            return Ok(seen.clone());
        }
        let there = self.look(recipe, options)?;
        self.seen.insert(key, there.clone());
        Ok(there)
    }

    fn look(&mut self, recipe: &Recipe, options: &RunOptions) -> Result<There> {
        let chain = Chain::new(recipe, options, self.progress, self.interrupt).of_portion(Portion::ALL);
        if recipe.card.is_table() {
            let (digest, folder) = import::place_of(recipe, options, self.interrupt)?;
            let there = publish::is_there(&folder)?;
            let (begun, running) = in_hand(&folder, there)?;
            return Ok(There {
                converted: there,
                extracted: there,
                features: there.then_some((digest, false, false)),
                begun: [begun, begun],
                parts: None,
                running: [running.clone(), running],
            });
        }
        let Some(data) = chain.data_there()? else {
            return Ok(There::default());
        };
        let samples = match chain.samples_there(&data)? {
            Ok(samples) => samples,
            Err(folder) => {
                let (begun, running) = in_hand(&folder, false)?;
                return Ok(There {
                    begun: [begun, false],
                    running: [running, Vec::new()],
                    ..There::default()
                });
            }
        };
        let converted = There {
            converted: true,
            ..There::default()
        };
        let kind = self.kind;
        let Some(encoder) = self.encoder(recipe)? else {
            return Ok(converted);
        };
        let table = chain.table_of(&samples.digest, encoder, kind)?;
        let there = publish::is_there(&table.folder)?;
        let (begun, running) = in_hand(&table.folder, there)?;
        let parts = if there {
            progress_of(&table.folder, parquet::rows(&samples.table)?)?
        } else {
            progress_of(&publish::partial(&table.folder), parquet::rows(&samples.table)?)?
        };
        Ok(There {
            extracted: there,
            features: there.then_some((table.digest, samples.stand_in, samples.truth.is_some())),
            begun: [false, begun],
            parts: parts.map(|(done, all)| Parts { all, done }),
            running: [Vec::new(), running],
            ..converted
        })
    }

    /// The encoder of a recipe; `None` where its weights have to be fetched.
    fn encoder(&mut self, recipe: &Recipe) -> Result<Option<&dyn Encoder>> {
        let config = &recipe.encoder;
        let key = json(config)?.to_string();
        if !self.encoders.contains_key(&key) {
            let encoder = if config.is_here()? {
                Some(config.fetched(None, self.progress, self.interrupt)?.build()?)
            } else {
                None
            };
            self.encoders.insert(key.clone(), encoder);
        }
        Ok(self.encoders.get(&key).and_then(Option::as_deref))
    }
}

fn unit(run: &Address, fold: Option<i32>, seed: u64) -> Result<Step> {
    let here = run.folder.seed(fold, seed);
    let done = super::train::is_whole(&here, &run.digest, &run.rivals);
    Ok(Step {
        done,
        begun: !done && (checkpoint::begun(here.path()) || here.done().is_file()),
        fold,
        seed: Some(seed),
        running: Lock::holders(here.path())?,
        ..Step::new(Stage::Train)
    })
}

/// Whether somebody began to make a folder, and who does now.
fn in_hand(folder: &Path, there: bool) -> Result<(bool, Vec<String>)> {
    if there || !publish::is_begun(folder)? {
        return Ok((false, Vec::new()));
    }
    Ok((true, Lock::holders(&publish::partial(folder))?))
}

fn sum(all: &[There]) -> Option<Parts> {
    let known: Vec<Parts> = all.iter().filter_map(|there| there.parts).collect();
    (!known.is_empty()).then(|| Parts {
        all: known.iter().map(|parts| parts.all).sum(),
        done: known.iter().map(|parts| parts.done).sum(),
    })
}

/// Whether a run is whole, with the seeds that a recipe asks for.
fn is_reported(recipe: &Recipe, folder: &RunFolder) -> bool {
    let has = |manifest: Manifest| {
        let mut seeds = recipe.protocol.seeds.iter();
        seeds.all(|&seed| i64::try_from(seed).is_ok_and(|seed| manifest.seeds.contains(&seed)))
    };
    folder.is_sealed().unwrap_or(false)
        && folder.report_stamp().is_file()
        && Manifest::proven(folder.path()).is_some_and(has)
}

impl Plan {
    /// Gives every step the command that does it.
    #[must_use]
    pub fn with_commands(mut self, command: impl Fn(Option<usize>, &Step) -> Vec<String>) -> Self {
        for point in &mut self.points {
            for step in &mut point.steps {
                step.command = command(point.point, step);
            }
        }
        if let Some(report) = &mut self.report {
            report.command = command(None, report);
        }
        self
    }

    /// The table for a person.
    pub fn to_text(&self) -> String {
        let mut lines = Vec::new();
        for point in &self.points {
            let head = match point.point {
                Some(number) => format!("point {number}: {}", point.label),
                None => point.label.clone(),
            };
            let place = point
                .run_dir
                .as_ref()
                .map_or_else(String::new, |run| format!("  {run}"));
            lines.push(format!("{head}{place}"));
            lines.extend(point.steps.iter().map(|step| format!("  {}", step.to_text())));
        }
        if let Some(report) = &self.report {
            lines.push(format!("study {}", self.name));
            lines.push(format!("  {}", report.to_text()));
        }
        lines.join("\n")
    }
}

impl Step {
    /// `train    fold 2 seed 0   begun, process 4711 on node17`.
    fn to_text(&self) -> String {
        let mut what = String::new();
        if let Some(fold) = self.fold {
            what.push_str(&format!("fold {fold} "));
        }
        if let Some(seed) = self.seed {
            what.push_str(&format!("seed {seed}"));
        }
        if let Some(Parts { all, done }) = self.parts {
            what.push_str(&format!("{done} of {all} parts"));
        }
        let state = match (self.done, self.begun) {
            (true, _) => "done",
            (false, true) => "begun",
            (false, false) => "to do",
        };
        let running = if self.running.is_empty() {
            String::new()
        } else {
            format!(", {}", self.running.join("; "))
        };
        format!("{:<8} {what:<16} {state}{running}", self.stage.as_str())
    }
}
