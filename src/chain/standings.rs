//! How AURA stands against its rivals, once every seed is there: `standings.parquet` of the run folder.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::check::answers::{self, Predictions};
use crate::check::standing;
use crate::disk::parquet;
use crate::error::Result;
use crate::metric::Bootstrap;
use crate::run::folder::RunFolder;
use crate::there;

use super::state::Chain;

impl Chain<'_> {
    /// Compares AURA's read-outs with every rival over the seeds of the folder, unless the table is there.
    pub(crate) fn standings(&self, folder: &RunFolder, seeds: &[u64], outputs: &[String]) -> Result<()> {
        let path = folder.standings();
        if there::is_file(&path)? {
            return Ok(());
        }
        self.interrupt.check()?;
        folder.unseal()?;
        let said = self.predictions(folder, seeds, outputs)?;
        let task = self.recipe.protocol.task;
        let rows = standing::of(&said, task, &Bootstrap::hearing(self.interrupt))?;
        parquet::write(&path, &rows, &folder.origin())
    }

    /// What every method of the seeds says of the test samples.
    ///
    /// # Errors
    /// As [`Predictions::read`].
    pub(super) fn predictions(
        &self,
        folder: &RunFolder,
        seeds: &[u64],
        outputs: &[String],
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
        let people = if there::is_file(&folder.samples())? {
            answers::subjects(&folder.samples())?
        } else {
            BTreeMap::new()
        };
        let task = self.recipe.protocol.task;
        Predictions::read(&files, &people, task, outputs, |_| true)
    }
}
