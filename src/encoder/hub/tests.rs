use proptest::prelude::*;

use super::*;

#[test]
fn names_of_models_are_read_whole() {
    let model = |text| HubModel::parse(text).unwrap().unwrap();
    assert_eq!(
        model("hf://openai/clip-vit-base-patch16").to_string(),
        "hf://openai/clip-vit-base-patch16@main"
    );
    assert_eq!(model("hf://a/b@refs/pr/1").revision, "refs/pr/1");
    assert!(HubModel::parse("/models/hf").is_none());
}

proptest! {
    /// Whatever stands behind `hf://`, an accepted name never leads out of the cache.
    #[test]
    fn accepted_names_are_harmless(text in "[a-z./@\\\\-]{0,20}|.{0,20}") {
        if let Some(Ok(model)) = HubModel::parse(&format!("hf://{text}")) {
            for part in model.id.split('/').chain(model.revision.split('/')) {
                prop_assert!(!part.is_empty() && !part.starts_with('.') && !part.contains('\\'), "{model}");
            }
        }
    }
}
