//! The digest of a stage: of the code that its entry files reach, of what that code embeds, and of the versions of the
//! libraries that compute in it. It goes into the address of what the stage leaves, so that nothing that other code computed
//! is taken for current, and nothing is computed again for a comment.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::source::{Files, Tree};

/// A stage of the chain.
#[derive(Debug, Clone, Copy)]
pub struct Stage {
    /// Its name: `AURA_STAGE_<NAME>`.
    pub name: &'static str,
    /// The files that compute it; what they import belongs to it too.
    pub entries: &'static [&'static str],
    /// Files that put the stage together and others beside it: their own code counts, what they import does not.
    pub alone: &'static [&'static str],
}

/// All stages. This is the one place that says which file computes what.
pub const STAGES: [Stage; 12] = [
    Stage {
        name: "convert",
        entries: &["src/dataset/convert.rs", "src/dataset/digest.rs"],
        alone: &[],
    },
    Stage {
        name: "standin",
        entries: &["src/standin/generate.rs"],
        alone: &[],
    },
    Stage {
        name: "import",
        entries: &["src/import/features.rs"],
        alone: &[],
    },
    // The encoder is handed to the extraction, which knows its trait alone.
    Stage {
        name: "extract",
        entries: &["src/feature/extract.rs", "src/encoder/build.rs"],
        alone: &[],
    },
    Stage {
        name: "train",
        entries: &[
            "src/train/seed.rs",
            "src/feature/reader.rs",
            "src/feature/load.rs",
            "src/run/folder.rs",
            "src/disk/parquet.rs",
        ],
        alone: &["src/chain/train.rs", "src/chain/finite.rs"],
    },
    Stage {
        name: "rivals",
        entries: &["src/rival/run.rs", "src/run/folder.rs", "src/disk/parquet.rs"],
        alone: &["src/chain/rivals.rs"],
    },
    // Which labels of another database are which here: part of runs that are tested on one.
    Stage {
        name: "tests",
        entries: &["src/recipe/shared.rs", "src/task.rs"],
        alone: &["src/chain/others.rs", "src/recipe/test_set.rs"],
    },
    Stage {
        name: "finetune",
        entries: &["src/rival/finetune/job.rs"],
        alone: &[],
    },
    Stage {
        name: "score",
        entries: &[
            "src/score/scored.rs",
            "src/feature/tested.rs",
            "src/metric/evaluate.rs",
            "src/run/folder.rs",
            "src/disk/parquet.rs",
        ],
        alone: &["src/chain/score.rs"],
    },
    Stage {
        name: "truth",
        entries: &["src/chain/truth.rs"],
        alone: &[],
    },
    Stage {
        name: "map",
        // The model that it shows is the run's, whose digest it has beside this one.
        entries: &[
            "src/map/umap.rs",
            "src/map/neighbours.rs",
            "src/map/place.rs",
            "src/metric/separability.rs",
            "src/disk/parquet.rs",
        ],
        alone: &["src/chain/map.rs"],
    },
    Stage {
        name: "report",
        entries: &["src/report/build.rs", "src/report/statistics.rs"],
        alone: &["src/chain/report.rs", "src/chain/study.rs"],
    },
];

/// Libraries that compute, with those under them that do the work.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// Names in code.
    pub named: &'static [&'static str],
    /// Packages of the lock file, `*` for any ending: those among them count that the named ones depend on.
    pub locked: &'static [&'static str],
}

/// A stage has the families that its code names.
pub const FAMILIES: [Family; 19] = [
    Family {
        named: &["burn", "burn_cuda", "cubecl_cuda", "cubecl_runtime", "cudarc"],
        locked: &[
            "burn",
            "burn-*",
            "cubecl",
            "cubecl-*",
            "cubek",
            "cubek-*",
            "cudarc",
            "gemm",
            "gemm-*",
            "half",
            "libm",
            "macerator",
            "macerator-*",
            "matrixmultiply",
            "ndarray",
            "num-traits",
            "pulp",
        ],
    },
    // The products under the solvers.
    Family {
        named: &["gemm", "ndarray"],
        locked: &["gemm", "gemm-*", "matrixmultiply", "ndarray"],
    },
    Family {
        named: &["image"],
        locked: &[
            "fdeflate",
            "image",
            "image-webp",
            "miniz_oxide",
            "moxcms",
            "png",
            "pxfm",
            "tiff",
            "weezl",
            "zune-*",
        ],
    },
    // Which decoder reads a JPEG decides its pixels.
    Family {
        named: &["libjpeg_turbo_rs"],
        locked: &["libjpeg-turbo-rs"],
    },
    Family {
        named: &["fast_image_resize"],
        locked: &["fast_image_resize"],
    },
    Family {
        named: &["tiny_skia"],
        locked: &["strict-num", "tiny-skia", "tiny-skia-path"],
    },
    Family {
        named: &["polars"],
        locked: &["fast-float2", "atoi_simd", "lexical-*", "polars", "polars-*"],
    },
    Family {
        named: &["arrow"],
        locked: &["arrow", "arrow-*", "half"],
    },
    Family {
        named: &["parquet"],
        locked: &["arrow", "arrow-*", "parquet", "snap", "zstd", "zstd-*"],
    },
    Family {
        named: &["datafusion"],
        locked: &["arrow", "arrow-*", "datafusion", "datafusion-*", "parquet", "sqlparser"],
    },
    Family {
        named: &["rand", "rand_chacha", "rand_distr"],
        locked: &["chacha20", "ppv-lite86", "rand", "rand_*"],
    },
    Family {
        named: &["libm"],
        locked: &["libm"],
    },
    Family {
        named: &["half"],
        locked: &["half"],
    },
    Family {
        named: &["safetensors"],
        locked: &["safetensors"],
    },
    Family {
        named: &["zip"],
        locked: &["flate2", "miniz_oxide", "zip", "zlib-rs"],
    },
    Family {
        named: &["quick_xml"],
        locked: &["quick-xml"],
    },
    Family {
        named: &["plotters"],
        locked: &[
            "ab_glyph",
            "ab_glyph_rasterizer",
            "owned_ttf_parser",
            "plotters",
            "plotters-*",
            "ttf-parser",
        ],
    },
    Family {
        named: &["icu_normalizer"],
        locked: &["icu_normalizer", "icu_normalizer_data"],
    },
    Family {
        named: &["minijinja"],
        locked: &["minijinja"],
    },
];

/// Libraries that bring data, options and messages to and fro. What they do has one right result: a digest, an encoding, the
/// order of threads, which the code must not depend on.
pub const OTHERS: [&str; 36] = [
    "base64",
    "blake3",
    "bytes",
    "clap",
    "clap_complete",
    "crc32fast",
    "ctrlc",
    "hf_hub",
    "http_body",
    "humantime",
    "include_dir",
    "indicatif",
    "libloading",
    "miette",
    "mimalloc",
    "object_store",
    "quick_junit",
    "rayon",
    "rustyline",
    "schemars",
    "serde",
    "serde_json",
    "serde_path_to_error",
    "sha1",
    "sha2",
    "signal_hook",
    "strsim",
    "tempfile",
    "thiserror",
    "tiny_http",
    "tokio",
    "toml",
    "tracing",
    "tracing_subscriber",
    "ureq",
    "url",
];

/// Embedded folders that no stage counts. The card of a recipe is in the addresses themselves, word for word but for its
/// remarks, and what another card says changes nothing.
const ADDRESSED: [&str; 1] = ["datasets/"];

/// The digest of every stage, in the table's order.
///
/// # Errors
/// If an entry is not there, an embedded file cannot be read, or the lock file lacks a library.
pub fn digests(tree: &Tree, files: &Files) -> Result<Vec<(&'static str, String)>, String> {
    let lock = Lock::read(files)?;
    STAGES
        .iter()
        .map(|stage| Ok((stage.name, digest(stage, tree, files, &lock)?)))
        .collect()
}

fn digest(stage: &Stage, tree: &Tree, files: &Files, lock: &Lock) -> Result<String, String> {
    let missing = |error: String| format!("stage {}: {error}; correct STAGES in build/digest.rs", stage.name);
    let mut hasher = blake3::Hasher::new();
    let mut part = |kind: &str, name: &str, value: &[u8]| {
        for piece in [kind.as_bytes(), name.as_bytes(), value] {
            hasher.update(&(piece.len() as u64).to_le_bytes());
            hasher.update(piece);
        }
    };
    let mut paths = tree.closure(stage.entries).map_err(missing)?;
    for &path in stage.alone {
        let there = tree.files.get_key_value(path);
        let (path, _) = there.ok_or_else(|| missing(format!("{path}: there is no such source file")))?;
        paths.insert(path);
    }
    let mut assets = BTreeSet::new();
    let mut crates = BTreeSet::new();
    for path in paths {
        let Some(file) = tree.files.get(path) else { continue };
        part("code", path, file.code.as_bytes());
        for (asset, line) in &file.assets {
            let below = files.below(asset)?;
            if below.is_empty() {
                return Err(format!("{path}:{line}: there is nothing to embed at {asset}"));
            }
            assets.extend(
                below
                    .into_iter()
                    .filter(|path| !ADDRESSED.iter().any(|folder| path.starts_with(folder))),
            );
        }
        crates.extend(file.crates.keys().map(String::as_str));
    }
    for asset in assets {
        part("asset", &asset, &files.bytes(&asset)?);
    }
    for version in lock.versions(&crates)? {
        part("library", &version, &[]);
    }
    Ok(hasher.finalize().to_hex()[..16].to_owned())
}

/// Libraries that code names and neither list knows, with the first place of each.
pub fn unknown_crates(tree: &Tree) -> Vec<(String, String, usize)> {
    let mut found = BTreeMap::new();
    for file in tree.files.values() {
        for (name, line) in &file.crates {
            if !OTHERS.contains(&name.as_str()) && !FAMILIES.iter().any(|family| family.named.contains(&name.as_str()))
            {
                found.entry(name.clone()).or_insert((file.path.clone(), *line));
            }
        }
    }
    found
        .into_iter()
        .map(|(name, (path, line))| (name, path, line))
        .collect()
}

/// `Cargo.lock`.
pub struct Lock {
    packages: Vec<Package>,
    /// Where the packages of a name are.
    places: HashMap<String, Vec<usize>>,
}

struct Package {
    name: String,
    version: String,
    dependencies: Vec<String>,
    /// Packages from a registry have a source; this one has none.
    source: Option<String>,
}

impl Lock {
    /// Reads the lock file.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(files: &Files) -> Result<Self, String> {
        let text = files.text("Cargo.lock")?;
        let packages = text.split("[[package]]").skip(1).map(|block| {
            let field = |key: &str| {
                let line = block
                    .lines()
                    .find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
                line.map(|value| value.trim_matches('"').to_owned())
            };
            let listed = block
                .lines()
                .filter_map(|line| line.strip_prefix(" \"")?.strip_suffix("\","));
            Package {
                name: field("name").unwrap_or_default(),
                version: field("version").unwrap_or_default(),
                source: field("source"),
                dependencies: listed.map(str::to_owned).collect(),
            }
        });
        let packages: Vec<Package> = packages.collect();
        let mut places: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, package) in packages.iter().enumerate() {
            places.entry(package.name.clone()).or_default().push(at);
        }
        Ok(Self { packages, places })
    }

    /// `name=version` of every package called one of `names`.
    pub fn named(&self, names: &[&str]) -> Vec<String> {
        let packages = self
            .packages
            .iter()
            .filter(|package| names.contains(&package.name.as_str()));
        packages
            .map(|package| format!("{}={}", package.name, package.version))
            .collect()
    }

    /// Packages that compute, of what the code names as `crates`.
    ///
    /// # Errors
    /// If nothing is locked for one of them.
    fn versions(&self, crates: &BTreeSet<&str>) -> Result<BTreeSet<String>, String> {
        let mut found = BTreeSet::new();
        for family in FAMILIES {
            for name in family.named.iter().filter(|name| crates.contains(**name)) {
                let start = self.own(name).ok_or_else(|| {
                    format!("Cargo.lock: no package of this program depends on `{name}`, which the code names")
                })?;
                let (mut open, mut seen) = (vec![start], BTreeSet::new());
                while let Some(at) = open.pop() {
                    if !seen.insert(at) {
                        continue;
                    }
                    let package = &self.packages[at];
                    open.extend(
                        package
                            .dependencies
                            .iter()
                            .filter_map(|dependency| self.find(dependency)),
                    );
                    if family.locked.iter().any(|pattern| fits(pattern, &package.name)) {
                        let source = package.source.as_deref().unwrap_or("here");
                        found.insert(format!("{} {} {source}", package.name, package.version));
                    }
                }
            }
        }
        Ok(found)
    }

    /// What this program's own code calls `name`.
    fn own(&self, name: &str) -> Option<usize> {
        let own = self.packages.iter().filter(|package| package.source.is_none());
        let mut dependencies = own.flat_map(|package| &package.dependencies);
        let called = |dependency: &&String| dependency.split(' ').next().unwrap_or_default().replace('-', "_") == name;
        self.find(dependencies.find(called)?)
    }

    /// The package of an entry in a list of dependencies: a name, and the version where there are several.
    fn find(&self, dependency: &str) -> Option<usize> {
        let mut words = dependency.split(' ');
        let (name, version) = (words.next()?, words.next());
        let mut places = self.places.get(name)?.iter().copied();
        places.find(|&at| version.is_none_or(|version| self.packages[at].version == version))
    }
}

fn fits(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}
