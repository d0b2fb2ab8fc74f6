//! `EmotioNet`: automatic labels, manual labels, derived lists, and how they are split.

use crate::dataset::options::ConvertOptions;
use crate::dataset::testing::{Tree, lenient, numbers, places, texts};
use crate::intake::xlsx::tests::workbook;

fn name(number: u32) -> String {
    format!("N_{number:010}_00045")
}

fn images(tree: &Tree, numbers: impl IntoIterator<Item = u32>) {
    for number in numbers {
        tree.image(&format!("images/{}/{}.jpg", number % 3, name(number)));
    }
}

/// A line of the automatic labels: `value` for every action unit.
fn tab_line(number: u32, values: impl Fn(u8) -> u32) -> String {
    let mut line = format!("'http://x/db/{}.jpg'\thttp://orig/{number}", name(number));
    for au in 1..=60 {
        line += &format!("\t{}", values(au));
    }
    line + "\n"
}

#[test]
fn automatic_labels() {
    let tree = Tree::new();
    let lines = [
        tab_line(1, |au| u32::from(au == 12)),
        tab_line(2, |au| if au == 1 { 999 } else { u32::from(au == 25) }),
        tab_line(3, |_| 999),
        tab_line(4, |au| if au == 26 { 5 } else { 0 }),
        "no labels\n".to_owned(),
        tab_line(5, |_| 0),
        tab_line(1, |_| 0),
    ];
    tree.write(
        "emotioNet_challenge_files_server_challenge_1.2/dataFile_0001.txt",
        lines.concat(),
    );
    tree.write(
        "emotioNet_challenge_files_server_challenge_1.2/dataFile_0002.txt",
        tab_line(6, |_| 1).replace('\n', "\r\n"),
    );
    images(&tree, [1, 2, 3, 4, 6]);
    let examined = tree.examine("emotionet").unwrap();
    assert_eq!(examined.conversion.layout, "automatic");
    let mut ids = texts(&examined.table, "sample_id");
    ids.sort();
    assert_eq!(ids, [1, 2, 6].map(name));
    let file = "emotioNet_challenge_files_server_challenge_1.2/dataFile_0001.txt";
    assert_eq!(
        places(&examined.rejects),
        [
            (4, "bad_value"),
            (5, "malformed_line"),
            (6, "missing_image"),
            (7, "duplicate_id")
        ]
        .map(|(line, kind)| format!("{file}:{line} {kind}"))
    );
    assert_eq!(examined.conversion.masked, 12, "999 is unknown, never absent");
    assert_eq!(examined.conversion.by_au["au01"].known, 2);
    assert_eq!(examined.conversion.by_au["au12"].positive, 2);
    assert!(
        examined
            .conversion
            .warnings
            .iter()
            .any(|w| w.contains("split by a hash"))
    );
    assert!(
        examined
            .conversion
            .warnings
            .iter()
            .any(|w| w.contains("1 rows have no known label"))
    );
}

#[test]
fn manual_labels_as_workbook_and_csv() {
    let header = ["URL", "URL orig", "'AU 1'", "'AU 2'", "'AU 12'", "'AU 60'"];
    let url = |number: u32| format!("'http://x/{}.jpg'", name(number));
    let (a, b, c, d) = (url(1), url(2), url(3), url(4));
    let tree = Tree::new();
    workbook(
        &tree.root().join("EmotioNet_FACS_aws_2020_24600.xlsx"),
        &[
            ("notes", vec![vec!["about this file"]]),
            (
                "Sheet 1",
                vec![
                    header.to_vec(),
                    vec![&a, "http://o/1", "1", "999", "0", "0"],
                    vec![&b, "", "0", "0", "7", "0"],
                ],
            ),
            (
                "Sheet 2",
                vec![
                    header.to_vec(),
                    vec![&c, "http://o/3", "0", "", "1", "999"],
                    vec![&d, "x", "1", "1", "1", "1"],
                ],
            ),
        ],
    );
    images(&tree, 1..=3);
    let examined = tree.examine("emotionet").unwrap();
    assert_eq!(examined.conversion.layout, "manual_xlsx");
    assert_eq!(examined.conversion.samples, 2);
    assert_eq!(
        places(&examined.rejects),
        [
            "EmotioNet_FACS_aws_2020_24600.xlsx/Sheet 1:3 bad_value",
            "EmotioNet_FACS_aws_2020_24600.xlsx/Sheet 2:3 missing_image"
        ]
    );
    assert_eq!(examined.conversion.by_au["au02"].known, 0);
    assert_eq!(examined.conversion.by_au["au12"].positive, 1);

    let tree = Tree::new();
    tree.write(
        "EmotioNet_FACS.csv",
        format!(
            "\u{feff}{}\r\n{a},http://o/1,1,999,0,0\r\n{b},,0,0,7,0\r\n",
            header.join(",")
        ),
    );
    images(&tree, 1..=2);
    let examined = tree.examine("emotionet").unwrap();
    assert_eq!(examined.conversion.layout, "manual_csv");
    assert_eq!(numbers(&examined.table, "au01"), [Some(1.0)]);
    assert_eq!(places(&examined.rejects), ["EmotioNet_FACS.csv:3 bad_value"]);
}

#[test]
fn headers_with_spaces_and_without_some_units() {
    let tree = Tree::new();
    tree.write(
        "EmotioNet_FACS.csv",
        format!(
            "\u{feff} 'URL' , 'URL orig' , 'AU  1 ', \"'AU 12'\" ,au_25\r\n'http://x/{}.jpg', x , 1 , 0 , 999 \r\n",
            name(1)
        ),
    );
    images(&tree, [1]);
    let examined = tree.examine("emotionet").unwrap();
    let unit = |column: &str| numbers(&examined.table, column)[0];
    assert_eq!((unit("au01"), unit("au12"), unit("au25")), (Some(1.0), Some(0.0), None));
    assert_eq!(
        examined.conversion.warnings[0],
        "EmotioNet_FACS.csv: no column of action unit 2, 4, 5, 6, 9, 17, 20, 26: unknown there"
    );
}

#[test]
fn two_columns_of_one_unit_are_refused() {
    let row = format!("http://x/{}.jpg", name(1));
    for (header, said) in [
        ("URL,AU 1,AU 2,AU01", "columns 2 (`AU 1`) and 4 (`AU01`)"),
        ("URL,AU 1,AU 2,AU 2", "columns 3 (`AU 2`) and 4 (`AU 2`)"),
        ("URL,AU 1,AU 2,url", "columns 1 (`URL`) and 4 (`url`)"),
    ] {
        let tree = Tree::new();
        tree.write("EmotioNet_FACS.csv", format!("{header}\n{row},0,1,1\n"));
        images(&tree, [1]);
        let error = tree.examine("emotionet").unwrap_err().to_string();
        assert!(error.contains(said), "{header}: {error}");
    }
    let tree = Tree::new();
    let rows = vec![vec!["URL", "AU 1", "'AU 1'"], vec![&row, "0", "1"]];
    workbook(&tree.root().join("EmotioNet_FACS_aws_2020.xlsx"), &[("Sheet 1", rows)]);
    images(&tree, [1]);
    let error = tree.examine("emotionet").unwrap_err().to_string();
    assert!(error.contains("columns 2 (`AU 1`) and 3 (`'AU 1'`)"), "{error}");
}

#[test]
fn a_row_that_ends_early_is_no_row() {
    let tree = Tree::new();
    let cut: String = tab_line(2, |_| 1).split_inclusive('\t').take(30).collect();
    tree.write(
        "dataFile_0001.txt",
        format!("{}{cut}\n{}", tab_line(1, |_| 0), tab_line(3, |_| 0)),
    );
    images(&tree, 1..=3);
    let examined = tree.examine("emotionet").unwrap();
    assert_eq!(examined.conversion.samples, 2);
    assert_eq!(places(&examined.rejects), ["dataFile_0001.txt:2 malformed_line"]);
    assert!(examined.rejects[0].to_string().contains("expected 62 fields, found "));
}

/// 23 values, 1 in the column of the action unit.
fn list_line(number: u32, au: u8) -> String {
    const LISTED: [u8; 23] = [
        1, 2, 4, 5, 6, 9, 10, 12, 15, 17, 18, 20, 24, 25, 26, 28, 43, 51, 52, 53, 54, 55, 56,
    ];
    let values: Vec<String> = LISTED
        .iter()
        .map(|listed| u8::from(*listed == au).to_string())
        .collect();
    format!("{}.jpg {} \r\n", name(number), values.join(" "))
}

#[test]
fn derived_lists() {
    let tree = Tree::new();
    tree.write(
        "train.txt",
        [
            list_line(1, 12),
            list_line(2, 26),
            list_line(2, 1),
            format!("{}.jpg 1 0\r\n", name(3)),
        ]
        .concat(),
    );
    tree.write("test.txt", list_line(4, 25));
    tree.write("README.txt", "Labels of EmotioNet\n");
    images(&tree, 1..=4);
    let examined = tree.examine("emotionet").unwrap();
    assert_eq!(examined.conversion.layout, "list");
    assert_eq!(texts(&examined.table, "split"), ["train", "train", "test"]);
    assert_eq!(numbers(&examined.table, "au12"), [Some(1.0), Some(0.0), Some(0.0)]);
    assert_eq!(numbers(&examined.table, "au26"), [Some(0.0), Some(1.0), Some(0.0)]);
    assert_eq!(
        places(&examined.rejects),
        ["train.txt:3 duplicate_id", "train.txt:4 malformed_line"]
    );
    let told = |text: &str| examined.conversion.warnings.iter().any(|w| w.contains(text));
    assert!(told("README.txt is left aside"));
    // Rows that are well-formed, whether or not they are kept.
    assert!(told(
        "the lists have 4 rows with 3 names; the whole list has 24595 rows with 24501 names"
    ));
    assert!(told("au01 1 instead of 1458"));
}

#[test]
fn splits_by_list() {
    let tree = Tree::new();
    tree.write(
        "labels.txt",
        (1..=3).map(|number| list_line(number, 1)).collect::<String>(),
    );
    images(&tree, 1..=3);
    let list = tree.outside("split.csv");
    std::fs::write(&list, format!("name,split\n{}.jpg,test\n{},train\n", name(1), name(2))).unwrap();
    let options = ConvertOptions {
        split_list: Some(list.clone()),
        ..lenient()
    };
    let examined = tree.examine_with("emotionet", &options).unwrap();
    assert_eq!(texts(&examined.table, "split"), ["train", "test"]);
    assert_eq!(places(&examined.rejects), ["labels.txt:3 missing_label"]);
    // A mark, quotes and CR LF, as spreadsheets write them.
    std::fs::write(
        &list,
        format!(
            "\u{feff}\"{}.jpg\",\"test\"\r\n{},train\r\n{0},test\r\n",
            name(1),
            name(2)
        ),
    )
    .unwrap();
    let examined = tree.examine_with("emotionet", &options).unwrap();
    assert_eq!(texts(&examined.table, "split"), ["train", "test"]);
    std::fs::write(&list, format!("{0},test\n{0}.jpg,train\n", name(1))).unwrap();
    let error = tree.examine_with("emotionet", &options).unwrap_err().to_string();
    assert!(
        error.contains("split.csv:2: ") && error.contains("in `test` above"),
        "{error}"
    );
    std::fs::write(&list, format!("{} train\n{} nowhere\n", name(1), name(2))).unwrap();
    let error = tree.examine_with("emotionet", &options).unwrap_err().to_string();
    assert!(
        error.contains("split.csv:2: expected an image name and train, val or test"),
        "{error}"
    );
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]
    #[test]
    fn arbitrary_label_files_never_panic(bytes: Vec<u8>, text in "[N0-9_.jpg, \t\r\n'U-]{0,120}") {
        for content in [bytes.as_slice(), text.as_bytes()] {
            for file in ["dataFile_0001.txt", "EmotioNet_FACS.csv", "list.txt", "EmotioNet_FACS.xlsx"] {
                let tree = Tree::new();
                tree.write(file, content);
                let _ = tree.examine("emotionet");
            }
        }
    }
}

/// Lists as spreadsheets and pandas write them, and images in another format than the list says.
#[test]
fn lists_with_header_commas_and_images_of_other_endings() {
    let tree = Tree::new();
    let units = [1, 2, 4, 5, 6, 9, 12, 17, 20, 25, 26];
    let header: String = units.iter().rev().map(|au| format!(",AU{au}")).collect();
    let row = |number: u32, present: u8| -> String {
        let values = units.iter().rev().map(|au| format!(",{}.0", u8::from(*au == present)));
        format!("\"{}.jpg\"{}\n", name(number), values.collect::<String>())
    };
    tree.write(
        "train.txt",
        format!("image{header}\n{}{}", row(1, 12), row(2, 26).replacen(",0.0", ",", 1)),
    );
    tree.write("test.txt", list_line(3, 25).replace(' ', ","));
    for (number, ending) in [(1, ".JPEG"), (2, ".webp"), (3, "")] {
        tree.image(&format!("images/{}{ending}", name(number)));
    }
    let examined = tree.examine("emotionet").unwrap();
    assert_eq!(examined.rejects, []);
    assert_eq!(examined.conversion.samples, 3);
    assert_eq!(numbers(&examined.table, "au12"), [Some(1.0), Some(0.0), Some(0.0)]);
    assert_eq!(numbers(&examined.table, "au26"), [Some(0.0), Some(1.0), Some(0.0)]);
    assert_eq!(numbers(&examined.table, "au25")[1..], [None, Some(1.0)]);
    let paths = texts(&examined.table, "image_path");
    assert!(paths[0].ends_with(".JPEG") && paths[1].ends_with(".webp"), "{paths:?}");
}
