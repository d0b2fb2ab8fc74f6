//! Digests of the parts of a feature table: `digests.json` beside them, or one such file a shard.

use std::path::Path;

use crate::disk::seal::{self, Damage, Seal};
use crate::error::{Context, Error, Result};
use crate::interrupt::Interrupt;

use super::shard::Shard;
use super::table::part_index;

/// The file in which the parts of one shard are kept.
pub(super) fn file(shard: Shard) -> String {
    if shard == Shard::WHOLE {
        seal::FILE.to_owned()
    } else {
        shard.name("digests", "json")
    }
}

/// What is known of the files of a feature table, whichever shard wrote them.
///
/// # Errors
/// [`Error::Io`] if the folder or one of the files cannot be read.
pub(super) fn known(folder: &Path) -> Result<Seal> {
    let mut all = Seal::default();
    for entry in std::fs::read_dir(folder).at("read the feature table", folder)? {
        let path = entry.at("read the feature table", folder)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("digests")
            && name.ends_with(".json")
            && let Some(seal) = Seal::read(&path)?
        {
            all.join(seal);
        }
    }
    Ok(all)
}

/// Refuses a feature table one of whose parts is not what was written. Parts that another program wrote have no digests.
///
/// # Errors
/// [`Error::Data`] that names the part; [`Error::Io`] if something cannot be read.
pub fn check(folder: &Path, interrupt: &Interrupt) -> Result<()> {
    let damages = known(folder)?.damages(folder, interrupt)?;
    let of_part = |damage: &&Damage| {
        let name = damage.path().file_name().unwrap_or_default().to_string_lossy();
        part_index(&name).is_some()
    };
    match damages.iter().find(of_part) {
        Some(damage) => Err(Error::unusable_table(format!(
            "{damage}; extract the features again, which makes this part anew"
        ))),
        None => Ok(()),
    }
}
