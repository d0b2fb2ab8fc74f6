//! Named parameters and their AdamW.
//!
//! The optimiser is written out, because a reset must be able to clear the moments of single rows of the dictionary,
//! because weight decay applies to matrices of the networks only, not to offsets, gains and archetypes, and because small
//! parameters are moved together.

use std::collections::BTreeMap;

use burn::tensor::{Device, Gradients, Tensor};
use rayon::prelude::*;

use crate::elementwise::on_host;
use crate::error::{Error, Result};

use super::adamw::AdamW;
use super::moments::{Age, Moments, taken};

/// One parameter matrix. Vectors are matrices of one row.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Values, r × c.
    pub value: Tensor<2>,
    /// Whether weight decay applies.
    decays: bool,
    /// None while they lie in a [`Joined`].
    moments: Option<Moments>,
}

impl Parameter {
    /// A parameter that has not moved yet.
    pub fn new(value: Tensor<2>, decays: bool) -> Self {
        Self {
            moments: Some(Moments::of(&value)),
            value,
            decays,
        }
    }

    /// As [`Self::new`], and its rows can be forgotten one by one.
    pub fn by_rows(value: Tensor<2>, decays: bool) -> Self {
        let ages = Tensor::zeros([value.dims()[0], 1], &value.device());
        let mut parameter = Self::new(value, decays);
        if let Some(moments) = &mut parameter.moments {
            moments.age = Age::Rows(ages);
        }
        parameter
    }
}

/// Matrices with their names.
pub type Named = Vec<(String, Tensor<2>)>;

/// Tensors by name: the parameters as a forward pass sees them.
#[derive(Debug, Clone, Default)]
pub struct Leaves(BTreeMap<String, Tensor<2>>);

impl Leaves {
    /// The tensor of this name.
    ///
    /// # Errors
    /// [`Error::Data`] if there is none: a model file that does not fit its own description.
    pub fn get(&self, name: &str) -> Result<Tensor<2>> {
        self.0.get(name).cloned().ok_or_else(|| {
            Error::incompatible(format!(
                "the model has no parameter {name:?}; the file belongs to another version"
            ))
        })
    }

    /// Adds or replaces a tensor.
    pub fn insert(&mut self, name: impl Into<String>, tensor: Tensor<2>) {
        self.0.insert(name.into(), tensor);
    }

    /// Whether there is a tensor of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// All tensors in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Tensor<2>)> {
        self.0.iter()
    }

    /// The same values as leaves of new tapes.
    pub fn copied(&self) -> Self {
        let leaf = |tensor: &Tensor<2>| tensor.clone().inner().autodiff().require_grad();
        Self(self.iter().map(|(name, tensor)| (name.clone(), leaf(tensor))).collect())
    }

    /// The tensors whose names begin like this.
    pub fn below(&self, prefix: &str) -> Self {
        let named = self.iter().filter(|(name, _)| name.starts_with(prefix));
        Self(named.map(|(name, tensor)| (name.clone(), tensor.clone())).collect())
    }

    /// Takes the gradient of every tensor that a loss reached, in the order of the names.
    pub fn gradients(&self, gradients: &mut Gradients) -> Named {
        let reached = |(name, leaf): (&String, &Tensor<2>)| Some((name.clone(), leaf.grad_remove(gradients)?));
        self.0.iter().filter_map(reached).collect()
    }
}

/// Parameters of at most this many values are moved together: larger ones keep a device busy by themselves, and joining
/// copies them.
const JOINED_AT_MOST: usize = 1 << 18;

/// The moments of several parameters in one row, so that a step is a dozen operations for all of them and not for each:
/// on a GPU the launches of a step of small parameters take longer than their arithmetic. No value depends on it.
#[derive(Debug, Clone)]
struct Joined {
    names: Vec<String>,
    decays: bool,
    moments: Moments,
}

/// Parameters that moved together in a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mover {
    /// The first of them, whose settings are those of all.
    pub name: String,
    /// Whether weight decay applies.
    pub decays: bool,
    /// Their age after the step, where it is one of the whole.
    pub steps: Option<u64>,
}

/// All parameters of a model by name, and their AdamW.
#[derive(Debug, Clone, Default)]
pub struct Store {
    parameters: BTreeMap<String, Parameter>,
    joined: Vec<Joined>,
    /// Who moved in the last step, in order.
    pub movers: Vec<Mover>,
    /// Where steps read [`AdamW::factors`] instead of computing them: a row for each mover of the last step, in order.
    pub factors: Option<Tensor<2>>,
}

impl Store {
    /// Adds or replaces a parameter.
    pub fn insert(&mut self, name: impl Into<String>, parameter: Parameter) {
        let name = name.into();
        self.part(|joined| joined.names.contains(&name));
        self.parameters.insert(name, parameter);
    }

    /// The values of the parameter of this name.
    ///
    /// # Errors
    /// [`Error::Data`] if there is none.
    pub fn value(&self, name: &str) -> Result<Tensor<2>> {
        let parameter = self.parameters.get(name).ok_or_else(|| missing(name))?;
        Ok(parameter.value.clone())
    }

    /// Replaces the values of the parameter of this name; its moments stay.
    ///
    /// # Errors
    /// [`Error::Data`] if there is none.
    pub fn set(&mut self, name: &str, value: Tensor<2>) -> Result<()> {
        self.parameters.get_mut(name).ok_or_else(|| missing(name))?.value = value;
        Ok(())
    }

    /// The moments of the parameter of this name.
    ///
    /// # Errors
    /// [`Error::Data`] if there is none.
    pub fn moments(&self, name: &str) -> Result<Moments> {
        let parameter = self.parameters.get(name).ok_or_else(|| missing(name))?;
        if let Some(moments) = &parameter.moments {
            return Ok(moments.clone());
        }
        let mut joined = self.joined.iter();
        let found = joined.find_map(|joined| {
            let at = joined.names.iter().position(|member| member == name)?;
            self.parted(joined).into_iter().nth(at)
        });
        found.ok_or_else(|| missing(name))
    }

    /// Replaces the moments of the parameter of this name.
    ///
    /// # Errors
    /// [`Error::Data`] if there is none.
    pub fn set_moments(&mut self, name: &str, moments: Moments) -> Result<()> {
        self.part(|joined| joined.names.iter().any(|member| member == name));
        self.parameters.get_mut(name).ok_or_else(|| missing(name))?.moments = Some(moments);
        Ok(())
    }

    /// Clears moments and age of the rows where `keep` (r × 1) is 0, of a parameter [by rows](Parameter::by_rows).
    ///
    /// # Errors
    /// [`Error::Data`] if there is no such parameter.
    pub fn forget_rows(&mut self, name: &str, keep: &Tensor<2>) -> Result<()> {
        let Moments { first, second, age } = self.moments(name)?;
        let Age::Rows(rows) = age else {
            return Err(Error::data(format!(
                "the rows of parameter {name:?} have no ages of their own"
            )));
        };
        self.set_moments(
            name,
            Moments {
                first: first * keep.clone(),
                second: second * keep.clone(),
                age: Age::Rows(rows * keep.clone()),
            },
        )
    }

    /// The names, in order.
    pub fn names(&self) -> Vec<String> {
        self.parameters.keys().cloned().collect()
    }

    /// All names and values, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Tensor<2>)> {
        self.parameters.iter().map(|(name, p)| (name, &p.value))
    }

    /// The values as leaves of a new gradient tape.
    pub fn tracked(&self) -> Leaves {
        let leaf = |value: &Tensor<2>| value.clone().autodiff().require_grad();
        Leaves(self.iter().map(|(name, value)| (name.clone(), leaf(value))).collect())
    }

    /// The values without gradients.
    pub fn values(&self) -> Leaves {
        Leaves(self.iter().map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    /// One AdamW step of every parameter that has a gradient; the others stay as they are.
    ///
    /// # Errors
    /// [`Error::Data`] for the gradient of a parameter that is not there.
    pub fn step(&mut self, gradients: Named, adam: impl Fn(&str) -> AdamW) -> Result<()> {
        let mut gradients: BTreeMap<String, Tensor<2>> = gradients.into_iter().collect();
        self.join(&gradients, &adam)?;
        self.movers.clear();
        let given = |movers: usize| {
            let factors = self.factors.clone();
            factors.map(|factors| factors.slice([movers..movers + 1, 0..3]))
        };
        for joined in &mut self.joined {
            let members: Option<Vec<Tensor<2>>> = joined.names.iter().map(|name| gradients.remove(name)).collect();
            let (Some(members), Some(first)) = (members, joined.names.first()) else {
                continue;
            };
            let values = joined.names.iter().filter_map(|name| self.parameters.get(name));
            let value = row(values.map(|p| p.value.clone()).collect());
            let (decays, adam, given) = (joined.decays, adam(first), given(self.movers.len()));
            let value = joined.moments.any_step([value, row(members)], decays, &adam, given)?;
            self.movers.push(Mover {
                name: first.clone(),
                decays,
                steps: joined.moments.aged(0),
            });
            let mut at = 0;
            for name in &joined.names {
                if let Some(parameter) = self.parameters.get_mut(name) {
                    let shape = parameter.value.dims();
                    parameter.value = cut(&value, at, shape);
                    at += shape[0] * shape[1];
                }
            }
        }
        let mut alone = Vec::with_capacity(gradients.len());
        for (name, parameter) in &mut self.parameters {
            if let Some(gradient) = gradients.remove(name) {
                let given = given(self.movers.len());
                self.movers.push(Mover {
                    name: name.clone(),
                    decays: parameter.decays,
                    steps: parameter
                        .moments
                        .as_mut()
                        .and_then(|moments| moments.aged(0))
                        .map(|steps| steps + 1),
                });
                alone.push((parameter, gradient, adam(name), given));
            }
        }
        if let Some(name) = gradients.keys().next() {
            return Err(missing(name));
        }
        let step = |(parameter, gradient, adam, given): (&mut Parameter, Tensor<2>, AdamW, Option<Tensor<2>>)| {
            if let Some(moments) = &mut parameter.moments {
                let value = taken(&mut parameter.value);
                parameter.value = moments.any_step([value, gradient], parameter.decays, &adam, given)?;
            }
            Ok(())
        };
        // On a GPU a thread has a queue of its own.
        if alone.iter().all(|(parameter, ..)| on_host(&parameter.value.device())) {
            alone.into_par_iter().try_for_each(step)
        } else {
            alone.into_iter().try_for_each(step)
        }
    }

    /// Every tensor that a step moves, in an order of its own that lasts as long as the same parameters move together.
    pub fn moving(&mut self) -> Vec<&mut Tensor<2>> {
        let mut found = Vec::new();
        for parameter in self.parameters.values_mut() {
            found.push(&mut parameter.value);
            if let Some(moments) = &mut parameter.moments {
                found.extend(moments.moving());
            }
        }
        found.extend(self.joined.iter_mut().flat_map(|joined| joined.moments.moving()));
        found
    }

    /// Makes the ages of who moved in the last step so many steps more.
    pub fn aged(&mut self, more: u64) {
        for mover in &mut self.movers {
            mover.steps = mover.steps.map(|steps| steps + more);
            let joined = self
                .joined
                .iter_mut()
                .find(|joined| joined.names.first() == Some(&mover.name));
            match joined {
                Some(joined) => joined.moments.aged(more),
                None => {
                    (self.parameters.get_mut(&mover.name)).and_then(|parameter| parameter.moments.as_mut()?.aged(more))
                }
            };
        }
    }

    /// Joins the small parameters that have gradients and move alike, and parts those that no longer do.
    fn join(&mut self, gradients: &BTreeMap<String, Tensor<2>>, adam: &impl Fn(&str) -> AdamW) -> Result<()> {
        self.part(|joined| {
            let reached = joined.names.iter().filter(|name| gradients.contains_key(*name)).count();
            let together = reached == 0 || reached == joined.names.len();
            let alike = joined.names.windows(2).all(|pair| adam(&pair[0]) == adam(&pair[1]));
            !(together && alike)
        });
        let mut alike: Vec<(AdamW, bool, u64, Vec<String>)> = Vec::new();
        for name in gradients.keys() {
            let parameter = self.parameters.get(name).ok_or_else(|| missing(name))?;
            let Some(Age::Whole(steps)) = parameter.moments.as_ref().map(|moments| &moments.age) else {
                continue;
            };
            if parameter.value.dims().iter().product::<usize>() > JOINED_AT_MOST {
                continue;
            }
            let key = (adam(name), parameter.decays, *steps);
            match alike
                .iter_mut()
                .find(|(a, decays, steps, _)| (*a, *decays, *steps) == key)
            {
                Some((.., names)) => names.push(name.clone()),
                None => alike.push((key.0, key.1, key.2, vec![name.clone()])),
            }
        }
        for (_, decays, steps, names) in alike {
            if names.len() < 2 {
                continue;
            }
            let (mut first, mut second) = (Vec::new(), Vec::new());
            for name in &names {
                if let Some(moments) = self.parameters.get_mut(name).and_then(|p| p.moments.take()) {
                    first.push(moments.first);
                    second.push(moments.second);
                }
            }
            self.joined.push(Joined {
                names,
                decays,
                moments: Moments {
                    first: row(first),
                    second: row(second),
                    age: Age::Whole(steps),
                },
            });
        }
        Ok(())
    }

    /// Gives the members of the groups that `which` names their own moments back.
    fn part(&mut self, which: impl Fn(&Joined) -> bool) {
        let (parting, staying) = std::mem::take(&mut self.joined).into_iter().partition(which);
        self.joined = staying;
        for joined in parting {
            let parted = self.parted(&joined);
            for (name, moments) in joined.names.iter().zip(parted) {
                if let Some(parameter) = self.parameters.get_mut(name) {
                    parameter.moments = Some(moments);
                }
            }
        }
    }

    /// The moments of every member of a group, each in its parameter's shape.
    fn parted(&self, joined: &Joined) -> Vec<Moments> {
        let mut at = 0;
        let shapes = joined.names.iter().filter_map(|name| self.parameters.get(name));
        shapes
            .map(|parameter| {
                let shape = parameter.value.dims();
                let start = at;
                at += shape[0] * shape[1];
                Moments {
                    first: cut(&joined.moments.first, start, shape),
                    second: cut(&joined.moments.second, start, shape),
                    age: joined.moments.age.clone(),
                }
            })
            .collect()
    }
}

fn missing(name: &str) -> Error {
    Error::data(format!("the model has no parameter {name:?}"))
}

/// Matrices side by side in one row.
fn row(matrices: Vec<Tensor<2>>) -> Tensor<2> {
    let flat = |matrix: Tensor<2>| {
        let [rows, cols] = matrix.dims();
        matrix.reshape([1, rows * cols])
    };
    Tensor::cat(matrices.into_iter().map(flat).collect(), 1)
}

/// The matrix that begins `start` values from the start of a row.
fn cut(row: &Tensor<2>, start: usize, shape: [usize; 2]) -> Tensor<2> {
    let end = start + shape[0] * shape[1];
    row.clone().slice([0..1, start..end]).reshape(shape)
}

/// Zeros, one row.
pub fn zeros_row(cols: usize, device: &Device) -> Tensor<2> {
    Tensor::zeros([1, cols], device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::math::{Purpose, host, matrix, normal, stream};

    const SHAPES: [(&str, usize, usize, bool); 5] = [
        ("a", 3, 4, true),
        ("b", 1, 4, false),
        ("c", 2, 2, true),
        ("d", 1, 7, false),
        ("e", 1, 3, false),
    ];

    fn adam() -> AdamW {
        AdamW {
            lr: 0.05,
            beta1: 0.9,
            beta2: 0.99,
            eps: 1e-8,
            weight_decay: 0.1,
        }
    }

    fn draw(name: usize, step: usize) -> Tensor<2> {
        let (_, rows, cols, _) = SHAPES[name];
        let mut rng = stream(7, Purpose::Parameters, name, step);
        matrix(normal(&mut rng, rows * cols, 1.0), rows, cols, &Device::flex())
    }

    /// Values and moments after steps in which `reached` says who has a gradient; `alone` keeps parameters apart.
    fn walk(alone: bool, reached: impl Fn(usize, usize) -> bool) -> Vec<Vec<f32>> {
        let many = if alone { SHAPES.len() } else { 1 };
        let mut stores = vec![Store::default(); many];
        for (i, (name, _, _, decays)) in SHAPES.into_iter().enumerate() {
            stores[i % many].insert(name, Parameter::new(draw(i, 0), decays));
        }
        for step in 1..8 {
            for (at, store) in stores.iter_mut().enumerate() {
                let mine = (0..SHAPES.len()).filter(|&i| !alone || i == at);
                let gradients = mine.filter(|&i| reached(i, step));
                let gradients = gradients.map(|i| (SHAPES[i].0.to_owned(), draw(i, step))).collect();
                store.step(gradients, |_| adam()).unwrap();
            }
        }
        let mut found = Vec::new();
        for (i, (name, ..)) in SHAPES.into_iter().enumerate() {
            let store = &stores[i % many];
            let Moments { first, second, age } = store.moments(name).unwrap();
            for tensor in [store.value(name).unwrap(), first, second, age.tensor(&Device::flex())] {
                found.push(host(tensor).unwrap());
            }
        }
        found
    }

    #[test]
    fn parameters_that_are_moved_together_move_as_if_alone() {
        assert_eq!(walk(false, |_, _| true), walk(true, |_, _| true));
        // Some are reached later, and one of a group is left out once.
        let some = |i: usize, step: usize| (i < 3 || step > 2) && !(i == 2 && step == 5);
        assert_eq!(walk(false, some), walk(true, some));
    }

    /// One pass over host memory against the operations of a device, over more values than one thread takes.
    #[test]
    fn a_pass_moves_as_the_operations_do() {
        let (rows, cols) = (130, 130);
        let draw = |step| {
            matrix(
                normal(&mut stream(7, Purpose::Parameters, 0, step), rows * cols, 1.0),
                rows,
                cols,
                &Device::flex(),
            )
        };
        for decays in [true, false] {
            let mut ways = [(draw(0), Moments::of(&draw(0))), (draw(0), Moments::of(&draw(0)))];
            for step in 1..20 {
                let [(pass, in_one), (operations, by_many)] = &mut ways;
                *pass = in_one
                    .step_in_one_pass(taken(pass), draw(step), decays, &adam())
                    .unwrap();
                *operations = by_many.step_by_operations(taken(operations), draw(step), decays, &adam());
            }
            let [a, b] = ways.map(|(value, moments)| [value, moments.first, moments.second].map(|t| host(t).unwrap()));
            assert_eq!(a, b);
        }
    }

    #[test]
    fn what_moves_alike_is_joined_and_parted_when_it_no_longer_does() {
        let mut store = Store::default();
        for (i, (name, _, _, decays)) in SHAPES.into_iter().enumerate() {
            store.insert(name, Parameter::new(draw(i, 0), decays));
        }
        let gradients = |names: &[usize]| names.iter().map(|&i| (SHAPES[i].0.to_owned(), draw(i, 1))).collect();
        store.step(gradients(&[0, 1, 2, 3]), |_| adam()).unwrap();
        let names = |store: &Store| store.joined.iter().map(|j| j.names.join("")).collect::<Vec<_>>();
        assert_eq!(names(&store), ["ac", "bd"], "by whether they decay");
        store.step(gradients(&[0, 1, 3, 4]), |_| adam()).unwrap();
        assert_eq!(names(&store), ["bd"]);
        // Moments that were set, as by a checkpoint, lead to the same groups.
        let moments = store.moments("b").unwrap();
        store.set_moments("b", moments).unwrap();
        assert!(names(&store).is_empty());
        store.step(gradients(&[1, 3]), |_| adam()).unwrap();
        assert_eq!(names(&store), ["bd"]);
        // Steps that were taken elsewhere age who would have moved in them, and nobody else.
        let age = |store: &Store, name: &str| host(store.moments(name).unwrap().age.tensor(&Device::flex())).unwrap();
        let (b, a) = (age(&store, "b"), age(&store, "a"));
        store.aged(3);
        assert_eq!(
            (age(&store, "b"), age(&store, "d")),
            (vec![b[0] + 3.0], vec![b[0] + 3.0])
        );
        assert_eq!((age(&store, "a"), store.movers.len()), (a, 1));
        assert!(store.step(vec![("z".to_owned(), draw(0, 1))], |_| adam()).is_err());
        assert!(store.forget_rows("a", &draw(0, 1)).is_err());
    }
}
