//! L^Reg: geometry by label. Between: class centres apart, or unlike scores apart. Within: archetypes near their centre, or
//! like scores close. Diversity: no duplicates among archetypes of like value.
//!
//! Values, label masses and counts carry no gradient; `used` marks archetypes that are alive and have samples.

use burn::tensor::{Device, Tensor};

use crate::model::math::{off_diagonal, one_hot, unit_rows};

use super::margin::{SMALL, above, below, weighted_mean};

/// Margins and weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Margins {
    /// The margin m of appendix G.2.
    pub m: f64,
    /// Cosine above which archetypes of like value are duplicates.
    pub diversity: f64,
}

/// The parts of L^Reg.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Separation of what differs: `L_inter`, or the repulsion.
    pub between: Tensor<1>,
    /// Compactness of what is alike: `L_intra`, or the attraction.
    pub within: Tensor<1>,
    /// `L_div`.
    pub diversity: Tensor<1>,
}

impl Parts {
    /// between + within + w · diversity.
    pub fn total(&self, diversity_weight: f64) -> Tensor<1> {
        self.between.clone() + self.within.clone() + self.diversity.clone() * diversity_weight
    }
}

/// The dictionary as the regularisation sees it.
#[derive(Debug, Clone)]
pub struct Dictionary {
    /// Unit rows, K × d, with gradient.
    pub e: Tensor<2>,
    /// E Eᵀ, K × K, with gradient.
    pub gram: Tensor<2>,
    /// V, K × O.
    pub value: Tensor<2>,
    /// S, K × O.
    pub labels: Tensor<2>,
    /// Known label counts, K × O.
    pub known: Tensor<2>,
    /// 1 × K.
    pub used: Tensor<2>,
    /// Ones with a zero diagonal, K × K.
    pub off_diagonal: Tensor<2>,
}

impl Dictionary {
    /// 1 for pairs of different used archetypes, K × K.
    fn pairs(&self) -> Tensor<2> {
        let used = self.used.clone();
        used.clone().transpose().matmul(used) * self.off_diagonal.clone()
    }

    /// Columns of `mass` (K × n) restricted to used archetypes and scaled to sum 1, transposed: n × K; and 1 × n flags of
    /// the columns that have any mass.
    fn shares(&self, mass: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let mass = mass * self.used.clone().transpose();
        let total = mass.clone().sum_dim(0);
        let present = total.clone().greater_elem(SMALL).float();
        ((mass / (total + SMALL)).transpose(), present)
    }
}

/// K × K: 1 where two archetypes have the same class (argmax of V).
pub fn same_class(value: &Tensor<2>, device: &Device) -> Tensor<2> {
    let classes = value.dims()[1];
    let class = one_hot(value.clone().argmax(1), classes, device);
    class.clone().matmul(class.transpose())
}

/// K × K: 1 where two archetypes have the same binary action-unit pattern (V > 0.5).
pub fn same_pattern(value: &Tensor<2>) -> Tensor<2> {
    let on = value.clone().greater_elem(0.5).float();
    let off = on.clone().neg() + 1.0;
    let agree = on.clone().matmul(on.transpose()) + off.clone().matmul(off.transpose());
    agree.greater_elem(value.dims()[1] as f64 - 0.5).float()
}

/// K × K: `Δ_ij` = (|`v_i` − `v_j`| + |`a_i` − `a_j`|) / 2, the mean absolute difference of the scores.
pub fn score_difference(value: &Tensor<2>) -> Tensor<2> {
    let [k, o] = value.dims();
    let rows = value.clone().reshape([k, 1, o]).expand([k, k, o]);
    let cols = value.clone().reshape([1, k, o]).expand([k, k, o]);
    (rows - cols).abs().mean_dim(2).reshape([k, k])
}

/// Expressions: `μ_c` = `L2norm(Σ_k` `S_kc/Σ_j` `S_jc` `e_k`);
/// `L_inter` = mean over class pairs of max(0, `μ_c·μ_c`' − m) (appendix G.2);
/// `L_intra` = mean over archetypes of max(0, m − `e_k·sg` `μ_class(k)`);
/// `L_div` = mean over pairs of one class of max(0, `e_i·e_j` − `m_div`).
pub fn expression(d: &Dictionary, margins: Margins, device: &Device) -> Parts {
    let classes = d.value.dims()[1];
    let (shares, present) = d.shares(d.labels.clone());
    let centres = unit_rows(shares.matmul(d.e.clone()));
    let both = present.clone().transpose().matmul(present.clone()) * off_diagonal(classes, device);
    let between = weighted_mean(
        above(centres.clone().matmul(centres.clone().transpose()), margins.m),
        both,
    );

    let class = one_hot(d.value.clone().argmax(1), classes, device);
    let own = d.e.clone().matmul(centres.detach().transpose());
    // Each archetype has one class, so that the row sum picks its own centre.
    let members = class.clone() * present * d.used.clone().transpose();
    let within = weighted_mean(below(own, margins.m), members);

    let alike = class.clone().matmul(class.transpose()) * d.pairs();
    let diversity = weighted_mean(above(d.gram.clone(), margins.diversity), alike);
    Parts {
        between,
        within,
        diversity,
    }
}

/// Action units: `μ_a`⁺ and `μ_a`⁻ are the centres of active and inactive mass of unit a;
/// `L_inter` = mean over units of max(0, `μ_a⁺·μ_a`⁻ − m); `L_intra` = mean over (k, a) with `V_ka` > 0.5 of
/// max(0, m − `e_k·sg` `μ_a`⁺); `L_div` on pairs of equal binary pattern.
pub fn action_units(d: &Dictionary, margins: Margins) -> Parts {
    let (active, has_active) = d.shares(d.labels.clone());
    let (inactive, has_inactive) = d.shares((d.known.clone() - d.labels.clone()).clamp_min(0.0));
    let positive = unit_rows(active.matmul(d.e.clone()));
    let negative = unit_rows(inactive.matmul(d.e.clone()));
    let cosine = (positive.clone() * negative).sum_dim(1);
    let valid = (has_active.clone() * has_inactive).transpose();
    let between = weighted_mean(above(cosine, margins.m), valid);

    let own = d.e.clone().matmul(positive.detach().transpose());
    let members = d.value.clone().greater_elem(0.5).float() * has_active * d.used.clone().transpose();
    let within = weighted_mean(below(own, margins.m), members);

    let alike = same_pattern(&d.value) * d.pairs();
    let diversity = weighted_mean(above(d.gram.clone(), margins.diversity), alike);
    Parts {
        between,
        within,
        diversity,
    }
}

/// Valence and arousal, with `D_ij` = 1 − `e_i·e_j` and `Δ_ij` the score difference (appendix G.2):
/// attraction of pairs with Δ < m, weight 1 − Δ/m, hinge max(0, D − m); repulsion of pairs with Δ ≥ m, weight Δ/2, hinge
/// max(0, m − D); each divided by its weight sum. `L_div` on pairs with Δ < m.
pub fn valence_arousal(d: &Dictionary, margins: Margins) -> Parts {
    let m = margins.m;
    let difference = score_difference(&d.value);
    let near = difference.clone().lower_elem(m).float() * d.pairs();
    let far = difference.clone().greater_equal_elem(m).float() * d.pairs();
    let distance = d.gram.clone().neg() + 1.0;
    let attraction = near.clone() * ((difference.clone() / m).neg() + 1.0);
    let repulsion = far * (difference / 2.0);
    Parts {
        between: weighted_mean(below(distance.clone(), m), repulsion),
        within: weighted_mean(above(distance, m), attraction),
        diversity: weighted_mean(above(d.gram.clone(), margins.diversity), near),
    }
}
