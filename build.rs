//! Gives every room of the code a digest, which goes into the address of whatever that room computes: when code changes,
//! what older code computed is never taken for current.

use std::path::{Path, PathBuf};

const ROOMS: [&str; 11] = [
    "baseline", "chain", "dataset", "encoder", "feature", "image", "metric", "model", "query", "report", "train",
];

fn main() {
    for folder in ["src", "datasets", "recipes", "reports"] {
        println!("cargo:rerun-if-changed={folder}");
    }
    for room in ROOMS {
        let mut hasher = blake3::Hasher::new();
        let mut folders = vec![PathBuf::from("src").join(room)];
        match room {
            "dataset" => folders.push("datasets".into()),
            "report" => folders.push("reports".into()),
            _ => {}
        }
        for folder in folders {
            for file in files(&folder) {
                hasher.update(file.to_string_lossy().as_bytes());
                hasher.update(&std::fs::read(&file).unwrap_or_default());
            }
        }
        println!(
            "cargo:rustc-env=AURA_ROOM_{}={}",
            room.to_uppercase(),
            &hasher.finalize().to_hex()[..16]
        );
    }
}

/// All files below `folder`, sorted.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}
