//! The address of a database's state: what its label files say and which images are there.

use std::path::Path;

use crate::error::{Context, Result};

use super::card::Card;
use super::config::Images;
use super::generated::TRUTH_FILE;
use super::options::ConvertOptions;
use crate::intake::paths;
use crate::system_files::is_system;

/// Extensions of files whose bytes count, as those of the truth do, which names the people; of all others path and size count.
const LABEL_EXTENSIONS: [&str; 6] = ["txt", "csv", "toml", "xlsx", "tsv", "list"];

/// See [`super::located::LocatedData::source_digest`].
pub(super) fn of(root: &Path, base: &str, card: &Card, options: &ConvertOptions, layout: &str) -> Result<String> {
    let mut hasher = blake3::Hasher::new();
    let mut part = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    part(b"aura-bench source 1");
    part(serde_json::to_string(card).at("read the card of", root)?.as_bytes());
    part(
        serde_json::to_string(options)
            .at("read the options for", root)?
            .as_bytes(),
    );
    part(layout.as_bytes());
    for list in [&options.folds, &options.split_list].into_iter().flatten() {
        part(&std::fs::read(list).at("read", list)?);
    }
    // Images that the options leave aside need not be looked at.
    let skipped = match options.images {
        Images::Aligned => "original",
        Images::Original => "aligned",
    };
    let mut folders = vec![String::new()];
    if !base.is_empty() {
        part(base.as_bytes());
    }
    while let Some(folder) = folders.pop() {
        let mut below = Vec::new();
        for entry in std::fs::read_dir(root.join(&folder)).at("list", &root.join(&folder))? {
            let entry = entry.at("list", &root.join(&folder))?;
            let kind = entry.file_type().at("list", &entry.path())?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if is_system(&name) {
                continue;
            }
            // No reader finds anything in a folder whose name is no text.
            if kind.is_dir() && entry.file_name().to_str().is_none() {
                continue;
            }
            below.push((name, kind, entry));
        }
        below.sort_by(|a, b| a.0.cmp(&b.0));
        let mut inner = Vec::new();
        for (name, kind, entry) in below {
            let path = paths::join(&folder, &name);
            if kind.is_dir() {
                if name != skipped || card.id != "rafdb" {
                    inner.push(path);
                }
                continue;
            }
            part(path.as_bytes());
            if kind.is_symlink() {
                // A link counts with its target; whatever changes behind it changes its size or its own label file.
                let target = std::fs::read_link(entry.path()).at("read", &entry.path())?;
                part(target.to_string_lossy().as_bytes());
                part(
                    &std::fs::metadata(entry.path())
                        .map_or(u64::MAX, |meta| meta.len())
                        .to_le_bytes(),
                );
                continue;
            }
            let extension = name
                .rsplit_once('.')
                .map_or("", |(_, extension)| extension)
                .to_ascii_lowercase();
            if kind.is_file() && (LABEL_EXTENSIONS.contains(&extension.as_str()) || name == TRUTH_FILE) {
                let mut file = std::fs::File::open(entry.path()).at("read", &entry.path())?;
                let mut inner = blake3::Hasher::new();
                inner.update_reader(&mut file).at("read", &entry.path())?;
                part(inner.finalize().as_bytes());
            } else {
                let meta = entry.metadata().at("read", &entry.path())?;
                part(&meta.len().to_le_bytes());
                if extension == "npy" {
                    let changed = meta
                        .modified()
                        .ok()
                        .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
                    part(&changed.map_or(0, |time| time.as_nanos()).to_le_bytes());
                }
            }
        }
        inner.reverse();
        folders.extend(inner);
    }
    Ok(hasher.finalize().to_hex().to_string())
}
