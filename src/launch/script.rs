//! The scripts that `sbatch` is given: `launch/slurm.sh`, filled in.

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, context};

use crate::error::{Error, Result};
use crate::quoting::{expandable, posix};

use super::phase::Phase;
use super::work::{Launch, Unit};

const TEMPLATE: &str = include_str!("../../launch/slurm.sh");

/// Name of a phase's script in the launch's folder.
pub fn name(phase: Phase) -> String {
    format!("{phase}.sh")
}

/// The file in the launch's folder to which a job writes, by what Slurm calls it: `4711`, `4711_3`.
pub fn log(phase: Phase, job: &str) -> String {
    format!("{phase}-{job}.log")
}

/// The file in the launch's folder that holds a job's exit code once it has ended by itself.
pub fn exit(phase: Phase, job: &str) -> String {
    format!("{phase}-{job}.exit")
}

/// The script of a phase. The same launch gives the same bytes.
///
/// # Errors
/// If the template is wrong, which is a defect of this program.
pub fn render(launch: &Launch<'_>, phase: Phase) -> Result<String> {
    let wrong = |error: &dyn std::fmt::Display| Error::data(format!("launch/slurm.sh cannot be filled in: {error}"));
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    let mut syntax = SyntaxConfig::builder();
    syntax.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true);
    env.set_syntax(syntax.build().map_err(|error| wrong(&error))?);
    let template = env.template_from_str(TEMPLATE).map_err(|error| wrong(&error))?;

    let limits = launch.limits(phase);
    let units = launch.units();
    let (tail, lists) = tail(launch, phase, &units);
    let array = !matches!(phase, Phase::Convert | Phase::Collect);
    let tasks = match phase {
        Phase::Extract => launch.shards as usize,
        Phase::Points => units.len(),
        Phase::Convert | Phase::Collect => 1,
    };
    let mut command: Vec<String> = limits.wrapper.iter().flatten().map(|word| expandable(word)).collect();
    command.push(match &limits.program {
        Some(program) => expandable(program),
        None => posix(&launch.program.display().to_string()),
    });
    command.extend(launch.words.iter().map(|word| posix(word)));
    command.extend(tail);
    let context = context! {
        title => title(launch, phase, tasks),
        directives => directives(launch, phase),
        phase => phase.name(),
        array,
        split => tasks as u32 > launch.array_size,
        folder => posix(&launch.folder.display().to_string()),
        here => posix(&launch.here.display().to_string()),
        setup => limits.setup.clone().unwrap_or_default(),
        lists,
        command,
        lead => limits.lead(),
        requeues => limits.most_requeues(),
    };
    template.render(context).map_err(|error| wrong(&error))
}

fn title(launch: &Launch<'_>, phase: Phase, tasks: usize) -> String {
    let name = &launch.name;
    match phase {
        Phase::Convert => format!("{name}: the samples of every database"),
        Phase::Extract => format!("{name}: features, {tasks} shards"),
        Phase::Points => format!("{name}: training and evaluation, {tasks} tasks"),
        Phase::Collect => format!("{name}: what is missing, and the report"),
    }
}

/// What follows `#SBATCH`.
fn directives(launch: &Launch<'_>, phase: Phase) -> Vec<String> {
    let limits = launch.limits(phase);
    let job = if matches!(phase, Phase::Convert | Phase::Collect) {
        "%j"
    } else {
        "%A_%a"
    };
    let own = [
        ("job-name", format!("{}-{phase}", launch.name)),
        ("output", log(phase, job)),
        ("open-mode", "append".to_owned()),
        ("signal", format!("B:USR1@{}", limits.lead())),
    ];
    let given = limits.directives().into_iter().map(|line| (line.option, line.value));
    let mut lines: Vec<String> = own
        .into_iter()
        .chain(given)
        .map(|(option, value)| format!("--{option}={value}"))
        .collect();
    lines.push("--requeue".to_owned());
    lines.extend(limits.extra.iter().flatten().cloned());
    lines
}

/// The words by which the call of a task differs from those of others, and the lists that they are read from.
fn tail(launch: &Launch<'_>, phase: Phase, units: &[Unit]) -> (Vec<String>, Vec<String>) {
    let mut words: Vec<String> = Vec::new();
    let mut lists = Vec::new();
    let mut add = |more: &[&str]| words.extend(more.iter().map(|&word| word.to_owned()));
    match phase {
        Phase::Convert => add(&["--only", "convert"]),
        Phase::Extract => {
            add(&["--only", "extract", "--shard"]);
            add(&[&format!("\"$((task + 1))/{}\"", launch.shards)]);
        }
        Phase::Points if units.iter().all(|unit| unit.seed.is_none()) => add(&["--point", "\"$task\""]),
        Phase::Points => {
            add(&["--only", "train"]);
            if units.iter().any(|unit| unit.point.is_some()) {
                lists.push(list("points", units.iter().filter_map(|unit| unit.point)));
                add(&["--point", "\"${points[task]}\""]);
            }
            if units.iter().any(|unit| unit.fold.is_some()) {
                let folds = units.iter().map(|unit| unit.fold);
                lists.push(list(
                    "folds",
                    folds.map(|fold| fold.map_or_else(|| "''".to_owned(), |fold| fold.to_string())),
                ));
                // Of a study, some points may have folds and others none.
                add(&["${folds[task]:+--fold \"${folds[task]}\"}"]);
            }
            lists.push(list("seeds", units.iter().filter_map(|unit| unit.seed)));
            add(&["--seeds", "\"${seeds[task]}\""]);
        }
        Phase::Collect => {}
    }
    if let (Phase::Points | Phase::Collect, Some(scratch)) = (phase, &launch.scratch) {
        add(&["--scratch", &expandable(scratch)]);
    }
    (words, lists)
}

fn list(name: &str, values: impl Iterator<Item = impl ToString>) -> String {
    let values: Vec<String> = values.map(|value| value.to_string()).collect();
    format!("{name}=({})", values.join(" "))
}
