//! Which printed numbers a run can be held against.

use crate::check::facts::Facts;
use crate::check::judge::PublishedValue;
use crate::error::Result;
use crate::naming;

use super::file::Paper;

/// The printed numbers for a run's database, encoder and dictionary size, of every built-in paper.
///
/// # Errors
/// If a built-in file cannot be read, which is a defect of this program.
pub fn values_for(run: &Facts) -> Result<Vec<PublishedValue>> {
    let encoder = &run.manifest.encoder;
    let k_max = run.settings.get("model.k_max").and_then(|k| k.parse::<u64>().ok());
    let mut found = Vec::new();
    for name in Paper::names() {
        let paper = Paper::built_in(&name)?;
        for result in &paper.results {
            let fits = result.dataset == run.manifest.dataset
                && naming::is_of(encoder, &result.encoder, result.architecture.as_deref())
                && (result.k_max.is_none() || result.k_max == k_max);
            let (Some(number), Some(table), true) = (paper.number(result), paper.table(&result.table), fits) else {
                continue;
            };
            found.push(PublishedValue {
                metric: result.metric.clone(),
                value: if result.percent { number / 100.0 } else { number },
                source: format!("{}, {}", table.place, result.row),
                tolerance: result.tolerance,
            });
        }
    }
    Ok(found)
}
