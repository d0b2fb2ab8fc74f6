//! `aura-bench validate DIR|RECIPE|CARD`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::chain::{self, DataReport};
use crate::dataset::options::ConvertOptions;
use crate::dataset::{Card, fit, layout};
use crate::error::{DataKind, Error, Result};
use crate::recipe::test_set::TestSet;
use crate::recipe::{Job, Recipe, RecipeOptions, Study, built_in, conversion_options};
use crate::regular;

use super::output;
use super::shell::Shell;

#[derive(Debug, Args)]
pub struct ValidateArguments {
    /// A recipe or a dataset card, by name or file; or a database's folder
    target: PathBuf,
    /// Read the folder as this card only, and say why it does not fit
    #[arg(long, value_name = "CARD")]
    card: Option<String>,
    /// The database's folder, as for `run`
    #[arg(long, value_name = "DIR", conflicts_with = "stand_in")]
    data: Option<PathBuf>,
    /// Check the recipe as `run --stand-in` would read it
    #[arg(long)]
    stand_in: bool,
    /// Overrides, as for `run`; with --card those of `convert`
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Print the resolved recipe, with every default spelled out
    #[arg(long, conflicts_with = "json")]
    resolved: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &ValidateArguments, shell: &Shell) -> Result<()> {
    let target = &arguments.target;
    if target.is_dir() {
        // The folder is what was named: the options that name one are no help.
        return folder(arguments, shell).map_err(|error| match error {
            Error::Data {
                kind: DataKind::MissingDatabase,
                message,
            } => Error::data(message),
            other => other,
        });
    }
    if arguments.card.is_some() {
        return Err(Error::Usage(format!(
            "--card says how a folder is read: {} is none",
            target.display()
        )));
    }
    // A recipe may have the name of its card; these options are of recipes alone.
    let as_recipe = arguments.stand_in || arguments.resolved || arguments.data.is_some() || !arguments.set.is_empty();
    if !as_recipe && let Some(card) = card(target)? {
        show_card(&card, arguments.json)?;
        if built_in().iter().any(|name| target == Path::new(name)) {
            shell.progress.line(&format!(
                "this is the dataset card; the recipe of this name: aura-bench validate recipes/{}.toml",
                target.display()
            ));
        }
        return Ok(());
    }
    recipe(arguments, shell)
}

/// The card that the target is, if it is one: a built-in name, or a file with the keys of a card.
fn card(target: &Path) -> Result<Option<Card>> {
    let name = target.to_string_lossy();
    let built_in = Card::names().iter().any(|known| *known == name);
    let is_card = || {
        let text = regular::text(target).ok()?;
        let table: toml::Table = text.parse().ok()?;
        // Of a card that extends another one, any of these may be all that is written.
        let keys = ["id", "licence", "layout", "citation", "tasks", "class"];
        Some(keys.iter().any(|key| table.contains_key(*key)))
    };
    if built_in || is_card().unwrap_or(false) {
        return Card::load(&name).map(Some);
    }
    Ok(None)
}

fn show_card(card: &Card, as_json: bool) -> Result<()> {
    if as_json {
        return output::print_json(&json!({ "kind": "card", "card": card }));
    }
    let mut text = format!("{}: {}\n", card.id, card.title);
    let tasks: Vec<String> = card
        .tasks
        .iter()
        .filter_map(|task| serde_json::to_value(task).ok()?.as_str().map(str::to_owned))
        .collect();
    let _ = writeln!(text, "tasks: {}", tasks.join(", "));
    if !card.classes.is_empty() {
        let _ = writeln!(text, "classes: {}", card.class_names().join(", "));
    }
    if !card.aus.is_empty() {
        let _ = writeln!(text, "action units: {}", card.au_columns().join(", "));
    }
    for split in &card.splits {
        let samples = split.samples.map_or_else(|| "unknown".to_owned(), |n| n.to_string());
        let _ = writeln!(text, "expected: {} {samples}", split.name);
    }
    for layout in &card.layouts {
        let _ = writeln!(text, "layout {}: {}", layout.name, layout.description);
    }
    output::print(&text)
}

fn folder(arguments: &ValidateArguments, shell: &Shell) -> Result<()> {
    for (given, option) in [
        (arguments.data.is_some(), "--data"),
        (arguments.stand_in, "--stand-in"),
        (arguments.resolved, "--resolved"),
        (
            arguments.card.is_none() && !arguments.set.is_empty(),
            "--set without --card",
        ),
    ] {
        if given {
            return Err(Error::Usage(format!(
                "{option} says nothing about a folder: {} is one",
                arguments.target.display()
            )));
        }
    }
    let (progress, interrupt) = (&shell.progress, &shell.interrupt);
    let (cards, options) = match &arguments.card {
        Some(card) => {
            let (loaded, options) = conversion_options(card, &arguments.set)?;
            // One card alone can say what it misses.
            layout::detect(&loaded, &arguments.target, options.layout.as_deref())?;
            (vec![card.clone()], options)
        }
        None => (Card::names(), ConvertOptions::default()),
    };
    let candidates = fit::fitting(&cards, &arguments.target, &options, progress, interrupt)?;
    let usable = candidates
        .iter()
        .any(|candidate| candidate.conversion.as_ref().is_some_and(|found| found.samples > 0));
    if !usable {
        let reasons: Vec<String> = candidates
            .iter()
            .map(|candidate| {
                let why = match (&candidate.error, &candidate.conversion) {
                    (Some(error), _) => error.clone(),
                    (None, Some(found)) => format!("no usable sample, {} rows rejected", found.rejected),
                    (None, None) => "nothing".to_owned(),
                };
                let first = candidate
                    .rejects
                    .first()
                    .map_or_else(String::new, |first| format!("; the first: {first}"));
                format!(
                    "  {}, layout {} ({}): {why}{first}",
                    candidate.card, candidate.layout, candidate.why
                )
            })
            .collect();
        return Err(Error::unusable_table(format!(
            "{}: looks like a database that is known, but nothing in it can be used:\n{}",
            arguments.target.display(),
            reasons.join("\n")
        )));
    }
    if arguments.json {
        return output::print_json(&json!({ "kind": "folder", "root": arguments.target, "candidates": candidates }));
    }
    let mut text = String::new();
    for (i, candidate) in candidates.iter().enumerate() {
        match (&candidate.conversion, &candidate.error) {
            (Some(conversion), _) if i == 0 => {
                let _ = write!(text, "{}", conversion.to_text());
                for reject in &candidate.rejects {
                    let _ = writeln!(text, "rejected: {reject}");
                }
                let set: String = arguments.set.iter().map(|set| format!(" --set '{set}'")).collect();
                let _ = writeln!(
                    text,
                    "to read it: dataset.card = \"{}\", or aura-bench convert {} --data {} --out DIR{set}",
                    candidate.card,
                    candidate.card,
                    arguments.target.display()
                );
            }
            (Some(conversion), _) => {
                let _ = writeln!(
                    text,
                    "also fits: {}, layout {}: {} samples, {} rejected, {} masked",
                    candidate.card, candidate.layout, conversion.samples, conversion.rejected, conversion.masked
                );
            }
            (None, Some(error)) => {
                let first = error.lines().next().unwrap_or_default();
                let _ = writeln!(
                    text,
                    "does not fit: {}, layout {}: {first}",
                    candidate.card, candidate.layout
                );
            }
            (None, None) => {}
        }
    }
    output::print(&text)
}

fn recipe(arguments: &ValidateArguments, shell: &Shell) -> Result<()> {
    let options = RecipeOptions {
        stand_in: arguments.stand_in,
        set: arguments.set.clone(),
    };
    let recipe = match Job::load(&arguments.target, &options)? {
        Job::Run(recipe) => recipe,
        Job::Study(study) => return print_study(arguments, shell, &study),
    };
    if arguments.resolved {
        return output::print_data(&recipe.to_toml()?);
    }
    let (recipe_digest, protocol_digest) = (recipe.digest()?, recipe.protocol_digest()?);
    let listed = chain::reviewed_labels(&recipe)?;
    let data = data_of(&recipe, arguments.data.as_deref(), shell)?;
    let tests: Vec<(&TestSet, Option<Result<DataReport>>)> = recipe
        .test
        .iter()
        .map(|test| {
            Ok((
                test,
                data_of(&recipe.on(test), None, shell).map_err(|error| error.within(&test.split()))?,
            ))
        })
        .collect::<Result<_>>()?;
    // As little as that the weights be here: `run` fetches them.
    let weights = recipe.encoder.whereabouts();
    if arguments.json {
        let (read, error) = parts(data.as_ref());
        let tests: Vec<serde_json::Value> = tests
            .iter()
            .map(|(test, data)| {
                let (read, error) = parts(data.as_ref());
                let digest = test.digest(test.database.protocol.release.as_deref())?;
                let found = read.map(|report| &report.conversion);
                Ok(json!({"name": test.name, "digest": digest, "data": found, "data_error": error}))
            })
            .collect::<Result<_>>()?;
        return output::print_json(&json!({
            "kind": "recipe",
            "recipe_digest": recipe_digest,
            "protocol_digest": protocol_digest,
            "tests": tests,
            "data": read.map(|report| &report.conversion),
            "needs": read.and_then(|report| report.needs).map(|size| {
                json!({"rows": size.rows, "memory_bytes": size.memory(), "disk_bytes": size.disk()})
            }),
            "relabelled": read.and_then(|report| report.relabelled.as_ref()).or(listed.as_ref()),
            "data_error": error,
            "weights": weights.as_ref().ok(),
            "weights_error": weights.as_ref().err().map(ToString::to_string),
        }));
    }
    shell
        .progress
        .line(&format!("{} is a valid recipe", arguments.target.display()));
    let mut text = format!("recipe digest {recipe_digest}\nprotocol digest {protocol_digest}\n");
    text.push_str(&read(data.as_ref()));
    let relabelled = data.as_ref().and_then(|data| data.as_ref().ok()?.relabelled.as_ref());
    match (relabelled, &listed) {
        (Some(counts), _) => {
            let _ = writeln!(
                text,
                "reviewed labels: {} (by the database's own splits)",
                counts.described()
            );
        }
        (None, Some(counts)) => {
            let _ = writeln!(
                text,
                "reviewed labels: {} (not held against the samples)",
                counts.described()
            );
        }
        (None, None) => {}
    }
    if let Some(Ok(report)) = &data
        && let Some(needs) = &report.needs
    {
        let _ = writeln!(text, "needs: {}", chain::needs::text(needs));
    }
    for (test, data) in &tests {
        let _ = write!(
            text,
            "{}: {}\n{}",
            test.split(),
            test.database.card.title,
            read(data.as_ref())
        );
        if let Some(Ok(report)) = data
            && let Some(needs) = &report.needs
        {
            let _ = writeln!(text, "needs: {}", chain::needs::of_test(needs));
        }
    }
    match weights {
        Ok(None) => {}
        Ok(Some(place)) => {
            let _ = writeln!(text, "weights: {place}");
        }
        Err(error) => {
            let _ = writeln!(text, "weights missing: {error}");
        }
    }
    output::print(&text)
}

/// What lies where a recipe says, as far as it is here: a recipe is valid whether or not this machine has the data; data that are
/// here are to be right. Nothing of generated faces.
fn data_of(recipe: &Recipe, root: Option<&Path>, shell: &Shell) -> Result<Option<Result<DataReport>>> {
    if recipe.stand_in.is_some() {
        return Ok(None);
    }
    match chain::data_report(recipe, root, &shell.progress, &shell.interrupt) {
        Ok(report) => {
            refused(&report)?;
            Ok(Some(Ok(report)))
        }
        Err(error) if root.is_some() || error.data_kind() != Some(DataKind::MissingDatabase) => Err(error),
        Err(error) => Ok(Some(Err(error))),
    }
}

fn parts(data: Option<&Result<DataReport>>) -> (Option<&DataReport>, Option<String>) {
    match data {
        Some(Ok(report)) => (Some(report), None),
        Some(Err(error)) => (None, Some(error.to_string())),
        None => (None, None),
    }
}

fn read(data: Option<&Result<DataReport>>) -> String {
    match data {
        None => "data: generated faces\n".to_owned(),
        Some(Ok(report)) => found(report),
        Some(Err(error)) => format!("data not read: {error}\n"),
    }
}

/// Fails where the data are here and `run` would not take them.
fn refused(report: &DataReport) -> Result<()> {
    let Some(why) = &report.too_little else {
        return Ok(());
    };
    Err(Error::too_many_rejects(format!(
        "the data are not usable: {why}\n{}",
        found(report).trim_end()
    )))
}

/// What lies in the data, and the first of what cannot be used.
fn found(report: &DataReport) -> String {
    let mut text = report.conversion.to_text();
    for reject in report.rejects.iter().take(5) {
        let _ = writeln!(text, "rejected: {reject}");
    }
    text
}

/// A study: one line a point.
fn print_study(arguments: &ValidateArguments, shell: &Shell, study: &Study) -> Result<()> {
    if arguments.data.is_some() {
        return Err(Error::Usage(
            "a study reads the data of its recipes; validate these with --data".to_owned(),
        ));
    }
    if arguments.resolved {
        let mut text = String::new();
        for point in &study.points {
            let _ = writeln!(text, "# {}\n{}", point.label(), point.recipe.to_toml()?);
        }
        return output::print(&text);
    }
    let points = study
        .points
        .iter()
        .map(|point| Ok((point.label(), point.recipe.digest()?, point.recipe.protocol_digest()?)))
        .collect::<Result<Vec<_>>>()?;
    if arguments.json {
        let points: Vec<_> = points
            .iter()
            .map(|(label, recipe, protocol)| json!({"label": label, "recipe_digest": recipe, "protocol_digest": protocol}))
            .collect();
        return output::print_json(&json!({"kind": "study", "study": study.name, "points": points}));
    }
    shell.progress.line(&format!(
        "{} is a valid study of {} points",
        arguments.target.display(),
        study.points.len()
    ));
    let lines: Vec<String> = points
        .iter()
        .map(|(label, recipe, _)| format!("{}  {label}", &recipe[..16]))
        .collect();
    output::print(&lines.join("\n"))
}
