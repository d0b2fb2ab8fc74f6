//! One table that several processes extract: whatever each does, and in whatever order, it is the table of one.

use super::*;

fn options() -> FeaturesConfig {
    FeaturesConfig {
        part_rows: None,
        ..small()
    }
}

fn parts(world: &World) -> Vec<String> {
    let names = world.bytes().into_iter().map(|(name, _)| name);
    names.filter(|name| name.starts_with("part-")).collect()
}

#[test]
fn calls_at_the_same_time_share_the_parts_and_each_image_is_encoded_once() {
    let world = World::new(48);
    world.extract();
    let whole = world.bytes();
    std::fs::remove_dir_all(world.out()).unwrap();
    let reports: Vec<ExtractReport> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..3).map(|_| scope.spawn(|| world.extract())).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    assert_eq!(world.bytes(), whole);
    for report in &reports {
        assert_eq!((report.rows, report.parts, report.missing_parts), (48, 6, 0));
    }
    // By each the images that it encoded: all together, every one once.
    let encoded: f64 = reports
        .iter()
        .map(|report| report.images_per_second * report.seconds)
        .sum();
    assert!((encoded - 48.0).abs() < 1e-6, "{encoded}");
}

#[test]
fn every_shard_has_a_part_and_whoever_comes_first_says_how_large() {
    let world = World::new(30);
    let share = |shard: &str| {
        world
            .extract_share(&Probe::default(), &options(), shard, &Interrupt::default())
            .unwrap()
    };
    let first = share("3/5");
    assert_eq!((first.samples, first.parts, first.missing_parts), (6, 1, 4));
    // Others may count otherwise: the parts stay as they are, and those of a share of many may be none.
    let second = share("1/2");
    assert_eq!((second.samples, second.parts, second.missing_parts), (18, 3, 2));
    let whole = share("1/1");
    assert_eq!((whole.rows, whole.parts, whole.cached_parts), (30, 5, 3));
    assert_eq!(parts(&world).len(), 5);
    assert_eq!(world.open().rows(), 30);
    // Where the note is lost, the parts that are there say it.
    std::fs::remove_file(world.out().join(".part-rows")).unwrap();
    std::fs::remove_file(world.out().join("part-00002.parquet")).unwrap();
    let again = share("1/1");
    assert_eq!((again.parts, again.cached_parts), (5, 4));
    // Other options make another table, which is divided anew.
    let other = FeaturesConfig {
        dtype: Dtype::F16,
        ..options()
    };
    let report = world
        .extract_share(&Probe::default(), &other, "1/1", &Interrupt::default())
        .unwrap();
    assert_eq!((report.rows, report.parts, report.cached_parts), (30, 1, 0));
    assert_eq!(parts(&world), ["part-00000.parquet"]);
}

#[test]
fn a_part_that_somebody_died_with_is_taken_over_and_one_in_hand_is_waited_for() {
    let world = World::new(24);
    let out = world.out();
    std::fs::create_dir_all(&out).unwrap();
    // A process of another machine that gives no more signs of life.
    let text = "held 000000000003 node17.0badcafe.1.4711.99.33\n";
    std::fs::write(out.join(".lock-part-00001.7"), text).unwrap();
    let begun = std::time::Instant::now();
    assert_eq!(world.extract().rows, 24);
    assert!(
        begun.elapsed() >= std::time::Duration::from_secs(2),
        "it was not waited for"
    );
    assert_eq!(parts(&world).len(), 3);
    let locks: Vec<_> = std::fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with(".lock-"))
        .collect();
    assert_eq!(locks, Vec::<String>::new());
}
