//! DISFA: label files, frames in three namings, folds, the error log, and DISFA+.

use crate::dataset::config::{Camera, FrameBase, Frames};
use crate::dataset::options::ConvertOptions;
use crate::dataset::testing::{Tree, lenient, numbers, places, texts};
use crate::dataset::unknown::UnknownLabels;
use crate::dataset::{Card, layout};
use crate::task::{Split, Task};

pub(super) const AUS: [u8; 12] = [1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26];

/// Twelve label files with `frames` lines; the intensity of frame f in AU a is (f + a) mod 6.
pub(super) fn labels(tree: &Tree, folder: &str, subject: &str, frames: std::ops::RangeInclusive<u32>, separator: &str) {
    for au in AUS {
        let text: String = frames
            .clone()
            .map(|frame| format!("{frame}{separator}{}\r\n", (frame + u32::from(au)) % 6))
            .collect();
        tree.write(&format!("{folder}/{subject}/{subject}_au{au}.txt"), text);
    }
}

#[test]
fn frames_in_all_namings() {
    type Name = fn(u32) -> String;
    let namings: [(Name, &str); 4] = [
        (|frame| format!("{}.png", frame - 1), "Video_LeftCamera"),
        (|frame| format!("{frame:04}.png"), "Frames/left"),
        (|frame| format!("{frame:05}.png"), "Images"),
        (|frame| format!("frame_{frame}.png"), "aligned"),
    ];
    for (i, (name, folder)) in namings.into_iter().enumerate() {
        let tree = Tree::new();
        let (spelling, separator) = if i % 2 == 0 {
            ("ActionUnit_Labels", ",")
        } else {
            ("ActionUnits_Labels", "  ")
        };
        for subject in ["SN001", "SN006", "SN003"] {
            labels(&tree, spelling, subject, 1..=12, separator);
            // Decoded videos have a few frames more than labels.
            for frame in 1..=14 {
                tree.image(&format!("{folder}/{subject}/{}", name(frame)));
            }
        }
        let examined = tree.examine("disfa").unwrap();
        assert_eq!(examined.conversion.layout, "original");
        assert_eq!(
            (examined.conversion.samples, examined.conversion.rejected),
            (36, 0),
            "{folder}"
        );
        let ids = texts(&examined.table, "sample_id");
        assert_eq!(ids[0], "SN003_00001");
        assert_eq!(
            texts(&examined.table, "image_path")[11],
            format!("{folder}/SN003/{}", name(12))
        );
        assert_eq!(numbers(&examined.table, "frame")[11], Some(12.0));
        let au12 = numbers(&examined.table, "au12");
        assert_eq!((au12[0], au12[4]), (Some(1.0), Some(5.0)));
        assert_eq!(texts(&examined.table, "split")[24], "test");
        assert_eq!(texts(&examined.table, "subject")[24], "SN001");
        assert_eq!(numbers(&examined.table, "fold")[0], Some(3.0));
        assert_eq!(examined.conversion.by_au["au12"].known, 36);
        assert!(
            examined
                .conversion
                .warnings
                .iter()
                .any(|w| w == "frames without labels are left out: SN001 (2), SN003 (2), SN006 (2)")
        );
    }
}

#[test]
fn wrong_lines_cost_one_label_and_missing_frames_one_row() {
    let tree = Tree::new();
    labels(&tree, "ActionUnit_Labels", "SN001", 1..=6, ",");
    tree.write("ActionUnit_Labels/SN001/SN001_AU12_extra.md", "not a label file");
    tree.write("ActionUnit_Labels/SN001/SN001_au12.txt", "1,0\n2,6\n3,x\n4\n1,1\n5,2\n");
    for frame in [1, 2, 3, 5, 6] {
        tree.image(&format!("Frames/SN001/{frame:04}.png"));
    }
    let examined = tree.examine("disfa").unwrap();
    assert_eq!(examined.conversion.samples, 5);
    assert_eq!(
        places(&examined.rejects),
        [
            "ActionUnit_Labels/SN001/SN001_au1.txt:4 missing_image",
            "ActionUnit_Labels/SN001/SN001_au12.txt:2 bad_value",
            "ActionUnit_Labels/SN001/SN001_au12.txt:3 bad_value",
            "ActionUnit_Labels/SN001/SN001_au12.txt:4 malformed_line",
            "ActionUnit_Labels/SN001/SN001_au12.txt:5 duplicate_id"
        ]
    );
    assert_eq!(
        numbers(&examined.table, "au12"),
        [Some(0.0), None, None, Some(2.0), None]
    );
    assert_eq!(
        numbers(&examined.table, "au26")[1],
        Some(4.0),
        "other labels of the frame stand"
    );
    assert!(
        examined
            .conversion
            .warnings
            .iter()
            .any(|w| w.contains("2 to 6 usable lines")),
        "{:?}",
        examined.conversion.warnings
    );
    assert_eq!(examined.conversion.masked, 4);
}

#[test]
fn directory_order_and_missing_files_do_not_move_columns() {
    let tree = Tree::new();
    labels(&tree, "ActionUnit_Labels", "SN001", 1..=3, ",");
    std::fs::remove_file(tree.root().join("ActionUnit_Labels/SN001/SN001_au2.txt")).unwrap();
    for frame in 1..=3 {
        tree.image(&format!("Frames/SN001/{frame:04}.png"));
    }
    let examined = tree.examine("disfa").unwrap();
    assert_eq!(numbers(&examined.table, "au02"), [None; 3]);
    assert_eq!(numbers(&examined.table, "au04")[0], Some(5.0));
    assert!(
        examined
            .conversion
            .warnings
            .contains(&"SN001: no labels of action unit 2".to_owned())
    );
}

#[test]
fn a_copy_of_a_label_folder_is_left_aside() {
    let tree = Tree::new();
    for folder in ["SN001", "sn002", "SN002_old"] {
        labels(&tree, "ActionUnit_Labels", folder, 1..=2, ",");
    }
    tree.write("ActionUnit_Labels/SN001.bak/SN001_au1.txt", "1,5\n3,5\n");
    for subject in ["SN001", "SN002"] {
        for frame in 1..=3 {
            tree.image(&format!("Frames/{subject}/{frame:04}.png"));
        }
    }
    let examined = tree.examine("disfa").unwrap();
    assert_eq!((examined.conversion.samples, examined.conversion.rejected), (4, 0));
    let warnings = &examined.conversion.warnings;
    assert_eq!(
        warnings[0],
        "SN001: its labels are read from SN001; left aside: SN001.bak"
    );
    assert_eq!(
        warnings[1],
        "SN002: its labels are read from sn002; left aside: SN002_old"
    );
}

#[test]
fn cameras_bases_and_folds_are_options() {
    let tree = Tree::new();
    labels(&tree, "ActionUnit_Labels", "SN001", 1..=3, ",");
    for frame in 1..=3 {
        tree.image(&format!("Right_Frames/SN001/{frame}.png"));
    }
    let error = tree.examine("disfa").unwrap_err().to_string();
    assert!(error.contains("protocol.camera = \"right\""), "{error}");
    let right = ConvertOptions {
        camera: Camera::Right,
        ..lenient()
    };
    assert_eq!(tree.examine_with("disfa", &right).unwrap().conversion.samples, 3);
    let zero = ConvertOptions {
        frame_base: FrameBase::Zero,
        ..right.clone()
    };
    let examined = tree.examine_with("disfa", &zero).unwrap();
    assert_eq!(
        texts(&examined.table, "image_path"),
        ["Right_Frames/SN001/1.png", "Right_Frames/SN001/2.png"]
    );
    let folds = tree.outside("folds.csv");
    let own = ConvertOptions {
        folds: Some(folds.clone()),
        ..right
    };
    std::fs::write(&folds, "subject,fold\nSN001,2\n").unwrap();
    assert_eq!(
        numbers(&tree.examine_with("disfa", &own).unwrap().table, "fold")[0],
        Some(2.0)
    );
    // What begins with a subject is no header.
    std::fs::write(&folds, "SN001,0\nSN002,1\n").unwrap();
    let error = tree.examine_with("disfa", &own).unwrap_err().to_string();
    assert!(error.contains("folds.csv:1: expected a subject and a fold"), "{error}");
    std::fs::write(&folds, "SN001,2\nSN002\n").unwrap();
    let error = tree.examine_with("disfa", &own).unwrap_err().to_string();
    assert!(error.contains("folds.csv:2: expected a subject and a fold"), "{error}");
}

#[test]
fn labels_from_zero_are_shifted_as_a_whole() {
    let tree = Tree::new();
    labels(&tree, "ActionUnit_Labels", "SN001", 0..=2, ",");
    for frame in 1..=3 {
        tree.image(&format!("Frames/SN001/{frame:04}.png"));
    }
    let examined = tree.examine("disfa").unwrap();
    assert_eq!(examined.conversion.samples, 3);
    assert_eq!(numbers(&examined.table, "au01")[0], Some(1.0));
    assert!(
        examined
            .conversion
            .warnings
            .iter()
            .any(|w| w.contains("from 0 here, not from 1"))
    );
}

#[test]
fn the_error_log_is_an_option() {
    let tree = Tree::new();
    labels(&tree, "ActionUnit_Labels", "SN002", 798..=830, ",");
    for frame in 798..=830 {
        tree.image(&format!("Frames/SN002/{frame:05}.png"));
    }
    assert_eq!(tree.examine("disfa").unwrap().conversion.samples, 33);
    let clean = ConvertOptions {
        frames: Frames::WithoutBad,
        ..lenient()
    };
    let conversion = tree.examine_with("disfa", &clean).unwrap().conversion;
    assert_eq!((conversion.samples, conversion.masked), (6, 27));
    assert_eq!(conversion.expected.unwrap().by_split["train"], 82_971);
}

#[test]
fn the_card_adds_up() {
    let card = Card::load("disfa").unwrap();
    let subjects: Vec<&String> = card.folds.iter().flat_map(|fold| &fold.subjects).collect();
    assert_eq!(subjects.len(), 27);
    let bad: u64 = card
        .bad_frames
        .values()
        .flatten()
        .map(|[a, b]| u64::from(b - a) + 1)
        .sum();
    assert_eq!(bad, 4670);
    assert!(card.bad_frames.keys().all(|subject| subjects.contains(&subject)));
    for (fold, frames) in [(1, 43_604), (2, 43_605), (3, 43_605)] {
        let count: u64 = card.folds[fold - 1]
            .subjects
            .iter()
            .map(|s| if s == "SN010" { 4844 } else { 4845 })
            .sum();
        assert_eq!(count, frames);
    }
    assert_eq!(card.labelled_frames.values().sum::<u64>(), 130_814);
    assert!(card.labelled_frames.keys().eq(card.fold_of_subjects().keys()));
    let total = |layout: &str| -> u64 {
        [Split::Train, Split::Test]
            .iter()
            .map(|split| card.expected(*split, layout).unwrap().0.unwrap())
            .sum()
    };
    assert_eq!((total("original"), total("clean")), (130_814, 126_144));
}

#[test]
fn people_and_their_frames_are_compared() {
    let tree = Tree::new();
    for subject in ["SN001", "SN010", "SN014"] {
        let last = if subject == "SN010" { 4844 } else { 2 };
        labels(&tree, "ActionUnit_Labels", subject, 1..=last, ",");
        tree.image(&format!("Frames/{subject}/00001.png"));
    }
    let conversion = tree.examine("disfa").unwrap().conversion;
    let told = |text: &str| conversion.warnings.iter().any(|warning| warning.contains(text));
    assert!(
        told("DISFA has 27 people; no labels of: SN002, SN003"),
        "{:?}",
        conversion.warnings
    );
    assert!(told("none of DISFA's people: SN014"));
    assert!(told("labelled frames differ: SN001 2 instead of 4845"));
    assert!(!told("SN010 4844"));
    tree.write("STAND-IN.toml", "");
    let conversion = tree.examine("disfa").unwrap().conversion;
    assert!(!conversion.warnings.iter().any(|warning| warning.contains("people")));
}

#[test]
fn without_frames_the_message_says_how_to_get_them() {
    let tree = Tree::new();
    labels(&tree, "ActionUnit_Labels", "SN001", 1..=3, ",");
    let error = tree.examine("disfa").unwrap_err();
    assert_eq!(error.exit_code(), 3);
    assert!(
        error
            .to_string()
            .contains("neither frames nor videos of the left camera"),
        "{error}"
    );
    tree.write("Videos_LeftCamera/LeftVideoSN001_Comp.avi", "RIFF");
    // Looking writes nothing, whether or not ffmpeg is there.
    let error = tree.examine("disfa").unwrap_err().to_string();
    assert!(
        error.contains("of 1 people (SN001)") && error.contains("ffmpeg"),
        "{error}"
    );
    assert!(!tree.outside("frames").exists() && !tree.out().join("frames").exists());
    // With ffmpeg on the machine a conversion tries, and fails on this file; without, it names the command.
    let error = tree.convert("disfa").unwrap_err().to_string();
    assert!(error.contains("ffmpeg"), "{error}");
    let left: Vec<_> = std::fs::read_dir(tree.root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn frames_of_some_and_videos_of_others() {
    let tree = Tree::new();
    for subject in ["SN001", "SN002"] {
        labels(&tree, "ActionUnit_Labels", subject, 1..=3, ",");
    }
    for frame in 1..=3 {
        tree.image(&format!("Frames_LeftCamera/SN001/{frame:05}.jpg"));
    }
    tree.write("Videos_LeftCamera/LeftVideoSN002_comp.avi", "RIFF");
    let examined = tree.examine("disfa").unwrap();
    assert_eq!(examined.conversion.samples, 3);
    let warnings = examined.conversion.warnings.join("\n");
    assert!(warnings.contains("of 1 people (SN002)"), "{warnings}");
}

/// With a real ffmpeg, where there is one: a video of five frames becomes five samples, in order.
#[test]
fn a_video_becomes_frames() {
    let run = |arguments: &[&str], folder: &std::path::Path| {
        std::process::Command::new("ffmpeg")
            .args(["-nostdin", "-loglevel", "error"])
            .args(arguments)
            .current_dir(folder)
            .output()
            .is_ok_and(|output| output.status.success())
    };
    let tree = Tree::new();
    labels(&tree, "ActionUnit_Labels", "SN001", 1..=5, ",");
    tree.write("Videos_LeftCamera/.keep", "");
    let video = "Videos_LeftCamera/LeftVideoSN001_comp.avi";
    let test_picture = [
        "-f",
        "lavfi",
        "-i",
        "testsrc=size=64x48:rate=20",
        "-frames:v",
        "5",
        "-c:v",
        "mjpeg",
        video,
    ];
    if !run(&test_picture, &tree.root()) {
        // Nothing to look at: the tests of the reader itself use a stand-in program.
        return;
    }
    let conversion = tree.convert("disfa").unwrap();
    assert_eq!((conversion.samples, conversion.rejected), (5, 0));
    let (table, _) = crate::dataset::samples::read(&tree.out().join("samples.parquet")).unwrap();
    assert_eq!(table.num_rows(), 5);
    let decoded = conversion.decoded.unwrap();
    assert_eq!(decoded.videos["SN001"].frames, 5);
    assert!(decoded.decoder.starts_with("ffmpeg version"), "{decoded:?}");
}

/// Face crops with a number of their own: with gaps in the frames both numbers could be the frame.
#[test]
fn a_running_number_is_not_taken_for_the_frame() {
    let there: Vec<u32> = (1..=12).filter(|frame| ![4, 7].contains(frame)).collect();
    // Without an end, and with a video that is longer than its labels: there the running number fits every label.
    for more in [0..0, 13..15] {
        let tree = Tree::new();
        labels(&tree, "ActionUnit_Labels", "SN001", 1..=12, ",");
        for (i, frame) in there.iter().copied().chain(more).enumerate() {
            tree.image(&format!("frames/SN001/crop{:03}_frame{frame:05}.png", i + 1));
        }
        let error = tree.examine("disfa").unwrap_err();
        assert_eq!(error.exit_code(), 3);
        let error = error.to_string();
        for part in [
            "frames/SN001: ",
            "by number 1 of its name crop0",
            "by number 2",
            "is frame 1",
            "rename",
        ] {
            assert!(error.contains(part), "{part}: {error}");
        }
    }
}

#[test]
fn of_two_numbers_the_labels_know_the_frame() {
    type Name = fn(u32) -> String;
    let namings: [Name; 4] = [
        |frame| format!("{frame:05}_{}.png", frame + 100),
        |frame| format!("{}_{frame:05}.png", frame + 100),
        |frame| format!("{frame:05}_{:06}ms.png", 50 * frame),
        // Counted from 0 and from 1: one frame.
        |frame| format!("{:05}_{frame:05}.png", frame - 1),
    ];
    for name in namings {
        let tree = Tree::new();
        labels(&tree, "ActionUnit_Labels", "SN001", 1..=12, ",");
        for frame in (1..=12).filter(|frame| *frame != 7) {
            tree.image(&format!("frames/SN001/{}", name(frame)));
        }
        let examined = tree.examine("disfa").unwrap();
        assert_eq!((examined.conversion.samples, examined.conversion.rejected), (11, 1));
        let paths = texts(&examined.table, "image_path");
        assert_eq!(paths[6], format!("frames/SN001/{}", name(8)));
        assert_eq!(numbers(&examined.table, "frame")[6], Some(8.0));
    }
}

#[test]
fn a_copy_is_a_reject_by_its_name() {
    for copy in ["00003(2).png", "00003 - Copy (2).png"] {
        let tree = Tree::new();
        labels(&tree, "ActionUnit_Labels", "SN001", 1..=4, ",");
        for name in ["00001.png", "00003.png", "00004.png", copy] {
            tree.image(&format!("frames/SN001/{name}"));
        }
        let examined = tree.examine("disfa").unwrap();
        assert_eq!(
            places(&examined.rejects),
            [
                "ActionUnit_Labels/SN001/SN001_au1.txt:2 missing_image".to_owned(),
                format!("frames/SN001/{copy} bad_value")
            ]
        );
        let shown = examined.rejects[1].to_string();
        assert!(shown.contains("as many numbers as 00001.png"), "{shown}");
    }
}

#[test]
fn frames_beyond_all_numbers_cost_their_lines() {
    let tree = Tree::new();
    labels(&tree, "ActionUnit_Labels", "SN001", 0..=2, ",");
    tree.write(
        "ActionUnit_Labels/SN001/SN001_au1.txt",
        "0,1\n4294967295,2\n2147483647,3\n",
    );
    for name in ["1", "2", "3", "4294967295"] {
        tree.image(&format!("frames/SN001/{name}.png"));
    }
    let examined = tree.examine("disfa").unwrap();
    assert_eq!(examined.conversion.samples, 3);
    assert_eq!(
        places(&examined.rejects),
        [
            "ActionUnit_Labels/SN001/SN001_au1.txt:2 bad_value",
            "ActionUnit_Labels/SN001/SN001_au1.txt:3 bad_value"
        ]
    );
}

#[test]
fn two_label_files_of_one_unit_are_refused() {
    let tree = Tree::new();
    labels(&tree, "ActionUnit_Labels", "SN001", 1..=2, ",");
    tree.write("ActionUnit_Labels/SN001/SN001_au01.txt", "1,5\n");
    tree.image("frames/SN001/00001.png");
    let error = tree.examine("disfa").unwrap_err();
    assert_eq!(error.exit_code(), 3);
    let error = error.to_string();
    let said = "SN001_au01.txt and SN001_au1.txt are both labels of action unit 1 of SN001";
    assert!(error.contains(said), "{error}");
}

#[test]
fn labels_as_programs_write_them() {
    let tree = Tree::new();
    labels(&tree, "ActionUnit_Labels", "SN001", 1..=6, ",");
    tree.write(
        "ActionUnit_Labels/SN001/SN001_au1.txt",
        "frame,AU1\n\"1\",\"2\"\n2.0,3.0\n3,NaN\n4,NULL\n5,999\n6,\n",
    );
    for frame in 1..=6 {
        tree.image(&format!("frames/SN001/{frame:05}.png"));
    }
    let examined = tree.examine("disfa").unwrap();
    assert_eq!(examined.rejects, []);
    assert_eq!(
        numbers(&examined.table, "au01"),
        [Some(2.0), Some(3.0), None, None, None, None]
    );
}

/// Frames that were scaled: the size in the name is no frame.
#[test]
fn the_number_that_counts_up_is_the_frame() {
    let tree = Tree::new();
    labels(&tree, "ActionUnit_Labels", "SN001", 1..=4, ",");
    for frame in 1..=4 {
        tree.image(&format!("frames/SN001/{frame:05}_224x224.png"));
    }
    let examined = tree.examine("disfa").unwrap();
    assert_eq!((examined.conversion.samples, examined.conversion.rejected), (4, 0));
    assert_eq!(
        texts(&examined.table, "image_path")[3],
        "frames/SN001/00004_224x224.png"
    );
    tree.image("frames/SN001/00004.png");
    let error = tree.examine("disfa").unwrap_err();
    assert_eq!(error.exit_code(), 3);
    let error = error.to_string();
    assert!(
        error.contains("claim frame 4: 00004.png and 00004_224x224.png"),
        "{error}"
    );
}

#[test]
fn listed_numbers_are_unknown() {
    let tree = Tree::new();
    labels(&tree, "ActionUnit_Labels", "SN001", 1..=3, ",");
    tree.write("ActionUnit_Labels/SN001/SN001_au1.txt", "1,-1\n2,9\n3,2\n");
    for frame in 1..=3 {
        tree.image(&format!("frames/SN001/{frame:05}.png"));
    }
    let examined = tree.examine("disfa").unwrap();
    assert_eq!(places(&examined.rejects).len(), 2);
    assert!(examined.rejects[0].to_string().contains("protocol.unknown"));
    let options = ConvertOptions {
        unknown: Some(UnknownLabels {
            task: Task::ActionUnits,
            values: vec![-1.0, 9.0],
        }),
        ..lenient()
    };
    let examined = tree.examine_with("disfa", &options).unwrap();
    assert_eq!(examined.rejects, []);
    assert_eq!(numbers(&examined.table, "au01"), [None, None, Some(2.0)]);
    assert_eq!(examined.conversion.masked, 2);
}

#[test]
fn disfa_plus() {
    let tree = Tree::new();
    for trial in ["A1_AU1_TrailNo_1", "B"] {
        for au in [1, 12] {
            tree.write(
                &format!("Labels/SN001/{trial}/AU{au}.txt"),
                "# frame intensity\n000.jpg 0\n001.jpg 3\n\n002.jpg 9\n",
            );
        }
        for frame in 0..3 {
            tree.image(&format!("Images/SN001/{trial}/{frame:03}.jpg"));
        }
    }
    let examined = tree.examine("disfa").unwrap();
    assert_eq!(examined.conversion.layout, "disfa_plus");
    assert_eq!(examined.conversion.samples, 4);
    assert_eq!(texts(&examined.table, "image_path")[3], "Images/SN001/B/001.jpg");
    assert_eq!(
        numbers(&examined.table, "au12"),
        [Some(0.0), Some(3.0), Some(0.0), Some(3.0)]
    );
    // Another collection: DISFA's counts say nothing about it.
    assert_eq!(examined.conversion.expected, None);
    assert!(examined.conversion.warnings[0].contains("leakage"));
    assert_eq!(examined.conversion.reject_reasons["bad_value"], 4);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]
    #[test]
    fn arbitrary_label_files_never_panic(bytes: Vec<u8>, text in "[0-9au_., \t\r\n#-]{0,80}") {
        for content in [bytes.as_slice(), text.as_bytes()] {
            let tree = Tree::new();
            tree.write("ActionUnit_Labels/SN001/SN001_au1.txt", content).image("Frames/SN001/0001.png");
            let _ = tree.examine("disfa");
            let card = Card::load("disfa").unwrap();
            let _ = layout::data_folder(&card, &tree.root());
        }
    }
}
