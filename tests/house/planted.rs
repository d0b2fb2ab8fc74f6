//! Small houses with one thing wrong in each.

use super::rules::{self, FILE_LINES};
use super::source::{Cache, Files, Tree};
use super::table::Table;

const TABLE: &str = "# House\n\n| room | holds | may use |\n|---|---|---|\n| `lib.rs` | the facade | everything |\n\
    | `top/` | the roof | `low/` |\n| `low/` | the cellar | — |\n| `error.rs` (ground) | mistakes | — |\n";

fn house() -> Files {
    let files = Files::none()
        .with(
            "Cargo.toml",
            "[package]\nname = \"a-house\"\n\n[dependencies]\nserde = \"1\"\n",
        )
        .with("src/lib.rs", "pub mod error;\nmod low;\nmod top;\n")
        .with("src/error.rs", "pub struct Error;\n")
        .with("src/low/mod.rs", "mod deep;\n\npub use deep::Depth;\n")
        .with(
            "src/low/deep.rs",
            "use crate::error::Error;\n\npub struct Depth(Error);\n",
        )
        .with("src/top/mod.rs", "mod roof;\n")
        .with("src/top/roof.rs", "use crate::low::Depth;\n\npub struct Roof(Depth);\n");
    // Long enough that a room of a line or two is no tenth of it.
    files.with("src/error.rs", &format!("pub struct Error;\n{}", "//\n".repeat(500)))
}

/// What is found in a house but for what the tables of the real stages and libraries have to say.
fn found(files: &Files, table: &str) -> Vec<String> {
    let tree = Tree::read(files, &mut Cache::new()).expect("the source can be read");
    let table = Table::read(rules::DOCUMENT, table).expect("the table can be read");
    let found = rules::findings(&tree, &table, files).into_iter();
    found
        .filter(|finding| !finding.starts_with("build/digest.rs"))
        .collect()
}

fn only(files: &Files, table: &str) -> String {
    let found = found(files, table);
    assert_eq!(found.len(), 1, "{found:#?}");
    found.concat()
}

#[test]
fn a_sound_house_has_no_findings() {
    assert_eq!(found(&house(), TABLE), Vec::<String>::new());
}

#[test]
fn an_import_that_no_row_allows() {
    let table = TABLE.replace("| `low/` |\n", "| — |\n");
    assert_eq!(
        only(&house(), &table),
        "src/top/roof.rs:1: `crate::low::Depth`: `top/` may not use `low/` (ARCHITECTURE.md:6)"
    );
}

#[test]
fn a_module_that_is_imported_for_itself() {
    let files = house()
        .with("src/low/mod.rs", "pub mod deep;\n\npub use deep::Depth;\n")
        .with("src/top/roof.rs", "use crate::low::deep;\n\npub struct Roof;\n");
    let table = TABLE.replace("| `low/` |\n", "| — |\n");
    assert_eq!(
        only(&files, &table),
        "src/top/roof.rs:1: `crate::low::deep`: `top/` may not use `low/` (ARCHITECTURE.md:6)"
    );
}

#[test]
fn a_permission_that_nobody_uses() {
    let files = house().with("src/top/roof.rs", "pub struct Roof;\n");
    assert_eq!(
        only(&files, TABLE),
        "ARCHITECTURE.md:6: top/ may use `low/`, and does not"
    );
}

#[test]
fn a_room_without_a_row() {
    let files = house()
        .with("src/lib.rs", "pub mod error;\nmod low;\nmod shed;\nmod top;\n")
        .with("src/shed/mod.rs", "");
    assert_eq!(
        only(&files, TABLE),
        "src/shed/mod.rs:1: no row of ARCHITECTURE.md names the room shed/"
    );
}

#[test]
fn a_row_without_a_room() {
    let table = TABLE.replace("| `low/` | the", "| `low/`, `shed/` | the");
    assert_eq!(only(&house(), &table), "ARCHITECTURE.md:7: there is no room `shed/`");
}

#[test]
fn an_arrow_upwards() {
    let files = house().with(
        "src/low/deep.rs",
        "pub struct Depth;\n\nfn f() -> crate::top::Roof {}\n",
    );
    let files = files
        .with("src/top/mod.rs", "mod roof;\n\npub use roof::Roof;\n")
        .with("src/top/roof.rs", "pub struct Roof;\n");
    let table = TABLE
        .replace("| `low/` |\n", "| — |\n")
        .replace("cellar | —", "cellar | `top/`");
    assert_eq!(
        only(&files, &table),
        "src/low/deep.rs:3: `crate::top::Roof` runs upwards, from `low/` to `top/`"
    );
}

#[test]
fn ground_is_for_all_but_ground() {
    let files = house()
        .with("src/lib.rs", "pub mod error;\npub mod task;\nmod low;\nmod top;\n")
        .with("src/task.rs", "use crate::error::Error;\n\npub struct Task(Error);\n");
    let table = TABLE.replace("| `error.rs`", "| `task.rs` (ground) | the task | — |\n| `error.rs`");
    assert_eq!(
        only(&files, &table),
        "src/task.rs:1: `crate::error::Error`: `task.rs` may not use `error.rs` (ARCHITECTURE.md:8)"
    );
    let table = table.replace("the task | —", "the task | `error.rs`");
    assert_eq!(found(&files, &table), Vec::<String>::new());
}

#[test]
fn a_circle_is_told_step_by_step() {
    let files = house()
        .with("src/top/mod.rs", "mod beam;\nmod roof;\n\npub use beam::Beam;\n")
        .with("src/top/beam.rs", "use super::roof::Roof;\n\npub struct Beam(Roof);\n")
        .with(
            "src/top/roof.rs",
            "use crate::low::Depth;\n\npub struct Roof(Depth, super::Beam);\n",
        );
    assert_eq!(
        only(&files, TABLE),
        "src/top/beam.rs:1: files import each other in a circle:\n  \
         src/top/beam.rs:1: `super::roof::Roof` → src/top/roof.rs\n  \
         src/top/roof.rs:3: `super::Beam` → src/top/beam.rs"
    );
}

#[test]
fn a_file_that_is_too_long() {
    let files = house().with(
        "src/error.rs",
        &format!("pub struct Error;\n{}", "//\n".repeat(FILE_LINES)),
    );
    assert_eq!(
        only(&files, TABLE),
        "src/error.rs:661: the file is longer than 660 lines"
    );
    // Tests in a file of their own are held to it too.
    let error = format!("pub struct Error;\n\n#[cfg(test)]\nmod tests;\n{}", "//\n".repeat(500));
    let files = house()
        .with("src/error.rs", &error)
        .with("src/error/tests.rs", &"//\n".repeat(FILE_LINES + 1));
    assert_eq!(
        only(&files, TABLE),
        "src/error/tests.rs:661: the file is longer than 660 lines"
    );
}

#[test]
fn a_room_that_is_too_large() {
    let files = house().with("src/low/deep.rs", &format!("pub struct Depth;\n{}", "//\n".repeat(100)));
    assert_eq!(
        only(&files, TABLE),
        "src/low/mod.rs:1: the room has 104 of 612 lines, more than one in 10"
    );
}

#[test]
fn logic_in_a_list() {
    let files = house().with(
        "src/low/mod.rs",
        "//! Deep.\nmod deep;\n\npub use deep::Depth;\n\n/// Down.\npub fn down() {}\n",
    );
    assert_eq!(
        only(&files, TABLE),
        "src/low/mod.rs:7: a mod.rs names what is in its room and holds nothing itself, but here is `fn down`"
    );
}

#[test]
fn a_library_in_neither_list() {
    let files = house().with(
        "src/top/roof.rs",
        "use crate::low::Depth;\nuse brick::Wall;\n\npub struct Roof(Depth, Wall);\n",
    );
    assert_eq!(
        only(&files, TABLE),
        "src/top/roof.rs:2: build/digest.rs does not say whether `brick` computes"
    );
}

#[test]
fn a_stage_that_begins_nowhere() {
    let files = house();
    let tree = Tree::read(&files, &mut Cache::new()).unwrap();
    let error = super::digest::digests(&tree, &files.with("Cargo.lock", "")).unwrap_err();
    assert!(error.starts_with("stage convert: src/dataset/"), "{error}");
    assert!(
        error.ends_with("there is no such source file; correct STAGES in build/digest.rs"),
        "{error}"
    );
}

#[test]
fn the_table_is_read_to_the_letter() {
    for (from, to, expected) in [
        (
            "`low/` |\n",
            "`low/` and more |\n",
            "ARCHITECTURE.md:6: expected rooms such as",
        ),
        (
            "cellar | —",
            "cellar | everything",
            "ARCHITECTURE.md:7: only the rows at the top",
        ),
        (
            "| `top/` | the roof",
            "| `top/`",
            "ARCHITECTURE.md:6: a row has three cells",
        ),
        ("| may use |", "| uses |", "ARCHITECTURE.md:1: there is no table"),
    ] {
        let error = Table::read(rules::DOCUMENT, &TABLE.replace(from, to)).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn the_table_that_imports_ask_for() {
    let tree = Tree::read(&house(), &mut Cache::new()).unwrap();
    let drawn = Table::read(rules::DOCUMENT, TABLE).unwrap();
    let rows: Vec<String> = rules::measured(&tree, &drawn).iter().map(ToString::to_string).collect();
    assert_eq!(
        rows,
        [
            "| `top/` | the roof | `low/` |",
            "| `low/` | the cellar | — |",
            "| `error.rs` (ground) | mistakes | — |",
            "| `lib.rs` | the facade | — |",
        ]
    );
}
