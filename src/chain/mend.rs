//! What of a run folder is not what was written is taken away, so that the stages make it again.

use std::path::Path;

use crate::disk::atomic;
use crate::disk::lock::{Attempt, Lock};
use crate::disk::seal::{self, Damage, Seal};
use crate::error::Result;
use crate::run::folder::{RunFolder, SeedFolder, unit_of};

use super::done::{self, Done};
use super::state::Chain;

impl Chain<'_> {
    /// Looks at every file of the run that is said to be whole.
    ///
    /// # Errors
    /// [`crate::Error::Io`] if a file is there and cannot be read, or a damaged one cannot be removed.
    pub(crate) fn mend(&self, folder: &RunFolder, digest: &str) -> Result<()> {
        let root = folder.path();
        let Some(seal) = Seal::read(&root.join(seal::FILE))? else {
            return self.mend_unfinished(folder, digest);
        };
        let damages = seal.damages(root, self.interrupt)?;
        if damages.is_empty() {
            return Ok(());
        }
        folder.unseal()?;
        for damage in &damages {
            self.again(damage);
            self.take_away(folder, damage.path())?;
        }
        Ok(())
    }

    /// Takes away what says that the group of a damaged file is whole; of a file that belongs to none, the file itself.
    fn take_away(&self, folder: &RunFolder, damaged: &Path) -> Result<()> {
        let within = damaged.strip_prefix(folder.path()).unwrap_or(damaged);
        if within.starts_with("report") {
            return atomic::remove(&folder.report_stamp());
        }
        match unit_of(within).map(|(fold, seed)| folder.seed(fold, seed)) {
            Some(seed) if within.ends_with("maps.parquet") || within.ends_with("separability.parquet") => {
                atomic::remove(&seed.maps_stamp())
            }
            Some(seed) => match Lock::attempt(seed.path(), "", self.interrupt)? {
                Attempt::Held(_lock) => done::forget(&seed),
                Attempt::Busy(_) => Ok(()),
            },
            None => atomic::remove(damaged),
        }
    }

    /// Of a run that was never finished, or whose digests are gone: seeds have digests of their own; what is made from them takes
    /// seconds, and is made again.
    fn mend_unfinished(&self, folder: &RunFolder, digest: &str) -> Result<()> {
        folder.unseal()?;
        // What a killed call was writing.
        atomic::sweep_below(folder.path())?;
        if let Some(runs) = folder.path().parent() {
            atomic::sweep(runs)?;
        }
        let protocol = &self.recipe.protocol;
        for fold in protocol.units() {
            for &seed in &protocol.seeds {
                let here = folder.seed(fold, seed);
                let Some(there) = Done::read(&here, digest) else {
                    continue;
                };
                if !there.damages(&here, self.interrupt)?.is_empty() {
                    self.mend_seed(&here, digest)?;
                }
                atomic::remove(&here.maps_stamp())?;
            }
        }
        atomic::remove(&folder.report_stamp())?;
        atomic::remove(&folder.duplicates())?;
        atomic::remove(&folder.relabelled())?;
        atomic::remove(&folder.attributes())?;
        atomic::remove(&folder.subgroups())?;
        atomic::remove(&folder.standings())
    }

    /// Looks at the files of a seed once nobody writes them, and takes its word back if one is damaged.
    fn mend_seed(&self, here: &SeedFolder, digest: &str) -> Result<()> {
        // Whoever has it in hand makes it whole.
        let Attempt::Held(_lock) = Lock::attempt(here.path(), "", self.interrupt)? else {
            return Ok(());
        };
        let Some(there) = Done::read(here, digest) else {
            return Ok(());
        };
        let damages = there.damages(here, self.interrupt)?;
        for damage in &damages {
            self.again(damage);
        }
        if damages.is_empty() { Ok(()) } else { done::forget(here) }
    }

    fn again(&self, damage: &Damage) {
        self.progress.line(&format!("            made again, because {damage}"));
    }
}
