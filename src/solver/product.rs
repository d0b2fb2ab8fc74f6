//! Products of f64 matrices over gemm, on one thread, with AVX2 or AVX-512 as the processor has it.

use ndarray::{ArrayView2, ArrayViewMut2};

/// c ← α · a · b + β · c for views of any strides.
///
/// # Panics
/// If the shapes do not fit one another, a mistake of the caller.
#[expect(unsafe_code, reason = "gemm takes pointers and strides; views say what they reach")]
pub fn multiply(
    alpha: f64,
    a: &ArrayView2<'_, f64>,
    b: &ArrayView2<'_, f64>,
    beta: f64,
    c: &mut ArrayViewMut2<'_, f64>,
) {
    let ((m, k), n) = (a.dim(), b.ncols());
    assert_eq!((b.nrows(), c.dim()), (k, (m, n)), "shapes of a product");
    if m == 0 || n == 0 {
        return;
    }
    let (to, left, right) = (c.strides().to_vec(), a.strides(), b.strides());
    let destination = c.as_mut_ptr();
    // SAFETY: the three views reach m × n, m × k and k × n values, as asserted; `c` is borrowed alone, so none of the others is
    // written to.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            destination,
            to[1],
            to[0],
            beta != 0.0,
            a.as_ptr(),
            left[1],
            left[0],
            b.as_ptr(),
            right[1],
            right[0],
            beta,
            alpha,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, s};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Every shape, stride and transposition gives the sums of the definition.
        #[test]
        fn products_are_those_of_the_definition(
            m in 0_usize..40, n in 0_usize..40, k in 0_usize..40, turned: [bool; 3], cut in 0_usize..3, beta in -1_i8..2,
        ) {
            let whole = |rows: usize, cols: usize, salt: usize| {
                Array2::from_shape_fn((rows + cut, cols + cut), |(i, j)| ((i * 7 + j * 5 + salt) % 11) as f64 - 5.0)
            };
            let stored = |turned: bool, rows, cols, salt| if turned { whole(cols, rows, salt).reversed_axes() } else { whole(rows, cols, salt) };
            let (a, b, mut c) = (stored(turned[0], m, k, 1), stored(turned[1], k, n, 2), stored(turned[2], m, n, 3));
            let before = c.clone();
            let (a, b) = (a.slice(s![cut.., cut..]), b.slice(s![cut.., cut..]));
            multiply(2.0, &a, &b, f64::from(beta), &mut c.slice_mut(s![cut.., cut..]));
            for ((i, j), &was) in before.indexed_iter() {
                let expected = if i < cut || j < cut {
                    was
                } else {
                    let sum: f64 = (0..k).map(|l| a[[i - cut, l]] * b[[l, j - cut]]).sum();
                    2.0 * sum + f64::from(beta) * was
                };
                prop_assert!((c[[i, j]] - expected).abs() < 1e-9, "{i} {j}: {} {expected}", c[[i, j]]);
            }
        }
    }
}
