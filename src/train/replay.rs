//! Training steps that are recorded once and handed to the device as a whole.
//!
//! A step is a thousand kernels, each of which the host hands out in some microseconds: on a fast GPU that takes longer than the
//! kernels themselves. Where a device can record what is handed out (burn's graphs), a step is recorded and from then on replayed by
//! one call. A recording reads and writes the very memory that it was made with. So everything that a step moves has a place
//! of its own here ([`Replay::state`]), into which the model is brought before an epoch and out of which it is copied after it, and
//! everything that changes from step to step (the batch, its masks, AdamW's factors) is written into places of its own as well.
//!
//! Before a recording is used it is replayed on a batch that it was not recorded on, from the state that it was not recorded in, and
//! held against the model's own step, handed out kernel by kernel; what does not move alike is not used.

use std::cell::RefCell;
use std::rc::Rc;

use burn::tensor::{Device, Graph, Tensor, capture};

use crate::device::heard::heard;
use crate::elementwise::on_host;
use crate::error::{Error, Result};
use crate::model::adamw::AdamW;
use crate::model::aura::{Aura, Batch};
use crate::model::loss::task::Target;
use crate::model::math::{host, matrix};
use crate::model::params::Mover;
use crate::model::projector::Masks;

/// How far what a replay moves may be from what the step moves, in norm: sums of a device may be made in any order, and a gradient
/// of nothing but rounding moves a value by a whole step of AdamW in either direction.
const APART: f64 = 0.05;

/// What rounding alone does to a value.
const ROUNDING: f64 = 1e-6;

/// Settings of a parameter, by its name.
pub(crate) type Settings<'a> = &'a dyn Fn(&str) -> AdamW;

/// Tensors at places that recordings know.
type Places = Rc<RefCell<Vec<Tensor<2>>>>;

/// A step, recorded for batches of one size.
struct Recorded {
    /// Shapes of what it reads.
    shapes: Vec<[usize; 2]>,
    inputs: Places,
    graph: Graph<(), Box<dyn FnMut()>>,
}

impl Recorded {
    /// The step once more. The error is what the device said.
    #[expect(
        unsafe_code,
        reason = "a recording reads and writes memory by its address; who holds it and when is said below"
    )]
    fn replay(&mut self) -> std::result::Result<(), String> {
        // SAFETY: every tensor that the recorded closure read or wrote is its own or lies at a place that it holds; a place is only
        // ever written in memory that it had. One thread alone uses places and recordings, so that all work on them is on one queue.
        heard(|| unsafe {
            self.graph.replay();
        })
        .map_err(|said| format!("a recorded step could not be replayed: {said}"))
    }
}

/// The steps of a training as recordings.
pub(crate) struct Replay {
    /// Whether contextualization takes part.
    contextual: bool,
    /// Who moves, with the ages at the start.
    movers: Vec<Mover>,
    /// Everything that a step moves, and the sums of losses as the last.
    state: Places,
    shapes: Vec<[usize; 2]>,
    recorded: Vec<Recorded>,
    /// Steps since the model was brought here.
    steps: u64,
    device: Device,
}

impl Replay {
    /// Places for a model that has taken at least one such step. `None` on the processor, which launches nothing.
    pub(crate) fn new(model: &mut Aura, sums: &Tensor<2>, contextual: bool) -> Option<Self> {
        let launches = !on_host(model.device()) && !model.store.movers.is_empty();
        launches.then(|| Self::anywhere(model, sums, contextual))
    }

    fn anywhere(model: &mut Aura, sums: &Tensor<2>, contextual: bool) -> Self {
        let mut state: Vec<Tensor<2>> = model.moving().into_iter().map(|tensor| copied(tensor)).collect();
        state.push(copied(sums));
        Self {
            contextual,
            movers: model.store.movers.clone(),
            shapes: state.iter().map(Tensor::dims).collect(),
            state: Rc::new(RefCell::new(state)),
            recorded: Vec::new(),
            steps: 0,
            device: model.device().clone(),
        }
    }

    /// Whether a step has been recorded.
    pub(crate) fn is_recorded(&self) -> bool {
        !self.recorded.is_empty()
    }

    /// Whether the steps of this model are those that were recorded; if so, it is brought here.
    pub(crate) fn takes(&mut self, model: &mut Aura, sums: &Tensor<2>, contextual: bool) -> bool {
        let alike = |a: &Mover, b: &Mover| a.name == b.name && a.decays == b.decays;
        let movers = &model.store.movers;
        let same = movers.len() == self.movers.len() && movers.iter().zip(&self.movers).all(|(a, b)| alike(a, b));
        self.movers.clone_from(movers);
        self.steps = 0;
        let mut tensors: Vec<Tensor<2>> = model.moving().into_iter().map(|tensor| tensor.clone()).collect();
        tensors.push(sums.clone());
        let shapes: Vec<[usize; 2]> = tensors.iter().map(Tensor::dims).collect();
        same && contextual == self.contextual && shapes == self.shapes && write(&self.state, tensors)
    }

    /// One step. `false`, with nothing done, if it cannot be recorded or a replay is not the step.
    ///
    /// # Errors
    /// [`Error::Device`] if the device fails.
    pub(crate) fn step(&mut self, model: &Aura, batch: &Batch, masks: &Masks, adam: Settings) -> Result<bool> {
        let inputs = self.inputs(batch, masks, adam);
        let shapes: Vec<[usize; 2]> = inputs.iter().map(Tensor::dims).collect();
        if let Some(recorded) = self.recorded.iter_mut().find(|recorded| recorded.shapes == shapes) {
            if !write(&recorded.inputs, inputs) {
                return Ok(false);
            }
            recorded.replay().map_err(Error::Device)?;
            self.steps += 1;
            return Ok(true);
        }
        let before = copies(&self.state);
        match self.recorded(model, (inputs, shapes), &before, (batch, masks), adam)? {
            Ok(recorded) => {
                self.recorded.push(recorded);
                self.steps += 1;
                Ok(true)
            }
            Err(why) => {
                tracing::info!("steps are handed out kernel by kernel: {why}");
                // Not written to: what a recording that failed has left there may be refused to whoever reads it.
                self.state.replace(before);
                Ok(false)
            }
        }
    }

    /// The step, recorded, and taken once by a replay from the state before it; or why there is no such recording.
    fn recorded(
        &self,
        model: &Aura,
        (inputs, shapes): (Vec<Tensor<2>>, Vec<[usize; 2]>),
        before: &[Tensor<2>],
        (batch, masks): (&Batch, &Masks),
        adam: Settings,
    ) -> Result<std::result::Result<Recorded, String>> {
        // Recorded on other numbers than it is tried on: one that has a number built in is found out.
        let places: Places = Rc::new(RefCell::new(inputs.iter().map(|input| input.clone() * 0.5).collect()));
        let failed = Rc::new(RefCell::new(None));
        let said = Rc::clone(&failed);
        let mut once = self.once(model, &places, masks, adam);
        // burn ends a recording where the closure returns, and would leave the device recording where it does not.
        let graph = capture(
            &self.device,
            Box::new(move || {
                if let Err(why) = heard(&mut once).and_then(|done| done.map_err(|error| error.to_string())) {
                    said.replace(Some(why));
                }
            }) as Box<dyn FnMut()>,
        );
        if let Some(why) = failed.take() {
            return Ok(Err(format!("a step could not be recorded: {why}")));
        }
        if !graph.is_hardware() {
            return Ok(Err("the device records no step".to_owned()));
        }
        let mut recorded = Recorded {
            shapes,
            inputs: places,
            graph,
        };
        if !write(&self.state, before.iter().map(copied).collect()) || !write(&recorded.inputs, inputs) {
            return Ok(Err("a recorded step left its memory".to_owned()));
        }
        if let Err(said) = recorded.replay() {
            return Ok(Err(said));
        }
        let expected = self.taken_by_model(model, before, (batch, masks), adam)?;
        if !alike(before, &expected, &copies(&self.state)).unwrap_or(false) {
            return Ok(Err("a recorded step was not the step".to_owned()));
        }
        Ok(Ok(recorded))
    }

    /// The model and the sums of losses after the steps so far.
    pub(crate) fn leaves(&self, model: &mut Aura, sums: &mut Tensor<2>) {
        let mut values = copies(&self.state).into_iter();
        for (slot, value) in model.moving().into_iter().zip(&mut values) {
            *slot = value;
        }
        if let Some(last) = values.next() {
            *sums = last;
        }
        model.store.aged(self.steps);
    }

    /// What the model's own step makes of a state, with the factors that it computes itself.
    fn taken_by_model(
        &self,
        model: &Aura,
        before: &[Tensor<2>],
        (batch, masks): (&Batch, &Masks),
        adam: Settings,
    ) -> Result<Vec<Tensor<2>>> {
        let mut model = model.clone();
        model.store.aged(self.steps);
        for (slot, value) in model.moving().into_iter().zip(before) {
            *slot = value.clone();
        }
        let row = model.step(batch, masks, self.contextual, adam)?;
        let mut after: Vec<Tensor<2>> = model.moving().into_iter().map(|tensor| tensor.clone()).collect();
        after.extend(before.last().map(|sums| sums.clone() + row));
        Ok(after)
    }

    /// What changes from step to step, and the factors of the next one.
    fn inputs(&self, batch: &Batch, masks: &Masks, adam: Settings) -> Vec<Tensor<2>> {
        let factors: Vec<f32> = self
            .movers
            .iter()
            .flat_map(|mover| {
                let steps = mover.steps.map(|steps| steps + self.steps + 1);
                adam(&mover.name).factors(steps, mover.decays)
            })
            .map(|factor| factor as f32)
            .collect();
        let mut found = vec![
            matrix(factors, self.movers.len(), 3, &self.device),
            batch.x.clone(),
            batch.target.y.clone(),
            batch.target.known.clone(),
        ];
        found.extend([&masks.input, &masks.hidden].into_iter().flatten().cloned());
        found
    }

    /// A step from these places into the places of the state.
    fn once(&self, model: &Aura, inputs: &Places, masks: &Masks, adam: Settings) -> Box<dyn FnMut() -> Result<()>> {
        let template = model.clone();
        let (state, inputs, contextual) = (Rc::clone(&self.state), Rc::clone(inputs), self.contextual);
        let masked = (masks.input.is_some(), masks.hidden.is_some());
        // Only rates differ from step to step, and those are given.
        let adam = adam(&self.movers[0].name);
        Box::new(move || {
            let mut model = template.clone();
            {
                let state = state.borrow();
                for (slot, value) in model.moving().into_iter().zip(state.iter()) {
                    *slot = value.clone();
                }
            }
            let mut given = inputs.borrow().clone().into_iter();
            let mut next = || given.next();
            let (Some(factors), Some(x), Some(y), Some(known)) = (next(), next(), next(), next()) else {
                return Err(Error::Device("a place of a recorded step is missing".to_owned()));
            };
            let masks = Masks {
                input: masked.0.then(&mut next).flatten(),
                hidden: masked.1.then(&mut next).flatten(),
            };
            model.store.factors = Some(factors);
            let batch = Batch {
                x,
                target: Target { y, known },
            };
            let row = model.step(&batch, &masks, contextual, |_| adam)?;
            let sums = state.borrow().last().cloned();
            let mut moved: Vec<Tensor<2>> = model.moving().into_iter().map(|tensor| tensor.clone()).collect();
            moved.extend(sums.map(|sums| sums + row));
            drop(model);
            // What a step leaves as it is shares its memory with its place.
            for (place, value) in state.borrow_mut().iter_mut().zip(moved) {
                if place.can_mut() {
                    over(place, value);
                }
            }
            Ok(())
        })
    }
}

/// Writes into the memory of a tensor that nobody else holds.
fn over(place: &mut Tensor<2>, value: Tensor<2>) {
    let [rows, cols] = place.dims();
    place.inplace(|place| place.slice_assign([0..rows, 0..cols], value));
}

/// Writes into places. `false`, with nothing written, if somebody else holds one: it would move.
fn write(places: &Places, values: Vec<Tensor<2>>) -> bool {
    let mut places = places.borrow_mut();
    if !places.iter().all(Tensor::can_mut) {
        return false;
    }
    for (place, value) in places.iter_mut().zip(values) {
        over(place, value);
    }
    true
}

/// A tensor in memory of its own.
fn copied(tensor: &Tensor<2>) -> Tensor<2> {
    let [rows, cols] = tensor.dims();
    Tensor::zeros([rows, cols], &tensor.device()).slice_assign([0..rows, 0..cols], tensor.clone())
}

fn copies(places: &Places) -> Vec<Tensor<2>> {
    places.borrow().iter().map(copied).collect()
}

/// Whether two results of one step moved alike from where they began.
fn alike(before: &[Tensor<2>], expected: &[Tensor<2>], found: &[Tensor<2>]) -> Result<bool> {
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
    for ((before, expected), found) in before.iter().zip(expected).zip(found) {
        let [before, expected, found] = [before, expected, found].map(|tensor| host(tensor.clone()));
        let (before, expected, found) = (before?, expected?, found?);
        let pairs =
            |a: &[f32], b: &[f32]| -> f64 { norm(&mut a.iter().zip(b).map(|(a, b)| f64::from(*a) - f64::from(*b))) };
        let size = norm(&mut expected.iter().map(|value| f64::from(*value)));
        // False for what is not a number.
        let near = pairs(&found, &expected) <= APART * pairs(&expected, &before) + ROUNDING * size;
        if !near {
            return Ok(false);
        }
    }
    Ok(before.len() == expected.len() && expected.len() == found.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::math::{Purpose, stream};
    use crate::model::parts::tests::{SAMPLES, start};
    use crate::task::Task;
    use crate::train::config::TrainConfig;

    #[test]
    fn what_does_not_move_or_moves_elsewhere_is_not_alike() -> Result<()> {
        let device = Device::flex();
        let of = |values: [f32; 3]| vec![matrix(values.to_vec(), 1, 3, &device)];
        let (before, after) = (of([1.0, -1.0, 0.5]), of([1.0001, -1.0001, 0.5001]));
        assert!(alike(&before, &after, &after)?);
        // The order of a sum, in the last digits of what moved.
        assert!(alike(&before, &after, &of([1.000_101, -1.0001, 0.5001]))?);
        for wrong in [
            of([1.0, -1.0, 0.5]),
            of([0.9999, -0.9999, 0.4999]),
            of([1.0002, -1.0002, 0.5002]),
            of([1.0001, f32::NAN, 0.5001]),
        ] {
            assert!(!alike(&before, &after, &wrong)?);
        }
        assert!(!alike(&before, &after, &[])?);
        Ok(())
    }

    /// The processor records nothing, and whoever is asked to has taken the step four times by then.
    #[test]
    fn where_nothing_is_recorded_the_model_goes_on_from_where_it_was() -> Result<()> {
        let (mut model, batch) = start(Task::Expression);
        let mut rng = stream(0, Purpose::Parameters, 0, 0);
        let masks = Masks::draw(&mut rng, SAMPLES, 96, 128, 0.2, model.device());
        let adam = |_: &str| TrainConfig::default().adam(false, 0, 10);
        let mut sums = model.step(&batch, &masks, false, adam)?;
        let bits = |model: &mut Aura, sums: &Tensor<2>| -> Result<Vec<Vec<f32>>> {
            let moving = model.moving().into_iter().map(|tensor| host(tensor.clone()));
            moving.chain([host(sums.clone())]).collect()
        };
        let untouched = bits(&mut model.clone(), &sums)?;

        let mut replay = Replay::anywhere(&mut model, &sums, false);
        assert!(Replay::new(&mut model, &sums, false).is_none());
        assert!(replay.takes(&mut model, &sums, false) && !replay.takes(&mut model, &sums, true));
        // A batch of features that the model cannot read: the step panics.
        let wrong = Batch {
            x: Tensor::ones([SAMPLES, 95], model.device()),
            target: batch.target.clone(),
        };
        for batch in [&batch, &wrong] {
            assert!(!replay.step(&model, batch, &masks, &adam)?);
            assert!(!replay.is_recorded());
            replay.leaves(&mut model, &mut sums);
            assert_eq!(bits(&mut model, &sums)?, untouched);
        }
        sums = sums + model.step(&batch, &masks, false, adam)?;
        assert_ne!(bits(&mut model, &sums)?, untouched);
        Ok(())
    }

    #[test]
    fn a_state_that_somebody_else_holds_is_not_written_to() -> Result<()> {
        let device = Device::flex();
        let places: Places = Rc::new(RefCell::new(vec![matrix(vec![1.0, 2.0], 1, 2, &device)]));
        let holder = places.borrow()[0].clone();
        assert!(!write(&places, vec![Tensor::zeros([1, 2], &device)]));
        assert_eq!(host(holder)?, [1.0, 2.0]);
        assert!(write(&places, vec![Tensor::zeros([1, 2], &device)]));
        assert_eq!(host(places.borrow()[0].clone())?, [0.0, 0.0]);
        Ok(())
    }
}
