use std::path::Path;

use serde_json::Value as Json;

use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::query::context::QueryContext;
use crate::query::fixture::Fixture;
use crate::report::catalog::ReportFiles;

use super::collect::{Collected, Wanted, collect};
use super::data::{Compared, Files, Said};
use super::sprites;

const WANTED: Wanted = Wanted {
    support: 3,
    issues: 50,
    others: 0,
    unmapped: 5,
};

fn collected(fixture: &Fixture<'_>, runs: &Path, wanted: Wanted) -> Collected {
    let folder = fixture.write(runs);
    let query = QueryContext::open(&[folder]).unwrap();
    let run = query.runs()[0].clone();
    collect(&query, &run, &ReportFiles::new(None).unwrap(), wanted).unwrap()
}

fn rich() -> Fixture<'static> {
    Fixture {
        rich: true,
        images: true,
        ..Fixture::default()
    }
}

#[test]
fn archetypes_maps_and_issues_name_samples_that_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let data = collected(&rich(), folder.path(), WANTED).data;
    let n = data.samples.id.len();
    // Seed 0 keeps five of its six archetypes.
    assert_eq!(data.archetypes.id, [0, 1, 2, 3, 5]);
    assert_eq!(data.archetypes.name[0], "happiness P1");
    let support = data.archetypes.support.iter().flatten();
    let mapped = data.maps.iter().flat_map(|map| &map.sample);
    assert!(
        support
            .chain(mapped)
            .chain(&data.issues.sample)
            .all(|sample| *sample < n)
    );
    assert!(data.archetypes.support.iter().any(|support| !support.is_empty()));
    for near in &data.archetypes.neighbours {
        assert!(near.windows(2).all(|pair| pair[0].1.0 >= pair[1].1.0), "{near:?}");
    }
    assert_eq!(data.maps[0].name, "aura", "what people come for stands first");
    // The test sample that is matched with an archetype of another class is wrong, and its label is to be looked at.
    let wrong = data.samples.id.iter().position(|id| id == "test_00001").unwrap();
    assert_eq!(data.samples.error[wrong].0, Some(1.0));
    assert!(data.issues.sample.contains(&wrong));
    assert!(data.samples.doubt[wrong].0.is_some());
}

#[test]
fn a_run_without_maps_shows_test_samples_evenly_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let data = collected(&Fixture::default(), folder.path(), WANTED).data;
    let test = data.splits.iter().position(|split| split == "test");
    let shown = data.samples.split.iter().filter(|split| Some(**split) == test).count();
    assert!(data.maps.is_empty());
    // Five evenly, and the one whose label is doubted where it is none of them.
    assert!((5..=6).contains(&shown), "{shown}");
    assert!(
        data.notes[0].contains("seed 0")
            && data.notes[1].starts_with(&format!("Shown are {shown} of 16 test samples: evenly")),
        "{:?}",
        data.notes
    );
}

#[test]
fn names_of_images_are_said_once_where_they_follow_from_the_samples() {
    let ids = ["a", "bc"].map(str::to_owned);
    let files = |names: [Option<&str>; 2]| Files::of(&ids, names.map(|name| name.map(str::to_owned)).to_vec());
    let around = Files::Around {
        before: "x/".to_owned(),
        after: "_1.png".to_owned(),
    };
    assert_eq!(files([Some("x/a_1.png"), Some("x/bc_1.png")]), around);
    for other in [
        [Some("x/a.png"), Some("y/bc.png")],
        [Some("x/a.png"), None],
        [None, None],
        [Some("a"), Some("cb")],
    ] {
        assert!(matches!(files(other), Files::Each(_)), "{other:?}");
    }
}

#[test]
fn the_json_ends_no_script_and_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = Fixture {
        classes: ["</script><script>alert(1)</script>", "<!-- & \u{202e}", "a\"b\\c"],
        ..rich()
    };
    let mut collected = collected(&fixture, folder.path(), WANTED);
    collected.data.samples.id[0] = "\u{0}\u{2028}</SCRIPT >".to_owned();
    let text = collected.data.to_json();
    assert!(!text.contains(['<', '>', '&']), "{text}");
    let back: Json = serde_json::from_str(&text).unwrap();
    assert_eq!(back["classes"][0], fixture.classes[0]);
    assert_eq!(back["samples"]["id"][0], "\u{0}\u{2028}</SCRIPT >");
}

#[test]
fn every_picture_has_a_place_on_a_sheet_or_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let mut collected = collected(&rich(), folder.path(), WANTED);
    let root = folder.path().join("data");
    let gone = collected.sources[0].path.clone().unwrap();
    std::fs::remove_file(root.join(&gone)).unwrap();
    let lacking = sprites::fill(&mut collected, Some(&root), Progress::hidden(), &Interrupt::default()).unwrap();
    assert_eq!(lacking, [(collected.data.samples.id[0].clone(), "image missing")]);
    let faces = serde_json::to_value(&collected.data.faces).unwrap();
    assert_eq!(faces["kind"], "sprites");
    assert_eq!(faces["why"]["0"], "image missing");
    let mut places: Vec<usize> = collected.data.samples.face.iter().flatten().copied().collect();
    places.sort_unstable();
    assert_eq!(places, (0..collected.data.samples.id.len() - 1).collect::<Vec<_>>());
    let sheet = faces["sheets"][0].as_str().unwrap();
    assert!(sheet.starts_with("data:image/jpeg;base64,"));

    // Without a place for images, the reason stands once.
    let none = sprites::fill(&mut collected, None, Progress::hidden(), &Interrupt::default()).unwrap();
    assert!(none.is_empty());
    assert_eq!(
        serde_json::to_value(&collected.data.faces).unwrap(),
        serde_json::json!({ "kind": "none", "why": { "": "images left out" } })
    );
}

#[test]
fn two_runs_are_put_together_by_identifier() {
    let folder = tempfile::tempdir().unwrap();
    let this = collected(&rich(), &folder.path().join("a"), WANTED).data;
    let mut other = collected(&rich(), &folder.path().join("b"), WANTED).data;
    other.run = "other".to_owned();
    // The other run knows one sample less, and all of them in another order.
    let dropped = other.samples.id[0].clone();
    other.samples.id[0] = "nobody".to_owned();
    let compared = Compared::of(&this, &other);
    let (Said::Classes(own), Said::Classes(theirs)) = (&this.samples.prediction, &compared.prediction) else {
        panic!("expressions have classes");
    };
    for (i, id) in this.samples.id.iter().enumerate() {
        if *id == dropped {
            assert_eq!((theirs[i], compared.error[i].0), (None, None));
        } else {
            assert_eq!(theirs[i], own[i], "{id}");
        }
    }
}
