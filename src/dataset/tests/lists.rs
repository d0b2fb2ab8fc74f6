//! Lists whose first lines, columns and names say something else than they seem to.

use crate::dataset::testing::{Tree, numbers, places, texts};

/// A line above the names of the columns is no reason to take columns by their place.
#[test]
fn columns_are_found_below_other_lines_or_not_at_all() {
    for above in ["# my labels, 2024, v1", "AffectNet labels,,", ",,", "\"\""] {
        let tree = Tree::new();
        tree.write("train.csv", format!("{above}\nimage,age,label\na.png,3,1\nb.png,4,2\n"));
        tree.write("test.csv", "image,age,label\nc.png,3,1\n");
        tree.image("a.png").image("b.png").image("c.png");
        let error = tree.examine("affectnet8").unwrap_err();
        assert_eq!(error.exit_code(), 3);
        let error = error.to_string();
        assert!(
            error.contains("train.csv:2: the columns are named here"),
            "{above}: {error}"
        );
    }
    // One name is enough if it is that of the images, and a title is no header for being called like a column.
    for (text, line) in [
        (",,\nimage,age,emotion_id\na.png,3,1\n", 2),
        ("Labels,,\n\nimage,age,label\na.png,3,1\n", 3),
        ("name;2024\nimage,label\na.png,1\n", 2),
    ] {
        let tree = Tree::new();
        tree.write("train.csv", text).write("test.csv", text).image("a.png");
        let error = tree.examine("affectnet8").unwrap_err().to_string();
        assert!(
            error.contains(&format!(".csv:{line}: the columns are named here")),
            "{text}: {error}"
        );
    }
    for said in ["sep=\u{a6}", "sep=\u{e9}", "sep=a", "sep=\""] {
        let tree = Tree::new();
        let separator = said.trim_start_matches("sep=");
        tree.write(
            "train.csv",
            format!("{said}\nimage{separator}label\na.png{separator}1\n"),
        );
        tree.image("a.png");
        assert_eq!(tree.convert("affectnet8").unwrap_err().exit_code(), 3, "{said}");
    }
    // A separator that is said is no line of its own.
    for (said, separator) in [("sep=;", ";"), ("\"sep=|\"", "|"), ("SEP=,\r", ",")] {
        let tree = Tree::new();
        let line = |fields: [&str; 4]| fields.join(separator);
        let rows = [
            line(["image", "exp", "arousal", "valence"]),
            line(["a.png", "1", "0.9", "-0.1"]),
            line(["b.png", "2", "0.8", "-0.2"]),
        ];
        tree.write("train.csv", format!("{said}\n{}\n", rows.join("\n")));
        tree.write("test.csv", "sep=;\nc.png;1;-0.3;0.7\n");
        tree.image("a.png").image("b.png").image("c.png");
        let examined = tree.examine("affectnet_va").unwrap();
        assert_eq!(
            (examined.conversion.masked, examined.conversion.rejected),
            (0, 0),
            "{said}"
        );
        let valence: Vec<f32> = numbers(&examined.table, "valence")
            .into_iter()
            .map(|v| v.unwrap() as f32)
            .collect();
        assert_eq!(valence, [-0.1, -0.2, -0.3], "{said}");
        assert_eq!(places(&examined.rejects), [""; 0]);
    }
}

/// What a column of splits says goes before the name of the file, even if nobody understands it.
#[test]
fn splits_that_are_not_understood_are_not_guessed() {
    let tree = Tree::new();
    tree.write(
        "train.csv",
        "image,label,usage\na.png,1,Training\nb.png,2,PrivateTest\nc.png,3,PublicTest\nd.png,0,not train\n",
    );
    tree.write("val.csv", "image,label\ne.png,1\n");
    for name in ["a", "b", "c", "d", "e"] {
        tree.image(&format!("{name}.png"));
    }
    let examined = tree.examine("affectnet8").unwrap();
    assert_eq!(
        places(&examined.rejects),
        [
            "train.csv:3 bad_value",
            "train.csv:4 bad_value",
            "train.csv:5 bad_value"
        ]
    );
    assert!(
        examined.rejects[0].to_string().contains("`PrivateTest` for the split"),
        "{}",
        examined.rejects[0]
    );
    // A column that says no split anywhere is about something else.
    let tree = Tree::new();
    tree.write("train.csv", "image,label,subset\na.png,1,manual\nb.png,2,web\n");
    tree.write("test.csv", "image,label,subset\nc.png,1,manual\n");
    tree.image("a.png").image("b.png").image("c.png");
    let examined = tree.examine("affectnet8").unwrap();
    assert_eq!(texts(&examined.table, "split"), ["train", "train", "test"]);
    let warnings = &examined.conversion.warnings;
    assert!(
        warnings
            .iter()
            .any(|w| w.contains("holds none that is known (`manual`)")),
        "{warnings:?}"
    );
    // A list of both says neither by its name.
    let tree = Tree::new();
    tree.write(
        "train_test_split.csv",
        "image,label,split\na.png,1,train\nb.png,2,test\nc.png,2,1\n",
    );
    tree.image("a.png").image("b.png").image("c.png");
    let examined = tree.examine("affectnet8").unwrap();
    assert_eq!(texts(&examined.table, "split"), ["train", "test"]);
    assert_eq!(places(&examined.rejects), ["train_test_split.csv:4 bad_value"]);
}

/// That an image's name begins like a split is chance, unless all do.
#[test]
fn names_of_images_say_a_split_together_or_not_at_all() {
    let list = |names: &[&str]| {
        let tree = Tree::new();
        let rows: String = names.iter().map(|name| format!("{name},1\n")).collect();
        tree.write("labels.csv", format!("image,label\n{rows}"));
        for name in names {
            tree.image(name);
        }
        tree.examine("affectnet8").unwrap()
    };
    let examined = list(&["anna.png", "devin.png", "valerie.png", "train_station.png"]);
    assert_eq!(texts(&examined.table, "split"), ["train"; 4]);
    assert!(
        examined
            .conversion
            .warnings
            .iter()
            .any(|w| w.contains("4 rows say no split"))
    );
    let examined = list(&["train_1.png", "test_2.png"]);
    assert_eq!(texts(&examined.table, "split"), ["train", "test"]);
    // Folders that disagree say nothing.
    let examined = list(&["test/a/train/1.png", "test/a/2.png"]);
    assert_eq!(places(&examined.rejects), ["labels.csv:2 malformed_line"]);
    // Folders are called so for a reason: they go before names, and whoever lies elsewhere is in no split.
    let examined = list(&[
        "train/Val_Kilmer.png",
        "testset/train_0.png",
        "testset/b/1.png",
        "extra/test_2.png",
    ]);
    assert_eq!(texts(&examined.table, "split"), ["train", "test", "test"]);
    assert_eq!(places(&examined.rejects), ["labels.csv:5 malformed_line"]);
    let tree = Tree::new();
    tree.write("labels.csv", "image,label\nvalery_000.png,1\ntrain_00001.png,1\n");
    tree.image("valery_000.png").image("train_00001.png");
    assert_eq!(
        places(&tree.examine("rafdb").unwrap().rejects),
        ["labels.csv:2 malformed_line"]
    );
}

#[test]
fn folders_that_say_no_split_are_named() {
    let tree = Tree::new();
    for folder in ["train", "test", "evaluation", "holdout"] {
        tree.image(&format!("{folder}/1/{folder}.png"));
    }
    let examined = tree.examine("rafdb").unwrap();
    assert_eq!(examined.conversion.samples, 2);
    let said = "folders whose names say no split are left aside: evaluation, holdout";
    assert!(
        examined.conversion.warnings.iter().any(|w| w == said),
        "{:?}",
        examined.conversion.warnings
    );
}

/// Classes that are tested and never trained: another spelling, or no label at all.
#[test]
fn classes_that_nobody_learns_are_named() {
    let tree = Tree::new();
    tree.image("train/1/a.png")
        .image("train/2/b.png")
        .image("test/2/c.png")
        .image("test/3/d.png");
    let examined = tree.examine("rafdb").unwrap();
    let said = "classes of the test split that no training sample has: disgust";
    assert!(
        examined.conversion.warnings.iter().any(|w| w == said),
        "{:?}",
        examined.conversion.warnings
    );
}

/// The list may say the class in other words, or by number; a folder of another class is a conflict.
#[test]
fn folders_may_be_called_after_classes() {
    for labels in [["happiness", "Sadness", "anger"], ["4", "5", "6"]] {
        let tree = Tree::new();
        for split in ["train", "test"] {
            let name = |n: usize| format!("{split}_0000{n}_aligned.png");
            for (n, folder) in ["Happiness", "SAD", "Fear"].into_iter().enumerate() {
                tree.image(&format!("DATASET/{split}/{folder}/{}", name(n)));
            }
            let rows: Vec<String> = labels
                .iter()
                .enumerate()
                .map(|(n, label)| format!("{},{label}\n", name(n)))
                .collect();
            tree.write(
                &format!("{split}_labels.csv"),
                format!("image,label\n{}", rows.concat()),
            );
        }
        let examined = tree.examine("rafdb").unwrap();
        assert_eq!(examined.conversion.samples, 4, "{labels:?}");
        assert_eq!(
            places(&examined.rejects),
            ["test_labels.csv:4 label_conflict", "train_labels.csv:4 label_conflict"]
        );
    }
}

#[test]
fn texts_beside_lists_may_be_in_any_encoding() {
    let tree = Tree::new();
    let labels = " 1 0 1 0 1 0 1 0 1 0 1\n";
    for (n, split) in [(1, "train"), (2, "test")] {
        tree.write(&format!("{split}.txt"), format!("N_{n:010}_00045.jpg{labels}"));
        tree.image(&format!("images/N_{n:010}_00045.jpg"));
    }
    tree.write("readme.txt", b"\xFF\xFEr\0e\0a\0d\0");
    let examined = tree.examine("emotionet").unwrap();
    assert_eq!(texts(&examined.table, "split"), ["train", "test"]);
    let warnings = &examined.conversion.warnings;
    assert!(
        warnings
            .iter()
            .any(|w| w.starts_with("readme.txt is left aside: it is UTF-16")),
        "{warnings:?}"
    );
}

#[test]
fn truth_values_are_action_units_in_every_list() {
    let tree = Tree::new();
    let name = |n: u32| format!("N_{n:010}_00045.png");
    tree.write(
        "EmotioNet_FACS.csv",
        format!(
            "URL,AU 1,AU 2\n{},True,FALSE\n{},false,1\n{},yes,1\n",
            name(1),
            name(2),
            name(3)
        ),
    );
    for n in 1..=3 {
        tree.image(&format!("images/{}", name(n)));
    }
    let examined = tree.examine("emotionet").unwrap();
    let mut units: Vec<_> = numbers(&examined.table, "au01")
        .into_iter()
        .zip(numbers(&examined.table, "au02"))
        .collect();
    units.sort_by(|a, b| a.partial_cmp(b).unwrap());
    assert_eq!(units, [(Some(0.0), Some(1.0)), (Some(1.0), Some(0.0))]);
    assert_eq!(places(&examined.rejects), ["EmotioNet_FACS.csv:4 bad_value"]);
}
