//! A study: every point of a sweep is an ordinary run; data, samples and features are shared through the cache.
//!
//! Points run one after another in this process, or side by side in processes of their own: one for each device, or
//! `jobs` on one. A study that was stopped is continued by the same command, as whole points are found again and the
//! others continue from their checkpoints.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::device::choice::DeviceChoice;
use crate::digest::{Digest, short, stage};
use crate::disk::atomic;
use crate::disk::lock::Lock;
use crate::error::{Context, Error, Result, exit};
use crate::interrupt::Interrupt;
use crate::metric::seeds::OverSeeds;
use crate::naming;
use crate::progress::Progress;
use crate::recipe::{Study, StudyPoint};
use crate::report::{ReportOptions, build};
use crate::there;

use super::data;
use super::others;
use super::portion::{Portion, PortionSummary, Stage};
use super::stages::{Outcome, part};
use super::state::{RunOptions, json};
use super::summary::{Summary, cell};

/// How long a child that was told to stop by Ctrl-C may take to write its checkpoint.
const PATIENCE: Duration = Duration::from_mins(1);

/// How the points of a study run.
pub struct StudyOptions<'a> {
    /// As for one run; `device` may name several (`cuda:0,1`).
    pub run: RunOptions,
    /// What of the work the call does.
    pub portion: Portion,
    /// Processes side by side on one device.
    pub jobs: usize,
    /// Makes the command that computes point `i` on a device, and nothing else.
    pub command: &'a dyn Fn(usize, &str) -> Result<Command>,
}

/// The outcome of a study.
#[derive(Debug, Clone, Serialize)]
pub struct StudySummary {
    /// Version of this object.
    pub schema: u32,
    /// Name of the study.
    pub study: String,
    /// Its folder, with the report over all points.
    pub study_dir: String,
    /// The report's page.
    pub report: String,
    /// True if the faces were generated: the numbers then say nothing about the databases.
    pub stand_in: bool,
    /// The points, in order.
    pub points: Vec<PointSummary>,
    #[serde(skip)]
    title: String,
}

/// One point of a study.
#[derive(Debug, Clone, Serialize)]
pub struct PointSummary {
    /// What was set.
    pub point: BTreeMap<String, serde_json::Value>,
    /// The recipe of `sweep.recipes` that it belongs to.
    pub recipe: Option<String>,
    /// The point in a few words.
    pub label: String,
    /// Its run, as `run` prints one alone.
    #[serde(flatten)]
    pub run: Summary,
}

/// What a call on a study came to.
pub enum StudyOutcome {
    /// Every point is there, and the report over all.
    Study(StudySummary),
    /// A part of the work on every point is done.
    Portion(StudyPortion),
}

/// A part of the work on every point of a study.
#[derive(Debug, Clone, Serialize)]
pub struct StudyPortion {
    /// Version of this object.
    pub schema: u32,
    /// Name of the study.
    pub study: String,
    /// The stage it ended with.
    pub only: Stage,
    /// Whether that stage is done at every point, the shares of others included.
    pub done: bool,
    /// The points, in order.
    pub points: Vec<PortionSummary>,
}

impl StudyPortion {
    /// One line a point for a person.
    pub fn to_text(&self) -> String {
        let lines: Vec<String> = self.points.iter().map(PortionSummary::to_text).collect();
        lines.join("\n")
    }
}

/// Runs every point that is not there yet, and reports on all; or does the part of that that is asked for.
///
/// # Errors
/// As [`part`]; the message says which point failed.
pub fn study(
    study: &Study,
    options: &StudyOptions<'_>,
    progress: Progress,
    interrupt: &Interrupt,
) -> Result<StudyOutcome> {
    check_data(study, &options.run)?;
    prepare(study, &options.run, options.portion, progress, interrupt)?;
    let choice: DeviceChoice = options
        .run
        .device
        .parse()
        .map_err(|message| Error::Usage(format!("device: {message}")))?;
    let devices: Vec<String> = choice.list()?.iter().map(ToString::to_string).collect();
    let workers: Vec<&str> = if devices.len() > 1 {
        devices.iter().map(String::as_str).collect()
    } else {
        devices
            .iter()
            .cycle()
            .take(options.jobs.max(1))
            .map(String::as_str)
            .collect()
    };
    let folder = folder_of(study, &options.run.out)?;
    if workers.len() > 1 {
        // Its logs are those of one call.
        let _lock = Lock::hold(&folder, progress, interrupt)?;
        side_by_side(study, options, &workers, &folder, progress, interrupt)?;
    }
    let mut points = Vec::with_capacity(study.points.len());
    let mut portions = Vec::new();
    for (i, point) in study.points.iter().enumerate() {
        progress.line(&format!("point {} of {}: {}", i + 1, study.points.len(), point.label()));
        let run = RunOptions {
            device: devices.first().unwrap_or(&options.run.device).clone(),
            ..options.run.clone()
        };
        match compute(study, point, &run, options.portion, progress, interrupt)? {
            Outcome::Run(summary) => points.push(PointSummary {
                point: point.manifest(&study.name).point,
                recipe: point.base.clone(),
                label: point.label(),
                run: *summary,
            }),
            Outcome::Portion(portion) => portions.push(portion),
        }
    }
    if let Some(only) = portions.first().map(|portion| portion.only) {
        return Ok(StudyOutcome::Portion(StudyPortion {
            schema: 1,
            study: study.name.clone(),
            only,
            done: portions.iter().all(|portion| portion.done),
            points: portions,
        }));
    }
    let lock = Lock::hold(&folder, progress, interrupt)?;
    let page = report(study, &points, &folder, progress, interrupt)?;
    drop(lock);
    Ok(StudyOutcome::Study(StudySummary {
        schema: 1,
        study: study.name.clone(),
        study_dir: folder.display().to_string(),
        report: page.display().to_string(),
        stand_in: study.stand_in(),
        points,
        title: study.title.clone().unwrap_or_else(|| study.name.clone()),
    }))
}

/// The folder of a study, with the report over all points.
fn folder_of(study: &Study, out: &Path) -> Result<PathBuf> {
    Ok(out.join(format!("{}-study-{}", study.name, short(&study.digest()?))))
}

/// Whether the report over all points is there; whether it is that of the runs that are there, the next call sees.
///
/// # Errors
/// As [`Study::digest`]; [`Error::Io`].
pub(super) fn is_reported(study: &Study, out: &Path) -> Result<bool> {
    there::is_file(&folder_of(study, out)?.join("report").join(".digest"))
}

/// Runs one point alone; what a process of its own does.
///
/// # Errors
/// As [`part`]; [`Error::Usage`] if there is no such point.
pub fn point(
    study: &Study,
    index: usize,
    options: &RunOptions,
    portion: Portion,
    progress: Progress,
    interrupt: &Interrupt,
) -> Result<Outcome> {
    let Some(point) = study.points.get(index) else {
        return Err(Error::Usage(format!(
            "there is no point {index}: the study {} has points 0 to {}",
            study.name,
            study.points.len() - 1
        )));
    };
    compute(study, point, options, portion, progress, interrupt)
}

fn compute(
    study: &Study,
    point: &StudyPoint,
    options: &RunOptions,
    portion: Portion,
    progress: Progress,
    interrupt: &Interrupt,
) -> Result<Outcome> {
    let options = RunOptions {
        sweep: Some(point.manifest(&study.name)),
        ..options.clone()
    };
    part(&point.recipe, &options, portion, progress, interrupt)
        .map_err(|error| error.within(&format!("point {}", point.label())))
}

/// One folder cannot be the root of several databases.
fn check_data(study: &Study, options: &RunOptions) -> Result<()> {
    let mut cards: Vec<&str> = study.points.iter().map(|point| point.recipe.card.id.as_str()).collect();
    cards.sort_unstable();
    cards.dedup();
    if options.data.is_some() && cards.len() > 1 {
        return Err(Error::Usage(format!(
            "one data folder is given, and the study {} reads {}; set the folders of their recipes instead, through the \
             environment variables in dataset.root",
            study.name,
            cards.join(", ")
        )));
    }
    Ok(())
}

/// Finds every point's database and fetches its weights, so that those of the last are not missed after hours of the others.
fn prepare(
    study: &Study,
    options: &RunOptions,
    portion: Portion,
    progress: Progress,
    interrupt: &Interrupt,
) -> Result<()> {
    let needs_weights = portion.only != Some(Stage::Convert);
    for point in study.points.iter().filter(|point| !point.recipe.card.is_table()) {
        let recipe = &point.recipe;
        let fetch = || {
            if needs_weights {
                recipe.encoder.fetched(None, progress, interrupt).map(drop)
            } else {
                Ok(())
            }
        };
        data::check(recipe, options.data.as_deref())
            .and_then(|()| others::check(recipe))
            .and_then(|()| fetch())
            .map_err(|error| error.within(&format!("point {}", point.label())))?;
    }
    Ok(())
}

/// A point in a process of its own.
struct Running<'a> {
    index: usize,
    device: &'a str,
    child: Child,
    log: PathBuf,
}

/// Computes all points in processes of their own, as many at a time as there are workers.
fn side_by_side(
    study: &Study,
    options: &StudyOptions<'_>,
    workers: &[&str],
    folder: &Path,
    progress: Progress,
    interrupt: &Interrupt,
) -> Result<()> {
    let logs = folder.join("logs");
    std::fs::create_dir_all(&logs).at("create the folder", &logs)?;
    // Processes on one processor share its cores.
    let threads = (rayon::current_num_threads() / workers.len()).max(1).to_string();
    let mut free: Vec<&str> = workers.iter().rev().copied().collect();
    let mut waiting: Vec<usize> = (0..study.points.len()).rev().collect();
    let mut running: Vec<Running<'_>> = Vec::new();
    let mut failed: Option<Error> = None;
    let mut stopped_at: Option<Instant> = None;
    loop {
        let mut i = 0;
        while i < running.len() {
            let Some(status) = running[i].child.try_wait().at("wait for", &running[i].log)? else {
                i += 1;
                continue;
            };
            let done = running.swap_remove(i);
            free.push(done.device);
            let label = study.points[done.index].label();
            if status.success() {
                progress.line(&format!(
                    "point {} of {}: {label}: done",
                    done.index + 1,
                    study.points.len()
                ));
            } else if failed.is_none() {
                failed = Some(failure(&label, status.code(), &done.log));
            }
        }
        let stop = failed.is_some() || interrupt.is_raised();
        if stop && running.is_empty() {
            break;
        }
        if interrupt.is_raised() {
            // A closed stdin tells the children; whoever does not end continues from its last checkpoint.
            let since = *stopped_at.get_or_insert_with(|| {
                for process in &mut running {
                    drop(process.child.stdin.take());
                }
                Instant::now()
            });
            if since.elapsed() > PATIENCE {
                for process in &mut running {
                    let _ = process.child.kill();
                }
            }
        }
        while !stop && let (Some(device), Some(index)) = (free.last().copied(), waiting.last().copied()) {
            free.pop();
            waiting.pop();
            let log = logs.join(format!("{}.log", study.points[index].recipe.name));
            let file = File::create(&log).at("write", &log)?;
            let mut command = (options.command)(index, device)?;
            command
                .env("RAYON_NUM_THREADS", &threads)
                // It ends with this process, however that ends: then the other end of its stdin is closed.
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(file);
            progress.line(&format!(
                "point {} of {}: {}: started on {device}",
                index + 1,
                study.points.len(),
                study.points[index].label()
            ));
            let child = command.spawn().at("start", &log)?;
            running.push(Running {
                index,
                device,
                child,
                log,
            });
        }
        if running.is_empty() && waiting.is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    interrupt.check()?;
    failed.map_or(Ok(()), Err)
}

/// What a process said before it failed.
fn failure(label: &str, code: Option<i32>, log: &Path) -> Error {
    let said = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = said.lines().rev().take(12).collect();
    let text = format!(
        "point {label} failed; its log is {}\n{}",
        log.display(),
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    );
    match code.and_then(|code| u8::try_from(code).ok()) {
        Some(exit::USAGE) => Error::Usage(text),
        Some(exit::DEVICE) => Error::Device(text),
        Some(exit::INTERRUPTED) => Error::Interrupted,
        _ => Error::data(text),
    }
}

/// Writes the list of points and the report over all of them, unless they are there for exactly these runs.
fn report(
    study: &Study,
    points: &[PointSummary],
    folder: &Path,
    progress: Progress,
    interrupt: &Interrupt,
) -> Result<PathBuf> {
    let runs: Vec<PathBuf> = points.iter().map(|point| PathBuf::from(&point.run.run_dir)).collect();
    let mut digest = Digest::new("study report")
        .part("options", json(&study.report)?.to_string())
        .part("code", stage::REPORT);
    for run in &runs {
        let stamp = run.join("report").join(".digest");
        digest = digest.part("run", std::fs::read(&stamp).at("read", &stamp)?);
    }
    let digest = digest.finish();
    let out = folder.join("report");
    let (page, stamp) = (out.join("report.html"), out.join(".digest"));
    if there::is_file(&page)? && std::fs::read_to_string(&stamp).is_ok_and(|there| there == digest) {
        return Ok(page);
    }
    let list = serde_json::json!({
        "schema": 1,
        "study": study.name,
        "title": study.title,
        "stand_in": study.stand_in(),
        "points": points
            .iter()
            .map(|point| serde_json::json!({"point": point.point, "recipe": point.recipe, "run": point.run.run}))
            .collect::<Vec<_>>(),
    });
    let path = folder.join("study.json");
    let mut text = serde_json::to_string_pretty(&list).at("encode", &path)?;
    text.push('\n');
    atomic::write(&path, text.as_bytes())?;
    atomic::remove(&stamp)?;
    let options = ReportOptions {
        config: Some(study.report.clone()),
        progress,
        interrupt: interrupt.clone(),
        ..ReportOptions::default()
    };
    let paths = build::build(&runs, &out, &options)?;
    for warning in &paths.warnings {
        progress.line(&format!("            {warning}"));
    }
    if paths.lacking == 0 {
        atomic::write(&stamp, digest.as_bytes())?;
    }
    Ok(paths.html)
}

impl StudySummary {
    /// The table of all points for a person.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        if self.stand_in {
            let _ = writeln!(out, "STAND-IN FACES: these numbers say nothing about the databases");
        }
        for point in self.points.iter().filter(|point| point.run.random_weights) {
            let _ = writeln!(out, "{} ({})", naming::RANDOM_WARNING, point.label);
        }
        let _ = writeln!(
            out,
            "{}: {} points, test split, metrics in per cent, mean ± standard deviation over seeds",
            self.title,
            self.points.len()
        );
        let header = ["point", "metric", "aura", "best rival", "K stable", "converged at"].map(str::to_owned);
        let rows: Vec<[String; 6]> = std::iter::once(header).chain(self.points.iter().map(row)).collect();
        let widths: Vec<usize> = (0..6)
            .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
            .collect();
        for row in &rows {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .enumerate()
                .map(|(column, (text, width))| {
                    if column < 2 {
                        format!("{text:<width$}")
                    } else {
                        format!("{text:>width$}")
                    }
                })
                .collect();
            let _ = writeln!(out, "{}", cells.join("  ").trim_end());
        }
        let _ = write!(out, "report  {}", self.report);
        out
    }
}

fn row(point: &PointSummary) -> [String; 6] {
    let primary = point.run.primary();
    let metric = |name: &str| point.run.metrics.get(name);
    let missing = || "—".to_owned();
    let plain = |metric: Option<&OverSeeds>| {
        metric.map_or_else(missing, |metric| match metric.sd {
            Some(sd) => format!("{:.1} ± {sd:.1}", metric.mean),
            None => format!("{:.0}", metric.mean),
        })
    };
    let rival = point
        .run
        .best_rival()
        .map_or_else(missing, |(name, value)| format!("{:.2} {name}", value * 100.0));
    [
        point.label.clone(),
        primary.to_owned(),
        metric(primary).map_or_else(missing, cell),
        rival,
        plain(metric("k_stable")),
        plain(metric("convergence_epoch")),
    ]
}
