//! Digests of the parts of a feature table: `digests.json` beside them, or one such file a shard; while parts are being written,
//! one a part, so that no two processes write to the same file.

use std::path::Path;

use rayon::prelude::*;

use crate::disk::atomic;
use crate::disk::seal::{self, Damage, Seal};
use crate::error::{Context, Error, Result};
use crate::interrupt::Interrupt;
use crate::there;

use super::shard::Shard;
use super::table::{part_index, part_path};

/// The file in which the parts of one shard are kept.
pub(super) fn file(shard: Shard) -> String {
    if shard == Shard::WHOLE {
        seal::FILE.to_owned()
    } else {
        shard.name("digests", "json")
    }
}

/// The file in which a part is kept that was written while others write theirs.
pub(super) fn file_of(part: usize) -> String {
    format!("digests-part-{part:05}.json")
}

/// Puts what is kept of single parts into the one file of their shard; to be called by one at a time.
///
/// # Errors
/// [`Error::Io`] if a file cannot be read, written or removed.
pub(super) fn gather(folder: &Path, shard: Shard, parts: impl Iterator<Item = usize>) -> Result<()> {
    let singles: Vec<_> = parts.map(|part| folder.join(file_of(part))).collect();
    let mut all: Option<Seal> = None;
    let path = folder.join(file(shard));
    for single in &singles {
        if let Some(seal) = Seal::read(single)? {
            let before = match all.take() {
                Some(all) => all,
                None => Seal::read(&path)?.unwrap_or_default(),
            };
            all.insert(before).join(seal);
        }
    }
    if let Some(all) = all {
        all.write(&path)?;
        singles.iter().try_for_each(|single| atomic::remove(single))?;
    }
    Ok(())
}

/// What is known of the files of a feature table, whichever shard wrote them.
///
/// # Errors
/// [`Error::Io`] if the folder or one of the files cannot be read.
pub(super) fn known(folder: &Path) -> Result<Seal> {
    // Somebody may gather them while they are read.
    for _ in 0..GATHERED {
        if let Some(known) = known_at_once(folder)? {
            return Ok(known);
        }
    }
    Err(Error::unusable_table(format!(
        "the digests of the parts in {} come and go; does another program write there?",
        folder.display()
    )))
}

/// How often they may be gathered while they are read: once, but for another call that begins anew meanwhile.
const GATHERED: usize = 20;

/// `None` if a file went away between being seen and being read.
fn known_at_once(folder: &Path) -> Result<Option<Seal>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).at("read the feature table", folder)? {
        let name = entry.at("read the feature table", folder)?.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("digests") && name.ends_with(".json") {
            files.push(name.into_owned());
        }
    }
    // Those of single parts are newer than what stands in the others, and come last.
    files.sort_unstable_by_key(|name| (name.starts_with("digests-part-"), name.clone()));
    let mut all = Seal::default();
    for name in files {
        let path = folder.join(name);
        match Seal::read(&path)? {
            Some(seal) => all.join(seal),
            None if !there::is_file(&path)? => return Ok(None),
            None => {}
        }
    }
    Ok(Some(all))
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
    damages
        .iter()
        .find(of_part)
        .map_or(Ok(()), |damage| Err(refused(damage)))
}

/// The same of these parts alone, while there may be digests of others that are of no table any more.
///
/// # Errors
/// As [`check`].
pub(super) fn check_parts(folder: &Path, parts: std::ops::Range<usize>, interrupt: &Interrupt) -> Result<()> {
    let known = known(folder)?;
    parts.into_par_iter().try_for_each(|part| {
        interrupt.check()?;
        let path = part_path(folder, part);
        let sealed = known.get(&path.file_name().unwrap_or_default().to_string_lossy());
        match sealed.map(|sealed| sealed.damage(&path)).transpose()?.flatten() {
            Some(damage) => Err(refused(&damage)),
            None => Ok(()),
        }
    })
}

fn refused(damage: &Damage) -> Error {
    Error::unusable_table(format!(
        "{damage}; extract the features again, which makes this part anew"
    ))
}
