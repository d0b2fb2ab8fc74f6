//! Names inside a run folder. Nothing else in the crate spells them.

use std::path::{Path, PathBuf};

use crate::disk::seal::{self, Seal};
use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::record::Origin;
use crate::there;

/// A run folder: `<out>/<name>-<digest8>/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFolder(PathBuf);

impl RunFolder {
    /// The folder at `path`, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Its name, which identifies the run.
    pub fn name(&self) -> String {
        self.0
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default()
    }

    /// The resolved recipe.
    pub fn recipe(&self) -> PathBuf {
        self.0.join("recipe.toml")
    }

    /// The samples table.
    pub fn samples(&self) -> PathBuf {
        self.0.join("samples.parquet")
    }

    /// The samples table of another database that is tested on.
    pub fn samples_of(&self, test: &str) -> PathBuf {
        self.0.join("tests").join(format!("{test}.parquet"))
    }

    /// The truth behind generated faces.
    pub fn truth(&self) -> PathBuf {
        self.0.join("truth.parquet")
    }

    /// Writes the digests of every file of the run, once it is whole; seeds that are not among `seeds` may be in the hands of other
    /// processes, and are no part of it.
    ///
    /// # Errors
    /// [`crate::Error::Io`].
    pub fn seal(&self, seeds: &[i64], interrupt: &Interrupt) -> Result<()> {
        let of_run = |file: &Path| {
            unit_of(file).is_none_or(|(_, seed)| i64::try_from(seed).is_ok_and(|seed| seeds.contains(&seed)))
        };
        Seal::of_some(&self.0, of_run, interrupt)?.write(&self.0.join(seal::FILE))
    }

    /// Takes the digests away, before the first file of the run changes.
    ///
    /// # Errors
    /// [`crate::Error::Io`].
    pub fn unseal(&self) -> Result<()> {
        seal::open(&self.0)
    }

    /// Whether the run was whole when it was last written.
    ///
    /// # Errors
    /// [`crate::Error::Io`] if the system cannot say.
    pub fn is_sealed(&self) -> Result<bool> {
        there::is_file(&self.0.join(seal::FILE))
    }

    /// Pictures that two splits share.
    pub fn duplicates(&self) -> PathBuf {
        self.0.join("duplicates.parquet")
    }

    /// Labels that were reviewed.
    pub fn relabelled(&self) -> PathBuf {
        self.0.join("relabelled.parquet")
    }

    /// How AURA stands against its rivals.
    pub fn standings(&self) -> PathBuf {
        self.0.join("standings.parquet")
    }

    /// Written after what is computed over all seeds: the seeds that it was computed from.
    pub fn evaluated_stamp(&self) -> PathBuf {
        self.0.join(".evaluated.digest")
    }

    /// What is known of who is in the samples.
    pub fn attributes(&self) -> PathBuf {
        self.0.join("attributes.parquet")
    }

    /// Every metric by group.
    pub fn subgroups(&self) -> PathBuf {
        self.0.join("subgroups.parquet")
    }

    /// Page, tables and figures.
    pub fn report(&self) -> PathBuf {
        self.0.join("report")
    }

    /// Written after the report: what it was made from.
    pub fn report_stamp(&self) -> PathBuf {
        self.report().join(".digest")
    }

    /// The folder that holds the seeds of a fold: `fold-<k>/`, or the run folder itself.
    pub fn fold(&self, fold: Option<i32>) -> PathBuf {
        fold_dir(&self.0, fold)
    }

    /// Whose rows its tables hold.
    pub fn origin(&self) -> Origin {
        Origin {
            run: self.name(),
            unit: None,
        }
    }

    /// The folder of one seed, of one fold where the run has folds.
    pub fn seed(&self, fold: Option<i32>, seed: u64) -> SeedFolder {
        SeedFolder {
            path: seed_dir(&self.0, fold, seed),
            origin: Origin {
                unit: Some((fold, i64::try_from(seed).unwrap_or(i64::MAX))),
                ..self.origin()
            },
        }
    }
}

/// The fold and seed in whose folder something of a run lies; `within` is its path inside the run folder.
pub fn unit_of(within: &Path) -> Option<(Option<i32>, u64)> {
    let mut names = within.components().map(|part| part.as_os_str().to_string_lossy());
    let first = names.next()?;
    let (fold, seed) = match first.strip_prefix("fold-") {
        Some(fold) => (Some(fold.parse().ok()?), names.next()?),
        None => (None, first),
    };
    Some((fold, seed.strip_prefix("seed-")?.parse().ok()?))
}

/// `<run>/seed-<n>`, or `<run>/fold-<k>/seed-<n>` in a run with folds.
pub fn seed_dir(run: &Path, fold: Option<i32>, seed: impl std::fmt::Display) -> PathBuf {
    fold_dir(run, fold).join(format!("seed-{seed}"))
}

fn fold_dir(run: &Path, fold: Option<i32>) -> PathBuf {
    fold.map_or_else(|| run.to_owned(), |fold| run.join(format!("fold-{fold}")))
}

/// The folder of one seed: `seed-<n>/`, or `fold-<k>/seed-<n>/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeedFolder {
    path: PathBuf,
    origin: Origin,
}

impl SeedFolder {
    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whose rows its tables hold.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// A file in it: `metrics.parquet`, ….
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Written last: what the seed was computed from. A seed without it is not whole.
    pub fn done(&self) -> PathBuf {
        self.path.join("done.json")
    }

    /// What the seed cost; hidden, since it holds times.
    pub fn cost(&self) -> PathBuf {
        self.path.join(".cost.json")
    }

    /// Written after the maps: what they were made from.
    pub fn maps_stamp(&self) -> PathBuf {
        self.path.join(".maps.digest")
    }

    /// Written last of the rivals: what each was fitted from. A seed without it has AURA alone.
    pub fn rivals(&self) -> PathBuf {
        self.path.join("rivals.json")
    }
}
