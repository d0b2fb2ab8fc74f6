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
use crate::feature::load::Loaded;
use crate::feature::options::RowInfo;
use crate::feature::shard::Shard;
use crate::feature::threshold::{AuThreshold, ThresholdRule};
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::sets::FeatureSet;
use crate::task::Task;

use super::table::part_path;
use super::*;

mod images;
mod kept;
mod loading;
mod shared;
mod stored;

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
        self.extract_share(encoder, options, "1/1", &Interrupt::default())
    }

    fn extract_share(
        &self,
        encoder: &dyn Encoder,
        options: &FeaturesConfig,
        shard: &str,
        interrupt: &Interrupt,
    ) -> Result<ExtractReport> {
        Extraction {
            samples: &self.samples(),
            data_root: &self.root(),
            encoder,
            options,
            out: &self.out(),
            shard: shard.parse().unwrap(),
        }
        .run(Progress::hidden(), interrupt)
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
            // Locks, and what is noted of the layout.
            .filter(|path| !path.file_name().unwrap().to_string_lossy().starts_with('.'))
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
    let Loaded { sets, counts, .. } = table.load(&options).unwrap();
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
    assert_eq!(
        names[names.len() - 5..],
        ["au01", "au12", "image_digest", "global", "tokens"]
    );
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
    let error = world.extract_share(&probe, &small(), "1/1", &interrupt).unwrap_err();
    assert!(matches!(error, Error::Interrupted));
    let left: Vec<String> = world.bytes().into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        left,
        ["digests-part-00000.json", "part-00000.parquet"],
        "nothing half-written may stay"
    );
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
        let report = world
            .extract_share(&encoder, &options, shard, &Interrupt::default())
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
    // A link to a folder is not followed, and not lost without a word either.
    let links = usize::from(cfg!(unix));
    FolderSamples::of(&root)
        .and_then(|found| found.write(&world.samples()))
        .unwrap();
    let report = world.extract();
    // What holds no image is a reject, whatever it is called.
    assert_eq!((report.rows, report.rejected), (5, 2 + links));
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
    let error = FolderSamples::of(empty.path()).unwrap_err().to_string();
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
fn truncated_and_foreign_parts_are_refused() {
    let world = World::new(30);
    world.extract();
    let part = part_path(&world.out(), 1);
    let bytes = std::fs::read(&part).unwrap();
    let refused = || FeatureTable::open(&world.out()).unwrap_err().to_string();

    std::fs::write(&part, &bytes[..bytes.len() / 2]).unwrap();
    assert!(refused().starts_with("failed to read "), "{}", refused());
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
