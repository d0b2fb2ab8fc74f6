//! Every stage behind the features at the real size of a database, with drawn features: processor time, memory, growth.
//!
//! ```sh
//! cargo bench --features inside --bench rehearsal                                   # 20,000 and 80,000 rows of each task
//! cargo bench --features inside --bench rehearsal -- --task valence_arousal --rows 320739 --dims 512
//! cargo bench --features inside --bench rehearsal -- --task action_units --rows 130814 --dims 768 --tokens 196 --people 27
//! ```
//!
//! For a quarter of the rows and for all of them a feature table is drawn and written, the file of its rows is made, AURA is
//! trained for `--epochs` passes (1) with all that comes after, and every rival is chosen and fitted. Printed for each stage:
//! seconds by the clock and of the processor, the largest resident memory, microseconds of the processor a row, and the exponent
//! with which its time grew from the quarter to the whole. Fails if a stage of more than three seconds grew with an exponent above
//! 1.15, or if the memory of a stage is above what `aura-bench validate` announces. `--people N` names subjects and makes
//! three folds of them, of which the first is run; `--only train,knn` runs some stages; `--one-size` leaves the quarter out;
//! `--keep DIR` keeps the tables there for the next call.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark that cannot go on should stop, and it reports"
)]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array, Int8Array, Int32Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use aura_bench::inside::{
    Dtype, Encoded, FeatureMetadata, FeatureTable, FittingConfig, LoadOptions, LossConfig, Meter, Method, ModelConfig,
    PartMetadata, PartWriter, RivalConfig, Rivals, Sampling, Seeds, Selection, Setup, Size, Spent, SplitSets, Task,
    TokenShape, TrainConfig, cpu, part_path,
};
use aura_bench::{Interrupt, Progress};
use serde_json::json;

// As the program allocates (`src/main.rs`), so that what is measured is its time and its memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Growth above which a stage is said to be super-linear: twice the rows may cost 2.22 times as much.
const STEEPEST: f64 = 1.15;
/// Seconds below which growth is noise.
const NOISE: f64 = 3.0;
/// Samples to test on, at most: databases grow, their test splits hardly.
const TESTED: usize = 4_000;
/// Rows of a part.
const PART: usize = 4096;

struct Options {
    tasks: Vec<Task>,
    rows: usize,
    dims: usize,
    tokens: usize,
    people: usize,
    epochs: usize,
    one_size: bool,
    only: Vec<String>,
    keep: Option<PathBuf>,
}

impl Options {
    fn read() -> Self {
        let mut options = Self {
            tasks: vec![Task::Expression, Task::ValenceArousal, Task::ActionUnits],
            rows: 80_000,
            dims: 512,
            tokens: 0,
            people: 0,
            epochs: 1,
            one_size: false,
            only: Vec::new(),
            keep: None,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            let mut value = || arguments.next().unwrap_or_else(|| panic!("{name} needs a value"));
            let number = |text: String| text.replace(['_', ','], "").parse().unwrap();
            match name.as_str() {
                "--task" => {
                    let wanted = value();
                    options.tasks.retain(|task| task.name() == wanted);
                    assert!(!options.tasks.is_empty(), "no task {wanted}");
                }
                "--rows" => options.rows = number(value()),
                "--dims" => options.dims = number(value()),
                "--tokens" => options.tokens = number(value()),
                "--people" => options.people = number(value()),
                "--epochs" => options.epochs = number(value()),
                "--only" => options.only = value().split(',').map(str::to_owned).collect(),
                "--keep" => options.keep = Some(value().into()),
                "--one-size" => options.one_size = true,
                // Of cargo itself.
                "--bench" => {}
                other => panic!("unknown option {other}"),
            }
        }
        options
    }

    /// Samples to test on, as many of a quarter of the rows as of all.
    fn tested(&self) -> usize {
        (self.rows / 40).clamp(1, TESTED)
    }

    fn wants(&self, stage: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == stage)
    }
}

/// A reproducible stream of numbers (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From −1 to 1.
    fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
}

const CLASSES: [&str; 7] = ["neutral", "happy", "sad", "surprise", "fear", "disgust", "anger"];
const UNITS: [&str; 8] = ["au01", "au02", "au04", "au06", "au09", "au12", "au25", "au26"];
/// Hidden causes of labels and features.
const CAUSES: usize = 12;

/// Writes a feature table: a dozen causes of each sample make its labels and, through one fixed loading, its features.
fn draw(options: &Options, task: Task, rows: usize, folder: &Path) {
    let mut numbers = Numbers(7);
    let values = options.tokens * options.dims;
    let loading: Vec<f32> = (0..CAUSES * options.dims).map(|_| numbers.unit()).collect();
    let side = (options.tokens as f64).sqrt() as usize;
    let metadata = FeatureMetadata {
        digest: format!(
            "rehearsal {} {rows} {} {} {} {}",
            task.name(),
            options.dims,
            options.tokens,
            options.tested(),
            options.people
        ),
        encoder_name: "drawn".into(),
        encoder_digest: String::new(),
        encoder: json!({"kind": "drawn"}),
        preprocessing: json!({}),
        dtype: Dtype::F16,
        global_dim: options.dims,
        tokens: (values > 0).then(|| TokenShape {
            rows: side,
            cols: options.tokens / side,
            width: options.dims,
        }),
        samples_digest: String::new(),
        samples: Some(json!({"classes": CLASSES})),
        samples_rows: rows,
        part_rows: PART,
        parts: rows.div_ceil(PART),
    };
    let mut fields = vec![
        Field::new("sample_id", DataType::Utf8, true),
        Field::new("split", DataType::Utf8, true),
        Field::new("subject", DataType::Utf8, true),
        Field::new("fold", DataType::Int32, true),
    ];
    let names: Vec<&str> = match task {
        Task::Expression => vec!["expression"],
        Task::ValenceArousal => vec!["valence", "arousal"],
        Task::ActionUnits => UNITS.to_vec(),
    };
    let kind = if task == Task::Expression {
        DataType::Int8
    } else {
        DataType::Float32
    };
    fields.extend(names.iter().map(|&name| Field::new(name, kind.clone(), true)));
    let schema = Arc::new(Schema::new(fields));
    for index in 0..metadata.parts {
        let range = metadata.range(index);
        let path = part_path(folder, index);
        let mut writer = PartWriter::new(File::create(&path).unwrap(), &schema, &metadata, &path).unwrap();
        for start in range.clone().step_by(64) {
            let block = start..(start + 64).min(range.end);
            let mut causes: Vec<Vec<f32>> = Vec::new();
            let mut features = Vec::new();
            for _ in block.clone() {
                let own: Vec<f32> = (0..CAUSES).map(|_| numbers.unit() + numbers.unit()).collect();
                let mut vector = |gain: f32| -> Vec<f32> {
                    let signal = |d: usize| own.iter().zip(&loading[d * CAUSES..]).map(|(a, b)| a * b).sum::<f32>();
                    // In quarters, so that a table of all patches, written twice, fits the disk of whoever rehearses.
                    let quarters = |value: f32| (4.0 * value).round() / 4.0;
                    (0..options.dims)
                        .map(|d| quarters(gain * signal(d) + 2.0 * numbers.unit()))
                        .collect()
                };
                features.push(Encoded {
                    global: vector(0.5),
                    tokens: (values > 0).then(|| {
                        (0..options.tokens)
                            .flat_map(|token| vector(0.1 * (token % 5) as f32))
                            .collect()
                    }),
                });
                causes.push(own);
            }
            let person = |row: usize| row * options.people / rows;
            let text = |of: &dyn Fn(usize) -> Option<String>| -> ArrayRef {
                Arc::new(block.clone().map(of).collect::<StringArray>())
            };
            let folded = options.people > 0;
            let mut columns: Vec<ArrayRef> = vec![
                text(&|row| Some(format!("{row:08}.jpg"))),
                text(&|row| {
                    Some(
                        if row % 10 == 9 && row < 10 * options.tested() {
                            "test"
                        } else {
                            "train"
                        }
                        .to_owned(),
                    )
                }),
                text(&|row| folded.then(|| format!("person-{:02}", person(row)))),
                Arc::new(
                    block
                        .clone()
                        .map(|row| folded.then(|| person(row) as i32 % 3 + 1))
                        .collect::<Int32Array>(),
                ),
            ];
            let cause = |at: usize, c: usize| causes[at][c];
            match task {
                Task::Expression => columns.push(Arc::new(Int8Array::from_iter_values((0..block.len()).map(|at| {
                    let best = (0..CLASSES.len()).max_by(|&a, &b| cause(at, a).total_cmp(&cause(at, b)));
                    best.unwrap_or(0) as i8
                })))),
                Task::ValenceArousal => columns.extend((0..2).map(|c| -> ArrayRef {
                    let one = |at: usize| (cause(at, c) + 0.3 * cause(at, c + 2)).tanh();
                    Arc::new(Float32Array::from_iter_values((0..block.len()).map(one)))
                })),
                Task::ActionUnits => columns.extend((0..UNITS.len()).map(|c| -> ArrayRef {
                    let one = |at: usize| if cause(at, c) > 0.8 { 4.0 } else { 0.0 };
                    Arc::new(Float32Array::from_iter_values((0..block.len()).map(one)))
                })),
            }
            writer
                .write(&RecordBatch::try_new(Arc::clone(&schema), columns).unwrap(), &features)
                .unwrap();
        }
        let part = PartMetadata {
            index,
            rows: range.len(),
            rejects: Vec::new(),
        };
        writer.finish(&part).unwrap();
    }
}

/// Stages in order, with what each cost.
type Costs = Vec<(String, Spent)>;

fn load(options: &Options, task: Task, folder: &Path) -> SplitSets {
    let loading = LoadOptions {
        tokens: options.tokens > 0,
        fold: (options.people > 0).then_some(1),
        ..LoadOptions::new(task)
    };
    FeatureTable::open(folder).unwrap().load(&loading).unwrap().sets
}

/// One size from the table to the rivals.
fn rehearse(options: &Options, task: Task, rows: usize) -> Costs {
    let scratch = tempfile::tempdir().unwrap();
    let folder = match &options.keep {
        Some(keep) => keep.join(format!(
            "{}-{rows}-{}-{}-{}-{}",
            task.name(),
            options.dims,
            options.tokens,
            options.tested(),
            options.people
        )),
        None => scratch.path().join("table"),
    };
    let mut costs = Costs::new();
    let mut stage = |name: &str, work: &mut dyn FnMut()| {
        let meter = Meter::start();
        work();
        let spent = meter.spent();
        // The table comes at the end; this says meanwhile how far it is.
        println!("{rows} rows, {name}: {spent:?}");
        costs.push((name.to_owned(), spent));
    };
    let whole = folder.join("whole");
    if !whole.is_file() {
        std::fs::create_dir_all(&folder).unwrap();
        stage("draw", &mut || draw(options, task, rows, &folder));
        std::fs::write(whole, "").unwrap();
    }
    let mut sets = None;
    stage("load", &mut || sets = Some(load(options, task, &folder)));
    let sets = sets.unwrap();
    let (device, interrupt, fitting) = (cpu(), Interrupt::default(), FittingConfig::default());
    if options.wants("train") {
        let setup = Setup {
            task,
            method: Method::Paper,
            model: ModelConfig::default(),
            loss: LossConfig::default(),
            train: TrainConfig {
                epochs: options.epochs,
                ..TrainConfig::default()
            },
            selection: Selection::Last,
            sampling: Sampling::Plain,
            fitting: fitting.clone(),
        };
        stage("train", &mut || {
            let seeds = Seeds::new(&sets, &setup, &device, Progress::hidden(), &interrupt);
            drop(seeds.train(0, scratch.path()).unwrap());
        });
    }
    let all = RivalConfig::default();
    let rivals = Rivals::new(&sets, &all, &fitting, &device, Progress::hidden(), &interrupt);
    let rivals = rivals.names().unwrap();
    for name in rivals.into_iter().filter(|name| options.wants(name)) {
        let config = RivalConfig {
            methods: vec![name.clone()],
            ..RivalConfig::default()
        };
        stage(&name, &mut || {
            let mut rivals = Rivals::new(&sets, &config, &fitting, &device, Progress::hidden(), &interrupt);
            drop(rivals.of_seed(0).unwrap());
        });
    }
    costs
}

fn main() {
    let options = Options::read();
    let mut failed = false;
    for &task in &options.tasks {
        let sizes = if options.one_size {
            vec![options.rows]
        } else {
            vec![options.rows / 4, options.rows]
        };
        let runs: Vec<Costs> = sizes.iter().map(|&rows| rehearse(&options, task, rows)).collect();
        let rivals = RivalConfig::default();
        let size = Size {
            task,
            rows: options.rows,
            global: options.dims,
            tokens: options.tokens,
            token_width: options.dims,
            value_bytes: 2,
            width: ModelConfig::default().width,
            hidden: ModelConfig::default().hidden,
            batch: TrainConfig::default().batch_for(task, options.rows),
            rivals: true,
            folds: FittingConfig::default().folds,
            kernel_ridge: (task != Task::Expression).then_some(rivals.kernel_ridge.exact),
            svm: (task == Task::Expression).then_some(rivals.svm.exact),
            tuned: None,
        };
        let bound = size.memory();
        println!(
            "\n{}: {} rows of {} values{}; at most {} MiB announced",
            task.name(),
            options.rows,
            options.dims,
            if options.tokens > 0 {
                format!(" and {} tokens", options.tokens)
            } else {
                String::new()
            },
            bound >> 20
        );
        println!(
            "{:<22}{:>10}{:>12}{:>10}{:>12}{:>10}",
            "stage", "seconds", "processor", "MiB", "us a row", "growth"
        );
        let last = &runs[runs.len() - 1];
        for (name, spent) in last {
            let cpu = spent.cpu_seconds.unwrap_or(spent.seconds);
            let memory = spent.peak_memory_bytes.unwrap_or(0);
            let quarter = runs[..runs.len() - 1].iter().flatten().find(|(other, _)| other == name);
            let growth = quarter
                .map(|(_, before)| (cpu / before.cpu_seconds.unwrap_or(before.seconds).max(0.01)).ln() / 4.0_f64.ln());
            let steep = growth.is_some_and(|growth| growth > STEEPEST) && cpu > NOISE;
            let large = memory > bound;
            failed |= steep || large;
            println!(
                "{name:<22}{:>10.1}{cpu:>12.1}{:>10}{:>12.1}{:>10}{}{}",
                spent.seconds,
                memory >> 20,
                cpu * 1e6 / options.rows as f64,
                growth.map_or_else(|| "-".to_owned(), |growth| format!("{growth:.2}")),
                if steep { "  super-linear" } else { "" },
                if large { "  above the bound" } else { "" },
            );
        }
    }
    assert!(!failed, "a stage grew too fast or took too much memory");
}
