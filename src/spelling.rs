//! When two written names are the same name.
//!
//! Labels, classes of a recipe and files on disk are written by different people and programs: `Anger`, `anger `, `ANGER`; an
//! accent as one character or as two; `3` and `3.0`. What counts as the same stands here alone.

use std::borrow::Cow;

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

/// An integer, also when written as `3.0`.
pub fn integer(text: &str) -> Option<i32> {
    let text = text.trim();
    if let Ok(value) = text.parse::<i32>() {
        return Some(value);
    }
    let value: f64 = text.parse().ok()?;
    // The range check makes the cast exact.
    (value.fract() == 0.0 && value.abs() < 1e6).then_some(value as i32)
}

/// The text with every accent joined to its letter (Unicode's form NFC), as keyboards write it and some file systems do not.
pub fn composed(text: &str) -> Cow<'_, str> {
    ComposingNormalizerBorrowed::new_nfc().normalize(text)
}

/// A path in the forms in which another system may have written its accents, each but the path itself: folders and file name may
/// have been named by different systems.
pub fn other_forms(path: &str) -> Vec<String> {
    if path.is_ascii() {
        return Vec::new();
    }
    let (folder, name) = path
        .rsplit_once('/')
        .map_or((None, path), |(folder, name)| (Some(folder), name));
    let forms = |text: &str| {
        let apart = DecomposingNormalizerBorrowed::new_nfd().normalize(text).into_owned();
        [text.to_owned(), composed(text).into_owned(), apart]
    };
    let names = forms(name);
    let mut all: Vec<String> = match folder {
        None => names.to_vec(),
        Some(folder) => forms(folder)
            .iter()
            .flat_map(|folder| names.iter().map(move |name| format!("{folder}/{name}")))
            .collect(),
    };
    all.retain(|form| form != path);
    all.sort();
    all.dedup();
    all
}

/// What is equal for two spellings of one class, and differs between two classes: without regard to case, to spaces around it and
/// to how many stand between its words, and to the form of accents. Whole numbers are equal if their values are.
pub fn class_key(text: &str) -> String {
    if let Some(number) = integer(text) {
        return number.to_string();
    }
    // Upper case first: `ς` and `σ`, `ß` and `SS` differ in lower case alone.
    let folded: String = composed(text)
        .chars()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .collect();
    let words: Vec<&str> = folded.split_whitespace().collect();
    composed(&words.join(" ")).into_owned()
}

/// The position of the class that `text` is a spelling of.
pub fn find_class<'a>(classes: impl IntoIterator<Item = &'a String>, text: &str) -> Option<usize> {
    let key = class_key(text);
    classes.into_iter().position(|class| class_key(class) == key)
}

/// The first two of these names that are one class.
pub fn same_class(names: &[String]) -> Option<(&str, &str)> {
    let mut seen: std::collections::BTreeMap<String, &str> = std::collections::BTreeMap::new();
    names
        .iter()
        .find_map(|name| Some((seen.insert(class_key(name), name)?, name.as_str())))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn integers_as_written() {
        assert_eq!(integer(" 5 "), Some(5));
        assert_eq!(integer("5.0"), Some(5));
        assert_eq!(integer("-1"), Some(-1));
        for text in ["5.5", "", "five", "1e99", "NaN", "99999999999"] {
            assert_eq!(integer(text), None, "{text}");
        }
    }

    #[test]
    fn spellings_of_one_class() {
        for (one, other) in [
            ("Anger", " anger\u{a0}"),
            ("very happy", "Very  Happy"),
            ("d\u{e9}go\u{fb}t", "DE\u{301}GOU\u{302}T"),
            (
                "\u{3b8}\u{3c5}\u{3bc}\u{3cc}\u{3c2}",
                "\u{398}\u{3a5}\u{39c}\u{38c}\u{3a3}",
            ),
            ("3", "3.0"),
            ("03", "3"),
        ] {
            assert_eq!(class_key(one), class_key(other), "{one} {other}");
        }
        for (one, other) in [("very happy", "very_happy"), ("a", "b"), ("3", "3.5"), ("e", "\u{e9}")] {
            assert_ne!(class_key(one), class_key(other), "{one} {other}");
        }
        let names = ["a", "b", "A "].map(str::to_owned);
        assert_eq!(same_class(&names), Some(("a", "A ")));
        assert_eq!(find_class(&names, " B"), Some(1));
    }

    #[test]
    fn forms_of_a_path() {
        assert!(other_forms("a/b.jpg").is_empty());
        assert_eq!(other_forms("\u{e9}.jpg"), ["e\u{301}.jpg"]);
        let forms = other_forms("\u{e9}/\u{e9}.jpg");
        assert_eq!(
            forms,
            ["e\u{301}/e\u{301}.jpg", "e\u{301}/\u{e9}.jpg", "\u{e9}/e\u{301}.jpg"]
        );
    }

    proptest! {
        #[test]
        fn a_key_is_its_own_key(text in "\\PC{0,12}") {
            let key = class_key(&text);
            prop_assert_eq!(class_key(&key), key);
        }
    }
}
