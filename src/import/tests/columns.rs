//! Which columns are found, under which names, and what is said of those that are not.

use super::*;

fn units(csv: &str) -> Case {
    let mut case = Case::npy(csv);
    case.task = Task::ActionUnits;
    case
}

#[test]
fn two_columns_for_one_thing_are_refused_and_named() {
    for (header, one, other, key) in [
        ("split,AU01,AU1", "`AU01`", "`AU1`", "dataset.table.aus"),
        ("split,AU12,au_12", "`AU12`", "`au_12`", "dataset.table.aus"),
        ("split,label,AU4,AU4", "two columns", "`AU4`", "rename"),
        ("split,label,label", "two columns", "`label`", "rename"),
        ("split,label,Label", "`label`", "`Label`", "dataset.table.label"),
        ("split,split,label", "two columns", "`split`", "rename"),
    ] {
        let fields = header.split(',').count();
        let row = vec!["1"; fields].join(",");
        let mut case = units(&format!("{header}\n{row}\n{row}\n{row}\n{row}\n"));
        case.table.splits = [("1".to_owned(), Split::Train)].into();
        let error = case.error();
        for part in ["y.csv", one, other, key] {
            assert!(error.contains(part), "{header}: {error}");
        }
    }
    // One is named; a column that nobody reads may occur as often as it likes.
    let mut case = units("split,AU01,AU1,x,x\ntrain,1,0,,\ntrain,0,1,,\ntest,1,0,,\ntest,0,1,,\n");
    case.table.aus = [("au01".to_owned(), "AU1".to_owned())].into();
    case.examine().unwrap();
    case.table.aus = [("au01", "AU1"), ("au1", "AU01")]
        .map(|(unit, name)| (unit.to_owned(), name.to_owned()))
        .into();
    assert!(case.error().contains("dataset.table.aus.au01"), "{}", case.error());
    // In Parquet files, of other types as well.
    let case = Case::new("f.parquet", b"");
    let global: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>([
        Some(vec![Some(1.0)]),
        Some(vec![Some(2.0)]),
    ]));
    parquet(
        &case.features,
        vec![
            ("global", global.clone()),
            ("label", texts(&["a", "b"])),
            ("label", global),
        ],
    );
    assert!(
        case.error().contains("two columns are called `label`"),
        "{}",
        case.error()
    );
    let mut case = Case::new("f.parquet", b"");
    let numbers = |values: [f64; 2]| -> ArrayRef { Arc::new(Float64Array::from(values.to_vec())) };
    let columns = |second: &'static str| {
        vec![
            ("f_0", numbers([1.0, 2.0])),
            (second, numbers([3.0, 4.0])),
            ("label", texts(&["a", "b"])),
            ("split", texts(&["train", "test"])),
        ]
    };
    case.table.features = "f_*".into();
    parquet(&case.features, columns("f_0"));
    assert!(
        case.error().contains("two columns are called `f_0`"),
        "{}",
        case.error()
    );
    parquet(&case.features, columns("f_1"));
    case.examine().unwrap();
    // What stands beside the features is only compared where the labels are elsewhere.
    let arrays = [
        ("x", floats("(2, 1)", &[0.0, 1.0])),
        ("AU1", ints(&[1, 0])),
        ("AU01", ints(&[0, 1])),
    ];
    let case = Case::new("x.npz", npz(&arrays)).labels("y.csv", "split,label\ntrain,a\ntest,b\n");
    case.examine().unwrap();
}

#[test]
fn columns_that_look_like_units_are_named_and_not_read() {
    let case = units("split,AU01_r,AU12_c,AU04\ntrain,1,0,1\ntrain,0,1,0\ntest,1,0,1\ntest,0,1,0\n");
    let imported = case.examine().unwrap();
    assert_eq!(imported.card.au_columns(), ["au04"]);
    let warnings = &imported.conversion.warnings;
    assert!(
        warnings
            .iter()
            .any(|w| w.contains("AU01_r, AU12_c") && w.contains("dataset.table.aus = { au01 = \"AU01_r\" }")),
        "{warnings:?}"
    );
    let mut case = units("split,AU01_r,AU12_c\ntrain,1,0\ntrain,0,1\ntest,1,0\ntest,0,1\n");
    let error = case.error();
    assert!(
        error.contains("AU01_r, AU12_c") && error.contains("au01 = \"AU01_r\""),
        "{error}"
    );
    // Where they are named, and where nobody asks for units, there is nothing to say.
    case.table.aus = [("au12".to_owned(), "AU12_c".to_owned())].into();
    let unread = |case: &Case| {
        let warnings = case.examine().unwrap().conversion.warnings;
        warnings.iter().any(|w| w.contains("look like action units"))
    };
    assert!(!unread(&case));
    assert!(!unread(&Case::npy(
        "split,label,AU01_r\ntrain,a,1\ntrain,b,0\ntest,a,1\ntest,b,0\n"
    )));
}

#[test]
fn accents_in_names_of_columns_may_be_in_another_form() {
    let mut case = Case::npy("split,E\u{301}motion\ntrain,a\ntrain,b\ntest,a\ntest,b\n");
    case.table.label = "\u{c9}motion".into();
    assert_eq!(case.examine().unwrap().card.class_names(), ["a", "b"]);
    let mut case = Case::npy("split,label\nu\u{308}ben,a\nu\u{308}ben,b\ntest,a\ntest,b\n");
    case.table.splits = [("\u{fc}ben".to_owned(), Split::Train)].into();
    assert_eq!(case.examine().unwrap().rejects, []);
}

#[test]
fn columns_that_are_there_are_listed() {
    let with_key = |csv: &str| {
        let arrays = [
            ("x", floats("(2, 1)", &[0.0, 1.0])),
            ("name", encode("|S2", "(2,)", false, b"s0s1")),
        ];
        let mut case = Case::new("x.npz", npz(&arrays)).labels("y.csv", csv);
        case.table.key = "name".into();
        case
    };
    for (csv, part) in [
        (
            "who|split|label\ns0|train|a\ns1|test|b\n",
            "the only column is `who|split|label`",
        ),
        (
            "who,part,mood\ns0,train,a\ns1,test,b\n",
            "the columns are who, part, mood",
        ),
        ("id,split,label\n", "y.csv: there are no rows of labels"),
    ] {
        let error = with_key(csv).error();
        assert!(error.contains(part), "{error}");
    }
    let arrays = [("x", floats("(2, 1)", &[0.0, 1.0])), ("targets", ints(&[0, 1]))];
    let error = Case::new("x.npz", npz(&arrays)).error();
    assert!(error.contains("targets"), "{error}");
}

#[test]
fn separators_are_counted_outside_of_quotes_or_said() {
    let mut case = Case::npy("id;split;\"label, of a, face, by, me\"\na;train;x\nb;train;y\nc;test;x\nd;test;y\n");
    case.table.label = "label, of a, face, by, me".into();
    assert_eq!(case.examine().unwrap().card.class_names(), ["x", "y"]);
    for said in ["sep=;", "\"sep=;\"", "SEP=;\r"] {
        let case = Case::npy(&format!("{said}\nsplit;label\ntrain;x\ntrain;y\ntest;x,z\ntest;y\n"));
        assert_eq!(case.examine().unwrap().card.class_names(), ["x", "x,z", "y"], "{said}");
    }
    let case = Case::npy("sep=|\nsplit|label\ntrain|x\ntrain|y\ntest\ntest|y\n");
    assert_eq!(places(&case.examine().unwrap()), ["y.csv:5 malformed_line"]);
}

#[test]
fn utf_16_and_decimal_commas_are_named() {
    let csv = "split,label\ntrain,x\ntrain,y\ntest,x\ntest,y\n";
    let little: Vec<u8> = csv.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = csv.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let marked: Vec<u8> = [b"\xFF\xFE".to_vec(), little.clone()].concat();
    for bytes in [little, big, marked] {
        let error = Case::npy("").labels("y.csv", bytes).error();
        assert!(error.contains("y.csv: the file is UTF-16; save it as UTF-8"), "{error}");
    }
    let mut case = units("split;AU12;valence;arousal\ntrain;1,0;;\ntrain;1;0,5;0\ntest;0;-0.5;0\ntest;1;0;0\n");
    let imported = case.examine().unwrap();
    let reasons: Vec<String> = imported.rejects.iter().map(ToString::to_string).collect();
    assert_eq!(
        reasons,
        ["y.csv:2: bad value `1,0` for au12: expected a decimal point: 1.0"]
    );
    case.task = Task::ValenceArousal;
    let imported = case.examine().unwrap();
    let reasons: Vec<String> = imported.rejects.iter().map(ToString::to_string).collect();
    assert_eq!(
        reasons,
        ["y.csv:3: bad value `0,5` for valence: expected a decimal point: 0.5"]
    );
    case.task = Task::ActionUnits;
    case.table.valence = "arousal".into();
    case.table.arousal = "arousal".into();
    case.examine().unwrap();
}

/// Labels that the task does not read cost themselves, and not the sample.
#[test]
fn labels_of_other_tasks_are_no_reason_to_lose_a_row() {
    let csv = "split,label,AU1,valence,arousal\ntrain,a,-1,0,0\ntrain,b,1,-5,0\ntest,a,0,\"0,5\",0\ntest,b,9,0,0\n";
    let case = Case::npy(csv);
    let imported = case.import().unwrap();
    assert_eq!(imported.rejects, []);
    let said = |what: &str| imported.conversion.warnings.iter().any(|w| w.contains(what));
    assert!(
        said(
            "column `AU1`, which the task does not read: 2 values cannot be read and count as unknown (y.csv:2: bad value `-1`"
        ),
        "{:?}",
        imported.conversion.warnings
    );
    assert!(said("column `valence`, which the task does not read: 2 values"));
    let (table, _) = samples::read(&case.out().join("samples.parquet")).unwrap();
    let au = table.column_by_name("au01").unwrap();
    assert_eq!(au.null_count(), 2);
    // Nor does a column that is no class at all cost the import.
    let rows: String = (0..4)
        .map(|n| format!("{},{n}.5,0.{n},0\n", ["train", "test"][n % 2]))
        .collect();
    let mut case = Case::npy(&format!("split,target,valence,arousal\n{rows}"));
    case.task = Task::ValenceArousal;
    case.table.classes = vec!["a".into(), "b".into()];
    let imported = case.examine().unwrap();
    assert_eq!(imported.rejects, []);
    let warnings = &imported.conversion.warnings;
    assert!(
        warnings
            .iter()
            .any(|w| w.contains("column `target`, which the task does not read: 4 values")),
        "{warnings:?}"
    );
    let mut case = units(csv);
    case.task = Task::ActionUnits;
    assert_eq!(
        places(&case.examine().unwrap()),
        ["y.csv:2 bad_value", "y.csv:5 bad_value"]
    );
}

#[test]
fn what_is_wrong_with_every_line_is_said() {
    let error = Case::npy("name,label,split\ns0,a,train,\ns1,b,train,\ns2,a,test,\ns3,b,test,\n").error();
    assert!(
        error.contains("y.csv:2:") && error.contains("3 fields as in the header, found 4"),
        "{error}"
    );
    assert!(error.contains("no row of it can be used"), "{error}");
}
