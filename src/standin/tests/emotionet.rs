//! `EmotioNet`: the rates of its action units, unknown labels, and all three forms of the labels.

use crate::standin::layout::emotionet::{POSITIVE, PRESENT};

use super::*;

fn emotionet(form: &str, samples: usize) -> StandinOptions {
    StandinOptions {
        card: "emotionet".to_owned(),
        layout: Some(form.to_owned()),
        size: Some(32),
        ..options(samples)
    }
}

#[test]
fn every_form_is_converted_to_the_same_samples() {
    assert_eq!(forms("emotionet"), ["manual_xlsx", "manual_csv", "list"]);
    let mut tables = Vec::new();
    for form in forms("emotionet") {
        let folder = tempfile::tempdir().unwrap();
        let (root, out) = (folder.path().join("tree"), folder.path().join("out"));
        run(&emotionet(form, 150), &root).unwrap();
        let conversion = convert("emotionet", &root, &out);
        assert_eq!(conversion.layout, form);
        assert_eq!((conversion.samples, conversion.rejected), (150, 0), "{form}");
        // That the split is a hash where no list says it.
        assert_eq!(
            conversion.warnings.len(),
            usize::from(form != "list"),
            "{:?}",
            conversion.warnings
        );
        let (samples, truth) = (table(&out.join("samples.parquet")), truth(&root));
        let rows = |batch: &RecordBatch| {
            let columns = ["sample_id", "image_path", "split"].map(|name| strings(batch, name));
            let mut rows: Vec<_> = (0..batch.num_rows())
                .map(|i| columns.each_ref().map(|c| c[i].clone()))
                .collect();
            rows.sort();
            rows
        };
        assert_eq!(rows(&samples), rows(&truth), "{form}");
        let mut labels = Vec::new();
        for (unit, _) in POSITIVE {
            let column = samples.column_by_name(&format!("au{unit:02}")).unwrap().clone();
            labels.push(column.as_primitive::<Float32Type>().iter().collect::<Vec<_>>());
        }
        let ids = strings(&samples, "sample_id");
        let mut by_id: Vec<(String, Vec<Option<f32>>)> = ids
            .into_iter()
            .enumerate()
            .map(|(i, id)| (id, labels.iter().map(|l| l[i]).collect()))
            .collect();
        by_id.sort_by(|a, b| a.0.cmp(&b.0));
        tables.push((conversion.masked, by_id));
    }
    assert!(tables.iter().all(|table| *table == tables[0]));
    let unknown = tables[0].0 as f64 / (150.0 * 11.0);
    assert!((unknown - 0.04).abs() < 0.02, "{unknown}");
}

#[test]
fn action_units_are_as_frequent_as_in_the_list() {
    let samples = plan_of(&emotionet("list", 6000)).samples;
    for (unit, rate) in POSITIVE {
        let shares = |test: &dyn Fn(f32) -> bool| {
            samples.iter().filter(|s| test(s.expression.get(unit))).count() as f64 / samples.len() as f64
        };
        let present = shares(&|v| v >= PRESENT);
        assert!((present - rate).abs() < 0.002, "AU {unit}: {present} instead of {rate}");
        // Few faces are doubtful.
        assert!(shares(&|v| (0.6..1.4).contains(&v)) < 0.06 + 0.08 * rate, "AU {unit}");
    }
    // The mouth is never open with closed lips.
    assert!(
        samples
            .iter()
            .all(|s| s.expression.get(26) < PRESENT || s.expression.get(25) >= PRESENT)
    );
    let test = samples.iter().filter(|s| s.split == Split::Test).count() as f64 / 6000.0;
    assert!((test - ConvertOptions::default().test_share).abs() < 0.02, "{test}");
}

#[test]
fn wrong_and_unknown_labels_have_their_shares() {
    let plan = plan_of(&emotionet("manual_csv", 3000));
    let (_, csv) = &plan.labels[0];
    let text = std::str::from_utf8(csv).unwrap();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    assert_eq!(
        (header.len(), header[0], header[2], header[61]),
        (62, "URL", "'AU 1'", "'AU 60'")
    );
    let (mut unknown, mut wrong) = (0, 0);
    for (sample, line) in plan.samples.iter().zip(lines.by_ref()) {
        let fields: Vec<&str> = line.split(',').collect();
        assert!(fields[0].ends_with(&format!("/{}.jpg'", sample.id)));
        let mut differing = 0;
        for (unit, _) in POSITIVE {
            match fields[1 + usize::from(unit)] {
                "999" => unknown += 1,
                written => {
                    let drawn = sample.expression.get(unit) >= PRESENT;
                    differing += usize::from((written == "1") != drawn);
                }
            }
        }
        assert_eq!(differing, usize::from(sample.flipped));
        wrong += differing;
    }
    assert_eq!(wrong, 300);
    let share = f64::from(unknown) / (3000.0 * 11.0);
    assert!((share - 0.04).abs() < 0.006, "{share}");
    assert_eq!(lines.count(), 2, "a duplicate, and a row without image");
}

#[test]
fn faults_are_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let (root, out) = (folder.path().join("tree"), folder.path().join("out"));
    run(&emotionet("manual_xlsx", 500), &root).unwrap();
    let conversion = convert("emotionet", &root, &out);
    assert_eq!((conversion.samples, conversion.rejected), (500, 2));
    let reasons: Vec<&str> = conversion.reject_reasons.keys().map(String::as_str).collect();
    assert_eq!(reasons, ["duplicate_id", "missing_image"]);
}
