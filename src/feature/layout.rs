//! How many images a part of a feature table covers: fixed once, by whoever writes to a folder first.

use std::path::Path;

use crate::disk::atomic;
use crate::error::{Context, Result};
use crate::there;

use super::reader::read_part;
use super::shard::Shard;
use super::table::{FeatureMetadata, PART_BYTES, PART_ROWS, part_index};

/// What was fixed: the digest of the table without its parts, and images a part.
const FILE: &str = ".part-rows";

/// The description with its parts: as many images each as `asked`, else as those that are there have, else as many as are fixed for
/// the folder `out`; where nothing is fixed yet, so that a part is not too large and every shard has one. To be called by one process
/// at a time.
///
/// # Errors
/// [`crate::Error::Io`] if the folder cannot be read or written.
pub(super) fn divided(
    metadata: FeatureMetadata,
    asked: Option<usize>,
    out: &Path,
    shard: Shard,
) -> Result<FeatureMetadata> {
    if let Some(rows) = asked {
        return with(metadata, rows, out);
    }
    let undivided = digest(&metadata, out)?;
    let path = out.join(FILE);
    let fixed = std::fs::read_to_string(&path).ok().and_then(|text| {
        let (of, rows) = text.trim_end().split_once(' ')?;
        (of == undivided).then(|| rows.parse().ok()).flatten()
    });
    if let Some(rows) = fixed.filter(|rows| *rows > 0) {
        return with(metadata, rows, out);
    }
    if let Some(there) = of_parts(&metadata, out)? {
        return Ok(there);
    }
    let fitting = (PART_BYTES / metadata.row_bytes().max(1)).clamp(1, PART_ROWS);
    let rows = fitting.min(metadata.samples_rows.div_ceil(shard.count())).max(1);
    atomic::write(&path, format!("{undivided} {rows}\n").as_bytes())?;
    with(metadata, rows, out)
}

/// Parts of the table in `out` that are there, and all of them; nothing where none was begun. `rows` is how many samples there are.
///
/// # Errors
/// [`crate::Error::Io`] if the folder cannot be read.
pub fn progress_of(out: &Path, rows: usize) -> Result<Option<(usize, usize)>> {
    if !there::is_dir(out)? {
        return Ok(None);
    }
    let mut parts = Vec::new();
    for entry in std::fs::read_dir(out).at("read the folder", out)? {
        let path = entry.at("read the folder", out)?.path();
        if part_index(&path.file_name().unwrap_or_default().to_string_lossy()).is_some() {
            parts.push(path);
        }
    }
    let fixed = std::fs::read_to_string(out.join(FILE)).ok();
    let fixed = fixed.and_then(|text| text.trim_end().split_once(' ')?.1.parse::<usize>().ok());
    let part_rows = match (fixed, parts.first()) {
        (Some(rows), _) => Some(rows),
        (None, Some(part)) => read_part(part).ok().map(|(metadata, _)| metadata.part_rows),
        (None, None) => None,
    };
    let part_rows = part_rows.filter(|part_rows| *part_rows > 0);
    Ok(part_rows.map(|part_rows| (parts.len(), rows.div_ceil(part_rows))))
}

/// The same with `rows` images a part.
fn with(mut metadata: FeatureMetadata, rows: usize, out: &Path) -> Result<FeatureMetadata> {
    metadata.part_rows = rows;
    metadata.parts = metadata.samples_rows.div_ceil(rows);
    metadata.digest = digest(&metadata, out)?;
    Ok(metadata)
}

/// The same as a part in the folder has it, if one of the same table is there.
fn of_parts(metadata: &FeatureMetadata, out: &Path) -> Result<Option<FeatureMetadata>> {
    for entry in std::fs::read_dir(out).at("read the folder", out)? {
        let path = entry.at("read the folder", out)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if part_index(&name).is_some()
            && let Ok((there, _)) = read_part(&path)
            && there.part_rows > 0
        {
            let ours = with(metadata.clone(), there.part_rows, out)?;
            if ours.digest == there.digest {
                return Ok(Some(ours));
            }
        }
    }
    Ok(None)
}

fn digest(metadata: &FeatureMetadata, out: &Path) -> Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"aura-bench features 2\0");
    hasher.update(serde_json::to_string(metadata).at("describe", out)?.as_bytes());
    Ok(hasher.finalize().to_hex().to_string())
}
