//! Text for LaTeX and Markdown. Labels, paths and identifiers come from databases and may hold anything.
//!
//! HTML is escaped by minijinja itself; CSV by the query layer.

use std::fmt::Write as _;

use crate::terminal::reorders;

/// Text that LaTeX prints as it stands, whatever it holds.
///
/// Characters beyond Latin and Greek that a plain `pdflatex` with T1 fonts cannot print become their code point (`U+4E2D`).
pub(crate) fn latex(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        push_latex(&mut out, c);
    }
    out
}

/// Text that HTML prints as it stands, in an element and in a quoted attribute.
pub(super) fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#x27;"),
            c => out.push(c),
        }
    }
    out
}

/// What the program says of a table, in which names of keys stand between backticks: they become code, each part is escaped.
pub(super) fn prose(text: &str, escape: fn(&str) -> String, open: &str, close: &str) -> String {
    let mut out = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('`') {
        let Some((code, after)) = after.split_once('`') else {
            break;
        };
        out.push_str(&escape(before));
        out.push_str(open);
        // Between backticks Markdown takes everything as it stands.
        out.push_str(&if open == "`" {
            code.replace('\n', " ")
        } else {
            escape(code)
        });
        out.push_str(close);
        rest = after;
    }
    out.push_str(&escape(rest));
    out
}

/// Letters in a row after which [`latex_breakable`] lets a line end.
const UNBROKEN: usize = 16;

/// As [`latex`], and a line may end within a long word: after punctuation, and within digests.
pub(super) fn latex_breakable(text: &str) -> String {
    let mut out = String::with_capacity(2 * text.len());
    let mut run = 0;
    for c in text.chars() {
        push_latex(&mut out, c);
        // What is no letter of a word in Latin may stand for several letters.
        let letter = c.is_alphanumeric() && c <= '\u{17f}' && !out.ends_with('}');
        run = if letter { run + 1 } else { UNBROKEN };
        if run == UNBROKEN && !c.is_whitespace() {
            out.push_str("\\allowbreak{}");
            run = 0;
        }
    }
    out
}

/// Greek letters that have a name in LaTeX's mathematics.
fn greek(c: char) -> Option<&'static str> {
    Some(match c {
        'α' => "alpha",
        'β' => "beta",
        'γ' => "gamma",
        'δ' => "delta",
        'ε' => "varepsilon",
        'ζ' => "zeta",
        'η' => "eta",
        'θ' => "theta",
        'ι' => "iota",
        'κ' => "kappa",
        'λ' => "lambda",
        'μ' => "mu",
        'ν' => "nu",
        'ξ' => "xi",
        'π' => "pi",
        'ρ' => "rho",
        'σ' => "sigma",
        'ς' => "varsigma",
        'τ' => "tau",
        'υ' => "upsilon",
        'φ' => "varphi",
        'χ' => "chi",
        'ψ' => "psi",
        'ω' => "omega",
        'Γ' => "Gamma",
        'Δ' => "Delta",
        'Θ' => "Theta",
        'Λ' => "Lambda",
        'Ξ' => "Xi",
        'Π' => "Pi",
        'Σ' => "Sigma",
        'Υ' => "Upsilon",
        'Φ' => "Phi",
        'Ψ' => "Psi",
        'Ω' => "Omega",
        _ => return None,
    })
}

/// Whether `word` is a backslash's word for a Greek letter.
#[cfg(test)]
pub(super) fn is_greek(word: &str) -> bool {
    ('Γ'..='ω').any(|c| greek(c) == Some(word))
}

fn push_latex(out: &mut String, c: char) {
    // Two of these in a row would become another character.
    if matches!(c, ',' | '\'') && out.ends_with(c) {
        out.push_str("{}");
    }
    match c {
        '\\' => out.push_str("\\textbackslash{}"),
        '{' => out.push_str("\\{"),
        '}' => out.push_str("\\}"),
        '$' | '&' | '#' | '_' | '%' => {
            out.push('\\');
            out.push(c);
        }
        '~' => out.push_str("\\textasciitilde{}"),
        '^' => out.push_str("\\textasciicircum{}"),
        '<' => out.push_str("\\textless{}"),
        '>' => out.push_str("\\textgreater{}"),
        '|' => out.push_str("\\textbar{}"),
        '"' => out.push_str("\\textquotedbl{}"),
        '`' => out.push_str("\\textasciigrave{}"),
        // Groups keep `--` and `---` from becoming dashes, and a leading `[` from becoming an argument of `\\`.
        '-' => out.push_str("{-}"),
        '[' => out.push_str("{[}"),
        ']' => out.push_str("{]}"),
        '*' => out.push_str("{*}"),
        '–' => out.push_str("--"),
        '—' => out.push_str("---"),
        '±' => out.push_str("$\\pm$"),
        '−' => out.push_str("$-$"),
        '≥' => out.push_str("$\\geq$"),
        '≤' => out.push_str("$\\leq$"),
        '×' => out.push_str("$\\times$"),
        '’' => out.push('\''),
        '…' => out.push_str("\\ldots{}"),
        '·' => out.push_str("$\\cdot$"),
        '\u{a0}' => out.push('~'),
        '≈' => out.push_str("$\\approx$"),
        '→' => out.push_str("$\\to$"),
        '“' => out.push_str("``"),
        '”' => out.push_str("''"),
        '‘' => out.push('`'),
        c if c.is_whitespace() => out.push(' '),
        c if c.is_control() => {}
        // A soft hyphen, and letters that T1 lacks, are no exception to the last arm.
        c if c.is_ascii()
            || ('\u{a1}'..='\u{17f}').contains(&c)
                && !matches!(c, '\u{ad}' | 'ĸ' | 'ſ' | 'ŉ' | 'Ŀ' | 'ŀ' | 'Ħ' | 'ħ' | 'Ŧ' | 'ŧ') =>
        {
            out.push(c);
        }
        c => match greek(c) {
            Some(name) => {
                let _ = write!(out, "$\\{name}$");
            }
            None => {
                let _ = write!(out, "\\texttt{{U+{:04X}}}", c as u32);
            }
        },
    }
}

/// Text that Markdown prints as it stands, inside a table cell too: on one line, without HTML or markup.
pub(crate) fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // Some renderers split a table row before they look at backslashes.
            '|' => out.push_str("&#124;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '~' | '!' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_whitespace() => out.push(' '),
            c if c.is_control() || reorders(c) => {}
            c => out.push(c),
        }
    }
    out
}

/// A name for a file or an HTML identifier: lower-case letters, digits and hyphens.
pub(super) fn slug(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || c == '_' {
            out.push(c.to_ascii_lowercase());
        } else if !out.ends_with('-') && !out.is_empty() {
            out.push('-');
        }
        if out.len() >= 60 {
            break;
        }
    }
    let out = out.trim_end_matches('-');
    if out.is_empty() {
        "run".to_owned()
    } else {
        out.to_owned()
    }
}
