//! Inference of a trained model as a graph: the operations of `model/projector.rs`, `model/predict.rs`, `train/departure.rs` and
//! `fitting/map.rs`, in their order.

use crate::error::Result;
use crate::fitting::map::Fit;
use crate::model::math::host;
use crate::model::params::Leaves;
use crate::solver::kernel::Shape;
use crate::task::Task;
use crate::train::Trained;
use crate::train::departure::Departure;

use super::graph::{Graph, Name};
use super::protobuf::{Message, Setting, Type};

/// Guard below square roots of squared norms, as in `model/math.rs`.
const TINY: f32 = 1e-12;
/// Guard below the square root of a variance, as there.
const LEAST_VARIANCE: f32 = 1e-5;
/// What is taken off the cosines of pruned archetypes, as in `model/codebook.rs`.
const DEAD: f32 = 1e4;

/// The graph of a model, and the names of its outputs.
///
/// # Errors
/// [`crate::Error::Data`] if the model lacks a matrix; [`crate::Error::Device`] if the device fails.
pub fn graph(model: &Trained, name: &str, about: &str) -> Result<(Message, Vec<&'static str>)> {
    let mut g = Graph::default();
    let (k, o, d) = (model.config.k_max, model.names.len(), model.config.width);
    let input = model.leaves.get("projector.w1")?.dims()[0];
    let global = match &model.departure {
        Some(departure) => Some(g.input("features", &[width(departure)])),
        None if model.patches == 1 => Some(g.input("features", &[input])),
        None => None,
    };
    let x = if model.patches == 1 {
        global.clone().unwrap_or_default()
    } else {
        let tokens = g.input("tokens", &[model.patches, input]);
        g.reshape(&tokens, &[-1, input as i64])
    };
    let x = standardised(&mut g, model, &x);
    let z = project(&mut g, model, &x)?;
    let cosines = cosines(&mut g, model, &z)?;
    let archetype = g.apply_with(
        "ArgMax",
        &[&cosines],
        &[("axis", Setting::Int(1)), ("keepdims", Setting::Int(0))],
    );
    let value = g.floats("value", &[k, o], &host(model.value.clone())?);
    let mut names = vec!["aura", "aura_mixture"];
    let primal = g.apply("Gather", &[&value, &archetype]);
    let primal = fitted(&mut g, &model.fits.primal, &primal);
    g.output(&primal, "aura", Type::Float, &[o]);
    let mixed = mixture(&mut g, &cosines, model.config.readout_temperature, &value);
    let mixed = fitted(&mut g, &model.fits.mixture, &mixed);
    g.output(&mixed, "aura_mixture", Type::Float, &[o]);
    if let (Some(departure), Some(global)) = (&model.departure, &global) {
        let outputs = tuned(&mut g, model, departure, global, (&cosines, &value))?;
        g.output(&outputs, "aura_tuned", Type::Float, &[o]);
        names.push("aura_tuned");
    }
    g.output(&archetype, "archetype", Type::Int64, &[]);
    g.output(&cosines, "similarities", Type::Float, &[k]);
    g.output(&z, "embedding", Type::Float, &[d]);
    names.extend(["archetype", "similarities", "embedding"]);
    Ok((g.finish(name, about), names))
}

/// Inputs of the graph of a model, with their dimensions behind the samples.
pub fn inputs(model: &Trained) -> Vec<(String, Vec<usize>)> {
    let input = model.standardiser.mean.len();
    let global = match &model.departure {
        Some(departure) => Some(width(departure)),
        None => (model.patches == 1).then_some(input),
    };
    let tokens = (model.patches > 1).then(|| ("tokens".to_owned(), vec![model.patches, input]));
    global
        .map(|width| ("features".to_owned(), vec![width]))
        .into_iter()
        .chain(tokens)
        .collect()
}

/// Values of the global vector that departures are read from.
pub fn width(departure: &Departure) -> usize {
    departure.regression.width()
}

fn standardised(g: &mut Graph, model: &Trained, x: &str) -> Name {
    let standardiser = &model.standardiser;
    let width = standardiser.mean.len();
    let mean = g.floats("standardise.mean", &[1, width], &standardiser.mean_f32());
    let factor = g.floats("standardise.factor", &[1, width], &standardiser.factor_f32());
    let centred = g.apply("Sub", &[x, &mean]);
    g.apply("Mul", &[&centred, &factor])
}

fn matrix(g: &mut Graph, leaves: &Leaves, name: &str) -> Result<Name> {
    let tensor = leaves.get(name)?;
    let dims = tensor.dims();
    Ok(g.floats(name, &dims, &host(tensor)?))
}

/// (x − mean) / √(variance + ε), row by row.
fn normalised(g: &mut Graph, x: &str) -> Name {
    let mean = g.mean(x, 1, true);
    let centred = g.apply("Sub", &[x, &mean]);
    let square = g.apply("Mul", &[&centred, &centred]);
    let variance = g.mean(&square, 1, true);
    let guarded = g.with_number("Add", &variance, LEAST_VARIANCE);
    let root = g.apply("Sqrt", &[&guarded]);
    g.apply("Div", &[&centred, &root])
}

/// Rows divided by their Euclidean norm.
fn unit_rows(g: &mut Graph, x: &str) -> Name {
    let square = g.apply("Mul", &[x, x]);
    let sum = g.row_sum(&square);
    let guarded = g.with_number("Add", &sum, TINY);
    let norm = g.apply("Sqrt", &[&guarded]);
    g.apply("Div", &[x, &norm])
}

/// x·Φ(x).
fn gelu(g: &mut Graph, x: &str) -> Name {
    let scaled = g.with_number("Mul", x, std::f32::consts::FRAC_1_SQRT_2);
    let erf = g.apply("Erf", &[&scaled]);
    let above = g.with_number("Add", &erf, 1.0);
    let half = g.with_number("Mul", x, 0.5);
    g.apply("Mul", &[&half, &above])
}

/// Unit vectors of standardised vectors, as `Projector::forward`.
fn project(g: &mut Graph, model: &Trained, x: &str) -> Result<Name> {
    let leaves = &model.leaves;
    let b1 = matrix(g, leaves, "projector.b1")?;
    let b2 = matrix(g, leaves, "projector.b2")?;
    let (u, bias, skip) = if leaves.contains("projector.anchor_w1") {
        let mean = g.mean(x, 1, true);
        let zero = g.with_number("Mul", &mean, 0.0);
        let one = g.with_number("Add", &zero, 1.0);
        let minus = g.apply("Neg", &[&one]);
        let wide = g.apply_with("Concat", &[x, &one, &minus], &[("axis", Setting::Int(1))]);
        let wide = normalised(g, &wide);
        let input = leaves.get("projector.w1")?.dims()[0] as i64;
        let axis = g.ints(&[1]);
        let mut columns = |from: i64, to: i64| {
            let (from, to) = (g.ints(&[from]), g.ints(&[to]));
            g.apply("Slice", &[&wide, &from, &to, &axis])
        };
        let (u, constants) = (columns(0, input), columns(input, input + 2));
        let w1 = matrix(g, leaves, "projector.anchor_w1")?;
        let skip = matrix(g, leaves, "projector.anchor_skip")?;
        let of_w1 = g.apply("MatMul", &[&constants, &w1]);
        let of_skip = g.apply("MatMul", &[&constants, &skip]);
        (u, g.apply("Add", &[&of_w1, &b1]), g.apply("Add", &[&of_skip, &b2]))
    } else {
        (normalised(g, x), b1, b2)
    };
    let [w1, w2, ws] = ["w1", "w2", "skip"].map(|name| matrix(g, leaves, &format!("projector.{name}")));
    let inside = g.apply("MatMul", &[&u, &w1?]);
    let inside = g.apply("Add", &[&inside, &bias]);
    let h = gelu(g, &inside);
    let t = g.apply("MatMul", &[&h, &w2?]);
    let t = g.apply("Add", &[&t, &skip]);
    let past = g.apply("MatMul", &[&u, &ws?]);
    let t = g.apply("Add", &[&t, &past]);
    let pooled = pool(g, model, &t)?;
    Ok(unit_rows(g, &pooled))
}

/// One vector an image from its projected tokens.
fn pool(g: &mut Graph, model: &Trained, t: &str) -> Result<Name> {
    if model.patches == 1 {
        return Ok(t.to_owned());
    }
    let (p, d) = (model.patches as i64, model.config.width as i64);
    let tokens = g.reshape(t, &[-1, p, d]);
    let mean = g.mean(&tokens, 1, false);
    if !model.leaves.contains("projector.queries") {
        return Ok(mean);
    }
    let queries = model.leaves.get("projector.queries")?;
    let q = queries.dims()[0];
    let queries = g.floats("projector.queries", &[d as usize, q], &host(queries.transpose())?);
    let unit = unit_rows(g, t);
    let logits = g.apply("MatMul", &[&unit, &queries]);
    let logits = g.with_number("Mul", &logits, (d as f64).sqrt() as f32);
    let mut logits = g.reshape(&logits, &[-1, p, q as i64]);
    if model.leaves.contains("projector.positions") {
        let positions = host(model.leaves.get("projector.positions")?)?;
        let positions = g.floats("projector.positions", &[1, p as usize, q], &positions);
        logits = g.apply("Add", &[&logits, &positions]);
    }
    let weights = g.apply_with("Softmax", &[&logits], &[("axis", Setting::Int(1))]);
    let weights = g.apply_with("Transpose", &[&weights], &[("perm", Setting::Ints(vec![0, 2, 1]))]);
    let pooled = g.apply("MatMul", &[&weights, &tokens]);
    let pooled = g.reshape(&pooled, &[-1, q as i64 * d]);
    let out = matrix(g, &model.leaves, "projector.pool_out")?;
    let pooled = g.apply("MatMul", &[&pooled, &out]);
    Ok(g.apply("Add", &[&pooled, &mean]))
}

/// Cosines with all archetypes, pruned ones out of reach.
fn cosines(g: &mut Graph, model: &Trained, z: &str) -> Result<Name> {
    let (k, d) = (model.config.k_max, model.config.width);
    let dictionary = g.floats("dictionary", &[d, k], &host(model.dictionary.clone().transpose())?);
    let reach: Vec<f32> = host(model.alive.clone())?
        .iter()
        .map(|alive| (alive - 1.0) * DEAD)
        .collect();
    let reach = g.floats("reach", &[1, k], &reach);
    let products = g.apply("MatMul", &[z, &dictionary]);
    Ok(g.apply("Add", &[&products, &reach]))
}

/// Softmax(cosines / T) · values.
fn mixture(g: &mut Graph, cosines: &str, temperature: f64, value: &str) -> Name {
    let scaled = g.with_number("Div", cosines, temperature as f32);
    let weights = g.apply_with("Softmax", &[&scaled], &[("axis", Setting::Int(1))]);
    g.apply("MatMul", &[&weights, value])
}

/// As `Fit::apply`.
fn fitted(g: &mut Graph, fit: &Fit, outputs: &str) -> Name {
    let row = |g: &mut Graph, values: &mut dyn Iterator<Item = f64>| {
        let values: Vec<f64> = values.collect();
        let name = g.fresh("fit");
        g.doubles(&name, &[1, values.len()], &values)
    };
    let outputs = outputs.to_owned();
    match fit {
        Fit::None => outputs,
        Fit::Spread { shift, factor } => {
            let wide = g.cast(&outputs, Type::Double);
            let (shift, factor) = (row(g, &mut shift.iter().copied()), row(g, &mut factor.iter().copied()));
            let scaled = g.apply("Mul", &[&wide, &factor]);
            let moved = g.apply("Add", &[&scaled, &shift]);
            let narrow = g.cast(&moved, Type::Float);
            clipped(g, &narrow, -1.0)
        }
        Fit::Thresholds { threshold } => {
            let wide = g.cast(&outputs, Type::Double);
            let limit = row(g, &mut threshold.iter().copied());
            let rest = row(g, &mut threshold.iter().map(|threshold| 1.0 - threshold));
            let ones = row(g, &mut threshold.iter().map(|_| 1.0));
            let active = g.apply("Mul", &[&wide, &rest]);
            let other = g.apply("Sub", &[&ones, &wide]);
            let other = g.apply("Mul", &[&other, &limit]);
            let sum = g.apply("Add", &[&active, &other]);
            let odds = g.apply("Div", &[&active, &sum]);
            let odds = g.cast(&odds, Type::Float);
            let below = g.apply("Less", &[&wide, &limit]);
            let (half, under) = (g.number(0.5), g.number(0.5_f32.next_down()));
            let at_most = g.apply("Min", &[&odds, &under]);
            let at_least = g.apply("Max", &[&odds, &half]);
            g.apply("Where", &[&below, &at_most, &at_least])
        }
    }
}

/// Values from `least` to 1.
fn clipped(g: &mut Graph, values: &str, least: f32) -> Name {
    let (least, most) = (g.number(least), g.number(1.0));
    let values = g.apply("Max", &[values, &least]);
    g.apply("Min", &[&values, &most])
}

/// `F(x) + s Σ_k p_k (V_k − f̄_k)`, fitted to the task, as `Trained::departures`; the kernels in double precision, as there.
fn tuned(
    g: &mut Graph,
    model: &Trained,
    departure: &Departure,
    global: &str,
    (cosines, value): (&str, &str),
) -> Result<Name> {
    let (_, tensors) = departure.tensors(&model.device);
    let mut parts = std::collections::BTreeMap::new();
    for (name, tensor) in tensors {
        let dims = tensor.dims();
        let wide: Vec<f64> = host(tensor)?.into_iter().map(f64::from).collect();
        parts.insert(name, (dims, wide));
    }
    let d = width(departure);
    let mut part = |g: &mut Graph, name: &str| {
        let (dims, values) = parts.remove(&format!("departure.{name}")).unwrap_or_default();
        (g.doubles(&format!("departure.{name}"), &dims, &values), dims, values)
    };
    let ((mean, ..), (factor, ..)) = (part(g, "mean"), part(g, "factor"));
    let wide = g.cast(global, Type::Double);
    let centred = g.apply("Sub", &[&wide, &mean]);
    let scaled = g.apply("Mul", &[&centred, &factor]);
    // The program holds scaled features in single precision.
    let narrow = g.cast(&scaled, Type::Float);
    let x = g.cast(&narrow, Type::Double);
    let (centres, [m, _], values) = part(g, "centres");
    let turned = g.apply_with("Transpose", &[&centres], &[("perm", Setting::Ints(vec![1, 0]))]);
    let products = g.apply("MatMul", &[&x, &turned]);
    let norms: Vec<f64> = values
        .chunks_exact(d.max(1))
        .map(|row| row.iter().map(|v| v * v).sum())
        .collect();
    let norms = g.doubles("departure.norms", &[1, m], &norms);
    let square = g.apply("Mul", &[&x, &x]);
    let own = g.row_sum(&square);
    let sum = g.apply("Add", &[&own, &norms]);
    let factor_of = |g: &mut Graph, name: &str, value: f64| g.doubles(&format!("departure.{name}"), &[1], &[value]);
    let two = factor_of(g, "two", 2.0);
    let twice = g.apply("Mul", &[&products, &two]);
    let squared = g.apply("Sub", &[&sum, &twice]);
    let zero = factor_of(g, "zero", 0.0);
    let squared = g.apply("Max", &[&squared, &zero]);
    let gamma = factor_of(g, "gamma", -Shape::MIXED.gamma / d as f64);
    let exponent = g.apply("Mul", &[&squared, &gamma]);
    let bell = g.apply("Exp", &[&exponent]);
    let linear = factor_of(g, "linear", Shape::MIXED.linear / d as f64);
    let linear = g.apply("Mul", &[&products, &linear]);
    let kernel = g.apply("Add", &[&bell, &linear]);
    let ((weights, ..), (bias, ..)) = (part(g, "weights"), part(g, "bias"));
    let scores = g.apply("MatMul", &[&kernel, &weights]);
    let scores = g.apply("Add", &[&scores, &bias]);
    let base = g.cast(&scores, Type::Float);

    let at = &departure.archetypes;
    let at = g.floats("departure.archetypes", &[at.rows, at.cols], &at.data);
    let beyond = g.apply("Sub", &[value, &at]);
    let said = mixture(g, cosines, model.config.temperature, &beyond);
    let said = g.with_number("Mul", &said, departure.strength as f32);
    let both = g.apply("Add", &[&base, &said]);
    let outputs = match model.task {
        Task::ValenceArousal => clipped(g, &both, -1.0),
        Task::ActionUnits => clipped(g, &both, 0.0),
        Task::Expression => {
            let shares = clipped(g, &both, 0.0);
            let sum = g.row_sum(&shares);
            let divided = g.apply("Div", &[&shares, &sum]);
            let nothing = g.number(0.0);
            let some = g.apply("Greater", &[&sum, &nothing]);
            let even = g.number(1.0 / model.names.len() as f32);
            g.apply("Where", &[&some, &divided, &even])
        }
    };
    Ok(fitted(g, &departure.fit, &outputs))
}
