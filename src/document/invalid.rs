//! Values that are of the right type and still impossible.

/// A key below the section and what was expected of it.
pub type Invalid = (String, String);

/// `Ok` if `holds`, else the key with the expectation.
pub(crate) fn require(holds: bool, key: &str, expected: &str) -> Result<(), Invalid> {
    if holds {
        Ok(())
    } else {
        Err((key.to_owned(), expected.to_owned()))
    }
}

pub(crate) fn positive(value: f64) -> bool {
    value.is_finite() && value > 0.0
}

pub(crate) fn not_negative(value: f64) -> bool {
    value.is_finite() && value >= 0.0
}
