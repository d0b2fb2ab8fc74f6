//! `AffectNet`: both releases are read back by their adapters, and the affect is the paper's.

use crate::standin::affect::{AROUSAL, EDGES, VALENCE};

use super::*;

fn affectnet(card: &str, layout: &str, samples: usize) -> StandinOptions {
    StandinOptions {
        card: card.to_owned(),
        layout: Some(layout.to_owned()),
        size: Some(32),
        ..options(samples)
    }
}

#[test]
fn every_card_and_release_is_converted_sample_for_sample() {
    for card in ["affectnet7", "affectnet8", "affectnet_va"] {
        for form in forms(card) {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path().join("tree");
            let report = run(&affectnet(card, form, 70), &root).unwrap();
            assert_eq!(report.samples, 70);
            let conversion = convert(card, &root, &folder.path().join("out"));
            assert_eq!(conversion.layout, form);
            assert_eq!((conversion.samples, conversion.rejected), (70, 0), "{card} {form}");
            let left_out = report.drawn as u64 - 70;
            // Every image that is left out is there and is masked for its label.
            assert_eq!(conversion.masked, left_out, "{card} {form}");
            assert_eq!(left_out > 0, form == "original" || card == "affectnet7");
            assert_eq!(conversion.warnings, Vec::<String>::new());

            let (samples, truth) = (table(&folder.path().join("out/samples.parquet")), truth(&root));
            let mut real: Vec<_> = strings(&truth, "sample_id")
                .into_iter()
                .zip(strings(&truth, "image_path"))
                .collect();
            let mut read: Vec<_> = strings(&samples, "sample_id")
                .into_iter()
                .zip(strings(&samples, "image_path"))
                .collect();
            real.sort();
            read.sort();
            assert_eq!(real, read);
        }
    }
}

#[test]
fn the_usual_layout_is_the_first_and_others_must_exist() {
    assert_eq!(forms("affectnet_va"), ["original", "release_2021"]);
    let unasked = StandinOptions {
        layout: None,
        ..affectnet("affectnet_va", "", 60)
    };
    assert_eq!(layout(&unasked).unwrap().form(), "original");
    let error = layout(&affectnet("affectnet_va", "kaggle", 60)).err().unwrap();
    assert!(error.to_string().contains("original, release_2021"), "{error}");
}

/// Largest difference, over the bins of Table 1, between the shares of `values` and the table's.
fn distance(values: &[f32], bins: [f64; 7]) -> f32 {
    let total: f64 = bins.iter().sum();
    let mut largest = 0.0_f32;
    for (i, &bin) in bins.iter().enumerate() {
        let inside = |v: f32| v >= EDGES[i] && (v < EDGES[i + 1] || i == 6);
        let share = values.iter().filter(|&&v| inside(v)).count() as f32 / values.len() as f32;
        largest = largest.max((share - (bin / total) as f32).abs());
    }
    largest
}

#[test]
fn valence_and_arousal_have_the_histogram_of_table_1() {
    // Planning draws nothing; a share of 4,000 samples has a standard deviation below 0.8 points.
    for (samples, seed, tolerance) in [(5000, 0, 0.025), (5000, 3, 0.025), (20_000, 1, 0.015)] {
        let options = StandinOptions {
            seed,
            label_noise: 0.05,
            ..affectnet("affectnet_va", "release_2021", samples)
        };
        let plan = plan_of(&options);
        let train: Vec<&Sample> = plan.samples.iter().filter(|s| s.split == Split::Train).collect();
        let truth = |f: fn(&Sample) -> f32| train.iter().map(|s| f(s)).collect::<Vec<f32>>();
        assert!(distance(&truth(|s| s.affect.0), VALENCE) < tolerance);
        assert!(distance(&truth(|s| s.affect.1), AROUSAL) < tolerance);
        let files: BTreeMap<&str, &[u8]> = plan.labels.iter().map(|(path, bytes)| (&**path, &**bytes)).collect();
        let label = |s: &Sample, kind: &str| -> f32 {
            let path = format!("{}_{kind}.npy", s.id.replace('/', "/annotations/"));
            let mut bytes = files[path.as_str()];
            let value = crate::intake::npy::scalar(&mut bytes).unwrap();
            value.to_text().parse().unwrap()
        };
        let (v, a): (Vec<f32>, Vec<f32>) = train.iter().map(|s| (label(s, "val"), label(s, "aro"))).unzip();
        assert!(distance(&v, VALENCE) < tolerance && distance(&a, AROUSAL) < tolerance);

        // Labels follow the truth but for those that are wrong on purpose, and these are wrong.
        let mut apart = 0.0_f32;
        let mut wrong = 0.0_f32;
        let flipped = train.iter().filter(|s| s.flipped).count();
        for (sample, v) in train.iter().zip(&v) {
            let difference = (v - sample.affect.0).abs();
            if sample.flipped {
                wrong += difference / flipped as f32;
            } else {
                apart = apart.max(difference);
            }
        }
        assert!(apart < 0.35 && wrong > 0.6, "{apart} {wrong}");
        assert!((flipped as f32 / train.len() as f32 - 0.05).abs() < 0.006);
    }
}

#[test]
fn affect_is_read_off_the_face_and_follows_the_emotion() {
    let options = affectnet("affectnet_va", "original", 5000);
    let mut samples = plan_of(&options).samples;
    samples.retain(|s| s.purpose == Purpose::Sample);
    let train = |samples: &[Sample], f: fn(&Sample) -> f32| -> Vec<f32> {
        samples.iter().filter(|s| s.split == Split::Train).map(f).collect()
    };
    let mean = |emotion: Emotion, f: fn(&Sample) -> f32| {
        let own: Vec<f32> = samples.iter().filter(|s| s.emotion == emotion).map(f).collect();
        own.iter().sum::<f32>() / own.len() as f32
    };
    let valence: fn(&Sample) -> f32 = |s| s.affect.0;
    let arousal: fn(&Sample) -> f32 = |s| s.affect.1;
    assert!(
        distance(&train(&samples, valence), VALENCE) < 0.025 && distance(&train(&samples, arousal), AROUSAL) < 0.025
    );
    assert!(mean(Emotion::Happiness, valence) > 0.5);
    for emotion in [Emotion::Sadness, Emotion::Anger, Emotion::Fear, Emotion::Disgust] {
        assert!(mean(emotion, valence) < -0.3, "{emotion:?}");
    }
    assert!(mean(Emotion::Fear, arousal) > 0.5 && mean(Emotion::Sadness, arousal) < -0.1);
    assert!(mean(Emotion::Neutral, valence).abs() < 0.3 && mean(Emotion::Neutral, arousal).abs() < 0.2);

    // The same raw value always means the same true value, and more of it means more.
    let mut order: Vec<&Sample> = samples.iter().collect();
    order.sort_by(|a, b| a.expression.valence().total_cmp(&b.expression.valence()));
    assert!(order.windows(2).all(|pair| pair[0].affect.0 <= pair[1].affect.0));
    let largest = order
        .windows(2)
        .map(|pair| pair[1].affect.0 - pair[0].affect.0)
        .fold(0.0_f32, f32::max);
    assert!(largest < 0.1, "a jump of {largest}");
}

#[test]
fn class_counts_are_the_databases_shares() {
    let samples = plan_of(&affectnet("affectnet8", "original", 5000)).samples;
    let count = |split, emotion| {
        let fits = |s: &&Sample| s.split == split && s.emotion == emotion && s.purpose == Purpose::Sample;
        samples.iter().filter(fits).count()
    };
    // 134,415 of 287,651 and 3,750 of 287,651, of 4,000; 125 of each in the validation set.
    assert_eq!(count(Split::Train, Emotion::Happiness), 1869);
    assert_eq!(count(Split::Train, Emotion::Contempt), 52);
    for emotion in Emotion::ALL.into_iter().filter(|&emotion| emotion != Emotion::Other) {
        assert_eq!(count(Split::Test, emotion), 125, "{emotion:?}");
    }
    assert!(samples.iter().any(|s| s.purpose == Purpose::Nobody));
}

#[test]
fn boxes_and_landmarks_lie_on_the_face() {
    let options = affectnet("affectnet_va", "original", 600);
    let plan = plan_of(&options);
    let csv = |name: &str| {
        let (_, bytes) = plan.labels.iter().find(|(path, _)| path.ends_with(name)).unwrap();
        String::from_utf8(bytes.clone()).unwrap()
    };
    let (training, validation) = (csv("training.csv"), csv("validation.csv"));
    assert!(training.starts_with("subDirectory_filePath,") && !validation.contains("subDirectory"));
    let sizes: BTreeMap<&str, u32> = plan.samples.iter().map(|s| (&*s.id, s.frame.side(96))).collect();
    let mut inside = 0;
    let mut without_box = 0;
    for line in validation.lines().chain(training.lines().skip(1)) {
        let fields: Vec<&str> = line.split(',').collect();
        assert_eq!(fields.len(), 9, "{line}");
        let Some(&side) = sizes.get(fields[0]) else { continue };
        let Ok(corner) = fields[1..5]
            .iter()
            .map(|text| text.parse::<u32>())
            .collect::<std::result::Result<Vec<_>, _>>()
        else {
            without_box += 1;
            assert!(fields[1] == "NULL");
            continue;
        };
        assert!(
            corner[0] + corner[2] <= side && corner[1] + corner[3] <= side && corner[2] > 60,
            "{line}"
        );
        let numbers: Vec<f32> = fields[5].split(';').map(|text| text.parse().unwrap()).collect();
        assert_eq!(numbers.len(), 136);
        // Eyes and mouth; chin and brows may reach out of the box of a turned head.
        for point in numbers[72..].chunks_exact(2) {
            let within =
                |value: f32, start: u32, length: u32| value >= start as f32 && value <= (start + length) as f32;
            inside += usize::from(within(point[0], corner[0], corner[2]) && within(point[1], corner[1], corner[3]));
        }
    }
    assert_eq!(without_box, 1);
    let lines = validation.lines().count() + training.lines().count();
    assert!(
        inside as f64 > 0.98 * 32.0 * (lines - 10) as f64,
        "{inside} of {lines} lines"
    );
}

#[test]
fn the_known_faults_are_rejected_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("tree");
    run(&affectnet("affectnet_va", "original", 500), &root).unwrap();
    let conversion = convert("affectnet_va", &root, &folder.path().join("out"));
    assert_eq!((conversion.samples, conversion.rejected), (500, 4));
    let reasons: Vec<&str> = conversion.reject_reasons.keys().map(String::as_str).collect();
    assert_eq!(
        reasons,
        ["bad_value", "duplicate_id", "missing_image", "unreadable_header"]
    );
    assert!(
        conversion
            .warnings
            .iter()
            .any(|warning| warning.contains("1 rows have no face box"))
    );
    assert!(root.join("truth.parquet").is_file());
    let extensions: std::collections::BTreeSet<String> = tree(&root.join("Manually_Annotated_Images"))
        .keys()
        .filter_map(|name| Some(name.rsplit_once('.')?.1.to_owned()))
        .collect();
    assert_eq!(
        extensions.into_iter().collect::<Vec<_>>(),
        ["JPG", "bmp", "jpeg", "jpg", "png"]
    );
}
