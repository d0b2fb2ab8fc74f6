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

/// Right values by `git hash-object` and `sha256sum`.
#[test]
fn files_are_known_by_the_hubs_digests() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, "hello\n").unwrap();
    let small = Tag::of("ce013625030ba8dba906f756967f9e9ca394464a").unwrap();
    let large = Tag::of("5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03").unwrap();
    for tag in [&small, &large] {
        assert_eq!(tag.mismatch(&path, || Ok(())).unwrap(), None);
    }
    std::fs::write(&path, "hellp\n").unwrap();
    for tag in [&small, &large] {
        assert!(tag.mismatch(&path, || Ok(())).unwrap().is_some());
    }
    for other in [
        "",
        "config-json",
        "W/5891b5b5",
        "ce013625030ba8dba906f756967f9e9ca394464g",
    ] {
        assert_eq!(Tag::of(other), None, "{other}");
    }
}
