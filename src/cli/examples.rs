//! What stands under "Examples" in the help of every verb. The tests run each of them, in this order, in one folder.

use std::fmt::Write as _;

use clap::Command;

/// A command line, and what it is for.
type Example = (&'static str, &'static str);

/// Two of each verb, and of each verb below a verb. Where a run folder is named, `rafdb-0123abcd` stands for one that the first
/// of them leaves.
const EXAMPLES: [(&[&str], [Example; 2]); 33] = [
    (
        &["run"],
        [
            (
                "aura-bench run rafdb --stand-in",
                "on generated faces, which need no licence",
            ),
            (
                "aura-bench run rafdb --data RAF-DB --seeds 0,1,2 --set train.epochs=20 --out long",
                "on the database, with one key changed",
            ),
        ],
    ),
    (
        &["plan"],
        [
            (
                "aura-bench plan rafdb --stand-in",
                "what is done already, and what is not",
            ),
            (
                "aura-bench plan rafdb --data RAF-DB --seeds 0,1,2 --json",
                "for engines of workflows: every step with its command",
            ),
        ],
    ),
    (
        &["launch", "slurm"],
        [
            (
                "aura-bench launch slurm rafdb --stand-in --shards 4 --time 4:00:00 --dry-run",
                "what would be submitted: every script, every call of sbatch",
            ),
            (
                "aura-bench launch slurm rafdb --data RAF-DB --gres gpu:1 --scratch '$SLURM_TMPDIR'",
                "features and seeds as arrays, each on a GPU",
            ),
        ],
    ),
    (
        &["launch", "status"],
        [
            (
                "aura-bench launch status rafdb --data RAF-DB",
                "what is done, what runs, what failed and why",
            ),
            (
                "aura-bench launch status rafdb --data RAF-DB --json",
                "for another program",
            ),
        ],
    ),
    (
        &["score"],
        [
            (
                "aura-bench score rafdb predictions.csv --data RAF-DB --out scored",
                "what another model says, under the protocol of the recipe",
            ),
            (
                "aura-bench score rafdb predictions.csv --data RAF-DB --tool ours --out scored",
                "under a name of its own",
            ),
        ],
    ),
    (
        &["leaderboard"],
        [
            (
                "aura-bench leaderboard runs scored",
                "runs and scored tools, ranked with intervals",
            ),
            (
                "aura-bench leaderboard runs scored --html leaderboard.html",
                "as a page too",
            ),
        ],
    ),
    (
        &["convert"],
        [
            (
                "aura-bench convert rafdb --data RAF-DB --out samples",
                "every image with its label and split, checked",
            ),
            (
                "aura-bench convert rafdb --data RAF-DB --out again --json",
                "with its report as JSON",
            ),
        ],
    ),
    (
        &["extract"],
        [
            (
                "aura-bench extract --images RAF-DB --encoder hog --out hog",
                "histograms of gradients, which need no weights",
            ),
            (
                "aura-bench extract --images RAF-DB --encoder hog --shard 1/2 --out half",
                "on the first of two machines",
            ),
        ],
    ),
    (
        &["standin"],
        [
            (
                "aura-bench standin rafdb --samples 100 --out faces",
                "a hundred faces as RAF-DB lies on disk",
            ),
            (
                "aura-bench standin disfa --samples 300 --seed 1 --out films",
                "films of people, with action units frame by frame",
            ),
        ],
    ),
    (
        &["report"],
        [
            (
                "aura-bench report runs --out page",
                "one page of all runs below a folder",
            ),
            (
                "aura-bench report runs/rafdb-0123abcd long --data RAF-DB --out both",
                "of some, with the images in another place",
            ),
        ],
    ),
    (
        &["baseline", "save"],
        [
            (
                "aura-bench baseline save runs/rafdb-0123abcd --out rafdb.baseline.toml",
                "the numbers of a run and the rules for later ones, for review",
            ),
            (
                "aura-bench baseline save runs/rafdb-0123abcd --out whole.baseline.toml --predictions",
                "with every prediction, so that later runs are compared sample by sample",
            ),
        ],
    ),
    (
        &["view"],
        [
            (
                "aura-bench view runs",
                "every run of a folder, and those that are being trained",
            ),
            (
                "aura-bench view runs/rafdb-0123abcd --no-images --port 8778",
                "one run, where its faces must not be shown",
            ),
        ],
    ),
    (
        &["check"],
        [
            (
                "aura-bench check runs --baseline rafdb.baseline.toml",
                "has a number moved for a real reason?",
            ),
            (
                "aura-bench check runs --baseline whole.baseline.toml --junit verdicts.xml",
                "the same for a CI server",
            ),
        ],
    ),
    (
        &["compare"],
        [
            (
                "aura-bench compare runs",
                "runs side by side; one alone against its rivals",
            ),
            (
                "aura-bench compare runs --metric f1_macro --markdown compared.md",
                "with a further metric, as Markdown too",
            ),
        ],
    ),
    (
        &["explain"],
        [
            (
                "aura-bench explain runs/rafdb-0123abcd test_0001",
                "why this face is predicted as it is",
            ),
            (
                "aura-bench explain runs/rafdb-0123abcd test_0001 --top 3 --html why.html",
                "as a page with the faces behind it",
            ),
        ],
    ),
    (
        &["predict"],
        [
            (
                "aura-bench predict runs/rafdb-0123abcd RAF-DB/basic/Image --out faces.csv",
                "what a trained run makes of a folder of aligned faces",
            ),
            (
                "aura-bench predict runs/rafdb-0123abcd RAF-DB/basic/Image --out f.parquet --html f.html",
                "the same as Parquet, and a page of faces beside their archetypes",
            ),
        ],
    ),
    (
        &["published"],
        [
            ("aura-bench published runs", "the paper's numbers beside a run's"),
            (
                "aura-bench published runs --assume selection --json",
                "taking for the same what the paper leaves open, for another program",
            ),
        ],
    ),
    (
        &["query"],
        [
            (
                "aura-bench query \"SELECT label_name, count(*) FROM archetypes GROUP BY label_name\"",
                "what the archetypes stand for",
            ),
            (
                "aura-bench query 'SELECT * FROM predictions' --format parquet --out all.parquet",
                "rows for another program",
            ),
        ],
    ),
    (
        &["export", "mlflow"],
        [
            (
                "aura-bench export mlflow runs",
                "to the server that MLFLOW_TRACKING_URI names",
            ),
            (
                "aura-bench export mlflow runs/rafdb-0123abcd --to http://127.0.0.1:5000",
                "to one that `mlflow server --backend-store-uri sqlite:///mlflow.db` starts",
            ),
        ],
    ),
    (
        &["export", "model"],
        [
            (
                "aura-bench export model runs/rafdb-0123abcd --out model",
                "safetensors, ONNX and a card of the run's first seed",
            ),
            (
                "aura-bench export model runs/rafdb-0123abcd --seed 0 --out seed-0 --json",
                "of a seed, with the names of inputs and outputs",
            ),
        ],
    ),
    (
        &["export", "atlas"],
        [
            (
                "aura-bench export atlas runs/rafdb-0123abcd",
                "samples, predictions and map, for Embedding Atlas",
            ),
            (
                "aura-bench export atlas runs/rafdb-0123abcd --images --out faces.parquet",
                "with small pictures",
            ),
        ],
    ),
    (
        &["export", "index"],
        [
            (
                "aura-bench export index runs",
                "before `aws s3 sync runs s3://results/runs`",
            ),
            (
                "aura-bench export index runs --quiet",
                "in a script: the path alone, for `rclone copy runs store:runs`",
            ),
        ],
    ),
    (
        &["export", "croissant"],
        [
            ("aura-bench export croissant hog", "beside a feature table"),
            (
                "aura-bench export croissant runs/rafdb-0123abcd/samples.parquet --out croissant.json",
                "of one Parquet file",
            ),
        ],
    ),
    (
        &["validate"],
        [
            ("aura-bench validate RAF-DB", "which database is it, and is it whole?"),
            (
                "aura-bench validate rafdb --stand-in --resolved",
                "a recipe with every default spelled out",
            ),
        ],
    ),
    (
        &["schema"],
        [
            ("aura-bench schema recipe", "every key of a recipe, for editors"),
            ("aura-bench schema run", "what `run --json` prints"),
        ],
    ),
    (
        &["cache", "ls"],
        [
            ("aura-bench cache ls", "what is kept, and which runs use it"),
            (
                "aura-bench cache ls --runs runs --runs long --json",
                "for another program, with two folders of runs",
            ),
        ],
    ),
    (
        &["cache", "verify"],
        [
            ("aura-bench cache verify", "is all of it what was written?"),
            (
                "aura-bench cache verify NAME",
                "one folder, by the name that `cache ls` shows",
            ),
        ],
    ),
    (
        &["cache", "gc"],
        [
            (
                "aura-bench cache gc --older-than 30d",
                "what was not used for a month; --yes removes it",
            ),
            ("aura-bench cache gc --keep 20GB --yes", "all but what was used last"),
        ],
    ),
    (
        &["cache", "rm"],
        [
            (
                "aura-bench cache rm NAME",
                "what would go, by the name that `cache ls` shows",
            ),
            ("aura-bench cache rm NAME --yes", "and it goes"),
        ],
    ),
    (
        &["doctor"],
        [
            ("aura-bench doctor", "device, cache and versions"),
            (
                "aura-bench doctor --gpu-parity --device cpu --quick",
                "does a GPU compute what the processor computes? Here without one",
            ),
        ],
    ),
    (
        &["bench", "train"],
        [
            (
                "aura-bench bench train --samples 2048 --epochs 1",
                "samples a second, on drawn features",
            ),
            (
                "aura-bench bench train rafdb --set model.k_max=300 --samples 2048 --dims 64",
                "with the model of a recipe",
            ),
        ],
    ),
    (
        &["bench", "extract"],
        [
            ("aura-bench bench extract --encoder hog --images 64", "images a second"),
            (
                "aura-bench bench extract rafdb --set encoder.kind=hog --images 64",
                "with the encoder of a recipe",
            ),
        ],
    ),
    (
        &["completions"],
        [
            ("aura-bench completions bash > aura-bench.bash", "for bash"),
            ("aura-bench completions fish > aura-bench.fish", "for fish"),
        ],
    ),
];

/// The command line with examples in the help of its verbs.
pub(crate) fn shown(mut command: Command) -> Command {
    for (verb, examples) in EXAMPLES {
        command = within(command, verb, &text(&examples));
    }
    for verb in above() {
        let below: Vec<&[Example; 2]> = EXAMPLES
            .iter()
            .filter(|(path, _)| path.len() > 1 && path[0] == verb)
            .map(|(_, examples)| examples)
            .collect();
        let shown: Vec<Example> = match below.as_slice() {
            [one] => one.to_vec(),
            several => several.iter().map(|examples| examples[0]).collect(),
        };
        command = within(command, &[verb], &text(&shown));
    }
    command
}

/// The verbs that have verbs below them.
fn above() -> Vec<&'static str> {
    let mut verbs: Vec<&str> = EXAMPLES
        .iter()
        .filter(|(path, _)| path.len() > 1)
        .map(|(path, _)| path[0])
        .collect();
    verbs.dedup();
    verbs
}

/// Puts `text` before what stands at the end of a verb's help.
fn within(command: Command, verb: &[&'static str], text: &str) -> Command {
    match verb {
        [] => {
            let after = command.get_after_help().map(ToString::to_string);
            let below = after.map_or_else(String::new, |after| format!("\n\n{after}"));
            command.after_help(format!("{text}{below}"))
        }
        [first, rest @ ..] => command.mut_subcommand(first, |command| within(command, rest, text)),
    }
}

fn text(examples: &[Example]) -> String {
    let mut text = String::from("Examples:");
    for (line, purpose) in examples {
        let _ = write!(text, "\n  {line}\n      {purpose}");
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::arguments::Arguments;

    /// Every verb that is shown, by its path.
    fn verbs(command: &Command, path: &[String]) -> Vec<Vec<String>> {
        let below: Vec<&Command> = command
            .get_subcommands()
            .filter(|verb| !verb.is_hide_set() && verb.get_name() != "help")
            .collect();
        if below.is_empty() {
            return vec![path.to_vec()];
        }
        below
            .into_iter()
            .flat_map(|verb| verbs(verb, &[path, &[verb.get_name().to_owned()]].concat()))
            .collect()
    }

    #[test]
    fn every_verb_has_two_examples_of_itself() {
        for verb in verbs(&Arguments::command(), &[]) {
            let (_, examples) = EXAMPLES
                .iter()
                .find(|(path, _)| *path == verb)
                .unwrap_or_else(|| panic!("no example of {verb:?}"));
            for (line, purpose) in examples {
                assert!(line.starts_with(&format!("aura-bench {}", verb.join(" "))), "{line}");
                assert!(!purpose.is_empty());
                // A line that is wrapped cannot be copied; help is at most 100 columns wide.
                assert!(line.len() <= 96, "{line}");
            }
            assert_ne!(examples[0].0, examples[1].0);
        }
    }
}
