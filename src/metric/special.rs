//! The few distribution functions that intervals and tests need, to about 1e-13.
//!
//! Series and continued fractions as in Abramowitz & Stegun (1964), 6.5.29, 26.5.8 and 6.5.31; quantiles by bisection, which
//! is exact to the last bits of the distribution function and needs no tables.

/// Iterations after which a series or continued fraction is taken as it is.
const MAX_TERMS: usize = 10_000;
/// Smallest number that a continued fraction's denominator may take (Lentz' method).
const TINY: f64 = 1e-300;

/// ln Γ(x) for x > 0: Lanczos' approximation with g = 7, nine terms.
pub fn ln_gamma(x: f64) -> f64 {
    const C: [f64; 9] = [
        0.999_999_999_999_809_9,
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    if x < 0.5 {
        // Reflection: Γ(x) Γ(1 − x) = π / sin πx.
        return (std::f64::consts::PI / (std::f64::consts::PI * x).sin()).ln() - ln_gamma(1.0 - x);
    }
    let x = x - 1.0;
    let t = x + 7.5;
    let series = C
        .iter()
        .enumerate()
        .skip(1)
        .fold(C[0], |sum, (i, c)| sum + c / (x + i as f64));
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t + series.ln()
}

/// Regularised upper incomplete gamma Q(1/2, x), x ≥ 0.
fn gamma_q_half(x: f64) -> f64 {
    const A: f64 = 0.5;
    if x <= 0.0 {
        return 1.0;
    }
    // ln Γ(1/2) = ln √π.
    let scale = (A * x.ln() - x - 0.5 * std::f64::consts::PI.ln()).exp();
    if x < A + 1.0 {
        let (mut term, mut sum) = (1.0 / A, 1.0 / A);
        for n in 1..MAX_TERMS {
            term *= x / (A + n as f64);
            sum += term;
            if term < sum * f64::EPSILON {
                break;
            }
        }
        1.0 - scale * sum
    } else {
        let mut b = x + 1.0 - A;
        let mut c = 1.0 / TINY;
        let mut d = 1.0 / b;
        let mut h = d;
        for n in 1..MAX_TERMS {
            let n = n as f64;
            let an = -n * (n - A);
            b += 2.0;
            d = 1.0 / lifted(an * d + b);
            c = lifted(b + an / c);
            let delta = d * c;
            h *= delta;
            if (delta - 1.0).abs() < f64::EPSILON {
                break;
            }
        }
        scale * h
    }
}

fn lifted(x: f64) -> f64 {
    if x.abs() < TINY { TINY } else { x }
}

/// Φ(x), the standard normal distribution function.
pub fn normal_cdf(x: f64) -> f64 {
    let tail = 0.5 * gamma_q_half(0.5 * x * x);
    if x > 0.0 { 1.0 - tail } else { tail }
}

/// Φ⁻¹(p); ±∞ at 0 and 1.
pub fn normal_quantile(p: f64) -> f64 {
    if p <= 0.0 {
        f64::NEG_INFINITY
    } else if p >= 1.0 {
        f64::INFINITY
    } else if p > 0.5 {
        // The lower tail has the better relative precision.
        -normal_quantile(1.0 - p)
    } else {
        bisect(normal_cdf, p, -40.0, 0.0)
    }
}

/// Upper tail of the χ² distribution with one degree of freedom.
pub fn chi2_1_upper(x: f64) -> f64 {
    gamma_q_half(0.5 * x.max(0.0))
}

/// Regularised incomplete beta `I_x(a, b)`.
pub fn beta_inc(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    // The continued fraction converges fast below the mean; above it the symmetric form is used.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - beta_inc(b, a, 1.0 - x);
    }
    let scale = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * libm::log1p(-x)).exp() / a;
    let mut c = 1.0;
    let mut d = 1.0 / lifted(1.0 - (a + b) * x / (a + 1.0));
    let mut h = d;
    for m in 1..MAX_TERMS {
        let m = m as f64;
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / lifted(1.0 + even * d);
        c = lifted(1.0 + even / c);
        h *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / lifted(1.0 + odd * d);
        c = lifted(1.0 + odd / c);
        let delta = d * c;
        h *= delta;
        if (delta - 1.0).abs() < f64::EPSILON {
            break;
        }
    }
    scale * h
}

/// P(X ≤ k) for X ~ Binomial(n, 1/2), k < n.
pub fn binomial_half_cdf(k: u64, n: u64) -> f64 {
    if k >= n {
        return 1.0;
    }
    beta_inc((n - k) as f64, k as f64 + 1.0, 0.5)
}

/// Quantile of Student's t with `df` degrees of freedom.
pub fn t_quantile(p: f64, df: f64) -> f64 {
    if p < 0.5 {
        return -t_quantile(1.0 - p, df);
    }
    let lower = |t: f64| 1.0 - 0.5 * beta_inc(0.5 * df, 0.5, df / (df + t * t));
    let mut high = 1.0;
    while lower(high) < p && high < 1e12 {
        high *= 2.0;
    }
    bisect(lower, p, 0.0, high)
}

/// The x in `[low, high]` at which the increasing function `f` reaches `target`.
fn bisect(f: impl Fn(f64) -> f64, target: f64, mut low: f64, mut high: f64) -> f64 {
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if f(middle) < target {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}
