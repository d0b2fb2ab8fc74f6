//! Rows and labels as a protocol asks for them.

use super::*;
use crate::feature::relabel::{NewLabel, NewLabels};

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
    let Loaded { sets, counts, .. } = world.open().load(&options).unwrap();
    assert_eq!(counts.other_class, 9);
    assert_eq!(sets.train.targets.names, ["angry", "happy"]);
    for (row, i) in ids(&sets.train).into_iter().enumerate() {
        assert_eq!(sets.train.targets.class(row), Some(usize::from(i % 3 != 2)));
    }
}

#[test]
fn labels_in_place_of_the_tables_own_decide_what_takes_part() {
    let world = World::new(24);
    world.extract();
    let mut labels = NewLabels::default();
    // The first is happy and becomes sad; the second has no label, the third another class: both take part now.
    for (id, class) in [("s0000", "sad"), ("s0009", "angry"), ("s0002", "angry")] {
        labels.put(id, "expression", NewLabel::Class(class.to_owned()));
    }
    labels.put("s0007", "au12", NewLabel::Number(0.0));
    labels.put("s0006", "au01", NewLabel::Number(3.0));
    let with = |task: Task, outputs: &[&str]| {
        let mut options = LoadOptions::new(task);
        options.outputs = outputs.iter().map(|&name| name.to_owned()).collect();
        options.threshold = AuThreshold::PAPER;
        options.relabel = Arc::new(labels.clone());
        world.open().load(&options).unwrap()
    };
    let of = |set: &FeatureSet, i: usize| {
        let row = ids(set).iter().position(|&id| id == i);
        row.map(|row| set.targets.row(row).to_vec())
    };
    let before = world.open().load(&LoadOptions {
        outputs: vec!["angry".to_owned(), "sad".to_owned()],
        ..LoadOptions::new(Task::Expression)
    });
    let before = before.unwrap().sets.train;
    let train = with(Task::Expression, &["angry", "sad"]).sets.train;
    assert_eq!(of(&train, 0), Some(vec![0.0, 1.0]));
    assert_eq!(of(&train, 9), Some(vec![1.0, 0.0]));
    assert_eq!(of(&train, 2), Some(vec![1.0, 0.0]));
    assert_eq!(of(&before, 9), None);
    let train = with(Task::ActionUnits, &["au01", "au12"]).sets.train;
    assert_eq!(of(&train, 7).map(|row| row[1]), Some(0.0));
    assert_eq!(of(&train, 6).map(|row| row[0]), Some(1.0));
}

#[test]
fn a_fold_is_tested_and_the_others_train() {
    let world = World::new(42);
    world.extract();
    let mut options = LoadOptions::new(Task::ActionUnits);
    options.fold = Some(1);
    let Loaded { sets, counts, .. } = world.open().load(&options).unwrap();
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
    let Loaded { sets, counts, .. } = world.open().load(&options).unwrap();
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
