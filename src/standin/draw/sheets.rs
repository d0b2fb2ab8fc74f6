//! Contact sheets to look at, written by ignored tests:
//! `AURA_SHEETS=DIR cargo test --lib standin::sheets -- --ignored`.

use std::path::PathBuf;

use image::{Rgb, RgbImage};
use rand::RngExt;

use crate::standin::action_units::{ACTION_UNITS, Expression};
use crate::standin::modes::Emotion;
use crate::standin::plan::stream;

use super::identity::{Beard, Glasses, Hair, Identity, Shot};
use super::photo::photograph;

fn folder() -> PathBuf {
    let folder = std::env::var_os("AURA_SHEETS").map_or_else(std::env::temp_dir, PathBuf::from);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn paste(sheet: &mut RgbImage, rgb: &[u8], size: u32, column: u32, row: u32) {
    for y in 0..size {
        for x in 0..size {
            let i = 3 * (y * size + x) as usize;
            sheet.put_pixel(column * size + x, row * size + y, Rgb([rgb[i], rgb[i + 1], rgb[i + 2]]));
        }
    }
}

/// A face without hair, beard or spectacles in the way.
pub(crate) fn plain_face() -> Identity {
    let mut who = Identity::sample(&mut stream(7, "subject", 3));
    who.hair = Hair::Crop;
    who.beard = Beard::None;
    who.glasses = Glasses::None;
    who.freckles.clear();
    who
}

#[test]
#[ignore = "writes pictures to look at"]
fn units() {
    let size = 160;
    for (part, units) in ACTION_UNITS.chunks(5).enumerate() {
        let mut sheet = RgbImage::new(6 * size, units.len() as u32 * size);
        for (row, &unit) in units.iter().enumerate() {
            for level in 0..6_u8 {
                let mut expression = Expression::new(&[(unit, f32::from(level))]);
                if unit == 16 {
                    expression.set(25, 2.0);
                }
                let rgb = photograph(
                    &plain_face(),
                    &expression,
                    &Shot::plain(),
                    size,
                    &mut stream(0, "sheet", 0),
                )
                .unwrap();
                paste(&mut sheet, &rgb, size, u32::from(level), row as u32);
            }
        }
        sheet.save(folder().join(format!("units-{part}.png"))).unwrap();
    }
}

#[test]
#[ignore = "writes pictures to look at"]
pub(crate) fn modes() {
    for size in [100, 200] {
        for emotion in Emotion::ALL {
            let modes = emotion.modes();
            let columns = if size == 100 { 10 } else { 5 };
            let mut sheet = RgbImage::new(columns * size, modes.len() as u32 * size);
            for (row, mode) in modes.iter().enumerate() {
                for column in 0..columns {
                    let number = u64::from(column) + 100 * row as u64;
                    let mut rng = stream(1, emotion.name(), number);
                    let who = Identity::sample(&mut rng);
                    let expression = mode.sample(&mut rng);
                    let shot = Shot::sample(&mut rng);
                    let rgb = photograph(&who, &expression, &shot, size, &mut rng).unwrap();
                    paste(&mut sheet, &rgb, size, column, row as u32);
                }
            }
            sheet
                .save(folder().join(format!("modes-{}-{size}.png", emotion.name())))
                .unwrap();
        }
    }
}

/// RAF-DB as it is planned, a row a class: from the strongest face to the faintest, then ambiguous ones.
#[test]
#[ignore = "writes pictures to look at"]
fn shades() {
    let (size, columns) = (100, 7_usize);
    let options = crate::standin::options::StandinOptions::default();
    let layout = crate::standin::generate::layout(&options).unwrap();
    let samples = layout.plan(&options, size).unwrap().samples;
    let classes = layout.classes();
    let mut sheet = RgbImage::new(2 * columns as u32 * size, classes.len() as u32 * size);
    for (row, &class) in classes.iter().enumerate() {
        let own = samples.iter().filter(|sample| sample.emotion == class);
        let (blended, mut plain): (Vec<_>, Vec<_>) = own.partition(|sample| sample.blend.is_some());
        plain.sort_by(|a, b| b.strength.partial_cmp(&a.strength).unwrap());
        let spread = (0..columns).map(|i| plain[i * (plain.len() - 1) / (columns - 1)]);
        for (column, sample) in spread.chain(blended.into_iter().take(columns)).enumerate() {
            let file = crate::standin::generate::render(sample, size, options.seed).unwrap();
            let rgb = image::load_from_memory(&file).unwrap().to_rgb8();
            paste(&mut sheet, rgb.as_raw(), size, column as u32, row as u32);
        }
    }
    sheet.save(folder().join("shades.png")).unwrap();
}

/// Faces in random order, for guessing; the answers in a text file beside them.
#[test]
#[ignore = "writes pictures to look at"]
fn quiz() {
    let size = 100;
    let (columns, rows) = (8, 5);
    let mut answers = String::new();
    let mut sheet = RgbImage::new(columns * size, rows * size);
    for i in 0..columns * rows {
        let mut rng = stream(
            std::env::var("AURA_QUIZ")
                .ok()
                .and_then(|s| s.parse().ok())
                .unwrap_or(0),
            "quiz",
            u64::from(i),
        );
        let emotion = Emotion::ALL[rng.random_range(0..7)];
        let mode = &emotion.modes()[rng.random_range(0..emotion.modes().len())];
        let who = Identity::sample(&mut rng);
        let expression = mode.sample(&mut rng);
        let shot = Shot::sample(&mut rng);
        let rgb = photograph(&who, &expression, &shot, size, &mut rng).unwrap();
        paste(&mut sheet, &rgb, size, i % columns, i / columns);
        answers.push_str(&format!(
            "{},{} {}/{}\n",
            i / columns + 1,
            i % columns + 1,
            emotion.name(),
            mode.name
        ));
    }
    sheet.save(folder().join("quiz.png")).unwrap();
    std::fs::write(folder().join("quiz.txt"), answers).unwrap();
}

/// A whole tree to try encoders and classifiers on.
#[test]
#[ignore = "writes pictures to look at"]
fn tree() {
    let samples = std::env::var("AURA_SAMPLES")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(2500);
    let options = crate::standin::options::StandinOptions {
        samples,
        ..crate::standin::options::StandinOptions::default()
    };
    crate::standin::generate::generate(
        &options,
        &folder().join("tree"),
        &crate::progress::Progress::hidden(),
        &crate::interrupt::Interrupt::default(),
    )
    .unwrap();
}
