//! Persons who stand on both sides of a split.

use super::*;

#[test]
fn a_person_in_the_test_set_and_outside_is_told() {
    let told = |case: &Case| {
        let warnings = case.import().unwrap().conversion.warnings;
        let mut told = warnings.into_iter().filter(|w| w.contains("persons in the test set"));
        told.next()
    };
    let mut case = Case::npy("split,subject,label\ntrain,p,a\ntrain,q,b\ntest,q,a\ntest,r,b\n");
    let warning = told(&case).unwrap();
    assert!(
        warning.contains("1 of the 2 persons") && warning.contains("for example `q`"),
        "{warning}"
    );
    // Folds are the sides where the protocol runs over them.
    case = Case::npy("split,subject,fold,label\ntrain,p,1,a\ntrain,q,2,b\ntest,q,2,a\ntest,p,1,b\n");
    case.folds = vec![1, 2];
    assert_eq!(told(&case), None);
    for rest in [
        "train,p,a\ntrain,q,b\ntest,r,a\ntest,r,b\n",
        "train,,a\ntrain,,b\ntest,,a\ntest,,b\n",
    ] {
        assert_eq!(told(&Case::npy(&format!("split,subject,label\n{rest}"))), None);
    }
}
