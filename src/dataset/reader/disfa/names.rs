//! What DISFA's file names say: subject, frame, action unit, camera.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

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

/// The numbers in a file name's stem, in order, without those of a size such as `224x224` and that of a subject such as `SN001`,
/// unless there are no others.
pub(crate) fn numbers_in(name: &str) -> Vec<Digits> {
    numbers_of(name, |_| true)
}

/// As [`numbers_in`], without numbers in a word that `counts` does not take.
fn numbers_of(name: &str, counts: impl Fn(&str) -> bool) -> Vec<Digits> {
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
    let of_subject = |i: usize| {
        let (range, (_, digits)) = &found[i];
        let before = range.start.checked_sub(2).and_then(|from| stem.get(from..range.start));
        *digits == 3 && before.is_some_and(|before| before.eq_ignore_ascii_case("sn"))
    };
    let word = |i: usize| {
        let (range, _) = &found[i];
        let other = |c: char| !c.is_ascii_alphanumeric();
        let before = stem[..range.start].rsplit(other).next().map_or(0, str::len);
        let after = stem[range.end..].split(other).next().map_or(0, str::len);
        &stem[range.start - before..range.end + after]
    };
    let plain: Vec<Digits> = (0..found.len())
        .filter(|&i| !of_size(i) && !of_subject(i) && counts(word(i)))
        .map(|i| found[i].1)
        .collect();
    if plain.is_empty() {
        return found.into_iter().map(|(_, digits)| digits).collect();
    }
    plain
}

/// Whether a word is like a digest, such as `1bedf1`: digits between letters, or letters between digits.
fn is_digest(word: &str) -> bool {
    let digits: Vec<bool> = word.bytes().map(|byte| byte.is_ascii_digit()).collect();
    digits.windows(2).filter(|pair| pair[0] != pair[1]).count() > 1
}

/// Position of the image of every frame, and the count of digits of its number.
pub(crate) type Numbered = BTreeMap<u32, (usize, usize)>;

/// What the names of one recording's images say.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Readings {
    /// For every number in the names that no two of them share, which of their numbers it is (from 1) and what it makes the frames:
    /// the labels tell which of several it is.
    pub(crate) columns: Vec<(usize, Numbered)>,
    /// Images whose names hold more or fewer numbers than those of most, copies such as `00003(2).png`: whichever of their numbers
    /// were taken, it could be another frame's.
    pub(crate) odd: Vec<usize>,
}

/// Whether all names hold as many numbers, but for those that hold none.
fn even(numbers: &[Vec<Digits>]) -> bool {
    let mut counts = numbers.iter().map(Vec::len).filter(|count| *count > 0);
    let first = counts.next();
    counts.all(|count| Some(count) == first)
}

/// The frames that the images of one recording may be, by their position in `names`.
///
/// # Errors
/// A frame that several images claim, with the first two of them, where all numbers of the names are shared.
pub(crate) fn frames_in(names: &[String]) -> Result<Readings, (u32, usize, usize)> {
    let mut numbers: Vec<Vec<Digits>> = names.iter().map(|name| numbers_in(name)).collect();
    if !even(&numbers) {
        // Digests hold now more, now fewer numbers.
        let others: Vec<Vec<Digits>> = names
            .iter()
            .map(|name| numbers_of(name, |word| !is_digest(word)))
            .collect();
        if even(&others) {
            numbers = others;
        }
    }
    let mut widths: BTreeMap<usize, usize> = BTreeMap::new();
    for numbers in numbers.iter().filter(|numbers| !numbers.is_empty()) {
        *widths.entry(numbers.len()).or_default() += 1;
    }
    // Of equally frequent counts the smaller: a copy adds a number.
    let usual = widths
        .into_iter()
        .max_by_key(|(width, n)| (*n, std::cmp::Reverse(*width)))
        .map_or(0, |(width, _)| width);
    let mut readings = Readings::default();
    let mut clash: Option<(usize, (u32, usize, usize))> = None;
    for column in 0..usual {
        let mut frames = Numbered::new();
        let mut twice = None;
        for (at, numbers) in numbers.iter().enumerate().filter(|(_, found)| found.len() == usual) {
            let (number, digits) = numbers[column];
            match frames.entry(number) {
                Entry::Vacant(place) => {
                    place.insert((at, digits));
                }
                Entry::Occupied(first) => twice = twice.or(Some((number, first.get().0, at))),
            }
        }
        match twice {
            None => readings.columns.push((column + 1, frames)),
            // The number that most names have to themselves is likely the frame.
            Some(twice) if clash.is_none_or(|(most, _)| frames.len() >= most) => clash = Some((frames.len(), twice)),
            Some(_) => {}
        }
    }
    if let (true, Some((_, twice))) = (readings.columns.is_empty(), clash) {
        return Err(twice);
    }
    let others = numbers.iter().enumerate();
    readings.odd = others
        .filter(|(_, numbers)| !numbers.is_empty() && numbers.len() != usual)
        .map(|(at, _)| at)
        .collect();
    Ok(readings)
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

    fn frames(names: &[&str]) -> Result<Readings, (u32, usize, usize)> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        frames_in(&names)
    }

    /// Column and numbers of every reading.
    fn columns(readings: &Readings) -> Vec<(usize, Vec<u32>)> {
        let columns = readings.columns.iter();
        columns
            .map(|(column, frames)| (*column, frames.keys().copied().collect()))
            .collect()
    }

    #[test]
    fn numbers_that_no_two_share_may_be_the_frame() {
        type Expected = Vec<(usize, Vec<u32>)>;
        let cases: [(&[&str], Expected); 9] = [
            (&["00001_224x224.png", "00002_224x224.png"], vec![(1, vec![1, 2])]),
            (&["00007_224x224.png"], vec![(1, vec![7])]),
            (&["SN001_1_s2.png", "SN001_2_s2.png"], vec![(1, vec![1, 2])]),
            (&["SN001_0012.png"], vec![(1, vec![12])]),
            (
                &["frame3-0480ms.png", "frame4-0520ms.png"],
                vec![(1, vec![3, 4]), (2, vec![480, 520])],
            ),
            (
                &["SN001_0012.png", "SN001_0013.png", "cover.png"],
                vec![(1, vec![12, 13])],
            ),
            (&["1x2.png"], vec![(1, vec![1]), (2, vec![2])]),
            (&["99999999999_1.png", "99999999999_2.png"], vec![(1, vec![1, 2])]),
            (&["1_224.png", "1_112.png"], vec![(2, vec![112, 224])]),
        ];
        for (names, expected) in cases {
            let found = frames(names).unwrap();
            assert_eq!((columns(&found), &found.odd), (expected, &vec![]), "{names:?}");
        }
        assert_eq!(frames(&["0001.jpg", "0001.png"]), Err((1, 0, 1)));
        assert_eq!(frames(&["0001_a.jpg", "0001_b.jpg", "0002_a.jpg"]), Err((1, 0, 1)));
        // The frame is named, not the face.
        let faces = ["1_face_0.jpg", "2_face_0.jpg", "2_face_1.jpg", "3_face_0.jpg"];
        assert_eq!(frames(&faces), Err((2, 1, 2)));
    }

    #[test]
    fn a_copy_is_no_other_frame() {
        for copy in ["00003(2).png", "00003 - Copy (2).png", "00003_2.png"] {
            for frame in ["00003.png", "00004.png"] {
                let found = frames(&[copy, frame, "00001.png"]).unwrap();
                assert_eq!(found.odd, [0], "{copy}");
                assert_eq!(found.columns.len(), 1);
                assert!(!found.columns[0].1.contains_key(&2), "{copy}");
            }
        }
        assert_eq!(frames(&["00003.png", "00003(2).png"]).unwrap().odd, [1]);
        // Digests are not counted.
        let digests = frames(&["1bedf1_00009.png", "b8998f_00011.png", "8082b2_00002.png"]).unwrap();
        assert_eq!((columns(&digests), digests.odd), (vec![(1, vec![2, 9, 11])], vec![]));
        // As a file manager names many files at once.
        let renamed = frames(&["SN001 (1).png", "SN001 (2).png"]).unwrap();
        assert_eq!((columns(&renamed), renamed.odd), (vec![(1, vec![1, 2])], vec![]));
    }
}
