//! What the server says: a body and what it is.

use crate::error::Error;

/// An answer.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) kind: &'static str,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// A page.
    pub(super) fn html(text: String) -> Self {
        Self::of("text/html; charset=utf-8", text.into_bytes())
    }

    /// JSON.
    pub(super) fn json(text: &str) -> Self {
        Self::of("application/json", text.as_bytes().to_vec())
    }

    /// A body of some other kind.
    pub(super) fn of(kind: &'static str, body: Vec<u8>) -> Self {
        Self {
            status: 200,
            kind,
            body,
        }
    }

    /// Nothing is there.
    pub(super) fn absent(what: &str) -> Self {
        Self::refused(404, what)
    }

    /// A refusal in words.
    pub(super) fn refused(status: u16, what: &str) -> Self {
        Self {
            status,
            ..Self::of("text/plain; charset=utf-8", what.as_bytes().to_vec())
        }
    }
}

impl From<Error> for Answer {
    fn from(error: Error) -> Self {
        let status = match error {
            Error::NotComparable(_) | Error::Usage(_) => 409,
            _ => 500,
        };
        Self::refused(status, &error.to_string())
    }
}
