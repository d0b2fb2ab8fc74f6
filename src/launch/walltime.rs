//! Times as Slurm writes them.

/// Seconds of a time limit: `MIN`, `MIN:SEC`, `HOURS:MIN:SEC`, `DAYS-HOURS`, `DAYS-HOURS:MIN`, `DAYS-HOURS:MIN:SEC`; `None` of
/// `UNLIMITED`.
///
/// # Errors
/// What was expected.
pub fn seconds(text: &str) -> Result<Option<u64>, String> {
    let wrong = || {
        format!(
            "expected a time as sbatch takes it, for example 90 (minutes), 4:00:00 or 2-12:00:00 (days before the dash), found {text:?}"
        )
    };
    if ["UNLIMITED", "INFINITE"]
        .iter()
        .any(|none| text.eq_ignore_ascii_case(none))
    {
        return Ok(None);
    }
    let number = |part: &str| -> Result<u64, String> {
        if part.is_empty() || part.len() > 6 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong());
        }
        part.parse().map_err(|_| wrong())
    };
    let (days, rest) = match text.split_once('-') {
        Some((days, rest)) => (Some(number(days)?), rest),
        None => (None, text),
    };
    let parts = rest.split(':').map(number).collect::<Result<Vec<u64>, String>>()?;
    let (hours, minutes, seconds) = match (days, parts.as_slice()) {
        (None, &[minutes]) => (0, minutes, 0),
        (None, &[minutes, seconds]) => (0, minutes, seconds),
        (Some(_), &[hours]) => (hours, 0, 0),
        (Some(_), &[hours, minutes]) => (hours, minutes, 0),
        (_, &[hours, minutes, seconds]) => (hours, minutes, seconds),
        _ => return Err(wrong()),
    };
    Ok(Some(
        days.unwrap_or(0) * 86_400 + hours * 3_600 + minutes * 60 + seconds,
    ))
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn times_are_read_as_slurm_reads_them() {
        for (text, expected) in [
            ("90", 5_400),
            ("1:30", 90),
            ("4:00:00", 14_400),
            ("2-12", 216_000),
            ("1-0:30", 88_200),
            ("1-00:00:01", 86_401),
        ] {
            assert_eq!(seconds(text), Ok(Some(expected)), "{text}");
        }
        assert_eq!(seconds("unlimited"), Ok(None));
        for wrong in ["", "4h", "1:2:3:4", "-1", "1-", "+5", "99999999999999999999"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
