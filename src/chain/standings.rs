//! How AURA stands against its rivals, once every seed is there: `standings.parquet` of the run folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::check::answers::{self, Asked, Predictions};
use crate::check::standing;
use crate::digest::Digest;
use crate::disk::{atomic, parquet};
use crate::error::Result;
use crate::metric::Bootstrap;
use crate::run::folder::RunFolder;
use crate::run::manifest::OtherTest;
use crate::there;

use super::state::Chain;

impl Chain<'_> {
    /// Compares AURA's read-outs with every rival over the seeds of the folder, unless the table is there.
    pub(crate) fn standings(
        &self,
        folder: &RunFolder,
        seeds: &[u64],
        outputs: &[String],
        tests: &[OtherTest],
    ) -> Result<()> {
        let path = folder.standings();
        if there::is_file(&path)? {
            return Ok(());
        }
        self.interrupt.check()?;
        folder.unseal()?;
        let bootstrap = Bootstrap::hearing(self.interrupt);
        let task = self.recipe.protocol.task;
        let own = self.predictions(folder, seeds, &Asked::test(outputs), &folder.samples())?;
        let mut rows = standing::of(&own, task, None, &bootstrap)?;
        for test in tests {
            let (split, columns) = (test.split(), test.asked(outputs));
            let asked = Asked {
                split: &split,
                names: outputs,
                columns: Some(&columns),
            };
            let said = self.predictions(folder, seeds, &asked, &folder.samples_of(&test.name))?;
            rows.extend(standing::of(&said, task, Some(&test.name), &bootstrap)?);
        }
        parquet::write(&path, &rows, &folder.origin())
    }

    /// Takes away what was computed over other seeds than these, or over others of their rivals, and says whether there is anything new
    /// in them: processes that train seeds side by side end in any order.
    ///
    /// # Errors
    /// [`crate::Error::Io`].
    pub(super) fn forget_evaluation(&self, folder: &RunFolder, seeds: &[u64]) -> Result<bool> {
        let stamp = std::fs::read_to_string(folder.evaluated_stamp());
        if stamp.is_ok_and(|stamp| stamp == self.evaluated(folder, seeds)) {
            return Ok(false);
        }
        for table in [folder.standings(), folder.subgroups()] {
            if there::is_file(&table)? {
                folder.unseal()?;
                atomic::remove(&table)?;
            }
        }
        Ok(true)
    }

    /// Notes over which seeds that was computed which is there now.
    ///
    /// # Errors
    /// [`crate::Error::Io`].
    pub(super) fn stamp_evaluation(&self, folder: &RunFolder, seeds: &[u64]) -> Result<()> {
        let (path, now) = (folder.evaluated_stamp(), self.evaluated(folder, seeds));
        if std::fs::read_to_string(&path).is_ok_and(|there| there == now) {
            return Ok(());
        }
        atomic::write(&path, now.as_bytes())
    }

    /// A digest of what the seeds say of themselves and of their rivals.
    fn evaluated(&self, folder: &RunFolder, seeds: &[u64]) -> String {
        let mut digest = Digest::new("evaluated seeds");
        for fold in self.recipe.protocol.units() {
            for &seed in seeds {
                let here = folder.seed(fold, seed);
                let said = |path: &Path| std::fs::read(path).unwrap_or_default();
                digest = digest
                    .part("unit", format!("{fold:?} {seed}"))
                    .part("aura", said(&here.done()))
                    .part("rivals", said(&here.rivals()));
            }
        }
        digest.finish()
    }

    /// What every method of the seeds says of the samples of a test set, which are in the table `samples`.
    ///
    /// # Errors
    /// As [`Predictions::read`].
    pub(super) fn predictions(
        &self,
        folder: &RunFolder,
        seeds: &[u64],
        asked: &Asked<'_>,
        samples: &Path,
    ) -> Result<BTreeMap<String, Predictions>> {
        let files: Vec<(Option<i32>, i64, PathBuf)> = self
            .recipe
            .protocol
            .units()
            .into_iter()
            .flat_map(|fold| seeds.iter().map(move |&seed| (fold, seed)))
            .map(|(fold, seed)| {
                let file = folder.seed(fold, seed).file("predictions.parquet");
                (fold, i64::try_from(seed).unwrap_or(i64::MAX), file)
            })
            .collect();
        let people = if there::is_file(samples)? {
            answers::subjects(samples)?
        } else {
            BTreeMap::new()
        };
        let task = self.recipe.protocol.task;
        Predictions::read(&files, &people, task, asked, |_| true)
    }
}
