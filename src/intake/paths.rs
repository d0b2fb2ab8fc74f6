//! Paths below a data folder: written with `/`, listed in order, never outside.

use std::path::Path;

use crate::disk::fence;
use crate::error::{Context, Result};
use crate::spelling::other_forms;
use crate::system_files::is_system;
use crate::there;

use super::reject::Reason;

/// File name extensions of images, lower case, those of formats that are not decoded among them. What a file holds is told from
/// its content: this is for names in lists, which may come without any extension.
const IMAGE_EXTENSIONS: [&str; 17] = [
    "jpg", "jpeg", "jpe", "jfif", "jif", "pjpeg", "png", "bmp", "tif", "tiff", "webp", "gif", "jp2", "j2k", "heic",
    "heif", "avif",
];

/// Whether a file name looks like an image's.
pub(crate) fn is_image(name: &str) -> bool {
    has_extension(name, &IMAGE_EXTENSIONS)
}

/// Whether a file name ends in one of these, in any case; the extensions are in lower case.
pub(crate) fn has_extension(name: &str, extensions: &[&str]) -> bool {
    name.rsplit_once('.')
        .is_some_and(|(_, extension)| extensions.iter().any(|known| extension.eq_ignore_ascii_case(known)))
}

/// Other names under which the image of a path may lie: its accents in another form, its extension in other case or spelling.
pub(crate) fn other_names(path: &str) -> Vec<String> {
    const SPELLINGS: [&str; 20] = [
        "jpg", "JPG", "Jpg", "jpeg", "JPEG", "Jpeg", "jfif", "JFIF", "jpe", "JPE", "png", "PNG", "Png", "bmp", "BMP",
        "tif", "TIF", "tiff", "TIFF", "webp",
    ];
    let mut names = other_forms(path);
    let (stem, extension) = path.rsplit_once('.').unwrap_or((path, ""));
    if extension.contains('/') {
        return names;
    }
    let among = |kind: &[&str], other: &str| {
        let has = |name: &str| kind.iter().any(|known| name.eq_ignore_ascii_case(known));
        has(other) && has(extension)
    };
    names.extend(
        SPELLINGS
            .into_iter()
            .filter(|other| {
                other.eq_ignore_ascii_case(extension)
                    || among(&["jpg", "jpeg", "jfif", "jpe"], other)
                    || among(&["tif", "tiff"], other)
            })
            .filter(|other| *other != extension)
            .map(|other| format!("{stem}.{other}")),
    );
    names
}

/// The part of a file name before its last dot.
pub(crate) fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// The name without the folders before it.
pub(crate) fn base_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// `base/name`, without `./` and with `/` between.
pub(crate) fn join(base: &str, name: &str) -> String {
    match (base, name) {
        ("" | ".", name) => name.to_owned(),
        (base, "" | ".") => base.to_owned(),
        (base, name) => format!("{base}/{name}"),
    }
}

/// A relative path from a label file in its simplest form, or why it cannot be followed: absolute, or climbing out.
pub(crate) fn relative(written: &str) -> std::result::Result<String, Reason> {
    fence::plain(written).map_err(|refusal| Reason::of_path(&refusal, written))
}

/// One entry of a folder.
pub(crate) struct Entry {
    pub name: String,
    pub is_dir: bool,
}

/// Entries of a folder, sorted by name, without what [`is_system`]; links are followed. Names that are not UTF-8 are shown with
/// [`super::reject::NO_TEXT`]; a folder of such a name counts as a file, as nothing can be found in it by that name.
pub(crate) fn list(folder: &Path) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).at("list", folder)? {
        let entry = entry.at("list", folder)?;
        let name = entry.file_name();
        let is_text = name.to_str().is_some();
        let name = name.to_string_lossy().into_owned();
        if is_system(&name) {
            continue;
        }
        let kind = entry.file_type().at("list", folder)?;
        let is_dir = if kind.is_symlink() {
            there::is_dir(&entry.path())?
        } else {
            kind.is_dir()
        };
        entries.push(Entry {
            name,
            is_dir: is_dir && is_text,
        });
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

/// Whether `name` fits `pattern`, in which `*` stands for any text.
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(first) = parts.next() else {
        return name.is_empty();
    };
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let mut last = None;
    for part in parts {
        if let Some(middle) = last.replace(part) {
            let Some(at) = rest.find(middle) else {
                return false;
            };
            rest = &rest[at + str::len(middle)..];
        }
    }
    match last {
        None => rest.is_empty(),
        Some(last) => rest.ends_with(last),
    }
}

/// All paths below `root` that fit `pattern`, relative and sorted; `.` is the root itself. Leading `..` stays inside `root`.
///
/// # Errors
/// [`Error::Io`] if the system cannot say what is there; a folder that is none has nothing to offer.
pub(crate) fn expand(root: &Path, base: &str, pattern: &str) -> Result<Vec<String>> {
    let mut found = vec![if base == "." { String::new() } else { base.to_owned() }];
    for part in pattern.split('/') {
        let mut next = Vec::new();
        for path in found {
            match part {
                "" | "." => next.push(path),
                ".." => match path.rsplit_once('/') {
                    Some((parent, _)) => next.push(parent.to_owned()),
                    None if !path.is_empty() => next.push(String::new()),
                    None => {}
                },
                part if part.contains('*') => {
                    let folder = root.join(&path);
                    let entries = if there::is_dir(&folder)? {
                        list(&folder)?
                    } else {
                        Vec::new()
                    };
                    for entry in entries {
                        if fits(part, &entry.name) {
                            next.push(join(&path, &entry.name));
                        }
                    }
                }
                part => {
                    let candidate = join(&path, part);
                    if there::exists(&root.join(&candidate))? {
                        next.push(candidate);
                    }
                }
            }
        }
        found = next;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        assert!(fits("*", "anything"));
        assert!(fits("a*c", "abc") && fits("a*c", "ac") && !fits("a*c", "ab"));
        assert!(fits("*_labels*.csv", "train_labels_1.csv") && !fits("x", "xy"));
    }
}
