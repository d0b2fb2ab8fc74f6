//! What this machine offers: device, driver, compiler of kernels, caches, versions; and what is missing for more.

pub mod examination;
pub mod parity;
