//! Agreement of continuous scores: CCC and PCC (ddof 0), RMSE, SAGR.

/// Sums a dimension contributes: n, x, y, x², y², xy, squared error, sign agreement (x, y centred on fixed offsets).
pub(crate) const SUMS: usize = 8;

/// How well one dimension is predicted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Agreement {
    /// Lin's concordance, 2·cov / (var x + var y + (mean x − mean y)²), all moments divided by n.
    pub ccc: f64,
    /// Pearson's correlation.
    pub pcc: f64,
    /// Root of the mean squared error.
    pub rmse: f64,
    /// Share of samples whose signs agree; the sign of 0 is 0.
    pub sagr: f64,
    /// Samples counted.
    pub n: f64,
    /// Target or output is constant: CCC and PCC are then set to 0.
    pub degenerate: bool,
}

/// Means of both series: moments are taken about them, so that large offsets cost no precision.
pub(crate) fn centre(x: impl ExactSizeIterator<Item = f64>, y: impl ExactSizeIterator<Item = f64>) -> (f64, f64) {
    fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
        let n = values.len();
        if n == 0 { 0.0 } else { values.sum::<f64>() / n as f64 }
    }
    (mean(x), mean(y))
}

/// What one sample adds to the sums.
pub(crate) fn terms(x: f64, y: f64, (cx, cy): (f64, f64)) -> [f64; SUMS] {
    let (u, v) = (x - cx, y - cy);
    [
        1.0,
        u,
        v,
        u * u,
        v * v,
        u * v,
        (x - y) * (x - y),
        f64::from(sign(x) == sign(y)),
    ]
}

fn sign(x: f64) -> i8 {
    i8::from(x > 0.0) - i8::from(x < 0.0)
}

/// The measures from the sums over samples of [`terms`].
pub(crate) fn from_sums(sums: &[f64], (cx, cy): (f64, f64)) -> Agreement {
    let n = sums[0];
    if n <= 0.0 {
        return Agreement {
            ccc: 0.0,
            pcc: 0.0,
            rmse: 0.0,
            sagr: 0.0,
            n: 0.0,
            degenerate: true,
        };
    }
    let (mx, my) = (sums[1] / n, sums[2] / n);
    let var_x = (sums[3] / n - mx * mx).max(0.0);
    let var_y = (sums[4] / n - my * my).max(0.0);
    let cov = sums[5] / n - mx * my;
    let shift = (mx + cx) - (my + cy);
    // What is left of a constant series is rounding, about ε² of its size.
    let constant = |var: f64, offset: f64| var <= 1e-28 * offset.mul_add(offset, 1e-30);
    let degenerate = constant(var_x, mx + cx) || constant(var_y, my + cy);
    let (ccc, pcc) = if degenerate {
        (0.0, 0.0)
    } else {
        (
            2.0 * cov / (var_x + var_y + shift * shift),
            (cov / (var_x * var_y).sqrt()).clamp(-1.0, 1.0),
        )
    };
    Agreement {
        ccc,
        pcc,
        rmse: (sums[6] / n).sqrt(),
        sagr: sums[7] / n,
        n,
        degenerate,
    }
}
