use crate::query::fixture::Fixture;

use super::config::ReportOptions;
use super::tests::{files, read, report};

#[test]
fn the_page_asks_for_nothing_from_outside() {
    let (_folder, paths) = report(
        &[Fixture {
            images: true,
            ..Fixture::default()
        }],
        &ReportOptions::default(),
    );
    let html = read(&paths.html);
    // The explorer's script makes an address of the data of a sheet.
    let html = html.replace("url(\"${url}\")", "");
    for attribute in ["src=\"", "href=\"", "url("] {
        for rest in html.split(attribute).skip(1) {
            assert!(
                ["data:", "#", "figures/", "label_issues.html\"", "failures.html\""]
                    .iter()
                    .any(|known| rest.starts_with(known)),
                "{attribute}{}",
                &rest[..rest.len().min(60)]
            );
        }
    }
    assert_eq!(
        html.matches("<svg").count(),
        html.matches("role=\"img\" aria-label=\"").count()
    );
    assert!(html.matches("<img").count() >= 10);
    assert_eq!(html.matches("<img").count(), html.matches("alt=\"train_").count());
}

#[test]
fn stand_ins_are_labelled_everywhere_and_real_runs_nowhere() {
    let (folder, paths) = report(&[Fixture::default()], &ReportOptions::default());
    let html = read(&paths.html);
    assert!(html.contains("class=\"banner\""));
    let marked = ["class=\"block", "class=\"behind\"", "class=\"answer\""].map(|class| html.matches(class).count());
    assert!(marked.iter().all(|count| *count > 0), "{marked:?}");
    assert_eq!(
        html.matches("class=\"tag\">stand-in").count(),
        marked.iter().sum::<usize>()
    );
    for (name, bytes) in files(&folder.path().join("out")) {
        let Ok(text) = String::from_utf8(bytes) else { continue };
        let mark = match name.rsplit_once('.').unwrap().1 {
            "svg" => "STAND-IN: drawn faces",
            "csv" => "stand_in\n",
            _ => "tand-in",
        };
        assert!(text.contains(mark) || text.contains(&mark.to_uppercase()), "{name}");
    }
    let real = Fixture {
        stand_in: false,
        ..Fixture::default()
    };
    let (folder, _) = report(&[real], &ReportOptions::default());
    for (name, bytes) in files(&folder.path().join("out")) {
        let Ok(text) = String::from_utf8(bytes) else { continue };
        assert!(!text.contains("STAND-IN") && !text.contains("Stand-in."), "{name}");
        assert!(
            !name.contains("mode_agreement") && !name.contains("flip_detection"),
            "{name}"
        );
    }
}

#[test]
fn the_page_opens_with_the_answer() {
    let (_folder, paths) = report(
        &[Fixture {
            rich: true,
            ..Fixture::default()
        }],
        &ReportOptions::default(),
    );
    let markdown = read(&paths.markdown);
    let opening = &markdown[markdown.find("**\\[STAND").or(markdown.find("**[STAND")).unwrap()..];
    insta::assert_snapshot!(opening.lines().next().unwrap(), @"**[STAND-IN] 96.9 %** accuracy, AURA, primal archetype (95 % interval 75.0 to 99.0, 16 test samples of RAF-DB, mean over 2 seeds). AURA, primal archetype is above its one rival, k nearest neighbours, at 75.0 %: +21.9 points (95 % interval 11.9 to 31.9).");
    let html = read(&paths.html);
    let place = |text: &str| html.find(text).unwrap_or_else(|| panic!("no {text}"));
    assert!(place("class=\"answer\"") < place("id=\"forest\""));
    assert!(place("id=\"forest\"") < place("id=\"explorer\""));
    assert!(place("id=\"explorer\"") < place("id=\"results_expression\""));
    // The paper's figures by their names, each once, to a place that is there.
    for (name, id) in [
        ("Figure 1b", "maps"),
        ("Figure 4", "failure_panels"),
        ("Table 1", "table1_expression_seeds"),
    ] {
        assert!(html.contains(&format!("<a href=\"#{id}\">{name}</a>")), "{name}");
        assert!(html.contains(&format!("id=\"{id}\"")), "{id}");
    }
    // Captions are prose, whatever marks they are written with.
    for caption in html.split("class=\"caption\"").skip(1) {
        let caption = caption.split("</p>").next().unwrap();
        assert!(!caption.contains('`'), "{caption}");
    }
}
