//! DISFA: films of 27 people, smooth in time, with the database's rates.

use crate::standin::layout::disfa::{RATES, level};

use super::*;

fn disfa(samples: usize) -> StandinOptions {
    StandinOptions {
        card: "disfa".to_owned(),
        size: Some(32),
        ..options(samples)
    }
}

#[test]
fn the_tree_is_converted_frame_for_frame() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("tree");
    let report = run(&disfa(200), &root).unwrap();
    assert_eq!((report.samples, report.flipped), (200, 20));
    let out = folder.path().join("out");
    let conversion = convert("disfa", &root, &out);
    assert_eq!(
        (conversion.samples, conversion.rejected, conversion.masked),
        (200, 0, 0)
    );
    assert_eq!(conversion.warnings, Vec::<String>::new());
    let (samples, truth) = (table(&out.join("samples.parquet")), truth(&root));
    let names = ["sample_id", "image_path", "subject", "split"];
    let rows = |batch: &RecordBatch| {
        let columns = names.map(|name| strings(batch, name));
        let mut rows: Vec<_> = (0..batch.num_rows())
            .map(|i| columns.each_ref().map(|c| c[i].clone()))
            .collect();
        rows.sort();
        rows
    };
    assert_eq!(rows(&samples), rows(&truth));
    let subjects: std::collections::BTreeSet<String> = strings(&samples, "subject").into_iter().collect();
    assert_eq!(subjects.len(), 27);
    assert!(truth.column_by_name("expression").unwrap().null_count() == 200);
}

#[test]
fn the_full_size_has_the_frames_of_the_database() {
    let layout = layout(&disfa(200)).unwrap();
    // Planning the whole database takes long unoptimised: the counts alone.
    let error = layout.plan(&disfa(130_815), 100).err().unwrap();
    assert!(error.to_string().contains("to 130814"), "{error}");
    let plan = plan_of(&disfa(27 * 60));
    assert!(
        plan.samples
            .chunk_by(|a, b| a.subject == b.subject)
            .all(|film| film.len() == 60)
    );
}

#[test]
fn action_units_are_as_frequent_as_in_the_database() {
    for (samples, seed) in [(4000, 0), (1500, 5)] {
        let options = StandinOptions {
            seed,
            label_noise: 0.0,
            ..disfa(samples)
        };
        let plan = plan_of(&options);
        for (unit, rate) in RATES {
            let levels: Vec<u8> = plan.samples.iter().map(|s| level(s.expression.get(unit))).collect();
            let share = |least: u8| levels.iter().filter(|&&l| l >= least).count() as f64 / samples as f64;
            assert!((share(1) - rate).abs() < 0.003, "AU {unit}: {}", share(1));
            // Every threshold in use leaves something to find: the paper's is above 2.
            assert!(
                share(3) > 0.3 * rate && share(3) < 0.5 * rate,
                "AU {unit}: {}",
                share(3)
            );
        }
        // Every fold has most action units, with enough frames at the strictest threshold too.
        let least = if samples < 4000 { 1 } else { 3 };
        let card = Card::load("disfa").unwrap();
        for fold in &card.folds {
            let own: Vec<&Sample> = plan
                .samples
                .iter()
                .filter(|s| fold.subjects.contains(&s.subject_name()))
                .collect();
            for unit in [1, 2, 4, 6, 9, 12, 15, 17, 25, 26] {
                let positive = own.iter().filter(|s| level(s.expression.get(unit)) >= least).count();
                assert!(
                    positive > 0,
                    "AU {unit} never in fold {} of {samples} frames",
                    fold.fold
                );
            }
        }
    }
}

#[test]
fn films_are_smooth_and_show_one_person() {
    let plan = plan_of(&disfa(27 * 150));
    for film in plan.samples.chunk_by(|a, b| a.subject == b.subject) {
        assert!(film.windows(2).all(|pair| pair[0].shot == pair[1].shot));
        for pair in film.windows(2) {
            for (unit, _) in RATES {
                let step = (pair[1].expression.get(unit) - pair[0].expression.get(unit)).abs();
                assert!(step < 2.0, "AU {unit} jumps by {step} at {}", pair[1].id);
            }
            let turned = pair[0]
                .frame
                .turn
                .iter()
                .zip(pair[1].frame.turn)
                .map(|(a, b)| (a - b).abs());
            assert!(turned.fold(0.0, f32::max) < 0.02);
        }
    }
    // Most steps are small: the mean over all is far below what a shuffled film would have.
    let mean = |pairs: &mut dyn Iterator<Item = (&Sample, &Sample)>| {
        let (mut sum, mut n) = (0.0, 0.0);
        for (a, b) in pairs {
            sum += (a.expression.get(12) - b.expression.get(12)).abs();
            n += 1.0;
        }
        sum / n
    };
    let next = mean(&mut plan.samples.iter().zip(&plan.samples[1..]));
    let far = mean(&mut plan.samples.iter().zip(&plan.samples[75..]));
    assert!(next < 0.15 * far, "{next} from frame to frame, {far} otherwise");
}

#[test]
fn wrong_labels_are_wrong_under_every_threshold() {
    let plan = plan_of(&disfa(540));
    let mut wrong = 0;
    let files: BTreeMap<&str, &[u8]> = plan.labels.iter().map(|(path, bytes)| (&**path, &**bytes)).collect();
    for sample in &plan.samples {
        let (subject, frame) = sample.id.split_once('_').unwrap();
        let mut differing = 0;
        for (unit, _) in RATES {
            let file =
                std::str::from_utf8(files[format!("ActionUnit_Labels/{subject}/{subject}_au{unit}.txt").as_str()])
                    .unwrap();
            let line = file.lines().nth(frame.parse::<usize>().unwrap() - 1).unwrap();
            let (number, written) = line.split_once(',').unwrap();
            assert_eq!(number.parse::<u32>().unwrap(), frame.parse::<u32>().unwrap());
            let (written, drawn) = (written.parse::<u8>().unwrap(), level(sample.expression.get(unit)));
            if written != drawn {
                differing += 1;
                assert!((written > 2) != (drawn > 2) && (written >= 1) != (drawn >= 1));
            }
        }
        assert_eq!(differing, usize::from(sample.flipped));
        wrong += differing;
    }
    assert_eq!(wrong, 54);
}
