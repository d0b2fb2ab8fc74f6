//! A run beside the printed numbers: difference and verdict, and whether the two may be compared at all.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::metric::special::t_quantile;
use crate::naming;
use crate::query::bins::Bins;
use crate::query::context::QueryContext;
use crate::query::{Table, Value};
use crate::run::manifest::Manifest;

use super::file::{Paper, PaperCell, PaperComparison, PaperTable, SQL};

/// Chance that the run's own spread over seeds alone makes a verdict other than "agrees".
const LEVEL: f64 = 0.05;

/// What a difference says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BesideVerdict {
    /// A count without spread, and the same as printed.
    Equal,
    /// Within what the spread over seeds allows.
    Agrees,
    /// More than printed.
    Above,
    /// Less than printed.
    Below,
    /// One seed has no spread: the difference stands alone.
    OneSeed,
    /// Not every seed of the run has the number.
    Missing,
    /// Other conditions, or the paper does not say which.
    NotComparable,
}

impl BesideVerdict {
    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Agrees => "agrees",
            Self::Above => "above",
            Self::Below => "below",
            Self::OneSeed => "one seed, no verdict",
            Self::Missing => "missing",
            Self::NotComparable => "not comparable",
        }
    }
}

/// One printed number beside a run's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Beside {
    /// Row of the printed table.
    pub row: String,
    /// Its column.
    pub column: String,
    /// The number as printed.
    pub published: f64,
    /// Digits after the point as printed.
    #[serde(skip)]
    pub digits: usize,
    /// The run's, over its seeds; null where a seed lacks it.
    pub value: Option<f64>,
    /// Standard deviation over seeds.
    pub sd: Option<f64>,
    /// `value - published`.
    pub difference: Option<f64>,
    /// What it says.
    pub verdict: BesideVerdict,
}

/// A run beside one printed table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BesideTable {
    /// The paper.
    pub paper: String,
    /// The printed table.
    pub table: String,
    /// Where it stands.
    pub place: String,
    /// The run.
    pub run: String,
    /// Whether its faces were generated.
    pub stand_in: bool,
    /// Whether the encoder's weights were drawn, not trained.
    pub random_weights: bool,
    /// Seeds of the run.
    pub seeds: i64,
    /// Why the numbers may not be compared; empty if they may.
    pub reasons: Vec<String>,
    /// What was taken as the same without being stated.
    pub assumed: Vec<String>,
    /// The numbers.
    pub numbers: Vec<Beside>,
}

/// Sets the runs at or below `runs` beside every printed table of `paper` that has their database and task.
///
/// Two things are kept apart: the difference, always given, and the verdict, given only where the conditions are the same.
/// A condition that the paper does not state counts as different unless `assume` names it.
///
/// # Errors
/// [`Error::Data`] if there is no run or nothing printed belongs to any of them; [`Error::Usage`] if `assume` names
/// nothing that the paper leaves open.
pub fn beside(paper: &Paper, runs: &[PathBuf], assume: &[String]) -> Result<Vec<BesideTable>> {
    let open: BTreeSet<&str> = paper
        .comparisons
        .iter()
        .flat_map(|comparison| comparison.unstated.keys().map(String::as_str))
        .collect();
    if let Some(unknown) = assume.iter().find(|name| !open.contains(name.as_str())) {
        return Err(Error::Usage(format!(
            "assume {unknown}: the paper leaves open {}",
            open.into_iter().collect::<Vec<_>>().join(", ")
        )));
    }
    let query = QueryContext::open(runs)?.with_bins(bins(paper));
    if query.runs().is_empty() {
        let paths: Vec<String> = runs.iter().map(|path| path.display().to_string()).collect();
        return Err(Error::data(format!("no run folder at or below {}", paths.join(", "))));
    }
    let settings = query.query("SELECT run, key, value FROM settings")?;
    let mut tables = Vec::new();
    for comparison in &paper.comparisons {
        let Some(printed) = paper.table(&comparison.table) else {
            continue;
        };
        let of_these = |run: &crate::query::FoundRun| {
            run.manifest.dataset == comparison.dataset && run.manifest.task == comparison.task
        };
        if !query.runs().iter().any(of_these) {
            continue;
        }
        let sql = SQL
            .text(&comparison.sql)
            .ok_or_else(|| Error::Usage(format!("there is no statistic reports/sql/{}", comparison.sql)))?;
        let parameters: Vec<(&str, Value)> = comparison
            .parameters
            .iter()
            .map(|(name, value)| (name.as_str(), Value::Text(value.clone())))
            .collect();
        let result = query.query_with(sql, &parameters)?;
        for run in query.runs().iter().filter(|run| of_these(run)) {
            let reasons = reasons(comparison, &run.manifest, &settings, assume);
            let numbers = numbers(comparison, printed, &result, &run.run, reasons.is_empty());
            if numbers.is_empty() {
                continue;
            }
            tables.push(BesideTable {
                paper: paper.id.clone(),
                table: printed.id.clone(),
                place: printed.place.clone(),
                run: run.run.clone(),
                stand_in: run.manifest.stand_in,
                random_weights: naming::is_random(&run.manifest.encoder),
                seeds: run.manifest.seeds.len() as i64,
                reasons,
                assumed: assume
                    .iter()
                    .filter(|name| comparison.unstated.contains_key(*name))
                    .cloned()
                    .collect(),
                numbers,
            });
        }
    }
    if tables.is_empty() {
        return Err(Error::data(format!(
            "nothing printed in `{}` belongs to these runs; it has numbers for {}",
            paper.id,
            paper
                .comparisons
                .iter()
                .map(|comparison| format!("{} ({})", comparison.dataset, comparison.task))
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect::<Vec<_>>()
                .join(", ")
        )));
    }
    tables.sort_by(|a, b| a.run.cmp(&b.run));
    Ok(tables)
}

/// The bins of the printed tables, so that the runs are counted in the same ones.
fn bins(paper: &Paper) -> Bins {
    let edges = |task: &str| {
        let table = paper
            .comparisons
            .iter()
            .filter(|comparison| comparison.task == task)
            .filter_map(|comparison| paper.table(&comparison.table))
            .find(|table| table.column("low").is_some() && table.column("high").is_some())?;
        let (low, high) = (table.column("low")?, table.column("high")?);
        let mut edges: Vec<f64> = table
            .rows
            .iter()
            .flat_map(|row| [&row.cells[low], &row.cells[high]])
            .filter_map(number)
            .collect();
        edges.sort_by(f64::total_cmp);
        edges.dedup();
        (edges.len() > 1).then_some(edges)
    };
    let own = Bins::default();
    let units: Vec<String> = paper
        .comparisons
        .iter()
        .filter(|comparison| comparison.task == "action_units")
        .filter_map(|comparison| comparison.parameters.get("dimension").cloned())
        .collect();
    Bins {
        affect: edges("valence_arousal").unwrap_or(own.affect),
        activation: edges("action_units").unwrap_or(own.activation),
        units: if units.is_empty() { own.units } else { units },
    }
}

pub(crate) fn number(cell: &PaperCell) -> Option<f64> {
    match cell {
        PaperCell::Number(number) => Some(*number),
        _ => None,
    }
}

/// Why a run may not be compared with a printed table.
fn reasons(comparison: &PaperComparison, run: &Manifest, settings: &Table, assume: &[String]) -> Vec<String> {
    let mut reasons = Vec::new();
    if run.stand_in {
        reasons.push("the faces of the run are generated stand-ins".to_owned());
    }
    if naming::is_random(&run.encoder) {
        reasons.push("the weights of the run's encoder are random".to_owned());
    }
    for (key, stated) in &comparison.stated {
        let own = settings
            .rows
            .iter()
            .find(|row| {
                settings.get(row, "run").as_str() == Some(run.run.as_str())
                    && settings.get(row, "key").as_str() == Some(key.as_str())
            })
            .and_then(|row| settings.get(row, "value").as_str());
        match own {
            Some(own) if same(own, stated) => {}
            Some(own) => reasons.push(format!("{key} is {own} in the run, {stated} in the paper")),
            None => reasons.push(format!("the run does not say {key}, which is {stated} in the paper")),
        }
    }
    for (name, what) in &comparison.unstated {
        if !assume.contains(name) {
            reasons.push(format!("the paper does not say {what} (to be assumed: {name})"));
        }
    }
    reasons
}

/// Whether two settings are the same, as numbers where both are.
fn same(own: &str, stated: &str) -> bool {
    match (own.parse::<f64>(), stated.parse::<f64>()) {
        (Ok(own), Ok(stated)) => (own - stated).abs() <= 1e-12 * stated.abs(),
        _ => own == stated,
    }
}

pub(crate) fn numbers(
    comparison: &PaperComparison,
    printed: &PaperTable,
    result: &Table,
    run: &str,
    comparable: bool,
) -> Vec<Beside> {
    let mut numbers = Vec::new();
    for row in result
        .rows
        .iter()
        .filter(|row| result.get(row, "run").as_str() == Some(run))
    {
        let place = printed.rows.iter().find(|candidate| {
            comparison.matches.iter().all(|name| {
                let own = result.get(row, name);
                if name == "row" {
                    return own.as_str() == Some(candidate.name.as_str());
                }
                let theirs = printed.column(name).and_then(|column| number(&candidate.cells[column]));
                match (own.as_f64(), theirs) {
                    (Some(own), Some(theirs)) => (own - theirs).abs() < 1e-9,
                    _ => false,
                }
            })
        });
        let Some(place) = place else { continue };
        let seeds = result.get(row, "seeds").as_f64().unwrap_or(1.0);
        for (c, column) in printed.columns.iter().enumerate() {
            let (Some(own), Some(published)) = (comparison.columns.get(&column.name), number(&place.cells[c])) else {
                continue;
            };
            let value = result.get(row, own).as_f64().filter(|value| value.is_finite());
            let has_spread = result.column(&format!("{own}_sd")).is_some();
            let sd = result
                .get(row, &format!("{own}_sd"))
                .as_f64()
                .filter(|sd| sd.is_finite());
            numbers.push(Beside {
                row: place.name.clone(),
                column: column.title.clone(),
                published,
                digits: column.digits,
                value,
                sd,
                difference: value.map(|value| value - published),
                verdict: match value {
                    None => BesideVerdict::Missing,
                    Some(_) if !comparable => BesideVerdict::NotComparable,
                    Some(value) => judge(published, column.digits, value, has_spread, sd, seeds),
                },
            });
        }
    }
    numbers
}

/// The verdict on comparable numbers. Where seeds have a spread, the printed number is taken for one more draw: it agrees
/// if it lies within the prediction interval mean ± t·sd·√(1 + 1/n), widened by half a unit of its last digit.
fn judge(published: f64, digits: usize, value: f64, has_spread: bool, sd: Option<f64>, seeds: f64) -> BesideVerdict {
    let rounding = 0.5 * 10f64.powi(-(digits as i32)) + 1e-9;
    let difference = value - published;
    let allowed = match (has_spread, sd) {
        (false, _) => rounding,
        (true, None) => return BesideVerdict::OneSeed,
        (true, Some(sd)) => rounding + t_quantile(1.0 - LEVEL / 2.0, seeds - 1.0) * sd * (1.0 + 1.0 / seeds).sqrt(),
    };
    if difference.abs() <= allowed {
        if has_spread {
            BesideVerdict::Agrees
        } else {
            BesideVerdict::Equal
        }
    } else if difference > 0.0 {
        BesideVerdict::Above
    } else {
        BesideVerdict::Below
    }
}

impl BesideTable {
    /// The table for people.
    pub fn to_text(&self) -> String {
        let mut text = format!(
            "{} · {}{}{} · {} seed{}\n",
            self.place,
            self.run,
            if self.stand_in { " · STAND-IN" } else { "" },
            if self.random_weights { " · RANDOM WEIGHTS" } else { "" },
            self.seeds,
            if self.seeds == 1 { "" } else { "s" }
        );
        let head = ["row", "number", "published", "run", "difference", "verdict"].map(str::to_owned);
        let lines: Vec<[String; 6]> = std::iter::once(head)
            .chain(self.numbers.iter().map(|beside| {
                let digits = beside.digits.max(usize::from(beside.sd.is_some()));
                let run = match (beside.value, beside.sd) {
                    (Some(value), Some(sd)) => format!("{value:.digits$} ± {sd:.digits$}"),
                    (Some(value), None) => format!("{value:.digits$}"),
                    (None, _) => "—".to_owned(),
                };
                [
                    beside.row.clone(),
                    beside.column.clone(),
                    format!("{:.*}", beside.digits, beside.published),
                    run,
                    beside
                        .difference
                        .map_or("—".to_owned(), |difference| format!("{difference:+.digits$}")),
                    beside.verdict.as_str().to_owned(),
                ]
            }))
            .collect();
        let widths: Vec<usize> = (0..6)
            .map(|i| lines.iter().map(|line| line[i].chars().count()).max().unwrap_or(0))
            .collect();
        for line in &lines {
            let mut out = String::new();
            for (i, cell) in line.iter().enumerate() {
                let pad = " ".repeat(widths[i] - cell.chars().count());
                let right = (2..5).contains(&i);
                out.push_str(&if right {
                    format!("  {pad}{cell}")
                } else {
                    format!("  {cell}{pad}")
                });
            }
            text.push_str(out.trim_end());
            text.push('\n');
        }
        if !self.assumed.is_empty() {
            text.push_str(&format!("  assumed to be the same: {}\n", self.assumed.join(", ")));
        }
        for reason in &self.reasons {
            text.push_str(&format!("  not comparable: {reason}\n"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_follow_the_spread() {
        // t(0.975, 2) = 4.3027; the interval for one more draw: 4.3027 · 0.5 · √(4/3) = 2.484, widened by 0.05.
        assert_eq!(judge(94.0, 1, 91.5, true, Some(0.5), 3.0), BesideVerdict::Agrees);
        assert_eq!(judge(94.0, 1, 91.4, true, Some(0.5), 3.0), BesideVerdict::Below);
        assert_eq!(judge(94.0, 1, 96.6, true, Some(0.5), 3.0), BesideVerdict::Above);
        assert_eq!(judge(94.0, 1, 94.0, true, None, 1.0), BesideVerdict::OneSeed);
        assert_eq!(judge(705.0, 0, 705.0, false, None, 3.0), BesideVerdict::Equal);
        assert_eq!(judge(705.0, 0, 706.0, false, None, 3.0), BesideVerdict::Above);
    }

    #[test]
    fn settings_are_compared_as_numbers_where_they_are() {
        assert!(same("0.0001", "1e-4") && same("1", "1.0") && same("clip", "clip"));
        assert!(!same("hog", "clip") && !same("0.1", "0.2"));
    }
}
