//! Streams: results to stdout, logs to stderr, colours only where a person looks.

use std::io::{IsTerminal, Write};

use miette::{GraphicalReportHandler, GraphicalTheme, NamedSource};

use crate::document::mistake::Mistake;
use crate::document::tree::OVERRIDE;
use crate::error::{Error, Result};

/// Prints a result to stdout.
///
/// # Errors
/// If stdout cannot be written for another reason than a closed pipe.
pub fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| {
        if text.ends_with('\n') {
            Ok(())
        } else {
            out.write_all(b"\n")
        }
    });
    match written.and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|error| Error::Io {
            action: "write to",
            path: "stdout".into(),
            source: error.into(),
        }),
    }
}

/// Writes what went wrong to stderr.
#[expect(clippy::print_stderr, reason = "this is where errors become visible")]
pub fn complain(text: &str) {
    eprintln!("{text}");
}

/// Writes what helps against it to stderr.
pub fn help(lines: &[&str]) {
    for line in lines {
        complain(&format!("  help: {line}"));
    }
}

/// Prints a value as one line of JSON.
///
/// # Errors
/// As [`print`].
pub fn print_json(value: &impl serde::Serialize) -> Result<()> {
    print(&json(value)?)
}

/// A value as JSON, as [`print_json`] shows it.
///
/// # Errors
/// If it cannot be encoded, which is a defect of this program.
pub fn json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string_pretty(value)
        .map_err(|error| Error::data(format!("cannot encode the result as JSON: {error}")))
}

/// Sends log messages to stderr at the level of `AURA_BENCH_LOG` (default: warnings).
pub fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("AURA_BENCH_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    // A second initialisation happens only inside tests and changes nothing.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours())
        .without_time()
        .try_init();
}

/// A mistake in a document with its source lines and caret.
pub fn diagnostic(error: &Mistake) -> String {
    let theme = if colours() {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    let named;
    let error = if error.file() == OVERRIDE {
        named = Mistake {
            document: error.document,
            message: error.message.clone(),
            source_text: NamedSource::new("--set", error.source_text.inner().clone()),
            span: error.span,
            label: error.label.clone(),
            advice: error.advice.clone(),
        };
        &named
    } else {
        error
    };
    let mut text = String::new();
    match GraphicalReportHandler::new_themed(theme)
        .with_links(false)
        .with_width(110)
        .render_report(&mut text, error)
    {
        Ok(()) => text,
        Err(_) => error.message.clone(),
    }
}

fn colours() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
