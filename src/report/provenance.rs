//! Where the numbers come from: one row a fact, one column a run.

use serde::Serialize;
use serde_json::Value as Json;

use super::cells::{MISSING, fixed};
use crate::query::{FoundRun, csv_line};

/// Runs that have a column each on the page.
pub(super) const COLUMNS: usize = 24;

/// A fact of every run.
#[derive(Debug, Serialize)]
pub(super) struct Fact {
    pub(super) name: String,
    pub(super) values: Vec<String>,
    /// Whether the runs differ in it.
    pub(super) differs: bool,
}

/// One stage of one run.
#[derive(Debug, Serialize)]
pub(super) struct StageRow {
    run: String,
    stage: String,
    seconds: String,
    cpu_seconds: String,
    memory: String,
    cached: bool,
    digest: String,
}

pub(super) fn block(runs: &[FoundRun]) -> Vec<Fact> {
    let mut facts: Vec<Fact> = Vec::new();
    let mut add = |name: &str, values: Vec<String>| {
        if values.iter().all(String::is_empty) {
            return;
        }
        let differs = values.iter().any(|value| *value != values[0]);
        let values = values
            .into_iter()
            .map(|value| if value.is_empty() { MISSING.to_owned() } else { value })
            .collect();
        facts.push(Fact {
            name: name.to_owned(),
            values,
            differs,
        });
    };
    let each = |get: &dyn Fn(&FoundRun) -> String| runs.iter().map(get).collect::<Vec<_>>();
    add("Run", each(&|run| run.run.clone()));
    add("Recipe", each(&|run| run.manifest.name.clone()));
    add("Recipe digest", each(&|run| run.manifest.recipe_digest.clone()));
    add("Database", each(&|run| run.manifest.dataset.clone()));
    add(
        "Images",
        each(&|run| {
            if run.manifest.stand_in {
                "stand-in: drawn faces".to_owned()
            } else {
                "the database's own".to_owned()
            }
        }),
    );
    add("Task", each(&|run| run.manifest.task.replace('_', " ")));
    add("Classes", each(&|run| run.manifest.classes.join(", ")));
    add("Protocol digest", each(&|run| run.manifest.protocol_digest.clone()));
    members(runs, "Protocol", |run| &run.manifest.protocol, &mut add);
    members(runs, "Encoder", |run| &run.manifest.encoder, &mut add);
    add(
        "Seeds",
        each(&|run| {
            let seeds: Vec<String> = run.manifest.seeds.iter().map(i64::to_string).collect();
            seeds.join(", ")
        }),
    );
    add(
        "Sets of numbers on this test split, in this folder of runs",
        each(&|run| {
            run.manifest
                .test_looks
                .map(|looks| looks.to_string())
                .unwrap_or_default()
        }),
    );
    add(
        "Reviewed labels",
        each(&|run| match &run.manifest.relabelled {
            Some(counts) => counts.described(),
            None => String::new(),
        }),
    );
    let tests: std::collections::BTreeSet<&String> = runs
        .iter()
        .flat_map(|run| run.manifest.tests.iter().map(|test| &test.name))
        .collect();
    for name in tests {
        let of = |run: &FoundRun| {
            let mut tests = run.manifest.tests.iter();
            match tests.find(|test| test.name == *name) {
                Some(test) => test.described(),
                None => String::new(),
            }
        };
        add(&format!("Tested on {name}"), each(&of));
    }
    add("Device", each(&|run| run.manifest.device.clone()));
    let versions: std::collections::BTreeSet<&String> =
        runs.iter().flat_map(|run| run.manifest.versions.keys()).collect();
    for name in versions {
        add(
            &format!("Version of {name}"),
            each(&|run| run.manifest.versions.get(name).map(text).unwrap_or_default()),
        );
    }
    add(
        "Source",
        each(&|run| {
            let commit = run.manifest.git.get("commit").map(text).unwrap_or_default();
            match run.manifest.git.get("dirty").and_then(Json::as_bool) {
                Some(true) if !commit.is_empty() => format!("{commit} with uncommitted changes"),
                _ => commit,
            }
        }),
    );
    add("Made", each(&|run| run.manifest.created.clone()));
    facts
}

/// What runs warn of.
#[derive(Debug, Serialize)]
pub(super) struct WarningRow<'a> {
    text: &'a str,
    /// How many of them.
    runs: usize,
}

/// What changes what the runs measure, and was not asked for.
pub(super) fn warnings(runs: &[FoundRun]) -> Vec<WarningRow<'_>> {
    let mut counts: Vec<WarningRow<'_>> = Vec::new();
    for text in runs.iter().flat_map(|run| &run.manifest.warnings) {
        match counts.iter_mut().find(|row| row.text == text) {
            Some(row) => row.runs += 1,
            None => counts.push(WarningRow { text, runs: 1 }),
        }
    }
    counts
}

/// The facts with one value for all runs: what they share, or how many values there are.
pub(super) fn merged(facts: Vec<Fact>) -> Vec<Fact> {
    facts
        .into_iter()
        .map(|fact| {
            let distinct: std::collections::BTreeSet<&String> = fact.values.iter().collect();
            let value = match fact.values.first() {
                Some(only) if distinct.len() == 1 => only.clone(),
                _ => format!("{} different (tables/provenance.csv)", distinct.len()),
            };
            Fact {
                values: vec![value],
                ..fact
            }
        })
        .collect()
}

/// One row a run, one column a fact.
pub(super) fn csv(facts: &[Fact]) -> String {
    let mut text = String::new();
    csv_line(&mut text, facts.iter().map(|fact| fact.name.clone()));
    for i in 0..facts.first().map_or(0, |fact| fact.values.len()) {
        csv_line(&mut text, facts.iter().map(|fact| fact.values[i].clone()));
    }
    text
}

/// The members of a JSON object, over all runs.
fn members(runs: &[FoundRun], title: &str, get: fn(&FoundRun) -> &Json, add: &mut impl FnMut(&str, Vec<String>)) {
    let keys: std::collections::BTreeSet<&String> = runs
        .iter()
        .filter_map(|run| get(run).as_object())
        .flat_map(serde_json::Map::keys)
        .collect();
    for key in keys {
        let values = runs
            .iter()
            .map(|run| get(run).get(key).map(text).unwrap_or_default())
            .collect();
        add(&format!("{title}: {}", key.replace('_', " ")), values);
    }
}

fn text(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        Json::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

pub(super) fn stages(runs: &[FoundRun]) -> Vec<StageRow> {
    runs.iter()
        .flat_map(|run| {
            run.manifest.stages.iter().map(|stage| StageRow {
                run: run.run.clone(),
                stage: stage.name.clone(),
                seconds: fixed(stage.seconds, 1),
                cpu_seconds: stage.cpu_seconds.map_or_else(String::new, |seconds| fixed(seconds, 1)),
                memory: stage
                    .peak_memory_bytes
                    .map_or_else(String::new, |bytes| (bytes >> 20).to_string()),
                cached: stage.cached,
                digest: stage.digest.clone().unwrap_or_default(),
            })
        })
        .collect()
}
