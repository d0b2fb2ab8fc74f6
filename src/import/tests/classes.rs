//! Labels in several spellings, and labels that look like nothing.

use super::*;

#[test]
fn spellings_of_one_class_are_one_class() {
    let case = Case::npy("id,split,label\na,train,Anger\nb,train,joy \nc,test,ANGER\nd,test,Anger\n");
    let imported = case.import().unwrap();
    assert_eq!(imported.card.class_names(), ["Anger", "joy"]);
    assert!(
        imported.conversion.warnings.iter().any(|w| w.contains("`ANGER`, `Anger` are read as `Anger`")),
        "{:?}",
        imported.conversion.warnings
    );
    let (_, meta) = samples::read(&case.out().join("samples.parquet")).unwrap();
    assert_eq!(meta.classes, ["Anger", "joy"]);

    // The protocol's spelling is that of the results.
    let mut case = Case::npy("id,split,label\na,train,Anger\nb,train,joy\nc,test,anger\nd,test,JOY\n");
    case.outputs = vec!["ANGER".into(), "Joy".into()];
    assert_eq!(case.import().unwrap().card.class_names(), ["ANGER", "Joy"]);
    // Numbers among names.
    let case = Case::npy("id,split,label\na,train,1.0\nb,train,joy\nc,test,1\nd,test,joy\n");
    assert_eq!(case.examine().unwrap().card.class_names(), ["1", "joy"]);
    // Every spelling is found in a list.
    let mut case = Case::npy("id,split,label\na,train, anger\nb,train,Joy\nc,test,ANGER\nd,test,0\n");
    case.table.classes = vec!["Anger".into(), "joy".into()];
    let imported = case.examine().unwrap();
    assert_eq!(imported.rejects, []);
    assert_eq!(imported.card.class_names(), ["Anger", "joy"]);
}

#[test]
fn a_class_may_be_called_none() {
    let words = ["None", "joy", "None", "na"];
    let labels: Vec<u8> = words
        .iter()
        .flat_map(|word| {
            let mut bytes = [0; 16];
            for (place, c) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(word.chars()) {
                *place = (c as u32).to_le_bytes();
            }
            bytes
        })
        .collect();
    let values: Vec<f32> = (0..8).map(|i| i as f32).collect();
    let beside = npz(&[("x", floats("(4, 2)", &values)), ("y", encode("<U4", "(4,)", false, &labels))]);
    let features: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let npy = || Case::new("x.npy", encode("<f4", "(4, 2)", false, &features));
    let mut cases = vec![Case::new("x.npz", beside), npy().labels("y.csv", "y\nNone\njoy\nNone\nna\n")];
    let mut case = npy().labels("y.parquet", "");
    parquet(case.labels.as_ref().unwrap(), vec![("y", texts(&words))]);
    cases.push(case);
    for case in &mut cases {
        case.table.classes = vec!["none".into(), "joy".into(), "NA".into()];
        let imported = case.import().unwrap();
        assert_eq!((imported.conversion.samples, imported.conversion.masked), (4, 0));
        // Where nobody lists it, it is no label, and the reader is told.
        case.table.classes.clear();
        let error = case.error();
        assert!(error.contains("at least two classes"), "{error}");
        case.outputs = vec!["none".into(), "joy".into()];
        let imported = case.examine().unwrap();
        assert_eq!(imported.card.class_names(), ["joy", "none"]);
        assert_eq!(imported.conversion.masked, 1);
        assert!(imported.conversion.warnings.iter().any(|w| w.contains("written `na`")));
    }
}
