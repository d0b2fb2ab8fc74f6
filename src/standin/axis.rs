//! Increasing functions that give raw values a wanted distribution.

/// A piecewise linear function from raw values to values, through ranks.
pub(crate) struct Axis {
    /// Raw values of evenly spaced ranks.
    knots: Vec<f32>,
    /// Edges of the bins of the wanted distribution, and the rank at each.
    edges: Vec<f32>,
    ranks: Vec<f32>,
}

impl Axis {
    /// Fits the function to `raw` values. Between `edges[i]` and `edges[i + 1]` values lie evenly, with the share
    /// `weights[i]` of all. With `knots` the function is as smooth as so many points let it be, else it passes through every
    /// raw value.
    pub fn new(mut raw: Vec<f32>, knots: Option<usize>, edges: &[f32], weights: &[f64]) -> Self {
        raw.sort_by(f32::total_cmp);
        let last = raw.len().saturating_sub(1);
        let knots = match knots {
            Some(n) if n < raw.len() => (0..n).map(|i| raw[i * last / (n - 1)]).collect(),
            _ => raw,
        };
        let total: f64 = weights.iter().sum();
        let mut below = 0.0;
        let mut ranks = vec![0.0];
        for weight in weights {
            below += weight;
            ranks.push((below / total) as f32);
        }
        Self {
            knots,
            edges: edges.to_vec(),
            ranks,
        }
    }

    /// Share of the raw values below this one.
    pub fn rank(&self, raw: f32) -> f32 {
        let after = self.knots.partition_point(|knot| *knot <= raw);
        if after == 0 {
            return 0.0;
        }
        if after == self.knots.len() {
            return 1.0;
        }
        let (low, high) = (self.knots[after - 1], self.knots[after]);
        let within = (raw - low) / (high - low).max(f32::MIN_POSITIVE);
        ((after - 1) as f32 + within) / (self.knots.len() - 1) as f32
    }

    /// The value of this rank.
    pub fn value(&self, rank: f32) -> f32 {
        let bins = self.ranks.len() - 1;
        let bin = self.ranks[1..bins].partition_point(|edge| *edge <= rank);
        let within = (rank - self.ranks[bin]) / (self.ranks[bin + 1] - self.ranks[bin]).max(f32::MIN_POSITIVE);
        self.edges[bin] + within.clamp(0.0, 1.0) * (self.edges[bin + 1] - self.edges[bin])
    }

    /// The value of a raw value.
    pub fn at(&self, raw: f32) -> f32 {
        self.value(self.rank(raw))
    }
}
