//! Streams: results to stdout, logs to stderr, colours only where a person looks.

use std::io::{IsTerminal, Write};

use miette::{GraphicalReportHandler, GraphicalTheme, NamedSource};

use crate::document::mistake::Mistake;
use crate::document::tree::OVERRIDE;
use crate::error::{Error, Result};
use crate::terminal;

/// Prints a result for people to stdout: nothing in it steers a terminal.
///
/// # Errors
/// If stdout cannot be written for another reason than that its reader left, as `head` does: that is no failure.
pub fn print(text: &str) -> Result<()> {
    write(&terminal::lines(text))
}

/// Prints a result for programs to stdout, as it is; on a terminal as [`print`] does.
///
/// # Errors
/// As [`print`].
pub fn print_data(text: &str) -> Result<()> {
    if std::io::stdout().is_terminal() {
        print(text)
    } else {
        write(text)
    }
}

fn write(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| {
        if text.ends_with('\n') {
            Ok(())
        } else {
            out.write_all(b"\n")
        }
    });
    wrote(written.and_then(|()| out.flush()))
}

/// What came of writing to stdout.
///
/// # Errors
/// As [`print`].
pub fn wrote(written: std::io::Result<()>) -> Result<()> {
    match written {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|error| Error::Io {
            action: "write to",
            path: "stdout".into(),
            source: error.into(),
        }),
    }
}

/// Writes a mistake in a document to stderr, with its source lines and caret.
pub fn complain_of(error: &Mistake) {
    terminal::say_as_is(&diagnostic(error));
}

/// Writes what went wrong to stderr.
pub fn complain(text: &str) {
    terminal::say(text);
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
    write(&json(value)?)
}

/// A value as JSON, as [`print_json`] shows it.
///
/// # Errors
/// If it cannot be encoded, which is a defect of this program.
pub fn json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string_pretty(value)
        .map(|text| terminal::json(&text))
        .map_err(|error| Error::data(format!("cannot encode the result as JSON: {error}")))
}

/// Sends log messages to stderr at the level of `AURA_BENCH_LOG` (default: warnings, and with `verbose` what this program says).
pub fn start_log(verbose: bool) {
    let level = if verbose { "warn,aura_bench=debug" } else { "warn" };
    let filter = tracing_subscriber::EnvFilter::try_from_env("AURA_BENCH_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    // A second initialisation happens only inside tests and changes nothing.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| terminal::Lenient)
        .log_internal_errors(false)
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
    let name = if error.file() == OVERRIDE {
        "--set"
    } else {
        error.file()
    };
    // The source is shown as it is written, so nothing in it may steer; its places must stay.
    let shown = Mistake {
        document: error.document,
        message: terminal::lines(&error.message),
        source_text: NamedSource::new(terminal::printable(name), terminal::masked(error.source_text.inner())),
        span: error.span,
        label: terminal::printable(&error.label),
        advice: error.advice.as_deref().map(terminal::lines),
    };
    let mut text = String::new();
    match GraphicalReportHandler::new_themed(theme)
        .with_links(false)
        .with_width(110)
        .render_report(&mut text, &shown)
    {
        Ok(()) => text,
        Err(_) => shown.message,
    }
}

fn colours() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
