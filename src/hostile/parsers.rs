//! One function a parser of bytes from outside.

use std::path::{Component, Path};

use crate::check::facts::Facts;
use crate::dataset::card::Card;
use crate::dataset::convert::examine;
use crate::dataset::options::ConvertOptions;
use crate::dataset::table::TableConfig;
use crate::disk::parquet::write_batch;
use crate::encoder::config::EncoderKind;
use crate::encoder::interface::TokenShape;
use crate::encoder::weights::Weights;
use crate::encoder::{model_folder, processor};
use crate::feature::FeatureTable;
use crate::feature::config::{FeaturesConfig, TokenGrid};
use crate::feature::options::LoadCounts;
use crate::feature::tested::Tested;
use crate::image::DecodeLimits;
use crate::image::decode::decode_bytes;
use crate::import::features::Import;
use crate::intake::{fields, header, npy};
use crate::interrupt::Interrupt;
use crate::predict::faces::Lister;
use crate::predict::list::read::List;
use crate::progress::Progress;
use crate::query::context::QueryContext;
use crate::recipe::{Recipe, RecipeOptions};
use crate::record::{batch, strings};
use crate::remote::index::{Index, is_below};
use crate::score::config::{Match, ScoreConfig};
use crate::score::missing::Missing;
use crate::score::scored::{Request, score};
use crate::task::{Targets, Task};

/// A parser by its name, as `fuzz/fuzz_targets` calls it.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] = &[
    ("npy", npy),
    ("npz", npz),
    ("parquet_features", parquet_features),
    ("xlsx", xlsx),
    ("label_csv", label_csv),
    ("label_list", label_list),
    ("disfa_labels", disfa_labels),
    ("emotionet_lists", emotionet_lists),
    ("table_labels", table_labels),
    ("predictions", predictions),
    ("recipe", recipe),
    ("card", card),
    ("image", image),
    ("safetensors", safetensors),
    ("pth", pth),
    ("encoder_config", encoder_config),
    ("feature_table", feature_table),
    ("run_tables", run_tables),
    ("run_index", run_index),
    ("face_list", face_list),
];

/// A folder with these files, gone after use. Nothing can be tested where no folder can be made.
pub(crate) fn in_folder(files: &[(&str, &[u8])], run: impl FnOnce(&Path)) {
    let Ok(folder) = tempfile::tempdir() else { return };
    for (name, bytes) in files {
        let path = folder.path().join(name);
        let made = path
            .parent()
            .is_none_or(|parent| std::fs::create_dir_all(parent).is_ok());
        if !made || std::fs::write(path, bytes).is_err() {
            return;
        }
    }
    run(folder.path());
}

/// Reads a folder as a database.
pub(crate) fn as_database(id: &str, files: &[(&str, &[u8])]) {
    let Ok(card) = Card::load(id) else { return };
    in_folder(files, |root| {
        let options = ConvertOptions::default();
        // Any error will do: what counts is that there is one, or a table.
        let _ = examine(&card, root, &options, &Progress::hidden(), &Interrupt::default());
    });
}

/// Smallest image of the trees: 1 x 1 pixel, black.
pub(crate) const PIXEL: &[u8] = &[
    0x42, 0x4D, 0x3A, 0, 0, 0, 0, 0, 0, 0, 0x36, 0, 0, 0, 0x28, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0x18, 0, 0, 0,
    0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];

/// One `.npy` array: as a number, as a column, as rows.
pub fn npy(bytes: &[u8]) {
    let _ = npy::scalar(&mut &*bytes);
    for as_rows in [false, true] {
        let mut input = bytes;
        if let Ok(header) = npy::read_header(&mut input) {
            let mut rows = 0_u32;
            let _ = if as_rows {
                npy::rows(&mut input, &header, |_| {
                    rows += 1;
                    // Rows of no bytes cannot be, so that this ends with the input.
                    Ok(())
                })
            } else {
                npy::column(&mut input, &header).map(|_| ())
            };
        }
    }
    as_database(
        "affectnet8",
        &[
            ("train_set/images/0.bmp", PIXEL),
            ("train_set/annotations/0_exp.npy", bytes),
            ("train_set/annotations/0_val.npy", bytes),
            ("train_set/annotations/0_aro.npy", bytes),
        ],
    );
}

/// Reads features made elsewhere, with labels of four rows or their own.
pub(crate) fn import(name: &str, bytes: &[u8], labels: Option<&[u8]>) {
    let Ok(card) = Card::load("table") else { return };
    let mut files = vec![(name, bytes)];
    files.extend(labels.map(|labels| ("labels.csv", labels)));
    in_folder(&files, |root| {
        let options = ConvertOptions::default();
        for tokens in [TokenGrid::None, TokenGrid::All] {
            let store = FeaturesConfig {
                tokens,
                ..FeaturesConfig::default()
            };
            let table = TableConfig {
                labels: labels.map_or_else(String::new, |_| "labels.csv".to_owned()),
                ..TableConfig::default()
            };
            let _ = Import {
                features: root.join(name),
                labels: labels.map(|_| root.join("labels.csv")),
                table: &table,
                card: &card,
                options: &options,
                store: &store,
                task: Task::Expression,
                outputs: &[],
                binary: false,
                folds: &[],
            }
            .examine(&Interrupt::default());
        }
    });
}

/// An archive of arrays with features and labels.
pub fn npz(bytes: &[u8]) {
    import("features.npz", bytes, None);
}

/// A Parquet file with features and labels.
pub fn parquet_features(bytes: &[u8]) {
    import("features.parquet", bytes, None);
}

/// A label file for features made elsewhere.
pub fn table_labels(bytes: &[u8]) {
    let array = [
        b"\x93NUMPY\x01\x00\x3a\x00{'descr': '|u1', 'fortran_order': False, 'shape': (4, 1)}\n".as_slice(),
        &[1, 2, 3, 4],
    ]
    .concat();
    import("features.npy", &array, Some(bytes));
}

/// An `EmotioNet` workbook.
pub fn xlsx(bytes: &[u8]) {
    as_database(
        "emotionet",
        &[("EmotioNet_FACS.xlsx", bytes), ("images/N_0000000001_00001.bmp", PIXEL)],
    );
}

/// `AffectNet`'s CSV, and the CSVs and lists of its derived forms.
pub fn label_csv(bytes: &[u8]) {
    as_database(
        "affectnet_va",
        &[("training.csv", bytes), ("Manually_Annotated_Images/1/a.bmp", PIXEL)],
    );
    as_database("affectnet8", &[("labels.csv", bytes), ("1/a.bmp", PIXEL)]);
    as_database(
        "emotionet",
        &[("EmotioNet_FACS.csv", bytes), ("N_0000000001_00001.bmp", PIXEL)],
    );
}

/// RAF-DB's list and its CSV; any text as lines and fields.
pub fn label_list(bytes: &[u8]) {
    as_database(
        "rafdb",
        &[
            ("basic/EmoLabel/list_patition_label.txt", bytes),
            ("basic/Image/aligned/train_00001_aligned.bmp", PIXEL),
        ],
    );
    as_database("rafdb", &[("train.csv", bytes), ("train/1.bmp", PIXEL)]);
    for line in String::from_utf8_lossy(bytes).lines() {
        for separator in [',', '\t', ';'] {
            let _ = fields::fields(line, separator);
        }
    }
}

/// One of DISFA's label files, and DISFA+'s.
pub fn disfa_labels(bytes: &[u8]) {
    as_database(
        "disfa",
        &[
            ("ActionUnit_Labels/SN001/SN001_au1.txt", bytes),
            ("ActionUnit_Labels/SN001/SN001_au2.txt", b"1,0\n2,5\n"),
            ("Frames_LeftCamera/SN001/1.bmp", PIXEL),
        ],
    );
    as_database(
        "disfa",
        &[("Labels/SN001/A/AU1.txt", bytes), ("Images/SN001/A/001.bmp", PIXEL)],
    );
}

/// `EmotioNet`'s tab-separated file and derived list.
pub fn emotionet_lists(bytes: &[u8]) {
    as_database(
        "emotionet",
        &[("dataFile_0001.txt", bytes), ("N_0000000001_00001.bmp", PIXEL)],
    );
    as_database("emotionet", &[("train.txt", bytes), ("N_0000000001_00001.bmp", PIXEL)]);
}

/// Predictions made elsewhere, in every form in which they are read, of two samples and each task.
pub fn predictions(bytes: &[u8]) {
    let tested = |task: Task, names: &[&str]| Tested {
        sample_ids: vec!["a".to_owned(), "b".to_owned()],
        subjects: vec![None, Some("SN001".to_owned())],
        targets: Targets {
            task,
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            values: [0, 1]
                .iter()
                .flat_map(|&label| (0..names.len()).map(move |place| if place == label { 1.0 } else { 0.0 }))
                .collect(),
            known: vec![true; 2 * names.len()],
        },
        counts: LoadCounts::default(),
    };
    let tests = [
        tested(Task::Expression, &["happiness", "sadness"]),
        tested(Task::ValenceArousal, &["valence", "arousal"]),
        tested(Task::ActionUnits, &["au04", "au12"]),
    ];
    let names = ["x.csv", "x.jsonl", "x.parquet", "x.npz", "x.npy"];
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (*name, bytes)).collect();
    in_folder(&files, |root| {
        let samples = root.join("samples.parquet");
        let column = |values: [&'static str; 2]| strings(values.into_iter());
        let columns = vec![
            ("sample_id", false, column(["a", "b"])),
            ("dataset", false, column(["rafdb", "rafdb"])),
            ("split", false, column(["test", "test"])),
            ("image_path", false, column(["i/a.jpg", "i/b.jpg"])),
        ];
        let written = batch(columns).map(|batch| write_batch(&samples, &batch, &[]));
        if !matches!(written, Ok(Ok(()))) {
            return;
        }
        for tested in tests {
            let tests = [(None, tested)];
            for name in names {
                for by in [None, Some(Match::Order)] {
                    let scored = score(&Request {
                        paths: &[root.join(name)],
                        config: &ScoreConfig {
                            by,
                            ..ScoreConfig::default()
                        },
                        dataset: "it",
                        card: "rafdb",
                        samples: &samples,
                        tests: &tests,
                        threshold: None,
                        missing: Missing::Wrong,
                        interrupt: &Interrupt::default(),
                    });
                    if let Ok(scored) = scored {
                        for seed in scored.seeds() {
                            let _ = scored.tested(seed, &tests[0].1, Missing::Wrong, "it");
                        }
                    }
                }
            }
        }
    });
}

/// A list of faces with their boxes, as text and as Parquet.
pub fn face_list(bytes: &[u8]) {
    for name in ["list.csv", "list.parquet"] {
        in_folder(&[(name, bytes), ("a.bmp", PIXEL)], |folder| {
            let work = folder.join("work");
            if std::fs::create_dir(&work).is_err() {
                return;
            }
            let path = folder.join(name);
            let list = List {
                path: &path,
                images: None,
                media: None,
                every: 1,
                crops: true,
                work: &work,
            };
            let mut lister = Lister::new(&work);
            let _ = list.read(&mut lister, &Interrupt::default());
            let _ = lister.finish();
        });
    }
}

/// A recipe, on generated faces too. Recipes that extend others are left out: their files are not these bytes.
pub fn recipe(bytes: &[u8]) {
    if bytes.windows(7).any(|window| window == b"extends") {
        return;
    }
    in_folder(&[("fuzz.toml", bytes)], |root| {
        for stand_in in [false, true] {
            let options = RecipeOptions {
                stand_in,
                set: Vec::new(),
            };
            if let Ok(recipe) = Recipe::load(&root.join("fuzz.toml"), &options) {
                let _ = (recipe.to_toml(), recipe.digest(), recipe.protocol_digest());
            }
        }
    });
}

/// A dataset card.
pub fn card(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Card::parse(text, "fuzz.toml");
    }
}

/// An image: its header alone, then all of it.
pub fn image(bytes: &[u8]) {
    let limits = DecodeLimits {
        max_file_bytes: 1 << 20,
        max_pixels: 1 << 20,
        max_alloc_bytes: 32 << 20,
    };
    let _ = decode_bytes(bytes, &limits);
    in_folder(&[("image.jpg", bytes)], |root| {
        let _ = header::check(&root.join("image.jpg"), 1 << 20);
    });
}

/// Weights in a file of this name, read as the smallest published architecture.
pub(crate) fn weights_file(name: &str, bytes: &[u8]) {
    let Ok(architecture) = model_folder::named_architecture(EncoderKind::Dino, "vit-s-16") else {
        return;
    };
    in_folder(&[(name, bytes)], |root| {
        let _ = Weights::read(&[root.join(name)], &mut architecture.clone(), false);
        let _ = Weights::read(&[root.join(name)], &mut architecture.clone(), true);
    });
}

/// Weights as safetensors.
pub fn safetensors(bytes: &[u8]) {
    weights_file("model.safetensors", bytes);
}

/// Weights as a `PyTorch` state dict.
pub fn pth(bytes: &[u8]) {
    weights_file("model.pth", bytes);
}

/// The configuration files of a weights folder.
pub fn encoder_config(bytes: &[u8]) {
    for kind in [EncoderKind::Clip, EncoderKind::Dino, EncoderKind::Dinov2] {
        let files: [(&str, &[u8]); 4] = [
            ("config.json", bytes),
            ("preprocessor_config.json", bytes),
            ("processor_config.json", bytes),
            ("model.safetensors.index.json", bytes),
        ];
        in_folder(&files, |root| {
            let _ = model_folder::files_of(root);
            if let Ok(architecture) = model_folder::read_architecture(root, kind) {
                let _ = processor::read_preprocess(root, kind, &architecture);
            }
        });
    }
}

/// A part of a feature table.
pub fn feature_table(bytes: &[u8]) {
    in_folder(&[("part-00000.parquet", bytes)], |root| {
        if let Ok(table) = FeatureTable::open(root) {
            let _: Option<TokenShape> = table.metadata().tokens;
            for task in [Task::Expression, Task::ValenceArousal, Task::ActionUnits] {
                let _ = table.load(&crate::feature::LoadOptions::new(task));
            }
        }
    });
}

/// The index of a folder of runs that is kept elsewhere: whatever it names stays below the folder.
///
/// # Panics
/// If it does not.
pub fn run_index(bytes: &[u8]) {
    let _ = Index::parse(bytes, "https://example.org/index.json");
    if let Ok(name) = std::str::from_utf8(bytes)
        && is_below(name)
    {
        let plain = |part| matches!(part, Component::Normal(_));
        assert!(Path::new(name).components().all(plain), "{name:?} leads elsewhere");
    }
}

/// A manifest of a run with one seed.
const MANIFEST: &[u8] =
    br#"{"schema": 1, "run": "fuzz-00000000", "name": "fuzz", "dataset": "rafdb", "task": "expression",
    "classes": ["anger", "fear"], "seeds": [0]}"#;

/// The tables of a run, as queries and checks read them, and its digests.
pub fn run_tables(bytes: &[u8]) {
    let files = [
        ("manifest.json", MANIFEST),
        ("samples.parquet", bytes),
        ("standings.parquet", bytes),
        ("duplicates.parquet", bytes),
        ("seed-0/metrics.parquet", bytes),
        ("seed-0/predictions.parquet", bytes),
        ("seed-0/archetypes.parquet", bytes),
    ];
    in_folder(&files, |root| {
        let Ok(context) = QueryContext::open(&[root.to_owned()]) else {
            return;
        };
        for view in [
            "metrics",
            "samples",
            "predictions",
            "archetypes",
            "standings",
            "duplicates",
            "scores",
            "units",
        ] {
            let _ = context.query(&format!("SELECT * FROM {view} LIMIT 20"));
        }
        let _ = Facts::one(root);
    });
    in_folder(&[("manifest.json", bytes), ("digests.json", bytes)], |root| {
        let _ = QueryContext::open(&[root.to_owned()]);
    });
}
