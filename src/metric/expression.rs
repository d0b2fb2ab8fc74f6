//! Single-label classification: confusion matrix, accuracy, balanced accuracy, macro-F1, per-class recall and F1.

/// Position of the largest value; the first of equals, 0 for an empty row.
pub fn argmax(row: &[f32]) -> usize {
    let mut best = 0;
    for (i, &value) in row.iter().enumerate() {
        if value > row[best] {
            best = i;
        }
    }
    best
}

/// Counts of (label, prediction) pairs: row = label, column = prediction.
#[derive(Debug, Clone, PartialEq)]
pub struct Confusion {
    classes: usize,
    /// C × C counts, row-major; whole numbers, as f64 because bootstrap sums share this type.
    counts: Vec<f64>,
}

impl Confusion {
    /// From C × C counts, row-major.
    pub(crate) fn from_counts(classes: usize, counts: &[f64]) -> Self {
        Self {
            classes,
            counts: counts.to_vec(),
        }
    }

    /// Samples counted.
    pub fn total(&self) -> f64 {
        self.counts.iter().sum()
    }

    /// Samples with this label.
    pub fn support(&self, label: usize) -> f64 {
        self.counts[label * self.classes..(label + 1) * self.classes]
            .iter()
            .sum()
    }

    /// Samples with this prediction.
    pub fn predicted(&self, prediction: usize) -> f64 {
        (0..self.classes)
            .map(|label| self.counts[label * self.classes + prediction])
            .sum()
    }

    /// Samples on the diagonal.
    pub fn correct(&self) -> f64 {
        (0..self.classes).map(|c| self.hit(c)).sum()
    }

    fn hit(&self, class: usize) -> f64 {
        self.counts[class * self.classes + class]
    }

    /// Share of samples on the diagonal; 0 without samples.
    pub fn accuracy(&self) -> f64 {
        ratio(self.correct(), self.total())
    }

    /// Recall of one class; `None` if no sample has the label.
    pub fn recall(&self, class: usize) -> Option<f64> {
        let support = self.support(class);
        (support > 0.0).then(|| self.hit(class) / support)
    }

    /// F1 of one class, 2·tp / (support + predicted); `None` if the class is neither a label nor a prediction (0/0).
    pub fn f1(&self, class: usize) -> Option<f64> {
        let total = self.support(class) + self.predicted(class);
        (total > 0.0).then(|| 2.0 * self.hit(class) / total)
    }

    /// Mean recall over the classes that occur as labels.
    pub fn balanced_accuracy(&self) -> f64 {
        mean((0..self.classes).filter_map(|c| self.recall(c)))
    }

    /// Mean F1 over the classes that occur as label or prediction.
    pub fn f1_macro(&self) -> f64 {
        mean((0..self.classes).filter_map(|c| self.f1(c)))
    }
}

/// `a / b`, 0 where b is 0.
pub(crate) fn ratio(a: f64, b: f64) -> f64 {
    if b > 0.0 { a / b } else { 0.0 }
}

/// Arithmetic mean, 0 of nothing.
pub(crate) fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut n) = (0.0, 0.0);
    for value in values {
        sum += value;
        n += 1.0;
    }
    ratio(sum, n)
}
