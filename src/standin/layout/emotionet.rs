//! `EmotioNet`: photographs with the presence of action units, as workbook, as CSV and as derived lists.

use std::io::Write as _;

use rand::RngExt;

use crate::dataset::Card;
use crate::dataset::options::ConvertOptions;
use crate::dataset::split::hash_share;
use crate::error::{Error, Result};
use crate::standin::affect;
use crate::standin::axis::Axis;
use crate::standin::draw::frame::Frame;
use crate::standin::modes::{Emotion, draw_mode};
use crate::standin::options::{Layout, StandinOptions};
use crate::standin::plan::{Plan, Purpose, Sample, stream, to_flip};
use crate::standin::shades::Shown;
use crate::task::Split;

/// How the labels are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Labels {
    /// `EmotioNet_FACS_aws_2020_24600.xlsx`.
    Workbook,
    /// The same as CSV.
    Csv,
    /// Lines of a name and 23 values, a file a split.
    Lists,
}

pub(crate) struct EmotioNet(Labels);

pub(crate) static WORKBOOK: EmotioNet = EmotioNet(Labels::Workbook);
pub(crate) static CSV: EmotioNet = EmotioNet(Labels::Csv);
pub(crate) static LISTS: EmotioNet = EmotioNet(Labels::Lists);

/// Rows of the list from which the rates are, and positive ones among them.
const ROWS: f64 = 24_595.0;
pub(crate) const POSITIVE: [(u8, f64); 11] = [
    (1, 1458.0 / ROWS),
    (2, 692.0 / ROWS),
    (4, 2855.0 / ROWS),
    (5, 871.0 / ROWS),
    (6, 4581.0 / ROWS),
    (9, 502.0 / ROWS),
    (12, 7559.0 / ROWS),
    (17, 493.0 / ROWS),
    (20, 134.0 / ROWS),
    (25, 11_588.0 / ROWS),
    (26, 2061.0 / ROWS),
];

/// From this intensity on an action unit is present. Few faces lie near it.
pub(crate) const PRESENT: f32 = 1.0;
const EDGES: [f32; 6] = [0.0, 0.3, PRESENT, 2.0, 3.5, 5.0];
const BELOW: [f64; 2] = [0.94, 0.06];
const ABOVE: [f64; 3] = [0.15, 0.50, 0.35];

/// Share of the labels that are unknown.
const UNKNOWN: f64 = 0.04;

/// What people show in photographs, and how often.
const SHOWN: [(Emotion, f32); 9] = [
    (Emotion::Happiness, 0.40),
    (Emotion::Neutral, 0.26),
    (Emotion::Anger, 0.08),
    (Emotion::Surprise, 0.07),
    (Emotion::Other, 0.06),
    (Emotion::Sadness, 0.05),
    (Emotion::Disgust, 0.03),
    (Emotion::Contempt, 0.03),
    (Emotion::Fear, 0.02),
];

/// Photographs of one person, on average.
const IMAGES_PER_SUBJECT: usize = 5;

/// From how many samples on the rows are there that have to be rejected.
const FAULTS_FROM: usize = 500;

impl Layout for EmotioNet {
    fn card(&self) -> &'static str {
        "emotionet"
    }

    fn form(&self) -> &'static str {
        match self.0 {
            Labels::Workbook => "manual_xlsx",
            Labels::Csv => "manual_csv",
            Labels::Lists => "list",
        }
    }

    fn classes(&self) -> &'static [Emotion] {
        &[]
    }

    fn size(&self) -> u32 {
        100
    }

    fn plan(&self, options: &StandinOptions, _size: u32) -> Result<Plan> {
        if !(40..=950_000).contains(&options.samples) {
            return Err(Error::Usage(format!(
                "a stand-in of {} images cannot be laid out as EmotioNet; expected 40 to 950000",
                options.samples
            )));
        }
        let mut samples: Vec<Sample> = (0..options.samples).map(|i| photograph(i, options)).collect();
        for (unit, rate) in POSITIVE {
            let mut weights: Vec<f64> = BELOW.map(|share| share * (1.0 - rate)).to_vec();
            weights.extend(ABOVE.map(|share| share * rate));
            let raw: Vec<f32> = samples.iter().map(|sample| sample.expression.get(unit)).collect();
            let axis = Axis::new(raw, None, &EDGES, &weights);
            for sample in &mut samples {
                let fitted = axis.at(sample.expression.get(unit));
                sample.expression.set(unit, fitted);
            }
        }
        for sample in &mut samples {
            sample.affect = (sample.expression.valence(), sample.expression.arousal());
        }
        let card = Card::load(self.card())?;
        let rows = annotate(&mut samples, &card, options);
        let labels = match self.0 {
            Labels::Workbook => vec![(
                "EmotioNet_FACS_aws_2020_24600.xlsx".to_owned(),
                workbook(&sheets(&samples, &rows))?,
            )],
            Labels::Csv => vec![(
                "EmotioNet_FACS_aws_2020_24600.csv".to_owned(),
                csv(&samples, &rows).into_bytes(),
            )],
            Labels::Lists => lists(&samples, &rows, &card),
        };
        Ok(Plan { samples, labels })
    }
}

/// One photograph, its action units not yet fitted to their rates.
fn photograph(i: usize, options: &StandinOptions) -> Sample {
    let number = i as u64;
    let mut rng = stream(options.seed, "sample", number);
    let mut left = rng.random::<f32>() * SHOWN.iter().map(|(_, share)| share).sum::<f32>();
    let mut emotion = SHOWN[0].0;
    for (other, share) in SHOWN {
        if left < share {
            emotion = other;
            break;
        }
        left -= share;
    }
    let mode = draw_mode(emotion.modes(), rng.random());
    let Shown {
        mut expression,
        strength,
        blend,
    } = affect::occurrence(mode, &mut rng);
    // A jaw that drops as far as it can is AU 27, which the card does not have; nobody drops it with closed lips.
    expression.set(26, expression.get(26).max(expression.get(27)));
    expression.set(27, 0.0);
    expression.set(25, expression.get(25).max(expression.get(26)));
    // Traces, so that no two faces have equal raw values.
    for (unit, _) in POSITIVE {
        expression.set(unit, expression.get(unit) + 0.05 * rng.random::<f32>());
    }
    let name = format!("N_{:010}_{:05}", 1 + 7 * i / 3, i % 100_000);
    // Images of automatic and manual lists are split alike: by a hash of the name, where no list says otherwise.
    let usual = ConvertOptions::default();
    let split = if hash_share(usual.split_seed, &name) < usual.test_share {
        Split::Test
    } else {
        Split::Train
    };
    // Nobody is in both splits, whose shares of the people are their shares of the images.
    let people = options.samples.div_ceil(IMAGES_PER_SUBJECT).max(2) as u32;
    let tested = ((f64::from(people) * usual.test_share).round() as u32).clamp(1, people - 1);
    let subject = match split {
        Split::Test => rng.random_range(0..tested),
        _ => rng.random_range(tested..people),
    };
    Sample {
        path: format!("images/{:02}/{name}.jpg", i / 1000),
        id: name,
        split,
        subject,
        who: None,
        emotion,
        mode,
        strength: Some(strength),
        blend,
        label: None,
        flipped: false,
        expression,
        affect: (0.0, 0.0),
        number,
        shot: number,
        frame: Frame::default(),
        purpose: Purpose::Sample,
    }
}

/// What is written for every image: 0, 1 or 999 for the action units 1 to 60.
type Row = [u16; 60];

fn annotate(samples: &mut [Sample], card: &Card, options: &StandinOptions) -> Vec<Row> {
    let mut rows: Vec<Row> = samples
        .iter()
        .map(|sample| {
            let mut row = [999; 60];
            // Action units that are drawn, but not fitted to any rate, are present only when they are strong.
            for unit in crate::standin::action_units::ACTION_UNITS {
                row[usize::from(unit) - 1] = u16::from(sample.expression.get(unit) >= 2.0);
            }
            for &unit in &card.aus {
                row[usize::from(unit) - 1] = u16::from(sample.expression.get(unit) >= PRESENT);
            }
            row
        })
        .collect();
    for i in to_flip(samples.len(), options.seed, options.label_noise) {
        let mut rng = stream(options.seed, "wrong unit", i as u64);
        let at = |unit: u8| usize::from(unit) - 1;
        // Present ones are missed as often as absent ones are seen.
        let present: Vec<u8> = card
            .aus
            .iter()
            .copied()
            .filter(|&unit| rows[i][at(unit)] == 1)
            .collect();
        let from = if present.is_empty() || rng.random_bool(0.5) {
            &card.aus
        } else {
            &present
        };
        let unit = from[rng.random_range(0..from.len())];
        rows[i][at(unit)] = 1 - rows[i][at(unit)];
        samples[i].flipped = true;
    }
    for (i, row) in rows.iter_mut().enumerate() {
        let mut rng = stream(options.seed, "unknown", i as u64);
        let before = *row;
        for &unit in &card.aus {
            if rng.random_bool(UNKNOWN) {
                row[usize::from(unit) - 1] = 999;
            }
        }
        // A row without any label would not be a sample, and a wrong label is wrong only if it is there.
        let known = card
            .aus
            .iter()
            .filter(|&&unit| row[usize::from(unit) - 1] != 999)
            .count();
        if known == 0 || samples[i].flipped {
            *row = before;
        }
    }
    rows
}

fn url(id: &str) -> String {
    format!("'http://images.example.org/emotionet/{id}.jpg'")
}

/// Headers and rows of the manual labels, as texts.
fn table(samples: &[Sample], rows: &[Row], quoted: bool) -> Vec<Vec<String>> {
    let mut table = vec![vec!["URL".to_owned(), "URL orig".to_owned()]];
    table[0].extend((1..=60).map(|unit| {
        if quoted {
            format!("'AU {unit}'")
        } else {
            format!("AU {unit}")
        }
    }));
    for (sample, row) in samples.iter().zip(rows) {
        let mut line = vec![
            url(&sample.id),
            format!("'http://photos.example.net/{}.jpg'", sample.number),
        ];
        line.extend(row.iter().map(u16::to_string));
        table.push(line);
    }
    table
}

/// Rows that have to be rejected: one that occurs twice, and one whose image is gone.
fn faults(samples: &[Sample], table: &mut Vec<Vec<String>>) {
    if samples.len() >= FAULTS_FROM {
        let twice = table[1].clone();
        let mut gone = table[2].clone();
        gone[0] = url("N_9999999999_00000");
        table.extend([twice, gone]);
    }
}

fn csv(samples: &[Sample], rows: &[Row]) -> String {
    let mut table = table(samples, rows, true);
    faults(samples, &mut table);
    table.iter().map(|line| line.join(",") + "\n").collect()
}

/// Two sheets, the headers of one in quotes.
pub(crate) fn sheets(samples: &[Sample], rows: &[Row]) -> Vec<(&'static str, Vec<Vec<String>>)> {
    let half = samples.len() / 2;
    let first = table(&samples[..half], &rows[..half], true);
    let mut second = table(&samples[half..], &rows[half..], false);
    faults(samples, &mut second);
    vec![("Sheet1", first), ("Sheet2", second)]
}

/// The name of a column: A … Z, AA ….
fn letters(column: usize) -> String {
    let letter = |i: usize| char::from(b'A' + (i % 26) as u8);
    if column < 26 {
        letter(column).to_string()
    } else {
        format!("{}{}", letter(column / 26 - 1), letter(column))
    }
}

/// A workbook of sheets with texts; texts that are numbers become numbers.
fn workbook(sheets: &[(&str, Vec<Vec<String>>)]) -> Result<Vec<u8>> {
    const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
    const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    const DOCUMENT: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006";
    const TYPES: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml";
    let (mut list, mut links, mut types) = (String::new(), String::new(), String::new());
    let mut parts = Vec::new();
    for (i, (title, rows)) in sheets.iter().enumerate() {
        let n = i + 1;
        list += &format!("<sheet name=\"{title}\" sheetId=\"{n}\" r:id=\"rId{n}\"/>");
        links +=
            &format!("<Relationship Id=\"rId{n}\" Type=\"{DOCUMENT}/worksheet\" Target=\"worksheets/sheet{n}.xml\"/>");
        types += &format!("<Override PartName=\"/xl/worksheets/sheet{n}.xml\" ContentType=\"{TYPES}.worksheet+xml\"/>");
        let mut data = String::new();
        for (r, row) in rows.iter().enumerate() {
            data += &format!("<row r=\"{}\">", r + 1);
            for (c, text) in row.iter().enumerate() {
                let place = format!("{}{}", letters(c), r + 1);
                if text.bytes().all(|byte| byte.is_ascii_digit()) {
                    data += &format!("<c r=\"{place}\"><v>{text}</v></c>");
                } else {
                    let text = quick_xml::escape::escape(text.as_str());
                    data += &format!("<c r=\"{place}\" t=\"inlineStr\"><is><t>{text}</t></is></c>");
                }
            }
            data += "</row>";
        }
        parts.push((
            format!("xl/worksheets/sheet{n}.xml"),
            format!("{HEAD}<worksheet xmlns=\"{MAIN}\"><sheetData>{data}</sheetData></worksheet>"),
        ));
    }
    parts.extend([
        (
            "[Content_Types].xml".to_owned(),
            format!(
                "{HEAD}<Types xmlns=\"{PACKAGE}/content-types\"><Default Extension=\"rels\" \
                 ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/><Override \
                 PartName=\"/xl/workbook.xml\" ContentType=\"{TYPES}.sheet.main+xml\"/>{types}</Types>"
            ),
        ),
        (
            "_rels/.rels".to_owned(),
            format!(
                "{HEAD}<Relationships xmlns=\"{PACKAGE}/relationships\"><Relationship Id=\"rId1\" \
                 Type=\"{DOCUMENT}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/workbook.xml".to_owned(),
            format!("{HEAD}<workbook xmlns=\"{MAIN}\" xmlns:r=\"{DOCUMENT}\"><sheets>{list}</sheets></workbook>"),
        ),
        (
            "xl/_rels/workbook.xml.rels".to_owned(),
            format!("{HEAD}<Relationships xmlns=\"{PACKAGE}/relationships\">{links}</Relationships>"),
        ),
    ]);
    let failed =
        |error: &dyn std::fmt::Display| Error::data(format!("the workbook of labels cannot be packed: {error}"));
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    // The time of every part is fixed: the same labels give the same bytes.
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::DEFAULT);
    for (name, text) in parts {
        archive.start_file(name, options).map_err(|error| failed(&error))?;
        archive.write_all(text.as_bytes()).map_err(|error| failed(&error))?;
    }
    let bytes = archive.finish().map_err(|error| failed(&error))?;
    Ok(bytes.into_inner())
}

/// `train.txt` and `test.txt`: a name and the values of the 23 listed action units, with CR LF and a space before it.
fn lists(samples: &[Sample], rows: &[Row], card: &Card) -> Vec<(String, Vec<u8>)> {
    [(Split::Train, "train.txt"), (Split::Test, "test.txt")]
        .into_iter()
        .map(|(split, name)| {
            let own = samples.iter().zip(rows).filter(|(sample, _)| sample.split == split);
            let lines: String = own
                .map(|(sample, row)| {
                    let values: String = card
                        .listed_aus
                        .iter()
                        .map(|&unit| format!("{} ", row[usize::from(unit) - 1]))
                        .collect();
                    format!("{}.jpg {values}\r\n", sample.id)
                })
                .collect();
            (name.to_owned(), lines.into_bytes())
        })
        .collect()
}
