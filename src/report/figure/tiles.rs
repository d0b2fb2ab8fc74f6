//! Images of samples on figures: what contact sheets and panels have in common.

use plotters::prelude::*;

use crate::report::tile::Tile;

use super::canvas::{ALERT, Align, Canvas, Drawn, Placed, TINY};

/// What stands under the picture of a tile at `(x, y)`: a ground that says why it is missing, and the frame of a label that
/// contradicts.
pub(super) fn ground<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    tile: &Tile,
    (x, y): (i32, i32),
    side: i32,
) -> Drawn<B> {
    if let Some(reason) = tile.picture.missing {
        canvas.fill((x, y), (x + side, y + side), RGBColor(200, 204, 209))?;
        let words: Vec<&str> = reason.split(' ').collect();
        for (k, word) in words.iter().enumerate() {
            let offset = 30 * k as i32 - 15 * (words.len() as i32 - 1);
            let middle = (x + side / 2, y + side / 2 + offset);
            canvas.text(word, middle, TINY, RGBColor(0x30, 0x34, 0x3A), Align::Center)?;
        }
    }
    if tile.contradicts {
        canvas.frame((x - 5, y - 5), (x + side + 5, y + side + 5), ALERT, 5)?;
    }
    Ok(())
}

/// The pictures of those tiles that have one.
pub(super) fn placed<'a>(tiles: impl Iterator<Item = ((i32, i32), &'a Tile)>) -> Vec<Placed<'a>> {
    tiles
        .filter(|(_, tile)| tile.picture.missing.is_none())
        .map(|((x, y), tile)| Placed {
            x,
            y,
            image: &tile.picture.image,
            jpeg: &tile.picture.jpeg,
        })
        .collect()
}

/// How many pictures are missing, as the last sentence of a description; nothing if none is.
pub(super) fn missing<'a>(tiles: impl Iterator<Item = &'a Tile>) -> String {
    match tiles.filter(|tile| tile.picture.missing.is_some()).count() {
        0 => String::new(),
        1 => " One image could not be shown.".to_owned(),
        count => format!(" {count} images could not be shown."),
    }
}
