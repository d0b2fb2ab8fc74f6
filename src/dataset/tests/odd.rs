//! Files that are not what they should be, in every database: empty lists, files of the system, other separators, images under any
//! name, names in other forms.

use crate::dataset::testing::{Tree, places, texts};
use crate::dataset::unknown::UnknownLabels;
use crate::task::Task;

use super::super::testing::lenient;

/// A list in the four ways in which there is nothing in it.
fn empties(header: &str) -> [String; 5] {
    [
        String::new(),
        format!("{header}\n"),
        "\n\r\n \n".into(),
        "\u{feff}".into(),
        format!("\u{feff}{header}\r\n\r\n"),
    ]
}

#[test]
fn a_list_without_rows_is_a_list_without_rows() {
    let label = |tree: &Tree, path: &str, text: &str| {
        tree.write(path, text);
    };
    for empty in empties("image,label") {
        let tree = Tree::new();
        label(&tree, "train.csv", "image,label\na.png,1\nb.png,2\n");
        label(&tree, "test.csv", &empty);
        tree.image("images/a.png").image("images/b.png");
        let examined = tree.examine("rafdb").unwrap();
        assert_eq!(
            (examined.conversion.samples, examined.conversion.rejected),
            (2, 0),
            "{empty:?}"
        );
        assert!(
            examined
                .conversion
                .warnings
                .iter()
                .any(|w| w.contains("test.csv: there are no rows")),
            "{:?}",
            examined.conversion.warnings
        );
        label(&tree, "train.csv", &empty);
        let error = tree.convert("rafdb").unwrap_err();
        assert_eq!(error.exit_code(), 3);
        assert!(
            error.to_string().contains("no usable sample is left of 0 rows"),
            "{error}"
        );
        for file in ["test.csv", "train.csv"] {
            let said = format!("warning: {file}: there are no rows in it");
            assert!(error.to_string().contains(&said), "{error}");
        }
    }
    for empty in empties(
        "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal",
    ) {
        for card in ["affectnet8", "affectnet_va"] {
            let tree = Tree::new();
            label(&tree, "Manually_Annotated_file_lists/training.csv", &empty);
            label(
                &tree,
                "Manually_Annotated_file_lists/validation.csv",
                "1/a.png,0,0,1,1,1.0;2.0,1,0.5,0.5\n",
            );
            tree.image("Manually_Annotated_Images/1/a.png");
            let examined = tree.examine(card).unwrap();
            assert_eq!(
                (examined.conversion.samples, examined.conversion.rejected),
                (1, 0),
                "{card} {empty:?}"
            );
        }
    }
    // Databases without headers and of other forms: nothing fails but the count of what is usable.
    for (card, path, others) in [
        (
            "rafdb",
            "EmoLabel/list_patition_label.txt",
            vec!["Image/aligned/train_00001_aligned.png"],
        ),
        ("emotionet", "dataFile_0001.txt", vec!["images/N_0000000001_00045.png"]),
        (
            "emotionet",
            "EmotioNet_FACS_aws_2020_24600.csv",
            vec!["images/N_0000000001_00045.png"],
        ),
        (
            "disfa",
            "ActionUnit_Labels/SN001/SN001_au1.txt",
            vec!["Frames/SN001/0001.png"],
        ),
        ("affectnet7", "train_annotations_7class.txt", vec!["images/1.png"]),
    ] {
        for empty in empties("").into_iter().filter(|text| !text.contains(',')) {
            let tree = Tree::new();
            tree.write(path, &empty);
            for image in &others {
                tree.image(image);
            }
            match tree.convert(card) {
                Ok(conversion) => panic!("{card} {empty:?}: {conversion:?}"),
                Err(error) => {
                    let text = error.to_string();
                    assert_eq!(error.exit_code(), 3, "{card}: {text}");
                    assert!(
                        !text.contains("vstack") && !text.contains("failed to check"),
                        "{card}: {text}"
                    );
                }
            }
        }
    }
}

/// Whoever saves as "Unicode text" is told so, and not that two thirds of the lines are no text.
#[test]
fn lists_in_utf_16_are_named() {
    for (card, path, image, text) in [
        ("rafdb", "train.csv", "images/a.png", "image,label\na.png,1\n"),
        (
            "rafdb",
            "EmoLabel/list_patition_label.txt",
            "Image/aligned/train_00001_aligned.png",
            "train_00001.jpg 1\n",
        ),
        (
            "emotionet",
            "dataFile_0001.txt",
            "images/N_0000000001_00045.png",
            "http://x/N_0000000001_00045.jpg\t0\n",
        ),
        (
            "emotionet",
            "EmotioNet_FACS_aws_2020_24600.csv",
            "images/N_0000000001_00045.png",
            "URL,AU 1\nhttp://x/N_0000000001_00045.jpg,1\n",
        ),
        (
            "disfa",
            "ActionUnit_Labels/SN001/SN001_au1.txt",
            "Frames/SN001/0001.png",
            "1,2\n",
        ),
        (
            "affectnet7",
            "train_annotations_7class.txt",
            "images/1.png",
            "1.png 1\n",
        ),
        (
            "affectnet8",
            "Manually_Annotated_file_lists/training.csv",
            "Manually_Annotated_Images/1/a.png",
            "1/a.png,0,0,1,1,1.0;2.0,1,0.5,0.5\n",
        ),
    ] {
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let tree = Tree::new();
        tree.write(path, [b"\xFF\xFE".to_vec(), little].concat()).image(image);
        let error = tree.convert(card).unwrap_err().to_string();
        assert!(
            error.contains(path) && error.contains("the file is UTF-16; save it as UTF-8"),
            "{card}: {error}"
        );
    }
}

/// What systems leave in every folder changes nothing.
#[test]
fn files_of_the_system_are_never_data() {
    let build = |littered: bool| {
        let mut trees = Vec::new();
        let tree = Tree::new();
        for (set, split) in [("train", "train"), ("test", "test")] {
            for class in 1..=2 {
                tree.image(&format!("{set}/{class}/{split}_0000{class}.png"));
            }
        }
        trees.push(("rafdb", tree));
        let tree = Tree::new();
        for set in ["train_set", "val_set"] {
            for kind in ["exp", "val", "aro"] {
                let value = crate::intake::npy::encode("<i8", "()", false, &1_i64.to_le_bytes());
                tree.write(&format!("{set}/annotations/1_{kind}.npy"), value);
            }
            tree.image(&format!("{set}/images/1.png"));
        }
        trees.push(("affectnet8", tree));
        let tree = Tree::new();
        tree.write("train.csv", "image,label\na.png,1\n").image("images/a.png");
        tree.write("test.csv", "image,label\nb.png,2\n").image("images/b.png");
        trees.push(("rafdb", tree));
        let tree = Tree::new();
        tree.write("ActionUnit_Labels/SN001/SN001_au1.txt", "1,2\n")
            .image("Frames/SN001/0001.png");
        trees.push(("disfa", tree));
        let tree = Tree::new();
        tree.write("train.txt", "N_0000000001_00045.jpg 1 0 1 0 1 0 1 0 1 0 1\n");
        tree.image("images/N_0000000001_00045.jpg");
        trees.push(("emotionet", tree));
        if littered {
            for (_, tree) in &trees {
                let mut open = vec![String::new()];
                while let Some(folder) = open.pop() {
                    let mut names = Vec::new();
                    for entry in std::fs::read_dir(tree.root().join(&folder)).unwrap() {
                        let entry = entry.unwrap();
                        let name = entry.file_name().into_string().unwrap();
                        if entry.file_type().unwrap().is_dir() {
                            open.push(format!("{folder}{name}/"));
                        }
                        names.push(name);
                    }
                    for name in names {
                        tree.write(&format!("{folder}._{name}"), b"\0\x05\x16\x07");
                        tree.write(&format!("{folder}~${name}"), "lock");
                        tree.write(&format!("{folder}__MACOSX/{name}"), "x");
                    }
                    for name in [".DS_Store", "Thumbs.db", "desktop.ini"] {
                        tree.write(&format!("{folder}{name}"), "x");
                    }
                }
            }
        }
        trees
    };
    for ((card, clean), (_, littered)) in build(false).iter().zip(build(true).iter()) {
        let (clean, mut littered) = (clean.examine(card).unwrap(), littered.examine(card).unwrap());
        if clean.conversion.layout == "release_2021" {
            // Labels there count with their time of change.
            littered
                .conversion
                .source_digest
                .clone_from(&clean.conversion.source_digest);
        }
        assert_eq!(littered.rejects, clean.rejects, "{card}");
        assert_eq!(littered.conversion, clean.conversion, "{card}");
        assert_eq!(texts(&littered.table, "image_path"), texts(&clean.table, "image_path"));
        assert!(clean.conversion.samples > 0, "{card}");
    }
}

#[test]
fn every_line_of_a_list_is_a_row_or_a_reject() {
    for separator in [',', ';', '\t'] {
        let tree = Tree::new();
        let lines = |lines: &[&str]| lines.join("\n").replace('|', &separator.to_string());
        tree.write(
            "train.csv",
            lines(&[
                "image|label|valence|arousal",
                "a.png|0|-0.9|0.1",
                "b.png|1",
                "c.png|1|0.5|0.5|x",
                "\"d,;.png\"|1|0.1|0.2|",
                "",
            ]),
        );
        tree.write("valid.csv", lines(&["image|label|valence|arousal", "e.png|0|0.9|0.1"]));
        for image in ["a.png", "b.png", "c.png", "d,;.png", "e.png"] {
            tree.image(&format!("images/{image}"));
        }
        let examined = tree.examine("affectnet_va").unwrap();
        assert_eq!(
            texts(&examined.table, "image_path"),
            ["images/a.png", "images/d,;.png", "images/e.png"]
        );
        assert_eq!(
            places(&examined.rejects),
            ["train.csv:3 malformed_line", "train.csv:4 malformed_line"]
        );
        let reason = examined.rejects[1].reason.to_string();
        assert_eq!(reason, "malformed line: expected 4 fields, found 5");
        // Without a header, what stands where follows from the number of fields.
        let tree = Tree::new();
        tree.write("train.csv", lines(&["a.png|0|-0.9|0.1"]));
        tree.write("valid.csv", lines(&["e.png|0|0.9|0.1"]));
        tree.image("images/a.png").image("images/e.png");
        let examined = tree.examine("affectnet_va").unwrap();
        assert_eq!(
            (examined.conversion.samples, examined.conversion.rejected),
            (2, 0),
            "{separator}"
        );
    }
}

/// JPEG under any name is read; what is no image is a reject.
#[test]
fn content_decides_what_is_an_image() {
    let tree = Tree::new();
    let jpeg = {
        let path = tree.outside("a.jpg");
        image::RgbImage::new(2, 2).save(&path).unwrap();
        std::fs::read(path).unwrap()
    };
    for (i, name) in ["a.jfif", "b", "c.JPE", "d.png", "e.txt", "sub/f.dat", "g.gif"]
        .into_iter()
        .enumerate()
    {
        tree.write(&format!("train/1/{name}"), &jpeg);
        tree.write(&format!("test/2/x{i}.jpg"), &jpeg);
    }
    tree.write("train/1/notes.txt", "no image")
        .write("train/loose.jpg", &jpeg)
        .write("train/2/h.gif", "GIF87a");
    let examined = tree.examine("rafdb").unwrap();
    assert_eq!(examined.conversion.samples, 14);
    assert_eq!(
        places(&examined.rejects),
        [
            "train/1/notes.txt unreadable_header",
            "train/2/h.gif unreadable_header",
            "train/loose.jpg missing_label"
        ]
    );
    let csv = {
        tree.convert("rafdb").unwrap();
        tree.read("rejects.csv")
    };
    assert!(
        csv.lines().nth(1).unwrap().ends_with(",notes,train/1/notes.txt"),
        "{csv}"
    );
    // Lists name them with another extension, or with none.
    let tree = Tree::new();
    tree.write("train.csv", "image,label\na.jpg,1\nb.jfif,1\n")
        .write("test.csv", "image,label\nc,2\n");
    tree.write("images/a.jfif", &jpeg)
        .write("images/b.jfif", &jpeg)
        .write("images/c.jpg", &jpeg);
    let examined = tree.examine("rafdb").unwrap();
    assert_eq!(places(&examined.rejects), Vec::<String>::new());
}

#[test]
fn accents_in_another_form_are_the_same_name() {
    let (joined, apart) = ("Andr\u{e9}", "Andre\u{301}");
    for (listed, there) in [(joined, apart), (apart, joined)] {
        let tree = Tree::new();
        tree.write("train.csv", format!("image,label\n{listed}/{listed}.png,1\n"));
        tree.write("test.csv", "image,label\nb.png,2\n");
        tree.image(&format!("images/{there}/{there}.png")).image("images/b.png");
        let examined = tree.examine("rafdb").unwrap();
        assert_eq!(examined.rejects, []);
        let paths = texts(&examined.table, "image_path");
        assert!(paths.contains(&format!("images/{there}/{there}.png")), "{paths:?}");
    }
}

#[cfg(unix)]
#[test]
fn names_that_are_no_text_are_rejects_with_a_name_that_can_be_shown() {
    use std::os::unix::ffi::OsStrExt;
    let tree = Tree::new();
    tree.image("train/1/train_00001.png").image("test/2/test_0001.png");
    let name = std::ffi::OsStr::from_bytes(b"bad\xff.png");
    std::fs::copy(
        tree.root().join("train/1/train_00001.png"),
        tree.root().join("train/1").join(name),
    )
    .unwrap();
    let examined = tree.examine("rafdb").unwrap();
    assert_eq!(examined.conversion.samples, 2);
    let text = examined.rejects[0].to_string();
    assert!(text.contains("bad\u{fffd}.png` is not UTF-8: rename it"), "{text}");
}

#[test]
fn listed_numbers_are_unknown_expressions_and_affect() {
    let unknown = |task, values: &[f32]| crate::dataset::options::ConvertOptions {
        unknown: Some(UnknownLabels {
            task,
            values: values.to_vec(),
        }),
        ..lenient()
    };
    let tree = Tree::new();
    tree.write("train.csv", "image,label\na.png,1\nb.png,-1\n")
        .write("test.csv", "image,label\nc.png,2\n");
    tree.image("images/a.png").image("images/b.png").image("images/c.png");
    assert_eq!(tree.examine("rafdb").unwrap().conversion.rejected, 1);
    let examined = tree.examine_with("rafdb", &unknown(Task::Expression, &[-1.0])).unwrap();
    let found = &examined.conversion;
    assert_eq!((found.samples, found.rejected, found.masked), (2, 0, 1));

    let tree = Tree::new();
    let header = "image,label,valence,arousal";
    tree.write("train.csv", format!("{header}\na.png,1,0.5,0.5\nb.png,1,-5,-5\n"));
    tree.write("test.csv", format!("{header}\nc.png,2,-1,0\n"));
    tree.image("images/a.png").image("images/b.png").image("images/c.png");
    assert_eq!(tree.examine("affectnet_va").unwrap().conversion.rejected, 1);
    let examined = tree
        .examine_with("affectnet_va", &unknown(Task::ValenceArousal, &[-5.0]))
        .unwrap();
    let found = &examined.conversion;
    assert_eq!((found.samples, found.rejected, found.masked), (2, 0, 1));
}

/// A list that something else separates is no list without rows: every line of it is a reject that says so.
#[test]
fn an_unknown_separator_is_said() {
    for (card, between) in [("affectnet_va", "|"), ("affectnet_va", " "), ("affectnet8", "|")] {
        let row = |name: &str| [name, "1", "0.1", "0.2"].join(between);
        let tree = Tree::new();
        tree.write(
            "train.csv",
            format!(
                "{}\n{}\n",
                ["image", "label", "valence", "arousal"].join(between),
                row("a.png")
            ),
        );
        tree.write("test.csv", "image,label,valence,arousal\nb.png,1,0.1,0.2\n");
        tree.image("images/a.png").image("images/b.png");
        let examined = tree.examine(card).unwrap();
        assert_eq!((examined.conversion.samples, examined.conversion.masked), (1, 0));
        assert_eq!(
            places(&examined.rejects),
            ["train.csv:1 malformed_line", "train.csv:2 malformed_line"]
        );
        let shown = examined.rejects[1].to_string();
        assert!(shown.contains("separated by `,` or `;` or a tab, found 1"), "{shown}");
    }
}

/// Blank lines above a list without header, and lines that end with CR alone.
#[test]
fn the_first_line_is_the_first_with_text() {
    for text in [
        "\nimage0.png,0,0.3\nimage1.png,1,-0.5\n",
        "\rimage0.png,0,0.3\rimage1.png,1,-0.5\r",
    ] {
        let tree = Tree::new();
        tree.write("train.csv", text);
        tree.image("images/image0.png").image("images/image1.png");
        let examined = tree.examine("affectnet_va").unwrap();
        assert_eq!(examined.rejects, [], "{text:?}");
        assert_eq!(
            crate::dataset::testing::numbers(&examined.table, "valence"),
            [Some(0.0), Some(1.0)]
        );
        assert_eq!(
            crate::dataset::testing::numbers(&examined.table, "arousal")[1],
            Some(-0.5)
        );
    }
}

/// Quotes, a header, numbers with a fraction of nothing: none of these loses a row of a list of lines.
#[test]
fn lines_of_lists_as_programs_write_them() {
    let tree = Tree::new();
    tree.write(
        "EmoLabel/list_patition_label.txt",
        "name label\n\"train_00001.png\" \"5\"\ntrain_00002.png,4.0\ntrain_00003.png;Happy\ntest_0001.png NaN\ntest_0002.png 1\n",
    );
    for name in ["train_00001", "train_00002", "train_00003", "test_0001", "test_0002"] {
        tree.image(&format!("Image/aligned/{name}_aligned.png"));
    }
    let examined = tree.examine("rafdb").unwrap();
    assert_eq!((examined.conversion.samples, examined.conversion.masked), (4, 1));
    assert_eq!(examined.rejects, []);
    assert_eq!(
        texts(&examined.table, "expression_name"),
        ["sadness", "happiness", "happiness", "surprise"]
    );

    let tree = Tree::new();
    tree.write(
        "train_annotations_8class.txt",
        "image label\n\"1.png\" \"3\"\n2.png,NULL\n",
    )
    .write("val_annotations_8class.txt", "1.png 3.0\n");
    for path in ["train/1.png", "train/2.png", "val/1.png"] {
        tree.image(path);
    }
    let examined = tree.examine("affectnet8").unwrap();
    assert_eq!((examined.conversion.samples, examined.conversion.masked), (2, 1));
    assert_eq!(examined.rejects, []);
}

/// What says that nothing is known is masked where the label is needed, and null where it is not; a class may be called so.
#[test]
fn words_for_unknown_are_no_bad_labels() {
    let list = "image,label,valence,arousal\na.png,NaN,0.1,0.1\nb.png,NULL,0.2,0.2\nc.png,,0.3,0.3\nd.png,None,0.4,0.4\n\
                e.png,3,0.5,0.5\nf.png,bored,0.6,0.6\n";
    let tree = Tree::new();
    tree.write("train.csv", list);
    for name in ["a", "b", "c", "d", "e", "f"] {
        tree.image(&format!("images/{name}.png"));
    }
    let examined = tree.examine("affectnet8").unwrap();
    assert_eq!((examined.conversion.samples, examined.conversion.masked), (1, 4));
    assert_eq!(places(&examined.rejects), ["train.csv:7 bad_label"]);
    let examined = tree.examine("affectnet_va").unwrap();
    assert_eq!(
        texts(&examined.table, "expression_name"),
        ["", "", "", "none", "surprise"]
    );
    assert_eq!(places(&examined.rejects), ["train.csv:7 bad_label"]);
}

/// Two pictures of one class folder whose names differ in their extensions are two samples.
#[test]
fn extensions_tell_pictures_apart() {
    let tree = Tree::new();
    for path in [
        "train/1/a.png",
        "train/1/a.jpg",
        "train/1/b.png",
        "test/1/b.png",
        "testing/1/b.png",
    ] {
        tree.image(path);
    }
    let examined = tree.examine("rafdb").unwrap();
    // The same name is the same sample.
    assert_eq!(places(&examined.rejects), ["testing/1/b.png duplicate_id"]);
    assert_eq!(
        texts(&examined.table, "sample_id"),
        ["train_1_a.jpg", "train_1_a.png", "train_1_b", "test_1_b"]
    );
}

/// A folder whose name is no text costs what is in it, and is named.
#[cfg(target_os = "linux")]
#[test]
fn folders_whose_names_are_no_text() {
    use std::os::unix::ffi::OsStrExt;
    let bad = std::ffi::OsStr::from_bytes(b"\xe9\xff");
    let tree = Tree::new();
    tree.image("train/1/a.png").image("test/2/b.png");
    std::fs::create_dir(tree.root().join("train").join(bad)).unwrap();
    let conversion = tree.convert("rafdb").unwrap();
    assert_eq!((conversion.samples, conversion.rejected), (2, 1));
    assert!(tree.read("rejects.csv").contains("is not UTF-8: rename it"));

    let tree = Tree::new();
    tree.write("ActionUnit_Labels/SN001/SN001_au1.txt", "1,2\n");
    tree.image("frames/SN001/00001.png");
    std::fs::create_dir(tree.root().join("frames/SN001").join(bad)).unwrap();
    let conversion = tree.convert("disfa").unwrap();
    assert_eq!(conversion.samples, 1);
    let told = |warning: &String| warning.contains("frames/SN001/\u{fffd}\u{fffd}: its name is not UTF-8");
    assert!(conversion.warnings.iter().any(told), "{:?}", conversion.warnings);
}

/// Where nothing is left, the message says what was read and what lies there.
#[test]
fn nothing_left_is_explained() {
    let tree = Tree::new();
    tree.write("ActionUnit_Labels/SN001/AU_1.csv", "1,2\n");
    tree.image("frames/SN001/00001.png");
    let error = tree.convert("disfa").unwrap_err().to_string();
    for part in [
        "read as layout `original`: found ActionUnit_Labels",
        "no file in ActionUnit_Labels/SN001 is called like SN001_au1.txt; found AU_1.csv",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    let tree = Tree::new();
    tree.write("train.csv", "image,label\na.png,NaN\n");
    tree.image("images/a.png");
    let error = tree.convert("rafdb").unwrap_err().to_string();
    assert!(error.contains("1 labels are masked"), "{error}");
}
