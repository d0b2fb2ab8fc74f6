//! Generated trees: who is in the pictures stands in the truth alone.

use polars::prelude::*;

use crate::dataset::testing::{Tree, lenient, texts};
use crate::dataset::{Card, LocatedData};

/// A tree of three images that says it is generated.
fn tree() -> Tree {
    let tree = Tree::new();
    let list = "train_00001.png 5\ntrain_00002.png 4\ntest_0001.png 7\n";
    tree.write("EmoLabel/list_patition_label.txt", list);
    for name in ["train_00001", "train_00002", "test_0001"] {
        tree.image(&format!("Image/aligned/{name}_aligned.png"));
    }
    tree.write("STAND-IN.toml", "seed = 0\n");
    tree
}

/// Writes a truth with these people.
fn truth(tree: &Tree, people: &[(&str, Option<&str>)]) {
    let (ids, subjects): (Vec<&str>, Vec<Option<&str>>) = people.iter().copied().unzip();
    let mut table = df!("subject" => subjects, "sample_id" => ids, "au01" => vec![0.5_f32; people.len()]).unwrap();
    let file = std::fs::File::create(tree.root().join("truth.parquet")).unwrap();
    ParquetWriter::new(file).finish(&mut table).unwrap();
}

#[test]
fn the_truth_names_the_people_where_the_database_does_not() {
    let tree = tree();
    assert_eq!(texts(&tree.examine("rafdb").unwrap().table, "subject"), ["", "", ""]);

    truth(
        &tree,
        &[
            ("test_0001", Some("P2")),
            ("train_00002", Some("P1")),
            ("train_00003", Some("P9")),
        ],
    );
    let found = tree.examine("rafdb").unwrap();
    assert_eq!(found.conversion.truth.as_deref(), Some("truth.parquet"));
    assert_eq!(
        texts(&found.table, "sample_id"),
        ["train_00001", "train_00002", "test_0001"]
    );
    // The truth does not know the first one, which stays without.
    assert_eq!(texts(&found.table, "subject"), ["", "P1", "P2"]);
}

#[test]
fn a_table_beside_a_real_database_names_nobody() {
    let tree = tree();
    truth(&tree, &[("test_0001", Some("P2"))]);
    std::fs::remove_file(tree.root().join("STAND-IN.toml")).unwrap();
    assert_eq!(texts(&tree.examine("rafdb").unwrap().table, "subject"), ["", "", ""]);
}

#[test]
fn a_truth_that_cannot_be_read_is_said() {
    let tree = tree();
    tree.write("truth.parquet", "x");
    let error = tree.examine("rafdb").unwrap_err().to_string();
    assert!(
        error.contains("truth.parquet") && error.contains("`subject`"),
        "{error}"
    );
}

#[test]
fn other_people_are_another_source() {
    let (tree, card, options) = (tree(), Card::load("rafdb").unwrap(), lenient());
    let digest = || {
        LocatedData::find(&card, &tree.root(), &options)
            .unwrap()
            .source_digest()
            .unwrap()
    };
    truth(&tree, &[("test_0001", Some("P2"))]);
    let (first, size) = (
        digest(),
        std::fs::metadata(tree.root().join("truth.parquet")).unwrap().len(),
    );
    truth(&tree, &[("test_0001", Some("P3"))]);
    assert_eq!(
        std::fs::metadata(tree.root().join("truth.parquet")).unwrap().len(),
        size
    );
    assert_ne!(first, digest());
}
