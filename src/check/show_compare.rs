//! A comparison as text and as Markdown.

use std::fmt::Write as _;

use crate::naming;

use super::compare::{ComparedMetric, ComparedRun, Comparison, Pair, values};
use super::names::place;
use super::show::{number, plain};
use super::standing;

pub(crate) fn p_value(p: Option<f64>) -> String {
    match p {
        None => "—".to_owned(),
        Some(p) if p < 0.001 => "< 0.001".to_owned(),
        Some(p) => format!("{p:.3}"),
    }
}

impl Comparison {
    /// What must stand above every form of the output if the numbers are not to be ranked.
    fn warning(&self) -> Option<String> {
        self.forced.then(|| {
            "NOT COMPARABLE: the runs do not follow one protocol; shown side by side on request, ranks mean nothing"
                .to_owned()
        })
    }

    fn cell(&self, metric: &ComparedMetric, i: usize) -> String {
        let Some(value) = &metric.values[i] else {
            return "—".to_owned();
        };
        let mut text = number(&metric.metric, Some(value.mean));
        if let Some(sd) = value.sd {
            let _ = write!(text, " ± {}", number(&metric.metric, Some(sd)));
        }
        if self.comparable && metric.best.is_some() {
            if metric.best == Some(i) {
                text.push_str(" ▲");
            } else if metric.not_told_from_best.contains(&i) {
                text.push_str(" ≈");
            } else {
                text.push_str("  ");
            }
        }
        text
    }

    fn sentence(&self, pair: &Pair) -> String {
        let signed = |value: Option<f64>| match value {
            Some(v) if v >= 0.0 => format!("+{}", number(&pair.metric, value)),
            _ => number(&pair.metric, value),
        };
        let interval = match (pair.low, pair.high) {
            (Some(_), Some(_)) => format!(" [{}, {}]", signed(pair.low), signed(pair.high)),
            _ => String::new(),
        };
        let mcnemar = pair.mcnemar.as_ref().map_or_else(String::new, |test| {
            format!(
                "; McNemar {} / {} right alone, p {} (Holm {})",
                test.only_first,
                test.only_second,
                p_value(Some(test.p)),
                p_value(Some(test.p_holm))
            )
        });
        format!(
            "{}: {} − {} = {}{interval}; p {} over samples, {} over seeds, Holm {}{mcnemar}: {}",
            pair.metric,
            self.runs[pair.second].run,
            self.runs[pair.first].run,
            signed(Some(pair.difference)),
            p_value(pair.p_samples),
            p_value(pair.p_seeds),
            p_value(pair.p_holm),
            match (pair.p, pair.significant) {
                (None, _) => "no test possible",
                (_, true) => "different",
                (_, false) => "may be chance",
            }
        )
    }

    /// "RUN: aura − ridge = +1.2 [-0.3, 2.7] level" for every rival of every run.
    fn standings(&self) -> Vec<String> {
        let of = |run: &ComparedRun| -> Vec<String> {
            run.standings
                .iter()
                .map(|row| {
                    let said = standing::phrase(row.lead, row.low, row.high, &row.verdict);
                    let p = p_value(row.p_holm);
                    let where_else = place(&row.metric)
                        .1
                        .map_or_else(String::new, |test| format!(" on {test}"));
                    format!(
                        "{}: {} − {}{where_else} = {said}; Holm {p}",
                        run.run, row.read_out, row.method
                    )
                })
                .collect()
        };
        self.runs.iter().flat_map(of).collect()
    }

    /// For a terminal.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        if let Some(warning) = self.warning() {
            let _ = writeln!(out, "{warning}");
        }
        if self.runs.iter().any(|run| run.stand_in) {
            let _ = writeln!(out, "STAND-IN FACES: these numbers say nothing about {}", self.dataset);
        }
        for run in self.runs.iter().filter(|run| run.random_weights) {
            let _ = writeln!(out, "{}: {}", run.run, naming::RANDOM_WARNING);
        }
        let first = self
            .metrics
            .iter()
            .map(|m| m.metric.chars().count())
            .max()
            .unwrap_or(0)
            .max(6);
        let cells: Vec<Vec<String>> = self
            .metrics
            .iter()
            .map(|metric| (0..self.runs.len()).map(|i| self.cell(metric, i)).collect())
            .collect();
        let widths: Vec<usize> = (0..self.runs.len())
            .map(|i| {
                let widest = cells.iter().map(|row| row[i].chars().count()).max().unwrap_or(0);
                widest.max(self.runs[i].run.chars().count())
            })
            .collect();
        let mut line = |head: &str, row: &[String]| {
            let _ = write!(out, "{head}{}", " ".repeat(first - head.chars().count()));
            for (cell, width) in row.iter().zip(&widths) {
                let _ = write!(out, "  {}{cell}", " ".repeat(width - cell.chars().count()));
            }
            while out.ends_with(' ') {
                out.pop();
            }
            out.push('\n');
        };
        line(
            "metric",
            &self.runs.iter().map(|run| run.run.clone()).collect::<Vec<_>>(),
        );
        for (metric, row) in self.metrics.iter().zip(&cells) {
            line(&metric.metric, row);
        }
        if self.comparable {
            let _ = writeln!(out, "▲ best   ≈ cannot be told from the best\n");
        }
        for pair in &self.pairs {
            let _ = writeln!(out, "{}", self.sentence(pair));
        }
        for line in self.standings() {
            let _ = writeln!(out, "{line}");
        }
        for (title, differences) in [
            ("protocol differs", &self.protocol_differences),
            ("recipe differs", &self.recipe_differences),
        ] {
            for difference in differences {
                let _ = writeln!(out, "{title}: {}: {}", difference.key, values(difference));
            }
        }
        for note in &self.notes {
            let _ = writeln!(out, "note: {note}");
        }
        out
    }

    /// For a pull request or a page.
    pub fn to_markdown(&self) -> String {
        let mut out = String::from("## Comparison\n\n");
        if let Some(warning) = self.warning() {
            let _ = writeln!(out, "**{warning}**\n");
        }
        if self.runs.iter().any(|run| run.stand_in) {
            let _ = writeln!(
                out,
                "**Stand-in faces: these numbers say nothing about {}.**\n",
                plain(&self.dataset)
            );
        }
        for run in self.runs.iter().filter(|run| run.random_weights) {
            let _ = writeln!(out, "**{}: {}.**\n", plain(&run.run), naming::RANDOM_WARNING);
        }
        let _ = write!(out, "| metric |");
        for run in &self.runs {
            let _ = write!(out, " {} |", plain(&run.run));
        }
        let _ = writeln!(out, "\n|---|{}", "---:|".repeat(self.runs.len()));
        for metric in &self.metrics {
            let _ = write!(out, "| {} |", plain(&metric.metric));
            for i in 0..self.runs.len() {
                let _ = write!(out, " {} |", self.cell(metric, i).trim_end());
            }
            out.push('\n');
        }
        if self.comparable {
            let _ = writeln!(
                out,
                "\n▲ best, ≈ cannot be told from the best. Shares are in per cent.\n"
            );
        }
        for pair in &self.pairs {
            let _ = writeln!(out, "- {}", plain(&self.sentence(pair)));
        }
        for line in self.standings() {
            let _ = writeln!(out, "- {}", plain(&line));
        }
        for (title, differences) in [
            ("Protocol differs", &self.protocol_differences),
            ("Recipe differs", &self.recipe_differences),
        ] {
            for difference in differences {
                let _ = writeln!(
                    out,
                    "- {title}: `{}`: {}",
                    difference.key.replace('`', ""),
                    plain(&values(difference))
                );
            }
        }
        for note in &self.notes {
            let _ = writeln!(out, "- {}", plain(note));
        }
        out
    }
}
