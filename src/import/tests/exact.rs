//! Names stay what they are: whole numbers of any size, and bytes that are no text.

use arrow::array::{BinaryArray, BooleanArray, LargeBinaryArray};

use super::*;

/// Whole numbers that are one and the same as floats.
const LARGE: [i64; 4] = [
    9_007_199_254_740_992,
    9_007_199_254_740_993,
    9_007_199_254_740_994,
    9_007_199_254_740_995,
];

#[test]
fn whole_numbers_beyond_those_of_floats_are_names() {
    let values = floats("(4, 1)", &[0.0, 1.0, 2.0, 3.0]);
    let csv: String = LARGE
        .iter()
        .rev()
        .zip(["d,test", "c,test", "b,train", "a,train"])
        .fold("id,label,split\n".to_owned(), |csv, (id, rest)| {
            format!("{csv}{id},{rest}\n")
        });
    let mut case = Case::new("x.npz", npz(&[("x", values.clone()), ("key", ints(&LARGE))])).labels("y.csv", csv);
    case.table.key = "key".into();
    assert_eq!(case.import().unwrap().rejects, []);
    let found: Vec<(String, Vec<f32>)> = case.features();
    let expected: Vec<(String, Vec<f32>)> = LARGE
        .iter()
        .enumerate()
        .map(|(i, id)| (id.to_string(), vec![i as f32]))
        .collect();
    assert_eq!(found, expected);
    let arrays = [
        ("x", values),
        ("id", ints(&LARGE)),
        ("subject", ints(&LARGE)),
        ("label", ints(&[0, 1, 0, 1])),
        ("split", encode("|S5", "(4,)", false, b"traintest\0traintest\0")),
    ];
    let case = Case::new("x.npz", npz(&arrays));
    assert_eq!(case.import().unwrap().rejects, []);
    let (table, _) = samples::read(&case.out().join("samples.parquet")).unwrap();
    let subjects = arrow::compute::cast(
        table.column_by_name("subject").unwrap(),
        &arrow::datatypes::DataType::Utf8,
    )
    .unwrap();
    use arrow::array::AsArray;
    let subjects: std::collections::BTreeSet<String> = subjects
        .as_string::<i32>()
        .iter()
        .flatten()
        .map(str::to_owned)
        .collect();
    assert_eq!(subjects, LARGE.map(|id| id.to_string()).into());
}

/// A Parquet file of twelve rows, in which row 10 of column `name` is no text.
fn with_bytes(path: &Path, name: &str, large: bool) {
    let ids: Vec<String> = (0..12).map(|i| format!("s{i}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let labels = ["a", "b"].repeat(6);
    let splits = ["train", "train", "test"].repeat(4);
    let columns = [("sample_id", ids), ("label", labels), ("split", splits)].map(|(column, mut values)| {
        if column != name {
            return (column, texts(&values));
        }
        let last = values.split_off(10);
        let mut bytes: Vec<Option<&[u8]>> = values.iter().map(|value| Some(value.as_bytes())).collect();
        bytes[9] = Some(b"caf\xe9");
        bytes.extend(last.iter().map(|value| Some(value.as_bytes())));
        let array: ArrayRef = if large {
            Arc::new(LargeBinaryArray::from(bytes))
        } else {
            Arc::new(BinaryArray::from(bytes))
        };
        (column, array)
    });
    let features: ArrayRef = Arc::new(Float64Array::from_iter_values((0..12).map(f64::from)));
    parquet(path, columns.into_iter().chain([("x", features)]).collect());
}

#[test]
fn rows_with_bytes_that_are_no_text_are_rejects() {
    for name in ["sample_id", "label", "split"] {
        for large in [false, true] {
            // Beside the features.
            let case = Case::new("f.parquet", b"");
            with_bytes(&case.features, name, large);
            let imported = case.import().unwrap();
            let reasons: Vec<String> = imported.rejects.iter().map(ToString::to_string).collect();
            assert_eq!(
                reasons,
                [format!(
                    "f.parquet:10: bad value `caf\u{fffd}` for {name}: expected text in UTF-8"
                )]
            );
            assert_eq!(imported.conversion.masked, 0);
            // In a file of labels, by row and by name.
            let values: Vec<f32> = (0..12).map(|i| i as f32).collect();
            let ids: Vec<u8> = (0..12).flat_map(|i| format!("s{i:<2}").into_bytes()).collect();
            let arrays = [
                ("x", floats("(12, 1)", &values)),
                ("name", encode("|S3", "(12,)", false, &ids)),
            ];
            let mut case = Case::new("x.npz", npz(&arrays)).labels("y.parquet", "");
            with_bytes(case.labels.as_ref().unwrap(), name, large);
            assert_eq!(places(&case.import().unwrap()), ["y.parquet:10 bad_value"]);
            case.table.key = "name".into();
            let mut expected = vec!["y.parquet:10 bad_value"];
            if name == "sample_id" {
                expected.insert(0, "x.npz:10 missing_label");
            }
            assert_eq!(places(&case.import().unwrap()), expected);
        }
    }
    // The key beside the features.
    let mut csv = String::from("id,label,split\n");
    for i in 0..12 {
        csv += &format!("s{i},{},{}\n", ["a", "b"][i % 2], ["train", "train", "test"][i % 3]);
    }
    let mut case = Case::new("f.parquet", b"").labels("y.csv", csv);
    with_bytes(&case.features, "sample_id", false);
    assert_eq!(places(&case.import().unwrap()), ["f.parquet:10 bad_value"]);
    case.table.key = "sample_id".into();
    assert_eq!(
        places(&case.import().unwrap()),
        ["f.parquet:10 bad_value", "y.csv:11 missing_features"]
    );
}

#[test]
fn a_first_row_that_is_no_text_does_not_hide_the_others() {
    let case = Case::new("f.parquet", b"");
    let labels: [&[u8]; 4] = [b"caf\xe9", b"a", b"b", b"a"];
    parquet(
        &case.features,
        vec![
            ("x", Arc::new(Float64Array::from(vec![0.0, 1.0, 2.0, 3.0])) as ArrayRef),
            ("label", Arc::new(BinaryArray::from_vec(labels.to_vec())) as ArrayRef),
            ("split", texts(&["train", "train", "test", "test"])),
        ],
    );
    assert_eq!(places(&case.import().unwrap()), ["f.parquet:1 bad_value"]);
}

#[test]
fn strings_of_arrays_that_are_no_text_are_rejects() {
    let surrogate: Vec<u8> = [0x61, 0xD800, 0x62, 0x61]
        .iter()
        .flat_map(|c: &u32| c.to_le_bytes())
        .collect();
    for label in [
        encode("|S1", "(4,)", false, b"a\xe9ba"),
        encode("<U1", "(4,)", false, &surrogate),
    ] {
        let arrays = [
            ("x", floats("(4, 1)", &[0.0, 1.0, 2.0, 3.0])),
            ("label", label),
            ("split", encode("|S5", "(4,)", false, b"traintest\0traintest\0")),
        ];
        let rejects = Case::new("x.npz", npz(&arrays)).import().unwrap().rejects;
        let reasons: Vec<String> = rejects.iter().map(ToString::to_string).collect();
        assert_eq!(
            reasons,
            ["x.npz:2: bad value `\u{fffd}` for label: expected text in UTF-8"]
        );
    }
}

#[test]
fn truth_values_are_classes_alike_in_every_file() {
    let values = [0.0, 1.0, 2.0, 3.0];
    let split = "train,train,test,test";
    let csv = format!(
        "split,label\n{}",
        split
            .split(',')
            .zip(["True", "False", "true", "FALSE"])
            .map(|(split, label)| format!("{split},{label}\n"))
            .collect::<String>()
    );
    let archive = npz(&[
        ("x", floats("(4, 1)", &values)),
        ("label", encode("|b1", "(4,)", false, &[1, 0, 1, 0])),
        ("split", encode("|S5", "(4,)", false, b"traintraintest\0test\0")),
    ]);
    let table = Case::new("f.parquet", b"");
    parquet(
        &table.features,
        vec![
            (
                "x",
                Arc::new(Float64Array::from(values.map(f64::from).to_vec())) as ArrayRef,
            ),
            (
                "label",
                Arc::new(BooleanArray::from(vec![true, false, true, false])) as ArrayRef,
            ),
            ("split", texts(&split.split(',').collect::<Vec<_>>())),
        ],
    );
    for mut case in [Case::npy(&csv), Case::new("x.npz", archive), table] {
        let name = case.features.display().to_string();
        let names = case.examine().unwrap().card.class_names();
        assert!(
            names.iter().map(|name| name.to_lowercase()).eq(["false", "true"]),
            "{name}: {names:?}"
        );
        for classes in [["no", "yes"], ["0", "1"], ["False", "True"]] {
            case.table.classes = classes.map(str::to_owned).to_vec();
            let imported = case.examine().unwrap();
            assert_eq!(imported.rejects, [], "{name} {classes:?}");
            assert_eq!(imported.conversion.by_class[classes[1]], 2);
        }
    }
}

#[test]
fn what_is_no_archive_is_said_with_what_to_do() {
    let array = floats("(2, 1)", &[0.0, 1.0]);
    let whole = npz(&[("x", array.clone())]);
    for (bytes, part) in [
        (array, "call the file .npy"),
        (Vec::new(), "the file is empty"),
        (whole[..whole.len() - 30].to_vec(), "copy it again"),
        (b"nothing of the kind".to_vec(), "no archive of arrays"),
    ] {
        let error = Case::new("x.npz", bytes).labels("y.csv", "split,label\na,b\n").error();
        assert!(error.contains("x.npz: ") && error.contains(part), "{error}");
    }
}
