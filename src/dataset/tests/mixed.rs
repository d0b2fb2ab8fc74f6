//! Several of a database's traps in one tree.

use crate::dataset::testing::{Tree, numbers, places, texts};

#[test]
fn affectnet_with_mark_quotes_and_unknown_affect_and_no_header_where_one_is_usual() {
    let tree = Tree::new();
    let face = "0,0,8,8,1.5;2.5";
    let training = [
        format!("1/a.jpg,{face},0,0.1,0.2"),
        "1/c.TIF, 0, 0, 8, 8, 1.5;2.5, 2, -0.5, -0.2".to_owned(),
        format!("\"2/quoted.jpg\",{face},6,-0.5,0.5"),
        format!("2/unknown.jpg,{face},6,-2,-2"),
        format!("2/none.jpg,{face},8,0,0"),
        "2/null.jpg,NULL,NULL,8,8,1.5;2.5,3,0.1,0.9".to_owned(),
        String::new(),
        format!("2/quoted.jpg,{face},6,-0.5,0.5"),
    ]
    .join("\r\n");
    tree.write("AffectNet/training.csv", format!("\u{feff}{training}\r\n"));
    // No line ends here.
    tree.write(
        "AffectNet/validation.csv",
        format!(
            "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal\n\
             3/v.jpg,{face},1,0.5,0.5"
        ),
    );
    for name in [
        "1/a.jpg",
        "1/c.tif",
        "2/quoted.jpg",
        "2/unknown.jpg",
        "2/none.jpg",
        "2/null.jpg",
        "3/v.jpg",
    ] {
        tree.image(&format!(
            "AffectNet/Manually_Annotated_compressed/Manually_Annotated_Images/{name}"
        ));
    }

    let affect = tree.examine("affectnet_va").unwrap();
    assert_eq!(
        texts(&affect.table, "sample_id"),
        [
            "1/a.jpg",
            "1/c.TIF",
            "2/none.jpg",
            "2/null.jpg",
            "2/quoted.jpg",
            "3/v.jpg"
        ]
    );
    assert_eq!(affect.conversion.masked, 1, "the pair of -2");
    assert_eq!(places(&affect.rejects), ["AffectNet/training.csv:8 duplicate_id"]);
    assert_eq!(numbers(&affect.table, "bbox_w")[3], None);
    assert!(
        affect
            .conversion
            .warnings
            .iter()
            .any(|warning| warning.contains("line 6"))
    );

    let seven = tree.examine("affectnet7").unwrap();
    assert_eq!(
        texts(&seven.table, "sample_id"),
        [
            "1/a.jpg",
            "1/c.TIF",
            "2/null.jpg",
            "2/quoted.jpg",
            "2/unknown.jpg",
            "3/v.jpg"
        ]
    );
    assert_eq!(numbers(&seven.table, "valence")[4], None);
}

/// A face box has to meet its image, upright or turned; it may reach beyond.
#[test]
fn face_boxes_beside_their_images() {
    let boxes = [
        "0,0,1,1",
        "-3,-3,4,4",
        "1,0,5,5",
        "0,-9,5,5",
        "0,0,900,900",
        "NaN,0,5,5",
    ];
    let rows: String = boxes
        .iter()
        .enumerate()
        .map(|(i, face)| format!("{i}.png,{face},1;2,1,0.5,0.5\r\n"))
        .collect();
    let tree = Tree::new();
    tree.write("training.csv", rows);
    for i in 0..boxes.len() {
        tree.image(&format!("Manually_Annotated_Images/{i}.png"));
    }
    // One pixel wide and four high: by its header as wide as that if the image is turned.
    let turned = tree.root().join("Manually_Annotated_Images/2.png");
    std::fs::remove_file(&turned).unwrap();
    image::RgbImage::new(1, 4).save(&turned).unwrap();
    let examined = tree.examine("affectnet8").unwrap();
    assert_eq!(
        texts(&examined.table, "sample_id"),
        ["0.png", "1.png", "2.png", "4.png", "5.png"]
    );
    assert_eq!(places(&examined.rejects), ["training.csv:4 bad_value"]);
    let shown = examined.rejects[0].to_string();
    assert!(
        shown.contains("`0, -9, 5 x 5` for the face box: expected a box that meets the image of 1 x 1 pixels"),
        "{shown}"
    );
}

#[test]
fn one_image_is_not_in_two_splits() {
    let tree = Tree::new();
    tree.write("train.csv", "image,label\na.png,1\nsub/../a.png,1\nb.png,2\n")
        .write("test.csv", "image,label\n./a.png,1\nc.png,3\n");
    tree.image("images/a.png").image("images/b.png").image("images/c.png");
    let examined = tree.examine("affectnet8").unwrap();
    assert_eq!(
        texts(&examined.table, "image_path"),
        ["images/b.png", "images/a.png", "images/c.png"]
    );
    assert_eq!(
        places(&examined.rejects),
        ["train.csv:2 duplicate_image", "train.csv:3 leaves_root"]
    );
    assert!(examined.rejects[0].to_string().ends_with("listed at test.csv:2"));
}

#[test]
fn disfa_counted_from_zero_in_labels_or_in_frames_with_both_cameras() {
    let aus = [1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26];
    let tree = Tree::new();
    for au in aus {
        let lines = |first: u32| -> String { (0..5).map(|i| format!("{}\t{}\r\n", first + i, (i + au) % 6)).collect() };
        tree.write(&format!("ActionUnits_Labels/SN001/SN001_au{au}.txt"), lines(1));
        tree.write(&format!("ActionUnits_Labels/SN003/SN003_au{au}.txt"), lines(0));
    }
    for i in 0..5 {
        tree.image(&format!("Video_LeftCamera/SN001/{i}.png"));
        tree.image(&format!("Video_RightCamera/SN001/{i}.png"));
        tree.image(&format!("Video_LeftCamera/SN003/SN003_{:05}.jpg", i + 1));
    }
    let examined = tree.examine("disfa").unwrap();
    assert_eq!((examined.conversion.samples, examined.conversion.rejected), (10, 0));
    let paths = texts(&examined.table, "image_path");
    // Training subjects come first.
    assert_eq!(paths[5], "Video_LeftCamera/SN001/0.png");
    assert_eq!(paths[4], "Video_LeftCamera/SN003/SN003_00005.jpg");
    assert_eq!(texts(&examined.table, "sample_id")[4], "SN003_00005");
    // The fifth line of both: the labels stay with their frames.
    for row in [4, 9] {
        assert_eq!(numbers(&examined.table, "au01")[row], Some(5.0));
        assert_eq!(numbers(&examined.table, "au12")[row], Some(4.0));
    }
    assert!(
        examined
            .conversion
            .warnings
            .iter()
            .any(|w| w.contains("SN003: labels count frames from 0"))
    );
}
