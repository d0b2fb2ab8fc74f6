//! `[[test]]`: other databases are converted and extracted as the recipe's own is, by the same encoder, and tested on.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::device::machine::Resolved;
use crate::disk::parquet;
use crate::encoder::interface::{Encoder, TokenShape};
use crate::error::{DataKind, Error, Result};
use crate::feature::FeatureTable;
use crate::feature::pool::pooled_shape;
use crate::recipe::Recipe;
use crate::recipe::test_set::TestSet as Asked;
use crate::rival::finetune::images::Images;
use crate::run::folder::RunFolder;
use crate::run::looks;
use crate::run::manifest::OtherTest;
use crate::sets::{SplitSets, TestSet};

use super::convert::Samples;
use super::copy::copy;
use super::data;
use super::extract::Features;
use super::needs;
use super::state::{Chain, RunOptions, json, serde_name};

/// Another database, ready to be tested on.
pub(super) struct Other<'a> {
    asked: &'a Asked,
    recipe: Recipe,
    pub(super) features: Features,
    samples: Samples,
    /// The folder that image paths are relative to, where there are images.
    images: Option<PathBuf>,
}

/// The samples of another database that are tested on.
pub(super) struct Loaded {
    pub(super) set: TestSet,
    /// Test samples that the models know no label of.
    left_out: usize,
    /// Its outputs that the models do not know, and those that they call otherwise.
    unknown: Vec<String>,
    renamed: Vec<String>,
}

/// Refuses test sets whose databases are not there, which costs nothing.
///
/// # Errors
/// As [`data::check`], with the name of the test set.
pub(super) fn check(recipe: &Recipe) -> Result<()> {
    let mut tests = recipe.test.iter();
    tests.try_for_each(|asked| match data::check(&recipe.on(asked), None) {
        // A folder that is given with the call is that of the recipe's own database.
        Err(Error::Data {
            kind: DataKind::MissingDatabase,
            message,
        }) => Err(Error::data(format!(
            "{}: {message}\n  where: its folder is `root` of its [test.dataset]",
            asked.split()
        ))),
        checked => checked.map_err(|error| error.within(&asked.split())),
    })
}

impl<'a> Chain<'a> {
    /// Converts every test set, and no more.
    ///
    /// # Errors
    /// As of the recipe's own database.
    pub(super) fn convert_others(&mut self) -> Result<()> {
        self.each_other(|chain, _| {
            let data = chain.data()?;
            chain.convert(&data)?;
            Ok(None)
        })
        .map(drop)
    }

    /// Brings the images of every test set through `encoder`; those of which others do a share yet are left out.
    ///
    /// # Errors
    /// As of the recipe's own database.
    pub(super) fn others(&mut self, encoder: &dyn Encoder, device: &Resolved) -> Result<Vec<Other<'a>>> {
        self.each_other(|chain, asked| {
            let data = chain.data()?;
            let samples = chain.convert(&data)?;
            let kept = pooled_shape(chain.recipe.features.tokens, encoder.tokens(), encoder.name())?;
            let size = needs::of(chain.recipe, parquet::rows(&samples.table)?, encoder.global_dim(), kept);
            chain.progress.line(&format!("            {}", needs::of_test(&size)));
            let images = samples.images.clone().unwrap_or(data.root);
            let features = chain.extract(&images, &samples, encoder, device)?;
            Ok(features.map(|features| Other {
                asked,
                recipe: chain.recipe.clone(),
                features,
                samples,
                images: Some(images),
            }))
        })
    }

    /// The same of features made elsewhere.
    ///
    /// # Errors
    /// As of the recipe's own.
    pub(super) fn imported_others(&mut self, own: &Features) -> Result<Vec<Other<'a>>> {
        let of_own = FeatureTable::open(&own.folder)?;
        self.each_other(|chain, asked| {
            let (samples, features) = chain.import()?;
            alike(own, &of_own, &features)?;
            let images = chain.image_root()?;
            Ok(Some(Other {
                asked,
                recipe: chain.recipe.clone(),
                features,
                samples,
                images,
            }))
        })
    }

    /// Works on each test set with a chain of its own: where its files lie its recipe says alone. Stages and warnings are told apart by
    /// its name.
    fn each_other(
        &mut self,
        mut work: impl FnMut(&mut Chain<'_>, &'a Asked) -> Result<Option<Other<'a>>>,
    ) -> Result<Vec<Other<'a>>> {
        let recipe: &'a _ = self.recipe;
        let options = RunOptions {
            data: None,
            ..self.options.clone()
        };
        let mut others = Vec::new();
        for asked in &recipe.test {
            self.progress
                .line(&format!("{:<11} {}", asked.split(), asked.database.card.title));
            let own = recipe.on(asked);
            let mut chain = Chain::new(&own, &options, self.progress, self.interrupt).of_portion(self.portion);
            let other = work(&mut chain, asked).map_err(|error| error.within(&asked.split()))?;
            self.left += chain.left;
            if other.as_ref().is_some_and(|other| other.samples.stand_in) && recipe.stand_in.is_none() {
                chain.warn("its faces were generated: numbers on it say nothing about the database".to_owned());
            }
            let warnings = chain
                .warnings
                .iter()
                .map(|warning| format!("{}: {warning}", asked.split()));
            self.warnings.extend(warnings);
            self.in_use.append(&mut chain.in_use);
            self.stages
                .extend(chain.stages.into_iter().map(|stage| crate::run::manifest::StageRecord {
                    name: format!("{}@{}", stage.name, asked.name),
                    ..stage
                }));
            others.extend(other);
        }
        Ok(others)
    }

    /// Reads what of the test sets is tested, for models of these outputs.
    ///
    /// # Errors
    /// As [`FeatureTable::tested`]; [`Error::Data`] if too little of a test set is known to the models.
    pub(super) fn load_others(&self, others: &[Other<'_>], ours: &[String]) -> Result<Vec<Loaded>> {
        let load = |other: &Other<'_>| {
            let name = other.asked.split();
            self.load_other(other, ours).map_err(|error| error.within(&name))
        };
        others.iter().map(load).collect()
    }

    fn load_other(&self, other: &Other<'_>, ours: &[String]) -> Result<Loaded> {
        let asked = other.asked;
        let protocol = &other.recipe.protocol;
        let options = self.load_options(&other.recipe);
        let (set, counts) = FeatureTable::open(&other.features.folder)?.tested(&options, &protocol.folds)?;
        if let Some(row) = set.global.not_finite() {
            return Err(Error::unusable_table(format!(
                "the features of sample {} are not finite; extract them again, or look for a broken image",
                set.sample_ids[row]
            )));
        }
        let theirs = &set.targets.names;
        let shared = asked.shared(ours, theirs).map_err(Error::data)?;
        let (kept, targets) = set.targets.among(ours, &shared.places);
        if kept.is_empty() {
            return Err(Error::unusable_table(format!(
                "none of its {} test samples has a label that the models know",
                set.len()
            )));
        }
        let left_out = set.len() - kept.len() + counts.test_left_out;
        let unknown = shared.left_out(theirs).into_iter().map(str::to_owned).collect();
        let renamed = shared.renamed(ours, theirs);
        let mut chosen = set.select(&kept);
        chosen.targets = targets;
        Ok(Loaded {
            set: TestSet {
                split: asked.split(),
                set: chosen,
                asked: asked.asked(&shared, ours.len()),
            },
            left_out,
            unknown,
            renamed,
        })
    }

    /// Says what is tested on, by which rule.
    pub(super) fn tell_others(&self, others: &[Other<'_>], loaded: &[Loaded]) {
        for (other, found) in others.iter().zip(loaded) {
            let asked = found.set.asked.len();
            let what = other.asked.split();
            self.progress.line(&format!(
                "            {what}: {} samples, {asked} of {} outputs asked",
                found.set.set.len(),
                found.set.set.targets.outputs()
            ));
            if found.left_out > 0 {
                let unknown = match found.unknown.as_slice() {
                    [] => String::new(),
                    names => format!(", for the models do not know {}", names.join(", ")),
                };
                self.progress.line(&format!(
                    "            {what}: {} samples left out{unknown}",
                    found.left_out
                ));
            }
            if !found.renamed.is_empty() {
                self.progress
                    .line(&format!("            {what}: {}", found.renamed.join(", ")));
            }
        }
    }

    /// What of the test sets was learned from, where one is the run's own database, divided in another way.
    pub(super) fn learned(&self, others: &[Other<'_>], sets: &SplitSets) -> Vec<String> {
        let learned: BTreeSet<&String> = sets
            .train
            .sample_ids
            .iter()
            .chain(sets.val.iter().flat_map(|val| &val.sample_ids))
            .collect();
        let of_one = |(other, test): (&Other<'_>, &TestSet)| {
            let ids = test.set.sample_ids.iter();
            let n = ids.filter(|id| learned.contains(id)).count();
            (same(&other.recipe, self.recipe) && n > 0).then(|| {
                format!(
                    "{}: {n} of its {} samples are learned from or chosen by in this run: numbers on it say less about other faces",
                    other.asked.split(),
                    test.set.len()
                )
            })
        };
        others.iter().zip(&sets.others).filter_map(of_one).collect()
    }

    /// The images of every test set, for the rival that trains the encoder.
    ///
    /// # Errors
    /// As [`Images::read`].
    pub(super) fn images_of_others(others: &[Other<'_>]) -> Result<Vec<Images>> {
        let read = |other: &Other<'_>| {
            let name = other.asked.split();
            let root = other.images.as_deref().ok_or_else(|| {
                Error::Usage(format!(
                    "{name}: finetune.enabled needs its images, and its dataset.root names no folder"
                ))
            })?;
            Images::read(&other.samples.table, root, &other.recipe.features).map_err(|error| error.within(&name))
        };
        others.iter().map(read).collect()
    }

    /// Keeps the samples of every test set in the run folder, as those of the recipe's own are kept.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn copy_others(others: &[Other<'_>], folder: &RunFolder) -> Result<()> {
        let mut others = others.iter();
        others.try_for_each(|other| copy(&other.samples.table, &folder.samples_of(&other.asked.name), folder))
    }

    /// What the manifest says of the test sets; the numbers at `address` were computed on them.
    ///
    /// # Errors
    /// As [`Self::load_others`].
    pub(super) fn record_others(&self, others: &[Other<'_>], ours: &[String], address: &str) -> Result<Vec<OtherTest>> {
        let loaded = self.load_others(others, ours)?;
        let record = |(other, found): (&Other<'_>, &Loaded)| {
            let asked = other.asked;
            let digest = asked.digest(other.samples.release.as_deref())?;
            Ok(OtherTest {
                name: asked.name.clone(),
                dataset: other.recipe.card.id.clone(),
                title: other.recipe.card.title.clone(),
                answers: asked.answers.as_ref().map(serde_name).transpose()?,
                outputs: found.set.asked.iter().map(|&at| ours[at].clone()).collect(),
                renamed: found.renamed.clone(),
                unknown: found.unknown.clone(),
                samples: found.set.set.len() as u64,
                left_out: found.left_out as u64,
                test: json(asked)?,
                test_looks: Some(looks::record(&self.options.out, &digest, address)?),
                digest,
                stand_in: other.samples.stand_in,
                data_root: other.images.as_ref().map(|root| root.display().to_string()),
            })
        };
        others.iter().zip(&loaded).map(record).collect()
    }
}

/// Whether the names of two databases' samples are names of the same samples: faces that are drawn with another seed are others.
fn same(one: &Recipe, other: &Recipe) -> bool {
    let seed = |recipe: &Recipe| recipe.stand_in.as_ref().map(|drawn| drawn.seed);
    one.card.id == other.card.id && seed(one) == seed(other)
}

/// Refuses features of another model than the run's own, before anything is trained on these.
fn alike(own: &Features, of_own: &FeatureTable, theirs: &Features) -> Result<()> {
    let kind = |features: &Features| features.encoder.get("kind").cloned().unwrap_or_default();
    if kind(own) != kind(theirs) {
        return Err(Error::unusable_table(format!(
            "dataset.table.encoder is {}, of the recipe's own database {}: features of two models say nothing to each other",
            kind(theirs),
            kind(own)
        )));
    }
    let table = FeatureTable::open(&theirs.folder)?;
    let (here, there) = (of_own.metadata(), table.metadata());
    if (here.global_dim, here.tokens) != (there.global_dim, there.tokens) {
        return Err(Error::unusable_table(format!(
            "its features have {} values a sample{}, those of the recipe's own database {}{}",
            there.global_dim,
            tokens(there.tokens),
            here.global_dim,
            tokens(here.tokens)
        )));
    }
    Ok(())
}

fn tokens(shape: Option<TokenShape>) -> String {
    shape.map_or_else(String::new, |shape| {
        format!(" and {} tokens of {} values", shape.count(), shape.width)
    })
}
