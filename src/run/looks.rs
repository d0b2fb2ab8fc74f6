//! How often a test split has been looked at: an empty file for every set of numbers that was computed on it, in a folder beside
//! the run folders. What was tuned between two looks was tuned on the test split.
//!
//! The name says everything: there are no bytes that could change, and no two calls write to the same file.

use std::path::Path;

use crate::error::{Context, Result};
use crate::there;

/// Name of the folder in a folder of runs; hidden, so that `runs/*` names runs alone.
const FOLDER: &str = ".test-looks";

/// Notes that the numbers at `address` were computed on the test split of this protocol, and says how many different sets of
/// numbers have been by now, this one among them. Both are digests, and name the folder and the file.
///
/// # Errors
/// [`crate::Error::Io`] if the folder cannot be read or written.
pub fn record(runs: &Path, protocol: &str, address: &str) -> Result<u64> {
    let folder = runs.join(FOLDER).join(protocol);
    let look = folder.join(address);
    if !there::exists(&look)? {
        std::fs::create_dir_all(&folder).at("create the folder", &folder)?;
        std::fs::File::create(&look).at("create", &look)?;
    }
    let mut looks = 0;
    for entry in std::fs::read_dir(&folder).at("list", &folder)? {
        let name = entry.at("list", &folder)?.file_name();
        // What a file manager left is no look.
        looks += u64::from(name.len() == address.len());
    }
    Ok(looks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_new_numbers_on_the_same_split_count() {
        let folder = tempfile::tempdir().unwrap();
        let look = |protocol: &str, address: &str| record(folder.path(), protocol, address).unwrap();
        assert_eq!(look("p", "a"), 1);
        assert_eq!(look("p", "a"), 1, "the same numbers again");
        assert_eq!(look("q", "b"), 1, "another test split");
        std::fs::write(folder.path().join(FOLDER).join("p/.DS_Store"), "x").unwrap();
        assert_eq!(look("p", "c"), 2);
        assert_eq!(look("p", "a"), 2);
    }
}
