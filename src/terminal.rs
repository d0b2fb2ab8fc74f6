//! What reaches a terminal: text from outside cannot steer it, and a stream that is gone stops no work.

use std::fmt::Write as _;
use std::io::{self, Write};

/// One line on stderr, or several. That it cannot be written (closed, full, or a reader that left) is no reason to lose the work it tells of.
pub(crate) fn say(text: &str) {
    say_as_is(&lines(text));
}

/// As [`say`], for text that holds this program's own colours and nothing of anybody else's that steers.
pub(crate) fn say_as_is(text: &str) {
    let _ = io::stderr().lock().write_all(format!("{text}\n").as_bytes());
}

/// Stderr for those who would complain, or worse, where it cannot be written.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Lenient;

impl Write for Lenient {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = io::stderr().lock().write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether a character changes the direction in which its neighbours are read.
pub(crate) fn reorders(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a character steers a terminal instead of standing on it.
pub(crate) fn steers(c: char) -> bool {
    c.is_control() || reorders(c) || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Text that cannot move the cursor: control characters, and those that turn the direction of reading, are shown by their
/// escape.
pub(crate) fn printable(text: &str) -> String {
    escaped(text, |_| false)
}

/// As [`printable`], for text of several lines and with tabs.
pub(crate) fn lines(text: &str) -> String {
    escaped(text, |c| matches!(c, '\n' | '\t'))
}

/// As [`lines`], of the same length in bytes: places in the text stay where they are.
pub(crate) fn masked(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => c.to_string(),
            c if steers(c) => "?".repeat(c.len_utf8()),
            c => c.to_string(),
        })
        .collect()
}

/// JSON as it stands, but for characters that steer a terminal and that JSON lets pass: they are escaped as JSON escapes.
pub(crate) fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if steers(c) && !c.is_ascii_whitespace() {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

fn escaped(text: &str, keep: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if !steers(c) || keep(c) {
            out.push(c);
        } else if c.is_ascii() {
            out.extend(c.escape_default());
        } else {
            out.extend(c.escape_unicode());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_what_shows_it() {
        let hostile = "a\u{1b}[2Jb\r\u{7}\u{9b}31m\u{202e}c\nd\te";
        assert_eq!(printable(hostile), "a\\u{1b}[2Jb\\r\\u{7}\\u{9b}31m\\u{202e}c\\nd\\te");
        assert_eq!(lines(hostile), "a\\u{1b}[2Jb\\r\\u{7}\\u{9b}31m\\u{202e}c\nd\te");
        assert_eq!(masked(hostile), "a?[2Jb???31m???c\nd\te".replace("b???", "b????"));
        assert_eq!(json("{\"a\":\n\"\u{9b}\u{7f}\"}"), "{\"a\":\n\"\\u009b\\u007f\"}");
    }
}
