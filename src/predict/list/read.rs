//! From the rows of a list to faces.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::error::{Context, Error, Result};
use crate::image::{DecodeLimits, decode};
use crate::interrupt::Interrupt;
use crate::predict::faces::{Face, Lister, Reject};
use crate::predict::video;

use super::forms::{Form, Forms, place};
use super::table::{Row, each_row};

/// How a list is read.
#[derive(Debug, Clone, Copy)]
pub struct List<'a> {
    /// The file.
    pub path: &'a Path,
    /// The folder that its images lie below; its own where none is given.
    pub images: Option<&'a Path>,
    /// The image or video that all rows are of, where the list names none.
    pub media: Option<&'a Path>,
    /// Of a video, every so many frames.
    pub every: u32,
    /// Whether the run cuts faces out; a box means nothing to one that does not.
    pub crops: bool,
    /// Where frames are decoded to.
    pub work: &'a Path,
}

/// What a list was.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// The form of its boxes; `None` where it has none and images are taken whole.
    pub form: Option<String>,
    /// Rows of frames that were left out by the sampling.
    pub between: usize,
}

/// Where the columns of a list are.
struct Columns {
    image: Option<usize>,
    id: Option<usize>,
    form: Option<(Form, Vec<usize>)>,
    frame: Option<usize>,
    found: Option<usize>,
}

impl List<'_> {
    /// Lists the faces of the rows.
    ///
    /// # Errors
    /// [`Error::Data`] if the list names no images or has boxes that the run would not read, a video cannot be decoded; [`Error::Io`];
    /// [`Error::Interrupted`].
    pub fn read(&self, lister: &mut Lister<'_>, interrupt: &Interrupt) -> Result<Found> {
        let root = match (self.images, self.path.parent()) {
            (Some(images), _) => images,
            (None, Some(parent)) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let root = root.canonicalize().at("open", root)?;
        let mut columns = None;
        let mut found = Found::default();
        let mut videos: HashMap<PathBuf, PathBuf> = HashMap::new();
        each_row(self.path, |row| {
            let (line, cells) = match row {
                Row::Header(names) => {
                    let there = self.columns(names)?;
                    found.form = there.form.as_ref().map(|(form, _)| form.name.clone());
                    columns = Some(there);
                    return Ok(());
                }
                Row::Broken(line, why) => return lister.reject(self.reject(line, why, "", "")),
                Row::Cells(line, cells) => (line, cells),
            };
            if line % 1024 == 0 {
                interrupt.check()?;
            }
            let Some(columns) = &columns else { return Ok(()) };
            let cell = |at: Option<usize>| at.and_then(|at| cells.get(at)).map_or("", String::as_str);
            let (image, id) = (cell(columns.image), cell(columns.id));
            let (root, image) = match self.media {
                Some(media) => (of_file(media)?, base(media)),
                None => (root.clone(), below(&root, image)),
            };
            let reject = |why: &str| self.reject(line, why, id, &image);
            if image.is_empty() {
                return lister.reject(reject("names no image"));
            }
            if columns.found.is_some() && number(cell(columns.found)).is_none_or(|found| found <= 0.0) {
                return lister.reject(reject("says that no face was found"));
            }
            let id = (!id.is_empty()).then(|| id.to_owned());
            let mut face = Face {
                id,
                image: image.clone(),
                of: None,
                bbox: None,
                frame: None,
            };
            let mut root = root;
            if video::is_video(&image) {
                let first = columns.form.as_ref().map_or(0, |(form, _)| form.first_frame);
                let Some(frame) = number(cell(columns.frame)).map(|frame| frame as i32 - first) else {
                    return lister.reject(reject("names a video and no frame of it"));
                };
                let Some(file) = video::file_of(frame, self.every) else {
                    found.between += 1;
                    return Ok(());
                };
                let video = root.join(&image);
                root = if let Some(folder) = videos.get(&video) {
                    folder.clone()
                } else {
                    let folder = video::frames(&video, self.every, self.work, interrupt)?;
                    videos.insert(video, folder.clone());
                    folder
                };
                face.of = Some(std::mem::replace(&mut face.image, file));
                face.frame = Some(frame);
            }
            let boxed =
                |(form, at): &&(Form, Vec<usize>)| !(form.whole && at.iter().all(|&at| cell(Some(at)).is_empty()));
            if let Some((form, at)) = columns.form.as_ref().filter(boxed) {
                let numbers: Option<Vec<f64>> = match at.as_slice() {
                    // A score and points may follow.
                    [one] => Some(numbers_in(cell(Some(*one))).into_iter().take(4).collect()),
                    many => many.iter().map(|&at| number(cell(Some(at)))).collect(),
                };
                let Some(numbers) = numbers.filter(|numbers| numbers.len() >= 4) else {
                    return lister.reject(reject(&format!(
                        "has no box: expected numbers in {}",
                        form.columns.join(", ")
                    )));
                };
                let size = if form.fraction {
                    if numbers.iter().any(|number| !(-2.0..=3.0).contains(number)) {
                        return lister.reject(reject("has a box that is no fraction of the image's width and height"));
                    }
                    match decode(&root.join(&face.image), &DecodeLimits::default()) {
                        Ok(image) => image.dimensions(),
                        Err(error) => return lister.reject(reject(&error.to_string())),
                    }
                } else {
                    (0, 0)
                };
                face.bbox = form.face(&numbers, size);
                if face.bbox.is_none() {
                    return lister.reject(reject("has a box of other than four numbers"));
                }
            }
            lister.add(&root, face)
        })?;
        Ok(found)
    }

    fn columns(&self, header: &[String]) -> Result<Columns> {
        let forms = Forms::known()?;
        let first = |names: &[String]| names.iter().find_map(|name| place(header, name));
        let image = first(&forms.image);
        if image.is_none() && self.media.is_none() {
            return Err(Error::unusable_table(format!(
                "{} has no column that names the image (found {}); expected one of {}, or the image or video that all its rows are of",
                self.path.display(),
                header.join(", "),
                forms.image.join(", ")
            )));
        }
        let form = forms
            .form
            .iter()
            .find_map(|form| Some((form.clone(), form.columns_in(header)?)));
        if let Some((form, _)) = form.as_ref().filter(|_| !self.crops) {
            return Err(Error::data(format!(
                "{} has boxes ({}), and the run was trained on whole images (`features.crop` is false); cut the faces out as its images \
                 were cut, and give these",
                self.path.display(),
                form.name
            )));
        }
        let of_form = |name: fn(&Form) -> Option<&String>| {
            let (form, _) = form.as_ref()?;
            place(header, name(form)?)
        };
        Ok(Columns {
            image,
            id: first(&forms.id),
            frame: of_form(|form| form.frame.as_ref()).or_else(|| place(header, "frame")),
            found: of_form(|form| form.found.as_ref()),
            form,
        })
    }

    fn reject(&self, line: usize, reason: &str, sample: &str, image: &str) -> Reject {
        Reject {
            file: self.path.display().to_string(),
            line: Some(line),
            reason: reason.to_owned(),
            sample: sample.to_owned(),
            image: image.to_owned(),
        }
    }
}

/// The folder of a file.
pub fn of_file(path: &Path) -> Result<PathBuf> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    parent.canonicalize().at("open", parent)
}

/// The last name of a path.
pub fn base(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// A path that a list names, below the root where it is written in full.
fn below(root: &Path, written: &str) -> String {
    let written = written.strip_prefix("./").unwrap_or(written);
    let path = Path::new(written);
    if !path.is_absolute() {
        return written.to_owned();
    }
    let real = path.canonicalize().ok();
    let inside = real.as_deref().and_then(|real| real.strip_prefix(root).ok());
    inside.map_or_else(
        || written.to_owned(),
        |inside| inside.to_string_lossy().replace('\\', "/"),
    )
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

/// The numbers in a text such as `[12, 30, 99, 140]`.
fn numbers_in(text: &str) -> Vec<f64> {
    let apart = |c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e' | 'E'));
    text.split(apart).filter_map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::numbers_in;

    #[test]
    fn numbers_stand_between_anything() {
        assert_eq!(numbers_in("[12, 30.5, -1, 1e2]"), [12.0, 30.5, -1.0, 100.0]);
        assert_eq!(numbers_in("[ 1. 2. 3. 4.]"), [1.0, 2.0, 3.0, 4.0]);
        assert!(numbers_in("none").is_empty());
    }
}
