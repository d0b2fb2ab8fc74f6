//! Addresses of folders that are kept elsewhere: `s3://bucket/runs`, `gs://…`, `az://…`, `https://…`.

use std::path::Path;

use object_store::path::Path as ObjectPath;
use url::Url;

use crate::error::{Error, Result};

/// What may be named in place of a folder, for messages.
const FORMS: &str = "s3://BUCKET/…, gs://BUCKET/…, az://CONTAINER/… or https://…";

/// Lets plain HTTP leave this machine.
const ALLOW_HTTP: &str = "AURA_BENCH_ALLOW_HTTP";

/// How a place is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    /// Amazon's S3 and what speaks like it.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azure,
    /// A web server, which lists nothing.
    Http,
}

/// An address that may be asked.
#[derive(Debug, Clone)]
pub(super) struct Address {
    pub(super) scheme: Scheme,
    url: Url,
}

/// Whether a path is the address of a place that is no folder here.
pub(crate) fn is_address(path: &Path) -> bool {
    let text = path.to_string_lossy();
    text.split_once("://").is_some_and(|(scheme, _)| {
        let mut letters = scheme.bytes();
        letters.next().is_some_and(|first| first.is_ascii_alphabetic())
            && letters.all(|letter| letter.is_ascii_alphanumeric() || b"+-.".contains(&letter))
    })
}

impl Address {
    /// # Errors
    /// [`Error::Usage`] if it is none that is known here, or says more than a place.
    pub(super) fn parse(path: &Path) -> Result<Self> {
        let text = path.to_string_lossy();
        let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme).to_lowercase();
        let wrong = |why: &str| Error::Usage(format!("{} {why}; expected {FORMS}", without_secrets(&text)));
        let scheme = match scheme.as_str() {
            "s3" => Scheme::S3,
            "gs" => Scheme::Gcs,
            "az" => Scheme::Azure,
            "https" | "http" => Scheme::Http,
            _ => return Err(wrong("is the address of nothing that is read here")),
        };
        let url = Url::parse(&text).map_err(|error| wrong(&format!("is no address ({error})")))?;
        if url.host_str().is_none_or(str::is_empty) {
            return Err(wrong("names no bucket, container or server"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong(
                "has a part behind `?` or `#`, which cannot lead to the files below it",
            ));
        }
        let login = !url.username().is_empty() || url.password().is_some();
        if login && scheme != Scheme::Http {
            return Err(wrong(
                "holds a login, which is given in the environment (docs/remote.md)",
            ));
        }
        let address = Self { scheme, url };
        if address.url.scheme() == "http" && !address.is_loopback() && !allowed() {
            return Err(Error::Usage(format!(
                "{} is not encrypted: anybody on the way can read and change what comes; use https://, or set {ALLOW_HTTP}=true",
                address.shown()
            )));
        }
        Ok(address)
    }

    fn is_loopback(&self) -> bool {
        self.url.host_str().is_some_and(is_loopback)
    }

    /// The address without logins, and without a slash at its end.
    pub(super) fn shown(&self) -> String {
        without_secrets(self.url.as_str()).trim_end_matches('/').to_owned()
    }

    /// The bucket or container; of a web server its name.
    pub(super) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// What comes after that.
    pub(super) fn path(&self) -> &str {
        self.url.path()
    }

    /// The folder of a file, and the file's name in it.
    pub(super) fn parent(&self) -> Option<(Self, String)> {
        let name = self.url.path_segments()?.next_back().filter(|name| !name.is_empty())?;
        let name = ObjectPath::from_url_path(name).ok()?.to_string();
        let mut folder = self.clone();
        folder.url.path_segments_mut().ok()?.pop();
        Some((folder, name))
    }

    /// All of it, for who asks.
    pub(super) fn whole(&self) -> &str {
        self.url.as_str()
    }
}

/// Whether a host is this machine itself.
pub(super) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn allowed() -> bool {
    std::env::var(ALLOW_HTTP).is_ok_and(|value| matches!(value.to_lowercase().as_str(), "1" | "true" | "yes" | "on"))
}

/// A text whose addresses have neither logins nor queries, which may be signatures.
pub(super) fn without_secrets(text: &str) -> String {
    let shown = text.split_inclusive(char::is_whitespace).map(|word| {
        let Some((scheme, rest)) = word.split_once("://") else {
            return word.to_owned();
        };
        let body = rest.trim_end();
        let blank = &rest[body.len()..];
        let (place, closing) = match body.find(['?', '#']) {
            // A bracket, quote or stop that follows the address is kept.
            Some(at) => (
                &body[..at],
                body[at..].trim_start_matches(|c: char| !matches!(c, ')' | '"' | '\'')),
            ),
            None => (body, ""),
        };
        let (host, path) = place.find('/').map_or((place, ""), |at| place.split_at(at));
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        format!("{scheme}://{host}{path}{closing}{blank}")
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Address> {
        Address::parse(Path::new(text))
    }

    #[test]
    fn addresses_are_told_from_folders() {
        for text in ["s3://bucket/runs", "https://host/x", "gs://b", "unknown+1://x"] {
            assert!(is_address(Path::new(text)), "{text}");
        }
        for text in ["runs", "/data/runs", "a b://x", "://x", "C:\\runs", "s3:/bucket"] {
            assert!(!is_address(Path::new(text)), "{text}");
        }
    }

    #[test]
    fn what_an_address_holds_beside_a_place_is_refused_and_never_shown() {
        for (text, said) in [
            ("ftp://host/runs", "nothing that is read here"),
            ("s3://", "no bucket"),
            ("https://host/runs?X-Amz-Signature=secret", "behind `?`"),
            ("https://host/runs#secret", "behind `?`"),
            ("s3://secret:secret@bucket/runs", "login"),
            ("http://example.org/runs", "not encrypted"),
            ("http://secret@127.0.0.2.example.org/runs", "not encrypted"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(matches!(error, Error::Usage(_)), "{text}");
            let error = error.to_string();
            assert!(error.contains(said), "{text}: {error}");
            assert!(!error.contains("secret"), "{text}: {error}");
        }
        for text in ["http://127.0.0.1:8000/runs", "http://[::1]:8000/", "http://localhost/x"] {
            assert!(parse(text).is_ok(), "{text}");
        }
        assert_eq!(
            parse("https://me:secret@host:81/runs/").unwrap().shown(),
            "https://host:81/runs"
        );
    }

    #[test]
    fn secrets_are_taken_out_of_what_libraries_say() {
        let said = "GET https://me:secret@host/a?sig=secret failed (https://host/b?sig=secret) twice\nhttp://x/y end";
        assert_eq!(
            without_secrets(said),
            "GET https://host/a failed (https://host/b) twice\nhttp://x/y end"
        );
    }
}
