//! How imports and code are read.

use super::source::{Cache, Files, Tree};

fn tree(files: &[(&str, &str)]) -> Tree {
    let start = Files::none().with(
        "Cargo.toml",
        "[package]\nname = \"a-house\"\n\n[dependencies]\nserde = \"1\"\nimage = \"1\"\n",
    );
    let files = files.iter().fold(start, |files, (path, text)| files.with(path, text));
    Tree::read(&files, &mut Cache::new()).expect("the source can be read")
}

/// `line file item` of everything that a file imports.
fn imports(tree: &Tree, path: &str) -> Vec<String> {
    let imports = tree.files[path].imports.iter();
    imports
        .map(|import| format!("{} {} {}", import.line, import.file, import.item))
        .collect()
}

/// `src/a.rs` beside a room `b` that re-exports.
fn beside(text: &str) -> Vec<String> {
    let tree = tree(&[
        ("src/lib.rs", "mod a;\nmod b;\nmod image;\n"),
        ("src/a.rs", text),
        ("src/image.rs", "pub struct Picture;\n"),
        (
            "src/b/mod.rs",
            "mod c;\npub mod d;\nmod e;\npub use self::c::*;\npub(crate) use d::{Deep as Depth, inner::Core};\npub use e::e;\n",
        ),
        ("src/b/c.rs", "pub struct Cee;\npub enum Kind { One, Two }\n"),
        (
            "src/b/d.rs",
            "pub struct Deep;\npub fn dig() {}\npub mod inner { pub struct Core; }\n",
        ),
        ("src/b/e.rs", "pub fn e() {}\npub fn other() {}\n"),
    ]);
    imports(&tree, "src/a.rs")
}

#[test]
fn re_exports_lead_to_the_file_that_defines() {
    assert_eq!(beside("use crate::b::Cee;"), ["1 src/b/c.rs Cee"]);
    assert_eq!(
        beside("use crate::b::{\n    Core,\n    Depth as D,\n};"),
        ["2 src/b/d.rs Core", "3 src/b/d.rs Deep"]
    );
    assert_eq!(
        beside("use super::b::{e, d::dig};"),
        ["1 src/b/d.rs dig", "1 src/b/e.rs ", "1 src/b/e.rs e"],
        "the name is that of a module too"
    );
}

#[test]
fn a_file_that_is_imported_for_itself_counts_and_what_is_taken_through_it() {
    assert_eq!(beside("use crate::b::d;"), ["1 src/b/d.rs "]);
    assert_eq!(
        beside("use crate::b::d;\nfn f() { d::dig() }"),
        ["1 src/b/d.rs ", "2 src/b/d.rs dig"]
    );
    // `mod.rs` holds nothing: through it to what it names.
    assert!(beside("use crate::b;").is_empty());
    assert_eq!(
        beside("use crate::b::{self as bee};\nfn f(x: &bee::Cee) {}"),
        ["2 src/b/c.rs Cee"]
    );
}

#[test]
fn paths_are_found_wherever_they_stand() {
    for text in [
        "fn f() { let x = crate::b::Cee; }",
        "fn f(x: Vec<crate::b::Cee>) {}",
        "fn f() { match x { crate::b::Cee => {} } }",
        "fn f() { format!(\"{:?}\", crate::b::Cee); }",
        "fn f() { outer!(inner![json!({\"a\": crate::b::Cee})]); }",
        "#[derive(D)]\nstruct S(#[serde(with = \"crate::b::Cee\")] u8);",
        "#[attr(crate::b::Cee)]\nstruct S;",
        "fn f() { use crate::b::Cee; }",
        "mod inner { use super::super::b::Cee; }",
        "mod inner { fn f() { crate::b::Cee } }",
        "impl crate::b::Cee { fn x() {} }",
        "const X: usize = size_of::<crate::b::Cee>();",
    ] {
        let found = beside(text);
        assert!(
            found.len() == 1 && found[0].ends_with("src/b/c.rs Cee"),
            "{text}: {found:?}"
        );
    }
}

#[test]
fn what_belongs_to_a_type_is_in_its_file() {
    assert_eq!(beside("fn f() { crate::b::Kind::One }"), ["1 src/b/c.rs Kind"]);
    assert_eq!(
        beside("use crate::b::Kind;\nfn f() { Kind::One }"),
        ["1 src/b/c.rs Kind"]
    );
    assert_eq!(beside("use crate::b::Kind::*;\nfn f() { One }"), ["1 src/b/c.rs Kind"]);
}

#[test]
fn stars_import_what_is_used_of_them() {
    assert_eq!(beside("use crate::b::*;\nfn f(x: Cee) {}"), ["2 src/b/c.rs Cee"]);
    assert!(beside("use crate::b::*;\nfn f(x: Dee) {}").is_empty());
}

#[test]
fn tests_import_nothing() {
    for text in [
        "#[cfg(test)]\nuse crate::b::Cee;",
        "#[cfg(test)]\nmod tests { use crate::b::Cee; }",
        "#[cfg(all(test, unix))]\nfn f() { crate::b::Cee }",
        "#[test]\nfn f() { crate::b::Cee }",
        "struct S;\nimpl S { #[cfg(test)] fn f() { crate::b::Cee } }",
        "fn f() { #[cfg(test)] { crate::b::Cee } }",
        "/// As [`crate::b::Cee`].\nfn f() {}",
        "fn f() { \"crate::b::Cee\" }",
    ] {
        assert!(beside(text).is_empty(), "{text}");
    }
    assert_eq!(beside("#[cfg(not(test))]\nuse crate::b::Cee;").len(), 1);
}

#[test]
fn libraries_and_rooms_of_one_name_are_told_apart() {
    let files = [
        ("src/lib.rs", "mod a;\nmod image;\n"),
        (
            "src/a.rs",
            "use ::image::Rgb;\nuse crate::image;\nuse serde::{Serialize as S};\nfn f() { image::Picture; std::fs::read; }",
        ),
        (
            "src/image.rs",
            "pub struct Picture;\nfn f() { serde::x!(); image::open() }\n",
        ),
    ];
    let tree = tree(&files);
    assert_eq!(
        imports(&tree, "src/a.rs"),
        ["2 src/image.rs ", "4 src/image.rs Picture"]
    );
    let crates: Vec<&String> = tree.files["src/a.rs"].crates.keys().collect();
    assert_eq!(crates, ["image", "serde"]);
    let crates: Vec<_> = tree.files["src/image.rs"].crates.iter().collect();
    assert_eq!(crates, [(&"image".to_owned(), &2), (&"serde".to_owned(), &2)]);
}

#[test]
fn modules_are_found_as_the_compiler_finds_them() {
    let tree = tree(&[
        (
            "src/lib.rs",
            "mod a;\n#[path = \"elsewhere/odd.rs\"]\nmod b;\n#[cfg(test)]\nmod tests;\n",
        ),
        ("src/main.rs", "fn main() { a_house::a::x::f() }"),
        ("src/a.rs", "pub mod x;\nmod y { pub mod z; }\n"),
        ("src/a/x.rs", "pub fn f() {}\n"),
        ("src/a/y/z.rs", "#![cfg(test)]\n"),
        ("src/elsewhere/odd.rs", "use crate::a::x::f;\n"),
        ("src/tests/mod.rs", "mod more;\nuse crate::a::x::f;\n"),
        ("src/tests/more.rs", ""),
    ]);
    let files: Vec<String> = tree
        .files
        .values()
        .map(|file| {
            format!(
                "{} {}{}",
                file.path,
                file.module.join("::"),
                if file.test { " test" } else { "" }
            )
        })
        .collect();
    assert_eq!(
        files,
        [
            "src/a.rs a",
            "src/a/x.rs a::x",
            "src/a/y/z.rs a::y::z test",
            "src/elsewhere/odd.rs b",
            "src/lib.rs ",
            "src/main.rs ",
            "src/tests/mod.rs tests test",
            "src/tests/more.rs tests::more test",
        ]
    );
    assert_eq!(imports(&tree, "src/main.rs"), ["1 src/a/x.rs f"]);
    assert_eq!(imports(&tree, "src/elsewhere/odd.rs"), ["1 src/a/x.rs f"]);
    assert!(imports(&tree, "src/tests/mod.rs").is_empty());
}

#[test]
fn mistakes_name_file_and_line() {
    let read = |text: &str| {
        let files = Files::none().with("Cargo.toml", "").with("src/lib.rs", text);
        Tree::read(&files, &mut Cache::new()).unwrap_err()
    };
    assert!(read("\nmod a;").starts_with("src/lib.rs:2: there is no file for `mod a`"));
    assert!(read("\nfn (").starts_with("src/lib.rs:2: "));
    assert!(read("\nuse crate::nowhere;").starts_with("src/lib.rs:2: `crate::nowhere` leads to nothing"));
    assert!(read("\nfn f() { crate::nowhere::f() }").starts_with("src/lib.rs:2: `crate::nowhere::f` leads to nothing"));
    assert!(read("\nconst X: &str = include_str!(NAME);").starts_with("src/lib.rs:2: cannot tell what"));
}

#[test]
fn embedded_files_are_found() {
    let tree = tree(&[
        ("src/lib.rs", "mod a;"),
        (
            "src/a.rs",
            "const X: &str = include_str!(\"../sql/x.sql\");\n\
             const Y: &[u8] = include_bytes!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/b/c.py\",));\n\
             static Z: Dir<'_> = include_dir!(\"$CARGO_MANIFEST_DIR/cards\");\n#[cfg(test)]\nmod t { fn f() { include_str!(\"t\"); } }",
        ),
    ]);
    let assets: Vec<&String> = tree.files["src/a.rs"].assets.keys().collect();
    assert_eq!(assets, ["b/c.py", "cards", "sql/x.sql"]);
}

#[test]
fn methods_of_another_file_belong_to_what_calls_them() {
    let files = [
        ("src/lib.rs", "mod face;\nmod mouth;\nmod other;\nmod show;\n"),
        (
            "src/face.rs",
            "pub struct Face;\nimpl Face { pub fn draw(&self) { self.mouth() } }\n",
        ),
        (
            "src/mouth.rs",
            "use crate::face::Face;\nimpl Face { pub fn mouth(&self) {} }\n",
        ),
        (
            "src/other.rs",
            "use crate::face::Face;\nimpl Face { pub fn other(&self) {} }\n",
        ),
        ("src/show.rs", "impl std::fmt::Display for crate::face::Face {}\n"),
    ];
    let tree = tree(&files);
    let found: Vec<&str> = tree.closure(&["src/face.rs"]).unwrap().into_iter().collect();
    assert_eq!(found, ["src/face.rs", "src/mouth.rs", "src/show.rs"]);
    assert!(imports(&tree, "src/face.rs").is_empty());
}

/// The code of a file with this text.
fn code(text: &str) -> String {
    let tree = tree(&[
        ("src/lib.rs", "mod a;\nmod b;\nmod c;\n"),
        ("src/a.rs", text),
        ("src/b.rs", "pub struct B;\npub struct B2;"),
        ("src/c.rs", ""),
    ]);
    tree.files["src/a.rs"].code.clone()
}

#[test]
fn form_does_not_change_the_code() {
    for (one, other) in [
        (
            "fn f() {}",
            "//! Doc.\n// Comment.\n/// Doc.\n#[allow(x)]\n#[doc(hidden)]\nfn f(\n) {\n}",
        ),
        (
            "fn f() {}",
            "#![allow(dead_code)]\nfn f() {}\n#[cfg(test)]\nmod tests { #[test]\nfn g() {} }",
        ),
        ("fn f() {}", "fn f() {}\n#[cfg(test)]\nuse crate::b::B;"),
        (
            "fn f(a: u8, b: u8) { g(a, b) }",
            "fn f(\n    a: u8,\n    b: u8,\n) {\n    g(a, b,)\n}",
        ),
        ("fn f() { g(a) }", "fn f() { g(\n a,\n) }"),
        ("fn f<A, B>() where A: B {}", "fn f<\n A,\n B,\n>()\nwhere\n A: B,\n{}"),
        (
            "fn f() { match x { A => b, C => d } }",
            "fn f() { match x { A => { b } C => d, } }",
        ),
        (
            "fn f() { match x { A => { b; } C => d } }",
            "fn f() { match x { A => { b; }, C => d, } }",
        ),
        (
            "fn f() { match x { A => return b, C => d } }",
            "fn f() { match x { A => { return b; } C => d } }",
        ),
        ("fn f() { g(|x| x + 1) }", "fn f() { g(|x| { x + 1 }) }"),
        ("fn f() { vec![1, 2] }", "fn f() { vec![\n1,\n2,\n] }"),
        (
            "use crate::b::B;\nuse crate::b::B2;\nfn f() {}",
            "use crate::b::{B2, B};\nfn f() {}",
        ),
        (
            "struct S { a: u8, b: u8 }",
            "struct S {\n    /// A.\n    a: u8,\n    b: u8,\n}",
        ),
        ("fn f() { S { a } }", "fn f() { S { a: a } }"),
    ] {
        assert_eq!(code(one), code(other), "{one}");
    }
}

#[test]
fn every_change_of_the_code_changes_it() {
    let texts = [
        "fn f() {}",
        "pub fn f() {}",
        "fn f() { 1 }",
        "fn f() { 1; }",
        "fn f() { (1) }",
        "fn f() { (1,) }",
        "fn f() { return (1,) }",
        "fn f() { return (1) }",
        "fn f() { \"a b\" }",
        "fn f() { \"a  b\" }",
        "fn f() { a && b }",
        "fn f() { a & b }",
        "fn f() { a - b }",
        "#[inline]\nfn f() {}",
        "#[serde(default)]\nstruct S;",
        "struct S;",
        "use crate::b::B as X;\nfn f(x: X) {}",
        "use crate::b::B2 as X;\nfn f(x: X) {}",
        "use serde::A as X;\nfn f(x: X) {}",
        "#[cfg(not(test))]\nfn f() {}",
        "#[cfg(unix)]\nfn f() {}",
        "mod inner { fn f() {} }",
        "fn f() { 'a: loop {} }",
        "fn f() { 0..1 }",
        "fn f() { 0..=1 }",
    ];
    let codes: std::collections::BTreeSet<String> = texts.iter().map(|text| code(text)).collect();
    assert_eq!(codes.len(), texts.len());
}
