//! From a run's tables to the explorer's data.

use std::collections::{BTreeMap, HashMap};

use crate::error::Result;
use crate::image::FaceBox;
use crate::query::context::QueryContext;
use crate::query::{FoundRun, Table, Value, plain};
use crate::report::catalog::ReportFiles;
use crate::report::cells::thousands;
use crate::report::thumbnail::face_box;

use super::data::{Archetypes, Compared, Data, Faces, Files, Flows, Issues, Map, Said, Samples, Short};

/// Neighbours of an archetype that are listed.
const NEIGHBOURS: usize = 6;

/// How much of a run is shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// Nearest training samples of an archetype.
    pub(crate) support: usize,
    /// Labels to look at.
    pub(crate) issues: usize,
    /// Test samples beside those on the maps.
    pub(crate) others: usize,
    /// The same in a run without maps.
    pub(crate) unmapped: usize,
}

/// Where the picture of a sample is.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) path: Option<String>,
    pub(crate) bbox: Option<FaceBox>,
}

/// The data, still without pictures, and where these are, in the order of the samples.
#[derive(Debug)]
pub(crate) struct Collected {
    pub(crate) data: Data,
    pub(crate) sources: Vec<Source>,
    /// Positions of samples, those whose picture matters most first: support, doubted labels, errors, the rest.
    pub(crate) order: Vec<usize>,
    /// The statements behind it: name and text.
    pub(crate) sql: Vec<(String, String)>,
}

/// Asks the one run of `query` for what the explorer shows.
///
/// # Errors
/// [`crate::Error::Data`] if a table of the run cannot be read; [`crate::Error::Usage`] if a statement is wrong.
pub(crate) fn collect(query: &QueryContext, run: &FoundRun, assets: &ReportFiles, wanted: Wanted) -> Result<Collected> {
    let mut sql = Vec::new();
    let mut ask = |name: &str, parameters: &[(&str, Value)]| -> Result<Table> {
        let name = format!("sql/{name}");
        let text = assets.text(&name)?;
        let table = query
            .query_with(&text, parameters)
            .map_err(|error| error.within(&name))?;
        sql.push((name, text));
        Ok(table)
    };
    let number = |value: usize| Value::Int(value as i64);
    let points = ask("maps.sql", &[])?;
    let issues = ask("explorer_issues.sql", &[("issues", number(wanted.issues))])?;
    let support = ("support", number(wanted.support));
    let rows = ask(
        "explorer_samples.sql",
        &[
            support.clone(),
            ("issues", number(wanted.issues)),
            (
                "others",
                number(if points.rows.is_empty() {
                    wanted.unmapped
                } else {
                    wanted.others
                }),
            ),
        ],
    )?;
    let dictionary = ask("explorer_archetypes.sql", &[support])?;
    let moved = ask("explorer_flows.sql", &[])?;
    let reviewed = ask("explorer_reviewed.sql", &[])?;
    let manifest = &run.manifest;
    let at: HashMap<String, usize> = rows
        .rows
        .iter()
        .enumerate()
        .filter_map(|(i, row)| Some((rows.get(row, "sample_id").as_str()?.to_owned(), i)))
        .collect();
    let archetypes = archetypes(&dictionary, &at);
    let kept: HashMap<i64, usize> = archetypes.id.iter().enumerate().map(|(i, id)| (*id, i)).collect();
    let (mut samples, splits, subjects) = samples(&rows, &kept, &manifest.task, manifest.classes.len());
    if follows(&samples, &archetypes) {
        samples.output = None;
    }
    let issues_all = issues
        .rows
        .first()
        .and_then(|row| issues.get(row, "issues").as_i64())
        .unwrap_or(0);
    let issues = listed(&issues, &at, &manifest.classes);
    let tested = rows
        .rows
        .first()
        .and_then(|row| rows.get(row, "tested").as_i64())
        .unwrap_or(0);
    let test = splits.iter().position(|split| split == "test");
    let shown = samples.split.iter().filter(|split| Some(**split) == test).count();
    let mut notes = Vec::new();
    if manifest.folds.len() > 1 || manifest.seeds.len() > 1 {
        let first = manifest.folds.iter().min().filter(|_| manifest.folds.len() > 1);
        let folds = first.map_or_else(String::new, |fold| format!("fold {fold} of {}, ", manifest.folds.len()));
        notes.push(format!(
            "Archetypes, predictions and maps are those of one dictionary: {folds}seed {}. Votes on labels are those of all.",
            manifest.seeds.iter().min().copied().unwrap_or_default()
        ));
    }
    if (shown as i64) < tested {
        notes.push(format!(
            "Shown are {} of {} test samples: evenly over the split, and those whose label is doubted.",
            thousands(shown as f64),
            thousands(tested as f64)
        ));
    }
    if shown < samples.id.len() {
        notes.push(format!(
            "Beside the test samples, {} others are shown: those that archetypes rest on, and those whose label is doubted.",
            thousands((samples.id.len() - shown) as f64)
        ));
    }
    if (issues.sample.len() as i64) < issues_all {
        notes.push(format!(
            "Of {} labels to look at, the {} most doubtful are listed.",
            thousands(issues_all as f64),
            thousands(issues.sample.len() as f64)
        ));
    }
    let sources = rows.rows.iter().map(|row| source(&rows, row)).collect();
    let order = by_weight(&samples, &archetypes, &issues);
    Ok(Collected {
        data: Data {
            schema: 1,
            run: run.run.clone(),
            task: manifest.task.clone(),
            dataset: manifest.dataset.clone(),
            stand_in: manifest.stand_in,
            notes,
            classes: manifest.classes.clone(),
            splits,
            subjects,
            maps: maps(&points, &at, &kept),
            flows: flows(&moved, &kept),
            samples,
            archetypes,
            issues,
            reviewed: before(&reviewed),
            compare: None,
            faces: Faces::None { why: BTreeMap::new() },
        },
        sources,
        order,
        sql,
    })
}

fn source(table: &Table, row: &[Value]) -> Source {
    Source {
        path: table.get(row, "image_path").as_str().map(str::to_owned),
        bbox: face_box(table, row),
    }
}

/// The names in a column, each once and in order of first sight, and for each row which it has.
fn indexed(table: &Table, name: &str) -> (Vec<String>, Vec<Option<usize>>) {
    let mut names: Vec<String> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    let places = table
        .rows
        .iter()
        .map(|row| {
            let name = table.get(row, name).as_str()?.to_owned();
            Some(*known.entry(name).or_insert_with_key(|name| {
                names.push(name.clone());
                names.len() - 1
            }))
        })
        .collect();
    (names, places)
}

fn list(value: &Value) -> &[Value] {
    match value {
        Value::List(values) => values,
        _ => &[],
    }
}

/// The rows of one column a list, turned into a column an element.
fn columns(table: &Table, name: &str, outputs: usize) -> Vec<Vec<Short>> {
    (0..outputs)
        .map(|o| {
            let cell = |row: &Vec<Value>| list(table.get(row, name)).get(o).map_or(Short(None), Short::of);
            table.rows.iter().map(cell).collect()
        })
        .collect()
}

fn class(value: &Value) -> Option<usize> {
    value.as_i64().and_then(|class| usize::try_from(class).ok())
}

fn samples(
    table: &Table,
    kept: &HashMap<i64, usize>,
    task: &str,
    outputs: usize,
) -> (Samples, Vec<String>, Vec<String>) {
    let (splits, split) = indexed(table, "split");
    let (subjects, subject) = indexed(table, "subject");
    let text = |name: &str| -> Vec<Option<String>> {
        let cells = table
            .rows
            .iter()
            .map(|row| table.get(row, name).as_str().map(str::to_owned));
        cells.collect()
    };
    let numbers = |name: &str| -> Vec<Short> { table.rows.iter().map(|row| Short::of(table.get(row, name))).collect() };
    let archetype = |name: &str| -> Vec<Option<usize>> {
        let cells = table
            .rows
            .iter()
            .map(|row| kept.get(&table.get(row, name).as_i64()?).copied());
        cells.collect()
    };
    let output = columns(table, "output", outputs);
    let (label, prediction, error) = said(table, task, outputs, &output);
    let id: Vec<String> = text("sample_id").into_iter().map(Option::unwrap_or_default).collect();
    let samples = Samples {
        file: Files::of(&id, text("image_path")),
        id,
        split: split.into_iter().map(Option::unwrap_or_default).collect(),
        subject,
        label,
        prediction,
        output: Some(output),
        archetype: archetype("archetype"),
        similarity: numbers("similarity"),
        second: archetype("second"),
        margin: numbers("margin"),
        error,
        doubt: numbers("doubt"),
        flipped: table
            .rows
            .iter()
            .map(|row| match table.get(row, "flipped") {
                Value::Bool(flipped) => Some(*flipped),
                _ => None,
            })
            .collect(),
        face: vec![None; table.rows.len()],
    };
    (samples, splits, subjects)
}

/// Label, prediction and error of each sample.
fn said(table: &Table, task: &str, outputs: usize, output: &[Vec<Short>]) -> (Said, Said, Vec<Short>) {
    if task == "expression" {
        let classes = |name: &str| Said::Classes(table.rows.iter().map(|row| class(table.get(row, name))).collect());
        let error = |row: &Vec<Value>| match table.get(row, "correct") {
            Value::Bool(correct) => Short(Some(if *correct { 0.0 } else { 1.0 })),
            _ => Short(None),
        };
        return (
            classes("label"),
            classes("prediction"),
            table.rows.iter().map(error).collect(),
        );
    }
    let units = task == "action_units";
    let target = columns(table, "target", outputs);
    let prediction: Vec<Vec<Short>> = output
        .iter()
        .map(|column| {
            // A unit is called from one half on: thresholds are part of the output.
            let called = |value: &Short| Short(value.0.map(|value| if value >= 0.5 { 1.0 } else { 0.0 }));
            if units {
                column.iter().map(called).collect()
            } else {
                column.clone()
            }
        })
        .collect();
    let error = (0..table.rows.len())
        .map(|i| {
            let apart = target
                .iter()
                .zip(&prediction)
                .filter_map(|(label, said)| Some(said[i].0? - label[i].0?));
            let (known, sum) = apart.fold((0, 0.0), |(known, sum), apart| (known + 1, sum + apart * apart));
            Short((known > 0).then(|| if units { sum } else { f64::sqrt(sum) }))
        })
        .collect();
    (Said::Numbers(target), Said::Numbers(prediction), error)
}

fn archetypes(table: &Table, at: &HashMap<String, usize>) -> Archetypes {
    let mut all = Archetypes::default();
    let mut embeddings: Vec<Vec<f64>> = Vec::new();
    let numbers = |value: &Value| -> Vec<Short> { list(value).iter().map(Short::of).collect() };
    for row in &table.rows {
        let get = |name: &str| table.get(row, name);
        all.id.push(get("archetype").as_i64().unwrap_or(-1));
        all.name.push(get("name").as_str().unwrap_or_default().to_owned());
        all.label.push(class(get("label")));
        all.uses.push(get("uses").as_i64().unwrap_or(0));
        all.value.push(numbers(get("value")));
        all.output.push(numbers(get("output")));
        embeddings.push(list(get("embedding")).iter().filter_map(Value::as_f64).collect());
        let near = list(get("nearest")).iter().zip(list(get("nearest_similarity")));
        let (support, similarity) = near
            .filter_map(|(id, similarity)| Some((*at.get(id.as_str()?)?, Short::of(similarity))))
            .unzip();
        all.support.push(support);
        all.support_similarity.push(similarity);
    }
    all.neighbours = neighbours(&embeddings);
    all
}

/// Whether every sample's output is that of its primal archetype, to what is shown of it.
fn follows(samples: &Samples, archetypes: &Archetypes) -> bool {
    let Some(output) = &samples.output else { return true };
    samples.archetype.iter().enumerate().all(|(i, archetype)| {
        let of_archetype = archetype.and_then(|archetype| archetypes.output.get(archetype));
        output.iter().enumerate().all(|(o, column)| {
            match (
                column[i].0,
                of_archetype.and_then(|values| values.get(o)).and_then(|value| value.0),
            ) {
                (Some(own), Some(other)) => (own - other).abs() < 5e-5,
                (own, _) => own.is_none(),
            }
        })
    })
}

/// The nearest others of each unit vector.
fn neighbours(embeddings: &[Vec<f64>]) -> Vec<Vec<(usize, Short)>> {
    let cosine = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    embeddings
        .iter()
        .enumerate()
        .map(|(i, own)| {
            let others = embeddings
                .iter()
                .enumerate()
                .filter(|(j, other)| *j != i && !other.is_empty());
            let mut near: Vec<(usize, f64)> = others.map(|(j, other)| (j, cosine(own, other))).collect();
            near.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            near.truncate(NEIGHBOURS);
            near.into_iter().map(|(j, cosine)| (j, Short(Some(cosine)))).collect()
        })
        .collect()
}

fn maps(table: &Table, at: &HashMap<String, usize>, kept: &HashMap<i64, usize>) -> Vec<Map> {
    let mut maps: Vec<(i64, Map)> = Vec::new();
    for row in &table.rows {
        let get = |name: &str| table.get(row, name);
        let place = get("place").as_i64().unwrap_or(0);
        if maps.last().is_none_or(|(last, _)| *last != place) {
            let measures = ["silhouette", "purity", "trustworthiness"].into_iter();
            let map = Map {
                name: get("space").as_str().unwrap_or_default().to_owned(),
                title: get("title").as_str().unwrap_or_default().to_owned(),
                measures: measures
                    .filter(|name| !get(name).is_null())
                    .map(|name| (name, Short::of(get(name))))
                    .collect(),
                ..Map::default()
            };
            maps.push((place, map));
        }
        let Some((_, map)) = maps.last_mut() else { continue };
        let (x, y) = (Short::of(get("x")), Short::of(get("y")));
        if let Some(position) = get("archetype").as_i64().and_then(|id| kept.get(&id)) {
            map.archetype.push(*position);
            map.ax.push(x);
            map.ay.push(y);
        } else if let Some(position) = get("sample_id").as_str().and_then(|id| at.get(id)) {
            map.sample.push(*position);
            map.x.push(x);
            map.y.push(y);
        }
    }
    // What people come for stands first.
    maps.sort_by_key(|(place, map)| (map.name != "aura", *place));
    maps.into_iter().map(|(_, map)| map).collect()
}

fn flows(table: &Table, kept: &HashMap<i64, usize>) -> Flows {
    let mut flows = Flows::default();
    for row in &table.rows {
        let get = |name: &str| table.get(row, name);
        let place = |name: &str| get(name).as_i64().and_then(|id| kept.get(&id).copied());
        let (from, to) = (place("from"), place("to"));
        // Between two that are no more, nobody asks.
        if from.is_none() && to.is_none() {
            continue;
        }
        flows.epoch.push(get("epoch").as_i64().unwrap_or(0));
        flows.from.push(from);
        flows.to.push(to);
        flows.n.push(get("n").as_i64().unwrap_or(0));
        flows.cause.push(get("cause").as_str().unwrap_or_default().to_owned());
    }
    flows
}

fn listed(table: &Table, at: &HashMap<String, usize>, classes: &[String]) -> Issues {
    let mut issues = Issues::default();
    for row in &table.rows {
        let get = |name: &str| table.get(row, name);
        let Some(sample) = get("sample_id").as_str().and_then(|id| at.get(id)) else {
            continue;
        };
        issues.sample.push(*sample);
        let output = get("output").as_str();
        issues
            .output
            .push(output.and_then(|output| classes.iter().position(|class| class == output)));
        issues.label.push(Short::of(get("label")));
        issues.suggested.push(Short::of(get("suggested")));
        issues.votes.push(get("votes").as_i64().unwrap_or(0));
        issues.seeds.push(get("seeds").as_i64().unwrap_or(0));
        issues.score.push(Short::of(get("score")));
    }
    issues
}

/// The list of reviewed labels that is in force, as it is written: a new one has to hold it too.
fn before(table: &Table) -> Vec<[String; 5]> {
    let row = |row: &Vec<Value>| {
        ["sample_id", "output", "from", "decision", "to"].map(|name| plain(table.get(row, name), ""))
    };
    table.rows.iter().map(row).collect()
}

/// Samples by how much their picture matters.
fn by_weight(samples: &Samples, archetypes: &Archetypes, issues: &Issues) -> Vec<usize> {
    let mut weight = vec![0_u8; samples.id.len()];
    for (i, error) in samples.error.iter().enumerate() {
        weight[i] = u8::from(error.0.is_some_and(|error| error > 0.0));
    }
    for &sample in &issues.sample {
        weight[sample] = 2;
    }
    for &sample in archetypes.support.iter().flatten() {
        weight[sample] = 3;
    }
    let mut order: Vec<usize> = (0..weight.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(weight[i]));
    order
}

impl Compared {
    /// What `other` says of the samples of `this`, found by their identifiers.
    pub(crate) fn of(this: &Data, other: &Data) -> Self {
        let at: HashMap<&str, usize> = other
            .samples
            .id
            .iter()
            .enumerate()
            .map(|(i, id)| (id.as_str(), i))
            .collect();
        let places: Vec<Option<usize>> = this.samples.id.iter().map(|id| at.get(id.as_str()).copied()).collect();
        let pick = |column: &[Short]| -> Vec<Short> {
            let cells = places
                .iter()
                .map(|place| place.map_or(Short(None), |place| column[place]));
            cells.collect()
        };
        let name = |place: usize| other.archetypes.name.get(other.samples.archetype[place]?).cloned();
        Self {
            run: other.run.clone(),
            prediction: match &other.samples.prediction {
                Said::Classes(classes) => Said::Classes(
                    places
                        .iter()
                        .map(|place| place.and_then(|place| classes[place]))
                        .collect(),
                ),
                Said::Numbers(columns) => Said::Numbers(columns.iter().map(|column| pick(column)).collect()),
            },
            error: pick(&other.samples.error),
            archetype_name: places.iter().map(|place| place.and_then(name)).collect(),
            margin: pick(&other.samples.margin),
        }
    }
}
