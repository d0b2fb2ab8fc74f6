//! `AffectNet` in both releases: CSVs with face boxes in larger images, and crops with one `.npy` a label.
//!
//! Beside the samples of the card there are images with the labels that the card leaves out, and a few of the database's
//! known faults; none of these has a row in the table of truths.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::error::{Error, Result};
use crate::intake::npy;
use crate::standin::affect::{self, Scale};
use crate::standin::draw::frame::Frame;
use crate::standin::draw::identity::{Identity, Shot};
use crate::standin::draw::landmarks::landmarks;
use crate::standin::modes::{Emotion, draw_mode};
use crate::standin::options::{Layout, StandinOptions};
use crate::standin::plan::{Plan, Purpose, Sample, StillSplit, apportion, flip, stills, stream, to_flip};
use crate::standin::shades::Shown;
use crate::task::Split;

/// How it lies on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Release {
    /// `Manually_Annotated_file_lists/{training,validation}.csv`.
    Original,
    /// `{train_set,val_set}/{images,annotations}`.
    Of2021,
}

pub(crate) struct AffectNet {
    card: &'static str,
    /// How many of [`CLASSES`] the card has.
    classes: usize,
    release: Release,
}

const fn forms(card: &'static str, classes: usize) -> [AffectNet; 2] {
    [
        AffectNet {
            card,
            classes,
            release: Release::Original,
        },
        AffectNet {
            card,
            classes,
            release: Release::Of2021,
        },
    ]
}

pub(crate) static SEVEN: [AffectNet; 2] = forms("affectnet7", 7);
pub(crate) static EIGHT: [AffectNet; 2] = forms("affectnet8", 8);
pub(crate) static AFFECT: [AffectNet; 2] = forms("affectnet_va", 9);

/// In the order of the labels 0 to 8.
const CLASSES: [Emotion; 9] = [
    Emotion::Neutral,
    Emotion::Happiness,
    Emotion::Sadness,
    Emotion::Surprise,
    Emotion::Fear,
    Emotion::Disgust,
    Emotion::Anger,
    Emotion::Contempt,
    Emotion::Other,
];
const UNCERTAIN: u8 = 9;
const NO_FACE: u8 = 10;

/// The database's own numbers of training images, by label; the validation set has as many of each.
const TRAIN: [usize; 9] = [74_874, 134_415, 25_459, 14_090, 6_378, 3_803, 24_882, 3_750, 33_088];

/// One of so many samples is in the validation set. The database's own share, one of 72, would leave too few to measure on.
const ONE_IN: usize = 5;

/// One of so many samples has an image beside it whose label is left out.
const LEFT_OUT_ONE_IN: usize = 60;

/// From how many samples on the rows are there that have to be rejected.
const FAULTS_FROM: usize = 500;

const LIST: &str = "Manually_Annotated_file_lists";
const IMAGES: &str = "Manually_Annotated_Images";

/// What a label file says of an image.
struct Annotation {
    label: u8,
    valence: f32,
    arousal: f32,
}

impl AffectNet {
    fn list(&self) -> &'static [Emotion] {
        let known = match self.release {
            Release::Original => self.classes,
            Release::Of2021 => self.classes.min(8),
        };
        &CLASSES[..known]
    }

    /// `sample_id` (what the CSV says) and path of a file of the first release.
    fn hashed(seed: u64, split: Split, i: usize) -> (String, String) {
        let digest = blake3::hash(format!("{seed} {split} {i}").as_bytes());
        let extension = match i % 97 {
            13 => "JPG",
            31 => "png",
            57 => "jpeg",
            73 => "bmp",
            _ => "jpg",
        };
        let name = format!("{}/{}.{extension}", 1 + i % 40, &digest.to_hex()[..56]);
        // Names in the list and on disk differ in case here and there.
        let on_disk = if i % 97 == 13 && i.is_multiple_of(2) {
            name.replace(".JPG", ".jpg")
        } else {
            name.clone()
        };
        (name, format!("{IMAGES}/{on_disk}"))
    }

    /// `sample_id` and path of a file of the second: numbers with gaps, the same in both sets.
    fn numbered(set: &str, i: usize) -> (String, String) {
        let number = 3 * i + i * i % 3;
        (format!("{set}/{number}"), format!("{set}/images/{number}.jpg"))
    }

    fn name(&self, split: Split) -> fn(u64, usize) -> (String, String) {
        match (self.release, split) {
            (Release::Original, Split::Train) => |seed, i| Self::hashed(seed, Split::Train, i),
            (Release::Original, _) => |seed, i| Self::hashed(seed, Split::Test, i),
            (Release::Of2021, Split::Train) => |_, i| Self::numbered("train_set", i),
            (Release::Of2021, _) => |_, i| Self::numbered("val_set", i),
        }
    }

    /// Images that the card leaves out, among them what is no face at all.
    fn left_out(&self, samples: &[Sample], seed: u64, scale: &Scale) -> Vec<(Sample, Annotation)> {
        let mut others: Vec<u8> = (self.list().len() as u8..9).collect();
        match self.release {
            Release::Original => others.extend([UNCERTAIN, NO_FACE]),
            Release::Of2021 => others.retain(|&label| label < 8),
        }
        if others.is_empty() {
            return Vec::new();
        }
        let mut out = Vec::new();
        let mut used = [0; 2];
        for split in [Split::Train, Split::Test] {
            let own = samples.iter().filter(|sample| sample.split == split).count();
            for i in 0..(own / LEFT_OUT_ONE_IN).max(others.len()) {
                let number = (samples.len() + out.len()) as u64;
                let mut rng = stream(seed, "left out", number);
                let label = others[i % others.len()];
                let emotion = CLASSES
                    .get(usize::from(label))
                    .copied()
                    .unwrap_or(CLASSES[rng.random_range(0..CLASSES.len())]);
                let mode = draw_mode(emotion.modes(), rng.random());
                let Shown {
                    expression,
                    strength,
                    blend,
                } = affect::occurrence(mode, &mut rng);
                let at = usize::from(split != Split::Train);
                used[at] += 1;
                let (id, path) = self.name(split)(seed, own + used[at]);
                let (valence, arousal) = if label < UNCERTAIN {
                    scale.label(&expression, &mut rng)
                } else {
                    (-2.0, -2.0)
                };
                out.push((
                    Sample {
                        id,
                        path,
                        split,
                        subject: 1_000_000 + number as u32,
                        who: None,
                        emotion,
                        mode,
                        strength: Some(strength),
                        blend,
                        label: None,
                        flipped: false,
                        affect: scale.truth(&expression),
                        expression,
                        number,
                        shot: number,
                        frame: Frame::default(),
                        purpose: if label == NO_FACE {
                            Purpose::Nobody
                        } else {
                            Purpose::LeftOut
                        },
                    },
                    Annotation {
                        label,
                        valence,
                        arousal,
                    },
                ));
            }
        }
        out
    }
}

/// Somewhere in a larger image.
fn placed(rng: &mut ChaCha8Rng) -> Frame {
    let scale = rng.random_range(0.58..0.84);
    let room = 0.9 * (1.0 - scale);
    Frame {
        scale,
        centre: (rng.random_range(-room..room), rng.random_range(-room..room)),
        ..Frame::default()
    }
}

/// Valence and arousal as the database writes them.
fn decimal(value: f32) -> String {
    if value < -1.0 {
        "-2".to_owned()
    } else {
        format!("{value:.7}")
    }
}

/// One line of the CSV but for its end: path, box, landmarks.
fn described(sample: &Sample, seed: u64, size: u32) -> String {
    let side = sample.frame.side(size);
    let half = side as f32 / 2.0;
    let mut rng = stream(seed, "face box", sample.number);
    let reach = sample.frame.scale * half;
    let mut near = |value: f32| value + reach * rng.random_range(-0.04..0.04);
    let (left, top) = (
        near((1.0 + sample.frame.centre.0) * half - reach).max(0.0) as u32,
        near((1.0 + sample.frame.centre.1) * half - reach).max(0.0) as u32,
    );
    let (width, height) = (
        (near(2.0 * reach) as u32).min(side - left),
        (near(2.0 * reach) as u32).min(side - top),
    );
    let who = Identity::of(seed, sample.subject);
    let shot = Shot::sample(&mut stream(seed, "shot", sample.shot)).framed(&sample.frame);
    let points: Vec<String> = landmarks(&who, &sample.expression, &shot, side)
        .into_iter()
        .map(|(x, y)| format!("{x:.2};{y:.2}"))
        .collect();
    // In the database one row of the training list has no box.
    let corner = if sample.split == Split::Train && sample.number == 315 {
        "NULL,NULL".to_owned()
    } else {
        format!("{left},{top}")
    };
    format!("{},{corner},{width},{height},{}", sample.id, points.join(";"))
}

fn csvs(
    samples: &[Sample],
    annotations: &[Annotation],
    counted: usize,
    seed: u64,
    size: u32,
) -> Vec<(String, Vec<u8>)> {
    let lines: Vec<String> = {
        use rayon::prelude::*;
        samples
            .par_iter()
            .zip(annotations)
            .map(|(sample, a)| {
                format!(
                    "{},{},{},{}\n",
                    described(sample, seed, size),
                    a.label,
                    decimal(a.valence),
                    decimal(a.arousal)
                )
            })
            .collect()
    };
    // The samples and the images that are left out lie mixed, in the order of a hash of their names.
    let mut order: Vec<usize> = (0..samples.len()).collect();
    order.sort_by_key(|&i| *blake3::hash(samples[i].id.as_bytes()).as_bytes());
    let list = |split: Split| -> String {
        order
            .iter()
            .filter(|&&i| samples[i].split == split)
            .map(|&i| lines[i].as_str())
            .collect()
    };
    let mut training = String::from(
        "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal\n",
    );
    training += &list(Split::Train);
    let mut files = Vec::new();
    if counted >= FAULTS_FROM {
        let landmarks = ["0.00;0.00"; 68].join(";");
        // A width below zero, an image that is a web page, an image that was never there, and a row that occurs twice.
        training += &format!("41/{}.jpg,12,9,-96,96,{landmarks},1,0.5,0.2\n", "a".repeat(56));
        training += &format!("41/{}.jpg,10,10,96,96,{landmarks},2,-0.5,-0.2\n", "b".repeat(56));
        training += &format!("41/{}.jpg,10,10,96,96,{landmarks},6,-0.6,0.6\n", "c".repeat(56));
        training += &lines[0];
        files.push((
            format!("{IMAGES}/41/{}.jpg", "b".repeat(56)),
            b"<!DOCTYPE html>\n<html><body>404 Not Found</body></html>\n".to_vec(),
        ));
    }
    files.push((format!("{LIST}/training.csv"), training.into_bytes()));
    // Some copies of this list have no header.
    files.push((format!("{LIST}/validation.csv"), list(Split::Test).into_bytes()));
    files
}

fn npys(samples: &[Sample], annotations: &[Annotation], seed: u64, size: u32) -> Vec<(String, Vec<u8>)> {
    use rayon::prelude::*;
    samples
        .par_iter()
        .zip(annotations)
        .flat_map_iter(|(sample, a)| {
            let stem = sample.id.replace('/', "/annotations/");
            let text = |value: &str| {
                let data: Vec<u8> = value.chars().flat_map(|c| (c as u32).to_le_bytes()).collect();
                npy::encode(&format!("<U{}", value.chars().count()), "()", false, &data)
            };
            // Both ways of storing a number are in circulation.
            let (exp, val, aro) = if sample.number % 7 == 3 {
                let real = |value: f32| npy::encode("<f8", "(1,)", false, &f64::from(value).to_le_bytes());
                (
                    npy::encode("<i8", "(1,)", false, &i64::from(a.label).to_le_bytes()),
                    real(a.valence),
                    real(a.arousal),
                )
            } else {
                (
                    text(&a.label.to_string()),
                    text(&decimal(a.valence)),
                    text(&decimal(a.arousal)),
                )
            };
            let who = Identity::of(seed, sample.subject);
            let shot = Shot::sample(&mut stream(seed, "shot", sample.shot)).framed(&sample.frame);
            let points: Vec<u8> = landmarks(&who, &sample.expression, &shot, sample.frame.side(size))
                .into_iter()
                .flat_map(|(x, y)| [f64::from(x).to_le_bytes(), f64::from(y).to_le_bytes()])
                .flatten()
                .collect();
            [
                (format!("{stem}_exp.npy"), exp),
                (format!("{stem}_val.npy"), val),
                (format!("{stem}_aro.npy"), aro),
                (format!("{stem}_lnd.npy"), npy::encode("<f8", "(136,)", false, &points)),
            ]
        })
        .collect()
}

impl Layout for AffectNet {
    fn card(&self) -> &'static str {
        self.card
    }

    fn form(&self) -> &'static str {
        match self.release {
            Release::Original => "original",
            Release::Of2021 => "release_2021",
        }
    }

    fn classes(&self) -> &'static [Emotion] {
        &CLASSES[..self.classes]
    }

    fn size(&self) -> u32 {
        match self.release {
            Release::Original => 96,
            Release::Of2021 => 224,
        }
    }

    fn plan(&self, options: &StandinOptions, size: u32) -> Result<Plan> {
        let classes = self.list();
        let fewest = ONE_IN * classes.len();
        if options.samples < fewest || options.samples > 1_000_000 {
            return Err(Error::Usage(format!(
                "a stand-in of {} images cannot be laid out as AffectNet; expected {fewest} to 1000000",
                options.samples
            )));
        }
        let test = options.samples / ONE_IN;
        let splits = [
            StillSplit {
                split: Split::Train,
                counts: apportion(options.samples - test, &TRAIN[..classes.len()]),
                name: self.name(Split::Train),
            },
            StillSplit {
                split: Split::Test,
                counts: apportion(test, &vec![1; classes.len()]),
                name: self.name(Split::Test),
            },
        ];
        let mut samples = stills(classes, &splits, options.seed, |_, mode, rng| {
            affect::occurrence(mode, rng)
        });
        // The second release has only the eight expressions, and the table counts about as many images as these have.
        let population = match self.release {
            Release::Original => CLASSES.len(),
            Release::Of2021 => CLASSES.len() - 1,
        };
        let shares: Vec<(Emotion, usize)> = CLASSES.into_iter().zip(TRAIN).take(population).collect();
        let scale = Scale::new(&shares);
        let affect = self.classes == CLASSES.len();
        if !affect {
            flip(&mut samples, classes, options.seed, options.label_noise);
        }
        let mut annotations: Vec<Annotation> = samples
            .iter_mut()
            .map(|sample| {
                sample.affect = scale.truth(&sample.expression);
                let (valence, arousal) =
                    scale.label(&sample.expression, &mut stream(options.seed, "rating", sample.number));
                Annotation {
                    label: label_of(sample.label),
                    valence,
                    arousal,
                }
            })
            .collect();
        if affect {
            exchange(&mut samples, &mut annotations, options);
        }
        let counted = samples.len();
        for (sample, annotation) in self.left_out(&samples, options.seed, &scale) {
            samples.push(sample);
            annotations.push(annotation);
        }
        if self.release == Release::Original {
            for sample in &mut samples {
                sample.frame = placed(&mut stream(options.seed, "place", sample.number));
            }
        }
        let labels = match self.release {
            Release::Original => csvs(&samples, &annotations, counted, options.seed, size),
            Release::Of2021 => npys(&samples, &annotations, options.seed, size),
        };
        Ok(Plan { samples, labels })
    }
}

fn label_of(emotion: Option<Emotion>) -> u8 {
    emotion
        .and_then(|emotion| CLASSES.iter().position(|&class| class == emotion))
        .map_or(UNCERTAIN, |i| i as u8)
}

/// Wrong labels of valence and arousal: images exchange their whole annotation with one far away in valence, as if rows had
/// been mixed up. So the histogram stays what it was.
fn exchange(samples: &mut [Sample], annotations: &mut [Annotation], options: &StandinOptions) {
    let chosen = to_flip(samples.len(), options.seed, options.label_noise);
    for split in [Split::Train, Split::Test] {
        let mut own: Vec<usize> = chosen.iter().copied().filter(|&i| samples[i].split == split).collect();
        own.sort_by(|&a, &b| {
            let key = |i: usize| annotations[i].valence;
            key(a).total_cmp(&key(b)).then(a.cmp(&b))
        });
        // The lower half with the upper half; of an odd number the middle one keeps its label.
        let half = own.len() / 2;
        for k in 0..half {
            let (low, high) = (own[k], own[own.len() - half + k]);
            annotations.swap(low, high);
            for i in [low, high] {
                samples[i].flipped = true;
                samples[i].label = CLASSES.get(usize::from(annotations[i].label)).copied();
            }
        }
    }
}
