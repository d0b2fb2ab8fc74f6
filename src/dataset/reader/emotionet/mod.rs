pub mod images;
pub mod read;
pub mod splits;
