//! The house as ARCHITECTURE.md draws it, held against the imports as they are.
//!
//! Its table `| room | holds | may use |` is read as it stands:
//! - Rooms are listed from the top floor down. A room imports rooms of rows below its own, never above; rooms of one row may
//!   import each other.
//! - A room is a folder or file under `src/`, in backticks: `` `chain/` ``, `` `error.rs` ``. A row may name several. A folder
//!   within a room may have a row of its own (`` `standin/draw/` ``); it then is a room like any other.
//! - "may use" is `—`, or a list of rooms in backticks, separated by commas, and no other word; in the rows at the top also
//!   `everything`. What is listed must be used.
//! - A row whose first cell ends in `(ground)` may be used by all rooms above that are not ground themselves, without being
//!   listed. What ground uses is listed like everywhere.
//!
//! Imports lead through re-exports to the file that defines. Files that only tests reach import nothing and have
//! no length.
//!
//! `HOUSE_PRINT=1 cargo test --test house -- --nocapture` prints the table that the imports ask for.

#[path = "../../build/digest.rs"]
#[allow(dead_code, reason = "what only the build asks for")]
mod digest;
mod planted;
mod reading;
mod rules;
#[path = "../../build/source.rs"]
#[allow(dead_code, reason = "what only the build asks for")]
mod source;
mod table;
mod words;

use std::path::Path;

use source::{Cache, Files, Tree};
use table::Table;

#[test]
#[expect(clippy::print_stdout, reason = "on request")]
fn the_house_stands_as_it_is_drawn() {
    let files = Files::on(Path::new(env!("CARGO_MANIFEST_DIR")));
    let tree = Tree::read(&files, &mut Cache::new()).unwrap();
    let table = files
        .text(rules::DOCUMENT)
        .and_then(|text| Table::read(rules::DOCUMENT, &text));
    if std::env::var_os("HOUSE_PRINT").is_some() {
        for row in rules::measured(&tree, &table.clone().unwrap_or_default()) {
            println!("{row}");
        }
    }
    let found = rules::findings(&tree, &table.unwrap(), &files);
    assert!(found.is_empty(), "{} findings\n{}", found.len(), found.join("\n"));
}
