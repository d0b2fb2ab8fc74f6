//! Functions that SQL has here besides `DataFusion`'s own.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array};
use arrow::datatypes::{DataType, Float32Type};
use datafusion::common::DataFusionError;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};

use super::bins::Bins;

/// `affect_bin(score)` and `activation_bin(score)`: the `position` in the view `bins` of the bin that holds a score, null where
/// none does. Looking a score up takes a few comparisons; joining each with all bins takes most of the time of Table 1.
pub(super) fn of_bins(bins: &Bins) -> [ScalarUDF; 2] {
    [("affect_bin", &bins.affect), ("activation_bin", &bins.activation)].map(|(name, edges)| {
        // Scores are single precision, and so the edges are compared.
        let edges: Vec<f32> = edges.iter().map(|&edge| edge as f32).collect();
        let look_up = move |arguments: &[ColumnarValue]| -> Result<ColumnarValue, DataFusionError> {
            let columns = ColumnarValue::values_to_arrays(arguments)?;
            let scores = columns[0].as_primitive::<Float32Type>();
            let positions: Int64Array = scores.iter().map(|score| position(&edges, score?)).collect();
            Ok(ColumnarValue::Array(Arc::new(positions) as ArrayRef))
        };
        create_udf(
            name,
            vec![DataType::Float32],
            DataType::Int64,
            Volatility::Immutable,
            Arc::new(look_up),
        )
    })
}

/// The bin of `edges` that holds `score`: its lower end belongs to it and its upper one does not, but for the last bin's. Zeros
/// of both signs, and what is not a number, are ordered as SQL compares them here.
fn position(edges: &[f32], score: f32) -> Option<i64> {
    let not_above = edges.partition_point(|edge| edge.total_cmp(&score).is_le());
    let bins = edges.len().checked_sub(1)?;
    match not_above {
        0 => None,
        n if n <= bins => Some(n as i64 - 1),
        _ => (edges[bins].total_cmp(&score).is_eq() && bins > 0).then(|| bins as i64 - 1),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::position;

    /// As the bins are written in SQL: a row a bin, each compared.
    fn joined(edges: &[f32], score: f32) -> Vec<i64> {
        let at_least = |edge: f32| score.total_cmp(&edge).is_ge();
        let below = |edge: f32| score.total_cmp(&edge).is_lt();
        let last = edges.len().saturating_sub(2);
        edges
            .windows(2)
            .enumerate()
            .filter(|(i, pair)| at_least(pair[0]) && (below(pair[1]) || (*i == last && !at_least(pair[1].next_up()))))
            .map(|(i, _)| i as i64)
            .collect()
    }

    proptest! {
        #[test]
        fn a_score_is_in_the_bin_that_a_comparison_with_each_finds(
            edges in prop::collection::btree_set(-50_i32..50, 0..9),
            score in prop_oneof![(-60_i32..60).prop_map(|n| n as f32 / 10.0), any::<f32>(), Just(-0.0), Just(f32::NAN)],
        ) {
            let edges: Vec<f32> = edges.into_iter().map(|n| n as f32 / 10.0).collect();
            prop_assert_eq!(position(&edges, score).into_iter().collect::<Vec<_>>(), joined(&edges, score));
        }
    }
}
