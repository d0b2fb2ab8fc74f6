//! Progress on stderr: a bar with rate and time left on a terminal, single lines elsewhere, nothing where quiet is asked for.

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::terminal;

/// The title of the latest bar.
static DOING: Mutex<String> = Mutex::new(String::new());

/// What is being done, as far as a bar was opened for it.
pub(crate) fn doing() -> Option<String> {
    let title = DOING.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Some(title).filter(|title| !title.is_empty())
}

/// How progress is shown; cheap to copy around.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    quiet: bool,
    verbose: bool,
    bars: bool,
}

impl Default for Progress {
    fn default() -> Self {
        Self::hidden()
    }
}

impl Progress {
    /// Bars if stderr is a terminal, lines if it is not, nothing if `quiet`.
    pub fn new(quiet: bool) -> Self {
        Self {
            quiet,
            verbose: false,
            bars: !quiet && std::io::stderr().is_terminal(),
        }
    }

    /// Shows nothing; for tests and library use.
    pub fn hidden() -> Self {
        Self {
            quiet: true,
            verbose: false,
            bars: false,
        }
    }

    /// The same, with details: where results lie, and what they cost.
    pub(crate) fn with_details(self) -> Self {
        Self { verbose: true, ..self }
    }

    /// A line below another one, for those who ask for details.
    pub(crate) fn detail(&self, text: &str) {
        if self.verbose {
            self.line(&format!("            {text}"));
        }
    }

    /// One line on stderr, unless quiet. A stderr that is gone stops no work.
    pub fn line(&self, text: &str) {
        if !self.quiet {
            terminal::say(&terminal::printable(text));
        }
    }

    /// Opens a bar for `total` units (`"images"`, `"epochs"`).
    pub(crate) fn bar(&self, title: &str, total: u64, unit: &str) -> Bar {
        let bar = if self.bars {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            let template = format!("{{prefix:>10}} {{bar:30}} {{pos}}/{{len}} {unit} {{per_sec}} eta {{eta}} {{msg}}");
            if let Ok(style) = ProgressStyle::with_template(&template) {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        } else {
            ProgressBar::hidden()
        };
        title.clone_into(&mut DOING.lock().unwrap_or_else(PoisonError::into_inner));
        bar.set_prefix(title.to_owned());
        Bar(Arc::new(Shown {
            bar,
            text: Mutex::default(),
        }))
    }
}

/// One running bar; it disappears when its last copy is dropped.
#[derive(Debug, Clone)]
pub struct Bar(Arc<Shown>);

#[derive(Debug)]
struct Shown {
    bar: ProgressBar,
    text: Mutex<Text>,
}

/// What stands behind a bar.
#[derive(Debug)]
struct Text {
    text: String,
    rows: u64,
    since: Instant,
}

impl Default for Text {
    fn default() -> Self {
        Self {
            text: String::new(),
            rows: 0,
            since: Instant::now(),
        }
    }
}

impl Default for Bar {
    fn default() -> Self {
        Progress::hidden().bar("", 0, "")
    }
}

impl Bar {
    /// Advances by `n` units.
    pub fn inc(&self, n: u64) {
        self.0.bar.inc(n);
    }

    /// Replaces the text behind the bar.
    pub fn message(&self, text: impl Into<String>) {
        let text = terminal::printable(&text.into());
        self.0.bar.set_message(text.clone());
        *self.0.text.lock().unwrap_or_else(PoisonError::into_inner) = Text {
            text,
            ..Text::default()
        };
    }

    /// Says behind the text how many rows were read since it was set, and how fast: that long work of unknown length goes on.
    pub fn read(&self, rows: usize) {
        if self.0.bar.is_hidden() {
            return;
        }
        let mut text = self.0.text.lock().unwrap_or_else(PoisonError::into_inner);
        text.rows += rows as u64;
        let rate = text.rows as f64 / text.since.elapsed().as_secs_f64().max(1e-3);
        let (rows, rate) = (HumanCount(text.rows), HumanCount(rate as u64));
        self.0
            .bar
            .set_message(format!("{} · {rows} rows read, {rate}/s", text.text));
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
