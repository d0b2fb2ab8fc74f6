//! How object stores are reached: by ureq, the transport of everything else here, and so with one TLS stack.
//!
//! A request blocks the thread that asks. That is all such a thread does: `fetch.rs` gives every file one of its own.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::io::{ErrorKind, Read};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame};
use object_store::client::{
    ClientConfigKey, ClientOptions, HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
    HttpResponseBody, HttpService,
};
use ureq::Agent;

use super::address::is_loopback;

/// Requests that are sent at once, at most.
pub(super) const AT_ONCE: usize = 32;
/// How long a server may take to be reached.
const CONNECT: Duration = Duration::from_secs(10);
/// How long it may say nothing.
const SILENCE: Duration = Duration::from_mins(1);
/// Bytes that are read at once.
const BLOCK: usize = 64 << 10;

/// Makes clients.
#[derive(Debug)]
pub(super) struct Transport;

impl HttpConnector for Transport {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let allowed = options.get_config_value(&ClientConfigKey::AllowHttp);
        Ok(HttpClient::new(Client {
            encrypted: agent(true),
            plain: agent(false),
            plain_allowed: allowed.as_deref() == Some("true"),
        }))
    }
}

fn agent(encrypted: bool) -> Agent {
    Agent::config_builder()
        .https_only(encrypted)
        // What is not encrypted leads nowhere else.
        .max_redirects(if encrypted { 5 } else { 0 })
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .timeout_connect(Some(CONNECT))
        .timeout_recv_response(Some(SILENCE))
        .timeout_per_read(Some(SILENCE))
        .timeout_per_write(Some(SILENCE))
        .max_idle_connections(AT_ONCE)
        .max_idle_connections_per_host(AT_ONCE)
        .user_agent(concat!("aura-bench/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent()
}

#[derive(Debug)]
struct Client {
    encrypted: Agent,
    plain: Agent,
    plain_allowed: bool,
}

impl HttpService for Client {
    fn call<'a, 'async_trait>(
        &'a self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'async_trait>>
    where
        'a: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(std::future::ready(self.ask(request)))
    }
}

impl Client {
    fn ask(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let plain = parts.uri.scheme_str() != Some("https");
        if plain && !self.plain_allowed && !parts.uri.host().is_some_and(is_loopback) {
            return Err(HttpError::new(HttpErrorKind::Unknown, Refused::NotEncrypted));
        }
        let agent = if plain { &self.plain } else { &self.encrypted };
        let answer = if body.is_empty() {
            agent.run(ureq::http::Request::from_parts(parts, ()))
        } else {
            // Tokens are asked for with a few bytes; nothing is written.
            let bytes = body
                .as_bytes()
                .ok_or_else(|| HttpError::new(HttpErrorKind::Unknown, Refused::Writes))?;
            agent.run(ureq::http::Request::from_parts(parts, bytes.to_vec()))
        };
        let (parts, body) = answer.map_err(failed)?.into_parts();
        let body = Arriving(Mutex::new(Box::new(body.into_reader())));
        Ok(HttpResponse::from_parts(parts, HttpResponseBody::new(body)))
    }
}

/// The bytes of an answer, as they come.
struct Arriving(Mutex<Box<dyn Read + Send>>);

impl Body for Arriving {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let mut block = vec![0; BLOCK];
        let read = self.0.lock().unwrap_or_else(PoisonError::into_inner).read(&mut block);
        Poll::Ready(match read {
            Ok(0) => None,
            Ok(length) => {
                block.truncate(length);
                Some(Ok(Frame::data(block.into())))
            }
            Err(error) => Some(Err(failed(ureq::Error::Io(error)))),
        })
    }
}

/// Which failures are tried again is decided by their kind.
fn failed(error: ureq::Error) -> HttpError {
    let kind = match &error {
        ureq::Error::Timeout(_) => HttpErrorKind::Timeout,
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => HttpErrorKind::Connect,
        ureq::Error::Io(io) => match io.kind() {
            ErrorKind::ConnectionRefused => HttpErrorKind::Connect,
            ErrorKind::TimedOut | ErrorKind::WouldBlock => HttpErrorKind::Timeout,
            ErrorKind::InvalidData => HttpErrorKind::Unknown,
            _ => HttpErrorKind::Interrupted,
        },
        _ => HttpErrorKind::Unknown,
    };
    HttpError::new(kind, error)
}

#[derive(Debug)]
enum Refused {
    NotEncrypted,
    Writes,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotEncrypted => "the endpoint is not encrypted (http://): use https://, or set AWS_ALLOW_HTTP=true",
            Self::Writes => "nothing is written to an object store",
        })
    }
}

impl StdError for Refused {}
