//! `validate` reports on folders, recipes and cards, and writes nothing.

use crate::{Bench, files};

#[test]
fn a_folder_is_recognised_and_left_as_it_is() {
    let bench = Bench::with_faces();
    let list = bench.path("raf/basic/EmoLabel/list_patition_label.txt");
    let mut labels = std::fs::read_to_string(&list).unwrap();
    labels.push_str("../../../../etc/passwd 3\n");
    std::fs::write(&list, labels).unwrap();
    let before = files(&bench.path(""));
    let report = bench.json(&["validate", "raf", "--json"]);
    let best = &report["candidates"][0];
    assert_eq!(
        (best["card"].as_str(), best["layout"].as_str()),
        (Some("rafdb"), Some("original"))
    );
    let conversion = &best["conversion"];
    assert_eq!(conversion["samples"], 260);
    assert_eq!(conversion["rejected"], 1);
    assert!(
        best["rejects"][0]
            .as_str()
            .unwrap()
            .contains("list_patition_label.txt:261")
    );
    for key in [
        "layout", "samples", "rejected", "masked", "by_split", "by_class", "expected", "warnings",
    ] {
        assert!(conversion.get(key).is_some(), "{key} is missing");
    }
    let text = bench.ok(&["validate", "raf"]);
    assert!(text.contains("aura-bench convert rafdb --data raf"), "{text}");
    assert!(before == files(&bench.path("")), "validate wrote something");
}

#[test]
fn a_complete_and_an_incomplete_list_are_told_from_the_card() {
    let bench = Bench::new();
    // Labels as the database has them, without images: every row is a reject, and the counts are zero.
    bench.write(
        "raf/basic/EmoLabel/list_patition_label.txt",
        "train_00001.jpg 5\ntest_0001.jpg 7\n",
    );
    bench.write("raf/basic/Image/aligned/.keep", "");
    let text = bench.fails(3, &["validate", "raf"]);
    assert!(
        text.contains("rafdb, layout original") && text.contains("missing image"),
        "{text}"
    );
    bench.write("nothing/photo.txt.bak", "");
    let text = bench.fails(3, &["validate", "nothing"]);
    assert!(text.contains("photo.txt.bak") && text.contains("rafdb"), "{text}");
    assert!(!text.contains("help: --data"), "the folder is named already: {text}");
    let text = bench.fails(3, &["validate", "nothing", "--card", "disfa"]);
    assert!(text.contains("ActionUnit_Labels"), "{text}");
    let text = bench.fails(2, &["validate", "nothing", "--card", "rafdv"]);
    assert!(text.contains("did you mean `rafdb`"), "{text}");
}

#[test]
fn a_recipe_is_checked_together_with_its_data() {
    let bench = Bench::with_faces();
    let report = bench.json(&["validate", "recipes/rafdb.toml", "--data", "raf", "--json"]);
    assert_eq!(report["data"]["samples"], 260);
    assert_eq!(report["protocol_digest"].as_str().unwrap().len(), 64);
    let text = bench.ok(&["validate", "recipes/rafdb.toml"]);
    assert!(text.contains("data not read: the database RAF-DB"), "{text}");
    bench.fails(3, &["validate", "recipes/rafdb.toml", "--data", "nowhere"]);
    let text = bench.ok(&["validate", "recipes/rafdb.toml", "--stand-in"]);
    assert!(text.contains("generated faces"), "{text}");
}

#[test]
fn data_that_a_run_would_not_take_are_refused() {
    let bench = Bench::with_faces();
    let mut images: Vec<_> = std::fs::read_dir(bench.path("raf/basic/Image/aligned"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    images.sort();
    for image in &images[..60] {
        std::fs::remove_file(image).unwrap();
    }
    for more in [&[][..], &["--json"]] {
        let call = [&["validate", "recipes/rafdb.toml", "--data", "raf"], more].concat();
        let text = bench.fails(3, &call);
        assert!(
            text.contains("the data are not usable: 60 of 260 rows were rejected"),
            "{text}"
        );
    }
    bench.ok(&[
        "validate",
        "recipes/rafdb.toml",
        "--data",
        "raf",
        "--set",
        "dataset.max_rejected=0.5",
    ]);
}

#[test]
fn a_card_is_checked_like_a_recipe() {
    let bench = Bench::new();
    let text = bench.ok(&["validate", "affectnet8"]);
    assert!(
        text.contains("train 287651") && text.contains("layout release_2021"),
        "{text}"
    );
    let card = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/datasets/rafdb.toml")).unwrap();
    bench.write("mine.toml", card.replace("samples = 12271", "samples = 12270"));
    let text = bench.fails(2, &["validate", "mine.toml"]);
    assert!(text.contains("expected 12271, the sum of the classes"), "{text}");
    bench.write("mine.toml", card.replace("terms = ", "term = "));
    let text = bench.fails(2, &["validate", "mine.toml"]);
    assert!(
        text.contains("unknown key `licence.term`")
            && text.contains("[mine.toml:14:1]")
            && text.contains("did you mean `terms`?"),
        "{text}"
    );
    bench.write("mine.toml", card);
    assert_eq!(bench.json(&["validate", "mine.toml", "--json"])["kind"], "card");
}
