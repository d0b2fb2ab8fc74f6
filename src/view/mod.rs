//! `aura-bench view`: a folder of runs in the browser, served on this machine alone. Pages and data are made when they are asked
//! for; images are read from the database and never copied.

pub mod answer;
pub mod live;
pub mod pages;
pub mod server;
pub mod site;
#[cfg(test)]
mod tests;
