//! Which split a sample belongs to, where the database says it by name or not at all.

use crate::task::Split;

/// Which part of the database a file or folder name speaks of.
pub(crate) fn split_of_name(name: &str) -> Option<Split> {
    let name = name.to_ascii_lowercase();
    let has = |word: &str| {
        name.find(word).is_some_and(|at| {
            // `test` inside `contest` or `latest` is no split.
            at == 0 || !name.as_bytes()[at - 1].is_ascii_alphabetic()
        })
    };
    if has("train") {
        Some(Split::Train)
    } else if has("val") || has("dev") {
        Some(Split::Val)
    } else if has("test") {
        Some(Split::Test)
    } else {
        None
    }
}

/// The split that the words of a name speak of, if it is one alone: `train-00000-of-00002.parquet`, `fer_test`. Stricter than
/// [`split_of_name`], for names that nobody has promised to say a split.
pub(crate) fn split_of_words(name: &str) -> Option<Split> {
    let lower = name.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric());
    let mut found = words.filter_map(|word| match word.trim_end_matches(|c: char| c.is_ascii_digit()) {
        "train" | "training" => Some(Split::Train),
        "val" | "valid" | "validation" | "dev" | "devel" => Some(Split::Val),
        "test" | "testing" => Some(Split::Test),
        _ => None,
    });
    let first = found.next()?;
    found.all(|other| other == first).then_some(first)
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
