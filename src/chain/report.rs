//! Stages 5 and 6: statistics by SQL, and the report.

use std::path::PathBuf;

use crate::digest::{Digest, stage};
use crate::disk::atomic;
use crate::error::Result;
use crate::meter::Meter;
use crate::report::{ReportOptions, statistics};
use crate::run::folder::RunFolder;
use crate::run::manifest::Manifest;
use crate::there;

use super::state::{Chain, json};

impl Chain<'_> {
    /// Computes the statistics and writes the report, unless both are there for exactly this run.
    pub fn report(&mut self, folder: &RunFolder, manifest: &Manifest, run_digest: &str) -> Result<PathBuf> {
        let started = Meter::start();
        let options = ReportOptions {
            config: Some(self.recipe.report.clone()),
            progress: self.progress,
            interrupt: self.interrupt.clone(),
            ..ReportOptions::default()
        };
        // The page shows everything of the manifest; only times may differ without making it another page.
        let timeless = Manifest {
            stages: Vec::new(),
            created: String::new(),
            git: serde_json::Value::Null,
            sum: None,
            ..manifest.clone()
        };
        let digest = Digest::new("report")
            .part("run", run_digest)
            .part("manifest", json(&timeless)?.to_string())
            .part("options", json(&self.recipe.report)?.to_string())
            .part("code", stage::REPORT)
            .finish();
        let page = folder.report().join("report.html");
        let stamp = folder.report_stamp();
        if there::is_file(&page)? && std::fs::read_to_string(&stamp).is_ok_and(|there| there == digest) {
            self.done("statistics", &started, true, &digest);
            self.done("report", &Meter::start(), true, &digest);
            return Ok(page);
        }
        self.interrupt.check()?;
        let statistics = statistics::compute(&[folder.path().to_owned()], &options)?;
        self.progress
            .line(&format!("            {} tables by SQL", statistics.count()));
        self.done("statistics", &started, false, &digest);

        self.interrupt.check()?;
        let started = Meter::start();
        // A stamp of another state must not outlive the pages that it belonged to.
        folder.unseal()?;
        atomic::remove(&stamp)?;
        let paths = statistics.report(&folder.report())?;
        for warning in &paths.warnings {
            self.progress.line(&format!("            {warning}"));
        }
        // A page that lacks pictures is no finished one: they may be there the next time.
        if paths.lacking == 0 {
            atomic::write(&stamp, digest.as_bytes())?;
        }
        self.done("report", &started, false, &digest);
        Ok(paths.html)
    }
}
