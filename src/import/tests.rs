//! Features made elsewhere in every form, and everything that can be wrong with them.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, FixedSizeListArray, Float16Array, Float64Array, Int64Array, LargeListArray, ListArray, RecordBatch,
    StringArray,
};
use arrow::datatypes::{Field, Float32Type, Float64Type, Schema};
use proptest::prelude::*;

use crate::dataset::Card;
use crate::dataset::options::ConvertOptions;
use crate::dataset::samples;
use crate::dataset::table::TableConfig;
use crate::error::Result;
use crate::feature::config::{Dtype, FeaturesConfig, TokenGrid};
use crate::feature::{FeatureTable, LoadOptions};
use crate::intake::npy::tests::encode;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::task::{Split, Task};

use super::csv::read_csv;
use super::features::{Import, Imported};

mod classes;
mod columns;
mod exact;
mod parts;
mod splits;

/// A folder with files, and how they are imported.
struct Case {
    folder: tempfile::TempDir,
    features: PathBuf,
    labels: Option<PathBuf>,
    table: TableConfig,
    store: FeaturesConfig,
    options: ConvertOptions,
    task: Task,
    outputs: Vec<String>,
    binary: bool,
    folds: Vec<i32>,
}

impl Case {
    fn new(name: &str, bytes: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let features = folder.path().join(name);
        std::fs::write(&features, bytes).unwrap();
        Self {
            folder,
            features,
            labels: None,
            table: TableConfig::default(),
            store: FeaturesConfig {
                dtype: Dtype::F32,
                ..FeaturesConfig::default()
            },
            options: ConvertOptions {
                max_rejected: 1.0,
                ..ConvertOptions::default()
            },
            task: Task::Expression,
            outputs: Vec::new(),
            binary: false,
            folds: Vec::new(),
        }
    }

    /// Four rows of three features, 0 to 11, with these labels.
    fn npy(csv: &str) -> Self {
        let values: Vec<u8> = (0..12).flat_map(|i| (i as f32).to_le_bytes()).collect();
        Self::new("x.npy", encode("<f4", "(4, 3)", false, &values)).labels("y.csv", csv)
    }

    fn labels(mut self, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        self.table.labels = path.display().to_string();
        self.labels = Some(path);
        self
    }

    fn with<R>(&self, run: impl FnOnce(&Import<'_>) -> R) -> R {
        let card = self
            .table
            .card(Card::load("table").unwrap(), &self.features.display().to_string());
        run(&Import {
            features: self.features.clone(),
            labels: self.labels.clone(),
            table: &self.table,
            card: &card,
            options: &self.options,
            store: &self.store,
            task: self.task,
            outputs: &self.outputs,
            binary: self.binary,
            folds: &self.folds,
        })
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    fn examine(&self) -> Result<Imported> {
        self.with(|import| import.examine(&Interrupt::default()).map(|(imported, _)| imported))
    }

    fn import(&self) -> Result<Imported> {
        self.with(|import| import.run(&self.out(), &Progress::hidden(), &Interrupt::default()))
    }

    fn error(&self) -> String {
        self.examine().unwrap_err().to_string()
    }

    /// Sample → features of the imported table.
    fn features(&self) -> Vec<(String, Vec<f32>)> {
        let table = FeatureTable::open(&self.out().join("features")).unwrap();
        let loaded = table.load(&LoadOptions::new(self.task)).unwrap();
        [
            Some(&loaded.sets.train),
            loaded.sets.val.as_ref(),
            Some(&loaded.sets.test),
        ]
        .into_iter()
        .flatten()
        .flat_map(|set| (0..set.len()).map(|i| (set.sample_ids[i].clone(), set.global.row(i))))
        .collect()
    }
}

fn places(imported: &Imported) -> Vec<String> {
    imported
        .rejects
        .iter()
        .map(|reject| format!("{}:{} {}", reject.file, reject.line.unwrap_or(0), reject.reason.kind()))
        .collect()
}

fn parquet(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, column)| Field::new(*name, column.data_type().clone(), true))
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(schema.clone(), columns.into_iter().map(|(_, column)| column).collect()).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(File::create(path).unwrap(), schema, None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn npz(arrays: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in arrays {
        let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
        archive.start_file(format!("{name}.npy"), options).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn floats(shape: &str, values: &[f32]) -> Vec<u8> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    encode("<f4", shape, false, &bytes)
}

fn ints(values: &[i64]) -> Vec<u8> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    encode("<i8", &format!("({},)", values.len()), false, &bytes)
}

#[test]
fn features_follow_their_samples_whatever_the_order() {
    let case = Case::npy(
        "id,split,expression,valence,arousal,'AU 12'\r\nd,test,sad,-0.5,0.1,999\r\nb,train,happy,0.5,0.1,3\r\n\
         a,training,sad,,0.1,0\r\nc,nowhere,sad,0,0,1\r\n",
    );
    let imported = case.import().unwrap();
    assert_eq!(imported.card.class_names(), ["happy", "sad"]);
    assert_eq!(imported.card.au_columns(), ["au12"]);
    assert_eq!(places(&imported), ["y.csv:5 bad_value"]);
    // AU 12 of one sample, and valence and arousal of another.
    assert_eq!(imported.conversion.masked, 2);
    assert_eq!(
        case.features(),
        [
            ("a".to_owned(), vec![6.0, 7.0, 8.0]),
            ("b".to_owned(), vec![3.0, 4.0, 5.0]),
            ("d".to_owned(), vec![0.0, 1.0, 2.0]),
        ]
    );
    let (table, meta) = samples::read(&case.out().join("samples.parquet")).unwrap();
    assert_eq!((table.num_rows(), meta.classes.len()), (3, 2));
    for name in ["rejects.csv", "conversion.json"] {
        assert!(case.out().join(name).is_file());
    }
}

#[test]
fn labels_are_found_by_name() {
    let values = floats("(4, 1)", &[0.0, 1.0, 2.0, 3.0]);
    let bytes = npz(&[("features", values), ("name", ints(&[10, 11, 12, 13]))]);
    let mut case = Case::new("x.npz", bytes).labels(
        "y.csv",
        "id,split,label\n13,train,b\n10,test,a\n99,train,a\n12,train,a\n10,train,b\n",
    );
    case.table.key = "name".into();
    let imported = case.import().unwrap();
    assert_eq!(
        places(&imported),
        [
            "x.npz:2 missing_label",
            "y.csv:4 missing_features",
            "y.csv:6 duplicate_id"
        ]
    );
    assert_eq!(
        case.features(),
        [
            ("12".to_owned(), vec![2.0]),
            ("13".to_owned(), vec![3.0]),
            ("10".to_owned(), vec![0.0]),
        ]
    );
    case.table.sample_id = "split".into();
    assert!(case.error().contains("no sample that"), "{}", case.error());
}

#[test]
fn rows_that_name_other_samples_are_noticed() {
    let case = Case::new(
        "x.npz",
        npz(&[("x", floats("(2, 1)", &[0.0, 1.0])), ("id", ints(&[1, 2]))]),
    )
    .labels("y.csv", "id,label\n1,0\n3,1\n");
    let error = case.error();
    assert!(
        error.contains("y.csv:3") && error.contains("dataset.table.key = \"id\""),
        "{error}"
    );
}

#[test]
fn parquet_in_every_form_of_features() {
    let column = |values: [f64; 2]| -> ArrayRef { Arc::new(Float64Array::from(values.to_vec())) };
    let fixed: ArrayRef = Arc::new(FixedSizeListArray::new(
        Arc::new(Field::new("item", arrow::datatypes::DataType::Float16, true)),
        2,
        Arc::new(Float16Array::from_iter_values(
            [1.0, 2.0, 3.0, 4.0].map(half::f16::from_f32),
        )),
        None,
    ));
    let list: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>([
        Some(vec![Some(1.0), Some(2.0)]),
        Some(vec![Some(3.0), Some(4.0)]),
    ]));
    let large: ArrayRef = Arc::new(LargeListArray::from_iter_primitive::<Float32Type, _, _>([
        Some(vec![Some(1.0), Some(2.0)]),
        Some(vec![Some(3.0), Some(4.0)]),
    ]));
    let base = || {
        vec![
            ("sample_id", texts(&["p", "q"])),
            ("split", texts(&["train", "test"])),
            ("label", Arc::new(Int64Array::from(vec![1, 0])) as ArrayRef),
        ]
    };
    for (more, named) in [
        (vec![("global", fixed)], ""),
        (vec![("embeddings", list)], "embeddings"),
        (vec![("z", large)], "z"),
        (vec![("f_0", column([1.0, 3.0])), ("f_1", column([2.0, 4.0]))], "f_*"),
    ] {
        let mut case = Case::new("f.parquet", b"");
        parquet(&case.features, base().into_iter().chain(more).collect());
        case.table.features = named.into();
        let imported = case.import().unwrap();
        assert_eq!(imported.card.class_names(), ["0", "1"]);
        assert_eq!(
            case.features(),
            [("p".to_owned(), vec![1.0, 2.0]), ("q".to_owned(), vec![3.0, 4.0])],
            "{named}"
        );
    }
    let mut case = Case::new("f.parquet", b"");
    let ragged: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>([
        Some(vec![Some(1.0), Some(2.0)]),
        Some(vec![Some(3.0)]),
    ]));
    parquet(&case.features, base().into_iter().chain([("global", ragged)]).collect());
    assert!(
        case.error()
            .contains("rows have different numbers of values: 1 in 1 rows, 2 in 1 rows"),
        "{}",
        case.error()
    );
    parquet(
        &case.features,
        base().into_iter().chain([("x", texts(&["1", "2"]))]).collect(),
    );
    assert!(case.error().contains("`x` holds text"), "{}", case.error());
    case.table.features = "x".into();
    assert!(case.error().contains("holds text; expected"), "{}", case.error());
    case.table.features.clear();
    parquet(&case.features, base());
    assert!(case.error().contains("dataset.table.features"), "{}", case.error());
}

#[test]
fn a_folder_of_parts_and_labels_of_this_program() {
    let case = Case::npy("id,split,label,fold\na,train,up,1\nb,train,down,1\nc,test,up,2\nd,test,down,2\n");
    case.import().unwrap();
    // The feature table that was written is read again, with the samples table as its labels.
    let mut again = Case::new("unused.npy", b"");
    again.features = case.out().join("features");
    again.labels = Some(case.out().join("samples.parquet"));
    again.table.labels = "samples.parquet".into();
    again.table.key = "sample_id".into();
    let imported = again.import().unwrap();
    assert_eq!(imported.card.class_names(), ["down", "up"]);
    assert_eq!(again.features(), case.features());
    // Beside the features stand all columns, so that it can be read alone, too.
    again.labels = None;
    again.table = TableConfig::default();
    again.import().unwrap();
    assert_eq!(again.features(), case.features());
}

#[test]
fn tokens_come_along_where_they_are_asked_for() {
    let tokens: Vec<f32> = (0..2 * 4 * 2).map(|i| i as f32).collect();
    let arrays = |shape: &str| {
        npz(&[
            ("global", floats("(2, 1)", &[7.0, 8.0])),
            ("tokens", floats(shape, &tokens)),
            ("label", ints(&[0, 1])),
            ("split", encode("|S5", "(2,)", false, b"traintest\0")),
        ])
    };
    let mut case = Case::new("x.npz", arrays("(2, 4, 2)"));
    case.store.tokens = TokenGrid::All;
    let imported = case.import().unwrap();
    let shape = imported.tokens.unwrap();
    assert_eq!((shape.rows, shape.cols, shape.width), (2, 2, 2));
    let table = FeatureTable::open(&case.out().join("features")).unwrap();
    let options = LoadOptions {
        tokens: true,
        ..LoadOptions::new(Task::Expression)
    };
    let loaded = table.load(&options).unwrap();
    assert_eq!(loaded.sets.test.tokens.unwrap().values.all().unwrap().data, tokens[8..]);
    case.store.tokens = TokenGrid::Pooled(1, 1);
    case.import().unwrap();
    let table = FeatureTable::open(&case.out().join("features")).unwrap();
    let loaded = table.load(&options).unwrap();
    assert_eq!(loaded.sets.train.tokens.unwrap().values.all().unwrap().data, [3.0, 4.0]);
    // Flat tokens need to be told their grid.
    let mut flat = Case::new("x.npz", arrays("(2, 8)"));
    flat.store.tokens = TokenGrid::All;
    assert!(flat.error().contains("dataset.table.token_grid"), "{}", flat.error());
    flat.table.token_grid = "1x4".into();
    assert_eq!(flat.import().unwrap().tokens.unwrap().cols, 4);
    flat.table.token_grid = "3x1".into();
    assert!(flat.error().contains("not 3 × 1 tokens"), "{}", flat.error());
    // Without being asked for they cost nothing.
    case.store.tokens = TokenGrid::None;
    assert!(case.import().unwrap().tokens.is_none());
}

#[test]
fn classes_are_those_of_the_recipe_or_those_that_occur() {
    let mut case = Case::npy("split,label\ntrain,2\ntrain,0\ntest,2.0\ntest,7\n");
    case.table.classes = ["calm", "tense", "glad"].map(str::to_owned).to_vec();
    let imported = case.import().unwrap();
    assert_eq!(imported.conversion.by_class["glad"], 2);
    assert_eq!(places(&imported), ["y.csv:5 bad_label"]);
    case.table.classes.clear();
    assert_eq!(case.examine().unwrap().card.class_names(), ["0", "2", "7"]);
    // An index beside the names decides their order.
    let case = Case::npy("split,expression,expression_name\ntrain,1,b\ntrain,0,c\ntest,2,a\ntest,0,c\n");
    assert_eq!(case.examine().unwrap().card.class_names(), ["c", "b", "a"]);
    let mut case = Case::npy("split,label\ntrain,Up\ntrain,up\ntest,UP\ntest,down\n");
    case.table.classes = ["up", "down"].map(str::to_owned).to_vec();
    assert_eq!(case.examine().unwrap().conversion.by_class["up"], 3);
    case.outputs = vec!["sideways".into()];
    assert!(
        case.error().contains("the protocol names `sideways`"),
        "{}",
        case.error()
    );
}

#[test]
fn the_split_is_a_column_a_fold_or_a_hash() {
    let split = |case: &Case| {
        let imported = case.examine().unwrap();
        (
            imported.conversion.by_split.clone(),
            imported.conversion.warnings.join("; "),
        )
    };
    let mut case = Case::npy("part,label\n0,a\n0,b\n1,a\n1,b\n");
    case.table.split = "part".into();
    assert!(case.error().contains("dataset.table.splits"), "{}", case.error());
    case.table.splits = [("0".to_owned(), Split::Train), ("1".to_owned(), Split::Test)].into();
    let (counts, warnings) = split(&case);
    assert_eq!((counts["train"], counts["test"], warnings.as_str()), (2, 2, ""));
    let (counts, warnings) = split(&Case::npy("split,label\ntrain,a\ntrain,b\nval,a\nvalid,b\n"));
    assert_eq!(counts["test"], 2);
    assert!(warnings.contains("read as `test`"));
    let (counts, warnings) = split(&Case::npy("fold,label\n2,a\n1,b\n3,a\n2,b\n"));
    assert_eq!((counts["train"], counts["test"]), (3, 1));
    assert!(warnings.contains("fold 1"), "{warnings}");
    let mut case = Case::npy("fold,subject,label\n2,p,a\n1,q,b\n3,r,a\n2,p,b\n");
    case.folds = vec![1, 4];
    assert!(
        case.error().contains("fold 4, and no sample is in it"),
        "{}",
        case.error()
    );
    let mut case = Case::npy("split,au1\ntrain,1\ntrain,0\ntest,4\ntest,999\n");
    case.task = Task::ActionUnits;
    case.examine().unwrap();
    case.binary = true;
    assert!(
        case.error().contains("line 4 has an intensity of action unit 1"),
        "{}",
        case.error()
    );
    // People are never split, whatever the seed.
    for seed in 0..20 {
        let mut case = Case::npy("subject,label\ns1,a\ns1,b\ns2,a\ns2,b\n");
        case.options.split_seed = seed;
        case.options.test_share = 0.5;
        let (counts, warnings) = split(&case);
        assert!(counts.values().all(|n| n.is_multiple_of(2)), "{counts:?}");
        assert!(warnings.contains("hash of the person"), "{warnings}");
    }
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    for (csv, part) in [
        ("split,label\ntrain,3\n", "4 rows of features, "),
        ("split,thing\ntrain,3\ntrain,3\ntest,1\ntest,1\n", "dataset.table.label"),
        (
            "split,label\ntrain,1\ntrain,1\ntest,1\ntest,1\n",
            "at least two classes",
        ),
        (
            "split,label\ntrain,\"3\ntrain,1\ntest,1\ntest,1\n",
            "y.csv:2: a quote is left open",
        ),
        ("", "the file is empty"),
    ] {
        let error = Case::npy(csv).error();
        assert!(error.contains(part), "{csv:?}: {error}");
    }
    let error = Case::npy("").labels("y.csv", b"split,\xff\ntrain,3\n").error();
    assert!(error.contains("y.csv:1: line is not UTF-8"), "{error}");
    let mut case = Case::npy("split,label\ntrain,0\ntrain,1\ntest,0\ntest,1\n");
    case.table.valence = "joy".into();
    assert!(
        case.error().contains("dataset.table.valence = \"joy\""),
        "{}",
        case.error()
    );
    case.table.valence.clear();
    case.task = Task::ActionUnits;
    assert!(case.error().contains("dataset.table.aus"), "{}", case.error());
    case.task = Task::ValenceArousal;
    assert!(case.error().contains("valence and arousal"), "{}", case.error());
    case.labels = None;
    assert!(case.error().contains("dataset.table.labels"), "{}", case.error());
    case.features = "nowhere.npy".into();
    assert!(case.error().contains("there is no such file"), "{}", case.error());
}

#[test]
fn lines_that_cannot_be_used_keep_their_place() {
    let good = ["train,a", "train,b", "test,a", "test,b"];
    for (bad, kind) in [
        (&b"train"[..], "malformed_line"),
        (b"train,a,", "malformed_line"),
        (b"train,\xff", "not_utf8"),
        (b"train,\0", "malformed_line"),
    ] {
        for at in 0..good.len() {
            let mut lines: Vec<&[u8]> = good.iter().map(|line| line.as_bytes()).collect();
            lines[at] = bad;
            let mut bytes = b"split,label\n".to_vec();
            bytes.extend(lines.join(&b"\n"[..]));
            let mut case = Case::npy("").labels("y.csv", &bytes);
            case.table.classes = vec!["a".into(), "b".into()];
            let imported = case.import().unwrap();
            assert_eq!(places(&imported), [format!("y.csv:{} {kind}", at + 2)]);
            // The other rows keep their features; samples are ordered by split.
            let expected: Vec<f32> = [0, 1, 2, 3]
                .into_iter()
                .filter(|row| *row != at)
                .flat_map(|row| (0..3).map(move |i| (row * 3 + i) as f32))
                .collect();
            let mut found: Vec<f32> = case.features().into_iter().flat_map(|(_, row)| row).collect();
            found.sort_by(f32::total_cmp);
            assert_eq!(found, expected);
        }
    }
}

#[test]
fn bad_rows_are_left_out_alone() {
    let header = "split,label,image_path,valence,arousal,au12,frame\n";
    for (row, kind) in [
        ("train,c,,0,0,0,1", "bad_label"),
        ("train,a,../../etc/passwd,0,0,0,1", "leaves_root"),
        ("train,a,/etc/passwd,0,0,0,1", "leaves_root"),
        ("train,a,C:\\x.jpg,0,0,0,1", "leaves_root"),
        ("train,a,,1.5,0,,1", "bad_value"),
        ("train,a,,x,0,,1", "bad_value"),
        ("train,a,,,,6,1", "bad_value"),
        ("train,a,,0,0,0,1.5", "bad_value"),
        (",a,,0,0,0,1", "bad_value"),
    ] {
        let mut case = Case::npy(&format!(
            "{header}train,a,x.jpg,0,0,0,1\ntrain,b,,,,,\n{row}\ntest,a,,-2,-2,999,\n"
        ));
        case.table.classes = vec!["a".into(), "b".into()];
        case.table.sample_id = "frame".into();
        // Only what the task reads costs the row.
        case.task = match row.split(',').collect::<Vec<_>>()[3..6] {
            ["1.5" | "x", ..] => Task::ValenceArousal,
            [.., "6"] => Task::ActionUnits,
            _ => Task::Expression,
        };
        let imported = case.examine().unwrap();
        assert_eq!(places(&imported), [format!("y.csv:4 {kind}")], "{row}");
    }
    let mut values: Vec<f32> = (0..12).map(|i| i as f32).collect();
    values[4] = f32::NAN;
    values[8] = 70_000.0;
    let mut case = Case::new("x.npy", floats("(4, 3)", &values))
        .labels("y.csv", "split,label\ntrain,a\ntrain,b\ntest,a\ntest,b\n");
    assert_eq!(places(&case.examine().unwrap()), ["y.csv:3 bad_value"]);
    // What does not fit into half precision is no feature there.
    case.store.dtype = Dtype::F16;
    assert_eq!(
        places(&case.examine().unwrap()),
        ["y.csv:3 bad_value", "y.csv:4 bad_value"]
    );
    case.options.max_rejected = 0.1;
    let error = case.import().unwrap_err().to_string();
    assert!(
        error.contains("2 of 4 rows were rejected") && error.contains("rejects.csv"),
        "{error}"
    );
}

#[test]
fn the_digest_covers_what_is_read() {
    let digest = |case: &Case| case.with(|import| import.digest(&Interrupt::default()).unwrap());
    let mut case = Case::npy("split,label\ntrain,0\ntrain,1\ntest,0\ntest,1\n");
    let first = digest(&case);
    assert_eq!(first, digest(&case));
    case.table.valence = "v".into();
    let second = digest(&case);
    let case = case.labels("y.csv", "split,label\ntrain,1\ntrain,1\ntest,0\ntest,1\n");
    let third = digest(&case);
    assert!(first != second && second != third && first != third);
}

/// By `tests/peers/table/zip64.py`.
const ZIP64: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/table/zip64.npz"));

#[test]
fn archives_with_zip64_records_that_they_do_not_need_are_read() {
    let case = Case::new("x.npz", ZIP64);
    let imported = case.import().unwrap();
    assert_eq!(imported.card.class_names(), ["0", "1", "2", "3"]);
    let mut rows: Vec<f32> = case.features().into_iter().flat_map(|(_, row)| row).collect();
    rows.sort_by(f32::total_cmp);
    assert_eq!(rows, (0..320).map(|i| i as f32).collect::<Vec<_>>());
}

#[test]
fn damaged_directories_of_archives_end_in_a_message() {
    let directory = ZIP64.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
    for end in directory..ZIP64.len() {
        let error = Case::new("x.npz", &ZIP64[..end]).error();
        assert!(error.contains("x.npz"), "{error}");
        for value in [0, 0xFF] {
            let mut bytes = ZIP64.to_vec();
            bytes[end] = value;
            // Some bytes mean nothing here: dates, permissions, and what the record says a second time.
            if let Err(error) = Case::new("x.npz", bytes).examine() {
                assert!(error.to_string().contains("x.npz"), "{error}");
            }
        }
    }
}

#[test]
fn lies_about_sizes_cost_nothing() {
    let labels = "split,label\ntrain,0\ntest,1\n";
    for bytes in [
        encode("<f4", "(1000000000000, 512)", false, &[0; 64]),
        encode("<f8", "(2, 4000000)", false, &[0; 64]),
        encode("<f4", "(100000, 100000)", true, &[0; 64]),
    ] {
        let error = Case::new("x.npy", &bytes).labels("y.csv", labels).error();
        assert!(error.contains("x.npy"), "{error}");
        let error = Case::new("x.npz", npz(&[("x", bytes)])).labels("y.csv", labels).error();
        assert!(error.contains("x.npz"), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arbitrary_files_never_panic(bytes: Vec<u8>, text in "[a-z0-9,;\"'\\t\\r\\n .-]{0,200}") {
        for name in ["x.npy", "x.npz", "x.parquet"] {
            let case = Case::new(name, &bytes).labels("y.csv", &text);
            let _ = case.examine();
        }
        let case = Case::npy(&text);
        let _ = case.examine();
        let _ = read_csv(case.labels.as_deref().unwrap(), &case.table);
    }
}
