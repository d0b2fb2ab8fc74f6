//! DISFA: 27 people filmed in a laboratory, every frame with twelve action units from 0 to 5.
//!
//! A film is a sequence of episodes, each one occurrence of a mode that comes and goes smoothly, over a face that is never
//! quite at rest. The heights of all action units are then fitted to how often the database has them.

use std::f32::consts::TAU;

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::dataset::Card;
use crate::error::{Error, Result};
use crate::standin::action_units::Expression;
use crate::standin::axis::Axis;
use crate::standin::draw::frame::Frame;
use crate::standin::modes::{Emotion, Mode};
use crate::standin::options::{Layout, StandinOptions};
use crate::standin::plan::{Plan, Purpose, Sample, apportion, stream, to_flip};
use crate::task::Split;

pub(crate) struct Disfa;

/// Frames of the database itself: 4,845 a subject, one less of SN010.
const FRAMES: usize = 4845;
const SHORT: &str = "SN010";

/// Shares of the frames with an intensity of at least 1. AU 12 and 25 as in Table 1 of the paper; the others near what the
/// database's authors count.
pub(crate) const RATES: [(u8, f64); 12] = [
    (1, 0.067),
    (2, 0.056),
    (4, 0.188),
    (5, 0.021),
    (6, 0.149),
    (9, 0.055),
    (12, 0.245),
    (15, 0.060),
    (17, 0.099),
    (20, 0.035),
    (25, 0.369),
    (26, 0.191),
];

/// Half way to intensity 1: what lies above is written as an intensity of at least 1.
const CODED: f32 = 0.5;

/// Faces without an action unit have traces of it, hardly any above a quarter.
const TRACES: ([f32; 3], [f64; 2]) = ([0.0, 0.25, CODED], [0.9, 0.1]);

/// Share of the coded frames whose intensity is written as 3 or more.
const STRONG: f64 = 0.38;

/// What people show when they watch films, and how often.
const EPISODES: [(Emotion, &str, usize); 16] = [
    (Emotion::Happiness, "open_smile", 130),
    (Emotion::Happiness, "polite_smile", 60),
    (Emotion::Happiness, "duchenne_closed", 55),
    (Emotion::Happiness, "laugh", 100),
    (Emotion::Surprise, "open_mouth", 50),
    (Emotion::Surprise, "brows_only", 20),
    (Emotion::Disgust, "nose_wrinkle", 40),
    (Emotion::Disgust, "lip_raise", 30),
    (Emotion::Disgust, "recoil", 20),
    (Emotion::Fear, "stretched", 30),
    (Emotion::Sadness, "oblique_brows", 35),
    (Emotion::Sadness, "pout", 50),
    (Emotion::Anger, "frown", 45),
    (Emotion::Neutral, "focused", 95),
    (Emotion::Neutral, "lips_parted", 120),
    (Emotion::Neutral, "attentive", 20),
];

/// Frames between the beginnings of two episodes, on average: one and a half seconds.
const EPISODE: usize = 30;

/// An episode counts as the mode of a frame from this height on.
const SEEN: f32 = 0.4;

fn mode_named(emotion: Emotion, name: &str) -> &'static Mode {
    let modes = emotion.modes();
    modes.iter().find(|mode| mode.name == name).unwrap_or(&modes[0])
}

/// One occurrence of a mode in time.
struct Episode {
    emotion: Emotion,
    mode: &'static Mode,
    face: Expression,
    /// First frame, length, and the shares of it in which the face rises and falls.
    start: f32,
    length: f32,
    rise: f32,
    fall: f32,
}

impl Episode {
    /// Height from 0 to 1 at a frame: rises, stays, falls, all smoothly.
    fn height(&self, frame: f32) -> f32 {
        let at = (frame - self.start) / self.length;
        let step = |t: f32| {
            let t = t.clamp(0.0, 1.0);
            t * t * (3.0 - 2.0 * t)
        };
        step(at / self.rise) * step((1.0 - at) / self.fall)
    }
}

/// A slow movement without aim, between -1 and 1.
struct Drift([(f32, f32); 3]);

impl Drift {
    fn new(rng: &mut ChaCha8Rng) -> Self {
        Self(std::array::from_fn(|i| {
            let period = 40.0 * 1.9_f32.powi(i as i32) * (0.8 + 0.4 * rng.random::<f32>());
            (TAU / period, TAU * rng.random::<f32>())
        }))
    }

    fn at(&self, frame: f32) -> f32 {
        self.0
            .iter()
            .map(|&(speed, phase)| (speed * frame + phase).sin())
            .sum::<f32>()
            / 3.0
    }
}

/// The film of one person.
struct Film {
    episodes: Vec<Episode>,
    traces: Vec<Drift>,
    turn: [Drift; 3],
}

impl Film {
    fn new(seed: u64, subject: u64, frames: usize, deck: &[(Emotion, &'static Mode)]) -> Self {
        let mut rng = stream(seed, "film", subject);
        let slot = frames as f32 / deck.len() as f32;
        // People differ in how much they show.
        let vigour = 0.75 + 0.5 * rng.random::<f32>();
        let episodes = deck
            .iter()
            .enumerate()
            .map(|(i, &(emotion, mode))| {
                let sampled = mode.sample(&mut rng);
                // Few smiles are as broad as can be.
                let vigour = vigour * (0.35 + 0.75 * rng.random::<f32>());
                let mut face = Expression::default();
                for &(unit, _) in mode.units {
                    face.set(unit, sampled.get(unit) * vigour);
                }
                // A jaw that drops as far as it can is AU 27, which is not coded here.
                if face.get(27) > 0.0 {
                    face.set(26, face.get(26).max(face.get(27)));
                    face.set(27, 0.0);
                }
                let length = slot * (0.75 + 0.35 * rng.random::<f32>());
                Episode {
                    emotion,
                    mode,
                    face,
                    start: slot * (i as f32 + 0.5 * (rng.random::<f32>() - 0.25)) + 0.5,
                    length,
                    rise: 0.34 + 0.1 * rng.random::<f32>(),
                    fall: 0.36 + 0.12 * rng.random::<f32>(),
                }
            })
            .collect();
        Self {
            episodes,
            traces: (0..crate::standin::action_units::ACTION_UNITS.len())
                .map(|_| Drift::new(&mut rng))
                .collect(),
            turn: std::array::from_fn(|_| Drift::new(&mut rng)),
        }
    }

    /// The raw face at a frame: the highest of all episodes in each action unit, and traces.
    fn face(&self, frame: f32) -> Expression {
        let mut face = Expression::default();
        for (&unit, trace) in crate::standin::action_units::ACTION_UNITS.iter().zip(&self.traces) {
            let own = self
                .episodes
                .iter()
                .map(|episode| episode.height(frame) * episode.face.get(unit))
                .fold(0.0, f32::max);
            face.set(unit, own + 0.3 + 0.25 * trace.at(frame));
        }
        // Nobody drops the jaw with closed lips.
        face.set(25, face.get(25).max(face.get(26)));
        face
    }

    fn mode(&self, frame: f32) -> (Emotion, &'static Mode) {
        self.episodes
            .iter()
            .map(|episode| (episode.height(frame), episode))
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .filter(|(height, _)| *height >= SEEN)
            .map_or((Emotion::Neutral, &Emotion::Neutral.modes()[0]), |(_, episode)| {
                (episode.emotion, episode.mode)
            })
    }
}

/// The episodes of every subject: in each fold all modes in their shares, dealt at random.
fn decks(card: &Card, subjects: &[(String, i32)], frames: &[usize], seed: u64) -> Vec<Vec<(Emotion, &'static Mode)>> {
    let mut decks = vec![Vec::new(); subjects.len()];
    let weights = EPISODES.map(|(_, _, weight)| weight);
    for fold in &card.folds {
        let own: Vec<usize> = (0..subjects.len())
            .filter(|&i| subjects[i].1 == i32::from(fold.fold))
            .collect();
        let wanted: Vec<usize> = own.iter().map(|&i| (frames[i] / EPISODE).max(1)).collect();
        let shares = apportion(wanted.iter().sum(), &weights);
        let mut cards: Vec<(Emotion, &'static Mode)> = EPISODES
            .iter()
            .zip(shares)
            .flat_map(|(&(emotion, name, _), n)| std::iter::repeat_n((emotion, mode_named(emotion, name)), n))
            .collect();
        cards.shuffle(&mut stream(seed, "episodes", u64::from(fold.fold)));
        for (&i, n) in own.iter().zip(wanted) {
            decks[i] = cards.split_off(cards.len() - n);
        }
    }
    decks
}

/// The intensity that is written for a true one.
pub(crate) fn level(intensity: f32) -> u8 {
    (intensity + 0.5).clamp(0.0, 5.0) as u8
}

impl Layout for Disfa {
    fn card(&self) -> &'static str {
        "disfa"
    }

    fn form(&self) -> &'static str {
        "original"
    }

    fn classes(&self) -> &'static [Emotion] {
        &[]
    }

    fn size(&self) -> u32 {
        100
    }

    fn plan(&self, options: &StandinOptions, _size: u32) -> Result<Plan> {
        let card = Card::load(self.card())?;
        let mut subjects: Vec<(String, i32)> = card
            .folds
            .iter()
            .flat_map(|fold| {
                fold.subjects
                    .iter()
                    .map(|subject| (subject.clone(), i32::from(fold.fold)))
            })
            .collect();
        subjects.sort();
        let weights: Vec<usize> = subjects
            .iter()
            .map(|(subject, _)| FRAMES - usize::from(subject == SHORT))
            .collect();
        let all: usize = weights.iter().sum();
        let fewest = 4 * subjects.len();
        if options.samples < fewest || options.samples > all {
            return Err(Error::Usage(format!(
                "a stand-in of {} frames cannot be laid out as DISFA; expected {fewest} to {all}",
                options.samples
            )));
        }
        let frames = apportion(options.samples, &weights);
        let decks = decks(&card, &subjects, &frames, options.seed);
        let mut samples = Vec::with_capacity(options.samples);
        for (subject, ((name, fold), deck)) in subjects.iter().zip(&decks).enumerate() {
            let film = Film::new(options.seed, subject as u64, frames[subject], deck);
            for frame in 1..=frames[subject] {
                let at = frame as f32;
                let (emotion, mode) = film.mode(at);
                let turn = [0.10, 0.08, 0.05];
                samples.push(Sample {
                    id: format!("{name}_{frame:05}"),
                    path: format!("Frames_LeftCamera/{name}/{frame:05}.jpg"),
                    // The first fold is held out, as in the samples table.
                    split: if *fold == 1 { Split::Test } else { Split::Train },
                    subject: subject as u32,
                    who: Some(name.clone()),
                    emotion,
                    mode,
                    strength: None,
                    blend: None,
                    label: None,
                    flipped: false,
                    expression: film.face(at),
                    affect: (0.0, 0.0),
                    number: samples.len() as u64,
                    shot: subject as u64,
                    frame: Frame {
                        scale: 0.94,
                        centre: (0.0, 0.0),
                        turn: std::array::from_fn(|i| turn[i] * film.turn[i].at(at)),
                        studio: true,
                    },
                    purpose: Purpose::Sample,
                });
            }
        }
        fit(&mut samples);
        let labels = labels(&mut samples, options);
        Ok(Plan { samples, labels })
    }
}

/// Gives every coded action unit its rate, by one increasing function a unit over all frames.
///
/// Below the raw value that divides coded frames from others, ranks decide; above it a power of the raw value, which is as
/// smooth in time as this is, with the exponent that makes [`STRONG`] of the coded frames strong.
fn fit(samples: &mut [Sample]) {
    for (unit, rate) in RATES {
        let mut raw: Vec<f32> = samples.iter().map(|sample| sample.expression.get(unit)).collect();
        raw.sort_by(f32::total_cmp);
        let coded = ((rate * raw.len() as f64).round() as usize).clamp(1, raw.len() - 1);
        let first = raw.len() - coded;
        let threshold = f32::midpoint(raw[first - 1], raw[first]);
        let reach = (raw[raw.len() - 1] - threshold).max(f32::MIN_POSITIVE);
        let strong = raw[raw.len() - ((STRONG * coded as f64).round() as usize).clamp(1, coded)];
        // Where the strong frames begin, the power must be at level 2.5.
        let (begins, level) = (
            (strong - threshold) / reach,
            2.0 / (crate::standin::action_units::MAX_INTENSITY - CODED),
        );
        let exponent = (level.ln() / begins.clamp(0.01, 0.99).ln()).clamp(0.7, 2.5);
        let traces = Axis::new(raw[..first].to_vec(), None, &TRACES.0, &TRACES.1);
        for sample in samples.iter_mut() {
            let value = sample.expression.get(unit);
            let fitted = if value > threshold {
                let height = ((value - threshold) / reach).powf(exponent);
                CODED + (crate::standin::action_units::MAX_INTENSITY - CODED) * height
            } else {
                // Just below what rounding would code.
                traces.at(value).min(0.499)
            };
            sample.expression.set(unit, fitted);
        }
    }
    for sample in samples {
        sample.affect = (sample.expression.valence(), sample.expression.arousal());
    }
}

/// `ActionUnit_Labels/SN001/SN001_au1.txt` …; in the frames chosen for it one action unit is wrong under every threshold in
/// use.
fn labels(samples: &mut [Sample], options: &StandinOptions) -> Vec<(String, Vec<u8>)> {
    let mut levels: Vec<[u8; RATES.len()]> = samples
        .iter()
        .map(|sample| RATES.map(|(unit, _)| level(sample.expression.get(unit))))
        .collect();
    for i in to_flip(samples.len(), options.seed, options.label_noise) {
        let mut rng = stream(options.seed, "wrong unit", i as u64);
        let clear: Vec<usize> = (0..RATES.len())
            .filter(|&k| levels[i][k] == 0 || levels[i][k] >= 3)
            .collect();
        // In most frames most units are absent; present ones are missed as often as absent ones are seen.
        let present: Vec<usize> = clear.iter().copied().filter(|&k| levels[i][k] > 0).collect();
        let from = if present.is_empty() || rng.random_bool(0.5) {
            &clear
        } else {
            &present
        };
        if from.is_empty() {
            continue;
        }
        let k = from[rng.random_range(0..from.len())];
        levels[i][k] = if levels[i][k] == 0 { 3 } else { 0 };
        samples[i].flipped = true;
    }
    let mut files: Vec<(String, String)> = Vec::new();
    let mut start = 0;
    for film in samples.chunk_by(|a, b| a.subject == b.subject) {
        let name = film[0].subject_name();
        for (k, (unit, _)) in RATES.iter().enumerate() {
            let lines: String = (0..film.len())
                .map(|i| format!("{},{}\n", i + 1, levels[start + i][k]))
                .collect();
            files.push((format!("ActionUnit_Labels/{name}/{name}_au{unit}.txt"), lines));
        }
        start += film.len();
    }
    files
        .into_iter()
        .map(|(path, text)| (path, text.into_bytes()))
        .collect()
}
