//! The losses, a file a term: L = `λ_Proj` L^VAS + `λ_Arc` (L^Assign + L^Dis + L^Reg) + `λ_Contx` L^Contx (appendix G.1).
//!
//! Every function is pure; what is held back from a gradient is detached by the caller or stated at the function.

pub mod assign;
pub mod config;
pub mod contx;
pub mod dis;
pub mod margin;
pub mod reg;
pub mod task;
pub mod vas;
