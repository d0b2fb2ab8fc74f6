//! The paper on which figures are drawn, as SVG and as PNG.

use std::fmt::Write as _;
use std::sync::OnceLock;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontTransform, register_font};

use crate::error::{Error, Result};
use crate::report::catalog::embedded_bytes;
use crate::terminal::reorders;

/// Drawing units in a millimetre of paper.
pub(crate) const UNITS_PER_MM: f64 = 12.0;

/// Width of a column of text: 85 mm.
pub(crate) const COLUMN: u32 = 1020;

/// Heights of letters: 8 pt, 7 pt and 6 pt on paper (the em).
pub(crate) const TEXT: i32 = 34;

pub(crate) const SMALL: i32 = 30;

pub(crate) const TINY: i32 = 26;

/// Letters and axes.
pub(crate) const INK: RGBColor = RGBColor(0x1B, 0x1F, 0x24);

/// Secondary letters.
pub(crate) const MUTED: RGBColor = RGBColor(0x5A, 0x64, 0x70);

/// Grid lines.
pub(crate) const GRID: RGBColor = RGBColor(0xDD, 0xE1, 0xE6);

/// Ground.
pub(crate) const PAPER: RGBColor = RGBColor(0xFE, 0xFE, 0xFE);

/// The frame of contradicting labels (Okabe–Ito vermillion).
pub(crate) const ALERT: RGBColor = RGBColor(0xD5, 0x5E, 0x00);

/// Ground of the label of stand-ins: a darker vermillion, on which white letters have a contrast of 5.6.
pub(crate) const BAND: RGBColor = RGBColor(0xB3, 0x47, 0x00);

/// Okabe–Ito, those that are legible as lines on white and on black.
pub(crate) const SERIES: [RGBColor; 6] = [
    RGBColor(0x00, 0x72, 0xB2),
    RGBColor(0xD5, 0x5E, 0x00),
    RGBColor(0x00, 0x9E, 0x73),
    RGBColor(0xCC, 0x79, 0xA7),
    RGBColor(0xE6, 0x9F, 0x00),
    RGBColor(0x56, 0xB4, 0xE9),
];

pub(crate) const FONT: &str = "Open Sans";

/// `ab_glyph` scales by ascent minus descent, which are 2189 and −600 of 2048 units of the em in Open Sans.
pub(crate) const LINE_PER_EM: f64 = 2789.0 / 2048.0;

/// A finished figure.
#[derive(Debug, Clone)]
pub(crate) struct Rendered {
    /// A whole SVG document.
    pub(crate) svg: String,
    /// The same as pixels.
    pub(crate) image: image::RgbImage,
    /// Whether it shows photographs.
    pub(crate) photographs: bool,
    /// What the figure shows, for those who do not see it.
    pub(crate) alt: String,
}

impl Rendered {
    /// The bitmaps with their endings, the one for LaTeX first: PNG; of photographs JPEG, for they take five times the room as PNG
    /// and came from JPEG, and PNG too where `both`.
    pub(crate) fn bitmaps(&self, both: bool) -> Result<Vec<(&'static str, Vec<u8>)>> {
        let failed = |error: image::ImageError| Error::data(format!("failed to draw a figure: {error}"));
        let mut all = Vec::new();
        if self.photographs {
            let mut bytes = Vec::new();
            let encoder = JpegEncoder::new_with_quality(&mut bytes, 75);
            self.image.write_with_encoder(encoder).map_err(failed)?;
            all.push(("jpg", bytes));
        }
        if both || !self.photographs {
            let mut bytes = Vec::new();
            let encoder = PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, FilterType::Adaptive);
            self.image.write_with_encoder(encoder).map_err(failed)?;
            all.push(("png", bytes));
        }
        Ok(all)
    }
}

/// Something that can be drawn on any of plotters' backends.
pub(crate) trait Picture {
    /// Width and height in drawing units.
    fn size(&self) -> (u32, u32);
    /// What it shows, in words, from the data.
    fn alt(&self) -> String;
    /// Draws it.
    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<'_, B>) -> Drawn<B>;
    /// Raster images: placed over the drawing in both formats.
    fn images(&self) -> Vec<Placed<'_>> {
        Vec::new()
    }
}

/// An image on a figure.
pub(crate) struct Placed<'a> {
    pub(crate) x: i32,
    pub(crate) y: i32,
    pub(crate) image: &'a image::RgbImage,
    pub(crate) jpeg: &'a [u8],
}

pub(crate) type Drawn<B> = std::result::Result<(), DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

/// A drawing area with a few words for what the figures need.
pub(crate) struct Canvas<'a, B: DrawingBackend>(&'a DrawingArea<B, Shift>);

/// Where text stands against its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Center,
    Right,
}

impl<B: DrawingBackend> Canvas<'_, B> {
    /// Text whose capitals are centred on `y`.
    pub(crate) fn text(&self, text: &str, (x, y): (i32, i32), em: i32, color: RGBColor, align: Align) -> Drawn<B> {
        self.put(text, (x, y), em, color, align, FontStyle::Normal, FontTransform::None)
    }

    /// As [`Canvas::text`], semibold.
    pub(crate) fn bold(&self, text: &str, (x, y): (i32, i32), em: i32, color: RGBColor, align: Align) -> Drawn<B> {
        self.put(text, (x, y), em, color, align, FontStyle::Bold, FontTransform::None)
    }

    /// Text read from bottom to top, its capitals centred on `x`.
    pub(crate) fn upright(&self, text: &str, (x, y): (i32, i32), em: i32, color: RGBColor, align: Align) -> Drawn<B> {
        self.put(
            text,
            (x, y),
            em,
            color,
            align,
            FontStyle::Normal,
            FontTransform::Rotate270,
        )
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "private, and each is one word of the three functions above"
    )]
    fn put(
        &self,
        text: &str,
        (x, y): (i32, i32),
        em: i32,
        color: RGBColor,
        align: Align,
        style: FontStyle,
        transform: FontTransform,
    ) -> Drawn<B> {
        let size = f64::from(em) * LINE_PER_EM;
        // plotters puts the baseline half a size below the top; capitals are 0.714 em high.
        let up = (size / 2.0 - f64::from(em) * 0.357).round() as i32;
        let (x, y) = if matches!(transform, FontTransform::Rotate270) {
            (x - up, y)
        } else {
            (x, y - up)
        };
        let horizontal = match align {
            Align::Left => HPos::Left,
            Align::Center => HPos::Center,
            Align::Right => HPos::Right,
        };
        let style = TextStyle::from((FONT, size, style).into_font().transform(transform))
            .color(&color)
            .pos(Pos::new(horizontal, VPos::Top));
        self.0.draw(&Text::new(clean(text), (x, y), style))
    }

    /// A line through points.
    pub(crate) fn line(&self, points: Vec<(i32, i32)>, color: RGBAColor, width: u32) -> Drawn<B> {
        self.0.draw(&PathElement::new(points, color.stroke_width(width)))
    }

    /// A filled rectangle.
    pub(crate) fn fill(&self, from: (i32, i32), to: (i32, i32), color: RGBColor) -> Drawn<B> {
        self.0.draw(&Rectangle::new([from, to], color.filled()))
    }

    /// The frame of a rectangle, `width` thick, inside it.
    pub(crate) fn frame(&self, (x0, y0): (i32, i32), (x1, y1): (i32, i32), color: RGBColor, width: i32) -> Drawn<B> {
        self.fill((x0, y0), (x1, y0 + width), color)?;
        self.fill((x0, y1 - width), (x1, y1), color)?;
        self.fill((x0, y0), (x0 + width, y1), color)?;
        self.fill((x1 - width, y0), (x1, y1), color)
    }

    /// A filled polygon.
    pub(crate) fn polygon(&self, points: Vec<(i32, i32)>, color: RGBColor) -> Drawn<B> {
        self.0.draw(&Polygon::new(points, color.filled()))
    }

    /// A ring.
    pub(crate) fn ring(&self, center: (i32, i32), radius: i32, color: RGBColor, width: u32) -> Drawn<B> {
        self.0.draw(&Circle::new(center, radius, color.stroke_width(width)))
    }

    /// A dot.
    pub(crate) fn dot(&self, center: (i32, i32), radius: i32, color: RGBColor) -> Drawn<B> {
        self.0.draw(&Circle::new(center, radius, color.filled()))
    }
}

/// Width of `text` in drawing units.
pub(crate) fn width(text: &str, em: i32) -> i32 {
    let size = f64::from(em) * LINE_PER_EM;
    fonts();
    let measured = (FONT, size).into_font().box_size(&clean(text));
    measured.map_or(0, |(width, _)| i32::try_from(width).unwrap_or(i32::MAX))
}

/// `text`, shortened with an ellipsis until it is at most `most` wide.
pub(crate) fn fit(text: &str, em: i32, most: i32) -> String {
    let text = clean(text);
    if width(&text, em) <= most {
        return text;
    }
    let chars: Vec<char> = text.chars().collect();
    // Widths grow with every letter, so the longest fitting prefix is found by halving.
    let (mut low, mut high) = (0, chars.len());
    while low < high {
        let middle = (low + high).div_ceil(2);
        let short: String = chars[..middle].iter().collect::<String>() + "…";
        if width(&short, em) <= most {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    chars[..low].iter().collect::<String>() + "…"
}

/// Text without control characters: none of them can be drawn, and XML forbids most.
pub(crate) fn clean(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() || reorders(c) || matches!(c, '\u{fffe}' | '\u{ffff}') {
                ' '
            } else {
                c
            }
        })
        .collect()
}

pub(crate) fn fonts() {
    static REGISTERED: OnceLock<()> = OnceLock::new();
    REGISTERED.get_or_init(|| {
        // The two files are part of the program; a test draws with both.
        let _ = register_font(FONT, FontStyle::Normal, embedded_bytes("fonts/OpenSans-Regular.ttf"));
        let _ = register_font(FONT, FontStyle::Bold, embedded_bytes("fonts/OpenSans-Semibold.ttf"));
    });
}

/// The label that every figure of a stand-in carries.
pub(crate) const STAND_IN: &str = "STAND-IN: drawn faces, not a database";

/// Draws `picture` as SVG and as PNG, with the label of stand-ins above it where `stand_in`.
pub(crate) fn render<P: Picture>(picture: &P, stand_in: bool) -> Result<Rendered> {
    fonts();
    let (width, height) = picture.size();
    let band = if stand_in { 56 } else { 0 };
    let size = (width, height + band);
    let failed = |error: &dyn std::fmt::Display| Error::data(format!("failed to draw a figure: {error}"));
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        paint(picture, &root, stand_in, band).map_err(|error| failed(&error))?;
        root.present().map_err(|error| failed(&error))?;
    }
    let mut pixels = vec![0; size.0 as usize * size.1 as usize * 3];
    {
        let root = BitMapBackend::with_buffer(&mut pixels, size).into_drawing_area();
        paint(picture, &root, stand_in, band).map_err(|error| failed(&error))?;
        root.present().map_err(|error| failed(&error))?;
    }
    let mut bitmap =
        image::RgbImage::from_raw(size.0, size.1, pixels).ok_or_else(|| failed(&"its size does not fit"))?;
    let mut raster = String::new();
    for placed in picture.images() {
        let y = placed.y + band as i32;
        image::imageops::overlay(&mut bitmap, placed.image, i64::from(placed.x), i64::from(y));
        let (w, h) = placed.image.dimensions();
        let data = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, placed.jpeg);
        let _ = writeln!(
            raster,
            "<image x=\"{}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" href=\"data:image/jpeg;base64,{data}\"/>",
            placed.x
        );
    }
    let alt = picture.alt();
    Ok(Rendered {
        svg: finish_svg(&svg, size, &raster, &alt),
        image: bitmap,
        photographs: !raster.is_empty(),
        alt,
    })
}

pub(crate) fn paint<P: Picture, B: DrawingBackend>(
    picture: &P,
    root: &DrawingArea<B, Shift>,
    stand_in: bool,
    band: u32,
) -> Drawn<B> {
    root.fill(&PAPER)?;
    if stand_in {
        let (width, _) = picture.size();
        let canvas = Canvas(root);
        canvas.fill((0, 0), (width as i32, band as i32 - 12), BAND)?;
        let white = RGBColor(0xFF, 0xFF, 0xFF);
        canvas.bold(
            STAND_IN,
            (width as i32 / 2, (band as i32 - 12) / 2),
            SMALL,
            white,
            Align::Center,
        )?;
    }
    let inner = root.margin(band, 0, 0, 0);
    picture.draw(&Canvas(&inner))
}

/// Gives plotters' SVG its size on paper, the font's true size and baseline, a description, and the raster images.
pub(crate) fn finish_svg(svg: &str, (width, height): (u32, u32), raster: &str, alt: &str) -> String {
    let mut out = String::with_capacity(svg.len() + raster.len() + 512);
    let start = svg
        .find("<svg")
        .and_then(|at| svg[at..].find('>').map(|end| at + end + 1))
        .unwrap_or(0);
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}mm\" height=\"{}mm\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         aria-label=\"{}\" font-family=\"'Open Sans', Helvetica, Arial, sans-serif\">",
        f64::from(width) / UNITS_PER_MM,
        (f64::from(height) / UNITS_PER_MM * 100.0).round() / 100.0,
        xml(alt)
    );
    let body = svg[start..].trim_start();
    let (body, end) = body.rsplit_once("</svg>").unwrap_or((body, ""));
    // The font and where its baseline stands are written by plotters for another font's proportions. Quotes in text are
    // escaped by plotters, so these attributes cannot be faked by a label.
    let body = body
        .replace(&format!(" font-family=\"{FONT}\""), "")
        .replace(" dy=\"0.76em\"", &format!(" dy=\"{:.4}em\"", LINE_PER_EM / 2.0))
        .replace(" opacity=\"1\"", "");
    let mut pieces = body.split(" font-size=\"");
    out.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let (size, rest) = piece.split_once('"').unwrap_or((piece, ""));
        let em = size.parse::<f64>().unwrap_or(0.0) * 1.24 / LINE_PER_EM;
        let _ = write!(out, " font-size=\"{}\"{rest}", (em * 10.0).round() / 10.0);
    }
    out.push_str(raster);
    let _ = write!(out, "</svg>{end}");
    out
}

pub(crate) fn xml(text: &str) -> String {
    clean(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// Round numbers between `low` and `high`, about `count` of them, with the digits that they need.
pub(crate) fn ticks(low: f64, high: f64, count: usize) -> (Vec<f64>, usize) {
    let span = (high - low).max(1e-9);
    let raw = span / count.max(1) as f64;
    let power = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= raw * 0.999)
        .unwrap_or(power * 10.0);
    let first = (low / step - 1e-9).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    let digits = (-step.log10().floor()).max(0.0) as usize;
    ((first..=last).map(|i| i as f64 * step).collect(), digits)
}

/// A name of a series in the legend and what it is drawn with.
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) color: RGBColor,
}

/// Draws keys in a row from `x`, breaking into lines at `right`; returns the lines used.
pub(crate) fn legend<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    keys: &[Key],
    (x, y): (i32, i32),
    right: i32,
) -> std::result::Result<i32, DrawingAreaErrorKind<B::ErrorType>> {
    let (mut at, mut lines) = (x, 1);
    for key in keys {
        let name = fit(&key.name, SMALL, right - x - 70);
        let wide = 62 + width(&name, SMALL) + 34;
        if at > x && at + wide - 34 > right {
            at = x;
            lines += 1;
        }
        let row = y + (lines - 1) * 44;
        canvas.fill((at, row - 4), (at + 48, row + 4), key.color)?;
        canvas.text(&name, (at + 62, row), SMALL, INK, Align::Left)?;
        at += wide;
    }
    Ok(lines)
}

/// How many lines [`legend`] takes.
pub(crate) fn legend_lines(keys: &[Key], x: i32, right: i32) -> i32 {
    let (mut at, mut lines) = (x, 1);
    for key in keys {
        let wide = 62 + width(&fit(&key.name, SMALL, right - x - 70), SMALL) + 34;
        if at > x && at + wide - 34 > right {
            at = x;
            lines += 1;
        }
        at += wide;
    }
    lines
}

/// A number on an axis.
pub(crate) fn fixed_label(value: f64, digits: usize) -> String {
    if digits == 0 {
        crate::report::cells::thousands(value)
    } else {
        crate::report::cells::fixed(value, digits)
    }
}
