//! What DISFA's file names say: subject, frame, action unit, camera.

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

/// The last number in a file name's stem: `SN001_0012.png` → 12; with the count of its digits.
pub(crate) fn frame_in(name: &str) -> Option<(u32, usize)> {
    let stem = paths::stem(name);
    let end = stem.rfind(|c: char| c.is_ascii_digit())? + 1;
    let start = stem[..end]
        .rfind(|c: char| !c.is_ascii_digit())
        .map_or(0, |at| at + stem[at..].chars().next().map_or(1, char::len_utf8));
    Some((stem[start..end].parse().ok()?, end - start))
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
