//! Which split a sample belongs to, where the database says it by name or not at all.

use crate::task::Split;

/// What may follow `train`, `val`, `dev` or `test` in one word: `training`, `testset`, `trainlist`.
const ENDINGS: [&str; 13] = [
    "", "s", "ing", "id", "idation", "el", "elopment", "set", "data", "list", "images", "labels", "split",
];

/// Words beside that of a split that change nothing of what a value says.
const FILLERS: [&str; 5] = ["set", "split", "subset", "data", "part"];

/// The split that one word speaks of, in lower case and without digits.
fn split_of_word(word: &str) -> Option<Split> {
    let ends = |begin: &str| {
        let rest = word.strip_prefix(begin)?;
        let rest = rest.strip_suffix("set").unwrap_or(rest);
        ENDINGS.contains(&rest).then_some(())
    };
    if word == "trainval" || ends("train").is_some() {
        Some(Split::Train)
    } else if ends("val").or_else(|| ends("dev")).is_some() {
        Some(Split::Val)
    } else if ends("test").is_some() {
        Some(Split::Test)
    } else {
        None
    }
}

/// Which part of the database a file or folder name speaks of: the first of train, validation and test. A list of training and test
/// samples together is none of them.
pub(crate) fn split_of_name(name: &str) -> Option<Split> {
    let name = name.to_ascii_lowercase();
    let words = name.split(|c: char| !c.is_alphabetic());
    let said: Vec<Split> = words.filter_map(split_of_word).collect();
    let order = [Split::Train, Split::Val, Split::Test];
    let first = order.into_iter().find(|split| said.contains(split))?;
    (first != Split::Train || !said.contains(&Split::Test)).then_some(first)
}

/// The split that the words of a name speak of, if it is one alone: `train-00000-of-00002.parquet`, `fer_test`. Stricter than
/// [`split_of_name`], for names that nobody has promised to say a split.
pub(crate) fn split_of_words(name: &str) -> Option<Split> {
    let lower = name.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric());
    let mut found = words.filter_map(|word| split_of_word(word.trim_end_matches(|c: char| c.is_ascii_digit())));
    let first = found.next()?;
    found.all(|other| other == first).then_some(first)
}

/// The split that a value of a column says, and nothing else: `Training`, `test set`, `val_1`; not `not train`.
pub(crate) fn split_of_value(text: &str) -> Option<Split> {
    let lower = text.to_lowercase();
    let words = lower
        .split(|c: char| !c.is_alphanumeric())
        .map(|word| word.trim_end_matches(|c: char| c.is_ascii_digit()));
    let others = words.filter(|word| !word.is_empty() && !FILLERS.contains(word));
    let mut said = others.map(split_of_word);
    let first = said.next()??;
    said.all(|other| other == Some(first)).then_some(first)
}

/// Share of 2^64 that the hash of a name falls under, in [0, 1).
pub(crate) fn hash_share(seed: u64, stem: &str) -> f64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"aura-bench split 1");
    hasher.update(&seed.to_le_bytes());
    hasher.update(stem.as_bytes());
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    // 53 bits are exact in f64.
    (u64::from_le_bytes(bytes) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_words_and_values() {
        use Split::{Test, Train, Val};
        for (name, file, words, value) in [
            ("train", Some(Train), Some(Train), Some(Train)),
            ("Training Set", Some(Train), Some(Train), Some(Train)),
            ("test2", Some(Test), Some(Test), Some(Test)),
            ("validation", Some(Val), Some(Val), Some(Val)),
            ("dev-1", Some(Val), Some(Val), Some(Val)),
            ("train_00001_aligned.jpg", Some(Train), Some(Train), None),
            ("7class_testlist.txt", Some(Test), Some(Test), None),
            ("latest_test.csv", Some(Test), Some(Test), None),
            ("train_val.csv", Some(Train), None, None),
            ("trainval", Some(Train), Some(Train), Some(Train)),
            ("train_test_split", None, None, None),
            ("not train", Some(Train), Some(Train), None),
            ("PrivateTest", None, None, None),
            ("valerie", None, None, None),
            ("devin.png", None, None, None),
            ("valence_arousal.csv", None, None, None),
            ("contest", None, None, None),
            ("set", None, None, None),
            ("", None, None, None),
        ] {
            assert_eq!(split_of_name(name), file, "{name}");
            assert_eq!(split_of_words(name), words, "{name}");
            assert_eq!(split_of_value(name), value, "{name}");
        }
    }
}
