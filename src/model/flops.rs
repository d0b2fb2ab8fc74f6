//! Floating-point operations of inference on one image's features, counted by hand from the equations (Table 2's GFLOPs).
//!
//! A multiplication and an addition count as one each, so that an m × k by k × n matrix product is 2·m·k·n; a square root,
//! exponential or error function counts as one. The encoder is not counted: features are extracted once (appendix A.2).
//! Nor are dropout and the task head, which inference leaves out, and contextualization: it has a count of its own
//! ([`Attention`]), of an image's pass in training, or of the one pass whose result is frozen.
//!
//! With P tokens of D values (P = 1 at the global level), D' = D, or D + 2 with two constants beside the features, h hidden units, width d, q pooling queries and K archetypes:
//!
//! | step | operations |
//! |---|---|
//! | standardisation (x − mean) / deviation | 2·P·D |
//! | layer normalisation: mean, centring, variance, root, division | P·(5·D' + 2) |
//! | `W1` u + b1 and GELU | P·(2·D'·h + 2·h) |
//! | `W2` h + b2 + `Ws` u | P·(2·h·d + 2·D'·d + 2·d) |
//! | attention pooling, if P > 1: unit tokens, logits with their factor, softmax over tokens | P·(3·d + 1) + P·q·(2·d + 1) + 3·P·q |
//! | … weighted sums, output map, mean token added | 2·P·q·d + 2·q·d·d + P·d + d |
//! | mean pooling instead | P·d |
//! | z = t / ‖t‖ | 3·d + 1 |
//! | cosines with the archetypes, the nearest of them | 2·K·d + K |

/// Sizes that the count depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inference {
    /// Tokens of an image (P); 1 at the global level.
    pub tokens: u64,
    /// Values of a token or of the global vector (D).
    pub input: u64,
    /// Whether two constants stand beside them.
    pub anchors: bool,
    /// Hidden units of the projector (h).
    pub hidden: u64,
    /// Width of the archetype space (d).
    pub width: u64,
    /// Queries of the attention pooling (q); `None` where the mean is taken or there is one vector.
    pub queries: Option<u64>,
    /// Archetypes that are compared with (K).
    pub archetypes: u64,
}

impl Inference {
    /// Operations for one image.
    pub fn operations(&self) -> u64 {
        let Self {
            tokens: p,
            input,
            anchors,
            hidden: h,
            width: d,
            queries,
            archetypes: k,
        } = *self;
        let standardise = 2 * p * input;
        let wide = input + if anchors { 2 } else { 0 };
        let normalise = p * (5 * wide + 2);
        let first = p * (2 * wide * h + 2 * h);
        let second = p * (2 * h * d + 2 * wide * d + 2 * d);
        let pool = match queries {
            _ if p == 1 => 0,
            Some(q) => {
                let weights = p * (3 * d + 1) + p * q * (2 * d + 1) + 3 * p * q;
                weights + 2 * p * q * d + 2 * q * d * d + p * d + d
            }
            None => p * d,
        };
        let unit = 3 * d + 1;
        let match_all = 2 * k * d + k;
        standardise + normalise + first + second + pool + unit + match_all
    }

    /// The same in 10⁹.
    pub fn gflops(&self) -> f64 {
        self.operations() as f64 / 1e9
    }
}

/// One pass of contextualization: T tokens of width d through a pre-norm block of H heads with f·d hidden units.
///
/// | step | operations |
/// |---|---|
/// | marks of the kinds | T·d |
/// | two layer normalisations with gain and offset | 2·T·(7·d + 2) |
/// | queries, keys, values | T·(6·d² + 3·d) |
/// | scores with their factor, softmax, mixture | T²·(2·d + H) + 3·T²·H + 2·T²·d |
/// | output map | T·(2·d² + d) |
/// | feed-forward with GELU | T·(4·f·d² + 2·f·d + d) |
/// | gains and residuals | 2·T·2·d |
/// | unit length | T·(3·d + 1) |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attention {
    /// Tokens that take part (T).
    pub tokens: u64,
    /// Width of the archetype space (d).
    pub width: u64,
    /// Heads (H).
    pub heads: u64,
    /// Width of the feed-forward part as a multiple of d (f).
    pub feed_forward: u64,
}

impl Attention {
    /// Operations of the pass.
    pub fn operations(&self) -> u64 {
        let Self {
            tokens: t,
            width: d,
            heads: h,
            feed_forward: f,
        } = *self;
        let marks = t * d;
        let norms = 2 * t * (7 * d + 2);
        let maps = t * (6 * d * d + 3 * d) + t * (2 * d * d + d);
        let attention = t * t * (2 * d + h) + 3 * t * t * h + 2 * t * t * d;
        let feed_forward = t * (4 * f * d * d + 2 * f * d + d);
        let residuals = 2 * t * 2 * d;
        let unit = t * (3 * d + 1);
        marks + norms + maps + attention + feed_forward + residuals + unit
    }

    /// The same in 10⁹.
    pub fn gflops(&self) -> f64 {
        self.operations() as f64 / 1e9
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P = 1, D = 3, h = 2, d = 2, K = 4, every operation written out.
    #[test]
    fn a_global_vector_counted_by_hand() {
        let inference = Inference {
            tokens: 1,
            input: 3,
            anchors: false,
            hidden: 2,
            width: 2,
            queries: None,
            archetypes: 4,
        };
        let standardise = 3 + 3;
        // Mean: 2 sums and 1 division; centring: 3; squares: 3; their mean: 2 + 1; epsilon and root: 1 + 1; division: 3.
        let normalise = (2 + 1) + 3 + 3 + (2 + 1) + (1 + 1) + 3;
        // W1: 3 × 2 products and as many sums with the bias of each; GELU on 2.
        let first = 12 + 2 + 2;
        let second = (2 * 2 * 2) + (2 * 3 * 2) + 2 + 2;
        // Squares, sum, root and division of 2 values.
        let unit = 2 + 2 + 1 + 2;
        let cosines = 4 * (2 + 2) + 4;
        assert_eq!(
            inference.operations(),
            standardise + normalise + first + second + unit + cosines
        );
        assert_eq!(inference.operations(), 6 + 17 + 16 + 24 + 7 + 20);

        // Two constants: 5 operations each in the normalisation, 2 × 2 products and sums each in W1 and in Ws.
        let anchored = Inference {
            anchors: true,
            ..inference
        };
        assert_eq!(anchored.operations(), inference.operations() + 2 * 5 + 2 * 4 + 2 * 4);
    }

    /// P = 2, D = 1, h = 1, d = 2, q = 1, K = 3.
    #[test]
    fn tokens_with_attention_counted_by_hand() {
        let inference = Inference {
            tokens: 2,
            input: 1,
            anchors: false,
            hidden: 1,
            width: 2,
            queries: Some(1),
            archetypes: 3,
        };
        let a_token = 2 + 7 + (2 + 2) + (4 + 4 + 4);
        // For each token: unit length 3·2 + 1, one logit 2·2 and its factor 1, softmax 3; then one weighted sum of two
        // tokens 2·2·2, the 2 × 2 output map 8, the mean token 2·2 and its addition 2.
        let pool = 2 * (7 + 5 + 3) + 8 + 8 + 4 + 2;
        assert_eq!(inference.operations(), 2 * a_token + pool + 7 + 3 * 5);
        let mean = Inference {
            queries: None,
            ..inference
        };
        assert_eq!(mean.operations(), 2 * a_token + 2 * 2 + 7 + 3 * 5);
    }

    /// T = 2, d = 2, H = 1, f = 1, every operation written out.
    #[test]
    fn a_pass_of_attention_counted_by_hand() {
        let attention = Attention {
            tokens: 2,
            width: 2,
            heads: 1,
            feed_forward: 1,
        };
        // A token: its mark 2; twice the normalisation 5·2 + 2 with gain and offset 2 + 2; three maps of 2 × 2 with biases
        // 3·(8 + 2); the output map 8 + 2; up 8 + 2, GELU 2, down 8 + 2; two gains and residuals 2·(2 + 2); unit length 7.
        let a_token = 2 + 2 * (12 + 4) + 30 + 10 + (10 + 2 + 10) + 8 + 7;
        // A pair: product 2·2, factor 1, softmax 3, mixture 2·2.
        let a_pair = 4 + 1 + 3 + 4;
        assert_eq!(attention.operations(), 2 * a_token + 4 * a_pair);
    }

    #[test]
    fn every_archetype_costs_the_same() {
        let of = |archetypes| {
            Inference {
                tokens: 49,
                input: 768,
                anchors: false,
                hidden: 512,
                width: 256,
                queries: Some(4),
                archetypes,
            }
            .operations()
        };
        assert_eq!(of(200) - of(150), 50 * 513);
        assert_eq!(of(400) - of(300), 100 * 513);
    }
}
