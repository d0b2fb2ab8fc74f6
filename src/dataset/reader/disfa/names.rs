//! What DISFA's file names say: subject, frame, action unit, camera.

use std::collections::{BTreeMap, BTreeSet};

use crate::action_unit::ActionUnit;
use crate::dataset::config::Camera;
use crate::intake::paths;

/// `SN` and three digits somewhere in a name, upper case.
pub(crate) fn subject_in(name: &str) -> Option<String> {
    let upper = name.to_ascii_uppercase();
    upper.match_indices("SN").find_map(|(at, _)| {
        let digits = upper.get(at + 2..at + 5)?;
        let longer = upper.as_bytes().get(at + 5).is_some_and(u8::is_ascii_digit);
        (digits.bytes().all(|byte| byte.is_ascii_digit()) && !longer).then(|| format!("SN{digits}"))
    })
}

/// A number in a name, and the count of its digits.
pub(crate) type Digits = (u32, usize);

/// The numbers in a file name's stem, in order, without those of a size such as `224x224`, unless there are no others.
pub(crate) fn numbers_in(name: &str) -> Vec<Digits> {
    let stem = paths::stem(name);
    let mut found: Vec<(std::ops::Range<usize>, Digits)> = Vec::new();
    let mut start = None;
    for (at, c) in stem.char_indices().chain([(stem.len(), ' ')]) {
        match (start, c.is_ascii_digit()) {
            (None, true) => start = Some(at),
            (Some(from), false) => {
                if let Ok(number) = stem[from..at].parse() {
                    found.push((from..at, (number, at - from)));
                }
                start = None;
            }
            _ => {}
        }
    }
    let between = |a: usize| {
        found
            .get(a)
            .zip(found.get(a + 1))
            .map(|(a, b)| &stem[a.0.end..b.0.start])
    };
    let crossed = |text: Option<&str>| text.is_some_and(|text| ["x", "X", "\u{d7}"].contains(&text));
    let of_size = |i: usize| crossed(between(i)) || (i > 0 && crossed(between(i - 1)));
    let plain: Vec<Digits> = (0..found.len()).filter(|&i| !of_size(i)).map(|i| found[i].1).collect();
    if plain.is_empty() {
        return found.into_iter().map(|(_, digits)| digits).collect();
    }
    plain
}

/// The last number of [`numbers_in`]: `SN001_0012.png` → 12.
pub(crate) fn frame_in(name: &str) -> Option<Digits> {
    numbers_in(name).pop()
}

/// Position of the image of every frame, and the count of digits of its number.
pub(crate) type Numbered = BTreeMap<u32, (usize, usize)>;

/// The frame of every image of one recording, by its position in `names`: of the numbers in the names that which no two share,
/// and of several that which counts up without a gap, else the last.
///
/// # Errors
/// A frame that several images claim, with the first two of them.
pub(crate) fn frames_in(names: &[String]) -> Result<Numbered, (u32, usize, usize)> {
    let numbers: Vec<Vec<Digits>> = names.iter().map(|name| numbers_in(name)).collect();
    let mut widths: BTreeMap<usize, usize> = BTreeMap::new();
    for numbers in numbers.iter().filter(|numbers| !numbers.is_empty()) {
        *widths.entry(numbers.len()).or_default() += 1;
    }
    let usual = widths.into_iter().max_by_key(|(_, n)| *n).map_or(0, |(width, _)| width);
    let like = || numbers.iter().filter(|numbers| numbers.len() == usual);
    let rank = |column: usize| {
        let seen: BTreeSet<u32> = like().map(|numbers| numbers[column].0).collect();
        let distinct = seen.len() == like().count();
        let span = seen
            .first()
            .zip(seen.last())
            .map_or(0, |(low, high)| (high - low) as usize + 1);
        (distinct, distinct && span == seen.len(), column)
    };
    let column = (0..usual).max_by_key(|column| rank(*column)).unwrap_or(0);
    let mut frames = Numbered::new();
    for (at, numbers) in numbers.iter().enumerate() {
        let number = if numbers.len() == usual {
            numbers.get(column)
        } else {
            numbers.last()
        };
        let Some(&(number, digits)) = number else { continue };
        if let Some((first, _)) = frames.insert(number, (at, digits)) {
            return Err((number, first, at));
        }
    }
    Ok(frames)
}

/// The action unit in a file name: `SN001_au12.txt`, `AU12.txt`.
pub(crate) fn unit_in(name: &str) -> Option<u8> {
    let lower = paths::stem(name).to_ascii_lowercase();
    let at = lower.rfind("au")?;
    Some(ActionUnit::named(&lower[at..])?.number())
}

/// Which camera a path speaks of, if it does.
pub(crate) fn camera_of(path: &str) -> Option<Camera> {
    let lower = path.to_ascii_lowercase();
    if lower.contains("left") {
        Some(Camera::Left)
    } else if lower.contains("right") {
        Some(Camera::Right)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_that_counts_up_is_the_frame() {
        let frames = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            frames_in(&names).map(|frames| {
                frames
                    .into_iter()
                    .map(|(number, (at, _))| (number, at))
                    .collect::<Vec<_>>()
            })
        };
        for (names, numbers) in [
            (
                &["00001_224x224.png", "00002_224x224.png"] as &[&str],
                vec![(1, 0), (2, 1)],
            ),
            (&["00007_224x224.png"], vec![(7, 0)]),
            (&["SN001_1_s2.png", "SN001_2_s2.png"], vec![(1, 0), (2, 1)]),
            (&["frame3-0480ms.png", "frame4-0520ms.png"], vec![(3, 0), (4, 1)]),
            (
                &["SN001_0012.png", "SN001_0013.png", "cover.png"],
                vec![(12, 0), (13, 1)],
            ),
            (&["1x2.png"], vec![(2, 0)]),
            (&["99999999999_1.png", "99999999999_2.png"], vec![(1, 0), (2, 1)]),
        ] {
            assert_eq!(frames(names), Ok(numbers), "{names:?}");
        }
        assert_eq!(frames(&["1_224.png", "1_112.png"]), Ok(vec![(112, 1), (224, 0)]));
        assert_eq!(frames(&["0001.jpg", "0001.png"]), Err((1, 0, 1)));
        assert_eq!(frames(&["0001_a.jpg", "0001_b.jpg", "0002_a.jpg"]), Err((1, 0, 1)));
    }
}
