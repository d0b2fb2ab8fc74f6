//! What the program writes is what its schemas say: real outputs against `docs/schema`.

use serde_json::{Value, json};

use crate::{Bench, shared};

/// Every way in which `value` breaks `schema`, by path. A key that the schema does not name counts too: what a program would
/// read is documented. Knows the words that the schemas in `docs/schema` use, and stops at any other.
fn breaches(schema: &Value, root: &Value, value: &Value, at: &str) -> Vec<String> {
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        let target = root.pointer(target.trim_start_matches('#')).unwrap();
        return breaches(target, root, value, at);
    }
    let mut found = Vec::new();
    let Some(words) = schema.as_object() else { return found };
    for (word, rule) in words {
        let list = || rule.as_array().unwrap().iter();
        match word.as_str() {
            "type" => {
                let is = |kind: &Value| match kind.as_str().unwrap() {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "boolean" => value.is_boolean(),
                    "null" => value.is_null(),
                    "integer" => value.is_i64() || value.is_u64(),
                    "number" => value.is_number(),
                    other => panic!("type {other}"),
                };
                if !(rule.as_array().map_or_else(|| is(rule), |kinds| kinds.iter().any(is))) {
                    found.push(format!("{at}: {value} is no {rule}"));
                }
            }
            "enum" if !list().any(|one| one == value) => found.push(format!("{at}: {value} is none of {rule}")),
            "const" if rule != value => found.push(format!("{at}: {value} is not {rule}")),
            "anyOf" | "oneOf" => {
                if !list().any(|one| breaches(one, root, value, at).is_empty()) {
                    found.push(format!("{at}: {value} fits none of {rule}"));
                }
            }
            "required" => {
                for key in list().map(|key| key.as_str().unwrap()) {
                    if value.is_object() && value.get(key).is_none() {
                        found.push(format!("{at}: {key} is missing"));
                    }
                }
            }
            "properties" => {
                for (key, inner) in value.as_object().into_iter().flatten() {
                    match (rule.get(key), schema.get("additionalProperties")) {
                        (Some(rule), _) => found.extend(breaches(rule, root, inner, &format!("{at}/{key}"))),
                        (None, Some(rule)) if rule.is_object() => {
                            found.extend(breaches(rule, root, inner, &format!("{at}/{key}")));
                        }
                        (None, _) => found.push(format!("{at}: {key} is not documented")),
                    }
                }
            }
            "additionalProperties" if schema.get("properties").is_none() => {
                for (key, inner) in value.as_object().into_iter().flatten() {
                    found.extend(breaches(rule, root, inner, &format!("{at}/{key}")));
                }
            }
            "items" => {
                for (i, inner) in value.as_array().into_iter().flatten().enumerate() {
                    found.extend(breaches(rule, root, inner, &format!("{at}/{i}")));
                }
            }
            "minimum" => {
                if value.as_f64().is_some_and(|number| number < rule.as_f64().unwrap()) {
                    found.push(format!("{at}: {value} is below {rule}"));
                }
            }
            "$schema"
            | "$id"
            | "$defs"
            | "title"
            | "description"
            | "format"
            | "default"
            | "enum"
            | "const"
            | "additionalProperties"
            | "maximum" => {}
            other => panic!("the schema at {at} uses `{other}`, which this test does not know"),
        }
    }
    found
}

pub fn checked_in(name: &str) -> Value {
    let path = format!("{}/docs/schema/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

pub fn fits(name: &str, value: &Value) {
    let schema = checked_in(name);
    let version = schema["$id"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
    assert_eq!(
        value["schema"].to_string(),
        version,
        "{name} carries the version of its schema"
    );
    let found = breaches(&schema, &schema, value, "");
    assert!(found.is_empty(), "{name}: {found:#?}");
}

fn read(path: &std::path::Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn what_a_run_prints_and_writes_fits_its_schemas() {
    let run = shared::run(&[]);
    fits("run", &run.summary);
    fits("manifest", &read(&run.folder.join("manifest.json")));
}

#[test]
fn what_a_conversion_writes_fits_its_schema() {
    let bench = Bench::with_faces();
    bench.ok(&["convert", "rafdb", "--data", "raf", "--out", "converted", "--quiet"]);
    fits("conversion", &read(&bench.path("converted/conversion.json")));
}

#[test]
fn baselines_and_checks_fit_their_schemas() {
    let (bench, run) = Bench::with_run(&[]);
    bench.ok(&[
        "baseline",
        "save",
        &run,
        "--out",
        "base.toml",
        "--predictions",
        "--quiet",
    ]);
    let baseline: toml::Table = std::fs::read_to_string(bench.path("base.toml"))
        .unwrap()
        .parse()
        .unwrap();
    fits("baseline", &serde_json::to_value(baseline).unwrap());
    fits(
        "check",
        &bench.json(&["check", &run, "--baseline", "base.toml", "--json"]),
    );
}

#[test]
fn a_comparison_fits_its_schema() {
    let (bench, run) = Bench::with_run(&[]);
    let other = bench.add_run(&["--set", "train.epochs=2"]);
    fits("compare", &bench.json(&["compare", &run, &other, "--json"]));
}

#[test]
fn an_explanation_fits_its_schema() {
    let (bench, run) = Bench::with_run(&[]);
    let ids = bench.json(&[
        "query",
        "SELECT sample_id FROM samples WHERE split = 'test' LIMIT 1",
        "--format",
        "json",
    ]);
    fits(
        "explain",
        &bench.json(&["explain", &run, ids[0]["sample_id"].as_str().unwrap(), "--json"]),
    );
}

#[test]
fn generated_files_are_written_and_their_freshness_is_checked() {
    let bench = Bench::new();
    std::fs::create_dir_all(bench.path("docs/schema")).unwrap();
    bench.ok(&["generate"]);
    bench.ok(&["generate", "--check"]);
    for name in ["docs/cli.md", "docs/schema/card.json"] {
        let ours = std::fs::read_to_string(format!("{}/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        assert_eq!(std::fs::read_to_string(bench.path(name)).unwrap(), ours, "{name}");
    }
    bench.write("docs/cli.md", "# Of yesterday\n");
    let told = bench.fails(1, &["generate", "--check"]);
    assert!(told.contains("docs/cli.md") && !told.contains("docs/schema"), "{told}");
    assert!(!bench.ok(&["--help"]).contains("generate"), "of no use outside a clone");
}

/// The tests above can fail: a key too many, one too few, a wrong type.
#[test]
fn what_does_not_fit_is_noticed() {
    let manifest = read(&shared::run(&[]).folder.join("manifest.json"));
    let schema = checked_in("manifest");
    for (key, value) in [
        ("surprise", json!(1)),
        ("seeds", json!("0")),
        ("stages", json!([{"name": 1}])),
    ] {
        let mut damaged = manifest.clone();
        damaged[key] = value;
        assert!(!breaches(&schema, &schema, &damaged, "").is_empty(), "{key}");
    }
    let mut damaged = manifest;
    damaged.as_object_mut().unwrap().remove("run");
    assert!(!breaches(&schema, &schema, &damaged, "").is_empty());
}
