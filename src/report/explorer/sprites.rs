//! The pictures of the explorer's samples on a few sheets, within a budget, so that a page stays one that can be sent.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::RgbImage;
use rayon::prelude::*;

use crate::error::Result;
use crate::image::{Filter, resize};
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::report::thumbnail::{self, Thumbnail};

use super::collect::Collected;
use super::data::Faces;

/// Characters that the sheets may take together: with the page's tables, figures and fonts, 5,000 samples stay below 5 MB.
const BUDGET: usize = 2_600_000;
/// Sides that are tried, in pixels, each with the most pictures that it is tried for.
const SIDES: [(u32, usize); 5] = [(72, 1500), (56, 3000), (48, 5000), (40, 8000), (32, 12_000)];
/// Pictures a row of a sheet, and rows.
const COLUMNS: u32 = 32;
const PER_SHEET: usize = (COLUMNS * COLUMNS) as usize;
/// Quality of the sheets (JPEG).
const QUALITY: u8 = 62;
/// Pictures that are decoded between two looks at Ctrl-C.
const BLOCK: usize = 256;

/// Why a sample has no picture though it could: there are too many.
const LEFT: &str = "picture left out: too many for one page";

/// Puts the pictures into the data. Images are read from below `root`; without one there are none.
///
/// Returns what could not be read: identifier and reason.
///
/// # Errors
/// [`crate::Error::Interrupted`] on Ctrl-C.
pub(crate) fn fill(
    collected: &mut Collected,
    root: Option<&Path>,
    progress: Progress,
    interrupt: &Interrupt,
) -> Result<Vec<(String, &'static str)>> {
    let Some(root) = root else {
        let why = BTreeMap::from([(String::new(), thumbnail::LEFT_OUT)]);
        collected.data.faces = Faces::None { why };
        return Ok(Vec::new());
    };
    let most = SIDES[SIDES.len() - 1].1;
    let (chosen, rest) = collected.order.split_at(collected.order.len().min(most));
    let start = SIDES
        .iter()
        .position(|(_, most)| chosen.len() <= *most)
        .unwrap_or(SIDES.len() - 1);
    let largest = SIDES[start].0;
    let bar = progress.bar("faces", chosen.len() as u64, "pictures");
    let mut why: BTreeMap<usize, &'static str> = rest.iter().map(|sample| (*sample, LEFT)).collect();
    let mut lacking = Vec::new();
    let mut pictures: Vec<(usize, RgbImage)> = Vec::new();
    for block in chosen.chunks(BLOCK) {
        interrupt.check()?;
        let read: Vec<Thumbnail> = block
            .par_iter()
            .map(|&sample| {
                let source = &collected.sources[sample];
                Thumbnail::of(Some(root), source.path.as_deref(), source.bbox, largest)
            })
            .collect();
        bar.inc(block.len() as u64);
        for (&sample, thumbnail) in block.iter().zip(read) {
            match thumbnail.missing {
                None => pictures.push((sample, thumbnail.image)),
                Some(reason) => {
                    if thumbnail.is_lacking() {
                        lacking.push((collected.data.samples.id[sample].clone(), reason));
                    }
                    why.insert(sample, reason);
                }
            }
        }
    }
    let mut sheets = (largest, Vec::new());
    for (side, _) in &SIDES[start..] {
        interrupt.check()?;
        sheets = (*side, draw(&pictures, *side));
        if sheets.1.iter().map(String::len).sum::<usize>() <= BUDGET {
            break;
        }
    }
    // What is still too large goes without its last, least asked for, sheets.
    let (side, mut sheets) = sheets;
    while sheets.len() > 1 && sheets.iter().map(String::len).sum::<usize>() > BUDGET {
        sheets.pop();
    }
    for (number, (sample, _)) in pictures.iter().enumerate() {
        if number < sheets.len() * PER_SHEET {
            collected.data.samples.face[*sample] = Some(number);
        } else {
            why.insert(*sample, LEFT);
        }
    }
    collected.data.faces = Faces::Sprites {
        side,
        columns: COLUMNS,
        per_sheet: PER_SHEET,
        sheets,
        why,
    };
    Ok(lacking)
}

/// The pictures in rows of [`COLUMNS`], as data URLs of JPEG files.
fn draw(pictures: &[(usize, RgbImage)], side: u32) -> Vec<String> {
    pictures
        .par_chunks(PER_SHEET)
        .map(|part| {
            let rows = (part.len() as u32).div_ceil(COLUMNS);
            let columns = COLUMNS.min(part.len() as u32);
            let mut sheet = RgbImage::from_pixel(columns * side, rows * side, thumbnail::GREY);
            for (i, (_, picture)) in part.iter().enumerate() {
                let (column, row) = (i as u32 % COLUMNS, i as u32 / COLUMNS);
                let at = (i64::from(column * side), i64::from(row * side));
                if picture.width() == side {
                    image::imageops::replace(&mut sheet, picture, at.0, at.1);
                } else if let Ok(small) = resize(picture, side, side, Filter::Bicubic) {
                    image::imageops::replace(&mut sheet, &small, at.0, at.1);
                }
            }
            format!(
                "data:image/jpeg;base64,{}",
                STANDARD.encode(thumbnail::jpeg(&sheet, QUALITY))
            )
        })
        .collect()
}
