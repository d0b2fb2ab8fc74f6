//! Why one sample is predicted as it is: its primal archetype, the runners-up, and the training images behind them.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::naming;
use crate::query::context::QueryContext;
use crate::query::{FoundRun, Table, Value, plain};
use crate::report::catalog::ReportFiles;
use crate::report::cells::{MISSING, fixed};
use crate::report::thumbnail::Thumbnail;
use crate::report::tile::Tile;
use crate::terminal::printable;

/// Side of the sample's own picture on the page.
const LARGE: u32 = 288;
/// Side of a support image.
const SMALL: u32 = 150;
/// Outputs named in the text.
pub(crate) const NAMED: usize = 3;

/// How a sample is explained.
#[derive(Debug, Clone)]
pub struct ExplainOptions {
    /// The seed whose archetypes are shown; the run's first if not given.
    pub seed: Option<i64>,
    /// Archetypes listed, nearest first.
    pub archetypes: usize,
    /// Training images listed for each.
    pub images: usize,
    /// Where the images lie, if not where the manifest says.
    pub data_root: Option<PathBuf>,
    /// A folder that is looked at before the program's own report files.
    pub reports: Option<PathBuf>,
}

impl Default for ExplainOptions {
    fn default() -> Self {
        Self {
            seed: None,
            archetypes: 5,
            images: 8,
            data_root: None,
            reports: None,
        }
    }
}

/// Why a sample is predicted as it is.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Explanation {
    /// Version of this object: 1.
    pub schema: u32,
    /// The run.
    pub run: String,
    /// Database.
    pub dataset: String,
    /// `expression`, `valence_arousal` or `action_units`.
    pub task: String,
    /// Whether the faces were drawn.
    pub stand_in: bool,
    /// The encoder, and that its weights are random where they are: its features then mean nothing.
    pub encoder: Option<String>,
    /// The seed whose archetypes are listed.
    pub seed: i64,
    /// The sample.
    pub sample: Sample,
    /// What is predicted, in words.
    pub prediction: String,
    /// What the database says, in words; nothing where it says nothing.
    pub label: Option<String>,
    /// Whether both agree (expressions only).
    pub correct: Option<bool>,
    /// Each output of the model with what the database says of it.
    pub outputs: Vec<Output>,
    /// The primal archetype: the prediction is its output.
    pub archetype: i64,
    /// Similarity with it less that with the second.
    pub margin: Option<f64>,
    /// The nearest archetypes, the primal one first.
    pub archetypes: Vec<Near>,
    /// What the other read-outs of the same model say.
    pub read_outs: Vec<ReadOut>,
    /// The same in short for every seed.
    pub seeds: Vec<SeedLine>,
    #[serde(skip)]
    pub(crate) drawn_from: Shown,
}

/// What only the page needs.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub(crate) picture: Thumbnail,
    pub(crate) supports: Vec<Vec<Tile>>,
    pub(crate) run: FoundRun,
    pub(crate) sql: Vec<(String, String)>,
    pub(crate) reports: Option<PathBuf>,
}

/// The sample as the tables know it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Sample {
    /// Its identifier.
    pub id: String,
    /// `train`, `val` or `test`.
    pub split: String,
    /// The person, where known.
    pub subject: Option<String>,
    /// The image, below the data root.
    pub image: Option<String>,
    /// Stand-ins: the mode that was drawn.
    pub mode: Option<String>,
    /// Stand-ins: the class that was drawn.
    pub drawn: Option<String>,
    /// Stand-ins: whether the label was changed on purpose.
    pub flipped: Option<bool>,
}

/// One output of the model.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Output {
    /// Class, dimension or action unit.
    pub name: String,
    /// Probability, score or activation.
    pub value: f64,
    /// What the database says: 1 for the label, a score, 0 or 1; nothing where unknown.
    pub target: Option<f64>,
}

/// One of the nearest archetypes.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Near {
    /// 1 for the primal one.
    pub rank: i64,
    /// Its index in the dictionary.
    pub archetype: i64,
    /// Class and its place by use within the class (`happiness P3`), scores, or active units.
    pub name: String,
    /// Cosine similarity with the sample.
    pub similarity: f64,
    /// Training samples matched with it.
    pub uses: i64,
    /// Its value, the mean label of its samples, by output of the model.
    pub value: Vec<f64>,
    /// What it predicts: its value, fitted to the task; nothing in runs made before values were fitted.
    pub output: Option<Vec<f64>>,
    /// Its support: of the training samples matched with it, those most similar to it; never the sample itself.
    pub support: Vec<Support>,
}

/// A training sample that an archetype stands for.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Support {
    /// Its identifier.
    pub sample_id: String,
    /// Its label, where the task has classes.
    pub label: Option<String>,
    /// Its similarity with the archetype.
    pub similarity: Option<f64>,
    /// The image, below the data root.
    pub image: Option<String>,
}

/// What a read-out says that looks beyond the primal archetype.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ReadOut {
    /// `aura_mixture`, or `aura_tuned`.
    pub method: String,
    /// What it looks at.
    pub of: String,
    /// What it predicts, in words.
    pub prediction: String,
    /// Its outputs, in the order of [`Explanation::outputs`].
    pub outputs: Vec<Option<f64>>,
}

/// What one seed says.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SeedLine {
    /// The seed.
    pub seed: i64,
    /// What it predicts, in words.
    pub prediction: String,
    /// Whether that is the label (expressions only).
    pub correct: Option<bool>,
    /// Its primal archetype; archetypes of different seeds have nothing to do with each other.
    pub archetype: i64,
    /// Similarity with it.
    pub similarity: f64,
    /// That less the similarity with the second.
    pub margin: Option<f64>,
}

/// Explains sample `id` of the run in `folder`.
///
/// # Errors
/// [`Error::Usage`] if there is no such sample (the nearest identifiers are in the message), the protocol leaves it out,
/// there is no such seed, or `folder` holds several runs; [`Error::Data`] if there is no run or a table cannot be read.
pub fn explain(folder: &Path, id: &str, options: &ExplainOptions) -> Result<Explanation> {
    let query = QueryContext::open(&[folder.to_owned()])?;
    let run = query.only_run(folder)?;
    let assets = ReportFiles::new(options.reports.as_deref())?;
    let mut sql = Vec::new();
    let mut ask = |name: &str, parameters: &[(&str, Value)]| {
        let name = format!("sql/{name}");
        let text = assets.text(&name)?;
        let table = query.query_with(&text, parameters)?;
        sql.push((name, text));
        Ok::<Table, Error>(table)
    };
    let sample = ("sample", Value::Text(id.to_owned()));
    let facts = ask("explain_sample.sql", std::slice::from_ref(&sample))?;
    let Some(fact) = facts.rows.first() else {
        return Err(unknown(&query, &run, id));
    };
    let seeds = ask("explain_seeds.sql", std::slice::from_ref(&sample))?;
    let known: Vec<i64> = seeds
        .rows
        .iter()
        .filter_map(|row| seeds.get(row, "seed").as_i64())
        .collect();
    let chosen = match options.seed {
        None => seeds.rows.first(),
        Some(seed) => seeds
            .rows
            .iter()
            .find(|row| seeds.get(row, "seed").as_i64() == Some(seed)),
    };
    let Some(chosen) = chosen else {
        return Err(Error::Usage(match options.seed {
            Some(seed) if !known.is_empty() => {
                let known: Vec<String> = known.iter().map(i64::to_string).collect();
                format!("{} has no seed {seed}; there are {}", run.run, known.join(", "))
            }
            _ => format!(
                "sample `{}` is in the database, but {} predicts nothing for it: its protocol leaves the sample out",
                printable(id),
                run.run
            ),
        }));
    };
    let text = |table: &Table, row: &[Value], name: &str| table.get(row, name).as_str().map(str::to_owned);
    let whole = |row: &[Value], name: &str| seeds.get(row, name).as_i64().unwrap_or(-1);
    let flag = |table: &Table, row: &[Value], name: &str| match table.get(row, name) {
        Value::Bool(flag) => Some(*flag),
        _ => None,
    };
    let seed = whole(chosen, "seed");
    let split = text(&seeds, chosen, "split").unwrap_or_default();
    let this = [
        sample.clone(),
        ("seed", Value::Int(seed)),
        ("split", Value::Text(split.clone())),
        ("fold", seeds.get(chosen, "fold").clone()),
    ];
    let others = ask("explain_read_outs.sql", &this)?;
    let near = ask(
        "explain_archetypes.sql",
        &[
            sample,
            ("seed", Value::Int(seed)),
            ("split", Value::Text(split.clone())),
            ("fold", seeds.get(chosen, "fold").clone()),
            ("archetypes", Value::Int(options.archetypes as i64)),
            ("images", Value::Int(options.images as i64)),
        ],
    )?;
    let root = options
        .data_root
        .clone()
        .or_else(|| run.manifest.data_root.as_ref().map(PathBuf::from))
        .unwrap_or_else(|| run.path.join("data"));
    for (view, text) in query.behind(&sql.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>())? {
        sql.push((format!("sql/views/{view}.sql"), text.to_owned()));
    }
    let (archetypes, supports) = nearest(&near, &root);
    let names = &run.manifest.classes;
    let outputs: Vec<Output> = numbers(seeds.get(chosen, "output"))
        .into_iter()
        .zip(numbers(seeds.get(chosen, "target")))
        .zip(names)
        .map(|((value, target), name)| Output {
            name: name.clone(),
            value: value.unwrap_or(f64::NAN),
            target,
        })
        .collect();
    let task = run.manifest.task.clone();
    Ok(Explanation {
        schema: 1,
        run: run.run.clone(),
        dataset: run.manifest.dataset.clone(),
        stand_in: run.manifest.stand_in,
        encoder: naming::title(&run.manifest.encoder),
        seed,
        sample: Sample {
            id: id.to_owned(),
            split,
            subject: text(&facts, fact, "subject"),
            image: text(&facts, fact, "image_path"),
            mode: text(&facts, fact, "mode"),
            drawn: text(&facts, fact, "drawn"),
            flipped: flag(&facts, fact, "flipped"),
        },
        prediction: words(&task, names, &numbers(seeds.get(chosen, "output"))).unwrap_or_default(),
        label: words(&task, names, &numbers(seeds.get(chosen, "target"))),
        correct: flag(&seeds, chosen, "correct"),
        outputs,
        archetype: whole(chosen, "archetype"),
        margin: seeds.get(chosen, "margin").as_f64(),
        archetypes,
        read_outs: others
            .rows
            .iter()
            .map(|row| {
                read_out(
                    &task,
                    names,
                    &plain(others.get(row, "method"), MISSING),
                    others.get(row, "output"),
                )
            })
            .collect(),
        seeds: seeds
            .rows
            .iter()
            .map(|row| SeedLine {
                seed: whole(row, "seed"),
                prediction: words(&task, names, &numbers(seeds.get(row, "output"))).unwrap_or_default(),
                correct: flag(&seeds, row, "correct"),
                archetype: whole(row, "archetype"),
                similarity: seeds.get(row, "similarity").as_f64().unwrap_or(f64::NAN),
                margin: seeds.get(row, "margin").as_f64(),
            })
            .collect(),
        task,
        drawn_from: Shown {
            picture: Thumbnail::of_row(&facts, fact, Some(&root), LARGE),
            supports,
            run,
            sql,
            reports: options.reports.clone(),
        },
    })
}

/// The archetypes and, for each, the pictures of its support.
fn nearest(table: &Table, root: &Path) -> (Vec<Near>, Vec<Vec<Tile>>) {
    let mut archetypes: Vec<Near> = Vec::new();
    let mut pictures: Vec<Vec<Tile>> = Vec::new();
    for row in &table.rows {
        let rank = table.get(row, "rank").as_i64().unwrap_or(0);
        if archetypes.last().is_none_or(|last| last.rank != rank) {
            archetypes.push(Near {
                rank,
                archetype: table.get(row, "archetype").as_i64().unwrap_or(-1),
                name: plain(table.get(row, "name"), MISSING),
                similarity: table.get(row, "archetype_similarity").as_f64().unwrap_or(f64::NAN),
                uses: table.get(row, "uses").as_i64().unwrap_or(0),
                value: numbers(table.get(row, "value"))
                    .into_iter()
                    .map(|value| value.unwrap_or(f64::NAN))
                    .collect(),
                output: Some(numbers(table.get(row, "output")))
                    .filter(|output| !output.is_empty())
                    .map(|output| output.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect()),
                support: Vec::new(),
            });
            pictures.push(Vec::new());
        }
        // An archetype whose only training sample is the explained one has no other support.
        if let (Some(last), Some(tiles), Some(tile)) = (
            archetypes.last_mut(),
            pictures.last_mut(),
            Tile::of_row(table, row, Some(root), SMALL),
        ) {
            last.support.push(Support {
                sample_id: tile.sample_id.clone(),
                label: tile.label.clone(),
                similarity: tile.similarity,
                image: table.get(row, "image_path").as_str().map(str::to_owned),
            });
            tiles.push(tile);
        }
    }
    (archetypes, pictures)
}

fn read_out(task: &str, names: &[String], method: &str, outputs: &Value) -> ReadOut {
    let outputs = numbers(outputs);
    let of = match method {
        "aura_tuned" => "all archetypes by similarity, and how far this sample departs from them",
        _ => "all archetypes by similarity",
    };
    ReadOut {
        method: method.to_owned(),
        of: of.to_owned(),
        prediction: words(task, names, &outputs).unwrap_or_default(),
        outputs,
    }
}

fn numbers(value: &Value) -> Vec<Option<f64>> {
    match value {
        Value::List(items) => items.iter().map(Value::as_f64).collect(),
        _ => Vec::new(),
    }
}

/// Outputs or targets in words: the class, the scores, or the active units. Nothing if nothing is known.
pub(crate) fn words(task: &str, names: &[String], values: &[Option<f64>]) -> Option<String> {
    if values.iter().all(Option::is_none) {
        return None;
    }
    let known = names.iter().zip(values);
    Some(match task {
        "expression" => {
            let mut best: Option<(&String, f64)> = None;
            for (name, value) in known {
                if let Some(value) = *value
                    && best.is_none_or(|(_, most)| value > most)
                {
                    best = Some((name, value));
                }
            }
            best?.0.clone()
        }
        "action_units" => {
            let active: Vec<String> = known
                .filter(|(_, value)| value.is_some_and(|value| value >= 0.5))
                .map(|(name, _)| name.to_uppercase())
                .collect();
            if active.is_empty() {
                "no action unit".to_owned()
            } else {
                active.join(", ")
            }
        }
        _ => known
            .map(|(name, value)| format!("{name} {}", value.map_or(MISSING.to_owned(), |value| fixed(value, 2))))
            .collect::<Vec<_>>()
            .join(", "),
    })
}

/// The error for an identifier that no sample has, with the nearest ones.
pub(crate) fn unknown(query: &QueryContext, run: &FoundRun, id: &str) -> Error {
    let ids = match query.query("SELECT DISTINCT sample_id FROM samples ORDER BY sample_id") {
        Ok(ids) => ids,
        Err(error) => return error,
    };
    let wanted = id.to_lowercase();
    let mut near: Vec<(f64, &str)> = ids
        .rows
        .iter()
        .filter_map(|row| row.first().and_then(Value::as_str))
        .map(|candidate| {
            let lower = candidate.to_lowercase();
            // A path or a part of the identifier is what people have at hand.
            let part = !wanted.is_empty() && (lower.contains(&wanted) || wanted.contains(&lower));
            (
                if part { 1.0 } else { 0.0 } + strsim::jaro_winkler(&wanted, &lower),
                candidate,
            )
        })
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    let listed: Vec<String> = near.iter().take(5).map(|(_, candidate)| printable(candidate)).collect();
    Error::Usage(format!(
        "{} has no sample `{}`{}",
        run.run,
        printable(id),
        if listed.is_empty() {
            ": it has no samples at all".to_owned()
        } else {
            format!("; the nearest of its {} are {}", near.len(), listed.join(", "))
        }
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::fixture::Fixture;

    #[test]
    fn a_sample_is_explained_by_its_archetypes_and_their_support() {
        let folder = tempfile::tempdir().unwrap();
        let run = Fixture::default().write(folder.path());
        let found = explain(&run, "test_00001", &ExplainOptions::default()).unwrap();
        assert_eq!(
            (found.prediction.as_str(), found.label.as_deref(), found.correct),
            ("neutral", Some("happiness"), Some(false)),
            "seed 0 takes this sample of class 0 for class 1"
        );
        assert_eq!(found.outputs.len(), 3);
        assert_eq!(
            found.outputs.iter().map(|o| o.target).collect::<Vec<_>>(),
            [Some(1.0), Some(0.0), Some(0.0)]
        );
        // Nearest first: archetype 0 and 1, both of class 0, with 7 and 4 training samples.
        let near: Vec<_> = found
            .archetypes
            .iter()
            .map(|near| (near.rank, near.archetype, near.name.as_str(), near.uses))
            .collect();
        assert_eq!(near, [(1, 0, "happiness P1", 7), (2, 1, "happiness P2", 4)]);
        let support: Vec<_> = found.archetypes[1]
            .support
            .iter()
            .map(|s| s.sample_id.as_str())
            .collect();
        assert_eq!(support, ["train_00008", "train_00009", "train_00010", "train_00011"]);
        assert_eq!(found.seeds.len(), 2);
        assert_eq!(found.seeds[1].correct, Some(true));
        let other = ExplainOptions {
            seed: Some(1),
            archetypes: 1,
            images: 2,
            ..ExplainOptions::default()
        };
        let found = explain(&run, "train_00012", &other).unwrap_err();
        assert!(
            found.to_string().contains("leaves the sample out"),
            "the fixture predicts nothing for training samples: {found}"
        );
        let found = explain(&run, "test_00001", &other).unwrap();
        assert_eq!((found.archetypes.len(), found.archetypes[0].support.len()), (1, 2));
        let text = found.to_text();
        assert!(
            text.contains("STAND-IN") && text.contains("1. happiness P1 (archetype 0)"),
            "{text}"
        );
    }

    #[test]
    fn what_does_not_exist_is_a_usage_error_that_names_what_does() {
        let folder = tempfile::tempdir().unwrap();
        let run = Fixture::default().write(folder.path());
        let explained = |id: &str, seed| {
            let options = ExplainOptions {
                seed,
                ..ExplainOptions::default()
            };
            explain(&run, id, &options).unwrap_err()
        };
        for id in ["train_00112", "TRAIN_00012_aligned.jpg"] {
            let error = explained(id, None);
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains("train_00012"), "{error}");
        }
        assert!(explained("", None).to_string().contains("nearest of its 40"));
        let error = explained("\u{1b}[2Jtrain", None).to_string();
        assert!(
            !error.contains('\u{1b}'),
            "an escape sequence must not reach the terminal"
        );
        assert!(explained("test_00001", Some(7)).to_string().contains("there are 0, 1"));
        Fixture {
            run: "other-0a1b2c3d",
            ..Fixture::default()
        }
        .write(folder.path());
        let error = explain(folder.path(), "test_00001", &ExplainOptions::default()).unwrap_err();
        assert!(error.to_string().contains("holds 2 runs"), "{error}");
        let empty = tempfile::tempdir().unwrap();
        let error = explain(empty.path(), "x", &ExplainOptions::default()).unwrap_err();
        assert_eq!(error.exit_code(), 3);
    }

    #[test]
    fn hostile_labels_stay_text_on_the_page_and_in_the_terminal() {
        let folder = tempfile::tempdir().unwrap();
        let run = Fixture {
            classes: [
                "<script>alert(1)</script></td>\"'`",
                "</style><img src=x onerror=alert(2)>",
                "{{ 7 * 7 }}\u{1b}[31m\u{202e}",
            ],
            images: true,
            ..Fixture::default()
        }
        .write(folder.path());
        let found = explain(&run, "test_00014", &ExplainOptions::default()).unwrap();
        let html = found.to_html().unwrap();
        assert_eq!(html.matches("<script>").count(), 1, "only the page's own script");
        assert!(!html.contains("<img src=x"), "markup of a label");
        assert!(html.contains("{{ 7 * 7 }}"), "a label is no template");
        for outside in ["http://", "https://", "src=\"//", "url(/"] {
            assert!(!html.contains(outside), "the page refers to {outside}");
        }
        assert!(
            html.contains("data:image&#x2f;jpeg;base64,"),
            "support images are in the page"
        );
        assert!(html.contains("Stand-in"));
        let text = found.to_text();
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
        assert_eq!(
            html,
            found.to_html().unwrap(),
            "the same explanation gives the same bytes"
        );
        let json = serde_json::to_value(&found).unwrap();
        assert_eq!(json["archetypes"][0]["rank"], 1);
    }
}
