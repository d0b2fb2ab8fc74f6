//! Every parser on mutations of valid files, and on bytes without meaning.

use std::io::Write;

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::dataset::table::TableConfig;
use crate::feature::{FeatureTable, LoadOptions};
use crate::intake::npy::tests::encode;
use crate::task::Task;

use super::parsers::TARGETS;

/// A valid PNG, JPEG, BMP, TIFF and WebP.
fn images() -> Vec<Vec<u8>> {
    let image = ::image::RgbImage::from_fn(9, 7, |x, y| ::image::Rgb([x as u8 * 20, y as u8 * 30, 77]));
    [
        ::image::ImageFormat::Png,
        ::image::ImageFormat::Jpeg,
        ::image::ImageFormat::Bmp,
        ::image::ImageFormat::Tiff,
        ::image::ImageFormat::WebP,
    ]
    .into_iter()
    .map(|format| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    })
    .collect()
}

fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for method in [zip::CompressionMethod::Deflated] {
        let options = zip::write::SimpleFileOptions::default().compression_method(method);
        for (name, bytes) in files {
            archive.start_file(*name, options).unwrap();
            archive.write_all(bytes).unwrap();
        }
    }
    archive.finish().unwrap().into_inner()
}

fn workbook() -> Vec<u8> {
    let strings =
        "<sst><si><t>URL</t></si><si><t>'AU 1'</t></si><si/><si><t>http://x/N_0000000001_00001.bmp</t></si></sst>";
    let sheet = "<worksheet><sheetData><row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c><c r=\"B1\" t=\"s\"><v>1</v></c></row>\
                 <row r=\"2\"><c r=\"A2\" t=\"s\"><v>3</v></c><c r=\"B2\"><v>1</v></c></row></sheetData></worksheet>";
    zip(&[
        (
            "xl/workbook.xml",
            b"<workbook xmlns:r=\"x\"><sheets><sheet name=\"s\" r:id=\"rId1\"/></sheets></workbook>",
        ),
        (
            "xl/_rels/workbook.xml.rels",
            b"<Relationships><Relationship Id=\"rId1\" Target=\"worksheets/sheet1.xml\"/></Relationships>",
        ),
        ("xl/sharedStrings.xml", strings.as_bytes()),
        ("xl/worksheets/sheet1.xml", sheet.as_bytes()),
    ])
}

fn floats(shape: &str, n: usize) -> Vec<u8> {
    let bytes: Vec<u8> = (0..n).flat_map(|i| (i as f32).to_le_bytes()).collect();
    encode("<f4", shape, false, &bytes)
}

/// Features and labels as Parquet, with lists, texts and numbers.
fn parquet() -> Vec<u8> {
    use arrow::array::{ArrayRef, Int64Array, ListArray, RecordBatch, StringArray};
    use std::sync::Arc;
    let features: ArrayRef = Arc::new(ListArray::from_iter_primitive::<arrow::datatypes::Float32Type, _, _>(
        (0..4).map(|i| Some(vec![Some(i as f32), Some(1.0), None])),
    ));
    let names: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "c", "d"]));
    let split: ArrayRef = Arc::new(StringArray::from(vec!["train", "train", "test", "test"]));
    let label: ArrayRef = Arc::new(Int64Array::from(vec![0, 1, 0, 1]));
    let batch = RecordBatch::try_from_iter([
        ("sample_id", names),
        ("split", split),
        ("label", label),
        ("features", features),
    ])
    .unwrap();
    file_of(&batch)
}

/// The bytes of a Parquet file.
fn file_of(batch: &arrow::array::RecordBatch) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    bytes
}

/// A part of a feature table as this program writes it.
fn part() -> Vec<u8> {
    use crate::dataset::Card;
    use crate::dataset::options::ConvertOptions;
    use crate::feature::config::FeaturesConfig;
    use crate::import::features::Import;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("f.parquet"), parquet_without_gaps()).unwrap();
    let card = Card::load("table").unwrap();
    Import {
        features: folder.path().join("f.parquet"),
        labels: None,
        table: &TableConfig::default(),
        card: &card,
        options: &ConvertOptions::default(),
        store: &FeaturesConfig::default(),
        task: crate::task::Task::Expression,
        outputs: &[],
        binary: false,
        folds: &[],
    }
    .run(
        &folder.path().join("out"),
        &crate::progress::Progress::hidden(),
        &crate::interrupt::Interrupt::default(),
    )
    .unwrap();
    std::fs::read(folder.path().join("out/features/part-00000.parquet")).unwrap()
}

/// The metrics of a run.
fn metrics() -> Vec<u8> {
    let rows = ["acc", "f1_macro"].map(|metric| crate::record::MetricRow {
        split: "test".to_owned(),
        ..crate::record::MetricRow::of_no_split("aura", metric, 0.5, Some(true))
    });
    file_of(&crate::record::Table::batch(&rows).unwrap())
}

fn parquet_without_gaps() -> Vec<u8> {
    use arrow::array::{ArrayRef, RecordBatch, StringArray};
    use std::sync::Arc;
    let text = |values: [&str; 4]| -> ArrayRef { Arc::new(StringArray::from(values.to_vec())) };
    let number = |values: [f32; 4]| -> ArrayRef { Arc::new(arrow::array::Float32Array::from(values.to_vec())) };
    let batch = RecordBatch::try_from_iter([
        ("split", text(["train", "train", "test", "test"])),
        ("label", text(["a", "b", "a", "b"])),
        ("x", number([0.0, 1.0, 2.0, 3.0])),
    ])
    .unwrap();
    file_of(&batch)
}

fn tensors() -> Vec<u8> {
    let header = br#"{"cls_token":{"dtype":"F32","shape":[1,1,2],"data_offsets":[0,8]},"norm.weight":{"dtype":"F16","shape":[2],"data_offsets":[8,12]}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    bytes.extend([0; 12]);
    bytes
}

/// A state dict in the form that `torch.save` writes: a ZIP with a pickle (protocol 2) of one tensor of four floats.
fn state_dict() -> Vec<u8> {
    let mut pickle = b"\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01X\x09\x00\x00\x00cls_tokenq\x02".to_vec();
    pickle
        .extend(b"ctorch._utils\n_rebuild_tensor_v2\nq\x03((X\x07\x00\x00\x00storageq\x04ctorch\nFloatStorage\nq\x05");
    pickle.extend(b"X\x01\x00\x00\x000q\x06X\x03\x00\x00\x00cpuq\x07K\x04tq\x08QK\x00K\x04\x85q\x09K\x01\x85q\x0a\x89");
    pickle.extend(b"ccollections\nOrderedDict\nq\x0b)Rq\x0ctq\x0dRq\x0es.");
    zip(&[
        ("archive/data.pkl", &pickle),
        ("archive/version", b"3\n"),
        ("archive/byteorder", b"little"),
        ("archive/data/0", &[0; 16]),
    ])
}

/// Valid files for a parser, from which mutations start.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let text = |texts: &[&str]| -> Vec<Vec<u8>> { texts.iter().map(|text| text.as_bytes().to_vec()).collect() };
    match target {
        "npy" => vec![
            encode("<i8", "()", false, &3_i64.to_le_bytes()),
            encode(
                "<U4",
                "(1,)",
                false,
                &[b'0', 0, 0, 0, b'.', 0, 0, 0, b'5', 0, 0, 0, 0, 0, 0, 0],
            ),
            floats("(4, 3)", 12),
            encode("<f4", "(4, 3)", true, &[0; 48]),
        ],
        "npz" => vec![zip(&[
            ("features.npy", &floats("(4, 3)", 12)),
            ("tokens.npy", &floats("(4, 4, 2)", 32)),
            ("label.npy", &encode("|u1", "(4,)", false, &[0, 1, 0, 1])),
            ("split.npy", &encode("|S5", "(4,)", false, b"traintraintest\0test\0")),
        ])],
        "parquet_features" => vec![parquet()],
        "feature_table" => vec![part()],
        "run_tables" => vec![metrics(), parquet()],
        "run_index" => text(&[
            r#"{"schema": 1, "runs": [{"path": "a/b", "manifest": {"bytes": 1, "blake3": "00"}, "digests": {"bytes": 2, "blake3": "01"}}]}"#,
            "study/rafdb-0123abcd/manifest.json",
        ]),
        "xlsx" => vec![workbook()],
        "label_csv" => text(&[
            "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal\n\
             1/a.bmp,0,0,1,1,1;2,1,0.5,0.5\n1/b.bmp,NULL,NULL,-1,0,,8,-2,-2\n",
            "pth,label,relFCs\n1/a.bmp,happy,0.5\n",
            "URL,URL orig,'AU 1','AU 2'\n'http://x/N_0000000001_00001.bmp','',1,999\n",
        ]),
        "label_list" => text(&[
            "train_00001.jpg 5\r\ntest_0001.jpg 7\n",
            "image,label\n1.bmp,3\n\"a,\"\"b\",4\n",
        ]),
        "disfa_labels" => text(&["1,0\n2,5\n3 4\n", "001.jpg 0 # comment\n002.jpg 3\n"]),
        "emotionet_lists" => {
            let mut row = "http://x/N_0000000001_00001.bmp\thttp://y".to_owned();
            row.push_str(&"\t0\t999\t1".repeat(20));
            text(&[&row, &format!("N_0000000001_00001.bmp{} \r\n", " 1".repeat(23))])
        }
        "table_labels" => text(&["split,label,valence,au12\ntrain,0,0.5,3\ntrain,1,,\ntest,0,-2,999\ntest,1,0,0\n"]),
        "predictions" => {
            let mut seeds = text(&[
                "sample_id,prediction\na,happy\nb,sad\n",
                "image,happiness,sadness,valence,arousal,AU04,AU12\ni/a.jpg,0.9,0.1,0.5,-0.2,1.5,0\ni/b.jpg,0.3,0.7,nan,0,5,2\n",
                "image_path,emotion,action_units,face_id,face_detection\na.jpg,3,\"[[0.1, 0.2]]\",0,\"[1, 2]\"\n",
                "{\"image\": \"a.jpg\", \"emotion\": {\"happy\": 0.5, \"sad\": 0.5}, \"seed\": 1}\n{\"image\": \"b.jpg\"}\n",
            ]);
            seeds.push(zip(&[
                ("scores.npy", &floats("(2, 2)", 4)),
                ("classes.npy", &encode("|S9", "(2,)", false, b"happinesssadness\0\0")),
            ]));
            seeds.push(floats("(2, 2)", 4));
            seeds
        }
        "recipe" => vec![include_bytes!("../../recipes/rafdb.toml").to_vec()],
        "card" => vec![
            include_bytes!("../../datasets/disfa.toml").to_vec(),
            include_bytes!("../../datasets/rafdb.toml").to_vec(),
        ],
        "image" => images(),
        "safetensors" => vec![tensors()],
        "pth" => vec![state_dict()],
        "encoder_config" => text(&[
            r#"{"model_type":"vit","hidden_size":8,"num_attention_heads":2,"num_hidden_layers":1,"intermediate_size":16,"image_size":8,"patch_size":4,"size":{"height":8,"width":8},"image_mean":[0.5,0.5,0.5],"image_std":[0.5,0.5,0.5],"weight_map":{"a":"../b.safetensors"}}"#,
        ]),
        "face_list" => {
            let mut lists = text(&[
                "sample_id,image_path,bbox_x,bbox_y,bbox_w,bbox_h\n1,a.bmp,0,0,1,1\n2,a.bmp,,,,\n",
                "FaceRectX,FaceRectY,FaceRectWidth,FaceRectHeight,input,frame\n0,0,1,1,a.bmp,0\n,,,,a.bmp,1\n0,0,1,1,a.mp4,7\n",
                "image\tface_detection\na.bmp\t\"[0.5, 1, 2e9, nan, 1]\"\n",
                "file,xmin,ymin,width,height\r\na.bmp,0,-1,.5,3\r\n",
                "frame, success, x_0, x_1, y_0, y_1, image\n1, 1, 0, 1, 0, 1, a.bmp\n2, 0, 0, 0, 0, 0, a.bmp\n",
            ]);
            lists.push(parquet());
            lists
        }
        other => panic!("no seed for {other}"),
    }
}

/// One change of a file.
#[derive(Debug, Clone)]
enum Change {
    Set(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Remove(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
    Repeat(prop::sample::Index, u8),
    /// A number in little endian where sizes and offsets stand.
    Number(prop::sample::Index, u64, u8),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<prop::sample::Index>;
    let number = prop_oneof![
        any::<u64>(),
        Just(0),
        Just(u64::MAX),
        Just(1 << 31),
        Just((1 << 31) - 1),
        Just(1 << 40)
    ];
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..12),
        prop::sample::select(vec![
            "999999999999",
            "-1",
            "nan",
            "1e999",
            "\u{feff}",
            "\"",
            "'",
            "[[",
            "..",
            "\0",
            "\n"
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ];
    prop_oneof![
        4 => (at(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        1 => at().prop_map(Change::Cut),
        1 => (at(), any::<u8>()).prop_map(|(at, n)| Change::Remove(at, n)),
        2 => (at(), bytes).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        1 => (at(), any::<u8>()).prop_map(|(at, n)| Change::Repeat(at, n)),
        2 => (at(), number, prop::sample::select(vec![2_u8, 4, 8])).prop_map(|(at, n, width)| Change::Number(at, n, width)),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: Change) {
    let place = |at: &prop::sample::Index, bytes: &[u8]| at.index(bytes.len() + 1);
    match change {
        Change::Set(at, byte) => {
            let at = place(&at, bytes);
            if let Some(target) = bytes.get_mut(at) {
                *target = byte;
            }
        }
        Change::Cut(at) => bytes.truncate(place(&at, bytes)),
        Change::Remove(at, n) => {
            let at = place(&at, bytes);
            let end = (at + usize::from(n)).min(bytes.len());
            bytes.drain(at..end);
        }
        Change::Insert(at, new) => {
            let at = place(&at, bytes);
            bytes.splice(at..at, new);
        }
        Change::Repeat(at, n) => {
            let at = place(&at, bytes);
            let end = (at + usize::from(n)).min(bytes.len());
            let again = bytes[at..end].to_vec();
            bytes.splice(at..at, again);
        }
        Change::Number(at, number, width) => {
            let at = place(&at, bytes);
            for (target, byte) in bytes[at..]
                .iter_mut()
                .zip(number.to_le_bytes())
                .take(usize::from(width))
            {
                *target = byte;
            }
        }
    }
}

/// Runs one parser on its valid files, on mutations of them, and on bytes without meaning.
fn survive(name: &str, cases: u32) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).unwrap();
    let seeds = seeds(name);
    for seed in &seeds {
        target(seed);
    }
    target(&[]);
    let config = Config {
        // `PROPTEST_CASES` asks for more.
        cases: if std::env::var_os("PROPTEST_CASES").is_some() {
            Config::default().cases
        } else {
            cases
        },
        failure_persistence: None,
        ..Config::default()
    };
    let strategy = (
        any::<prop::sample::Index>(),
        prop_oneof![
            9 => prop::collection::vec(change(), 1..6).prop_map(Ok),
            1 => prop::collection::vec(any::<u8>(), 0..300).prop_map(Err),
        ],
    );
    TestRunner::new(config)
        .run(&strategy, |(seed, input)| {
            match input {
                Ok(changes) => {
                    let mut bytes = seeds[seed.index(seeds.len())].clone();
                    for change in changes {
                        apply(&mut bytes, change);
                    }
                    target(&bytes);
                }
                Err(bytes) => target(&bytes),
            }
            Ok(())
        })
        .unwrap();
}

macro_rules! survives {
    ($($name:ident $cases:literal),* $(,)?) => {
        $(#[test] fn $name() { survive(stringify!($name), $cases); })*

        /// The list of parsers, the tests here and the targets under `fuzz/` are the same.
        #[test]
        fn every_parser_is_tested_and_has_a_target() {
            let tested = [$(stringify!($name)),*];
            let listed: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
            assert_eq!(listed, tested);
            let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
            let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
            for name in listed {
                let text = std::fs::read_to_string(root.join(format!("fuzz_targets/{name}.rs"))).unwrap();
                assert!(text.contains(&format!("inside::{name}(bytes)")), "{name}");
                assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
            }
        }
    };
}

/// What the Parquet library panics on (types that do not exist in the embedded schema, columns of negative length) is refused in
/// words. Every byte of a small file is changed once.
#[test]
fn malformed_parquet_is_refused() {
    let bytes = parquet();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.parquet");
    let mut malformed = 0;
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 2;
        std::fs::write(&path, changed).unwrap();
        let read = crate::disk::guard::guarded(&path, || {
            let file = std::fs::File::open(&path).unwrap();
            let reader =
                ParquetRecordBatchReaderBuilder::try_new(file).and_then(ParquetRecordBatchReaderBuilder::build);
            Ok(reader.map_or(0, |reader| {
                reader
                    .map_while(Result::ok)
                    .map(|batch| batch.num_rows())
                    .sum::<usize>()
            }))
        });
        malformed += u32::from(read.is_err_and(|error| error.to_string().contains("are malformed")));
    }
    assert!(malformed > 0);
}

/// A page that names a dictionary which is not there makes the Parquet library panic while it is read, not when it is opened.
#[test]
fn malformed_pages_of_a_feature_table_are_refused() {
    let bytes = part();
    let end = bytes.len() - 8;
    let footer = u32::from_le_bytes(bytes[end..end + 4].try_into().unwrap()) as usize;
    let folder = tempfile::tempdir().unwrap();
    let mut malformed = 0;
    for at in (0..end - footer).step_by(7) {
        let mut changed = bytes.clone();
        changed[at] = 129;
        std::fs::write(folder.path().join("part-00000.parquet"), changed).unwrap();
        let table = FeatureTable::open(folder.path()).unwrap();
        let read = table.load(&LoadOptions::new(Task::Expression));
        malformed += u32::from(read.is_err_and(|error| error.to_string().contains("are malformed")));
    }
    assert!(malformed > 0);
}

survives! {
    npy 200, npz 200, parquet_features 300, xlsx 300, label_csv 100, label_list 100, disfa_labels 100, emotionet_lists 100,
    table_labels 200, predictions 60, recipe 150, card 150, image 400, safetensors 200, pth 200, encoder_config 200, feature_table 200,
    run_tables 40, run_index 100, face_list 100,
}
