//! Gives every room of the code a digest, which goes into the address of whatever that room computes: when code changes,
//! what older code computed is never taken for current.

use std::path::{Path, PathBuf};

const ROOMS: [&str; 13] = [
    "baseline", "finetune", "chain", "dataset", "encoder", "feature", "image", "map", "metric", "model", "query",
    "report", "train",
];

/// Libraries that compute: their versions go into what `doctor` says.
const LIBRARIES: [&str; 8] = [
    "arrow",
    "burn",
    "cubecl-cuda",
    "cudarc",
    "datafusion",
    "image",
    "parquet",
    "polars",
];

fn main() {
    println!("cargo:rustc-env=AURA_LIBRARIES={}", versions().join(","));
    println!("cargo:rustc-env=AURA_COMPILER={}", compiler());
    println!(
        "cargo:rustc-env=AURA_TARGET={}",
        std::env::var("TARGET").unwrap_or_default()
    );
    for folder in ["src", "datasets", "recipes", "reports", "Cargo.lock"] {
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

/// `name=version` of the libraries, from the lock file.
fn versions() -> Vec<String> {
    let lock = std::fs::read_to_string("Cargo.lock").unwrap_or_default();
    let lines: Vec<&str> = lock.lines().collect();
    lines
        .windows(2)
        .filter_map(|pair| {
            let field = |line: &str, key: &str| Some(line.strip_prefix(key)?.trim_matches('"').to_owned());
            let name = field(pair[0], "name = ")?;
            let version = field(pair[1], "version = ")?;
            LIBRARIES.contains(&name.as_str()).then(|| format!("{name}={version}"))
        })
        .collect()
}

/// What `rustc --version` says.
fn compiler() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    std::process::Command::new(rustc)
        .arg("--version")
        .output()
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .map_or_else(|| "rustc, version not known".to_owned(), |text| text.trim().to_owned())
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
