//! Whether a run may be held against a baseline: as a whole, and on another database that both were tested on.

use super::baseline::Baseline;
use super::facts::{Facts, differing};
use super::names::place;

/// Why a run may not be held against a baseline, if so.
pub(super) fn incomparable(run: &Facts, baseline: &Baseline) -> Option<String> {
    if run.manifest.protocol_digest != baseline.protocol_digest {
        let keys = differing(&baseline.protocol, &run.protocol());
        return Some(if keys.is_empty() {
            "the protocol digests differ although no key does: they were made by different versions of aura-bench"
                .to_owned()
        } else {
            format!("the protocols differ (baseline against run): {}", keys.join("; "))
        });
    }
    if run.task != baseline.task || run.manifest.classes != baseline.classes {
        return Some("the outputs have other names than the baseline's".to_owned());
    }
    if run.predictions.samples_digest() != baseline.samples_digest {
        return Some(format!(
            "the test samples or their labels are not the baseline's ({} against {})",
            baseline.test_samples,
            run.predictions.samples()
        ));
    }
    None
}

/// Why one number of it may not be, where the number is one on another database and the run was tested on it in another way.
pub(super) fn incomparable_there(run: &Facts, baseline: &Baseline, metric: &str) -> Option<String> {
    let name = place(metric).1?;
    let (before, now) = (baseline.tests.get(name)?, run.test(name)?);
    if before.digest != now.digest || before.outputs != now.outputs {
        return Some(format!(
            "test@{name} is not what it was: another protocol, rule or naming of its labels ([[test]] of the recipe)"
        ));
    }
    let there = run.elsewhere.get(name)?;
    (there.samples_digest() != before.samples_digest).then(|| {
        format!(
            "the samples of test@{name} or their labels are not the baseline's ({} against {})",
            before.samples,
            there.samples()
        )
    })
}
