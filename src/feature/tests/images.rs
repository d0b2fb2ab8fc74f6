//! Images that cannot be read, and faces cut out of others.

use super::*;

#[test]
fn bad_images_are_rejects_and_are_tried_again() {
    let world = World::new(20);
    let png = std::fs::read(world.image(1)).unwrap();
    std::fs::write(world.image(1), &png[..png.len() / 2]).unwrap();
    std::fs::write(world.image(4), b"").unwrap();
    std::fs::write(world.image(9), b"not, \"an\" image").unwrap();
    std::fs::remove_file(world.image(12)).unwrap();
    let poisoned = Probe {
        poison: Some(15),
        ..Probe::default()
    };
    let report = world.extract_with(&poisoned, &small()).unwrap();
    assert_eq!((report.rows, report.rejected), (15, 5));
    let csv = std::fs::read_to_string(world.out().join("rejects.csv")).unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 6);
    assert_eq!(lines[0], "file,line,reason,sample,image");
    assert!(
        lines[1].starts_with("images/1.png,2,cannot be decoded as PNG: "),
        "{csv}"
    );
    assert_eq!(lines[2], "images/4.png,5,is empty (0 bytes),s0004,images/4.png");
    assert_eq!(
        lines[3],
        "images/9.png,10,\"content is not JPEG, PNG, BMP, TIFF or WebP\",s0009,images/9.png"
    );
    assert!(lines[4].starts_with("images/12.png,13,cannot be opened: "), "{csv}");
    assert_eq!(
        lines[5],
        "images/15.png,16,\"was decoded, but its features are not finite numbers\",s0015,images/15.png"
    );
    assert_eq!(world.open().rejects().count(), 5);

    // Nothing changed: nothing is done. One file repaired: its part is.
    assert!(world.extract_with(&poisoned, &small()).unwrap().cached());
    world.paint(12);
    let report = world.extract_with(&poisoned, &small()).unwrap();
    assert_eq!((report.rows, report.rejected, report.cached_parts), (16, 4, 2));
}

#[test]
fn no_usable_image_at_all_is_an_error_that_says_where_to_look() {
    let world = World::new(5);
    for i in 0..5 {
        std::fs::remove_file(world.image(i)).unwrap();
    }
    let error = world.extract_with(&Probe::default(), &small()).unwrap_err();
    assert_eq!(error.exit_code(), crate::error::exit::DATA);
    let text = error.to_string();
    assert!(
        text.contains("none of the 5 images") && text.contains("rejects.csv"),
        "{text}"
    );
}

#[test]
fn paths_out_of_the_root_are_rejects() {
    let world = World::new(6);
    std::fs::write(
        world.folder.path().join("secret.png"),
        std::fs::read(world.image(1)).unwrap(),
    )
    .unwrap();
    world.write_samples(6, |columns| {
        let paths = StringArray::from(vec![
            Some("images/0.png"),
            Some("../secret.png"),
            None,
            Some("/etc/passwd"),
            Some("images"),
            Some("images/5.png"),
        ]);
        columns[6].1 = Arc::new(paths);
    });
    let report = world.extract();
    assert_eq!((report.rows, report.rejected), (2, 4));
    let reasons: Vec<String> = world.open().rejects().map(|r| r.reason.clone()).collect();
    assert!(reasons[0].contains("contains `..`"), "{reasons:?}");
    assert_eq!(reasons[1], "has no image path");
    assert!(reasons[2].contains("is absolute"), "{reasons:?}");
    assert_eq!(reasons[3], "is not a regular file");
}

#[test]
fn faces_are_cut_out_by_their_boxes() {
    let world = World::new(6);
    world.write_samples(6, |columns| {
        for (column, value) in columns[7..11].iter_mut().zip([2.0, 2.0, 5.0, 4.0]) {
            let values: Float32Array = (0..6)
                .map(|i| (i != 0).then_some(if i == 4 { -50.0 } else { value }))
                .collect();
            column.1 = Arc::new(values);
        }
    });
    let options = FeaturesConfig { margin: 0.2, ..small() };
    let report = world.extract_with(&Probe::default(), &options).unwrap();
    assert_eq!(report.rejected, 1);
    let train = world
        .open()
        .load(&LoadOptions::new(Task::Expression))
        .unwrap()
        .sets
        .train;
    // Without a box the whole image; with one, 5 + 2 · 1 by 4 + 2 · 0.8.
    assert_eq!(train.global.row(0), [0.0, 12.0, 10.0]);
    assert_eq!(train.global.row(1), [1.0, 7.0, 6.0]);
    assert_eq!(ids(&train), [0, 1, 2, 3]);
}
