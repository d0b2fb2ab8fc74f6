//! Columns of lists, whichever of arrow's kinds they are.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::DataType;

/// The values of a list column, and where each row's begin and end.
pub(crate) fn lists(column: &ArrayRef) -> Option<(ArrayRef, Vec<usize>)> {
    match column.data_type() {
        DataType::FixedSizeList(_, width) => {
            let list = column.as_fixed_size_list();
            let width = usize::try_from(*width).ok()?;
            let first = usize::try_from(list.value_offset(0)).ok()?;
            let offsets = (0..=list.len()).map(|row| first + row * width).collect();
            Some((list.values().clone(), offsets))
        }
        DataType::List(_) => {
            let list = column.as_list::<i32>();
            let offsets = list.value_offsets().iter().map(|at| *at as usize).collect();
            Some((list.values().clone(), offsets))
        }
        DataType::LargeList(_) => {
            let list = column.as_list::<i64>();
            let offsets = list.value_offsets().iter().map(|at| *at as usize).collect();
            Some((list.values().clone(), offsets))
        }
        _ => None,
    }
}
