//! Linear discriminant analysis with a shrunken covariance (`lda`), for expressions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::fitting::choose::Candidates;
use crate::sets::Matrix;
use crate::solver::lda::{Discriminants, Lda};

use super::fit::{CHOOSE_ON, Fitted, Rival, Settings, Training, enough};
use super::host::table;
use super::input::Features;

/// Shares of the identity that are tried.
const PATH: [f64; 10] = [1e-4, 1e-3, 1e-2, 0.03, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9];

/// Linear discriminant analysis (`lda`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LdaConfig {
    /// Share of a multiple of the identity in the covariance, as scikit-learn's `shrinkage`; 0 chooses it from 0.0001 to 0.9.
    pub shrinkage: f64,
    /// Samples that the shrinkage is chosen on in each held-out part, and about which it is asked in all parts together, at most; what is
    /// chosen is fitted to all.
    pub choose_on: usize,
}

impl Default for LdaConfig {
    fn default() -> Self {
        Self {
            shrinkage: 0.0,
            choose_on: CHOOSE_ON,
        }
    }
}

impl LdaConfig {
    pub(crate) fn validate(&self) -> std::result::Result<(), (String, String)> {
        if (0.0..=1.0).contains(&self.shrinkage) {
            enough("lda", self.choose_on)
        } else {
            Err((
                "lda.shrinkage".to_owned(),
                "expected a share up to 1, or 0 to choose it".to_owned(),
            ))
        }
    }

    fn share(&self, at: usize) -> Option<f64> {
        if self.shrinkage > 0.0 {
            (at == 0).then_some(self.shrinkage)
        } else {
            PATH.get(at).copied()
        }
    }
}

/// Class means and covariance of the training samples.
fn prepare(training: &Training<'_>) -> Result<Lda> {
    let targets = training.targets;
    let labels: Vec<Option<usize>> = (0..targets.len()).map(|i| targets.class(i)).collect();
    Lda::new(training.x, &labels, targets.outputs(), training.interrupt)
}

struct Path<'a> {
    config: &'a LdaConfig,
    training: Training<'a>,
    lda: Lda,
    held: &'a Features,
}

impl Candidates for Path<'_> {
    fn outputs(&mut self, at: usize) -> Result<Option<Matrix>> {
        let Some(share) = self.config.share(at) else {
            return Ok(None);
        };
        let found = self.lda.solve(share, self.training.interrupt)?;
        let said = found.predict(self.held, self.training.interrupt)?;
        Ok(Some(table(&said)))
    }
}

impl Rival for LdaConfig {
    fn settings(&self) -> usize {
        if self.shrinkage > 0.0 { 1 } else { PATH.len() }
    }

    fn choose_on(&self, _: usize) -> usize {
        self.choose_on
    }

    fn candidates<'a>(&'a self, training: Training<'a>, held: &'a Features) -> Result<Box<dyn Candidates + 'a>> {
        Ok(Box::new(Path {
            config: self,
            lda: prepare(&training)?,
            held,
            training,
        }))
    }

    fn fit(&self, training: &Training<'_>, at: usize) -> Result<Box<dyn Fitted>> {
        let share = self.share(at).unwrap_or(1.0);
        Ok(Box::new(Fit {
            found: prepare(training)?.solve(share, training.interrupt)?,
            share,
            interrupt: training.interrupt.clone(),
        }))
    }
}

struct Fit {
    found: Discriminants,
    share: f64,
    interrupt: crate::interrupt::Interrupt,
}

impl Fitted for Fit {
    fn predict(&self, x: &Features) -> Result<Matrix> {
        Ok(table(&self.found.predict(x, &self.interrupt)?))
    }

    fn settings(&self) -> Settings {
        vec![("shrinkage", self.share)]
    }
}
