//! Progress on stderr: a bar with rate and time left on a terminal, single lines elsewhere, nothing where quiet is asked for.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How progress is shown; cheap to copy around.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    quiet: bool,
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
            bars: !quiet && std::io::stderr().is_terminal(),
        }
    }

    /// Shows nothing; for tests and library use.
    pub fn hidden() -> Self {
        Self {
            quiet: true,
            bars: false,
        }
    }

    /// One line on stderr, unless quiet.
    #[expect(clippy::print_stderr, reason = "progress is what stderr is for")]
    pub fn line(&self, text: &str) {
        if !self.quiet {
            eprintln!("{text}");
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
        bar.set_prefix(title.to_owned());
        Bar(bar)
    }
}

/// One running bar; it disappears when dropped.
#[derive(Debug)]
pub struct Bar(ProgressBar);

impl Bar {
    /// Advances by `n` units.
    pub fn inc(&self, n: u64) {
        self.0.inc(n);
    }

    /// Replaces the text behind the bar.
    pub fn message(&self, text: impl Into<String>) {
        self.0.set_message(text.into());
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
