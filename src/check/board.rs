//! Runs ranked side by side: those of one protocol and of the same test samples together, all others apart.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use crate::error::Result;
use crate::metric::Bootstrap;
use crate::metric::compare::{Resampled, holm};
use crate::metric::panel::Panel;
use crate::metric::seeds::{self, OverSeeds};
use crate::naming;

use super::baseline::headline;
use super::evidence::{self, LEVEL};
use super::facts::{Facts, differing};

/// Version of [`Board`] as JSON.
pub const SCHEMA: u32 = 1;

/// Runs in groups; ranks mean something within a group alone.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(title = "aura-bench leaderboard, as JSON")]
pub struct Board {
    /// Version of this object: 1.
    pub schema: u32,
    /// One for each database, protocol and set of test samples, in the order of their databases.
    pub groups: Vec<Group>,
}

/// Runs of one protocol on the same test samples.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Group {
    /// The database.
    pub dataset: String,
    /// The task.
    pub task: String,
    /// Whether the faces were generated: the numbers then say nothing about the database.
    pub stand_in: bool,
    /// The metric by which runs are ranked, a fraction; larger is better.
    pub metric: String,
    /// Further metrics, in the order of [`Entry::others`].
    pub others: Vec<String>,
    /// Test samples that the numbers rest on, over all folds.
    pub samples: u64,
    /// Key under which numbers may be ranked side by side.
    pub protocol_digest: String,
    /// What the protocol says, by dotted key.
    pub protocol: BTreeMap<String, String>,
    /// Of a further group of the same database and task: in which keys its protocol is another than that of the first, or that the test
    /// samples are others.
    pub apart: Vec<String>,
    /// The runs, the best first.
    pub entries: Vec<Entry>,
}

/// One run of a group.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Entry {
    /// Folder name.
    pub run: String,
    /// The folder.
    pub run_dir: String,
    /// The method: `aura`, or the tool whose predictions were scored.
    pub method: String,
    /// Its title, for people.
    pub title: String,
    /// First and last rank that it may have: no run that is better by more than chance stands behind it, and none that is worse before.
    pub rank: [usize; 2],
    /// The metric over seeds.
    pub value: OverSeeds,
    /// Lower end of its 95 % interval, given the test samples and, with several, the seeds.
    pub low: Option<f64>,
    /// Upper end of its 95 % interval.
    pub high: Option<f64>,
    /// Further metrics; null where the run has none of this name.
    pub others: Vec<Option<OverSeeds>>,
    /// How far it is behind the first; null of the first itself.
    pub behind: Option<Behind>,
    /// Test samples without a prediction, of predictions made elsewhere.
    pub missing_samples: u64,
    /// Whether the encoder's weights were drawn instead of trained: the numbers mean nothing.
    pub random_weights: bool,
}

/// How far a run is behind the first of its group.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub struct Behind {
    /// The first minus this one.
    pub difference: f64,
    /// Lower end of the 95 % interval of the difference.
    pub low: Option<f64>,
    /// Upper end of the 95 % interval of the difference.
    pub high: Option<f64>,
    /// p-value after Holm's correction over all pairs of the group: the larger of that over the samples and that over the seeds.
    pub p_holm: f64,
    /// Whether that is below 0.05.
    pub significant: bool,
}

/// Reads the runs at `paths`, each once, and ranks them.
///
/// # Errors
/// As [`Facts::open`]; [`crate::Error::Interrupted`].
pub fn board(paths: &[PathBuf], bootstrap: &Bootstrap) -> Result<Board> {
    let mut runs: Vec<Facts> = Vec::new();
    for path in paths {
        for run in Facts::open(std::slice::from_ref(path))? {
            if runs.iter().all(|there| there.path != run.path) {
                runs.push(run);
            }
        }
    }
    let mut groups: BTreeMap<(String, String, bool, String, String), Vec<Facts>> = BTreeMap::new();
    for run in runs {
        let manifest = &run.manifest;
        let key = (
            manifest.dataset.clone(),
            manifest.task.clone(),
            manifest.stand_in,
            manifest.protocol_digest.clone(),
            run.predictions.samples_digest(),
        );
        groups.entry(key).or_default().push(run);
    }
    let mut groups: Vec<Vec<Facts>> = groups.into_values().collect();
    // Of a database and task, the protocol that most runs follow comes first.
    groups.sort_by(|a, b| {
        let of = |runs: &[Facts]| {
            let manifest = &runs[0].manifest;
            (manifest.dataset.clone(), manifest.task.clone(), manifest.stand_in)
        };
        of(a).cmp(&of(b)).then(b.len().cmp(&a.len()))
    });
    let mut ranked: Vec<Group> = Vec::with_capacity(groups.len());
    for runs in &groups {
        let mut group = Group::rank(runs, bootstrap)?;
        let first = ranked.iter().find(|first| {
            first.dataset == group.dataset && first.task == group.task && first.stand_in == group.stand_in
        });
        if let Some(first) = first {
            group.apart = differing(&first.protocol, &group.protocol);
            if group.apart.is_empty() {
                group.apart = vec!["the test samples or their labels differ".to_owned()];
            }
        }
        ranked.push(group);
    }
    Ok(Board {
        schema: SCHEMA,
        groups: ranked,
    })
}

impl Group {
    fn rank(runs: &[Facts], bootstrap: &Bootstrap) -> Result<Self> {
        let first = &runs[0];
        let names = headline(first.task);
        let metric = first.task.primary_metric();
        let others: Vec<String> = names
            .iter()
            .filter(|name| **name != metric)
            .map(|name| (*name).to_owned())
            .collect();
        let panels: Vec<Panel<'_>> = first
            .predictions
            .folds
            .iter()
            .map(|(fold, samples)| Panel {
                targets: &samples.targets,
                methods: runs
                    .iter()
                    .map(|run| run.predictions.folds.get(fold))
                    .map(|of_fold| of_fold.map_or_else(Vec::new, |of_fold| of_fold.outputs.values().collect()))
                    .collect(),
                subjects: &samples.subjects,
            })
            .collect();
        let resampled = Resampled::new(metric, &panels, bootstrap)?;
        let seeds: Vec<Vec<f64>> = runs.iter().map(|run| run.of(metric).into_values().collect()).collect();
        let mut order: Vec<usize> = (0..runs.len()).collect();
        let value = |run: usize| resampled.alone(run).0;
        order.sort_by(|&a, &b| {
            value(b)
                .total_cmp(&value(a))
                .then_with(|| runs[a].path.cmp(&runs[b].path))
        });
        // Every pair, the better run first.
        let mut pairs: BTreeMap<(usize, usize), Behind> = BTreeMap::new();
        for (place, &better) in order.iter().enumerate() {
            for &worse in &order[place + 1..] {
                let paired = resampled.paired(worse, better);
                let of_seeds = evidence::over_seeds(&seeds[worse], &seeds[better], bootstrap.level);
                let interval = match (paired.interval, of_seeds) {
                    (Some(samples), Some(seeds)) => Some(evidence::both(paired.difference, samples, seeds)),
                    (one, other) => one.or(other),
                };
                let p = seeds::welch_p(&seeds[worse], &seeds[better]).map_or(paired.p, |p| p.max(paired.p));
                let behind = Behind {
                    difference: paired.difference,
                    low: interval.map(|interval| interval.low),
                    high: interval.map(|interval| interval.high),
                    p_holm: p,
                    significant: false,
                };
                pairs.insert((better, worse), behind);
            }
        }
        let p: Vec<f64> = pairs.values().map(|pair| pair.p_holm).collect();
        for (pair, p) in pairs.values_mut().zip(holm(&p)) {
            pair.p_holm = p;
            pair.significant = p < LEVEL;
        }
        let entries = order
            .iter()
            .map(|&at| {
                let run = &runs[at];
                let surely =
                    |better: usize, worse: usize| pairs.get(&(better, worse)).is_some_and(|pair| pair.significant);
                let before = (0..runs.len()).filter(|&other| surely(other, at)).count();
                let after = (0..runs.len()).filter(|&other| surely(at, other)).count();
                let (mean, interval) = resampled.alone(at);
                let interval = interval.map(|samples| match seeds::mean_interval(&seeds[at], bootstrap.level) {
                    Some(seeds) => evidence::both(mean, samples, seeds),
                    None => samples,
                });
                let manifest = &run.manifest;
                let scored = manifest.scored.as_ref();
                let title = scored.map(|scored| &scored.title).filter(|title| !title.is_empty());
                Entry {
                    run: manifest.run.clone(),
                    run_dir: run.place.clone(),
                    method: manifest.method().to_owned(),
                    title: title.cloned().unwrap_or_else(|| match scored {
                        Some(scored) => scored.tool.clone(),
                        None => match naming::title(&manifest.encoder) {
                            Some(encoder) => format!("AURA on {encoder}"),
                            None => "AURA".to_owned(),
                        },
                    }),
                    rank: [before + 1, runs.len() - after],
                    value: OverSeeds::of(&seeds[at]).unwrap_or(OverSeeds {
                        mean,
                        sd: None,
                        seeds: Vec::new(),
                    }),
                    low: interval.map(|interval| interval.low),
                    high: interval.map(|interval| interval.high),
                    others: others
                        .iter()
                        .map(|name| OverSeeds::of(&run.of(name).into_values().collect::<Vec<f64>>()))
                        .collect(),
                    behind: pairs.get(&(order[0], at)).copied(),
                    missing_samples: scored.map_or(0, |scored| scored.missing_samples),
                    random_weights: naming::is_random(&manifest.encoder),
                }
            })
            .collect();
        let manifest = &first.manifest;
        Ok(Self {
            dataset: manifest.dataset.clone(),
            task: manifest.task.clone(),
            stand_in: manifest.stand_in,
            metric: metric.to_owned(),
            others,
            samples: first.predictions.samples() as u64,
            protocol_digest: manifest.protocol_digest.clone(),
            protocol: first.protocol(),
            apart: Vec::new(),
            entries,
        })
    }
}
