//! Labels in several spellings, and labels that look like nothing.

use super::*;

#[test]
fn spellings_of_one_class_are_one_class() {
    let case = Case::npy("id,split,label\na,train,Anger\nb,train,joy \nc,test,ANGER\nd,test,Anger\n");
    let imported = case.import().unwrap();
    assert_eq!(imported.card.class_names(), ["Anger", "joy"]);
    assert!(
        imported
            .conversion
            .warnings
            .iter()
            .any(|w| w.contains("`ANGER`, `Anger` are read as `Anger`")),
        "{:?}",
        imported.conversion.warnings
    );
    let (_, meta) = samples::read(&case.out().join("samples.parquet")).unwrap();
    assert_eq!(meta.classes, ["Anger", "joy"]);

    // The protocol's spelling is that of the results.
    let mut case = Case::npy("id,split,label\na,train,Anger\nb,train,joy\nc,test,anger\nd,test,JOY\n");
    case.outputs = vec!["ANGER".into(), "Joy".into()];
    assert_eq!(case.import().unwrap().card.class_names(), ["ANGER", "Joy"]);
    // Numbers among names.
    let case = Case::npy("id,split,label\na,train,1.0\nb,train,joy\nc,test,1\nd,test,joy\n");
    assert_eq!(case.examine().unwrap().card.class_names(), ["1", "joy"]);
    // Every spelling is found in a list.
    let mut case = Case::npy("id,split,label\na,train, anger\nb,train,Joy\nc,test,ANGER\nd,test,0\n");
    case.table.classes = vec!["Anger".into(), "joy".into()];
    let imported = case.examine().unwrap();
    assert_eq!(imported.rejects, []);
    assert_eq!(imported.card.class_names(), ["Anger", "joy"]);
}

#[test]
fn a_class_may_be_called_none() {
    let words = ["None", "joy", "None", "na"];
    let labels: Vec<u8> = words
        .iter()
        .flat_map(|word| {
            let mut bytes = [0; 16];
            for (place, c) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(word.chars()) {
                *place = (c as u32).to_le_bytes();
            }
            bytes
        })
        .collect();
    let values: Vec<f32> = (0..8).map(|i| i as f32).collect();
    let beside = npz(&[
        ("x", floats("(4, 2)", &values)),
        ("y", encode("<U4", "(4,)", false, &labels)),
    ]);
    let features: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let npy = || Case::new("x.npy", encode("<f4", "(4, 2)", false, &features));
    let mut cases = vec![
        Case::new("x.npz", beside),
        npy().labels("y.csv", "y\nNone\njoy\nNone\nna\n"),
    ];
    let case = npy().labels("y.parquet", "");
    parquet(case.labels.as_ref().unwrap(), vec![("y", texts(&words))]);
    cases.push(case);
    for case in &mut cases {
        case.table.classes = vec!["none".into(), "joy".into(), "NA".into()];
        let imported = case.import().unwrap();
        assert_eq!((imported.conversion.samples, imported.conversion.masked), (4, 0));
        // Where nobody lists it, it is no label, and the reader is told.
        case.table.classes.clear();
        let error = case.error();
        assert!(error.contains("at least two classes"), "{error}");
        case.outputs = vec!["none".into(), "joy".into()];
        let imported = case.examine().unwrap();
        assert_eq!(imported.card.class_names(), ["joy", "none"]);
        assert_eq!(imported.conversion.masked, 1);
        assert!(imported.conversion.warnings.iter().any(|w| w.contains("written `na`")));
    }
}

#[test]
fn truth_values_are_one_and_zero_and_listed_numbers_unknown() {
    let csv = |one: &str, other: &str| {
        format!("id,split,AU1,AU12\na,train,{one},1\nb,train,{other},0\nc,test,{one},1\nd,test,{other},0\n")
    };
    let units = |case: &Case| {
        let (table, _) = samples::read(&case.out().join("samples.parquet")).unwrap();
        let column = table.column_by_name("au01").unwrap();
        let column = arrow::compute::cast(column, &arrow::datatypes::DataType::Float32).unwrap();
        use arrow::array::AsArray;
        column.as_primitive::<Float32Type>().iter().collect::<Vec<_>>()
    };
    let of_units = |mut case: Case| {
        case.task = Task::ActionUnits;
        case.binary = true;
        case
    };
    // The samples table has the test rows first or last, but always one of each kind in a split.
    for (one, other) in [("True", "False"), ("true", "FALSE"), ("1", "0")] {
        let case = of_units(Case::npy(&csv(one, other)));
        assert_eq!(case.import().unwrap().rejects, []);
        let found = units(&case);
        assert_eq!(found, [Some(1.0), Some(0.0), Some(1.0), Some(0.0)], "{one}");
    }
    let case = of_units(Case::npy("").labels("y.parquet", ""));
    parquet(
        case.labels.as_ref().unwrap(),
        vec![
            ("split", texts(&["train", "train", "test", "test"])),
            (
                "AU1",
                Arc::new(arrow::array::BooleanArray::from(vec![true, false, true, false])) as ArrayRef,
            ),
        ],
    );
    assert_eq!(case.import().unwrap().rejects, []);
    assert_eq!(units(&case), [Some(1.0), Some(0.0), Some(1.0), Some(0.0)]);
    for (one, other) in [("t", "f"), ("yes", "no")] {
        let case = of_units(Case::npy(&csv(one, other)));
        let imported = case.examine().unwrap();
        assert_eq!(imported.rejects.len(), 4);
        let reason = imported.rejects[0].to_string();
        assert!(reason.contains("write 1 and 0"), "{reason}");
    }
    // -1 and 9 are unknown where the protocol says so, and nowhere else.
    let mut case = of_units(Case::npy(&csv("-1", "9")));
    let reason = case.examine().unwrap().rejects[0].to_string();
    assert!(reason.contains("protocol.unknown"), "{reason}");
    case.options.unknown = Some(crate::dataset::unknown::UnknownLabels {
        task: Task::ActionUnits,
        values: vec![-1.0, 9.0],
    });
    let imported = case.import().unwrap();
    assert_eq!((imported.rejects.len(), imported.conversion.masked), (0, 4));
    assert_eq!(units(&case), [None; 4]);
    let mut case = Case::npy("id,split,label,valence\na,train,joy,-1\nb,train,-1,0\nc,test,fear,0\nd,test,joy,0\n");
    case.options.unknown = Some(crate::dataset::unknown::UnknownLabels {
        task: Task::Expression,
        values: vec![-1.0],
    });
    let imported = case.examine().unwrap();
    assert_eq!(imported.card.class_names(), ["fear", "joy"]);
    assert_eq!(imported.rejects, []);
}

#[test]
fn accents_of_keys_may_be_in_another_form() {
    let ids = ["Andre\u{301}", "b"];
    let text: Vec<u8> = ids
        .iter()
        .flat_map(|id| {
            id.chars()
                .chain(std::iter::repeat('\0'))
                .take(8)
                .flat_map(|c| (c as u32).to_le_bytes())
        })
        .collect();
    let archive = npz(&[
        ("x", floats("(2, 2)", &[1.0, 2.0, 3.0, 4.0])),
        ("name", encode("<U8", "(2,)", false, &text)),
    ]);
    let mut case = Case::new("x.npz", archive).labels("y.csv", "name,split,label\nb,train,joy\nAndr\u{e9},test,fear\n");
    case.table.key = "name".into();
    assert_eq!(case.examine().unwrap().rejects, []);
}

#[test]
fn numbers_that_count_from_one_are_noticed() {
    let case = |labels: [&str; 4], classes: &[&str]| {
        let rows: String = labels
            .iter()
            .zip(["train", "train", "train", "test"])
            .map(|(label, split)| format!("{label},{split}\n"))
            .collect();
        let mut case = Case::npy(&format!("label,split\n{rows}"));
        case.table.classes = classes.iter().map(|name| (*name).to_owned()).collect();
        case
    };
    let three = ["anger", "fear", "joy"];
    let error = case(["1", "2.0", "3", "1"], &three).error();
    for part in [
        "y.csv: column `label` counts the classes from 1 to 3",
        "1 would be `fear` and not `anger`",
        "subtract 1",
    ] {
        assert!(error.contains(part), "{error}");
    }
    let doubtful = |labels, classes: &[&str]| {
        let warnings = case(labels, classes).examine().unwrap().conversion.warnings;
        warnings.iter().any(|w| w.contains("never holds 0"))
    };
    assert!(doubtful(["1", "2", "2", "1"], &three));
    assert!(doubtful(["2", "3", "3", "2"], &three));
    assert!(!doubtful(["0", "1", "2", "1"], &three));
    assert!(!doubtful(["2", "2", "anger", "2"], &three));
    // Classes that are called by numbers are those numbers, and without a list they are what occurs.
    assert!(!doubtful(["1", "2", "3", "1"], &["1", "2", "3"]));
    assert!(!doubtful(["1", "2", "3", "1"], &[]));
}

#[test]
fn every_word_that_counts_as_unknown_is_told() {
    let case = Case::npy("split,label\ntrain,a\ntrain,b\ntest,None\ntest,null\n");
    let warnings = case.examine().unwrap().conversion.warnings;
    assert!(
        warnings
            .iter()
            .any(|w| w.contains("1 are written `None`, 1 are written `null`")),
        "{warnings:?}"
    );
}

#[test]
fn numbers_and_truth_values_are_one_pair_of_classes() {
    let case = Case::npy("split,label\ntrain,0\ntrain,1\ntest,False\ntest,TRUE\n");
    let imported = case.import().unwrap();
    assert_eq!(imported.card.class_names(), ["0", "1"]);
    assert_eq!(
        imported.conversion.by_split_class["test"],
        [("0".into(), 1), ("1".into(), 1)].into()
    );
    let said = "column `label` holds numbers and truth values: false is read as 0 and true as 1";
    assert!(
        imported.conversion.warnings.iter().any(|w| w == said),
        "{:?}",
        imported.conversion.warnings
    );
    // Among others they are words.
    let case = Case::npy("split,label\ntrain,0\ntrain,true\ntest,2\ntest,true\n");
    let imported = case.examine().unwrap();
    assert_eq!(imported.card.class_names(), ["0", "2", "true"]);
    let said = "classes of the test split that no training sample has: 2";
    assert!(
        imported.conversion.warnings.iter().any(|w| w == said),
        "{:?}",
        imported.conversion.warnings
    );
    let case = Case::npy("split,label\ntrain,0\ntrain,1\ntest,-1\ntest,-1\n");
    let warnings = case.examine().unwrap().conversion.warnings;
    assert!(
        warnings.iter().any(|w| w.ends_with("set protocol.unknown = [-1]")),
        "{warnings:?}"
    );
}

/// Quotes are part of a value where the file has another way to say where it ends.
#[test]
fn quotes_in_values_stay() {
    let case = Case::npy("split,label\ntrain,\"say \"\"x\"\"\"\ntrain,'b'\ntest,\"say \"\"x\"\"\"\ntest,b\n");
    assert_eq!(case.examine().unwrap().card.class_names(), ["b", "say \"x\""]);
    let mut case = Case::new("x.parquet", "");
    let values: Vec<f32> = (0..8).map(|i| i as f32).collect();
    let rows = values
        .chunks(2)
        .map(|row| Some(row.iter().copied().map(Some).collect::<Vec<_>>()));
    parquet(
        &case.features,
        vec![
            (
                "features",
                Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>(rows)),
            ),
            ("id", texts(&["0", "0\"", "1", "1\""])),
            ("label", texts(&["a", "a\"", "a", "a\""])),
            ("split", texts(&["train", "train", "test", "test"])),
        ],
    );
    case.store.dtype = Dtype::F32;
    let imported = case.examine().unwrap();
    assert_eq!(imported.card.class_names(), ["a", "a\""]);
    assert_eq!(imported.rejects, []);
}
