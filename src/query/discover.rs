//! How the query layer finds the run folders below a directory.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::disk::seal::{self, Damage, Seal};
use crate::error::{Context, Error, Result};
use crate::interrupt::Interrupt;
use crate::run::manifest::{self, Manifest};
use crate::there;

/// Folders below a given directory are searched this deep; results of runs lie far above that.
const MAX_DEPTH: usize = 8;

/// A run folder and what its manifest says.
#[derive(Debug, Clone)]
pub struct FoundRun {
    /// The folder.
    pub path: PathBuf,
    /// The name under which the views show it: the manifest's `run`, made unique where two folders share it.
    pub run: String,
    /// The manifest.
    pub manifest: Manifest,
    /// The digests of its files; none of a run that was interrupted, or is being written.
    seal: Option<Seal>,
}

impl FoundRun {
    /// The run's folds; one without number in a run without folds.
    pub fn folds(&self) -> Vec<Option<i32>> {
        if self.manifest.folds.is_empty() {
            vec![None]
        } else {
            self.manifest.folds.iter().copied().map(Some).collect()
        }
    }

    /// Makes sure that these tables of the run are what was written.
    ///
    /// # Errors
    /// [`Error::Data`] that names the first that is not; [`Error::Io`] if one cannot be read.
    pub(crate) fn verify<'p>(&self, tables: impl IntoIterator<Item = &'p Path>) -> Result<()> {
        let Some(seal) = &self.seal else { return Ok(()) };
        for table in tables {
            let name = table
                .strip_prefix(&self.path)
                .unwrap_or(table)
                .to_string_lossy()
                .replace('\\', "/");
            if let Some(sealed) = seal.get(&name)
                && let Some(damage) = sealed.damage(table)?
            {
                return Err(self.broken(&damage));
            }
        }
        Ok(())
    }

    /// Makes sure that everything of the run but its pages is there and what was written.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub(crate) fn verify_all(&self) -> Result<()> {
        let Some(seal) = &self.seal else { return Ok(()) };
        let damages = seal.damages(&self.path, &Interrupt::default())?;
        let of_pages = |damage: &&Damage| damage.path().starts_with(self.path.join("report"));
        match damages.iter().find(|damage| !of_pages(damage)) {
            Some(damage) => Err(self.broken(damage)),
            None => Ok(()),
        }
    }

    fn broken(&self, damage: &Damage) -> Error {
        Error::damaged(format!("run {}: {damage}; {}", self.run, self.remedy()))
    }

    fn remedy(&self) -> String {
        match &self.manifest.recipe_file {
            Some(recipe) => format!("`aura-bench run {recipe}`, with the options of the first time, makes it again"),
            None => "the command that made the run makes it again".to_owned(),
        }
    }

    /// What the run lacks of what was written, as a warning.
    pub(crate) fn lacks(&self) -> Option<String> {
        let sealed = self.seal.iter().flat_map(Seal::names);
        let tables = sealed.filter(|name| name.ends_with(".parquet"));
        let units = self
            .units()
            .into_iter()
            .map(|(.., folder)| folder.join("metrics.parquet"));
        let missing: BTreeSet<PathBuf> = tables
            .map(|name| self.path.join(name))
            .chain(units)
            .filter(|path| !path.is_file())
            .collect();
        if missing.is_empty() {
            return None;
        }
        let names: Vec<String> = missing
            .iter()
            .map(|path| path.strip_prefix(&self.path).unwrap_or(path).display().to_string())
            .collect();
        Some(format!(
            "run {} lacks {}; {}",
            self.run,
            names.join(", "),
            self.remedy()
        ))
    }

    /// The fold and seed of one of its models: those asked for, else the first of each.
    ///
    /// # Errors
    /// [`Error::Data`] if no seed is whole; [`Error::Usage`] if there is no such seed or fold.
    pub(crate) fn model(&self, fold: Option<i32>, seed: Option<i64>) -> Result<(Option<i32>, i64)> {
        let seed = chosen("seed", seed, &self.manifest.seeds, &self.run)?.ok_or_else(|| {
            Error::data(format!(
                "{} has no seed that is whole; run its recipe again, which goes on where it stopped",
                self.run
            ))
        })?;
        Ok((chosen("fold", fold, &self.manifest.folds, &self.run)?, seed))
    }

    /// Folder of one seed.
    pub fn seed_dir(&self, fold: Option<i32>, seed: i64) -> PathBuf {
        crate::run::folder::seed_dir(&self.path, fold, seed)
    }

    /// Every folder that holds one trained model: (fold, seed, folder), in that order.
    pub fn units(&self) -> Vec<(Option<i32>, i64, PathBuf)> {
        let seeds = &self.manifest.seeds;
        let unit = |fold, seed| (fold, seed, self.seed_dir(fold, seed));
        self.folds()
            .into_iter()
            .flat_map(|fold| seeds.iter().map(move |&seed| unit(fold, seed)))
            .collect()
    }
}

/// The one that was asked for, else the first; `None` if there is none.
fn chosen<T: Copy + PartialEq + std::fmt::Display>(
    what: &str,
    asked: Option<T>,
    there: &[T],
    run: &str,
) -> Result<Option<T>> {
    let Some(asked) = asked else {
        return Ok(there.first().copied());
    };
    if there.contains(&asked) {
        return Ok(Some(asked));
    }
    let known: Vec<String> = there.iter().map(ToString::to_string).collect();
    Err(Error::Usage(if known.is_empty() {
        format!("{run} has no {what}s, and {what} {asked} is asked for")
    } else {
        format!("{run} has no {what} {asked}; there are {}", known.join(", "))
    }))
}

/// Finds every run folder at or below `paths`, sorted by name and then by path.
///
/// A folder with a manifest is a run and is not searched further; hidden folders and links are passed over. Broken
/// manifests are returned as warnings, unless the run was named itself.
///
/// # Errors
/// [`Error::Data`] if a path does not exist or a run that was named cannot be read.
pub fn discover(paths: &[PathBuf]) -> Result<(Vec<FoundRun>, Vec<String>)> {
    let mut folders = Vec::new();
    let mut named = BTreeSet::new();
    for path in paths {
        if !there::is_dir(path)? {
            return Err(Error::data(format!(
                "no folder {}: expected a run folder or a folder of runs",
                path.display()
            )));
        }
        if there::is_file(&path.join(manifest::FILE))? {
            named.insert(canonical(path));
        }
        search(path, 0, &mut folders)?;
    }
    let mut folders: Vec<PathBuf> = folders.iter().map(|folder| canonical(folder)).collect();
    folders.sort();
    folders.dedup();
    let read: Vec<_> = folders
        .into_par_iter()
        .map(|folder| {
            let read = read(&folder);
            (folder, read)
        })
        .collect();
    let mut runs = Vec::with_capacity(read.len());
    let mut warnings = Vec::new();
    for (path, manifest) in read {
        match manifest {
            Ok((manifest, seal)) => {
                let run = FoundRun {
                    run: manifest.run.clone(),
                    path,
                    manifest,
                    seal,
                };
                runs.push(run);
            }
            Err(error) if named.contains(&path) => return Err(error),
            Err(error) => warnings.push(error.to_string()),
        }
    }
    runs.sort_by(|a, b| a.run.cmp(&b.run).then_with(|| a.path.cmp(&b.path)));
    let mut copies = 1;
    for i in 1..runs.len() {
        copies = if runs[i].manifest.run == runs[i - 1].manifest.run {
            copies + 1
        } else {
            1
        };
        if copies > 1 {
            runs[i].run = format!("{} [{copies}]", runs[i].manifest.run);
        }
    }
    Ok((runs, warnings))
}

/// The manifest of a run, if it is what was written, and the digests of the run's files.
fn read(folder: &Path) -> Result<(Manifest, Option<Seal>)> {
    let digests = folder.join(seal::FILE);
    let seal = Seal::read(&digests)?;
    if seal.is_none() && there::is_file(&digests)? {
        return Err(Error::damaged(format!(
            "{}; the command that made the run makes it again",
            Damage::Unsealed(digests)
        )));
    }
    let path = folder.join(manifest::FILE);
    let sealed = seal.as_ref().and_then(|seal| seal.get(manifest::FILE));
    if let Some(damage) = sealed.map(|sealed| sealed.damage(&path)).transpose()?.flatten() {
        return Err(Error::damaged(format!(
            "{damage}; the command that made the run makes it again"
        )));
    }
    Ok((Manifest::read(folder)?, seal))
}

fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

fn search(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<()> {
    if there::is_file(&folder.join(manifest::FILE))? {
        found.push(folder.to_owned());
        return Ok(());
    }
    if depth == MAX_DEPTH {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder).at("list", folder)? {
        let entry = entry.at("list", folder)?;
        // A link is not followed: it could lead in a circle.
        let is_dir = entry.file_type().at("list", folder)?.is_dir();
        if is_dir && !entry.file_name().to_string_lossy().starts_with('.') {
            search(&entry.path(), depth + 1, found)?;
        }
    }
    Ok(())
}
