//! How AURA stands against its rivals, once every seed is there: `standings.parquet` of the run folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::check::answers::{self, Asked, Predictions};
use crate::check::standing;
use crate::disk::parquet;
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
