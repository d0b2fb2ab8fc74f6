use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ::image::RgbImage;
use arrow::array::{ArrayRef, Float32Array, Int8Array, Int32Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use serde_json::{Value, json};

use crate::disk::parquet::write_batch;
use crate::encoder::hog::{Hog, HogConfig};
use crate::encoder::interface::{Encoded, Encoder, TokenShape};
use crate::error::{Error, Result};
use crate::feature::extract::ExtractReport;
use crate::feature::holdout::Validation;
use crate::feature::load::{Loaded, RowInfo};
use crate::feature::shard::Shard;
use crate::feature::threshold::{AuThreshold, ThresholdRule};
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::sets::FeatureSet;
use crate::task::Task;

use super::table::part_path;
use super::*;

const CLASSES: [&str; 3] = ["happy", "sad", "angry"];

/// A data root with `n` gray images whose brightness tells their number, and its samples table.
struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new(n: usize) -> Self {
        let world = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        std::fs::create_dir_all(world.root().join("images")).unwrap();
        for i in 0..n {
            world.paint(i);
        }
        world.write_samples(n, |_| {});
        world
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn samples(&self) -> PathBuf {
        self.folder.path().join("samples.parquet")
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("features")
    }

    fn image(&self, i: usize) -> PathBuf {
        self.root().join(format!("images/{i}.png"))
    }

    fn paint(&self, i: usize) {
        RgbImage::from_pixel(12, 10, ::image::Rgb([i as u8; 3]))
            .save(self.image(i))
            .unwrap();
    }

    /// Every sixth sample is a test sample and every tenth has no expression; `change` may replace columns.
    fn write_samples(&self, n: usize, change: impl FnOnce(&mut Vec<(&'static str, ArrayRef)>)) {
        let text =
            |f: &dyn Fn(usize) -> Option<String>| -> ArrayRef { Arc::new((0..n).map(f).collect::<StringArray>()) };
        let number =
            |f: &dyn Fn(usize) -> Option<f32>| -> ArrayRef { Arc::new((0..n).map(f).collect::<Float32Array>()) };
        let class = |i: usize| (i % 10 != 9).then_some(i % 3);
        let mut columns: Vec<(&'static str, ArrayRef)> = vec![
            ("sample_id", text(&|i| Some(format!("s{i:04}")))),
            ("dataset", text(&|_| Some("test".into()))),
            (
                "split",
                text(&|i| Some(if i % 6 == 5 { "test" } else { "train" }.into())),
            ),
            ("subject", text(&|i| Some(format!("p{}", i % 7)))),
            (
                "frame",
                Arc::new((0..n).map(|i| Some(i as i32 + 1)).collect::<Int32Array>()),
            ),
            (
                "fold",
                Arc::new((0..n).map(|i| Some((i % 7 % 3) as i32)).collect::<Int32Array>()),
            ),
            ("image_path", text(&|i| Some(format!("images/{i}.png")))),
            ("bbox_x", number(&|_| None)),
            ("bbox_y", number(&|_| None)),
            ("bbox_w", number(&|_| None)),
            ("bbox_h", number(&|_| None)),
            (
                "expression",
                Arc::new((0..n).map(|i| class(i).map(|c| c as i8)).collect::<Int8Array>()),
            ),
            ("expression_name", text(&|i| class(i).map(|c| CLASSES[c].to_owned()))),
            ("valence", number(&|i| (i % 4 != 0).then_some(i as f32 / n as f32))),
            ("arousal", number(&|i| Some(-(i as f32) / n as f32))),
            ("au01", number(&|i| Some((i % 6) as f32))),
            ("au12", number(&|i| (i % 5 != 0).then_some(2.0))),
        ];
        change(&mut columns);
        let schema = Schema::new(
            columns
                .iter()
                .map(|(name, column)| Field::new(*name, column.data_type().clone(), true))
                .collect::<Vec<_>>(),
        );
        let batch = RecordBatch::try_new(Arc::new(schema), columns.into_iter().map(|(_, c)| c).collect()).unwrap();
        let description = json!({"dataset": "test", "classes": CLASSES}).to_string();
        write_batch(&self.samples(), &batch, &[("aura-bench.samples", description)]).unwrap();
    }

    fn extract_with(&self, encoder: &dyn Encoder, options: &FeaturesConfig) -> Result<ExtractReport> {
        extract(
            &self.samples(),
            &self.root(),
            encoder,
            options,
            &self.out(),
            Progress::hidden(),
            &Interrupt::default(),
        )
    }

    fn extract(&self) -> ExtractReport {
        self.extract_with(&Probe::default(), &small()).unwrap()
    }

    fn open(&self) -> FeatureTable {
        FeatureTable::open(&self.out()).unwrap()
    }

    fn bytes(&self) -> Vec<(String, Vec<u8>)> {
        let mut files: Vec<_> = std::fs::read_dir(self.out())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| {
                (
                    path.file_name().unwrap().to_string_lossy().into_owned(),
                    std::fs::read(&path).unwrap(),
                )
            })
            .collect();
        files.sort();
        files
    }
}

/// Parts of 8 images, batches of 3, f32, all tokens.
fn small() -> FeaturesConfig {
    FeaturesConfig {
        tokens: TokenGrid::All,
        dtype: Dtype::F32,
        batch: Some(3),
        part_rows: Some(8),
        ..FeaturesConfig::default()
    }
}

/// Says the brightness, the width and the height of the image, and four tokens of one value; counts what it encodes.
#[derive(Default)]
struct Probe {
    encoded: AtomicUsize,
    poison: Option<u8>,
    interrupt_after: Option<(usize, Interrupt)>,
}

impl Encoder for Probe {
    fn name(&self) -> &'static str {
        "probe"
    }

    fn describe(&self) -> Value {
        json!({"kind": "probe", "scale": 0.1})
    }

    fn global_dim(&self) -> usize {
        3
    }

    fn tokens(&self) -> Option<TokenShape> {
        Some(TokenShape {
            rows: 2,
            cols: 2,
            width: 1,
        })
    }

    fn prepare(&self, image: &RgbImage) -> Result<RgbImage> {
        Ok(image.clone())
    }

    fn forward(&self, prepared: &[RgbImage]) -> Result<Vec<Encoded>> {
        let before = self.encoded.fetch_add(prepared.len(), Ordering::SeqCst);
        if let Some((after, interrupt)) = &self.interrupt_after
            && before >= *after
        {
            interrupt.raise();
        }
        Ok(prepared
            .iter()
            .map(|image| {
                let value = image.get_pixel(0, 0).0[0];
                let level = if self.poison == Some(value) {
                    f32::NAN
                } else {
                    f32::from(value)
                };
                Encoded {
                    global: vec![level, image.width() as f32, image.height() as f32],
                    tokens: Some((0..4).map(|k| level + 100.0 * k as f32).collect()),
                }
            })
            .collect())
    }
}

fn ids(set: &FeatureSet) -> Vec<usize> {
    set.sample_ids.iter().map(|id| id[1..].parse().unwrap()).collect()
}

#[test]
fn rows_come_back_in_order_with_their_features() {
    let world = World::new(30);
    let report = world.extract();
    assert_eq!(
        (
            report.samples,
            report.rows,
            report.rejected,
            report.parts,
            report.cached_parts
        ),
        (30, 30, 0, 4, 0)
    );
    let table = world.open();
    assert_eq!(table.rows(), 30);
    assert_eq!(table.metadata().digest, report.digest);
    let mut options = LoadOptions::new(Task::Expression);
    options.tokens = true;
    let Loaded { sets, counts } = table.load(&options).unwrap();
    assert_eq!(
        (counts.rows, counts.unlabelled, counts.train, counts.test),
        (30, 3, 23, 4)
    );
    assert_eq!(sets.train.targets.names, CLASSES);
    let expected: Vec<usize> = (0..30).filter(|i| i % 6 != 5 && i % 10 != 9).collect();
    assert_eq!(ids(&sets.train), expected);
    for (row, &i) in expected.iter().enumerate() {
        assert_eq!(sets.train.global.row(row), [i as f32, 12.0, 10.0]);
        assert_eq!(sets.train.targets.class(row), Some(i % 3));
        assert_eq!(
            sets.train.subjects[row].as_deref(),
            Some(format!("p{}", i % 7).as_str())
        );
        let tokens = sets.train.tokens.as_ref().unwrap();
        assert_eq!((tokens.count, tokens.width), (4, 1));
        assert_eq!(
            tokens.values.row(row),
            [i as f32, i as f32 + 100.0, i as f32 + 200.0, i as f32 + 300.0]
        );
    }
    assert!(sets.val.is_none());
}

#[test]
fn samples_columns_pass_through() {
    let world = World::new(10);
    world.extract();
    let table = world.open();
    let names: Vec<&str> = table.schema().fields().iter().map(|f| f.name().as_str()).collect();
    assert_eq!(names[..4], ["sample_id", "dataset", "split", "subject"]);
    assert_eq!(names[names.len() - 4..], ["au01", "au12", "global", "tokens"]);
    let frames: usize = table
        .batches(Some(&["frame"]), 4)
        .unwrap()
        .map(|batch| batch.unwrap().num_rows())
        .sum();
    assert_eq!(frames, 10);
    let error = table.batches(Some(&["nose"]), 4).err().unwrap().to_string();
    assert!(error.contains("no column `nose`; it has sample_id"), "{error}");
}

#[test]
fn a_second_call_computes_nothing_and_a_lost_part_comes_back_with_the_same_bytes() {
    let world = World::new(30);
    world.extract();
    let first = world.bytes();
    let probe = Probe::default();
    let report = world.extract_with(&probe, &small()).unwrap();
    assert!(report.cached());
    assert_eq!(probe.encoded.load(Ordering::SeqCst), 0);

    std::fs::remove_file(part_path(&world.out(), 2)).unwrap();
    let error = FeatureTable::open(&world.out()).unwrap_err().to_string();
    assert!(error.contains("part 2 of 0 to 3 is missing"), "{error}");
    let report = world.extract_with(&probe, &small()).unwrap();
    assert_eq!((report.cached_parts, probe.encoded.load(Ordering::SeqCst)), (3, 8));
    assert_eq!(world.bytes(), first);
}

#[test]
fn an_interrupted_extraction_goes_on_where_it_stopped() {
    let world = World::new(30);
    world.extract();
    let whole = world.bytes();
    std::fs::remove_dir_all(world.out()).unwrap();
    let interrupt = Interrupt::default();
    let probe = Probe {
        interrupt_after: Some((9, interrupt.clone())),
        ..Probe::default()
    };
    let error = extract(
        &world.samples(),
        &world.root(),
        &probe,
        &small(),
        &world.out(),
        Progress::hidden(),
        &interrupt,
    )
    .unwrap_err();
    assert!(matches!(error, Error::Interrupted));
    let left: Vec<String> = world.bytes().into_iter().map(|(name, _)| name).collect();
    assert_eq!(left, ["part-00000.parquet"], "nothing half-written may stay");
    let report = world.extract();
    assert_eq!(report.cached_parts, 1);
    assert_eq!(world.bytes(), whole);
}

#[test]
fn shards_written_into_one_folder_are_the_table() {
    let world = World::new(30);
    world.extract();
    let whole = world.bytes();
    std::fs::remove_dir_all(world.out()).unwrap();
    let (encoder, options) = (Probe::default(), small());
    let mut rows = 0;
    for shard in ["2/3", "1/3", "3/3"] {
        let report = Extraction {
            samples: &world.samples(),
            data_root: &world.root(),
            encoder: &encoder,
            options: &options,
            out: &world.out(),
            shard: shard.parse().unwrap(),
        }
        .run(Progress::hidden(), &Interrupt::default())
        .unwrap();
        assert_eq!((report.samples, report.cached_parts), (report.rows, 0));
        rows += report.rows;
    }
    assert_eq!(rows, 30);
    let parts = |files: Vec<(String, Vec<u8>)>| -> Vec<_> {
        files
            .into_iter()
            .filter(|(name, _)| name.starts_with("part-"))
            .collect()
    };
    assert_eq!(parts(world.bytes()), parts(whole));
    assert_eq!(world.open().rows(), 30);
    for bad in ["0/3", "4/3", "1", "1/0", "a/b", "-1/3", "/"] {
        assert!(bad.parse::<Shard>().is_err(), "{bad}");
    }
}

#[test]
fn a_folder_of_images_becomes_a_samples_table() {
    let world = World::new(4);
    let root = world.root();
    std::fs::create_dir_all(root.join("b/c")).unwrap();
    std::fs::copy(world.image(1), root.join("b/c/Face One.PNG")).unwrap();
    std::fs::write(root.join("b/notes.txt"), "no image").unwrap();
    std::fs::write(root.join("b/.hidden.png"), "no image").unwrap();
    std::fs::write(root.join("broken.jpg"), "no image").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(&root, root.join("b/loop")).unwrap();
    assert_eq!(samples_of_folder(&root, &world.samples()).unwrap(), 6);
    let report = world.extract();
    assert_eq!((report.rows, report.rejected), (5, 1));
    let table = world.open();
    let mut ids = Vec::new();
    for batch in table.batches(Some(&["sample_id"]), 100).unwrap() {
        use arrow::array::AsArray;
        let batch = batch.unwrap();
        ids.extend(batch.column(0).as_string::<i32>().iter().flatten().map(str::to_owned));
    }
    assert_eq!(
        ids,
        [
            "b/c/Face One.PNG",
            "images/0.png",
            "images/1.png",
            "images/2.png",
            "images/3.png"
        ]
    );
    let empty = tempfile::tempdir().unwrap();
    let error = samples_of_folder(empty.path(), &world.samples())
        .unwrap_err()
        .to_string();
    assert!(error.contains("holds no images"), "{error}");
}

#[test]
fn other_options_do_not_reuse_parts() {
    let world = World::new(20);
    let first = world.extract();
    let other = FeaturesConfig {
        dtype: Dtype::F16,
        part_rows: Some(16),
        ..small()
    };
    let report = world.extract_with(&Probe::default(), &other).unwrap();
    assert_eq!((report.cached_parts, report.parts), (0, 2));
    assert_ne!(report.digest, first.digest);
    // The third part of the first table is gone, so that the folder holds one table.
    assert_eq!(world.open().rows(), 20);
}

/// Says two numbers that half precision rounds and one that overflows it in the image of brightness 7.
struct Fine;
impl Encoder for Fine {
    fn name(&self) -> &'static str {
        "fine"
    }
    fn describe(&self) -> Value {
        json!({})
    }
    fn global_dim(&self) -> usize {
        3
    }
    fn tokens(&self) -> Option<TokenShape> {
        None
    }
    fn prepare(&self, image: &RgbImage) -> Result<RgbImage> {
        Ok(image.clone())
    }
    fn forward(&self, prepared: &[RgbImage]) -> Result<Vec<Encoded>> {
        // The last overflows half precision in one image.
        Ok(prepared
            .iter()
            .map(|image| Encoded {
                global: vec![
                    0.1,
                    1.0 + 1.0 / 3.0,
                    if image.get_pixel(0, 0).0[0] == 7 {
                        70_000.0
                    } else {
                        65_000.0
                    },
                ],
                tokens: None,
            })
            .collect())
    }
}

#[test]
fn half_precision_rounds_to_nearest() {
    let world = World::new(12);
    let options = FeaturesConfig {
        dtype: Dtype::F16,
        ..FeaturesConfig::default()
    };
    let report = world.extract_with(&Fine, &options).unwrap();
    assert_eq!((report.rows, report.rejected), (11, 1));
    let table = world.open();
    assert_eq!(table.rejects().next().unwrap().line, 8);
    let loaded = table.load(&LoadOptions::new(Task::Expression)).unwrap();
    // The nearest numbers of 11 significant bits.
    assert_eq!(loaded.sets.train.global.row(0), [0.099_975_586, 1.333_007_8, 64_992.0]);
}

#[test]
fn tokens_are_averaged_to_the_grid() {
    let world = World::new(12);
    let options = FeaturesConfig {
        tokens: TokenGrid::Pooled(1, 2),
        ..small()
    };
    world.extract_with(&Probe::default(), &options).unwrap();
    let mut load = LoadOptions::new(Task::Expression);
    load.tokens = true;
    let sets = world.open().load(&load).unwrap().sets;
    let tokens = sets.train.tokens.unwrap();
    assert_eq!((tokens.count, tokens.width), (2, 1));
    // Columns 0 and 1 of the grid [[l, l+100], [l+200, l+300]].
    assert_eq!(tokens.values.row(1), [101.0, 201.0]);

    let finer = FeaturesConfig {
        tokens: TokenGrid::Pooled(3, 3),
        ..small()
    };
    let error = world.extract_with(&Probe::default(), &finer).unwrap_err();
    assert!(matches!(error, Error::Usage(_)));
    assert!(error.to_string().contains("grid of 2 x 2"), "{error}");
}

#[test]
fn grids_that_do_not_divide_each_other_use_every_token() {
    let shape = |rows, cols| TokenShape { rows, cols, width: 1 };
    let tokens: Vec<f32> = (0..9).map(|v| v as f32).collect();
    // Rows and columns 0..2 and 1..3, as torch's AdaptiveAvgPool2d has them.
    assert_eq!(pool::pool(&tokens, shape(3, 3), shape(2, 2)), [2.0, 3.0, 5.0, 6.0]);
    assert_eq!(pool::pool(&tokens, shape(3, 3), shape(1, 1)), [4.0]);
}

#[test]
fn bad_images_are_rejects_and_are_tried_again() {
    let world = World::new(20);
    let png = std::fs::read(world.image(1)).unwrap();
    std::fs::write(world.image(1), &png[..png.len() / 2]).unwrap();
    std::fs::write(world.image(4), b"").unwrap();
    std::fs::write(world.image(9), b"not, \"an\" image").unwrap();
    std::fs::remove_file(world.image(12)).unwrap();
    let poisoned = Probe {
        poison: Some(15),
        ..Probe::default()
    };
    let report = world.extract_with(&poisoned, &small()).unwrap();
    assert_eq!((report.rows, report.rejected), (15, 5));
    let csv = std::fs::read_to_string(world.out().join("rejects.csv")).unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 6);
    assert_eq!(lines[0], "file,line,reason");
    assert!(
        lines[1].starts_with("images/1.png,2,cannot be decoded as PNG: "),
        "{csv}"
    );
    assert_eq!(lines[2], "images/4.png,5,is empty (0 bytes)");
    assert_eq!(
        lines[3],
        "images/9.png,10,\"content is not JPEG, PNG, BMP, TIFF or WebP\""
    );
    assert!(lines[4].starts_with("images/12.png,13,cannot be opened: "), "{csv}");
    assert_eq!(
        lines[5],
        "images/15.png,16,\"was decoded, but its features are not finite numbers\""
    );
    assert_eq!(world.open().rejects().count(), 5);

    // Nothing changed: nothing is done. One file repaired: its part is.
    assert!(world.extract_with(&poisoned, &small()).unwrap().cached());
    world.paint(12);
    let report = world.extract_with(&poisoned, &small()).unwrap();
    assert_eq!((report.rows, report.rejected, report.cached_parts), (16, 4, 2));
}

#[test]
fn no_usable_image_at_all_is_an_error_that_says_where_to_look() {
    let world = World::new(5);
    for i in 0..5 {
        std::fs::remove_file(world.image(i)).unwrap();
    }
    let error = world.extract_with(&Probe::default(), &small()).unwrap_err();
    assert_eq!(error.exit_code(), crate::error::exit::DATA);
    let text = error.to_string();
    assert!(
        text.contains("none of the 5 images") && text.contains("rejects.csv"),
        "{text}"
    );
}

#[test]
fn paths_out_of_the_root_are_rejects() {
    let world = World::new(6);
    std::fs::write(
        world.folder.path().join("secret.png"),
        std::fs::read(world.image(1)).unwrap(),
    )
    .unwrap();
    world.write_samples(6, |columns| {
        let paths = StringArray::from(vec![
            Some("images/0.png"),
            Some("../secret.png"),
            None,
            Some("/etc/passwd"),
            Some("images"),
            Some("images/5.png"),
        ]);
        columns[6].1 = Arc::new(paths);
    });
    let report = world.extract();
    assert_eq!((report.rows, report.rejected), (2, 4));
    let reasons: Vec<String> = world.open().rejects().map(|r| r.reason.clone()).collect();
    assert!(reasons[0].contains("contains `..`"), "{reasons:?}");
    assert_eq!(reasons[1], "has no image path");
    assert!(reasons[2].contains("is absolute"), "{reasons:?}");
    assert_eq!(reasons[3], "is not a regular file");
}

#[test]
fn faces_are_cut_out_by_their_boxes() {
    let world = World::new(6);
    world.write_samples(6, |columns| {
        for (column, value) in columns[7..11].iter_mut().zip([2.0, 2.0, 5.0, 4.0]) {
            let values: Float32Array = (0..6)
                .map(|i| (i != 0).then_some(if i == 4 { -50.0 } else { value }))
                .collect();
            column.1 = Arc::new(values);
        }
    });
    let options = FeaturesConfig { margin: 0.2, ..small() };
    let report = world.extract_with(&Probe::default(), &options).unwrap();
    assert_eq!(report.rejected, 1);
    let train = world
        .open()
        .load(&LoadOptions::new(Task::Expression))
        .unwrap()
        .sets
        .train;
    // Without a box the whole image; with one, 5 + 2 · 1 by 4 + 2 · 0.8.
    assert_eq!(train.global.row(0), [0.0, 12.0, 10.0]);
    assert_eq!(train.global.row(1), [1.0, 7.0, 6.0]);
    assert_eq!(ids(&train), [0, 1, 2, 3]);
}

#[test]
fn samples_of_other_types_are_brought_to_the_documented_ones() {
    let world = World::new(8);
    world.write_samples(8, |columns| {
        for (name, column) in columns.iter_mut() {
            let other = match *name {
                "sample_id" => DataType::LargeUtf8,
                "image_path" => DataType::Utf8View,
                "expression" => DataType::Int64,
                "valence" => DataType::Float64,
                _ => continue,
            };
            *column = arrow::compute::cast(column, &other).unwrap();
        }
    });
    world.extract();
    let table = world.open();
    let of = |name: &str| table.schema().field_with_name(name).unwrap().data_type().clone();
    assert_eq!(of("sample_id"), DataType::Utf8);
    assert_eq!(of("image_path"), DataType::Utf8);
    assert_eq!(of("expression"), DataType::Int8);
    assert_eq!(of("valence"), DataType::Float32);
    assert!(table.load(&LoadOptions::new(Task::Expression)).is_ok());
}

#[test]
fn a_samples_table_without_paths_is_refused() {
    let world = World::new(3);
    world.write_samples(3, |columns| columns.retain(|(name, _)| *name != "image_path"));
    let error = world.extract_with(&Probe::default(), &small()).unwrap_err().to_string();
    assert!(error.contains("has no column `image_path`"), "{error}");
}

#[test]
fn valence_and_arousal_leave_out_what_is_unknown() {
    let world = World::new(24);
    world.extract();
    let loaded = world.open().load(&LoadOptions::new(Task::ValenceArousal)).unwrap();
    assert_eq!(loaded.counts.unlabelled, 6);
    assert_eq!(loaded.sets.train.targets.names, ["valence", "arousal"]);
    let row = ids(&loaded.sets.train).iter().position(|&i| i == 7).unwrap();
    assert_eq!(loaded.sets.train.targets.row(row), [7.0 / 24.0, -7.0 / 24.0]);

    world.write_samples(24, |columns| {
        columns[13].1 = Arc::new(Float32Array::from(vec![3.0; 24]));
    });
    world.extract();
    let error = world
        .open()
        .load(&LoadOptions::new(Task::ValenceArousal))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("sample s0000 has valence = 3; expected -1 to 1"),
        "{error}"
    );
}

#[test]
fn action_units_are_binarised_and_masked() {
    let world = World::new(30);
    world.extract();
    let table = world.open();
    let with = |rule, value| {
        let mut options = LoadOptions::new(Task::ActionUnits);
        options.threshold = AuThreshold { rule, value };
        table.load(&options).unwrap().sets.train
    };
    let train = with(ThresholdRule::Ge, 2.0);
    assert_eq!(train.targets.names, ["au01", "au12"]);
    for (row, i) in ids(&train).into_iter().enumerate() {
        let known = i % 5 != 0;
        assert_eq!(
            train.targets.row(row),
            [f32::from(u8::from(i % 6 >= 2)), f32::from(u8::from(known))]
        );
        assert_eq!(train.targets.known[2 * row..2 * row + 2], [true, known]);
    }
    let strict = with(ThresholdRule::Gt, 2.0);
    assert_eq!(strict.targets.row(2), [0.0, 0.0]);

    let mut options = LoadOptions::new(Task::ActionUnits);
    options.outputs = vec!["au17".into()];
    let error = table.load(&options).unwrap_err().to_string();
    assert!(error.contains("no action unit `au17`; it has au01, au12"), "{error}");
}

#[test]
fn a_subset_of_classes_is_reindexed_in_the_order_asked_for() {
    let world = World::new(30);
    world.extract();
    let mut options = LoadOptions::new(Task::Expression);
    options.outputs = vec!["angry".into(), "happy".into()];
    let Loaded { sets, counts } = world.open().load(&options).unwrap();
    assert_eq!(counts.other_class, 9);
    assert_eq!(sets.train.targets.names, ["angry", "happy"]);
    for (row, i) in ids(&sets.train).into_iter().enumerate() {
        assert_eq!(sets.train.targets.class(row), Some(usize::from(i % 3 != 2)));
    }
}

#[test]
fn a_fold_is_tested_and_the_others_train() {
    let world = World::new(42);
    world.extract();
    let mut options = LoadOptions::new(Task::ActionUnits);
    options.fold = Some(1);
    let Loaded { sets, counts } = world.open().load(&options).unwrap();
    assert_eq!((counts.train, counts.test), (30, 12));
    assert!(ids(&sets.test).iter().all(|i| i % 7 % 3 == 1));
    let subjects = |set: &FeatureSet| {
        set.subjects
            .iter()
            .flatten()
            .cloned()
            .collect::<std::collections::BTreeSet<_>>()
    };
    assert!(subjects(&sets.train).is_disjoint(&subjects(&sets.test)));
    options.fold = Some(9);
    let error = world.open().load(&options).unwrap_err().to_string();
    assert!(error.contains("leaves no test samples"), "{error}");
}

#[test]
fn a_filter_leaves_rows_out() {
    let world = World::new(30);
    world.extract();
    let early = |row: &RowInfo<'_>| row.frame.is_some_and(|frame| frame <= 12);
    let mut options = LoadOptions::new(Task::Expression);
    options.filter = Some(&early);
    let Loaded { sets, counts } = world.open().load(&options).unwrap();
    assert_eq!(counts.filtered, 18);
    assert!(ids(&sets.train).iter().all(|&i| i < 12));
}

#[test]
fn validation_is_stratified_seeded_and_independent_of_order() {
    let world = World::new(120);
    world.extract();
    let table = world.open();
    let with = |seed, by_subject| {
        let mut options = LoadOptions::new(Task::Expression);
        options.validation = Some(Validation {
            fraction: 0.2,
            seed,
            by_subject,
        });
        table.load(&options).unwrap()
    };
    let a = with(0, false);
    assert_eq!(a, with(0, false));
    assert_ne!(a.sets.val, with(1, false).sets.val);
    let val = a.sets.val.as_ref().unwrap();
    // 92 labelled training samples.
    assert_eq!((a.counts.train, a.counts.val), (74, 18));
    for class in 0..3 {
        let of = |set: &FeatureSet| (0..set.len()).filter(|&i| set.targets.class(i) == Some(class)).count();
        let share = of(val) as f64 / (of(val) + of(&a.sets.train)) as f64;
        assert!((share - 0.2).abs() < 0.05, "class {class}: {share}");
    }
    let persons = with(0, true);
    let subjects = |set: &FeatureSet| {
        set.subjects
            .iter()
            .flatten()
            .cloned()
            .collect::<std::collections::BTreeSet<_>>()
    };
    assert!(subjects(&persons.sets.train).is_disjoint(&subjects(persons.sets.val.as_ref().unwrap())));
}

#[test]
fn truncated_and_foreign_parts_are_refused() {
    let world = World::new(30);
    world.extract();
    let part = part_path(&world.out(), 1);
    let bytes = std::fs::read(&part).unwrap();
    let refused = || FeatureTable::open(&world.out()).unwrap_err().to_string();

    std::fs::write(&part, &bytes[..bytes.len() / 2]).unwrap();
    assert!(refused().contains("failed to read the feature table"), "{}", refused());
    std::fs::write(&part, b"").unwrap();
    assert!(refused().contains("part-00001.parquet"), "{}", refused());
    std::fs::copy(world.samples(), &part).unwrap();
    assert!(
        refused().contains("has no metadata `aura-bench.features`"),
        "{}",
        refused()
    );
    // A part of the same table under another number.
    std::fs::copy(part_path(&world.out(), 0), &part).unwrap();
    assert!(refused().contains("belongs to another feature table"), "{}", refused());
    // The extraction replaces whatever stands there.
    assert_eq!(world.extract().cached_parts, 3);
    assert_eq!(std::fs::read(&part).unwrap(), bytes);

    let empty = tempfile::tempdir().unwrap();
    let error = FeatureTable::open(empty.path()).unwrap_err().to_string();
    assert!(error.contains("holds no feature table"), "{error}");
    assert!(FeatureTable::open(Path::new("/nonexistent/features")).is_err());
}

#[test]
fn hog_features_go_all_the_way() {
    let world = World::new(9);
    let photo = crate::image::decode(
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/hog/face.png").as_ref(),
        &crate::image::DecodeLimits::default(),
    )
    .unwrap();
    for i in 0..9 {
        photo.save(world.image(i)).unwrap();
    }
    let hog = Hog::new(HogConfig::default()).unwrap();
    let options = FeaturesConfig {
        tokens: TokenGrid::All,
        ..FeaturesConfig::default()
    };
    world.extract_with(&hog, &options).unwrap();
    let mut load = LoadOptions::new(Task::Expression);
    load.tokens = true;
    let train = world.open().load(&load).unwrap().sets.train;
    let exact = &hog.encode(std::slice::from_ref(&photo)).unwrap()[0].global;
    for (stored, exact) in train.global.row(0).iter().zip(exact) {
        assert!((stored - exact).abs() <= 2.5e-4, "{stored} {exact}");
    }
    assert_eq!(train.tokens.unwrap().values.row(0), train.global.row(0));
}

#[test]
fn the_section_is_checked_and_its_grid_is_text() {
    let config: FeaturesConfig = toml::from_str("tokens = \"7x7\"\ndtype = \"f32\"").unwrap();
    assert_eq!(config.tokens, TokenGrid::Pooled(7, 7));
    assert_eq!(config.dtype, Dtype::F32);
    assert!(config.validate().is_ok());
    for bad in ["7", "0x7", "7x", "7x-1", "some", "7x7x7", "+7x7"] {
        let error = toml::from_str::<FeaturesConfig>(&format!("tokens = \"{bad}\"")).unwrap_err();
        assert!(error.to_string().contains("a grid like \"7x7\""), "{bad}: {error}");
    }
    let config = FeaturesConfig {
        margin: f32::NAN,
        ..FeaturesConfig::default()
    };
    assert_eq!(config.validate().unwrap_err().0, "margin");
    let schema = serde_json::to_string(&schemars::schema_for!(FeaturesConfig)).unwrap();
    assert!(schema.contains("none|all"), "{schema}");
}

/// Conversion looks at headers, extraction decodes: what the first lets through by default, the second must not refuse.
#[test]
fn one_limit_of_pixels_holds_for_every_stage() {
    let (features, dataset) = (FeaturesConfig::default(), crate::dataset::DatasetConfig::default());
    assert_eq!(features.limits().max_pixels, dataset.max_pixels);
    assert_eq!(crate::image::DecodeLimits::default().max_pixels, dataset.max_pixels);
    assert!(features.limits().max_alloc_bytes >= 16 * 40_000_000);
}
