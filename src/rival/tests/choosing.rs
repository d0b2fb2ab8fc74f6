//! Settings that are chosen on some of the samples.

use crate::model::config::Standardise;
use crate::task::Task;

use super::super::method::Kind;
use super::{RivalConfig, RivalOutcome, digits, only, run};

fn setting(outcome: &RivalOutcome, name: &str) -> Option<f64> {
    let mut rows = outcome.metrics.iter();
    Some(rows.find(|row| row.metric == format!("setting_{name}"))?.value)
}

fn of_one_scale(method: &str) -> RivalConfig {
    RivalConfig {
        standardise: Some(Standardise::Global),
        ..only(method)
    }
}

/// What is chosen on some is fitted to all, and so is the map of its outputs: it says what the same setting says where it was
/// given.
#[test]
fn what_is_chosen_on_some_samples_is_fitted_to_all() {
    for (task, method) in [(Task::ValenceArousal, "ridge"), (Task::ActionUnits, "logistic")] {
        let data = digits(task);
        let mut fewer = of_one_scale(method);
        fewer.linear.choose_on = 100;
        let chosen = run(&data, &fewer).remove(0);
        assert_eq!(setting(&chosen, "choose_on"), Some(100.0));
        let mut given = of_one_scale(method);
        given.linear.c = setting(&chosen, "c").expect("chosen");
        let given = run(&data, &given).remove(0);
        assert_eq!(setting(&given, "choose_on"), None);
        assert_eq!(chosen.predictions, given.predictions);
        let rest = |outcome: &RivalOutcome| {
            let rows = outcome.metrics.iter().filter(|row| row.metric != "setting_choose_on");
            rows.cloned().collect::<Vec<_>>()
        };
        assert_eq!(rest(&chosen), rest(&given));
    }
}

/// Neighbours are looked for among all samples, of fewer.
#[test]
fn neighbours_are_asked_about_some_and_looked_for_among_all() {
    let data = digits(Task::Expression);
    let mut some = of_one_scale("knn");
    some.knn.choose_on = super::TRAIN;
    let found = run(&data, &some).remove(0);
    assert_eq!(setting(&found, "choose_on"), None, "each sample is asked about once");
    some.knn.choose_on = 100;
    let mut often = digits(Task::Expression);
    let rows: Vec<usize> = (0..4 * super::TRAIN).map(|row| row % super::TRAIN).collect();
    often.train = often.train.select(&rows);
    let some = run(&often, &some).remove(0);
    assert_eq!(setting(&some, "choose_on"), Some(100.0));
    // Each sample has itself three times over, in other parts: with all of them kept it is its own nearest neighbour.
    assert_eq!(setting(&some, "k"), Some(1.0));
}

/// Support vectors on landmarks.
fn on_landmarks() -> RivalConfig {
    let mut config = of_one_scale("svm");
    config.svm.exact = 100;
    config.svm.landmarks = 80;
    config
}

/// The same setting, given instead of chosen.
fn given(chosen: &RivalOutcome) -> RivalConfig {
    let mut config = on_landmarks();
    config.svm.gamma = setting(chosen, "gamma").expect("chosen");
    config.svm.c = setting(chosen, "c").expect("chosen");
    config
}

/// A C, and every C until two bring nothing.
#[test]
fn support_vectors_on_landmarks_choose_among_what_is_tried() {
    let data = digits(Task::Expression);
    let chosen = run(&data, &on_landmarks()).remove(0);
    assert_eq!(setting(&chosen, "landmarks"), Some(80.0));
    let mut accuracy = chosen.metrics.iter().filter(|row| row.metric == "acc");
    assert!(accuracy.next().expect("there").value > 0.85);
    assert_eq!(chosen.predictions, run(&data, &given(&chosen)).remove(0).predictions);
}

/// Planes of a path are found roughly: thresholds are those of what is fitted, whichever way the setting came about.
#[test]
fn thresholds_of_planes_do_not_come_from_their_path() {
    let data = digits(Task::ActionUnits);
    let chosen = run(&data, &on_landmarks()).remove(0);
    assert_eq!(setting(&chosen, "choose_on"), None);
    assert!(
        setting(&chosen, "c") > Some(0.3),
        "the first of a path has nothing before it"
    );
    let given = run(&data, &given(&chosen)).remove(0);
    assert!(
        chosen.metrics == given.metrics,
        "thresholds, or what they make of outputs"
    );
    assert!(chosen.predictions == given.predictions);
}

/// Classes have no map to fit: the setting goes straight to all samples, and what decided is what the few said.
#[test]
fn of_classes_only_the_setting_comes_from_some_samples() {
    let data = digits(Task::Expression);
    let mut fewer = of_one_scale("logistic");
    fewer.linear.choose_on = 100;
    let chosen = run(&data, &fewer).remove(0);
    assert_eq!(setting(&chosen, "choose_on"), Some(100.0));
    let mut config = of_one_scale("logistic");
    config.linear.c = setting(&chosen, "c").expect("chosen");
    assert_eq!(chosen.predictions, run(&data, &config).remove(0).predictions);
    let held = chosen
        .metrics
        .iter()
        .find(|row| row.metric == "held_out_acc")
        .expect("there")
        .value;
    let right = 100.0 * held;
    assert!(
        (right - right.round()).abs() < 1e-9 && right > 80.0,
        "of a hundred that were asked: {held}"
    );
}

/// A path reads the samples a hundred times: wide ones are fewer.
#[test]
fn linear_probes_choose_on_a_bounded_number_of_values() {
    let config = RivalConfig::default();
    let logistic = config.rival(Kind::Logistic);
    assert_eq!(logistic.choose_on(512), 20_000);
    assert_eq!(logistic.choose_on(196 * 768), 3_566);
}
