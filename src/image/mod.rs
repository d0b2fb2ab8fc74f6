//! Images from untrusted files: decoding with limits, face crops, and the resizing of the reference implementations.

pub mod crop;
pub mod decode;
pub mod limits;
pub mod preprocess;
pub mod resize;

pub use crop::{FaceBox, crop_face};
pub use decode::decode;
pub use limits::DecodeLimits;
pub use preprocess::{Preprocess, Resize};
pub use resize::{Filter, centre_crop, resize};

#[cfg(test)]
mod tests;
