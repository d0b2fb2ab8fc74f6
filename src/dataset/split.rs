//! Which split a sample belongs to, where the database says it by name or not at all.

use crate::task::Split;

/// What may follow `train`, `val`, `dev` or `test` in one word, longer ones first: `training`, `testset`, `trainlabels`.
const ENDINGS: [&str; 17] = [
    "annotation",
    "elopment",
    "idation",
    "idate",
    "label",
    "image",
    "split",
    "data",
    "list",
    "file",
    "fold",
    "ing",
    "set",
    "val",
    "el",
    "id",
    "s",
];

/// Words that turn what stands beside them into its opposite.
const NEGATIONS: [&str; 6] = ["not", "no", "non", "without", "except", "excluded"];

/// The split that one word speaks of, in lower case and without digits.
fn split_of_word(word: &str) -> Option<Split> {
    let begins = |begin: &str| {
        let mut rest = word.strip_prefix(begin)?;
        while !rest.is_empty() {
            rest = ENDINGS.iter().find_map(|ending| rest.strip_prefix(ending))?;
        }
        Some(())
    };
    [
        ("train", Split::Train),
        ("val", Split::Val),
        ("dev", Split::Val),
        ("test", Split::Test),
    ]
    .into_iter()
    .find_map(|(begin, split)| begins(begin).map(|()| split))
}

/// Which part of the database a file or folder name speaks of. Training and validation together are training; a list that is called
/// after the test split and another is neither.
pub(crate) fn split_of_name(name: &str) -> Option<Split> {
    let name = name.to_ascii_lowercase();
    let words = name.split(|c: char| !c.is_alphabetic());
    let said: Vec<Split> = words.filter_map(split_of_word).collect();
    let order = [Split::Train, Split::Val, Split::Test];
    let first = order.into_iter().find(|split| said.contains(split))?;
    (first == Split::Test || !said.contains(&Split::Test)).then_some(first)
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

/// The split that a value of a column says: `Training`, `test set`, `rafdb_val`; not `not train`.
pub(crate) fn split_of_value(text: &str) -> Option<Split> {
    let lower = text.to_lowercase();
    let negated = lower
        .split(|c: char| !c.is_alphanumeric())
        .any(|word| NEGATIONS.contains(&word));
    split_of_words(text).filter(|_| !negated)
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
            ("validate.csv", Some(Val), Some(Val), Some(Val)),
            ("dev-1", Some(Val), Some(Val), Some(Val)),
            ("TrainingImages", Some(Train), Some(Train), Some(Train)),
            ("trainannotations.csv", Some(Train), Some(Train), Some(Train)),
            ("train_00001_aligned.jpg", Some(Train), Some(Train), Some(Train)),
            ("train-clean-100", Some(Train), Some(Train), Some(Train)),
            ("7class_testlist.txt", Some(Test), Some(Test), Some(Test)),
            ("latest_test.csv", Some(Test), Some(Test), Some(Test)),
            ("train_val.csv", Some(Train), None, None),
            ("trainval", Some(Train), Some(Train), Some(Train)),
            ("train_test_split", None, None, None),
            ("val_test.csv", None, None, None),
            ("not train", Some(Train), Some(Train), None),
            ("PrivateTest", None, None, None),
            ("valerie", None, None, None),
            ("devin.png", None, None, None),
            ("valence_arousal.csv", None, None, None),
            ("contest", None, None, None),
            ("trains", Some(Train), Some(Train), Some(Train)),
            ("trained", None, None, None),
            ("set", None, None, None),
            ("", None, None, None),
        ] {
            assert_eq!(split_of_name(name), file, "{name}");
            assert_eq!(split_of_words(name), words, "{name}");
            assert_eq!(split_of_value(name), value, "{name}");
        }
    }
}
