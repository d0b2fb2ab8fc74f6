//! The model of a run that predicts, and what it says of features.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::Device;

use crate::digest::of_file;
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::metric::expression::argmax;
use crate::query::context::QueryContext;
use crate::query::{FoundRun, Value, fetch};
use crate::recipe::Recipe;
use crate::run::folder::RunFolder;
use crate::sets::FeatureSet;
use crate::task::Task;
use crate::train::Trained;

/// Archetypes listed for a face at most, as in a run's own assignments.
pub const LISTED: usize = 8;

/// One model of a run: a seed, in a fold where the run has folds.
pub struct RunModel {
    /// The run.
    pub run: FoundRun,
    /// Its resolved recipe.
    pub recipe: Recipe,
    /// The fold whose test samples the model did not see.
    pub fold: Option<i32>,
    /// The seed.
    pub seed: i64,
    /// The model.
    pub trained: Trained,
    /// Digest of the model's file.
    pub digest: String,
    /// What its archetypes are called.
    pub archetypes: BTreeMap<i32, String>,
    /// The run's tables.
    pub query: QueryContext,
}

/// What a model says of one face by one read-out.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// `aura`, `aura_mixture` or `aura_tuned`.
    pub method: &'static str,
    /// Class with the largest output (expressions).
    pub prediction: Option<usize>,
    /// The O outputs.
    pub output: Vec<f32>,
}

/// What a model says of one face.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// By read-out, in the order in which they were asked for.
    pub said: Vec<Said>,
    /// The nearest archetypes with their cosine similarities, the primal one first.
    pub nearest: Vec<(usize, f32)>,
}

impl RunModel {
    /// Opens the run in `folder`: of one with folds the fold `fold`, of its seeds `seed`; the first of each where none is named.
    ///
    /// # Errors
    /// [`Error::Data`] if there is no run, it is not whole, or its model is not what was written; [`Error::Usage`] if there are
    /// several runs, or no such seed or fold.
    pub fn open(folder: &Path, fold: Option<i32>, seed: Option<i64>, device: &Device) -> Result<Self> {
        let query = QueryContext::open(&[folder.to_owned()])?;
        let run = query.only_run(folder)?;
        let (fold, seed) = run.model(fold, seed)?;
        let file = run.seed_dir(fold, seed).join("model.safetensors");
        let written = RunFolder::new(&run.path).recipe();
        run.verify([file.as_path()])?;
        fetch(std::slice::from_ref(&run), |name| run.path.join(name) == written)?;
        let trained = Trained::load(&file, device)?;
        let recipe = Recipe::of_run(&written, run.manifest.stand_in)?;
        let named = query.query_with(
            "SELECT archetype, name FROM archetype_names WHERE seed = $seed AND (fold IS NOT DISTINCT FROM CAST($fold AS INT))",
            &unit(fold, seed),
        )?;
        let archetypes = named.rows.iter().filter_map(|row| {
            let archetype = i32::try_from(named.get(row, "archetype").as_i64()?).ok()?;
            Some((archetype, named.get(row, "name").as_str()?.to_owned()))
        });
        Ok(Self {
            archetypes: archetypes.collect(),
            digest: of_file(&file)?,
            run,
            recipe,
            fold,
            seed,
            trained,
            query,
        })
    }

    /// Read-outs that the model has.
    pub fn methods(&self) -> Vec<&'static str> {
        let mut methods = vec!["aura", "aura_mixture"];
        if self.trained.departure.is_some() {
            methods.push("aura_tuned");
        }
        methods
    }

    /// The read-outs among `asked`, which are checked; the primal one where none is asked for.
    ///
    /// # Errors
    /// [`Error::Usage`] if the model has no such read-out.
    pub fn chosen_methods(&self, asked: &[String]) -> Result<Vec<&'static str>> {
        let there = self.methods();
        if asked.is_empty() {
            return Ok(vec!["aura"]);
        }
        let mut methods = Vec::new();
        for name in asked {
            let known = there.iter().find(|known| *known == name).ok_or_else(|| {
                Error::Usage(format!(
                    "{} has no read-out \"{name}\"; expected one of {}",
                    self.run.run,
                    there.join(", ")
                ))
            })?;
            if !methods.contains(known) {
                methods.push(known);
            }
        }
        Ok(methods)
    }

    /// What the model says of samples, by these read-outs.
    ///
    /// # Errors
    /// [`Error::Data`] if the features do not fit the model, [`Error::Device`] if the device fails; [`Error::Interrupted`].
    pub fn say(
        &self,
        set: &FeatureSet,
        methods: &[&'static str],
        top: usize,
        interrupt: &Interrupt,
    ) -> Result<Vec<Answer>> {
        let model = &self.trained;
        let z = model.project(set, interrupt)?;
        let nearest = model.nearest_of_each(&z, top, interrupt)?;
        let read_outs = model.read_outs(set, &z, interrupt)?;
        let o = model.names.len();
        let said = |row: usize| -> Vec<Said> {
            methods
                .iter()
                .filter_map(|&method| {
                    let (_, outputs) = read_outs.iter().find(|(name, _)| *name == method)?;
                    let output = outputs[row * o..(row + 1) * o].to_vec();
                    Some(Said {
                        method,
                        prediction: (model.task == Task::Expression).then(|| argmax(&output)),
                        output,
                    })
                })
                .collect()
        };
        let each = nearest.into_iter().enumerate();
        Ok(each
            .map(|(row, nearest)| Answer {
                said: said(row),
                nearest,
            })
            .collect())
    }
}

/// Parameters of a query about one model.
pub fn unit(fold: Option<i32>, seed: i64) -> [(&'static str, Value); 2] {
    let fold = fold.map_or(Value::Null, |fold| Value::Int(i64::from(fold)));
    [("seed", Value::Int(seed)), ("fold", fold)]
}
