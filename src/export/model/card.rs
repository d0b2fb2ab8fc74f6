//! The card of an exported model: what it was trained on and how, what it scored, and what it is not for.

use std::fmt::Write as _;

use serde_json::Value as Json;

use crate::dataset;
use crate::error::Result;
use crate::model::config::Among;
use crate::naming;
use crate::query::context::QueryContext;
use crate::query::{FoundRun, Value};
use crate::report::escape::markdown;
use crate::task::Task;
use crate::train::Trained;

/// What a card is about.
pub struct Card<'a> {
    /// The run's tables.
    pub query: &'a QueryContext,
    /// The run.
    pub run: &'a FoundRun,
    /// Fold of the model.
    pub fold: Option<i32>,
    /// Its seed.
    pub seed: i64,
    /// The model.
    pub model: &'a Trained,
}

impl Card<'_> {
    /// What the model is, in one line.
    pub fn title(&self) -> String {
        let stand_in = if self.run.manifest.stand_in {
            " (STAND-IN: trained on drawn faces)"
        } else {
            ""
        };
        format!("AURA, {} on {}{stand_in}", self.task(), self.run.manifest.dataset)
    }

    fn task(&self) -> &'static str {
        match self.model.task {
            Task::Expression => "expressions",
            Task::ValenceArousal => "valence and arousal",
            Task::ActionUnits => "action units",
        }
    }

    /// The card as Markdown, with the front matter that model hubs read.
    ///
    /// # Errors
    /// [`crate::Error::Data`] if the run's metrics cannot be read.
    pub fn text(&self, inputs: &[(String, Vec<usize>)], outputs: &[&str]) -> Result<String> {
        let manifest = &self.run.manifest;
        let mut text = String::from("---\nlicense: other\nlibrary_name: onnx\ntags:\n- facial-affect\n- aura-bench\n");
        if manifest.stand_in {
            text.push_str("- stand-in\n");
        }
        let _ = write!(text, "---\n\n# {}\n\n", markdown(&self.title()));
        if manifest.stand_in {
            text.push_str(
                "**Stand-in.** The faces that this model was trained on were drawn by a program. What it says of photographs means \
                 nothing; it shows how such a model is used.\n\n",
            );
        }
        if naming::is_random(&manifest.encoder) {
            let _ = write!(text, "**{}.**\n\n", naming::RANDOM_WARNING);
        }
        let kept = self.model.names.join(", ");
        let _ = write!(
            text,
            "A dictionary of {} archetypes over the features of a frozen image encoder: a face is projected, matched with its nearest \
             archetype by cosine similarity, and read off it. Outputs: {}.\n\n",
            self.kept()?,
            markdown(&kept)
        );
        self.files(&mut text, inputs, outputs);
        self.data(&mut text);
        self.metrics(&mut text)?;
        limits(&mut text);
        Ok(text)
    }

    /// Archetypes that inference uses.
    fn kept(&self) -> Result<usize> {
        let alive = crate::model::math::host(self.model.alive.clone())?;
        Ok(alive.into_iter().filter(|alive| *alive > 0.5).count())
    }

    fn files(&self, text: &mut String, inputs: &[(String, Vec<usize>)], outputs: &[&str]) {
        text.push_str(
            "## Files\n\n- `model.onnx`: projector, dictionary and read-outs, from features to outputs (operators of version 17; no \
             encoder)\n- `model.safetensors`: the same matrices as the run keeps them, with their description in the metadata\n\n",
        );
        text.push_str("| input or output | shape | what it is |\n|---|---|---|\n");
        for (name, dims) in inputs {
            let dims: Vec<String> = dims.iter().map(ToString::to_string).collect();
            let what = match name.as_str() {
                "tokens" => "patch tokens of the encoder, as the run's feature table stores them",
                _ => "global vectors of the encoder, as the run's feature table stores them",
            };
            let _ = writeln!(text, "| `{name}` | samples × {} | {what} |", dims.join(" × "));
        }
        let (o, k, d) = (self.model.names.len(), self.model.config.k_max, self.model.config.width);
        for name in outputs {
            let (shape, what) = match *name {
                "aura" => (format!("samples × {o}"), "what the nearest archetype says"),
                "aura_mixture" => (format!("samples × {o}"), "what all archetypes say, by similarity"),
                "aura_tuned" => (
                    format!("samples × {o}"),
                    "that, and how far the face departs from its archetypes",
                ),
                "archetype" => ("samples".to_owned(), "index of the nearest archetype (int64)"),
                "similarities" => (
                    format!("samples × {k}"),
                    "cosine similarity with every archetype; about -10000 for those that were pruned",
                ),
                _ => (format!("samples × {d}"), "the projected face, a unit vector"),
            };
            let _ = writeln!(text, "| `{name}` | {shape} | {what} |");
        }
        let kind = match self.model.task {
            Task::Expression => "Outputs are shares of the classes; the largest is the prediction.",
            Task::ValenceArousal => "Outputs run from -1 to 1.",
            Task::ActionUnits => "Outputs are probabilities of the units; from one half on a unit is called active.",
        };
        let _ = write!(text, "\n{kind}\n\n");
        let context = &self.model.config.contextualization;
        if context.enabled {
            text.push_str(match context.among {
                Among::Sample => {
                    "Contextualization (attention among a face, semantic tokens and archetypes) took part in training alone; inference \
                     has no attention, and the graph is complete without it.\n\n"
                }
                Among::Archetypes => {
                    "Contextualization (attention among the archetypes) was applied to the dictionary once, after training; inference \
                     has no attention, and the graph is complete without it.\n\n"
                }
            });
        } else {
            text.push_str("The model was trained without contextualization.\n\n");
        }
    }

    fn data(&self, text: &mut String) {
        let manifest = &self.run.manifest;
        text.push_str("## Data and protocol\n\n");
        let mut fact = |name: &str, value: &str| {
            let shown = if value.starts_with('{') {
                code(value)
            } else {
                markdown(value)
            };
            let _ = writeln!(text, "- {name}: {shown}");
        };
        // A name from a manifest is looked for among the program's own cards, and is no path.
        let known = dataset::Card::names().contains(&manifest.dataset);
        if let Some(Ok(card)) = known.then(|| dataset::Card::load(&manifest.dataset)) {
            fact("Database", &format!("{} ({})", card.title, card.id));
            if !card.about.is_empty() {
                fact("What it is", card.about.trim());
            }
            if !card.licence.terms.is_empty() {
                fact("Licence of the database", &card.licence.terms);
            }
            if !card.licence.page.is_empty() {
                fact("Its page", &card.licence.page);
            }
        } else {
            fact("Database", &manifest.dataset);
            fact(
                "Licence of the database",
                "not known to this program: that of whoever made the database",
            );
        }
        fact(
            "Faces",
            if manifest.stand_in {
                "stand-ins, drawn by a program in the layout of the database"
            } else {
                "the database's own"
            },
        );
        fact("Encoder", &compact(&manifest.encoder));
        fact("Protocol", &compact(&manifest.protocol));
        fact("Protocol digest", &manifest.protocol_digest);
        fact("Recipe digest", &manifest.recipe_digest);
        let fold = self.fold.map_or_else(String::new, |fold| format!("fold {fold}, "));
        fact("Run", &format!("{}, {fold}seed {}", self.run.run, self.seed));
        fact("Made", &manifest.created);
        text.push_str(
            "\nWhoever uses the model uses what was learned from the database: its licence decides what for, and whether the model may \
             be passed on.\n\n",
        );
    }

    fn metrics(&self, text: &mut String) -> Result<()> {
        let rows = self.query.query_with(
            "SELECT method, metric, value, low, high, n FROM metrics WHERE seed = $seed AND (fold IS NOT DISTINCT FROM CAST($fold AS \
             INT)) AND split = 'test' AND epoch IS NULL AND method LIKE 'aura%' ORDER BY method, low IS NULL, metric",
            &[
                ("seed", Value::Int(self.seed)),
                ("fold", self.fold.map_or(Value::Null, |fold| Value::Int(i64::from(fold)))),
            ],
        )?;
        text.push_str(
            "## Metrics on the test split\n\nFractions, of this one model; the interval (95 %) is over test samples, or over people where \
             all are named. The run's report has all seeds, and the rivals on the same features.\n\n| read-out | metric | value | 95 % \
             interval | samples |\n|---|---|---|---|---|\n",
        );
        for row in &rows.rows {
            let number = |name: &str| rows.get(row, name).as_f64().map(|value| format!("{value:.4}"));
            let interval = number("low").zip(number("high"));
            let name = |name: &str| code(rows.get(row, name).as_str().unwrap_or_default());
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} |",
                name("method"),
                name("metric"),
                number("value").unwrap_or_default(),
                interval.map_or_else(String::new, |(low, high)| format!("{low} to {high}")),
                rows.get(row, "n").as_i64().map_or_else(String::new, |n| n.to_string())
            );
        }
        text.push('\n');
        for warning in &self.run.manifest.warnings {
            let _ = writeln!(text, "- Warning of the run: {}", markdown(warning));
        }
        if !self.run.manifest.warnings.is_empty() {
            text.push('\n');
        }
        Ok(())
    }
}

fn limits(text: &mut String) {
    text.push_str(
        "## Intended use and limits\n\n- For research: to compare methods, and to look at what a model says of a face and by which \
         archetypes.\n- It says how annotators of one database labelled faces like this one. It does not say what somebody feels, and \
         nothing about a person may be decided by it.\n- Faces are not detected: they are to be cut out and encoded exactly as the \
         run did (encoder, pre-processing, crop, rounding of the feature table). Other features give other outputs without a \
         word.\n- People, ages, lighting and cameras that the database lacks were never tested; nor were the outputs as probabilities \
         of anything but its labels.\n",
    );
    let _ = write!(
        text,
        "\nMade by aura-bench {} (`aura-bench export model`).\n",
        env!("CARGO_PKG_VERSION")
    );
}

/// Text as code, in a cell too: a quote of code within would end it, and a bar the cell.
fn code(text: &str) -> String {
    let inside = text.replace(['`', '|'], "'");
    format!("`{}`", inside.replace(char::is_control, " "))
}

/// A description on one line.
fn compact(value: &Json) -> String {
    value.to_string()
}
