//! `index.json` of a folder of runs: which runs lie below it, and what their manifests and digests are, so that a folder of a
//! thousand runs is opened by one request, wherever it is kept.

use std::collections::BTreeSet;
use std::path::{Component, Path};

use serde::{Deserialize, Serialize};

use crate::disk::atomic;
use crate::disk::seal::{self, Sealed};
use crate::error::{Context, Error, Result};
use crate::run::manifest;

/// Name of the file.
pub(crate) const FILE: &str = "index.json";
/// Its version.
const SCHEMA: u32 = 1;
/// Most bytes of one, about 150,000 runs.
pub(super) const MOST_BYTES: usize = 64 << 20;
/// Most runs of one.
pub(super) const MOST_RUNS: usize = 100_000;
/// Longest name of a file below a root.
const MOST_LETTERS: usize = 1024;

/// A folder's runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Index {
    schema: u32,
    /// By path, each once, none inside another.
    pub(super) runs: Vec<Entry>,
}

/// A run and what it was when the index was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Its folder below the root, with `/`.
    pub(super) path: String,
    pub(super) manifest: Sealed,
    pub(super) digests: Sealed,
}

impl Index {
    /// The index of these run folders below `root`.
    ///
    /// # Errors
    /// [`Error::Io`] if one cannot be read; [`Error::Data`] if one has a name that an index cannot have.
    pub(crate) fn of<'p>(root: &Path, runs: impl IntoIterator<Item = &'p Path>) -> Result<Self> {
        let mut entries = Vec::new();
        for run in runs {
            let below = run.strip_prefix(root).ok().and_then(written);
            let path = below.filter(|path| is_below(path)).ok_or_else(|| {
                Error::data(format!(
                    "{} has a name that no address can have; give its folder another one",
                    run.display()
                ))
            })?;
            entries.push(Entry {
                path,
                manifest: Sealed::of(&run.join(manifest::FILE))?,
                digests: Sealed::of(&run.join(seal::FILE))?,
            });
        }
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self {
            schema: SCHEMA,
            runs: entries,
        })
    }

    /// Reads the index of an address; what it says is somebody else's word.
    ///
    /// # Errors
    /// [`Error::Data`] that says what is wrong with it.
    pub(crate) fn parse(bytes: &[u8], address: &str) -> Result<Self> {
        let wrong = |why: String| {
            Error::data(format!(
                "{address} {why}; `aura-bench export index` makes it again, where the runs lie"
            ))
        };
        let index: Self =
            serde_json::from_slice(bytes).map_err(|error| wrong(format!("is no index of runs ({error})")))?;
        if index.schema != SCHEMA {
            return Err(Error::incompatible(format!(
                "{address} has schema {}, {SCHEMA} expected; use the version of aura-bench that made it",
                index.schema
            )));
        }
        if index.runs.len() > MOST_RUNS {
            return Err(wrong(format!("names more than {MOST_RUNS} runs")));
        }
        let mut seen = BTreeSet::new();
        for Entry { path, .. } in &index.runs {
            if !is_below(path) {
                return Err(wrong(format!("names the run {path:?}, which cannot lie below it")));
            }
            if !seen.insert(path.as_str()) {
                return Err(wrong(format!("names the run {path:?} twice")));
            }
        }
        for path in &seen {
            let mut above = path.match_indices('/').map(|(at, _)| &path[..at]);
            if let Some(run) = above.find(|above| seen.contains(above)) {
                return Err(wrong(format!("names the run {path:?} inside the run {run:?}")));
            }
        }
        Ok(index)
    }

    /// Writes it into the folder of the runs.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn write(&self, root: &Path) -> Result<()> {
        let path = root.join(FILE);
        let mut text = serde_json::to_string_pretty(self).at("encode", &path)?;
        text.push('\n');
        atomic::write(&path, text.as_bytes())
    }

    /// How many runs it names.
    pub(crate) fn len(&self) -> usize {
        self.runs.len()
    }
}

/// A path with `/`; `None` if it is no Unicode.
fn written(path: &Path) -> Option<String> {
    let parts: Option<Vec<&str>> = path
        .components()
        .map(|part| match part {
            Component::Normal(name) => name.to_str(),
            _ => None,
        })
        .collect();
    parts.map(|parts| parts.join("/"))
}

/// Whether a name that came from elsewhere stays below the folder that it is put into, on every system.
pub(crate) fn is_below(name: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && !part.ends_with(['.', ' '])
            && !part
                .chars()
                .any(|letter| letter.is_control() || "\\:*?\"<>|".contains(letter))
    };
    name.len() <= MOST_LETTERS && name.split('/').all(plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn index(paths: &[&str]) -> String {
        let sealed = || serde_json::json!({"bytes": 1, "blake3": "ab"});
        let run = |path| serde_json::json!({"path": path, "manifest": sealed(), "digests": sealed()});
        let runs: Vec<_> = paths.iter().map(run).collect();
        serde_json::json!({"schema": 1, "runs": runs}).to_string()
    }

    #[test]
    fn what_leads_out_of_the_root_or_is_twice_is_refused() {
        let parse = |text: &str| Index::parse(text.as_bytes(), "s3://bucket/index.json");
        assert_eq!(parse(&index(&["a", "b/c", "b/d"])).unwrap().len(), 3);
        for (paths, said) in [
            (&["../a"][..], "cannot lie below it"),
            (&["/etc"], "cannot lie below it"),
            (&["a/../../b"], "cannot lie below it"),
            (&["a//b"], "cannot lie below it"),
            (&[""], "cannot lie below it"),
            (&["C:\\x"], "cannot lie below it"),
            (&["a/.hidden"], "cannot lie below it"),
            (&["a\u{0}b"], "cannot lie below it"),
            (&["a", "a"], "twice"),
            (&["a", "a/b"], "inside"),
        ] {
            let error = parse(&index(paths)).unwrap_err().to_string();
            assert!(
                error.contains(said) && error.contains("s3://bucket/index.json"),
                "{paths:?}: {error}"
            );
        }
        assert!(parse("{}").unwrap_err().to_string().contains("no index of runs"));
        assert!(
            parse(r#"{"schema": 2, "runs": []}"#)
                .unwrap_err()
                .to_string()
                .contains("schema 2")
        );
    }

    proptest! {
        #[test]
        fn no_name_that_is_let_through_leaves_its_folder(name in "[a./\\\\: \u{0}é]{0,12}") {
            if is_below(&name) {
                let path = Path::new(&name);
                prop_assert!(path.is_relative());
                prop_assert!(path.components().all(|part| matches!(part, Component::Normal(_))));
            }
        }
    }
}
