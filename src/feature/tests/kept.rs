//! What is kept of an extraction: no fault of the moment, no part that is not what was written, no picture in two splits unsaid.

use super::super::duplicates::{Duplicate, DuplicateRule};
use super::*;

/// A file that is there and whose first byte the system cannot give.
#[cfg(target_os = "linux")]
const UNREADABLE: (&str, &str) = ("/proc/self", "mem");

#[cfg(target_os = "linux")]
#[test]
fn a_fault_of_the_moment_stops_the_stage_and_is_no_reject() {
    let world = World::new(6);
    let (root, file) = UNREADABLE;
    world.write_samples(6, |columns| {
        let paths = (0..6).map(|i| {
            Some(if i == 3 {
                file.to_owned()
            } else {
                format!("gone-{i}.png")
            })
        });
        columns[6].1 = Arc::new(paths.collect::<StringArray>());
    });
    let error = Extraction {
        samples: &world.samples(),
        data_root: root.as_ref(),
        encoder: &Probe::default(),
        options: &small(),
        out: &world.out(),
        shard: Shard::WHOLE,
    }
    .run(Progress::hidden(), &Interrupt::default())
    .unwrap_err();
    assert_eq!(error.exit_code(), crate::error::exit::DATA);
    let text = error.to_string();
    assert!(
        text.starts_with("failed to read /proc/") && text.contains("/mem: "),
        "{text}"
    );
    // Neither the part in which it happened nor a list of rejects is there.
    assert!(
        world
            .bytes()
            .iter()
            .all(|(name, _)| !name.starts_with("part-") && name != "rejects.csv")
    );
}

#[test]
fn a_part_that_is_not_what_was_written_is_made_anew() {
    let world = World::new(24);
    world.extract();
    let whole = world.bytes();
    let part = world.out().join("part-00001.parquet");
    let bytes = std::fs::read(&part).unwrap();
    // In the pages and in the footer; cut, and gone.
    for at in [bytes.len() / 3, bytes.len() - 40] {
        let mut flipped = bytes.clone();
        flipped[at] ^= 16;
        std::fs::write(&part, &flipped).unwrap();
        let report = world.extract();
        assert_eq!(report.cached_parts, report.parts - 1);
        assert_eq!(world.bytes(), whole);
    }
    std::fs::remove_file(&part).unwrap();
    world.extract();
    assert_eq!(world.bytes(), whole);
    // Without digests nobody can tell: neither taken for whole nor thrown away.
    std::fs::remove_file(world.out().join("digests.json")).unwrap();
    let error = world.extract_with(&Probe::default(), &small()).unwrap_err().to_string();
    assert!(
        error.contains("nothing says whether") && error.contains("digests*.json"),
        "{error}"
    );
    assert_eq!(std::fs::read(&part).unwrap(), bytes);
}

fn listed(world: &World, rule: DuplicateRule) -> (usize, Vec<Duplicate>) {
    let options = LoadOptions {
        duplicates: Some(rule),
        ..LoadOptions::new(Task::Expression)
    };
    let loaded = world.open().load(&options).unwrap();
    (loaded.sets.train.len(), loaded.duplicates)
}

#[test]
fn a_picture_in_two_splits_is_found_by_its_bytes_and_by_its_features() {
    let world = World::new(24);
    // Samples 5, 11, 17, 23 are the test split. The same file, and the same picture in a file of other bytes.
    std::fs::copy(world.image(5), world.image(1)).unwrap();
    let picture = ::image::open(world.image(11)).unwrap();
    picture
        .save_with_format(world.image(2), ::image::ImageFormat::Bmp)
        .unwrap();
    // Twice in one split is no leak.
    std::fs::copy(world.image(6), world.image(7)).unwrap();
    world.extract();
    let (all, found) = listed(&world, DuplicateRule::Report);
    let found: Vec<(&str, &str, &str)> = found
        .iter()
        .map(|found| (found.sample_id.as_str(), found.same_as.as_str(), found.same))
        .collect();
    assert_eq!(found, [("s0001", "s0005", "bytes"), ("s0002", "s0011", "features")]);
    let (left, _) = listed(&world, DuplicateRule::DropTrain);
    assert_eq!(left, all - 2);
}
