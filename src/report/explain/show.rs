//! An explanation as text and as a page.

use std::fmt::Write as _;

use minijinja::context;
use serde::Serialize;

use crate::error::Result;
use crate::report::catalog::ReportFiles;
use crate::report::cells::{MISSING, fixed, thousands};
use crate::report::page::{self, fill, serial};
use crate::report::provenance;
use crate::report::tile::Tile;
use crate::terminal::printable;

use super::sample::{Explanation, NAMED, Output};

impl Explanation {
    /// The explanation for a terminal.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: &str| {
            let _ = writeln!(text, "{name:<12}{value}");
        };
        let stand_in = if self.stand_in { ", STAND-IN: a drawn face" } else { "" };
        line(
            "sample",
            &format!(
                "{} ({} split of {}{stand_in})",
                printable(&self.sample.id),
                self.sample.split,
                printable(&self.dataset)
            ),
        );
        line("run", &format!("{}, seed {}", printable(&self.run), self.seed));
        if let Some(encoder) = &self.encoder {
            line("encoder", &printable(encoder));
        }
        line("label", &printable(self.label.as_deref().unwrap_or("unknown")));
        if let (Some(mode), Some(drawn)) = (&self.sample.mode, &self.sample.drawn) {
            let flipped = if self.sample.flipped == Some(true) {
                ", label changed on purpose"
            } else {
                ""
            };
            line(
                "drawn as",
                &format!("{} (mode {}{flipped})", printable(drawn), printable(mode)),
            );
        }
        line(
            "prediction",
            &format!("{}{}", printable(&self.prediction), self.verdict()),
        );
        if self.task == "expression" {
            let mut outputs: Vec<&Output> = self.outputs.iter().collect();
            outputs.sort_by(|a, b| b.value.total_cmp(&a.value));
            let named: Vec<String> = outputs
                .iter()
                .take(NAMED)
                .map(|output| format!("{} {}", printable(&output.name), fixed(output.value, 3)))
                .collect();
            line("", &named.join(", "));
        }
        text.push('\n');
        text.push_str(
            "The prediction is what the primal archetype says, the first of these: the mean label of its training samples, for scores and\naction units fitted to the spread or the threshold of the training labels. Below each, the training samples most similar to\nit among those matched with it.\n\n",
        );
        let names: Vec<String> = self
            .archetypes
            .iter()
            .map(|near| format!("{} (archetype {})", printable(&near.name), near.archetype))
            .collect();
        let widest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        for (near, name) in self.archetypes.iter().zip(&names) {
            let pad = " ".repeat(widest - name.chars().count());
            let _ = writeln!(
                text,
                "{}. {name}{pad}  similarity {}  {} samples",
                near.rank,
                fixed(near.similarity, 3),
                thousands(near.uses as f64)
            );
            let support: Vec<String> = near
                .support
                .iter()
                .map(|support| {
                    let label = support
                        .label
                        .as_ref()
                        .map(|label| format!(" {}", printable(label)))
                        .unwrap_or_default();
                    format!("{}{label}", printable(&support.sample_id))
                })
                .collect();
            let _ = writeln!(text, "   {}", support.join(", "));
        }
        if let Some(margin) = self.margin {
            let _ = writeln!(
                text,
                "\nThe primal archetype leads the second by {} in similarity.",
                fixed(margin, 3)
            );
        }
        if !self.read_outs.is_empty() {
            text.push_str("\nOther read-outs of the same archetypes:\n");
            for other in &self.read_outs {
                let _ = writeln!(
                    text,
                    "  {}: {} ({})",
                    other.method,
                    printable(&other.prediction),
                    other.of
                );
            }
        }
        if self.seeds.len() > 1 {
            text.push_str("\nEvery seed:\n");
            for seed in &self.seeds {
                let right = match seed.correct {
                    Some(true) => " (as labelled)",
                    Some(false) => " (not as labelled)",
                    None => "",
                };
                let _ = writeln!(
                    text,
                    "  seed {}: {}{right}, archetype {} at {}",
                    seed.seed,
                    printable(&seed.prediction),
                    seed.archetype,
                    fixed(seed.similarity, 3)
                );
            }
        }
        text
    }

    fn verdict(&self) -> &'static str {
        match self.correct {
            Some(true) => " (as labelled)",
            Some(false) => " (not as labelled)",
            None => "",
        }
    }

    /// The explanation as one self-contained page.
    ///
    /// # Errors
    /// [`Error::Usage`] if a template of the reports folder is wrong.
    pub fn to_html(&self) -> Result<String> {
        #[derive(Serialize)]
        struct Bar<'a> {
            name: &'a str,
            value: String,
            target: String,
            /// Left edge and width in per cent of the scale.
            left: String,
            width: String,
        }
        #[derive(Serialize)]
        struct Row<'a> {
            rank: i64,
            archetype: i64,
            name: &'a str,
            similarity: String,
            uses: String,
            tiles: &'a [Tile],
        }
        let shown = &self.drawn_from;
        let assets = ReportFiles::new(shown.reports.as_deref())?;
        let env = page::environment(&assets, &["head.html", "provenance.html", "tiles.html", "explain.html"])?;
        let scores = self.task == "valence_arousal";
        let bars: Vec<Bar<'_>> = self
            .outputs
            .iter()
            .map(|output| {
                // Scores run from −1 to 1 about the middle, all others from 0 to 1.
                let at = |value: f64| if scores { (value + 1.0) * 50.0 } else { value * 100.0 };
                let zero = at(0.0);
                let end = at(output.value.clamp(-1.0, 1.0));
                Bar {
                    name: &output.name,
                    value: fixed(output.value, 3),
                    target: match output.target {
                        None => MISSING.to_owned(),
                        Some(target) if scores => fixed(target, 3),
                        Some(target) => if target > 0.5 { "yes" } else { "no" }.to_owned(),
                    },
                    left: format!("{:.1}", zero.min(end)),
                    width: format!("{:.1}", (end - zero).abs()),
                }
            })
            .collect();
        let rows: Vec<Row<'_>> = self
            .archetypes
            .iter()
            .zip(&shown.supports)
            .map(|(near, tiles)| Row {
                rank: near.rank,
                archetype: near.archetype,
                name: &near.name,
                similarity: fixed(near.similarity, 3),
                uses: thousands(near.uses as f64),
                tiles,
            })
            .collect();
        let seeds: Vec<_> = self
            .seeds
            .iter()
            .map(|seed| {
                context! {
                    seed => seed.seed,
                    prediction => seed.prediction.clone(),
                    correct => match seed.correct { Some(true) => "yes", Some(false) => "no", None => MISSING },
                    archetype => seed.archetype,
                    similarity => fixed(seed.similarity, 3),
                    margin => seed.margin.map_or(MISSING.to_owned(), |margin| fixed(margin, 3)),
                }
            })
            .collect();
        let content = context! {
            title => format!("Why {} is taken for {}", self.sample.id, self.prediction),
            explanation => serial(self),
            verdict => self.verdict(),
            margin => self.margin.map(|margin| fixed(margin, 3)),
            picture => shown.picture.source(),
            missing => shown.picture.missing,
            bars => serial(&bars),
            scores,
            rows => serial(&rows),
            seeds,
            sql => serial(&shown.sql),
            provenance => serial(provenance::block(std::slice::from_ref(&shown.run))),
            ..page::frame(&assets)?
        };
        fill(&env, "explain.html", &content)
    }
}
