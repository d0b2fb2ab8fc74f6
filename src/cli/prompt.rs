//! The SQL prompt of `aura-bench query`: history, completion of views, columns and keywords, one statement up to a `;`.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::PathBuf;

use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Editor, Helper};

use crate::chain::stages;
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::query::context::QueryContext;
use crate::query::{Format, Value};

use super::output;

const KEYWORDS: [&str; 36] = [
    "AND",
    "AS",
    "ASC",
    "AVG",
    "BETWEEN",
    "BY",
    "CASE",
    "COUNT",
    "DESC",
    "DISTINCT",
    "ELSE",
    "END",
    "EXPLAIN",
    "FILTER",
    "FROM",
    "GROUP",
    "HAVING",
    "IN",
    "IS",
    "JOIN",
    "LEFT",
    "LIKE",
    "LIMIT",
    "MAX",
    "MIN",
    "NOT",
    "NULL",
    "ON",
    "OR",
    "ORDER",
    "SELECT",
    "STDDEV_SAMP",
    "SUM",
    "THEN",
    "WHERE",
    "WITH",
];

const HELP: &str = "\
one SELECT, WITH, VALUES or EXPLAIN, ended by ;
\\d            views          \\d VIEW       columns of a view
\\f FORMAT     table, csv or json
\\q            leave (or Ctrl-D)";

/// Completes names and keywords.
struct Words {
    columns: BTreeMap<String, Vec<String>>,
}

impl Words {
    /// Where the word at `pos` begins, and what it could become. Columns of the views that the line names come first.
    fn candidates(&self, line: &str, pos: usize) -> (usize, Vec<String>) {
        let before = line.get(..pos).unwrap_or(line);
        let start = before
            .rfind(|c: char| !c.is_alphanumeric() && c != '_')
            .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
        let word = before[start..].to_lowercase();
        if word.is_empty() {
            return (start, Vec::new());
        }
        let named = |view: &str| {
            line.split(|c: char| !c.is_alphanumeric() && c != '_')
                .any(|part| part == view)
        };
        let mut found: Vec<String> = Vec::new();
        let mut add = |name: &str| {
            if name.to_lowercase().starts_with(&word) && !found.iter().any(|there| there == name) {
                found.push(name.to_owned());
            }
        };
        let here = self.columns.iter().filter(|(view, _)| named(view));
        let first = here.flat_map(|(_, columns)| columns).map(String::as_str);
        let views = self.columns.keys().map(String::as_str);
        let columns = self.columns.values().flatten().map(String::as_str);
        for name in first.chain(views).chain(columns).chain(KEYWORDS) {
            add(name);
        }
        (start, found)
    }
}

impl Completer for Words {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _context: &rustyline::Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (start, found) = self.candidates(line, pos);
        let pairs = found.into_iter().map(|word| Pair {
            display: word.clone(),
            replacement: word,
        });
        Ok((start, pairs.collect()))
    }
}

impl Hinter for Words {
    type Hint = String;
}
impl Highlighter for Words {}
impl Validator for Words {}
impl Helper for Words {}

/// Reads statements until the end of input. On a terminal an error is shown and the next statement read, and Ctrl-C ends the
/// statement alone; elsewhere the first error, or Ctrl-C, ends the call.
pub fn run(
    context: &QueryContext,
    format: Format,
    parameters: &[(String, Value)],
    interrupt: &Interrupt,
) -> Result<()> {
    let interactive = std::io::stdin().is_terminal();
    let failed = |error: ReadlineError| Error::Io {
        action: "read from",
        path: "stdin".into(),
        source: error.into(),
    };
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .history_ignore_space(true)
        .build();
    let mut editor: Editor<Words, DefaultHistory> = Editor::with_config(config).map_err(failed)?;
    editor.set_helper(Some(Words {
        columns: context.columns()?,
    }));
    let history = interactive.then(history_file).flatten();
    if let Some(path) = &history {
        // The first session has no history yet.
        let _ = editor.load_history(path);
    }
    let mut session = Session {
        context,
        format,
        parameters: parameters
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone()))
            .collect(),
        interactive,
        interrupt,
    };
    if interactive {
        output::print(&format!("{} runs; \\? for help", context.runs().len()))?;
    }
    let mut pending = String::new();
    loop {
        let prompt = match (interactive, pending.is_empty()) {
            (false, _) => "",
            (true, true) => "aura> ",
            (true, false) => "  ... ",
        };
        match editor.readline(prompt) {
            Ok(line) => {
                if pending.is_empty() && line.trim_start().starts_with('\\') {
                    if !session.command(line.trim())? {
                        break;
                    }
                    continue;
                }
                if !pending.is_empty() {
                    pending.push('\n');
                }
                pending.push_str(&line);
                while let Some((statement, rest)) = split(&pending) {
                    let (statement, rest) = (statement.to_owned(), rest.trim_start().to_owned());
                    if interactive {
                        let _ = editor.add_history_entry(format!("{};", statement.replace('\n', " ")));
                    }
                    session.answer(&statement)?;
                    pending = rest;
                }
            }
            // Ctrl-C drops what was typed.
            Err(ReadlineError::Interrupted) => pending.clear(),
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(failed(error)),
        }
    }
    if !interactive && !pending.trim().is_empty() {
        session.answer(&pending)?;
    }
    if let Some(path) = &history {
        if let Some(folder) = path.parent() {
            let _ = std::fs::create_dir_all(folder);
        }
        if let Err(error) = editor.save_history(path) {
            tracing::warn!("cannot keep the history in {}: {error}", path.display());
        }
    }
    Ok(())
}

fn history_file() -> Option<PathBuf> {
    stages::cache_folder(None)
        .ok()
        .map(|folder| folder.join("query-history"))
}

/// The first statement of a text and what follows its `;`; `None` while it has no end. A `;` in quotes ends nothing.
fn split(text: &str) -> Option<(&str, &str)> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            (None, ';') => return Some((&text[..at], &text[at + 1..])),
            _ => {}
        }
    }
    None
}

struct Session<'a> {
    context: &'a QueryContext,
    format: Format,
    parameters: Vec<(&'a str, Value)>,
    interactive: bool,
    interrupt: &'a Interrupt,
}

impl Session<'_> {
    fn answer(&self, statement: &str) -> Result<()> {
        if statement.trim().is_empty() {
            return Ok(());
        }
        match self.context.query_with(statement, &self.parameters) {
            Ok(table) => output::print_data(&table.to_text(self.format)),
            Err(Error::Interrupted) if self.interactive => {
                self.interrupt.lower();
                output::print("interrupted")
            }
            Err(error) if self.interactive => output::print(&format!("error: {error}")),
            Err(error) => Err(error),
        }
    }

    /// Runs a command; false to leave.
    fn command(&mut self, line: &str) -> Result<bool> {
        let mut words = line.split_whitespace();
        match (words.next(), words.next()) {
            (Some("\\q"), _) => return Ok(false),
            (Some("\\d"), None) => {
                self.answer("SELECT DISTINCT table_name AS view FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1")?;
            }
            (Some("\\d"), Some(view)) => {
                let view = view.replace('\'', "");
                self.answer(&format!(
                    "SELECT column_name, data_type FROM information_schema.columns \
                     WHERE table_schema = 'public' AND table_name = '{view}' ORDER BY ordinal_position"
                ))?;
            }
            (Some("\\f"), Some(name)) => match <Format as clap::ValueEnum>::from_str(name, true) {
                Ok(Format::Parquet) | Err(_) => output::print("formats here: table, csv, json")?,
                Ok(format) => self.format = format,
            },
            _ => output::print(HELP)?,
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_ends_at_a_semicolon_outside_quotes() {
        assert_eq!(split("SELECT 1; SELECT 2"), Some(("SELECT 1", " SELECT 2")));
        assert_eq!(split("SELECT ';'"), None);
        assert_eq!(split("SELECT ';', \"a;b\";"), Some(("SELECT ';', \"a;b\"", "")));
        assert_eq!(split("SELECT 'it''s';"), Some(("SELECT 'it''s'", "")));
    }

    #[test]
    fn completion_knows_views_columns_and_keywords() {
        let words = Words {
            columns: BTreeMap::from([
                (
                    "metrics".to_owned(),
                    vec!["metric".to_owned(), "method".to_owned(), "value".to_owned()],
                ),
                ("samples".to_owned(), vec!["sample_id".to_owned(), "valence".to_owned()]),
            ]),
        };
        let complete = |line: &str| words.candidates(line, line.len());
        assert_eq!(complete("SEL"), (0, vec!["SELECT".to_owned()]));
        assert_eq!(complete("SELECT * FROM met").1, ["metrics", "metric", "method"]);
        let line = "SELECT va FROM samples";
        assert_eq!(
            words.candidates(line, 9),
            (7, vec!["valence".to_owned(), "value".to_owned()])
        );
        assert_eq!(complete("SELECT m.val").0, 9);
        assert!(complete("SELECT ").1.is_empty());
        assert!(complete("SELECT 'größe mé").1.is_empty());
    }
}
