//! RAF-DB: plain, mild and ambiguous faces, and nobody in both splits.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::Array;

use crate::standin::shades::{AMBIGUOUS, LEANING, STRENGTH};

use super::*;

fn large() -> Vec<Sample> {
    plan_of(&StandinOptions {
        samples: 6000,
        ..options(0)
    })
    .samples
}

#[test]
fn faces_are_plain_or_mild_and_some_lean_to_a_neighbour() {
    let samples = large();
    for split in [Split::Train, Split::Test] {
        let own: Vec<&Sample> = samples.iter().filter(|s| s.split == split).collect();
        let share = |f: &dyn Fn(&Sample) -> bool| own.iter().filter(|s| f(s)).count() as f32 / own.len() as f32;
        let strength = |s: &Sample| s.strength.unwrap();
        assert!(own.iter().all(|s| (STRENGTH.0..=STRENGTH.1).contains(&strength(s))));
        let (mild, plain) = (share(&|s| strength(s) < 0.7), share(&|s| strength(s) > 0.9));
        assert!(
            (0.06..0.13).contains(&mild) && (0.69..0.80).contains(&plain),
            "{mild} {plain}"
        );
        let ambiguous = share(&|s| s.blend.is_some());
        assert!((ambiguous - AMBIGUOUS).abs() < 0.03, "{ambiguous}");
    }
    for sample in &samples {
        let Some(blend) = sample.blend else { continue };
        assert!(sample.emotion.neighbours().contains(&blend.towards));
        assert!(blend.towards != Emotion::Contempt, "not a class of RAF-DB");
        assert!((LEANING.0..LEANING.1).contains(&blend.share));
        // Whatever it leans to, a label that was not flipped is right.
        assert!(sample.flipped || sample.label == Some(sample.emotion));
    }
}

#[test]
fn a_stronger_face_shows_more_and_an_ambiguous_one_shows_both() {
    let samples = large();
    let mean = |unit: u8, f: &dyn Fn(&Sample) -> bool| {
        let own: Vec<f32> = samples
            .iter()
            .filter(|s| f(s))
            .map(|s| s.expression.get(unit))
            .collect();
        own.iter().sum::<f32>() / own.len() as f32
    };
    let smile = |s: &Sample| s.emotion == Emotion::Happiness && s.blend.is_none();
    let faint = mean(12, &|s| smile(s) && s.strength < Some(0.7));
    let full = mean(12, &|s| smile(s) && s.strength > Some(0.9));
    assert!(faint < 0.7 * full, "{faint} {full}");
    // Only fear stretches the lips.
    let surprise = |s: &Sample| s.emotion == Emotion::Surprise;
    let alone = mean(20, &|s| surprise(s) && s.blend.is_none());
    let afraid = mean(20, &|s| surprise(s) && s.blend.is_some());
    let fear = mean(20, &|s| s.emotion == Emotion::Fear && s.blend.is_none());
    assert!(
        alone < 0.1 && afraid > 0.5 && afraid < 0.6 * fear,
        "{alone} {afraid} {fear}"
    );
}

#[test]
fn the_truth_says_how_a_face_was_drawn() {
    let folder = tempfile::tempdir().unwrap();
    run(&options(80), folder.path()).unwrap();
    let (planned, truth) = (plan_of(&options(80)).samples, truth(folder.path()));
    let number = |name: &str| {
        truth
            .column_by_name(name)
            .unwrap()
            .as_primitive::<Float32Type>()
            .clone()
    };
    let (strength, share) = (number("strength"), number("blend_share"));
    let blend = truth.column_by_name("blend").unwrap().as_string::<i32>().clone();
    for (i, sample) in planned.iter().enumerate() {
        assert_eq!(strength.is_valid(i).then(|| strength.value(i)), sample.strength);
        assert_eq!(
            share.is_valid(i).then(|| share.value(i)),
            sample.blend.map(|blend| blend.share)
        );
        assert_eq!(
            blend.is_valid(i).then(|| blend.value(i)),
            sample.blend.map(|blend| blend.towards.name())
        );
    }
    assert!(blend.null_count() > 0 && blend.null_count() < planned.len());
}

#[test]
fn the_samples_table_has_the_people_and_no_split_shares_one() {
    for card in ["rafdb", "affectnet7", "affectnet_va", "emotionet", "disfa"] {
        let folder = tempfile::tempdir().unwrap();
        let (root, out) = (folder.path().join("tree"), folder.path().join("out"));
        let options = StandinOptions {
            card: card.to_owned(),
            size: Some(32),
            ..options(120)
        };
        run(&options, &root).unwrap();
        convert(card, &root, &out);
        let (samples, truth) = (table(&out.join("samples.parquet")), truth(&root));
        let people = |batch: &RecordBatch| -> BTreeMap<String, String> {
            strings(batch, "sample_id")
                .into_iter()
                .zip(strings(batch, "subject"))
                .collect()
        };
        let named = people(&samples);
        assert_eq!(named, people(&truth), "{card}");
        let of_split = |wanted: &str| -> BTreeSet<String> {
            let splits = strings(&samples, "split").into_iter().zip(strings(&samples, "subject"));
            splits
                .filter(|(split, _)| split == wanted)
                .map(|(_, subject)| subject)
                .collect()
        };
        let (train, test) = (of_split("train"), of_split("test"));
        assert!(train.is_disjoint(&test) && !test.is_empty(), "{card}");
        assert!(
            train.len() + test.len() < named.len(),
            "{card}: people come several times"
        );
    }
}
