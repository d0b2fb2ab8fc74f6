//! What lies in a cache.

use std::path::Path;
use std::time::SystemTime;

use crate::dataset::conversion::Conversion;
use crate::dataset::generated::{STAND_IN_FILE, UNFINISHED};
use crate::disk::lock::Lock;
use crate::disk::publish::PARTIAL;
use crate::disk::seal;
use crate::error::{Context, Result};
use crate::feature::reader::read_part;
use crate::feature::table::part_path;
use crate::naming;
use crate::query::FoundRun;
use crate::remote::mirror;

use super::entry::{Entry, Guard, Kind, REMAINS, extent};

/// The folders of a cache.
const FOLDERS: [(&str, Kind); 5] = [
    ("stand-in", Kind::StandIn),
    ("samples", Kind::Samples),
    ("features", Kind::Features),
    ("frames", Kind::Frames),
    (mirror::FOLDER, Kind::Remote),
];

/// Everything that this program keeps in the cache, by name; `runs` are asked what they were computed from. Folders that it did
/// not make are passed over.
///
/// # Errors
/// [`crate::Error::Io`] if a folder cannot be listed.
pub fn entries(cache: &Path, runs: &[FoundRun]) -> Result<Vec<Entry>> {
    let mut found = Vec::new();
    for (folder, kind) in FOLDERS {
        let below = cache.join(folder);
        if !below.is_dir() {
            continue;
        }
        for entry in std::fs::read_dir(&below).at("list", &below)? {
            let entry = entry.at("list", &below)?;
            let name = entry.file_name();
            let (Some(name), true) = (name.to_str(), entry.file_type().is_ok_and(|kind| kind.is_dir())) else {
                continue;
            };
            if let Some(kind) = kind_of(&entry.path(), name, kind) {
                found.push(look(&entry.path(), format!("{folder}/{name}"), kind, runs)?);
            }
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// What a folder is; `None` if this program did not make it.
fn kind_of(path: &Path, name: &str, kind: Kind) -> Option<Kind> {
    if name.starts_with(REMAINS) {
        Some(Kind::Remains)
    } else if name.ends_with(PARTIAL) && Lock::is_known(path) {
        Some(Kind::Unfinished)
    } else if kind == Kind::Remote {
        mirror::address_of(path).map(|_| kind)
    } else if path.join(seal::FILE).is_file() {
        Some(kind)
    } else if kind == Kind::StandIn && path.join(UNFINISHED).is_file() {
        Some(Kind::Unfinished)
    } else {
        None
    }
}

fn look(path: &Path, name: String, kind: Kind, runs: &[FoundRun]) -> Result<Entry> {
    let (files, bytes, written) = extent(path)?;
    let published = path.join(if kind == Kind::Remote { mirror::FILE } else { seal::FILE });
    let opened = published.metadata().and_then(|metadata| metadata.modified());
    let last = opened.unwrap_or(written);
    let guard = match kind {
        // Faces are drawn under one lock for all of them.
        Kind::Unfinished if name.starts_with("stand-in/") => Guard::Locks(path.parent().unwrap_or(path).to_owned()),
        Kind::Unfinished | Kind::Remains => Guard::Locks(path.to_owned()),
        _ => Guard::Digests(published),
    };
    Ok(Entry {
        kind,
        made_from: made_from(path, kind).unwrap_or_default(),
        used_by: used_by(&name, runs),
        files,
        bytes,
        last_used: rfc3339(last),
        in_use: guard.is_held(),
        last,
        name,
        path: path.to_owned(),
        guard,
    })
}

pub(super) fn rfc3339(at: SystemTime) -> String {
    humantime::format_rfc3339_seconds(at).to_string()
}

/// A few words; `None` where the folder does not say.
fn made_from(path: &Path, kind: Kind) -> Option<String> {
    match kind {
        Kind::StandIn => {
            let text = std::fs::read_to_string(path.join(STAND_IN_FILE)).ok()?;
            let marker: toml::Table = text.parse().ok()?;
            let said = |key: &str| marker.get(key).map(|value| value.to_string().replace('"', ""));
            Some(format!(
                "{}, {} samples, seed {}",
                said("card")?,
                said("samples")?,
                said("seed")?
            ))
        }
        Kind::Samples => conversion(path),
        Kind::Features => {
            // Features made elsewhere lie a folder deeper, beside their samples.
            let part = part_path(path, 0);
            let Ok((metadata, _)) = read_part(&part) else {
                return conversion(path);
            };
            let encoder = naming::title(&metadata.encoder).unwrap_or(metadata.encoder_name);
            Some(format!("{} samples, {encoder}", metadata.samples_rows))
        }
        Kind::Remote => mirror::address_of(path),
        Kind::Frames | Kind::Unfinished | Kind::Checkpoint | Kind::Remains => None,
    }
}

fn conversion(path: &Path) -> Option<String> {
    let text = std::fs::read(path.join("conversion.json")).ok()?;
    let said: Conversion = serde_json::from_slice(&text).ok()?;
    Some(format!(
        "{}, layout {}, {} samples",
        said.dataset, said.layout, said.samples
    ))
}

/// The runs one of whose stages has the digest that the folder's name ends with.
fn used_by(name: &str, runs: &[FoundRun]) -> Vec<String> {
    let Some((_, digest)) = name.rsplit_once('-').filter(|(_, digest)| digest.len() >= 8) else {
        return Vec::new();
    };
    let uses = |run: &&FoundRun| {
        let stages = &run.manifest.stages;
        stages
            .iter()
            .any(|stage| stage.digest.as_deref().is_some_and(|of| of.starts_with(digest)))
    };
    runs.iter().filter(uses).map(|run| run.run.clone()).collect()
}
