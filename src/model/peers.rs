//! Golden values of an independent implementation.
