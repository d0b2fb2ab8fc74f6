//! Bins of curves and histograms.

/// Edges of the bins in which archetypes are counted, and the action units that are (the view `bins`).
#[derive(Debug, Clone, PartialEq)]
pub struct Bins {
    /// Edges for valence and arousal, ascending.
    pub affect: Vec<f64>,
    /// Edges for the activation of action units, ascending.
    pub activation: Vec<f64>,
    /// The action units, as their columns are named (`au12`).
    pub units: Vec<String>,
}

impl Default for Bins {
    /// Those of the paper's Table 1.
    fn default() -> Self {
        Self {
            affect: vec![-1.0, -0.7, -0.4, -0.1, 0.1, 0.4, 0.7, 1.0],
            activation: vec![0.0, 0.3, 0.5, 0.7, 1.0],
            units: vec!["au12".to_owned(), "au25".to_owned()],
        }
    }
}
