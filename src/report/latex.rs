//! How a table is laid out for LaTeX: headers broken into lines, long texts into paragraphs, so that it fits the page at a size
//! that can be read.

use serde::Serialize;

use super::table::{Head, Row};

/// Letters that a line of a table holds at the size of a table's text.
const LINE: usize = 88;
/// A text no longer than this is never broken, and none is broken into shorter lines.
const SHORT: usize = 22;
/// Width of a letter of a table's text, in millimetres.
const LETTER: f64 = 1.75;

/// One column.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Column {
    /// The header, line by line.
    pub(super) lines: Vec<String>,
    /// Width in millimetres, if its texts are broken into lines.
    pub(super) width: Option<f64>,
}

/// The columns of a table with these headers and rows.
pub(super) fn columns(heads: &[Head], rows: &[Row]) -> Vec<Column> {
    let letters = |text: &str| text.chars().count();
    let widest: Vec<usize> = (0..heads.len())
        .map(|i| rows.iter().map(|row| letters(&row.cells[i].text)).max().unwrap_or(0))
        .collect();
    let headers: Vec<Vec<String>> = heads
        .iter()
        .zip(&widest)
        .map(|(head, &widest)| broken(&head.text, widest))
        .collect();
    let mut widths: Vec<usize> = headers
        .iter()
        .zip(&widest)
        .map(|(lines, &widest)| lines.iter().map(|line| letters(line)).max().unwrap_or(0).max(widest))
        .collect();
    // Words stay whole: an identifier in pieces makes rows high and cannot be read.
    let words: Vec<usize> = (0..heads.len())
        .map(|i| {
            rows.iter()
                .flat_map(|row| row.cells[i].text.split(' '))
                .map(letters)
                .max()
                .unwrap_or(0)
        })
        .collect();
    // Two letters lie between columns. What is too much is taken from the longest texts, the longest first.
    let total = |widths: &[usize]| widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1);
    let mut paragraphs = vec![false; heads.len()];
    while total(&widths) > LINE {
        let longest = (0..heads.len())
            .filter(|&i| !heads[i].number && widths[i] > SHORT.max(words[i]))
            .max_by_key(|&i| widths[i]);
        let Some(longest) = longest else { break };
        widths[longest] -= 1;
        paragraphs[longest] = true;
    }
    headers
        .into_iter()
        .zip(widths)
        .zip(paragraphs)
        .map(|((lines, width), paragraph)| Column {
            lines,
            width: paragraph.then(|| (width as f64 * LETTER * 10.0).round() / 10.0),
        })
        .collect()
}

/// A header broken at its spaces into lines no longer than its longest word or the cells below it.
fn broken(text: &str, widest: usize) -> Vec<String> {
    let words: Vec<&str> = text.split(' ').collect();
    let letters = |text: &str| text.chars().count();
    let most = words.iter().map(|word| letters(word)).max().unwrap_or(0).max(widest);
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if letters(line) + 1 + letters(word) <= most => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::table::Cell;

    fn table(heads: &[(&str, bool)], cells: &[&str]) -> Vec<Column> {
        let heads: Vec<Head> = heads
            .iter()
            .map(|(text, number)| Head {
                text: (*text).to_owned(),
                number: *number,
            })
            .collect();
        let cells = cells
            .iter()
            .map(|text| Cell {
                text: (*text).to_owned(),
                missing: false,
                sort: None,
            })
            .collect();
        let row = Row {
            total: false,
            first: false,
            cells,
        };
        columns(&heads, &[row])
    }

    #[test]
    fn headers_are_no_wider_than_they_must_be() {
        let found = table(
            &[("Largest share (%)", true), ("Quantity", false)],
            &["33.3", "a text of some length"],
        );
        assert_eq!(found[0].lines, ["Largest", "share", "(%)"]);
        assert_eq!(found[1].lines, ["Quantity"]);
        assert_eq!((found[0].width, found[1].width), (None, None));
    }

    #[test]
    fn only_what_is_too_long_becomes_a_paragraph() {
        let long = "word ".repeat(30);
        let found = table(
            &[("Runs", false), ("Method", false), ("Value", true)],
            &[&long, "AURA", "61.5 ± 0.4"],
        );
        assert_eq!(
            found[0].width,
            Some((f64::from(88 - 4 - 10 - 6) * LETTER * 10.0).round() / 10.0)
        );
        assert_eq!((found[1].width, found[2].width), (None, None));
        // A word stays whole, however long it is.
        let identifier = "0123456789abcdef".repeat(6);
        let found = table(&[("Sample", false), ("Value", true)], &[&identifier, "61.5 ± 0.4"]);
        assert_eq!(found[0].width, None);
        // Numbers are never broken, however wide they are.
        let wide: Vec<(&str, bool)> = vec![("Value", true); 20];
        assert!(
            table(&wide, &["61.5 ± 0.4"; 20])
                .iter()
                .all(|column| column.width.is_none())
        );
    }
}
