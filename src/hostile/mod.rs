//! One function a parser of bytes from outside: whatever the bytes, it returns, within bounded memory and without a panic.
//!
//! The fuzz targets under `fuzz/` call these functions, and so does the test suite, with mutations of valid files. They are no
//! part of the library's interface.

pub mod parsers;
#[cfg(test)]
mod tests;
