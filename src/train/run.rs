//! One training, from start values to the last epoch.

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::time::Duration;

use burn::tensor::{Device, Tensor};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::metric::evaluate;
use crate::model::aura::{Aura, DICTIONARY, LOSS_NAMES, Prior};
use crate::model::codebook::{Assigned, cosines, primal, primal_one_hot};
use crate::model::config::{Init, Readout};
use crate::model::math::{Purpose, host, host_indices, matrix, permutation, stream};
use crate::model::projector::{Projector, Sizes};
use crate::model::standardise::Standardiser;
use crate::model::{kmeans, predict};
use crate::progress::{Bar, Progress};
use crate::sets::{FeatureSet, Matrix, Rows, SplitSets};
use crate::task::Targets;

use super::checkpoint::{self, Best, Point, Position, ResetRecord, State};
use super::config::{Sampling, Selection};
use super::data;
use super::feed::{Feed, Placement, Steps};
use super::flow::Look;
use super::live::Curves;
use super::replay::Replay;
use super::reset::{self, Source};
use super::setup::Setup;
use super::trained::project;

/// What stays the same over a seed's whole training.
pub(crate) struct Trainer<'a> {
    data: &'a SplitSets,
    setup: &'a Setup,
    seed: u64,
    device: Device,
    train: &'a Rows,
    sizes: Sizes,
    feed: Feed<'a>,
    batches: usize,
    /// Steps as recordings, where the device takes them.
    replay: RefCell<Option<Replay>>,
    /// Whether steps are handed out kernel by kernel: since a recording was not the step that it should repeat, or since it is
    /// asked for.
    launched: Cell<bool>,
}

/// One training: what on, where to, and who listens.
#[derive(Clone, Copy)]
pub(crate) struct Job<'a> {
    /// The splits.
    pub data: &'a SplitSets,
    /// What is trained and how.
    pub setup: &'a Setup,
    /// Seed of everything random.
    pub seed: u64,
    /// Where tensors live.
    pub device: &'a Device,
    /// Where checkpoints go, and are found.
    pub folder: &'a Path,
    /// What the progress bar calls it.
    pub label: &'a str,
    /// Shows how far it is.
    pub progress: Progress,
    /// Asked before every step.
    pub interrupt: &'a Interrupt,
}

/// A training that came to its end.
pub(crate) struct Ended {
    /// The model of the selected epoch.
    pub model: Aura,
    /// Standardisation of the features.
    pub standardiser: Standardiser,
    /// The selected epoch.
    pub epoch: usize,
    /// What was nearest to what when it was last asked up to that epoch.
    pub look: Option<Look>,
    /// Curves, resets and moves.
    pub position: Position,
}

impl Job<'_> {
    /// Trains from start values, or from where an earlier call was interrupted, to the last epoch.
    ///
    /// # Errors
    /// [`Error::Usage`] for impossible settings, [`Error::Data`] if the data cannot serve the model, [`Error::Interrupted`]
    /// after the checkpoint was written, [`Error::Io`] if it cannot be written, [`Error::Device`] if the device fails.
    pub fn train(&self) -> Result<Ended> {
        let setup = self.setup;
        let trainer = Trainer::new(
            self.data,
            setup,
            self.seed,
            self.device,
            Placement::Auto,
            self.interrupt,
        )?;
        let digest = setup.digest(self.data, self.seed);
        let file = checkpoint::path(self.folder);
        let mut state = trainer.start();
        if !checkpoint::resume(&file, &digest, &mut state, self.progress)? {
            trainer.initialise(&mut state.model, self.interrupt)?;
            state.usage_before = state.model.buffers.usage.clone();
        } else if state.position.epoch > 0 || state.position.step > 0 {
            let line = format!("{}: goes on after epoch {}", self.label, state.position.epoch);
            self.progress.line(&line);
        }
        // An epoch of a large database takes minutes: steps are counted.
        let steps = (setup.train.epochs * trainer.batches) as u64;
        let bar = self.progress.bar(self.label, steps, "steps");
        bar.inc((state.position.epoch * trainer.batches + state.position.step) as u64);
        while state.position.epoch < setup.train.epochs && !state.position.stopped {
            if let Err(error) = trainer.epoch(&mut state, &bar, self.interrupt) {
                if matches!(error, Error::Interrupted) {
                    checkpoint::save(&file, &digest, &state)?;
                }
                return Err(error);
            }
            bar.message(trainer.summary(&state.position));
            Curves::of(&state.position, setup.train.epochs, setup.task.primary_metric()).leave(self.folder);
            let every = setup.train.checkpoint_every;
            if every > 0 && state.position.epoch.is_multiple_of(every) {
                checkpoint::save(&file, &digest, &state)?;
            }
        }
        let position = state.position;
        let (model, look, epoch) = match (setup.selection, state.best, &position.best) {
            (Selection::BestOnVal | Selection::BestOnTest, Some(model), Some(best)) => {
                (model, state.best_look, best.epoch)
            }
            _ => (state.model, state.look, position.epoch),
        };
        Ok(Ended {
            model,
            standardiser: trainer.feed.standardiser().clone(),
            epoch,
            look,
            position,
        })
    }
}

impl<'a> Trainer<'a> {
    /// Checks that settings and data fit together, and brings the features to where batches are gathered.
    pub(crate) fn new(
        data: &'a SplitSets,
        setup: &'a Setup,
        seed: u64,
        device: &Device,
        placement: Placement,
        interrupt: &Interrupt,
    ) -> Result<Self> {
        setup.validate()?;
        if data.train.targets.task != setup.task {
            return Err(Error::unusable_table(format!(
                "the features carry targets for {:?}, the protocol asks for {:?}",
                data.train.targets.task, setup.task
            )));
        }
        if setup.selection == Selection::BestOnVal && data.val.as_ref().is_none_or(FeatureSet::is_empty) {
            return Err(Error::data(
                "protocol.selection is \"best_on_val\", but there are no validation samples: give the protocol a \
                 validation split, or select \"last\"",
            ));
        }
        let level = setup.model.level_for(setup.task);
        let sizes = data::sizes(data, level)?;
        data::check(&setup.model, sizes, data.train.len())?;
        let (train, _) = data::features(&data.train, level)?;
        let standardiser = Standardiser::fit(train, sizes.input, setup.model.standardise, interrupt)?;
        let device = device.clone().inner();
        Ok(Self {
            feed: Feed::new(data, level, standardiser, placement, &device)?,
            // Batches of nearly equal size: a small last one would make the batch statistics of the losses noisy.
            batches: data
                .train
                .len()
                .div_ceil(setup.train.batch_for(setup.task, data.train.len()))
                .max(1),
            data,
            setup,
            seed,
            train,
            sizes,
            device,
            replay: RefCell::new(None),
            launched: Cell::new(false),
        })
    }

    /// Hands out every step kernel by kernel, also where a device would take it as a whole.
    pub(crate) fn launch_all(&self) {
        self.launched.set(true);
    }

    /// Whether steps are recorded and replayed.
    pub(crate) fn replays(&self) -> bool {
        self.replay.borrow().as_ref().is_some_and(Replay::is_recorded)
    }

    /// Where tensors live.
    pub(crate) fn device(&self) -> &Device {
        &self.device
    }

    /// Sizes of inputs and outputs.
    pub(crate) fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// Where batches come from.
    pub(crate) fn feed(&self) -> &Feed<'a> {
        &self.feed
    }

    /// Steps an epoch.
    pub(crate) fn batches(&self) -> usize {
        self.batches
    }
}

impl Trainer<'_> {
    /// A state before the first epoch, with drawn parameters.
    pub(crate) fn start(&self) -> State {
        let sizes = self.sizes;
        let targets = &self.data.train.targets;
        let mean = data::prior(targets);
        let weights = data::weights(targets, &mean, self.setup.loss.balance_units);
        let o = sizes.outputs;
        let prior = Prior {
            mean: matrix(mean, 1, o, &self.device),
            weights: matrix(weights, 1, o, &self.device),
        };
        let mut rng = stream(self.seed, Purpose::Parameters, 0, 0);
        let setup = (self.setup.task, self.setup.model.clone(), self.setup.loss.clone());
        let model = Aura::create(setup, sizes, prior, &mut rng, &self.device);
        State {
            sums: Tensor::zeros([1, LOSS_NAMES.len()], &self.device),
            usage_before: model.buffers.usage.clone(),
            best: None,
            look: None,
            best_look: None,
            position: Position::default(),
            model,
        }
    }

    /// Places the archetypes among the projected training features and counts the samples around each.
    fn initialise(&self, model: &mut Aura, interrupt: &Interrupt) -> Result<()> {
        let mut rng = stream(self.seed, Purpose::Dictionary, 0, 0);
        let n = self.train.len();
        let rows = if n > self.setup.model.init_samples {
            let mut rows = permutation(&mut rng, n);
            rows.truncate(self.setup.model.init_samples);
            rows.sort_unstable();
            rows
        } else {
            (0..n).collect()
        };
        let projector = Projector::bind(&model.store.values(), self.sizes.patches)?;
        let z = project(
            &projector,
            self.feed.standardiser(),
            &self.train.select(&rows),
            &self.device,
            interrupt,
        )?;
        let targets = self.data.train.targets.select(&rows);
        let (k, d) = (self.setup.model.k_max, self.setup.model.width);
        let centres = match self.setup.model.init {
            Init::Random => None,
            Init::Kmeans => Some(kmeans::spherical(&z, k, &mut rng, &self.device)?),
            Init::Stratified => Some(kmeans::stratified(&z, &targets, k, &mut rng, &self.device)?),
        };
        if let Some(centres) = centres {
            model.set_dictionary(matrix(centres, k, d, &self.device));
        }
        // The running counts start at what an average batch would bring.
        let batch = self.train.len() as f64 / self.batches as f64;
        let points = matrix(z.data.clone(), z.rows, d, &self.device);
        let target = data::target(&targets, &(0..rows.len()).collect::<Vec<_>>(), &self.device);
        let cosine = cosines(points.clone(), model.dictionary()?, &model.buffers.alive);
        model.buffers.update(
            Assigned {
                nearest: primal_one_hot(cosine, &self.device),
                z: points,
                targets: target.y,
                known: target.known,
            },
            0.0,
        );
        let share = batch / rows.len() as f64;
        let b = &mut model.buffers;
        b.size = b.size.clone() * share;
        b.labels = b.labels.clone() * share;
        b.known = b.known.clone() * share;
        b.usage = b.usage.zeros_like();
        model.learn_values_from_counts();
        Ok(())
    }

    /// Rows of every batch of an epoch.
    fn order(&self, epoch: usize) -> Vec<Vec<usize>> {
        let n = self.train.len();
        let mut rng = stream(self.seed, Purpose::Order, epoch, 0);
        let order = match self.setup.sampling {
            Sampling::Plain => permutation(&mut rng, n),
            Sampling::Balanced => balanced(&self.data.train.targets, &mut rng),
        };
        (0..self.batches)
            .map(|b| order[b * n / self.batches..(b + 1) * n / self.batches].to_vec())
            .collect()
    }

    /// One epoch, from the step where the state stands.
    fn epoch(&self, state: &mut State, bar: &Bar, interrupt: &Interrupt) -> Result<()> {
        let epoch = state.position.epoch + 1;
        let (_, order) = self.steps(state, epoch, bar, interrupt)?;
        let before = state.position.history.len();
        let last: &[usize] = order.last().map_or(&[], Vec::as_slice);
        let closed = self.close(state, epoch, last, interrupt);
        if closed.is_err() {
            // The epoch is closed again by the call that goes on.
            state.position.history.truncate(before);
        }
        closed
    }

    /// The steps of an epoch, from the one where the state stands; nothing is read back from the device. Returns how long
    /// the host waited for batches, and the rows of every batch.
    pub(crate) fn steps(
        &self,
        state: &mut State,
        epoch: usize,
        bar: &Bar,
        interrupt: &Interrupt,
    ) -> Result<(Duration, Vec<Vec<usize>>)> {
        let (model, train) = (&self.setup.model, &self.setup.train);
        let order = self.order(epoch);
        let contextual = epoch >= model.contextualization_start();
        let total = train.epochs * self.batches;
        let steps = Steps {
            seed: self.seed,
            epoch,
            order: &order,
            first: state.position.step,
            model,
        };
        let mut replay = self.replay.take();
        if replay
            .as_mut()
            .is_some_and(|replay| !replay.takes(&mut state.model, &state.sums, contextual))
        {
            replay = None;
        }
        let outcome = self.feed.steps(steps, |step, batch, masks| {
            interrupt.check()?;
            let done = (epoch - 1) * self.batches + step;
            let adam = |name: &str| train.adam(name == DICTIONARY, done, total);
            let replayed = match &mut replay {
                Some(replay) => replay.step(&state.model, &batch, &masks, &adam)?,
                None => false,
            };
            if !replayed {
                if let Some(replay) = replay.take() {
                    replay.leaves(&mut state.model, &mut state.sums);
                    self.launched.set(true);
                }
                let losses = state.model.step(&batch, &masks, contextual, adam)?;
                state.sums = state.sums.clone() + losses;
                if !self.launched.get() {
                    replay = Replay::new(&mut state.model, &state.sums, contextual);
                }
            }
            state.position.step = step + 1;
            bar.inc(1);
            Ok(())
        });
        // An interrupted epoch is written down as far as it came.
        if let Some(replay) = &replay {
            replay.leaves(&mut state.model, &mut state.sums);
        }
        self.replay.replace(replay);
        let waited = outcome?;
        Ok((waited, order))
    }

    /// The end of an epoch: curves, selection, reset or pruning.
    fn close(&self, state: &mut State, epoch: usize, last: &[usize], interrupt: &Interrupt) -> Result<()> {
        // Losses, usage and life of the archetypes in one transfer: each one would wait for the device.
        let buffers = &state.model.buffers;
        let usage = buffers.usage.clone() - state.usage_before.clone();
        let read = host(Tensor::cat(vec![state.sums.clone(), usage, buffers.alive.clone()], 1))?;
        let (sums, rest) = read.split_at(LOSS_NAMES.len());
        let (usage, alive) = rest.split_at(self.setup.model.k_max);
        let mut point = |split: &str, metric: &str, value: f64| {
            state.position.history.push(Point::new(epoch, split, metric, value));
        };
        for (name, sum) in LOSS_NAMES.iter().zip(sums) {
            point("train", name, f64::from(*sum) / self.batches as f64);
        }
        if !sums.iter().all(|v| v.is_finite()) {
            return Err(Error::diverged(format!(
                "training diverged in epoch {epoch} (a loss is not a finite number): lower train.lr"
            )));
        }
        let health = reset::health(usage, alive, self.setup.model.prune.share);
        for (name, value) in [
            ("codebook_active", health.active as f64),
            ("codebook_perplexity", health.perplexity),
            ("codebook_dead", health.dead as f64),
            ("codebook_largest_share", health.largest_share),
        ] {
            point("all", name, value);
        }
        let look = self.evaluate(state, epoch, interrupt)?;
        self.revive(state, epoch, last, interrupt)?;
        // Nothing fails from here on: an epoch that is closed again is looked at once.
        if let Some(look) = look {
            state.position.moves.extend(look.since(state.look.as_ref()));
            state.look = Some(look);
        }
        if state.position.best.as_ref().is_some_and(|best| best.epoch == epoch) {
            state.best_look.clone_from(&state.look);
        }
        state.usage_before = state.model.buffers.usage.clone();
        state.sums = state.sums.zeros_like();
        state.position.epoch = epoch;
        state.position.step = 0;
        Ok(())
    }

    /// Primary metric on the splits that training may see, and the selection of the epoch. Where the training split is among
    /// them, the result is what its samples are nearest to.
    fn evaluate(&self, state: &mut State, epoch: usize, interrupt: &Interrupt) -> Result<Option<Look>> {
        let name = self.setup.task.primary_metric();
        let every = self.setup.train.train_metric_every;
        let last = epoch == self.setup.train.epochs;
        let train = every > 0 && (epoch.is_multiple_of(every) || last);
        let splits = [
            ("train", train.then_some(&self.data.train)),
            ("val", self.data.val.as_ref()),
            // Nobody sees the test split before training is over, unless the protocol selects by it.
            (
                "test",
                (self.setup.selection == Selection::BestOnTest).then_some(&self.data.test),
            ),
        ];
        let watched = match self.setup.selection {
            Selection::Last => None,
            Selection::BestOnVal => Some("val"),
            Selection::BestOnTest => Some("test"),
        };
        let mut look = None;
        for (split, set) in splits {
            let Some(set) = set.filter(|set| !set.is_empty()) else {
                continue;
            };
            let (outputs, nearest) = self.outputs(&state.model, split, interrupt)?;
            look = look.or(nearest.map(|nearest| Look { epoch, nearest }));
            let outputs = Matrix {
                rows: set.len(),
                cols: set.targets.outputs(),
                data: outputs,
            };
            let metric = evaluate::primary(&set.targets, &outputs)?;
            state.position.history.push(Point::new(epoch, split, name, metric));
            if watched != Some(split) {
                continue;
            }
            let best = state.position.best.as_ref();
            if best.is_none_or(|best| metric > f64::from_bits(best.bits)) {
                state.position.best = Some(Best {
                    epoch,
                    bits: metric.to_bits(),
                });
                state.best = Some(state.model.clone());
            } else if let Some(best) = best {
                let patience = self.setup.train.patience;
                state.position.stopped = patience > 0 && epoch - best.epoch >= patience;
            }
        }
        Ok(look)
    }

    /// Outputs of the configured read-out with the dictionary as it stands; of the training split, the nearest archetypes too.
    fn outputs(&self, model: &Aura, split: &str, interrupt: &Interrupt) -> Result<(Vec<f32>, Option<Vec<usize>>)> {
        let projector = Projector::bind(&model.store.values(), self.sizes.patches)?;
        let (dictionary, value) = (model.dictionary()?, model.value()?);
        let (mut outputs, mut nearest) = (Vec::new(), Vec::new());
        self.feed.project(split, &projector, |z| {
            let cosine = cosines(z, dictionary.clone(), &model.buffers.alive);
            if split == "train" {
                nearest.push(primal(cosine.clone()));
            }
            outputs.push(match self.setup.model.readout {
                Readout::Primal => predict::primal(cosine, value.clone(), &self.device),
                Readout::Mixture => predict::mixture(cosine, value.clone(), self.setup.model.readout_temperature),
            });
            interrupt.check()
        })?;
        let nearest = if nearest.is_empty() {
            None
        } else {
            Some(host_indices(Tensor::cat(nearest, 0))?)
        };
        Ok((host(Tensor::cat(outputs, 0))?, nearest))
    }

    /// Reset during the warm-up, pruning after it.
    fn revive(&self, state: &mut State, epoch: usize, last: &[usize], interrupt: &Interrupt) -> Result<()> {
        let config = &self.setup.model;
        let mut count = 0;
        if epoch <= config.reset.warmup && epoch.is_multiple_of(config.reset.interval) {
            let projector = Projector::bind(&state.model.store.values(), self.sizes.patches)?;
            let z = project(
                &projector,
                self.feed.standardiser(),
                &self.train.select(last),
                &self.device,
                interrupt,
            )?;
            let target = data::target(&self.data.train.targets, last, &self.device);
            let (targets, known) = (host(target.y)?, host(target.known)?);
            let source = Source {
                z: &z,
                targets: &targets,
                known: &known,
            };
            let mut rng = stream(self.seed, Purpose::Reset, epoch, 0);
            let replaced = reset::reset(&mut state.model, &source, &mut rng)?;
            count = replaced.len();
            state.position.resets.extend(replaced.into_iter().map(|r| ResetRecord {
                epoch,
                archetype: r.archetype,
                alpha_bits: r.alpha.to_bits(),
                row: last[r.row],
            }));
        } else if config.prune.every > 0 && epoch > config.reset.warmup && epoch.is_multiple_of(config.prune.every) {
            // Contextualization takes its top-k among the living.
            reset::prune(&mut state.model, config.prune.share, config.contextualization.top_k)?;
        }
        let point = Point::new(epoch, "all", "resets", count as f64);
        state.position.history.push(point);
        Ok(())
    }

    /// The text behind the progress bar.
    fn summary(&self, position: &Position) -> String {
        let last = |split: &str, metric: &str| {
            position
                .history
                .iter()
                .rev()
                .find(|p| p.split == split && p.metric == metric)
                .map(Point::value)
        };
        let metric = self.setup.task.primary_metric();
        let seen = ["val", "train"]
            .into_iter()
            .find_map(|split| last(split, metric).map(|value| format!(" · {split} {metric} {value:.3}")));
        format!(
            "epoch {} · loss {:.3}{} · {} archetypes",
            position.epoch,
            last("train", "loss").unwrap_or(f64::NAN),
            seen.unwrap_or_default(),
            last("all", "codebook_active").unwrap_or(f64::NAN)
        )
    }
}

/// n draws with replacement, every class equally often.
pub(crate) fn balanced(targets: &Targets, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let mut classes = vec![Vec::new(); targets.outputs()];
    for row in 0..targets.len() {
        if let Some(class) = targets.class(row) {
            classes[class].push(row);
        }
    }
    classes.retain(|rows| !rows.is_empty());
    (0..targets.len())
        .map(|_| {
            let class = &classes[rng.random_range(0..classes.len())];
            class[rng.random_range(0..class.len())]
        })
        .collect()
}
