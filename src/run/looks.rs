//! How often a test split has been looked at: a line for every set of numbers that was computed on it, in a file beside the
//! run folders. What was tuned between two looks was tuned on the test split.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Context, Result};
use crate::regular;

/// Name of the file in a folder of runs; hidden, so that `runs/*` names runs alone.
const FILE: &str = ".test-looks.jsonl";

/// One set of numbers on a test split.
#[derive(Debug, Serialize, Deserialize)]
struct Look {
    /// The protocol and database: which test split.
    protocol: String,
    /// The run.
    run: String,
    /// The address of its numbers: the same numbers computed again are no second look.
    address: String,
}

/// Notes that the numbers at `address` were computed on the test split of this protocol, and says how many different sets of
/// numbers have been by now, this one among them.
///
/// Lines that cannot be read, as a full disk leaves them, do not count.
///
/// # Errors
/// [`crate::Error::Io`] if the file cannot be read or written.
pub fn record(runs: &Path, protocol: &str, run: &str, address: &str) -> Result<u64> {
    let path: PathBuf = runs.join(FILE);
    let text = match regular::text(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).at("read", &path),
    };
    let mut addresses: BTreeSet<String> = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Look>(line).ok())
        .filter(|look| look.protocol == protocol)
        .map(|look| look.address)
        .collect();
    if addresses.insert(address.to_owned()) {
        let look = Look {
            protocol: protocol.to_owned(),
            run: run.to_owned(),
            address: address.to_owned(),
        };
        let mut line = serde_json::to_string(&look).at("encode", &path)?;
        // A line that was cut off must not swallow this one.
        line.insert_str(
            0,
            if text.is_empty() || text.ends_with('\n') {
                ""
            } else {
                "\n"
            },
        );
        line.push('\n');
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .at("open", &path)?;
        // One call: what several processes append does not mix.
        file.write_all(line.as_bytes()).at("write", &path)?;
    }
    Ok(addresses.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_new_numbers_on_the_same_split_count() {
        let folder = tempfile::tempdir().unwrap();
        let look = |protocol: &str, address: &str| record(folder.path(), protocol, "run", address).unwrap();
        assert_eq!(look("p", "a"), 1);
        assert_eq!(look("p", "a"), 1, "the same numbers again");
        assert_eq!(look("q", "b"), 1, "another test split");
        let path = folder.path().join(FILE);
        let mut text = std::fs::read_to_string(&path).unwrap();
        text.push_str("{\"protocol\":\"p\",\"ru");
        std::fs::write(&path, text).unwrap();
        assert_eq!(
            look("p", "c"),
            2,
            "a line that was cut off does not count, and swallows nothing"
        );
        assert_eq!(look("p", "a"), 2);
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 4);
    }
}
