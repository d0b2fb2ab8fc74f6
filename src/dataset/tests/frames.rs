//! DISFA: which frame an image or a label means where its name or the first number leave it open.

use crate::dataset::config::FrameBase;
use crate::dataset::options::ConvertOptions;
use crate::dataset::testing::{Tree, lenient, numbers, texts};

use super::disfa::{AUS, labels};

/// Whose first frame is missing is not whose frames count from 1.
#[test]
fn people_whose_frames_seem_to_begin_at_different_numbers_are_named() {
    let tree = Tree::new();
    for subject in ["SN001", "SN002", "SN004"] {
        labels(&tree, "ActionUnit_Labels", subject, 1..=8, ",");
        for frame in u32::from(subject != "SN001")..=7 {
            tree.image(&format!("Frames/{subject}/{frame:05}.png"));
        }
    }
    let error = tree.examine("disfa").unwrap_err();
    assert_eq!(error.exit_code(), 3);
    let error = error.to_string();
    for said in [
        "from 0 (a frame 0 exists): SN001;",
        "SN002, SN004; set dataset.frame_base",
    ] {
        assert!(error.contains(said), "{error}");
    }
    let zero = ConvertOptions {
        frame_base: FrameBase::Zero,
        ..lenient()
    };
    let examined = tree.examine_with("disfa", &zero).unwrap();
    assert_eq!((examined.conversion.samples, examined.conversion.rejected), (22, 2));
    // With an image of the last label there is no doubt.
    for subject in ["SN002", "SN004"] {
        tree.image(&format!("Frames/{subject}/00008.png"));
    }
    assert_eq!(tree.examine("disfa").unwrap().conversion.samples, 24);
}

#[test]
fn labels_that_name_images_mean_these() {
    type Name<'a> = &'a dyn Fn(u32) -> String;
    let without = |missing: u32, image: Name<'_>, label: Name<'_>| {
        let tree = Tree::new();
        for au in AUS {
            let lines: String = (1..=6)
                .map(|frame| format!("{},{}\n", label(frame), frame % 6))
                .collect();
            tree.write(&format!("ActionUnit_Labels/SN001/SN001_au{au}.txt"), lines);
        }
        for frame in (0..=8).filter(|frame| *frame != missing) {
            tree.image(&format!("Frames/SN001/{}", image(frame)));
        }
        tree.examine("disfa")
    };
    let named = |image: Name<'_>, label: Name<'_>| without(99, image, label);
    let of = |n: u32| format!("frame_{n:05}_of_00012.png");
    let examined = named(&of, &of).unwrap();
    let paths = texts(&examined.table, "image_path");
    assert_eq!(paths.len(), 6);
    for (path, intensity) in paths.iter().zip(numbers(&examined.table, "au12")) {
        let frame = path.split('_').nth(1).unwrap().parse::<f64>().unwrap();
        assert_eq!(intensity, Some(frame % 6.0), "{path}");
    }
    // The names are those of images whatever the first frame's number is.
    let plain = |n: u32| format!("{n:05}.png");
    let examined = named(&plain, &plain).unwrap();
    assert_eq!(texts(&examined.table, "image_path")[0], "Frames/SN001/00001.png");
    assert_eq!(numbers(&examined.table, "au12")[0], Some(1.0));
    // Whichever image is missing, the others keep their labels.
    for missing in 1..=6 {
        let examined = without(missing, &plain, &plain).unwrap();
        let paths = texts(&examined.table, "image_path");
        assert_eq!((paths.len(), examined.rejects.len()), (5, 1), "{missing}");
        for (path, intensity) in paths.iter().zip(numbers(&examined.table, "au12")) {
            let frame = path.rsplit('/').next().unwrap()[..5].parse::<f64>().unwrap();
            assert_eq!(intensity, Some(frame % 6.0), "{missing}: {path}");
        }
    }
    // Also where names count from 0.
    let below = |n: u32| format!("{:05}.png", n - 1);
    let examined = without(0, &plain, &below).unwrap();
    assert_eq!(texts(&examined.table, "image_path")[0], "Frames/SN001/00001.png");
    assert_eq!(numbers(&examined.table, "au12")[0], Some(2.0));
    // Several numbers that count up do no harm where the images have the very names.
    let twice = |n: u32| format!("{n:05}_t{:06}.png", 40 * n);
    let examined = named(&twice, &|n| format!("SN001\\{}", twice(n))).unwrap();
    assert_eq!(
        texts(&examined.table, "image_path")[3],
        "Frames/SN001/00004_t000160.png"
    );
    assert_eq!(numbers(&examined.table, "au12")[3], Some(4.0));
    let error = named(&plain, &|n| format!("{n:05}_{:05}.png", n + 1))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("SN001: the labels name images that are not there, and do not say which frame is meant"),
        "{error}"
    );
}
