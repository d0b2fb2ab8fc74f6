//! Figures by plotters, each as SVG and PNG from one drawing: same geometry, same font, same bytes on every machine.
//!
//! All lengths are in drawing units, [`UNITS_PER_MM`] to the millimetre of paper; a unit is a pixel of the PNG (about
//! 305 dots per inch). Colours are those of Okabe and Ito, shades are of one hue from light to dark.

pub mod bars;
pub mod canvas;
pub mod confusion;
pub mod contact;
pub mod curves;
pub mod forest;
pub mod maps;
pub mod panels;
pub mod reliability;
pub mod tiles;
pub mod usage;

pub(in crate::report) use bars::bars;
pub(in crate::report) use confusion::confusion;
pub(in crate::report) use contact::{ContactRow, contact, contact_rows};
pub(in crate::report) use curves::curves;
pub(in crate::report) use forest::forest;
pub(in crate::report) use maps::{class_maps, score_maps};
pub(in crate::report) use panels::{Panel, panel_rows, panels};
pub(in crate::report) use reliability::reliability;
pub(in crate::report) use usage::usage;
