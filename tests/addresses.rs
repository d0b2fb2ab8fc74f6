//! Which change of the source makes which stage compute again.

#[path = "../build/digest.rs"]
#[allow(dead_code, reason = "what only the build asks for")]
mod digest;
#[path = "../build/source.rs"]
#[allow(dead_code, reason = "what only the build and the test of the house ask for")]
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{LazyLock, Mutex};

use source::{Cache, Files, Tree};

type Digests = BTreeMap<&'static str, String>;

/// The package as it is.
struct House {
    files: Files,
    /// What was read is not read again: each test changes one file or two.
    cache: Cache,
    digests: Digests,
}

static HOUSE: LazyLock<Mutex<House>> = LazyLock::new(|| {
    let files = Files::on(Path::new(env!("CARGO_MANIFEST_DIR")));
    let mut cache = Cache::new();
    let digests = digests(&files, &mut cache);
    Mutex::new(House { files, cache, digests })
});

fn digests(files: &Files, cache: &mut Cache) -> Digests {
    let tree = Tree::read(files, cache).expect("the source can be read");
    let digests = digest::digests(&tree, files).expect("all that the stages need is there");
    digests.into_iter().collect()
}

fn files() -> Files {
    HOUSE
        .lock()
        .expect("no test stops while it holds the house")
        .files
        .clone()
}

/// Stages whose digest another package has.
fn stages(changed: &Files) -> BTreeSet<&'static str> {
    let mut house = HOUSE.lock().expect("no test stops while it holds the house");
    let now = digests(changed, &mut house.cache);
    now.into_iter()
        .filter(|(stage, digest)| house.digests[stage] != *digest)
        .map(|(stage, _)| stage)
        .collect()
}

/// The one source file whose path ends so, wherever it lies.
fn source_file(ending: &str) -> String {
    let below = files().below("src").unwrap_or_default();
    let found: Vec<String> = below.into_iter().filter(|path| path.ends_with(ending)).collect();
    assert_eq!(found.len(), 1, "{ending}: {found:?}");
    found[0].clone()
}

/// The one source file outside tests that says this.
fn that_says(text: &str) -> String {
    let files = files();
    let mut found = files.below("src").unwrap_or_default();
    found.retain(|path| !path.contains("test") && files.text(path).is_ok_and(|code| code.contains(text)));
    assert_eq!(found.len(), 1, "{text}: {found:?}");
    found.into_iter().next().unwrap_or_default()
}

/// Stages that compute again when `path` has one more item.
fn after_code_in(path: &str) -> BTreeSet<&'static str> {
    let files = files();
    let text = files.text(path).expect("the file is there");
    stages(&files.with(path, &format!("{text}\nconst ONE_MORE: u8 = 1;\n")))
}

/// Stages that compute again when another version of a library is locked.
fn after_version_of(library: &str) -> BTreeSet<&'static str> {
    let files = files();
    let lock = files.text("Cargo.lock").expect("the file is there");
    let start = lock
        .find(&format!("name = \"{library}\"\nversion = \""))
        .expect("the library is locked");
    let (before, from) = lock.split_at(start);
    stages(&files.with(
        "Cargo.lock",
        &format!("{before}{}", from.replacen("version = \"", "version = \"9", 1)),
    ))
}

/// Stages that compute again when every source file goes through `change`.
fn after_all(change: impl Fn(&str) -> String) -> BTreeSet<&'static str> {
    let start = files();
    let mut changed = start.clone();
    for path in start.below("src").unwrap_or_default() {
        if path.ends_with(".rs") && !path.contains("test") {
            changed = changed.with(&path, &change(&start.text(&path).expect("the file is there")));
        }
    }
    stages(&changed)
}

fn has(changed: &BTreeSet<&str>, yes: &[&str], no: &[&str]) {
    for stage in yes {
        assert!(changed.contains(stage), "{stage} must compute again; {changed:?} do");
    }
    for stage in no {
        assert!(!changed.contains(stage), "{stage} must stay; {changed:?} compute again");
    }
}

#[test]
fn words_tests_and_form_change_nothing() {
    let none = BTreeSet::new();
    let remark = |text: &str| {
        format!(
            "{}\n// A remark.\n/* And another. */\n",
            text.replace("///", "/// And yet")
        )
    };
    assert_eq!(after_all(remark), none, "comments");
    let test = |text: &str| format!("{text}\n#[cfg(test)]\nmod more {{\n    #[test]\n    fn nothing() {{}}\n}}\n");
    assert_eq!(after_all(test), none, "tests");
    let form = |text: &str| {
        text.parse::<proc_macro2::TokenStream>()
            .expect("it is code")
            .to_string()
    };
    assert_eq!(after_all(form), none, "formatting");
}

#[test]
fn every_stage_knows_its_code() {
    for stage in digest::STAGES {
        for path in stage.entries.iter().chain(stage.alone) {
            has(&after_code_in(path), &[stage.name], &[]);
        }
    }
}

#[test]
fn a_rival_is_fitted_again_and_nothing_else() {
    let changed = after_code_in(&source_file("/mlp.rs"));
    has(
        &changed,
        &["rivals"],
        &[
            "convert", "standin", "import", "extract", "train", "finetune", "truth", "map", "report",
        ],
    );
}

#[test]
fn a_loss_trains_again() {
    let changed = after_code_in(&source_file("/loss/vas.rs"));
    has(
        &changed,
        &["train"],
        &[
            "convert", "standin", "import", "extract", "rivals", "truth", "map", "report",
        ],
    );
}

#[test]
fn an_encoder_extracts_again() {
    has(
        &after_code_in(&source_file("/hog.rs")),
        &["extract"],
        &["convert", "standin", "rivals", "truth", "map"],
    );
}

#[test]
fn the_crop_of_a_face_extracts_again() {
    has(
        &after_code_in(&source_file("/crop.rs")),
        &["extract"],
        &["rivals", "truth", "map"],
    );
}

#[test]
fn a_reader_converts_again() {
    let path = that_says("pub fn read_folds");
    has(
        &after_code_in(&path),
        &["convert"],
        &["extract", "train", "rivals", "truth", "map", "report"],
    );
}

#[test]
fn words_for_a_class_and_rules_of_test_sets_test_again_and_train_nothing_else() {
    let files = files();
    let words = files.text("mappings/words.toml").expect("the file is there");
    let more = files.with(
        "mappings/words.toml",
        &words.replacen("\"joy\"", "\"joy\", \"glee\"", 1),
    );
    has(&stages(&more), &["tests", "score"], &["train", "rivals", "convert"]);
    has(
        &after_code_in(&source_file("recipe/shared.rs")),
        &["tests"],
        &["train", "rivals", "score", "convert", "extract"],
    );
}

#[test]
fn hair_draws_again_and_converts_nothing() {
    assert_eq!(after_code_in(&source_file("/hair.rs")), BTreeSet::from(["standin"]));
}

#[test]
fn what_lies_outside_the_rooms_counts_where_it_computes() {
    has(
        &after_code_in(&that_says("pub struct MetricRow")),
        &["train", "rivals", "truth"],
        &["extract"],
    );
    for path in ["src/run/folder.rs", "src/disk/parquet.rs"] {
        has(&after_code_in(path), &["train", "rivals"], &["convert", "truth"]);
    }
    has(
        &after_code_in("src/task.rs"),
        &["convert", "extract", "train", "rivals", "truth"],
        &[],
    );
    has(
        &after_code_in(&source_file("device/driver.rs")),
        &["train"],
        &["convert", "standin", "extract", "rivals", "truth", "map"],
    );
}

#[test]
fn libraries_count_where_they_are_named() {
    has(
        &after_version_of("libjpeg-turbo-rs"),
        &["extract", "finetune"],
        &["rivals", "truth", "map"],
    );
    has(
        &after_version_of("burn"),
        &["extract", "train", "rivals", "finetune"],
        &["convert", "standin", "truth", "map"],
    );
    // What burn multiplies matrices with is named nowhere.
    has(
        &after_version_of("gemm"),
        &["extract", "train", "rivals"],
        &["convert", "standin", "truth", "map"],
    );
    has(
        &after_version_of("polars"),
        &["convert", "truth"],
        &["rivals", "map", "report"],
    );
    has(
        &after_version_of("minijinja"),
        &["report"],
        &["convert", "standin", "extract", "train", "rivals", "truth", "map"],
    );
    assert_eq!(after_version_of("clap"), BTreeSet::new());
    assert_eq!(after_version_of("serde"), BTreeSet::new());
}

#[test]
fn what_is_embedded_counts() {
    let files = files();
    let changed = |path: &str| {
        stages(
            &files
                .clone()
                .with(path, &format!("{}\n", files.text(path).unwrap_or_default())),
        )
    };
    // The recipe's card is in the address itself; a remark in it, or another card, converts nothing again.
    assert_eq!(changed("datasets/rafdb.toml"), BTreeSet::new());
    assert_eq!(changed("datasets/another.toml"), BTreeSet::new());
    has(
        &changed("reports/catalog.toml"),
        &["report"],
        &["convert", "extract", "train", "rivals", "truth", "map"],
    );
    has(
        &changed("recipes/rafdb.toml"),
        &[],
        &["convert", "extract", "train", "rivals", "truth", "map"],
    );
    // A new file in an embedded folder.
    has(&changed("reports/sql/another.sql"), &["report"], &["convert", "train"]);
}
