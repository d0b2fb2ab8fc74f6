//! RAF-DB: layouts, label conventions, and everything that can be wrong with a row.

use std::path::Path;

use arrow::array::{Array, AsArray};

use crate::dataset::convert::convert_located;
use crate::dataset::options::ConvertOptions;
use crate::dataset::testing::{Tree, columns, lenient, numbers, places, texts};
use crate::dataset::{Card, Images, LocatedData, samples};
use crate::error::{DataKind, Result};
use crate::interrupt::Interrupt;
use crate::progress::Progress;

/// The digest of the database's state under `root`.
fn source_digest(card: &Card, root: &Path, options: &ConvertOptions) -> Result<String> {
    LocatedData::find(card, root, options)?.source_digest()
}

const CLASSES: [&str; 7] = [
    "surprise",
    "fear",
    "disgust",
    "happiness",
    "sadness",
    "anger",
    "neutral",
];
const TRAIN: [u32; 7] = [1290, 281, 717, 4772, 1982, 705, 2524];
const TEST: [u32; 7] = [329, 74, 160, 1185, 478, 162, 680];

/// Names and 1-based labels of a complete RAF-DB.
fn complete() -> Vec<(String, usize)> {
    let mut rows = Vec::new();
    for (split, counts, digits) in [("train", TRAIN, 5), ("test", TEST, 4)] {
        let labels = counts
            .iter()
            .enumerate()
            .flat_map(|(class, n)| std::iter::repeat_n(class + 1, *n as usize));
        for (i, label) in labels.enumerate() {
            rows.push((format!("{split}_{:0digits$}", i + 1), label));
        }
    }
    rows
}

/// A tree in the database's own layout with these list lines; images for all names that look like images.
fn original(base: &str, list: &str) -> Tree {
    let tree = Tree::new();
    tree.write(&format!("{base}EmoLabel/list_patition_label.txt"), list);
    let mut seen = std::collections::BTreeSet::new();
    for line in list.lines() {
        let name = line
            .split_whitespace()
            .next()
            .unwrap_or("")
            .trim_start_matches('\u{feff}');
        if let Some(stem) = name.strip_suffix(".png")
            && seen.insert(stem.to_owned())
            && !stem.contains('/')
        {
            tree.image(&format!("{base}Image/aligned/{stem}_aligned.png"));
            tree.image(&format!("{base}Image/original/{stem}.png"));
        }
    }
    tree
}

const SMALL: &str = "train_00001.png 5\ntrain_00002.png 4\ntest_0001.png 7\n";

#[test]
fn original_layout_from_any_height() {
    for base in ["basic/", "", "RAF-DB/basic/", "RAF-DB/"] {
        let tree = original(base, SMALL);
        let examined = tree.examine("rafdb").unwrap();
        assert_eq!(examined.conversion.layout, "original", "{base}");
        assert_eq!(
            texts(&examined.table, "sample_id"),
            ["train_00001", "train_00002", "test_0001"]
        );
        assert_eq!(
            texts(&examined.table, "expression_name"),
            ["sadness", "happiness", "neutral"]
        );
        assert_eq!(
            numbers(&examined.table, "expression"),
            [Some(4.0), Some(3.0), Some(6.0)]
        );
        assert_eq!(
            texts(&examined.table, "image_path")[0],
            format!("{base}Image/aligned/train_00001_aligned.png")
        );
        assert!(examined.rejects.is_empty());
    }
}

#[test]
fn the_other_spelling_and_the_original_images() {
    let tree = original("basic/", SMALL);
    std::fs::rename(
        tree.root().join("basic/EmoLabel/list_patition_label.txt"),
        tree.root().join("basic/EmoLabel/list_partition_label.txt"),
    )
    .unwrap();
    let options = ConvertOptions {
        images: Images::Original,
        ..lenient()
    };
    let examined = tree.examine_with("rafdb", &options).unwrap();
    assert_eq!(
        texts(&examined.table, "image_path")[0],
        "basic/Image/original/train_00001.png"
    );
    std::fs::remove_dir_all(tree.root().join("basic/Image/original")).unwrap();
    let error = tree.examine_with("rafdb", &options).unwrap_err().to_string();
    assert!(error.contains("protocol.images = \"aligned\""), "{error}");
}

#[test]
fn every_bad_line_is_named() {
    let list = "\u{feff}train_00001.png 5  \r\n\
                train_00002.png 0\r\n\
                train_00003.png 8\r\n\
                train_00004.png cheerful\r\n\
                train_00005.png\r\n\
                \r\n\
                train_00006.png\t 3\r\n\
                ../../etc/passwd 3\r\n\
                /etc/passwd 3\r\n\
                train_00001.png 5\r\n\
                train_00007.jpg 2\r\n\
                portrait.png 2\r\n\
                train_00008.png Happy\r\n\
                test_0001.png 7";
    let tree = original("basic/", list);
    let examined = tree.examine("rafdb").unwrap();
    let list = "basic/EmoLabel/list_patition_label.txt";
    assert_eq!(
        places(&examined.rejects),
        [
            (2, "bad_label"),
            (3, "bad_label"),
            (4, "bad_label"),
            (5, "malformed_line"),
            (8, "leaves_root"),
            (9, "leaves_root"),
            (10, "duplicate_id"),
            (11, "missing_image"),
            (12, "malformed_line")
        ]
        .map(|(line, kind)| format!("{list}:{line} {kind}"))
    );
    assert_eq!(
        texts(&examined.table, "sample_id"),
        ["train_00001", "train_00006", "train_00008", "test_0001"]
    );
    assert_eq!(texts(&examined.table, "expression_name")[2], "happiness");
    let shown = examined.rejects[0].to_string();
    assert!(shown.contains("bad label `0`: expected one of 1 (surprise)"), "{shown}");
    let shown = examined.rejects[6].to_string();
    assert!(
        shown.ends_with("duplicated id `train_00001`: first listed at basic/EmoLabel/list_patition_label.txt:1"),
        "{shown}"
    );
}

#[test]
fn lines_that_are_not_utf8_are_rejected_alone() {
    let tree = original("basic/", SMALL);
    let mut bytes = SMALL.as_bytes().to_vec();
    bytes.extend(b"train_\xff\xfe.png 5\n\0\0\0\n");
    bytes.extend(vec![b'x'; 3 << 20]);
    bytes.extend(b"\ntest_0002.png 3\n");
    tree.write("basic/EmoLabel/list_patition_label.txt", bytes);
    tree.image("basic/Image/aligned/test_0002_aligned.png");
    let examined = tree.examine("rafdb").unwrap();
    assert_eq!(examined.conversion.samples, 4);
    assert_eq!(
        places(&examined.rejects),
        [(4, "not_utf8"), (5, "malformed_line"), (6, "malformed_line")]
            .map(|(line, kind)| format!("basic/EmoLabel/list_patition_label.txt:{line} {kind}"))
    );
}

#[cfg(unix)]
#[test]
fn links_do_not_lead_out() {
    use std::os::unix::fs::symlink;
    let tree = original(
        "basic/",
        "train_00001.png 5\ntrain_00002.png 4\ntrain_00003.png 4\ntest_0001.png 7\n",
    );
    let aligned = tree.root().join("basic/Image/aligned");
    let secret = tree.outside("secret.png");
    image::RgbImage::new(2, 2).save(&secret).unwrap();
    for (name, target) in [
        ("train_00001_aligned.png", secret.clone()),
        ("train_00002_aligned.png", aligned.join("test_0001_aligned.png")),
        ("train_00003_aligned.png", aligned.join("nothing.png")),
    ] {
        std::fs::remove_file(aligned.join(name)).unwrap();
        symlink(target, aligned.join(name)).unwrap();
    }
    let examined = tree.examine("rafdb").unwrap();
    assert_eq!(
        places(&examined.rejects),
        [(1, "leaves_root"), (3, "missing_image")]
            .map(|(line, kind)| format!("basic/EmoLabel/list_patition_label.txt:{line} {kind}"))
    );
    // A linked folder is no way out either, for images or for label files.
    let outside = tree.outside("elsewhere");
    std::fs::rename(&aligned, &outside).unwrap();
    symlink(&outside, &aligned).unwrap();
    let examined = tree.examine("rafdb").unwrap();
    assert_eq!(examined.conversion.reject_reasons["leaves_root"], 4);
    let labels = tree.root().join("basic/EmoLabel");
    let outside = tree.outside("labels");
    std::fs::rename(&labels, &outside).unwrap();
    symlink(&outside, &labels).unwrap();
    let error = tree.examine("rafdb").unwrap_err().to_string();
    assert!(error.contains("leads out of the data folder"), "{error}");
}

/// To open one would be to wait for ever.
#[cfg(unix)]
#[test]
fn pipes_are_no_label_files() {
    let tree = original("basic/", SMALL);
    let list = tree.root().join("basic/EmoLabel/list_patition_label.txt");
    std::fs::remove_file(&list).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&list).status().unwrap();
    assert!(made.success());
    let error = tree.examine("rafdb").unwrap_err().to_string();
    assert!(error.contains("is neither a file nor a folder"), "{error}");
    source_digest(&Card::load("rafdb").unwrap(), &tree.root(), &lenient()).unwrap();
}

#[test]
fn broken_images_and_bombs() {
    let tree = original("basic/", SMALL);
    let pixel = std::fs::read(tree.outside("pixel.png")).unwrap();
    let mut bomb = pixel;
    bomb[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
    for (name, bytes) in [("train_00001", &bomb[..]), ("train_00002", &b"no image"[..])] {
        let path = format!("basic/Image/aligned/{name}_aligned.png");
        std::fs::remove_file(tree.root().join(&path)).unwrap();
        tree.write(&path, bytes);
    }
    let examined = tree.examine("rafdb").unwrap();
    assert_eq!(
        places(&examined.rejects),
        [(1, "image_too_large"), (2, "unreadable_header")]
            .map(|(line, kind)| format!("basic/EmoLabel/list_patition_label.txt:{line} {kind}"))
    );
}

#[test]
fn complete_counts_are_confirmed_and_differences_named() {
    let tree = Tree::new();
    let mut list = String::new();
    for (name, label) in complete() {
        list.push_str(&format!("{name}.png {label}\n"));
        tree.image(&format!("basic/Image/aligned/{name}_aligned.png"));
    }
    tree.write("basic/EmoLabel/list_patition_label.txt", &list);
    let conversion = tree.convert("rafdb").unwrap();
    assert_eq!(conversion.by_split["train"], 12_271);
    assert_eq!(conversion.by_split["test"], 3_068);
    assert_eq!(conversion.by_split_class["test"]["happiness"], 1185);
    assert_eq!(conversion.by_class["happiness"], 4772 + 1185);
    assert_eq!(conversion.warnings, Vec::<String>::new());
    assert!(conversion.expected.as_ref().unwrap().differences.is_empty());
    // Same data, same bytes.
    let first = std::fs::read(tree.out().join("samples.parquet")).unwrap();
    tree.convert("rafdb").unwrap();
    assert_eq!(first, std::fs::read(tree.out().join("samples.parquet")).unwrap());

    // Shuffled: every label one further on. The counts give it away.
    let shuffled: String = complete()
        .iter()
        .map(|(name, label)| format!("{name}.png {}\n", label % 7 + 1))
        .collect();
    tree.write("basic/EmoLabel/list_patition_label.txt", &shuffled);
    let conversion = tree.convert("rafdb").unwrap();
    assert!(conversion.warnings[0].contains("shuffled"), "{:?}", conversion.warnings);
    assert!(
        conversion.warnings[0].contains("2 = surprise"),
        "{:?}",
        conversion.warnings
    );
    assert_eq!(conversion.by_split_class["train"]["surprise"], 1290);

    // One row short.
    tree.write(
        "basic/EmoLabel/list_patition_label.txt",
        list.replace("train_00001.png 1\n", ""),
    );
    let conversion = tree.convert("rafdb").unwrap();
    assert!(
        conversion
            .warnings
            .contains(&"train: expected 12271 samples, found 12270".to_owned())
    );
    assert!(
        conversion
            .warnings
            .iter()
            .any(|w| w.contains("surprise 1289 instead of 1290"))
    );
    assert_eq!(conversion.expected.unwrap().differences.len(), 2);
}

#[test]
fn kaggle_layout() {
    for (base, lists) in [
        ("", ""),
        ("DATASET/", ""),
        ("DATASET/", "DATASET/"),
        ("archive/DATASET/", "archive/"),
    ] {
        let tree = Tree::new();
        tree.write(
            &format!("{lists}train_labels.csv"),
            "image,label\r\ntrain_00001_aligned.png,5\r\ntrain_00002_aligned.png,4\r\ntrain_00003_aligned.png,4\r\ntrain_00004_aligned.png,1\r\n",
        );
        tree.write(
            &format!("{lists}test_labels.csv"),
            "image,label\ntest_0001_aligned.png,7\ntest_0002_aligned.png,x\n",
        );
        for path in [
            "train/5/train_00001_aligned",
            "train/4/train_00002_aligned",
            "train/6/train_00003_aligned",
            "test/7/test_0001_aligned",
            "test/7/test_0002_aligned",
            "test/7/test_0003_aligned",
        ] {
            tree.image(&format!("{base}{path}.png"));
        }
        let examined = tree.examine("rafdb").unwrap();
        assert_eq!(examined.conversion.layout, "kaggle", "{base} {lists}");
        assert_eq!(
            texts(&examined.table, "sample_id"),
            ["train_00001", "train_00002", "test_0001"]
        );
        assert_eq!(
            texts(&examined.table, "expression_name"),
            ["sadness", "happiness", "neutral"]
        );
        assert_eq!(
            texts(&examined.table, "image_path")[0],
            format!("{base}train/5/train_00001_aligned.png")
        );
        assert_eq!(
            places(&examined.rejects),
            [
                format!("{lists}test_labels.csv:3 bad_label"),
                format!("{lists}train_labels.csv:4 label_conflict"),
                format!("{lists}train_labels.csv:5 missing_image")
            ]
        );
        assert!(examined.conversion.warnings.iter().any(|w| w.contains("1 files below")));
    }
}

#[test]
fn kaggle_without_header_loses_no_row_and_finds_names_in_other_case() {
    let tree = Tree::new();
    tree.write("train_labels.csv", "a.PNG,1\nb.png,7\n")
        .write("test_labels.csv", "c.png,2\n");
    tree.image("DATASET/train/1/a.png")
        .image("DATASET/train/7/b.png")
        .image("DATASET/test/2/c.png");
    let examined = tree.examine("rafdb").unwrap();
    assert_eq!(examined.conversion.samples, 3);
    assert!(examined.rejects.is_empty());
    assert_eq!(texts(&examined.table, "image_path")[0], "DATASET/train/1/a.png");
    // The largest number that is one: no label, and no reason to stop.
    tree.write("test_labels.csv", "c.png,2147483647\n");
    assert_eq!(
        places(&tree.examine("rafdb").unwrap().rejects),
        ["test_labels.csv:1 bad_label"]
    );
}

#[test]
fn image_folders_by_number_from_one_from_zero_and_by_name() {
    let names = ["Surprise", "Fear", "disgust", "happy", "sad", "3_anger", "neutral"];
    for (first, valid) in [(Some(1), "valid"), (Some(0), "valid"), (None, "test"), (Some(0), "val")] {
        let tree = Tree::new();
        for (class, name) in names.iter().enumerate() {
            let folder = first.map_or_else(|| (*name).to_owned(), |first: usize| (class + first).to_string());
            tree.image(&format!("train/{folder}/train_{class:05}_aligned.png"));
            tree.image(&format!("{valid}/{folder}/test_{class:04}_aligned.png"));
        }
        tree.write("train/.DS_Store", "x");
        let examined = tree.examine("rafdb").unwrap();
        assert_eq!(examined.conversion.layout, "image_folder");
        assert_eq!(examined.conversion.by_split["test"], 7, "{valid}");
        assert_eq!(texts(&examined.table, "expression_name")[..7], CLASSES);
        assert_eq!(texts(&examined.table, "expression_name")[7..], CLASSES);
        let told = |text: &str| {
            examined
                .conversion
                .warnings
                .iter()
                .any(|warning| warning.contains(text))
        };
        assert_eq!(told("numbered from 0"), first == Some(0));
        assert_eq!(told("is read as `test`"), valid != "test");
    }
}

#[test]
fn image_folders_in_alphabetical_order_are_found_by_their_counts() {
    let tree = Tree::new();
    let mut order: Vec<usize> = (0..7).collect();
    order.sort_by_key(|&class| CLASSES[class]);
    for (name, label) in complete() {
        let split = name.split('_').next().unwrap();
        let folder = order.iter().position(|&class| class == label - 1).unwrap();
        tree.image(&format!("{split}/{folder}/{name}_aligned.png"));
    }
    let conversion = tree.convert("rafdb").unwrap();
    assert_eq!(conversion.by_split_class["train"]["happiness"], 4772);
    assert!(
        conversion.warnings[0].contains("alphabetical"),
        "{:?}",
        conversion.warnings
    );
    assert_eq!(conversion.warnings.len(), 1);
}

#[test]
fn image_folders_with_equal_names_keep_all_images() {
    let tree = Tree::new();
    for split in ["train", "test"] {
        for class in 1..=7 {
            tree.image(&format!("{split}/{class}/1.png"));
        }
    }
    tree.image("train/9/1.png");
    let examined = tree.examine("rafdb").unwrap();
    assert_eq!(examined.conversion.samples, 14);
    assert_eq!(places(&examined.rejects), ["train/9/1.png bad_label"]);
}

#[test]
fn csv_with_text_labels() {
    let tree = Tree::new();
    tree.write(
        "train.csv",
        "filename,emotion\n\"a.png\",\"Happiness\"\nimages/b.png, Sad\nc.png,bored\n../d.png,Sad\n",
    );
    tree.write("test.csv", "e.png,Neutral\n");
    tree.image("images/a.png")
        .image("images/b.png")
        .image("train/c.png")
        .image("test/e.png");
    let examined = tree.examine("rafdb").unwrap();
    assert_eq!(examined.conversion.layout, "csv");
    assert_eq!(
        texts(&examined.table, "expression_name"),
        ["happiness", "sadness", "neutral"]
    );
    assert_eq!(
        texts(&examined.table, "image_path"),
        ["images/a.png", "images/b.png", "test/e.png"]
    );
    assert_eq!(
        places(&examined.rejects),
        ["train.csv:4 bad_label", "train.csv:5 leaves_root"]
    );
    let tree = Tree::new();
    tree.write(
        "labels.csv",
        "split,image,label\ntrain,a.png,0\ntrain,b.png,3\ntest,c.png,6\n,d.png,1\n",
    );
    tree.image("a.png").image("b.png").image("c.png").image("d.png");
    let examined = tree.examine("rafdb").unwrap();
    assert_eq!(
        texts(&examined.table, "expression_name"),
        ["surprise", "happiness", "neutral"]
    );
    assert_eq!(places(&examined.rejects), ["labels.csv:5 malformed_line"]);
    let tree = Tree::new();
    tree.write("train.csv", "foo,bar,image\n1,2,3\n");
    let error = tree.examine("rafdb").unwrap_err().to_string();
    assert!(
        error.contains("there is no label column: expected one of label, labels,"),
        "{error}"
    );
}

#[test]
fn results_are_written_whole() {
    let tree = original("basic/", &format!("{SMALL}train_00009.png \"4,5\"\n"));
    let conversion = tree.convert("rafdb").unwrap();
    assert_eq!((conversion.samples, conversion.rejected), (3, 1));
    assert_eq!(
        tree.read("rejects.csv").lines().nth(1).unwrap(),
        "basic/EmoLabel/list_patition_label.txt,4,\"bad label `4,5`: expected one of 1 (surprise), 2 (fear), 3 (disgust), \
         4 (happiness), 5 (sadness), 6 (anger), 7 (neutral)\",train_00009,basic/Image/aligned/train_00009_aligned.png"
    );
    let json: serde_json::Value = serde_json::from_str(&tree.read("conversion.json")).unwrap();
    assert_eq!(json["layout"], "original");
    assert_eq!(json["by_split"]["train"], 2);
    assert_eq!(json["reject_reasons"]["bad_label"], 1);
    assert_eq!(
        columns(&tree.out().join("samples.parquet")),
        [
            "sample_id",
            "dataset",
            "split",
            "subject",
            "frame",
            "fold",
            "image_path",
            "bbox_x",
            "bbox_y",
            "bbox_w",
            "bbox_h",
            "expression",
            "expression_name",
            "valence",
            "arousal"
        ]
    );
    let (table, meta) = samples::read(&tree.out().join("samples.parquet")).unwrap();
    assert_eq!(meta.classes, CLASSES);
    assert_eq!(table.num_rows(), 3);
    assert_eq!(table.column(0).as_string::<i32>().value(0), "train_00001");
    let expressions = table.column_by_name("expression").unwrap();
    assert_eq!(expressions.as_primitive::<arrow::datatypes::Int8Type>().value(0), 4);
    assert_eq!(table.column_by_name("valence").unwrap().null_count(), 3);
    let left: Vec<String> = std::fs::read_dir(tree.out())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with('.'))
        .collect();
    assert!(left.is_empty());
}

#[test]
fn too_many_rejects_and_nothing_left() {
    let tree = original("basic/", "train_00001.png 5\ntrain_00002.png 9\n");
    let error = tree.convert_with("rafdb", &ConvertOptions::default()).unwrap_err();
    assert_eq!(error.exit_code(), 3);
    let error = error.to_string();
    assert!(error.contains("1 of 2 rows were rejected (50.0 %)"), "{error}");
    assert!(error.contains("list_patition_label.txt:2: bad label `9`"), "{error}");
    assert!(error.contains("rejects.csv"), "{error}");
    assert!(tree.out().join("rejects.csv").exists());
    assert!(!tree.out().join("samples.parquet").exists());
    for nothing in ["", "\n\n", "train_00001.png x\n"] {
        tree.write("basic/EmoLabel/list_patition_label.txt", nothing);
        let error = tree.convert("rafdb").unwrap_err();
        assert_eq!(error.data_kind(), Some(DataKind::TooManyRejects));
        assert!(error.to_string().contains("no usable sample is left"), "{error}");
    }
}

#[test]
fn missing_and_unknown_folders_say_what_to_do() {
    let tree = Tree::new();
    let card = Card::load("rafdb").unwrap();
    let error = source_digest(&card, &tree.root().join("nowhere"), &lenient()).unwrap_err();
    assert_eq!(error.data_kind(), Some(DataKind::MissingDatabase));
    let error = error.to_string();
    for part in ["looked at: ", "nowhere", "to obtain it", "whdeng.cn", "stand-in"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    tree.write("holiday/photo.txt", "x");
    let error = tree.examine("rafdb").unwrap_err().to_string();
    for part in [
        "looked for:",
        "original:",
        "kaggle:",
        "EmoLabel/list_patition_label.txt",
        "found there: holiday/",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    let options = ConvertOptions {
        layout: Some("zip".into()),
        ..lenient()
    };
    assert_eq!(tree.examine_with("rafdb", &options).unwrap_err().exit_code(), 2);
}

#[test]
fn stand_ins_are_not_held_to_the_counts() {
    let tree = original("basic/", SMALL);
    assert!(!tree.examine("rafdb").unwrap().conversion.warnings.is_empty());
    tree.write("STAND-IN.toml", "seed = 0\n");
    let conversion = tree.examine("rafdb").unwrap().conversion;
    assert!(conversion.stand_in);
    assert_eq!(conversion.expected, None);
    assert_eq!(conversion.warnings, Vec::<String>::new());
}

#[test]
fn the_digest_follows_the_data() {
    let card = Card::load("rafdb").unwrap();
    let tree = original("basic/", SMALL);
    let digest = || source_digest(&card, &tree.root(), &lenient()).unwrap();
    let first = digest();
    assert_eq!(first, digest());
    tree.write("basic/EmoLabel/list_patition_label.txt", SMALL.replace('7', "6"));
    let second = digest();
    assert_ne!(first, second);
    tree.image("basic/Image/aligned/train_00003_aligned.png");
    assert_ne!(second, digest());
}

/// The address of a conversion and what it says of its source are one look at the folder, not two.
#[test]
fn a_database_that_was_found_is_walked_once() {
    let card = Card::load("rafdb").unwrap();
    let tree = original("basic/", SMALL);
    let options = lenient();
    let data = LocatedData::find(&card, &tree.root(), &options).unwrap();
    let address = data.source_digest().unwrap();
    tree.write("basic/note.txt", "written in between");
    let (hidden, interrupt) = (Progress::hidden(), Interrupt::default());
    let conversion = convert_located(
        &data,
        &tree.out(),
        &tree.out(),
        &tree.outside("frames"),
        &hidden,
        &interrupt,
    )
    .unwrap();
    assert_eq!(conversion.source_digest, address);
    assert_ne!(source_digest(&card, &tree.root(), &options).unwrap(), address);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn arbitrary_label_lists_never_panic(bytes: Vec<u8>, text in "[a-z0-9_. ,\t\r\n\"\u{feff}]{0,80}") {
        for content in [bytes.as_slice(), text.as_bytes()] {
            let tree = original("basic/", SMALL);
            tree.write("basic/EmoLabel/list_patition_label.txt", content);
            let _ = tree.examine("rafdb");
            let tree = Tree::new();
            tree.write("train.csv", content).image("a.png");
            let _ = tree.examine("rafdb");
        }
    }
}
