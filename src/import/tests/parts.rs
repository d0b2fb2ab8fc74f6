//! Folders of Parquet files, columns that hold something else, and rows without features.

use arrow::array::{BinaryArray, StructArray};

use super::*;
use crate::interrupt::Interrupt;

fn lists(rows: &[Option<&[f32]>]) -> ArrayRef {
    Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>(rows.iter().map(
        |row| row.map(|row| row.iter().map(|value| Some(*value)).collect::<Vec<_>>()),
    )))
}

fn ones(rows: usize) -> ArrayRef {
    lists(&vec![Some(&[1.0, 2.0][..]); rows])
}

/// A folder of two classes in every file.
fn folder(files: &[&str]) -> Case {
    let mut case = Case::new("unused", "");
    case.features = case.folder.path().join("parts");
    for (i, file) in files.iter().enumerate() {
        let path = case.features.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let ids = [format!("{i}a"), format!("{i}b")];
        parquet(
            &path,
            vec![
                ("features", ones(2)),
                ("id", texts(&[&ids[0], &ids[1]])),
                ("label", texts(&["joy", "fear"])),
            ],
        );
    }
    case
}

fn splits(case: &Case) -> Vec<(Split, u64)> {
    let by_split = case.import().unwrap().conversion.by_split;
    Split::ALL
        .into_iter()
        .filter_map(|split| Some((split, *by_split.get(split.as_str())?)))
        .collect()
}

#[test]
fn names_of_parts_say_the_split() {
    use Split::{Test, Train, Val};
    let official = [
        "train-00000-of-00002.parquet",
        "train-00001-of-00002.parquet",
        "test-00000-of-00001.parquet",
    ];
    assert_eq!(splits(&folder(&official)), [(Train, 4), (Test, 2)]);
    assert_eq!(
        splits(&folder(&["train/0.parquet", "test/0.parquet"])),
        [(Train, 2), (Test, 2)]
    );
    assert_eq!(
        splits(&folder(&[
            "a/train.parquet",
            "a/validation.parquet",
            "a/test.parquet",
            ".cache/x.parquet"
        ])),
        [(Train, 2), (Val, 2), (Test, 2)]
    );
    let error = folder(&["train-0.parquet", "rest.parquet"]).error();
    assert!(
        error.contains("rest.parquet") && error.contains("dataset.table.split"),
        "{error}"
    );
    // Without a word a hash decides, and says so.
    let imported = folder(&["part-0.parquet", "part-1.parquet"]).examine().unwrap();
    assert!(imported.conversion.warnings.iter().any(|w| w.contains("a hash")));
    // The same bytes under another name are another split.
    let case = folder(&["train-0.parquet", "test-0.parquet"]);
    let digest = case.with(|import| import.digest(&Interrupt::default()).unwrap());
    std::fs::rename(
        case.features.join("test-0.parquet"),
        case.features.join("val-0.parquet"),
    )
    .unwrap();
    assert_ne!(
        case.with(|import| import.digest(&Interrupt::default()).unwrap()),
        digest
    );
}

#[test]
fn columns_that_are_no_text_are_left_aside_or_named() {
    let fields = vec![
        (
            Arc::new(Field::new("bytes", arrow::datatypes::DataType::Binary, true)),
            Arc::new(BinaryArray::from_vec(vec![b"\xff\xd8", b"\xff\xd8"])) as ArrayRef,
        ),
        (
            Arc::new(Field::new("path", arrow::datatypes::DataType::Utf8, true)),
            texts(&["a.jpg", "b.jpg"]),
        ),
    ];
    let image: ArrayRef = Arc::new(StructArray::from(fields));
    let mut case = Case::new("x.parquet", "");
    let write = |image: ArrayRef, name: &str, case: &Case| {
        let columns = vec![
            ("image", image),
            (name, ones(2)),
            ("label", texts(&["joy", "fear"])),
            ("split", texts(&["train", "test"])),
        ];
        parquet(&case.features, columns);
    };
    let raw: ArrayRef = Arc::new(BinaryArray::from_vec(vec![b"\xff\xd8\0", b"\xff\xd8\0"]));
    for column in [image, raw, ones(2)] {
        write(column, "features", &case);
        let imported = case.import().unwrap();
        assert_eq!(imported.conversion.samples, 2);
        assert!(
            imported
                .conversion
                .warnings
                .iter()
                .any(|w| w.contains("column `image` is left aside"))
        );
    }
    case.table.sample_id = "image".into();
    let error = case.error();
    assert!(
        error.contains("dataset.table.sample_id = \"image\"") && error.contains("holds lists"),
        "{error}"
    );
    case.table.sample_id.clear();
    // Text that was written as bytes is text.
    write(Arc::new(BinaryArray::from_vec(vec![b"one", b"two"])), "features", &case);
    assert_eq!(case.import().unwrap().rejects, []);
    assert_eq!(case.features()[0].0, "one");

    let values: Vec<f32> = (0..8).map(|i| i as f32).collect();
    let archive = |label: Vec<u8>| {
        npz(&[
            ("x", floats("(4, 2)", &values)),
            ("image", floats("(4, 2)", &values)),
            ("label", label),
        ])
    };
    let case = Case::new("x.npz", archive(ints(&[0, 1, 0, 1])));
    assert!(
        case.examine()
            .unwrap()
            .conversion
            .warnings
            .iter()
            .any(|w| w.contains("`image`"))
    );
    let error = Case::new("x.npz", archive(encode("|O", "(4,)", false, &[0; 8]))).error();
    assert!(
        error.contains("`label` holds") && error.contains("Python objects"),
        "{error}"
    );
}

#[test]
fn names_of_columns_may_hold_dots() {
    let mut case = Case::new("x.parquet", "");
    parquet(
        &case.features,
        vec![
            ("user.id", texts(&["a", "b"])),
            ("meta.split", texts(&["train", "test"])),
            ("meta.emotion", texts(&["joy", "fear"])),
            ("feat.0", Arc::new(Float64Array::from(vec![1.0, 2.0]))),
            ("feat.1", Arc::new(Float64Array::from(vec![3.0, 4.0]))),
            ("feat", texts(&["x", "y"])),
        ],
    );
    case.table.sample_id = "user.id".into();
    case.table.split = "meta.split".into();
    case.table.label = "meta.emotion".into();
    case.table.features = "feat.*".into();
    assert_eq!(case.import().unwrap().card.class_names(), ["fear", "joy"]);
    let expected = [("a".to_owned(), vec![1.0, 3.0]), ("b".to_owned(), vec![2.0, 4.0])];
    assert_eq!(case.features(), expected);
    // Labels in a file of their own, found by a key with a dot.
    let mut case = case.labels("y.parquet", "");
    parquet(
        case.labels.as_ref().unwrap(),
        vec![
            ("name.of", texts(&["b", "a"])),
            ("s.s", texts(&["train", "test"])),
            ("l.l", texts(&["joy", "fear"])),
        ],
    );
    case.table.key = "user.id".into();
    case.table.sample_id = "name.of".into();
    case.table.split = "s.s".into();
    case.table.label = "l.l".into();
    case.import().unwrap();
    assert_eq!(
        case.features(),
        [("b".to_owned(), vec![2.0, 4.0]), ("a".to_owned(), vec![1.0, 3.0])]
    );
}

#[test]
fn rows_without_features_are_rejects() {
    let two = Some(&[1.0, 2.0][..]);
    for first in [None, Some(&[][..]), Some(&[1.0][..]), Some(&[f32::NAN, 1.0][..])] {
        let rows = [first, two, two, None, Some(&[]), two, Some(&[1.0, 2.0, 3.0]), two];
        let columns = vec![
            ("features", lists(&rows)),
            (
                "label",
                texts(&["joy", "fear", "joy", "joy", "joy", "fear", "joy", "fear"]),
            ),
            (
                "split",
                texts(&["train", "train", "train", "train", "train", "train", "test", "test"]),
            ),
        ];
        let case = Case::new("x.parquet", "");
        parquet(&case.features, columns.clone());
        let imported = case.import().unwrap();
        let rejects: Vec<(Option<u32>, String)> = imported
            .rejects
            .iter()
            .map(|reject| (reject.line, reject.reason.to_string()))
            .collect();
        assert_eq!(
            rejects.iter().map(|(line, _)| line.unwrap()).collect::<Vec<_>>(),
            [1, 4, 5, 7]
        );
        assert!(
            rejects[1].1.contains("`null` for features: expected 2 numbers"),
            "{rejects:?}"
        );
        assert!(
            rejects[2].1.contains("`an empty list`") && rejects[3].1.contains("`3 values`"),
            "{rejects:?}"
        );
        assert!(case.features().iter().all(|(_, row)| row == &[1.0, 2.0]));
        // In parts, rows are those of their file.
        let case = folder(&["train-0.parquet", "test-0.parquet"]);
        parquet(
            &case.features.join("train-1.parquet"),
            columns.into_iter().chain([("id", texts(&["c"; 8]))]).collect(),
        );
        let error = case.error();
        assert!(error.contains("train-1.parquet: has the columns"), "{error}");
    }
    let mut case = folder(&["train-0.parquet", "test-0.parquet"]);
    case.table.label = "label".into();
    parquet(
        &case.features.join("train-1.parquet"),
        vec![
            ("features", lists(&[two, None])),
            ("id", texts(&["c", "d"])),
            ("label", texts(&["joy", "fear"])),
        ],
    );
    assert_eq!(places(&case.import().unwrap()), ["train-1.parquet:2 bad_value"]);
    // What has no usual number of values is said as a whole.
    let case = Case::new("x.parquet", "");
    parquet(
        &case.features,
        vec![
            ("features", lists(&[two, Some(&[1.0])])),
            ("label", texts(&["joy", "fear"])),
        ],
    );
    assert!(case.error().contains("1 in 1 rows, 2 in 1 rows"));
    parquet(
        &case.features,
        vec![("features", lists(&[None, None])), ("label", texts(&["joy", "fear"]))],
    );
    assert!(case.error().contains("no row holds a value"));
}

#[test]
fn ids_that_begin_anew_in_every_part_are_rejects_with_advice() {
    let mut case = Case::new("unused", "");
    case.features = case.folder.path().join("parts");
    std::fs::create_dir(&case.features).unwrap();
    for name in ["test-0.parquet", "train-0.parquet"] {
        parquet(
            &case.features.join(name),
            vec![
                ("features", ones(3)),
                (
                    "id",
                    texts(if name.starts_with("test") {
                        &["0", "1", "2"]
                    } else {
                        &["0", "3", "3"]
                    }),
                ),
                ("label", texts(&["joy", "fear", "joy"])),
            ],
        );
    }
    let reasons: Vec<String> = case
        .examine()
        .unwrap()
        .rejects
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        reasons,
        [
            "train-0.parquet:1: duplicated id `0`: first listed at test-0.parquet:1; where they begin anew in every file, name another \
             column as dataset.table.sample_id",
            "train-0.parquet:3: duplicated id `3`: first listed at train-0.parquet:2",
        ]
    );
}
