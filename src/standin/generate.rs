//! Draws a whole database in a layout of its card.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::dataset::generated::{STAND_IN_FILE, TRUTH_FILE, UNFINISHED};
use crate::disk::atomic;
use crate::disk::seal::{self, Damage, Seal, Sealed};
use crate::error::{Context, Error, Result};
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::regular;
use crate::task::Split;
use crate::there;

use super::draw::identity::{Identity, Shot};
use super::draw::photo;
use super::drawn::Drawn;
use super::layout::{affectnet, disfa, emotionet, rafdb};
use super::options::{GENERATOR_VERSION, Layout, NOTICE, StandinOptions};
use super::plan::{Plan, Purpose, Sample, stream};
use super::truth;

/// What was generated.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StandinReport {
    /// The database whose layout was written.
    pub card: String,
    /// Which of its layouts.
    pub layout: String,
    /// The root of the tree.
    pub root: PathBuf,
    /// Samples in the tree; images whose labels the card leaves out are not counted.
    pub samples: usize,
    /// Images drawn by this call; the others were there already.
    pub drawn: usize,
    /// Whether the tree was complete before.
    pub cached: bool,
    /// Samples of each split, in the order of [`Split::ALL`], empty splits left out.
    pub by_split: Vec<(String, usize)>,
    /// Samples of each true class, in the card's order.
    pub by_class: Vec<(String, usize)>,
    /// Labels that are deliberately wrong.
    pub flipped: usize,
}

/// Every database that can be imitated; the first layout of a card is what it gets unasked.
pub(crate) static LAYOUTS: [&dyn Layout; 11] = [
    &affectnet::SEVEN[0],
    &affectnet::SEVEN[1],
    &affectnet::EIGHT[0],
    &affectnet::EIGHT[1],
    &affectnet::AFFECT[0],
    &affectnet::AFFECT[1],
    &disfa::Disfa,
    &emotionet::WORKBOOK,
    &emotionet::CSV,
    &emotionet::LISTS,
    &rafdb::RafDb,
];

/// The cards that [`generate`] knows.
pub fn cards() -> Vec<&'static str> {
    let mut cards: Vec<&str> = LAYOUTS.iter().map(|layout| layout.card()).collect();
    cards.dedup();
    cards
}

/// The layouts of a card that can be written, the one it gets unasked first.
pub fn forms(card: &str) -> Vec<&'static str> {
    let of_card = LAYOUTS.iter().filter(|layout| layout.card() == card);
    of_card.map(|layout| layout.form()).collect()
}

/// The content of [`STAND_IN_FILE`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Marker {
    schema: u32,
    generator: u32,
    card: String,
    layout: String,
    samples: usize,
    seed: u64,
    label_noise: f64,
    size: u32,
    notice: String,
}

/// Writes a stand-in database under `out`, or finishes one that was interrupted, or finds it complete.
///
/// # Errors
/// [`Error::Usage`] for an unknown card or impossible options; [`Error::Data`] if `out` holds anything but this very
/// stand-in; [`Error::Io`] if a file cannot be written; [`Error::Interrupted`] if the user asked to stop: the next call
/// with the same options continues.
pub fn generate(
    options: &StandinOptions,
    out: &Path,
    progress: &Progress,
    interrupt: &Interrupt,
) -> Result<StandinReport> {
    let layout = layout(options)?;
    let size = check(options, layout)?;
    let marker = Marker {
        schema: 1,
        generator: GENERATOR_VERSION,
        card: options.card.clone(),
        layout: layout.form().to_owned(),
        samples: options.samples,
        seed: options.seed,
        label_noise: options.label_noise,
        size,
        notice: NOTICE.to_owned(),
    };
    let text = toml::to_string(&marker).at("encode", &out.join(STAND_IN_FILE))?;
    let sealed = mend(out, &text, *progress, interrupt)?;
    let complete = claim(out, &marker)?;
    let Plan { samples, labels } = layout.plan(options, size)?;
    let mut written = there::is_file(&out.join(TRUTH_FILE))?;
    for (path, _) in &labels {
        written &= there::is_file(&out.join(path))?;
    }
    if complete && !sealed && !Drawn::is_there(out)? {
        // Nobody can say any more that these are the images that were drawn.
        progress.line(&format!(
            "drawn again, because {}",
            Damage::Unsealed(out.join(seal::FILE))
        ));
    }
    if complete && sealed && written {
        Drawn::sweep(out);
        return Ok(report(layout, out, &samples, 0, true));
    }

    atomic::write(&out.join(UNFINISHED), text.as_bytes())?;
    let paths = samples.iter().map(|sample| &sample.path);
    let folders = folders(out, paths.chain(labels.iter().map(|(path, _)| path)));
    for folder in &folders {
        std::fs::create_dir_all(folder).at("create the folder", folder)?;
    }
    let known = Drawn::open(out)?;
    let drawn = draw_all(&samples, size, options.seed, out, &known, progress, interrupt)?;
    for (path, bytes) in &labels {
        interrupt.check()?;
        write_beside(&out.join(path), bytes)?;
    }
    truth::write(&out.join(TRUTH_FILE), layout, &samples, options.seed)?;
    for folder in folders.iter().map(PathBuf::as_path).chain([out]) {
        atomic::sweep(folder)?;
    }
    atomic::write(&out.join(STAND_IN_FILE), text.as_bytes())?;
    let unfinished = out.join(UNFINISHED);
    std::fs::remove_file(&unfinished).at("remove", &unfinished)?;
    seal::close(out, interrupt)?;
    known.remove()?;
    Ok(report(layout, out, &samples, drawn, false))
}

/// Takes away what is not what was drawn, so that it is drawn again; true if digests say that everything is as it was drawn.
/// `text` is the marker of the stand-in that is asked for: of others nothing is touched.
fn mend(out: &Path, text: &str, progress: Progress, interrupt: &Interrupt) -> Result<bool> {
    let asked = Sealed::of_bytes(text.as_bytes());
    let Some(seal) = Seal::read(&out.join(seal::FILE))?.filter(|seal| seal.get(STAND_IN_FILE) == Some(&asked)) else {
        return Ok(false);
    };
    let damages = seal.damages(out, interrupt)?;
    if damages.is_empty() {
        return Ok(true);
    }
    atomic::write(&out.join(UNFINISHED), text.as_bytes())?;
    atomic::remove(&out.join(STAND_IN_FILE))?;
    for damage in &damages {
        progress.line(&format!("drawn again, because {damage}"));
        atomic::remove(damage.path())?;
    }
    Drawn::begin(out, &seal)?;
    seal::open(out)?;
    Ok(false)
}

pub(crate) fn layout(options: &StandinOptions) -> Result<&'static dyn Layout> {
    let card = options.card.as_str();
    let known = forms(card);
    let wanted = match (options.layout.as_deref(), known.first()) {
        (_, None) => {
            return Err(Error::Usage(format!(
                "there is no stand-in for the card `{card}`; known are: {}",
                cards().join(", ")
            )));
        }
        (Some(name), Some(_)) => name,
        (None, Some(first)) => first,
    };
    LAYOUTS
        .iter()
        .find(|layout| layout.card() == card && layout.form() == wanted)
        .copied()
        .ok_or_else(|| {
            Error::Usage(format!(
                "there is no stand-in for the layout `{wanted}` of `{card}`; known are: {}",
                known.join(", ")
            ))
        })
}

/// Checks what does not depend on the layout; the side of the images.
pub(crate) fn check(options: &StandinOptions, layout: &dyn Layout) -> Result<u32> {
    let size = options.size.unwrap_or_else(|| layout.size());
    if !(32..=1024).contains(&size) {
        return Err(Error::Usage(format!(
            "images of {size} pixels cannot be drawn; expected 32 to 1024"
        )));
    }
    if !(0.0..=0.5).contains(&options.label_noise) {
        return Err(Error::Usage(format!(
            "a label noise of {} is impossible; expected a share from 0 to 0.5",
            options.label_noise
        )));
    }
    Ok(size)
}

/// Makes sure that `out` is empty or belongs to this stand-in; true if that is complete.
pub(crate) fn claim(out: &Path, marker: &Marker) -> Result<bool> {
    for (name, complete) in [(STAND_IN_FILE, true), (UNFINISHED, false)] {
        let path = out.join(name);
        let text = match regular::text(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error).at("read", &path),
        };
        let found: Marker = toml::from_str(&text).map_err(|error| {
            Error::incompatible(format!(
                "{} is no marker of this version of the generator ({}); remove the folder or choose another",
                path.display(),
                error.message()
            ))
        })?;
        if found != *marker {
            return Err(Error::data(format!(
                "{} holds a stand-in made with other options ({}); remove it or choose another folder",
                out.display(),
                differences(&found, marker)
            )));
        }
        return Ok(complete);
    }
    let entries = match std::fs::read_dir(out) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error).at("read the folder", out),
    };
    for entry in entries {
        let name = entry.at("read the folder", out)?.file_name();
        if !name.to_string_lossy().starts_with(atomic::TEMPORARY) {
            return Err(Error::data(format!(
                "{} holds files that are no stand-in (for example `{}`), and generated faces are never mixed with \
                 others; choose an empty folder",
                out.display(),
                name.to_string_lossy()
            )));
        }
    }
    Ok(false)
}

/// "seed 1, asked 2; …" for every option that differs.
pub(crate) fn differences(found: &Marker, asked: &Marker) -> String {
    let pairs = [
        ("generator", found.generator.to_string(), asked.generator.to_string()),
        ("card", found.card.clone(), asked.card.clone()),
        ("layout", found.layout.clone(), asked.layout.clone()),
        ("samples", found.samples.to_string(), asked.samples.to_string()),
        ("seed", found.seed.to_string(), asked.seed.to_string()),
        (
            "label noise",
            found.label_noise.to_string(),
            asked.label_noise.to_string(),
        ),
        ("size", found.size.to_string(), asked.size.to_string()),
        ("schema", found.schema.to_string(), asked.schema.to_string()),
    ];
    let differing: Vec<String> = pairs
        .into_iter()
        .filter(|(_, found, asked)| found != asked)
        .map(|(name, found, asked)| format!("{name} {found}, asked {asked}"))
        .collect();
    if differing.is_empty() {
        "its notice differs".to_owned()
    } else {
        differing.join("; ")
    }
}

/// The folders of these files, each once.
pub(crate) fn folders<'a>(out: &Path, paths: impl Iterator<Item = &'a String>) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = paths
        .filter_map(|path| out.join(path).parent().map(Path::to_owned))
        .collect();
    folders.sort();
    folders.dedup();
    folders
}

/// Draws every image that is not there yet, on all cores; how many that were.
pub(crate) fn draw_all(
    samples: &[Sample],
    size: u32,
    seed: u64,
    out: &Path,
    known: &Drawn,
    progress: &Progress,
    interrupt: &Interrupt,
) -> Result<usize> {
    let bar = progress.bar("faces", samples.len() as u64, "images");
    let drawn = AtomicUsize::new(0);
    samples.par_iter().try_for_each(|sample| {
        interrupt.check()?;
        let path = out.join(&sample.path);
        let drawn_before = there::is_file(&path)? && known.is(&sample.path, &std::fs::read(&path).at("read", &path)?);
        if !drawn_before {
            let bytes = render(sample, size, seed)?;
            write_beside(&path, &bytes)?;
            known.add(&sample.path, &bytes)?;
            drawn.fetch_add(1, Ordering::Relaxed);
        }
        bar.inc(1);
        Ok::<(), Error>(())
    })?;
    Ok(drawn.into_inner())
}

/// The image file of one sample whose face has `size` pixels.
pub(crate) fn render(sample: &Sample, size: u32, seed: u64) -> Result<Vec<u8>> {
    let who = Identity::of(seed, sample.subject);
    let mut shot = Shot::sample(&mut stream(seed, "shot", sample.shot)).framed(&sample.frame);
    // Blur is meant for the face, whatever the size of the image around it.
    shot.blur *= sample.frame.scale;
    let side = sample.frame.side(size);
    let mut grain = stream(seed, "grain", sample.number);
    let rgb = if sample.purpose == Purpose::Nobody {
        photo::scenery(&who, &shot, side, &mut grain)
    } else {
        photo::photograph(&who, &sample.expression, &shot, side, &mut grain)
    };
    rgb.and_then(|rgb| photo::encode(&rgb, side, &sample.path))
        .ok_or_else(|| Error::data(format!("there is not enough memory to draw an image of {side} pixels")))
}

/// Writes beside and renames, without waiting for the disk: after a power failure an image has another digest than was noted, and
/// is drawn again; label files are always written again. (Thousands of syncs would take longer than the drawing.)
pub(crate) fn write_beside(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let prefix = atomic::prefix();
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o644));
    }
    let mut file = builder.tempfile_in(folder).at("write a file in", folder)?;
    file.write_all(bytes).at("write", path)?;
    file.persist(path).map_err(|error| error.error).at("write", path)?;
    Ok(())
}

pub(crate) fn report(layout: &dyn Layout, out: &Path, samples: &[Sample], drawn: usize, cached: bool) -> StandinReport {
    let counted: Vec<&Sample> = truth::counted(samples).collect();
    let count = |f: &dyn Fn(&Sample) -> bool| counted.iter().filter(|sample| f(sample)).count();
    StandinReport {
        card: layout.card().to_owned(),
        layout: layout.form().to_owned(),
        root: out.to_owned(),
        samples: counted.len(),
        drawn,
        cached,
        by_split: Split::ALL
            .into_iter()
            .map(|split| (split.as_str().to_owned(), count(&|s| s.split == split)))
            .filter(|&(_, n)| n > 0)
            .collect(),
        by_class: layout
            .classes()
            .iter()
            .map(|&class| (class.name().to_owned(), count(&|s| s.emotion == class)))
            .collect(),
        flipped: count(&|s| s.flipped),
    }
}
