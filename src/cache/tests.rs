use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::disk::publish;
use crate::interrupt::Interrupt;
use crate::progress::Progress;

use super::entry::{Entry, Kind};
use super::limits::{Limits, Size};
use super::{listing, tidy};

/// A cache with a published folder, an unfinished one, one that a killed `rm` left, and one of somebody else.
fn cache() -> tempfile::TempDir {
    let cache = tempfile::tempdir().unwrap();
    let write = |path: &Path| std::fs::write(path.join("part-00000.parquet"), "twelve bytes").unwrap();
    publish::folder(
        &cache.path().join("features/raf-hog-0123456789abcdef"),
        Progress::hidden(),
        &Interrupt::default(),
        |partial| {
            write(partial);
            Ok(())
        },
    )
    .unwrap();
    for name in ["features/b.partial", "features/.removed-c-1", "samples/mine"] {
        let path = cache.path().join(name);
        std::fs::create_dir_all(&path).unwrap();
        write(&path);
    }
    std::fs::write(cache.path().join("features/b.partial/.lock.1"), "free 0 x\n").unwrap();
    cache
}

fn kinds(entries: &[Entry]) -> Vec<(Kind, &str)> {
    entries.iter().map(|entry| (entry.kind, entry.name.as_str())).collect()
}

#[test]
fn everything_of_this_program_is_listed_and_nothing_else() {
    let cache = cache();
    let entries = listing::entries(cache.path(), &[]).unwrap();
    let expected = [
        (Kind::Remains, "features/.removed-c-1"),
        (Kind::Unfinished, "features/b.partial"),
        (Kind::Features, "features/raf-hog-0123456789abcdef"),
    ];
    assert_eq!(kinds(&entries), expected);
    assert_eq!(entries[0].bytes, 12);
    assert!(entries.iter().all(|entry| !entry.in_use));
    assert_eq!(entries[2].damages(&Interrupt::default()).unwrap(), []);
    std::fs::write(entries[2].path.join("part-00000.parquet"), "twelve bytez").unwrap();
    assert_eq!(entries[2].damages(&Interrupt::default()).unwrap().len(), 1);
}

#[test]
fn what_is_old_or_beyond_the_size_goes_and_what_is_in_use_stays() {
    let cache = cache();
    let entries = listing::entries(cache.path(), &[]).unwrap();
    let plan = |older_than: Option<u64>, keep, days: u64| -> Vec<&str> {
        let limits = Limits {
            older_than: older_than.map(|days| Duration::from_secs(days * 86_400_u64)),
            keep,
        };
        let now = SystemTime::now() + Duration::from_secs(days * 86_400_u64);
        tidy::plan(&entries, &limits, now)
            .iter()
            .map(|entry| entry.name.as_str())
            .collect()
    };
    let (remains, unfinished, features) = (
        "features/.removed-c-1",
        "features/b.partial",
        "features/raf-hog-0123456789abcdef",
    );
    assert_eq!(plan(Some(30), None, 1), [remains]);
    assert_eq!(plan(Some(30), None, 31), [remains, unfinished, features]);
    assert_eq!(plan(None, Some(1 << 20), 31), [remains]);
    assert_eq!(plan(None, Some(0), 0), [remains, unfinished, features]);

    let used = publish::folder(&entries[2].path, Progress::hidden(), &Interrupt::default(), |_| Ok(())).unwrap();
    assert!(used.cached);
    let now = listing::entries(cache.path(), &[]).unwrap();
    assert!(now[2].in_use);
    assert!(now[2].remove().unwrap_err().to_string().contains("is in use"));
    assert!(now[2].path.is_dir());
    drop(used);
    now[2].remove().unwrap();
    assert_eq!(listing::entries(cache.path(), &[]).unwrap().len(), 2);
}

#[test]
fn sizes_are_read_as_people_write_them() {
    for (text, bytes) in [
        ("0", 0),
        ("500MB", 500_000_000),
        ("1.5 GiB", 1_610_612_736),
        ("20g", 20_000_000_000),
    ] {
        assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
    }
    for text in ["", "GB", "-1GB", "1XB", "1.2.3"] {
        assert!(text.parse::<Size>().is_err(), "{text}");
    }
}
