//! What this machine offers: device, driver, compiler of kernels, caches, versions; and what is missing for more.
pub mod examination;
pub mod parity;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Context, Result};

    #[test]
    fn sizes_read_well() {
        assert_eq!(size(0), "0 B");
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(size(80 << 30), "80.0 GiB");
        assert_eq!(size(700 << 30), "700 GiB");
    }

    #[test]
    fn an_examination_names_versions_device_and_cache() -> Result<()> {
        let cache = tempfile::tempdir().at("create", Path::new("a folder"))?;
        let part = cache.path().join("features/a");
        std::fs::create_dir_all(&part).at("create", &part)?;
        std::fs::write(part.join("x"), [0; 2048]).at("write", &part)?;
        let found = Examination::new(cache.path().to_owned());
        assert_eq!(found.cache.parts.get("features"), Some(&2048));
        assert_eq!(found.libraries.get("burn"), Some(&"0.22.1"));
        let text = found.to_text();
        for part in ["aura-bench", "device", "nvrtc", "headers", "features 2.0 KiB", "rustc"] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
        Ok(())
    }
}
