//! `AffectNet`: both releases, the derived lists, and the traps of each.

use crate::dataset::options::ConvertOptions;
use crate::dataset::testing::{Tree, lenient, numbers, places, texts};
use crate::intake::npy::tests::encode;

const HEADER: &str =
    "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal\n";

/// One row of the first release's CSV.
fn row(path: &str, face: &str, labels: &str) -> String {
    format!("{path},{face},1.5;2.5;3.5;4.5,{labels}\n")
}

/// Rows with every kind of label and trap; the images of all but `d/missing.jpg` exist.
fn training() -> String {
    let face = "0,0,100,110";
    [
        row("a/0.jpg", face, "0,-0.0269,0.1"),
        row("a/1.JPG", face, "1,0.7,0.2"),
        row("a/2.png", face, "2,-0.6,-0.3"),
        row("b/7.bmp", face, "7,-0.5,0.6"),
        row("b/8.tif", face, "8,0.1,0.1"),
        row("b/9.jpg", face, "9,-2,-2"),
        row("b/10.jpg", face, "10,-2,-2"),
        row("c/null.jpg", "NULL,NULL,100,110", "3,0.2,0.8"),
        row("c/negative.jpg", "0,0,-100,110", "3,0.2,0.8"),
        row("a/0.jpg", face, "0,0,0"),
        row("c/eleven.jpg", face, "11,0,0"),
        row("c/far.jpg", face, "6,-1.5,0.5"),
        row("c/unknown.jpg", face, "6,-2,-2"),
        row("../../x.jpg", face, "6,-0.5,0.5"),
        row("d/missing.jpg", face, "4,-0.5,0.5"),
        row("d/broken.jpg", face, "4,-0.5,0.5"),
    ]
    .concat()
}

fn original(images: &str, lists: &str, header: bool) -> Tree {
    let tree = Tree::new();
    tree.write(&format!("{lists}training.csv"), format!("{HEADER}{}", training()));
    let validation = [
        row("v/1.jpg", "0,0,3,4", "1,0.5,0.5"),
        row("v/5.jpg", "0,0,3,4", "5,-0.5,0.5"),
    ]
    .concat();
    let validation = if header {
        format!("{HEADER}{validation}")
    } else {
        validation
    };
    tree.write(&format!("{lists}validation.csv"), validation.replace('\n', "\r\n"));
    for name in [
        "a/0.jpg",
        "a/1.jpg",
        "a/2.PNG",
        "b/7.bmp",
        "b/8.tif",
        "b/9.jpg",
        "b/10.jpg",
        "c/null.jpg",
        "c/negative.jpg",
        "c/eleven.jpg",
        "c/far.jpg",
        "c/unknown.jpg",
        "v/1.jpg",
        "v/5.jpg",
    ] {
        tree.image(&format!("{images}{name}"));
    }
    tree.write(&format!("{images}d/broken.jpg"), "<html>not found</html>");
    tree
}

#[test]
fn first_release_with_and_without_header() {
    let cases = [
        ("Manually_Annotated_Images/", "Manually_Annotated_file_lists/", false),
        ("Manually_Annotated_compressed/", "", true),
        ("AffectNet/Manually_Annotated_Images/", "AffectNet/", false),
    ];
    for (images, lists, header) in cases {
        let examined = original(images, lists, header).examine("affectnet8").unwrap();
        assert_eq!(examined.conversion.layout, "original");
        assert_eq!(
            texts(&examined.table, "sample_id"),
            [
                "a/0.jpg",
                "a/1.JPG",
                "a/2.png",
                "b/7.bmp",
                "c/far.jpg",
                "c/null.jpg",
                "c/unknown.jpg",
                "v/1.jpg",
                "v/5.jpg"
            ]
        );
        // Extensions that differ in case from the list are found.
        assert_eq!(texts(&examined.table, "image_path")[1], format!("{images}a/1.jpg"));
        assert_eq!(texts(&examined.table, "image_path")[2], format!("{images}a/2.PNG"));
        assert_eq!(examined.conversion.by_split["test"], 2);
        assert_eq!(examined.conversion.masked, 3, "none, uncertain, no face");
        let list = format!("{lists}training.csv");
        assert_eq!(
            places(&examined.rejects),
            [
                (10, "bad_value"),
                (11, "duplicate_id"),
                (12, "bad_label"),
                (15, "leaves_root"),
                (16, "missing_image"),
                (17, "unreadable_header")
            ]
            .map(|(line, kind)| format!("{list}:{line} {kind}"))
        );
        assert_eq!(numbers(&examined.table, "bbox_w")[0], Some(100.0));
        assert_eq!(numbers(&examined.table, "bbox_x")[5], None, "NULL is no box");
        assert_eq!(numbers(&examined.table, "valence")[1], Some(f64::from(0.7_f32)));
        assert_eq!(
            numbers(&examined.table, "valence")[4],
            None,
            "impossible values of another task are unknown"
        );
        let told = |text: &str| {
            examined
                .conversion
                .warnings
                .iter()
                .any(|warning| warning.contains(text))
        };
        assert!(
            told("1 rows have no face box (line 9)"),
            "{:?}",
            examined.conversion.warnings
        );
        assert!(told("expected 5500 rows, found 2"));
        assert!(told("expected 414799 rows, found 16"));
        assert!(told("train: expected 287651 samples, found 7"));
    }
}

#[test]
fn seven_classes_mask_contempt() {
    let examined = original("Manually_Annotated_Images/", "", true)
        .examine("affectnet7")
        .unwrap();
    assert_eq!(examined.conversion.masked, 4);
    assert!(!texts(&examined.table, "sample_id").contains(&"b/7.bmp".to_owned()));
    assert!(!examined.conversion.by_class.contains_key("contempt"));
}

#[test]
fn valence_and_arousal_keep_none_and_mask_unknown() {
    let examined = original("Manually_Annotated_Images/", "", true)
        .examine("affectnet_va")
        .unwrap();
    assert_eq!(examined.conversion.by_class["none"], 1);
    assert_eq!(examined.conversion.masked, 3, "uncertain, no face, and one pair of -2");
    assert!(places(&examined.rejects).contains(&"training.csv:13 bad_value".to_owned()));
    assert!(numbers(&examined.table, "valence").iter().all(Option::is_some));
    let shown: Vec<String> = examined.rejects.iter().map(ToString::to_string).collect();
    assert!(
        shown
            .iter()
            .any(|text| text.contains("bad value `-1.5` for valence: expected a number from -1 to 1")),
        "{shown:?}"
    );
}

/// One annotation of the release of 2021.
fn label(tree: &Tree, set: &str, number: u32, kind: &str, descr: &str, shape: &str, data: &[u8]) {
    tree.write(
        &format!("{set}/annotations/{number}_{kind}.npy"),
        encode(descr, shape, false, data),
    );
}

fn utf32(text: &str) -> Vec<u8> {
    text.chars().flat_map(|c| (c as u32).to_le_bytes()).collect()
}

fn release_2021() -> Tree {
    let tree = Tree::new();
    for (set, number, class) in [
        ("train_set", 0, 1_i64),
        ("train_set", 7, 4),
        ("train_set", 100_007, 7),
        ("val_set", 0, 3),
    ] {
        tree.image(&format!("{set}/images/{number}.jpg"));
        label(&tree, set, number, "exp", "<i8", "()", &class.to_le_bytes());
        label(&tree, set, number, "val", "<f8", "(1,)", &(-0.5_f64).to_le_bytes());
        label(&tree, set, number, "aro", "<U4", "()", &utf32("0.25"));
        label(&tree, set, number, "lnd", "<f8", "(2,)", &[0; 16]);
    }
    tree
}

#[test]
fn release_of_2021() {
    let tree = release_2021();
    // Text labels, an image without label, a label without image, a broken label.
    tree.image("train_set/images/8.jpg");
    label(&tree, "train_set", 8, "exp", "<U1", "(1,)", &utf32("2"));
    label(&tree, "train_set", 8, "val", "|S4", "()", b"-0.7");
    label(&tree, "train_set", 8, "aro", "<f4", "()", &0.5_f32.to_le_bytes());
    tree.image("train_set/images/9.jpg");
    label(&tree, "train_set", 10, "exp", "<i8", "()", &1_i64.to_le_bytes());
    tree.image("train_set/images/11.jpg")
        .write("train_set/annotations/11_exp.npy", "pickle");
    tree.image("train_set/images/12.jpg");
    label(
        &tree,
        "train_set",
        12,
        "exp",
        "<i8",
        "(1000000000000,)",
        &1_i64.to_le_bytes(),
    );

    let examined = tree.examine("affectnet8").unwrap();
    assert_eq!(examined.conversion.layout, "release_2021");
    assert_eq!(
        texts(&examined.table, "sample_id"),
        [
            "train_set/0",
            "train_set/100007",
            "train_set/7",
            "train_set/8",
            "val_set/0"
        ]
    );
    assert_eq!(texts(&examined.table, "split")[4], "test");
    assert_eq!(numbers(&examined.table, "valence")[3], Some(f64::from(-0.7_f32)));
    assert_eq!(numbers(&examined.table, "arousal")[0], Some(0.25));
    assert_eq!(numbers(&examined.table, "bbox_x")[0], None);
    assert_eq!(
        places(&examined.rejects),
        [
            "train_set/annotations/10_exp.npy missing_image",
            "train_set/images/11.jpg bad_value",
            "train_set/images/12.jpg bad_value",
            "train_set/images/9.jpg missing_label"
        ]
    );
    assert!(
        examined
            .conversion
            .warnings
            .iter()
            .any(|w| w.contains("test: expected 3999 samples"))
    );

    let examined = tree.examine("affectnet_va").unwrap();
    assert_eq!(examined.conversion.samples, 5);
    assert_eq!(examined.conversion.masked, 0);
    assert!(
        examined
            .conversion
            .warnings
            .iter()
            .any(|w| w.contains("train: expected 287651 samples"))
    );
}

#[test]
fn class_folders() {
    let names = [
        "neutral", "happy", "sad", "surprise", "fear", "disgust", "anger", "contempt",
    ];
    for by_name in [false, true] {
        let tree = Tree::new();
        for (class, name) in names.iter().enumerate() {
            let folder = if by_name { (*name).to_owned() } else { class.to_string() };
            tree.image(&format!("train/{folder}/image{class}.jpg"));
            tree.image(&format!("val/{folder}/image{class}.jpg"));
        }
        let examined = tree.examine("affectnet8").unwrap();
        assert_eq!(examined.conversion.layout, "image_folder");
        assert_eq!(examined.conversion.by_split["test"], 8);
        assert_eq!(examined.conversion.by_class["contempt"], 2);
        let examined = tree.examine("affectnet7").unwrap();
        assert_eq!(examined.conversion.samples, 14);
        assert_eq!(examined.conversion.masked, 2);
    }
}

#[test]
fn two_label_columns_are_refused() {
    let tree = Tree::new();
    tree.write("labels.csv", ",pth,label,relFCs,Label\n0,anger/0.jpg,anger,0.9,fear\n");
    tree.image("anger/0.jpg");
    let error = tree.examine("affectnet8").unwrap_err().to_string();
    assert!(
        error.contains("columns 3 (`label`) and 5 (`Label`) hold the same"),
        "{error}"
    );
}

#[test]
fn kaggle_labels_csv() {
    let tree = Tree::new();
    tree.write(
        "labels.csv",
        ",pth,label,relFCs\n0,anger/image0000006.jpg,surprise,0.87\n1,anger/image0000060.jpg,anger,0.85\n2,happy/image1.png,bored,0.8\n",
    );
    tree.image("anger/image0000006.jpg")
        .image("anger/image0000060.jpg")
        .image("happy/image1.png");
    let examined = tree.examine("affectnet8").unwrap();
    assert_eq!(examined.conversion.layout, "csv");
    assert_eq!(texts(&examined.table, "expression_name"), ["surprise", "anger"]);
    assert_eq!(places(&examined.rejects), ["labels.csv:4 bad_label"]);
    assert!(examined.conversion.warnings.iter().any(|w| w.contains("say no split")));
}

#[test]
fn text_lists_of_seven_and_eight_classes() {
    let tree = Tree::new();
    tree.write("train_annotations_7class.txt", "1.jpg 0\n20.jpg 6\r\n21.jpg\n");
    tree.write("train_annotations_8class.txt", "1.jpg 0\n20.jpg 6\n30.jpg 7\n");
    tree.write("val_annotations_7class.txt", "1.jpg 3\n");
    tree.write("val_annotations_8class.txt", "1.jpg 3\n");
    for image in [
        "train_set/images/1.jpg",
        "train_set/images/20.jpg",
        "train_set/images/30.jpg",
        "val_set/images/1.jpg",
    ] {
        tree.image(image);
    }
    let examined = tree.examine("affectnet7").unwrap();
    assert_eq!(examined.conversion.layout, "list");
    assert_eq!(
        texts(&examined.table, "sample_id"),
        ["train/1.jpg", "train/20.jpg", "test/1.jpg"]
    );
    assert_eq!(texts(&examined.table, "image_path")[2], "val_set/images/1.jpg");
    assert_eq!(
        places(&examined.rejects),
        ["train_annotations_7class.txt:3 malformed_line"]
    );
    assert_eq!(tree.examine("affectnet8").unwrap().conversion.by_class["contempt"], 1);
}

#[test]
fn csv_of_numbers_and_annotation_folders() {
    let tree = Tree::new();
    tree.write(
        "train.csv",
        "number,exp,val,aro\n5,1,0.5,0.5\n6,9,0,0\n7,2,-2,-2\n8,2,nan,0.1\n9,3,0.1,x\n",
    );
    tree.write("val.csv", "number,exp,val,aro\n5,0,0.0,0.0\n");
    for number in 5..10 {
        tree.image(&format!("train_set/images/{number}.jpg"));
    }
    tree.image("val_set/images/5.jpg");
    let examined = tree.examine("affectnet_va").unwrap();
    assert_eq!(examined.conversion.layout, "csv");
    assert_eq!(
        texts(&examined.table, "image_path"),
        ["train_set/images/5.jpg", "val_set/images/5.jpg"]
    );
    assert_eq!(examined.conversion.masked, 3);
    assert_eq!(places(&examined.rejects), ["train.csv:6 bad_value"]);

    let tree = Tree::new();
    for (split, label) in [("train", "Happy"), ("valid", "Sad"), ("test", "Contempt")] {
        tree.write(
            &format!("annotations/EXPR/{split}.csv"),
            format!("image,expression\n{split}/1.jpg,{label}\n"),
        );
        tree.write(&format!("annotations/VA/{split}.csv"), format!("{split}/1.jpg,0,0\n"));
        tree.image(&format!("images/{split}/1.jpg"));
    }
    let examined = tree.examine("affectnet8").unwrap();
    assert_eq!(examined.conversion.layout, "annotations");
    assert_eq!(texts(&examined.table, "split"), ["train", "val", "test"]);
    assert_eq!(
        texts(&examined.table, "expression_name"),
        ["happiness", "sadness", "contempt"]
    );
    let examined = tree.examine("affectnet_va").unwrap();
    assert_eq!(examined.conversion.samples, 3);
    assert!(
        examined
            .conversion
            .warnings
            .iter()
            .any(|w| w.contains("write 0 where the database says -2"))
    );
}

#[test]
fn automatic_labels_say_so() {
    let tree = Tree::new();
    tree.write(
        "Automatically_annotated_file_list/automatically_annotated.csv",
        format!("{HEADER}{}", row("1/a.jpg", "0,0,3,4", "1,0.5,0.5")),
    );
    tree.image("Automatically_Annotated_Images/1/a.jpg");
    let examined = tree.examine("affectnet8").unwrap();
    assert_eq!(examined.conversion.layout, "automatic");
    assert_eq!(examined.conversion.samples, 1);
    // They are no part of what the card counts.
    assert_eq!(
        examined.conversion.warnings.len(),
        1,
        "{:?}",
        examined.conversion.warnings
    );
    assert!(examined.conversion.warnings[0].contains("by a network"));
    assert_eq!(examined.conversion.expected, None);
}

#[test]
fn the_release_is_asked_for() {
    let tree = release_2021();
    let wanted = |release: &str| ConvertOptions {
        release: Some(release.to_owned()),
        ..lenient()
    };
    for fits in ["march_2021", "release_2021"] {
        assert!(tree.examine_with("affectnet8", &wanted(fits)).is_ok());
    }
    let error = tree.convert_with("affectnet8", &wanted("first")).unwrap_err();
    assert_eq!(error.exit_code(), 3);
    let error = error.to_string();
    assert!(
        error.contains("holds the release `march_2021`") && error.contains("\"first\""),
        "{error}"
    );
    assert!(!tree.out().exists());
}

#[test]
fn valence_without_expressions_is_not_counted_by_class() {
    let tree = Tree::new();
    tree.write("annotations/VA/train.csv", "image,valence,arousal\n1.png,0.5,0.1\n")
        .write("annotations/VA/test.csv", "2.png,-0.5,0.1\n");
    tree.image("images/1.png").image("images/2.png");
    let conversion = tree.examine("affectnet_va").unwrap().conversion;
    assert_eq!(conversion.samples, 2);
    assert!(
        conversion
            .warnings
            .contains(&"train: expected 320739 samples, found 1".to_owned())
    );
    assert!(
        !conversion
            .warnings
            .iter()
            .any(|warning| warning.contains("class counts"))
    );
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]
    #[test]
    fn arbitrary_label_files_never_panic(bytes: Vec<u8>, text in "[a-z0-9_.;, \t\r\n\"-]{0,120}") {
        for content in [bytes.as_slice(), text.as_bytes()] {
            let tree = Tree::new();
            tree.write("training.csv", content).image("a.jpg");
            let _ = tree.examine("affectnet_va");
            let tree = Tree::new();
            tree.write("train_annotations_7class.txt", content);
            let _ = tree.examine("affectnet7");
            let tree = release_2021();
            tree.write("train_set/annotations/0_exp.npy", content);
            let _ = tree.examine("affectnet7");
        }
    }
}
