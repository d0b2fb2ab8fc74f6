//! What a stand-in promises: the layout, the proportions, the truth, the same bytes.

mod affectnet;
mod disfa;
mod emotionet;
mod rafdb;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Float32Type, Int8Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;

use crate::dataset::Card;
use crate::dataset::conversion::Conversion;
use crate::dataset::options::ConvertOptions;
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::task::Split;

use super::action_units::{ACTION_UNITS, Expression};
use super::draw::identity::{Identity, Shot};
use super::draw::photo::photograph;
use super::generate::{StandinReport, forms, generate, layout, render};
use super::modes::Emotion;
use super::options::StandinOptions;
use super::plan::{Plan, apportion, stream};
use super::plan::{Purpose, Sample};
use crate::dataset::generated::{STAND_IN_FILE, TRUTH_FILE};

fn options(samples: usize) -> StandinOptions {
    StandinOptions {
        samples,
        seed: 11,
        label_noise: 0.1,
        size: Some(40),
        ..StandinOptions::default()
    }
}

fn run(options: &StandinOptions, out: &Path) -> Result<StandinReport> {
    generate(options, out, &Progress::hidden(), &Interrupt::default())
}

fn plan_of(options: &StandinOptions) -> Plan {
    let layout = layout(options).unwrap();
    layout.plan(options, layout.size()).unwrap()
}

/// Every file below `root` with its bytes.
fn tree(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                files.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    files
}

/// Converts a tree with the program's own adapter.
fn convert(card: &str, root: &Path, out: &Path) -> Conversion {
    crate::dataset::convert(
        &Card::load(card).unwrap(),
        root,
        &ConvertOptions::default(),
        out,
        &Progress::hidden(),
        &Interrupt::default(),
    )
    .unwrap()
}

fn table(path: &Path) -> RecordBatch {
    let file = std::fs::File::open(path).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    arrow::compute::concat_batches(&batches[0].schema(), &batches).unwrap()
}

fn strings(batch: &RecordBatch, name: &str) -> Vec<String> {
    let column = arrow::compute::cast(batch.column_by_name(name).unwrap(), &arrow::datatypes::DataType::Utf8).unwrap();
    column
        .as_string::<i32>()
        .iter()
        .map(|text| text.unwrap().to_owned())
        .collect()
}

fn truth(root: &Path) -> RecordBatch {
    table(&root.join(TRUTH_FILE))
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let report = run(&options(40), folders[0].path()).unwrap();
    assert_eq!((report.samples, report.drawn, report.cached), (40, 40, false));
    // One thread draws what several drew.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    pool.install(|| run(&options(40), folders[1].path())).unwrap();
    let first = tree(folders[0].path());
    assert_eq!(first, tree(folders[1].path()));
    assert_eq!(first.len(), 44, "40 images, labels, truth, marker, digests");

    let other = tempfile::tempdir().unwrap();
    let changed = StandinOptions {
        seed: 12,
        ..options(40)
    };
    run(&changed, other.path()).unwrap();
    let second = tree(other.path());
    let image = "basic/Image/aligned/train_00001_aligned.jpg";
    assert_ne!(first[image], second[image]);
}

#[test]
fn an_image_does_not_depend_on_how_many_there_are() {
    let samples = plan_of(&options(60)).samples;
    let one = render(&samples[5], 40, 11).unwrap();
    assert_eq!(one, render(&samples[5], 40, 11).unwrap());
    let decoded = image::load_from_memory(&one).unwrap();
    assert_eq!((decoded.width(), decoded.height()), (40, 40));
}

#[test]
fn a_second_call_finds_the_tree_complete() {
    let folder = tempfile::tempdir().unwrap();
    let first = run(&options(20), folder.path()).unwrap();
    let before = tree(folder.path());
    let second = run(&options(20), folder.path()).unwrap();
    assert!(second.cached && second.drawn == 0);
    assert_eq!((first.by_class, first.flipped), (second.by_class, second.flipped));
    assert_eq!(before, tree(folder.path()));
    assert!(folder.path().join(STAND_IN_FILE).is_file());
}

#[test]
fn an_interrupted_tree_has_no_marker_and_is_finished_by_the_next_call() {
    let whole = tempfile::tempdir().unwrap();
    run(&options(24), whole.path()).unwrap();
    let expected = tree(whole.path());

    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let stop = Interrupt::at_look(9);
    let stopped = one.install(|| generate(&options(24), out, &Progress::hidden(), &stop));
    assert!(matches!(stopped, Err(Error::Interrupted)));
    assert!(!out.join(STAND_IN_FILE).is_file());

    // As a power failure, a kill and a bad disk leave it: of eight images six whole, one cut short, one with a flipped bit; one
    // that nobody noted; one temporary; and a line of what was noted cut short.
    let images = out.join("basic/Image/aligned");
    let mut drawn: Vec<PathBuf> = std::fs::read_dir(&images)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    drawn.sort();
    assert_eq!(drawn.len(), 8);
    let bytes = std::fs::read(&drawn[0]).unwrap();
    std::fs::write(&drawn[0], &bytes[..bytes.len() / 2]).unwrap();
    let mut bytes = std::fs::read(&drawn[1]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&drawn[1], bytes).unwrap();
    let unknown = expected
        .keys()
        .find(|name| name.ends_with(".jpg") && !out.join(name).exists());
    std::fs::write(out.join(unknown.unwrap()), &expected[unknown.unwrap()]).unwrap();
    let left = images.join(".partial-abc");
    std::fs::write(&left, b"half").unwrap();
    let days = std::time::Duration::from_hours(48);
    let old = std::fs::FileTimes::new().set_modified(std::time::SystemTime::now() - days);
    std::fs::File::options()
        .write(true)
        .open(&left)
        .unwrap()
        .set_times(old)
        .unwrap();
    let log = out.join(".drawn.jsonl");
    let mut noted = std::fs::read(&log).unwrap();
    noted.extend(b"[\"basic/Im");
    std::fs::write(&log, noted).unwrap();
    let report = run(&options(24), out).unwrap();
    assert_eq!((report.drawn, report.cached), (18, false));
    assert_eq!(expected, tree(out));
    assert!(!log.exists());
}

#[test]
fn digests_that_do_not_say_that_all_is_there_are_none() {
    let folder = tempfile::tempdir().unwrap();
    run(&options(20), folder.path()).unwrap();
    let before = tree(folder.path());
    let digests = folder.path().join(crate::disk::seal::FILE);
    let text = std::fs::read_to_string(&digests).unwrap();
    let without_marker = text.replace(STAND_IN_FILE, "other.toml");
    for damaged in ["", "{", &text[..text.len() / 2], &without_marker] {
        std::fs::write(&digests, damaged).unwrap();
        let mended = run(&options(20), folder.path()).unwrap();
        assert!(!mended.cached && mended.drawn == 20, "{damaged:?}");
        assert!(before == tree(folder.path()), "{damaged:?}");
    }
}

#[test]
fn other_content_and_other_options_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("holiday.jpg"), b"x").unwrap();
    let error = run(&options(20), folder.path()).unwrap_err();
    assert!(
        matches!(&error, Error::Data { message: text, .. } if text.contains("holiday.jpg")),
        "{error}"
    );

    let folder = tempfile::tempdir().unwrap();
    run(&options(20), folder.path()).unwrap();
    let error = run(&StandinOptions { seed: 5, ..options(20) }, folder.path()).unwrap_err();
    assert!(
        matches!(&error, Error::Data { message: text, .. } if text.contains("seed 11, asked 5")),
        "{error}"
    );

    // A damaged marker is written again; one of a version that kept no digests is nobody's to overwrite.
    std::fs::write(folder.path().join(STAND_IN_FILE), "schema = \"one\"").unwrap();
    let mended = run(&options(20), folder.path()).unwrap();
    assert!(!mended.cached && mended.drawn == 0);
    std::fs::write(folder.path().join(STAND_IN_FILE), "schema = \"one\"").unwrap();
    std::fs::remove_file(folder.path().join(crate::disk::seal::FILE)).unwrap();
    let error = run(&options(20), folder.path()).unwrap_err();
    assert!(
        matches!(&error, Error::Data { message: text, .. } if text.contains("no marker of this version")),
        "{error}"
    );
}

#[test]
fn impossible_options_are_usage_errors() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        StandinOptions {
            card: "rafbd".to_owned(),
            ..options(20)
        },
        options(3),
        options(90_000),
        StandinOptions {
            label_noise: f64::NAN,
            ..options(20)
        },
        StandinOptions {
            label_noise: 0.9,
            ..options(20)
        },
        StandinOptions {
            size: Some(4),
            ..options(20)
        },
        StandinOptions {
            size: Some(u32::MAX),
            ..options(20)
        },
    ];
    for case in cases {
        let error = run(&case, folder.path()).unwrap_err();
        assert!(matches!(error, Error::Usage(_)), "{case:?}: {error}");
    }
    let error = run(
        &StandinOptions {
            card: "rafbd".to_owned(),
            ..options(20)
        },
        folder.path(),
    )
    .unwrap_err();
    assert!(error.to_string().contains("rafdb"));
    assert!(tree(folder.path()).is_empty());
}

#[test]
fn the_full_size_has_the_counts_of_the_database() {
    let full = StandinOptions {
        samples: 15_339,
        label_noise: 0.0,
        ..options(0)
    };
    let samples = plan_of(&full).samples;
    let count = |split, class| {
        samples
            .iter()
            .filter(|s| s.split == split && s.label == Some(class))
            .count()
    };
    assert_eq!(count(Split::Train, Emotion::Happiness), 4772);
    assert_eq!(count(Split::Train, Emotion::Fear), 281);
    assert_eq!(count(Split::Test, Emotion::Surprise), 329);
    assert_eq!(samples.iter().filter(|s| s.split == Split::Test).count(), 3068);
    assert_eq!(samples[0].id, "train_00001");
    assert_eq!(samples[12_271].path, "basic/Image/aligned/test_0001_aligned.jpg");

    // Classes are mixed, subjects of the splits are apart, and people come several times.
    let head: std::collections::BTreeSet<_> = samples[..60].iter().map(|s| s.emotion).collect();
    assert!(head.len() >= 5);
    let subjects = |split| -> std::collections::BTreeSet<u32> {
        samples.iter().filter(|s| s.split == split).map(|s| s.subject).collect()
    };
    assert!(subjects(Split::Train).is_disjoint(&subjects(Split::Test)));
    assert!(subjects(Split::Train).len() < 12_271 / 4);
}

#[test]
fn flips_go_to_neighbours_at_the_stated_rate() {
    let noisy = StandinOptions {
        samples: 4000,
        label_noise: 0.05,
        ..options(0)
    };
    let samples = plan_of(&noisy).samples;
    let flipped: Vec<_> = samples.iter().filter(|s| s.flipped).collect();
    assert_eq!(flipped.len(), 200);
    for sample in flipped {
        let label = sample.label.unwrap();
        assert!(sample.emotion.neighbours().contains(&label));
        assert!(label != Emotion::Contempt, "not a class of RAF-DB");
    }
    for emotion in Emotion::ALL {
        for neighbour in emotion.neighbours() {
            assert!(neighbour.neighbours().contains(&emotion), "{emotion:?} {neighbour:?}");
        }
    }
}

#[test]
fn the_truth_agrees_with_the_label_file() {
    let folder = tempfile::tempdir().unwrap();
    run(&options(80), folder.path()).unwrap();
    let list = std::fs::read_to_string(folder.path().join("basic/EmoLabel/list_patition_label.txt")).unwrap();
    let batch = truth(folder.path());
    let text = |name: &str| batch.column_by_name(name).unwrap().as_string::<i32>().clone();
    let class = |name: &str| batch.column_by_name(name).unwrap().as_primitive::<Int8Type>().clone();
    let (ids, paths, splits, modes, names) = (
        text("sample_id"),
        text("image_path"),
        text("split"),
        text("mode"),
        text("expression_name"),
    );
    let (truths, labels) = (class("expression"), class("label"));
    let flipped = batch.column_by_name("flipped").unwrap().as_boolean().clone();
    assert_eq!(list.lines().count(), batch.num_rows());
    for (i, line) in list.lines().enumerate() {
        let (file, label) = line.split_once(' ').unwrap();
        assert_eq!(file, format!("{}.jpg", ids.value(i)));
        assert_eq!(label.parse::<i8>().unwrap(), labels.value(i) + 1);
        assert_eq!(flipped.value(i), labels.value(i) != truths.value(i));
        assert!(folder.path().join(paths.value(i)).is_file());
        assert!(ids.value(i).starts_with(splits.value(i)));
        assert!(modes.value(i).starts_with(&format!("{}/", names.value(i))));
    }
    for unit in ACTION_UNITS {
        let column = batch.column_by_name(&format!("au{unit:02}")).unwrap();
        let values = column.as_primitive::<Float32Type>();
        assert!(values.values().iter().all(|v| (0.0..=5.0).contains(v)));
    }
    let columns: Vec<_> = batch.schema().fields().iter().map(|f| f.name().clone()).collect();
    assert_eq!(
        columns[..16],
        [
            "sample_id",
            "image_path",
            "split",
            "subject",
            "skin",
            "mode",
            "strength",
            "blend",
            "blend_share",
            "expression",
            "expression_name",
            "label",
            "flipped",
            "valence",
            "arousal",
            "au01"
        ]
    );
}

#[test]
fn emotions_lie_where_they_belong_in_valence_and_arousal() {
    let mean = |emotion: Emotion| {
        let mut sum = (0.0, 0.0);
        for mode in emotion.modes() {
            let mut expression = Expression::new(mode.units);
            expression.set_lean(if mode.one_sided { 1.0 } else { 0.0 });
            sum.0 += mode.share * expression.valence();
            sum.1 += mode.share * expression.arousal();
        }
        sum
    };
    assert!(mean(Emotion::Happiness).0 > 0.5);
    assert!(mean(Emotion::Neutral).0.abs() < 0.2 && mean(Emotion::Neutral).1.abs() < 0.3);
    for emotion in [
        Emotion::Sadness,
        Emotion::Fear,
        Emotion::Disgust,
        Emotion::Anger,
        Emotion::Contempt,
    ] {
        assert!(mean(emotion).0 < -0.2, "{emotion:?} {:?}", mean(emotion));
    }
    assert!(mean(Emotion::Sadness).1 < 0.15);
    for emotion in [Emotion::Surprise, Emotion::Fear, Emotion::Anger] {
        assert!(mean(emotion).1 > 0.4, "{emotion:?} {:?}", mean(emotion));
    }
}

#[test]
fn shares_of_modes_add_up_and_names_are_unique() {
    let mut names = std::collections::BTreeSet::new();
    for emotion in Emotion::ALL {
        let sum: f32 = emotion.modes().iter().map(|mode| mode.share).sum();
        assert!((sum - 1.0).abs() < 1e-5, "{emotion:?} {sum}");
        for mode in emotion.modes() {
            assert!(names.insert((emotion, mode.name)));
            for (unit, value) in mode.units {
                assert!(ACTION_UNITS.contains(unit) && (0.0..=5.0).contains(value));
            }
        }
    }
}

/// Where each unit acts, in face coordinates: left, top, right, bottom.
fn region(unit: u8) -> (f32, f32, f32, f32) {
    match unit {
        1 | 2 => (-0.62, -0.75, 0.62, -0.12),
        4 => (-0.62, -0.55, 0.62, -0.08),
        5 | 7 | 43 => (-0.55, -0.32, 0.55, 0.0),
        6 => (-0.75, -0.36, 0.75, 0.32),
        9 => (-0.62, -0.50, 0.62, 0.55),
        10 | 12 | 14 | 20 => (-0.60, 0.0, 0.60, 0.62),
        _ => (-0.75, 0.10, 0.75, 1.0),
    }
}

#[test]
fn each_unit_moves_its_own_part_of_the_face() {
    let size = 100_u32;
    let who = super::draw::sheets::plain_face();
    let shoot = |expression: &Expression| {
        photograph(&who, expression, &Shot::plain(), size, &mut stream(0, "test", 0)).unwrap()
    };
    for unit in ACTION_UNITS {
        // AU 16 bares the lower teeth only where the lips are parted.
        let base: &[(u8, f32)] = if unit == 16 { &[(25, 2.0)] } else { &[] };
        let with = |level: f32| {
            let mut expression = Expression::new(base);
            expression.set(unit, level);
            shoot(&expression)
        };
        let (rest, mild, full) = (with(0.0), with(2.0), with(5.0));
        let (left, top, right, bottom) = region(unit);
        let distance = |a: &[u8], b: &[u8]| {
            let (mut inside, mut outside) = (0.0_f64, 0.0_f64);
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                let pixel = i as u32 / 3;
                let x = ((pixel % size) as f32 + 0.5) / size as f32 * 2.0 - 1.0;
                let y = ((pixel / size) as f32 + 0.5) / size as f32 * 2.0 - 1.0;
                let d = f64::from(a.abs_diff(*b));
                if x > left && x < right && y > top && y < bottom {
                    inside += d;
                } else {
                    outside += d;
                }
            }
            (inside, outside)
        };
        let (inside, outside) = distance(&rest, &full);
        assert!(inside > 4.0 * outside, "AU {unit}: {inside} inside, {outside} outside");
        assert!(inside > 5000.0, "AU {unit} can hardly be seen: {inside}");
        let (weak, _) = distance(&rest, &mild);
        assert!(weak > 0.0 && weak < inside, "AU {unit}: {weak} at 2, {inside} at 5");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn valence_and_arousal_stay_in_range(values in proptest::collection::vec(-3.0_f32..9.0, ACTION_UNITS.len())) {
        let pairs: Vec<(u8, f32)> = ACTION_UNITS.into_iter().zip(values).collect();
        let expression = Expression::new(&pairs);
        prop_assert!((-1.0..=1.0).contains(&expression.valence()));
        prop_assert!((-1.0..=1.0).contains(&expression.arousal()));
        prop_assert!(super::action_units::ACTION_UNITS.iter().all(|&unit| (0.0..=5.0).contains(&expression.get(unit))));
    }

    #[test]
    fn apportionment_is_exact_and_leaves_nobody_out(total in 0_usize..20_000, weights in proptest::collection::vec(1_usize..5000, 1..9)) {
        let shares = apportion(total, &weights);
        prop_assert_eq!(shares.iter().sum::<usize>(), total);
        if total >= weights.len() {
            prop_assert!(shares.iter().all(|&share| share > 0));
        }
    }

    #[test]
    fn any_expression_of_anyone_can_be_drawn(seed in any::<u64>(), values in proptest::collection::vec(0.0_f32..5.0, ACTION_UNITS.len())) {
        let mut rng = stream(seed, "anyone", 0);
        let who = Identity::sample(&mut rng);
        let shot = Shot::sample(&mut rng);
        let pairs: Vec<(u8, f32)> = ACTION_UNITS.into_iter().zip(values).collect();
        let rgb = photograph(&who, &Expression::new(&pairs), &shot, 32, &mut rng);
        prop_assert_eq!(rgb.map(|rgb| rgb.len()), Some(32 * 32 * 3));
    }
}
