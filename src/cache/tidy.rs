//! Which folders of a cache go.

use std::time::SystemTime;

use super::entry::{Entry, Kind};
use super::limits::Limits;

/// The entries that go under `limits`, in the order of `entries`. Nothing that is in use goes; what killed calls left of what they
/// removed goes always.
pub fn plan<'a>(entries: &'a [Entry], limits: &Limits, now: SystemTime) -> Vec<&'a Entry> {
    let old = |entry: &Entry| {
        let unused = now.duration_since(entry.last).unwrap_or_default();
        limits.older_than.is_some_and(|age| unused >= age)
    };
    let mut newest_first: Vec<&Entry> = entries.iter().filter(|entry| !old(entry)).collect();
    newest_first.sort_by(|a, b| b.last.cmp(&a.last).then_with(|| a.name.cmp(&b.name)));
    let mut bytes = 0_u64;
    let beyond: std::collections::BTreeSet<&str> = newest_first
        .into_iter()
        .filter(|entry| {
            bytes = bytes.saturating_add(entry.bytes);
            limits.keep.is_some_and(|keep| bytes > keep)
        })
        .map(|entry| entry.name.as_str())
        .collect();
    entries
        .iter()
        .filter(|entry| !entry.in_use)
        .filter(|entry| entry.kind == Kind::Remains || old(entry) || beyond.contains(entry.name.as_str()))
        .collect()
}
