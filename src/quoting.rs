//! Words as shells read them: for a person to copy, and for scripts.

/// A word as the shell reads it that this system opens: on Windows PowerShell, in which a backslash is itself.
pub(crate) fn quoted(text: &str) -> String {
    if cfg!(windows) {
        single(text, "\\/._-+:=", "''")
    } else {
        posix(text)
    }
}

/// A word as every POSIX shell reads it, as it is.
pub(crate) fn posix(text: &str) -> String {
    single(text, "/._-+:@%=,", r"'\''")
}

/// A word in which a POSIX shell puts the values of variables (`$NAME`, `${NAME}`), and does nothing else.
pub(crate) fn expandable(text: &str) -> String {
    let mut out = String::from("\"");
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some(length) = variable(rest) {
            out.push_str(&rest[..length]);
            rest = &rest[length..];
            continue;
        }
        if matches!(first, '$' | '`' | '"' | '\\') {
            out.push('\\');
        }
        out.push(first);
        rest = &rest[first.len_utf8()..];
    }
    out.push('"');
    out
}

fn single(text: &str, others: &str, escaped: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || others.contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', escaped))
    }
}

/// Bytes of the variable that a text begins with.
fn variable(text: &str) -> Option<usize> {
    let name = text.strip_prefix('$')?;
    let braced = name.strip_prefix('{');
    let name = braced.unwrap_or(name);
    let length = name
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .unwrap_or(name.len());
    if length == 0 || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    match braced {
        Some(_) => name[length..].starts_with('}').then_some(length + 3),
        None => Some(length + 1),
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::{expandable, quoted};

    fn said(word: &str) -> String {
        let said = std::process::Command::new("sh")
            .args(["-c", &format!("printf %s {word}")])
            .env("PLACE", "on *the* node")
            .output()
            .unwrap();
        assert!(said.status.success(), "{word}");
        String::from_utf8(said.stdout).unwrap()
    }

    const WORDS: [&str; 7] = [
        "",
        "plain/path-1.jpg",
        "two words",
        "it's",
        "$HOME `id` \"x\" \\ *;&|~#!",
        "a\nb",
        "Ä",
    ];

    #[test]
    fn a_word_is_one_word_to_a_shell() {
        for word in WORDS {
            assert_eq!(said(&quoted(word)), word, "{}", quoted(word));
        }
    }

    #[test]
    fn variables_are_put_in_and_nothing_else_happens() {
        for word in WORDS.into_iter().filter(|word| !word.contains("$HOME")) {
            assert_eq!(said(&expandable(word)), word, "{}", expandable(word));
        }
        for (word, expected) in [
            ("$PLACE/a b", "on *the* node/a b"),
            ("${PLACE}s", "on *the* nodes"),
            (
                "$(id) ${PLACE:-x} $ $1 ${} `id` \\$PLACE",
                "$(id) ${PLACE:-x} $ $1 ${} `id` \\on *the* node",
            ),
            ("it's \"$PLACE\"", "it's \"on *the* node\""),
        ] {
            assert_eq!(said(&expandable(word)), expected, "{}", expandable(word));
        }
    }
}
