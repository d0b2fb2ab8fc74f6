//! How the query layer finds the run folders below a directory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::disk::seal::{self, Damage, Seal};
use crate::error::{Context, Error, Result};
use crate::interrupt::Interrupt;
use crate::remote::{self, RemoteRun};
use crate::run::manifest::{self, Manifest};
use crate::there;

/// Folders below a given directory are searched this deep; results of runs lie far above that.
const MAX_DEPTH: usize = 8;

/// A run folder and what its manifest says.
#[derive(Debug, Clone)]
pub struct FoundRun {
    /// The folder; of a run that is kept elsewhere, that of its mirror.
    pub path: PathBuf,
    /// The name under which the views show it: the manifest's `run`, made unique where two folders share it.
    pub run: String,
    /// The manifest.
    pub manifest: Manifest,
    /// The digests of its files; none of a run that was interrupted, or is being written.
    seal: Option<Seal>,
    /// Where it is kept, if that is not this machine.
    remote: Option<RemoteRun>,
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

    /// Where it is, for people: its folder, or its address.
    pub(crate) fn place(&self) -> String {
        let here = || self.path.to_string_lossy().into_owned();
        self.remote.as_ref().map_or_else(here, RemoteRun::address)
    }

    /// The same under its own name, without what tells it from others of that name.
    #[must_use]
    pub(crate) fn alone(mut self) -> Self {
        self.run.clone_from(&self.manifest.run);
        self
    }

    /// Whether it is whole: digests are written last.
    pub(crate) fn is_sealed(&self) -> bool {
        self.seal.is_some()
    }

    /// Whether it is kept elsewhere.
    pub(crate) fn is_remote(&self) -> bool {
        self.remote.is_some()
    }

    /// Whether a file was written with it, be it here yet or not.
    pub(crate) fn has(&self, name: &str) -> bool {
        match (&self.remote, &self.seal) {
            (Some(_), Some(seal)) => seal.get(name).is_some(),
            _ => self.path.join(name).is_file(),
        }
    }

    /// A file's name in the digests.
    fn name_of(&self, path: &Path) -> String {
        let below = path.strip_prefix(&self.path).unwrap_or(path);
        below.to_string_lossy().replace('\\', "/")
    }

    /// Makes sure that these files of the run are what was written, and brings them here if the run is kept elsewhere.
    ///
    /// # Errors
    /// [`Error::Data`] that names the first that is not, or that does not come; [`Error::Io`] if one cannot be read.
    pub(crate) fn verify<'p>(&self, tables: impl IntoIterator<Item = &'p Path>) -> Result<()> {
        let Some(seal) = &self.seal else { return Ok(()) };
        if self.is_remote() {
            let names: BTreeSet<String> = tables.into_iter().map(|table| self.name_of(table)).collect();
            return fetch(std::slice::from_ref(self), |name| names.contains(name));
        }
        for table in tables {
            let name = self.name_of(table);
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

    /// What the run lacks of what was written, as a warning. What has yet to come from elsewhere does not lack.
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
            .filter(|path| !self.has(&self.name_of(path)))
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

/// Brings those files of runs that are kept elsewhere here whose names in their digests `wanted` takes. What is here is here, and
/// runs of this machine are left alone.
///
/// # Errors
/// [`Error::Data`] that names the first that does not come, or is not what was written; [`Error::Interrupted`].
pub(crate) fn fetch(runs: &[FoundRun], wanted: impl Fn(&str) -> bool) -> Result<()> {
    let mut all = Vec::new();
    let mut interrupt = None;
    for run in runs {
        let (Some(remote), Some(seal)) = (&run.remote, &run.seal) else {
            continue;
        };
        interrupt.get_or_insert(remote.interrupt());
        let names = seal.names().filter(|name| wanted(name));
        all.extend(names.filter_map(|name| Some(remote.wanted(name, seal.get(name)?))));
    }
    interrupt.map_or(Ok(()), |interrupt| remote::fetch(all, interrupt))
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

/// Finds every run folder at or below `paths`, sorted by name and then by path. A path may be the address of a place elsewhere
/// (`s3://…`, `https://…`); the manifests of its runs are then brought here.
///
/// A folder with a manifest is a run and is not searched further; hidden folders and links are passed over. Broken
/// manifests are returned as warnings, unless the run was named itself.
///
/// # Errors
/// [`Error::Data`] if a path does not exist, does not answer, or a run that was named cannot be read; [`Error::Interrupted`].
pub fn discover(paths: &[PathBuf], interrupt: &Interrupt) -> Result<(Vec<FoundRun>, Vec<String>)> {
    let mut folders = Vec::new();
    let mut named = BTreeSet::new();
    let mut elsewhere = BTreeMap::new();
    let mut warnings = Vec::new();
    for path in paths {
        if remote::is_address(path) {
            let opened = remote::open(path, interrupt)?;
            warnings.extend(opened.warnings);
            for run in opened.runs {
                let folder = run.folder();
                if opened.is_run {
                    named.insert(folder.clone());
                }
                folders.push(folder.clone());
                elsewhere.insert(folder, run);
            }
            continue;
        }
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
            let read = match elsewhere.get(&folder) {
                Some(remote) => read_remote(&folder, remote),
                None => read(&folder),
            };
            (folder, read)
        })
        .collect();
    let mut runs = Vec::with_capacity(read.len());
    for (path, manifest) in read {
        match manifest {
            Ok((manifest, seal)) => {
                let run = FoundRun {
                    run: manifest.run.clone(),
                    remote: elsewhere.remove(&path),
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

/// As [`read`], of a run that is kept elsewhere: what it says is somebody else's word.
fn read_remote(folder: &Path, remote: &RemoteRun) -> Result<(Manifest, Option<Seal>)> {
    let (manifest, seal) = read(folder).map_err(|error| match error {
        Error::Data { .. } => Error::damaged(format!(
            "{} cannot be read: its manifest is not what was written, by the digests beside it, or is no manifest. If it is being copied \
             just now, the same command works once that has ended; else copy it again ({error})",
            remote.address()
        )),
        other => other,
    })?;
    let seal = seal.ok_or_else(|| Error::damaged(format!("{} has no digests; copy it again", remote.address())))?;
    remote.check_names(seal.names())?;
    remote.check_names(manifest.tests.iter().map(|test| test.name.as_str()))?;
    Ok((manifest, Some(seal)))
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
