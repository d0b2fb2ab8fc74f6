//! What only the command line may say, and who may write to a terminal.

use std::path::{Path, PathBuf};

/// The rooms that know options and streams.
const COMMAND_LINE: &str = "src/cli/";
/// What else may write to a terminal.
const REPORTERS: [&str; 2] = ["src/progress.rs", "src/terminal.rs"];
/// What writes to a terminal.
const WRITERS: [&str; 6] = [
    "println!",
    "eprintln!",
    "print!(",
    "eprint!(",
    "io::stdout",
    "io::stderr",
];

/// `file:line: …` of an option of the command line. Not meant are the options of other
/// programs: a literal of one word is handed to one, and what follows `cargo` is for cargo.
fn options(path: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (line, words) in lines(text) {
        let mut from = 0;
        while let Some(at) = words[from..].find("--").map(|at| at + from) {
            let (before, after) = words.split_at(at);
            let option = after[2..].starts_with(|first: char| first.is_ascii_lowercase());
            let literal = after
                .find('"')
                .is_some_and(|end| !after[..end].contains([' ', ':', '{']));
            let of_another = before.contains("cargo ") || before.ends_with("var(") || before.ends_with('"') && literal;
            if option && !of_another {
                let name = after.split([' ', '"', '`', ',', '\'', '.']).next().unwrap_or(after);
                found.push(format!(
                    "{path}:{line}: `{name}` is an option of the command line; only {COMMAND_LINE} names it"
                ));
            }
            from = words.len() - after.trim_start_matches('-').len();
        }
    }
    found
}

/// `file:line: …` of whatever writes to a terminal.
fn writers(path: &str, text: &str) -> Vec<String> {
    lines(text)
        .filter(|(_, words)| !words.trim_start().starts_with("//"))
        .filter_map(|(line, words)| Some((line, WRITERS.iter().find(|writer| words.contains(**writer))?)))
        .map(|(line, writer)| {
            format!("{path}:{line}: `{writer}` writes to a terminal; return text or tell Progress: only {COMMAND_LINE} and {} write", REPORTERS.join(", "))
        })
        .collect()
}

/// Numbered lines up to the tests.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    text[..end].lines().enumerate().map(|(at, line)| (at + 1, line))
}

/// The source, without files that hold only tests.
fn source(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("a room's folder can be read")
        .map(|entry| entry.expect("an entry can be read").path())
        .collect();
    entries.sort();
    for path in entries {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if name == "tests" || name.ends_with("_tests") {
            continue;
        }
        if path.is_dir() {
            source(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn only_the_command_line_names_options_and_writes_to_a_terminal() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    source(&root.join("src"), &mut files);
    assert!(!files.is_empty());
    let mut found = Vec::new();
    for file in files {
        let path = file.strip_prefix(root).unwrap().to_string_lossy().into_owned();
        if path.starts_with(COMMAND_LINE) {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        found.extend(options(&path, &text));
        if !REPORTERS.contains(&path.as_str()) {
            found.extend(writers(&path, &text));
        }
    }
    // What the program embeds is text of the library too; remarks in it are for whoever reads the file.
    let mut embedded = Vec::new();
    for folder in ["datasets", "datasets/shared", "reports", "reports/published"] {
        files_in(&root.join(folder), "toml", &mut embedded);
    }
    assert!(embedded.len() > 5);
    for file in embedded {
        let path = file.strip_prefix(root).unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).unwrap();
        let without_remarks: Vec<&str> = text
            .lines()
            .map(|line| if line.starts_with('#') { "" } else { line })
            .collect();
        found.extend(options(&path, &without_remarks.join("\n")));
    }
    assert!(found.is_empty(), "{} findings\n{}", found.len(), found.join("\n"));
}

/// Files of a kind in a folder itself.
fn files_in(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("an entry can be read").path();
        if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
}

#[test]
fn options_are_told_from_what_other_programs_take() {
    for (line, expected) in [
        ("    \"point --data at the folder\"", 1),
        ("/// Before `--set`.", 1),
        ("    \"--peer: {} failed\"", 1),
        ("    \"give --data or --stand-in\"", 2),
        ("    Err(\"--data is missing\")", 1),
        ("    format!(\"{}--data\", 1)", 1),
        ("    command.arg(\"--no-compile\");", 0),
        ("git(&[\"status\", \"--porcelain\", \"--untracked-files=no\"])", 0),
        ("const REBUILD: &str = \"cargo build --release --features cuda\";", 0),
        (".replace(\"#DDE1E6\", \"var(--rule)\")", 0),
        ("// ---- a -- b", 0),
    ] {
        assert_eq!(options("a.rs", line).len(), expected, "{line}");
    }
    assert_eq!(options("a.rs", "x\n\"--x y\"")[0].split(": ").next(), Some("a.rs:2"));
    assert_eq!(options("a.rs", "\n#[cfg(test)]\nmod tests {\n\"use --x\"").len(), 0);
    assert_eq!(
        writers(
            "a.rs",
            "    println!(\"x\");\n// println!\nlet out = std::io::stdout();"
        )
        .len(),
        2
    );
}
