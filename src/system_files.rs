//! Files that lie beside data and are none.

/// Whether a file or folder of this name is an operating system's or an office program's own, and so never data: hidden ones
/// (`._a.csv`, `.DS_Store`), `Thumbs.db`, `desktop.ini`, `__MACOSX`, locks such as `~$list.xlsx`, thumbnails of network drives.
pub fn is_system(name: &str) -> bool {
    name.starts_with('.')
        || name.starts_with("~$")
        || [
            "thumbs.db",
            "ehthumbs.db",
            "ehthumbs_vista.db",
            "desktop.ini",
            "__macosx",
            "@eadir",
            "#recycle",
            "$recycle.bin",
            "system volume information",
        ]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_never_data() {
        for name in [
            "._a.csv",
            ".DS_Store",
            "Thumbs.db",
            "THUMBS.DB",
            "desktop.ini",
            "__MACOSX",
            "~$list.xlsx",
            ".git",
            "@eaDir",
        ] {
            assert!(is_system(name), "{name}");
        }
        for name in ["a.csv", "_a.csv", "~a.csv", "thumbs.db.csv", "MACOSX", "a.", "\u{fffd}"] {
            assert!(!is_system(name), "{name}");
        }
    }
}
