//! The server: one address on this machine, below a path that nobody can guess.
//!
//! Loopback is open to everybody who works on the machine, and to every page that a browser has open. So all addresses begin with
//! 128 random bits, and a request that names another host than this one is refused (it comes through a name that somebody else
//! points here).

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use tiny_http::{Header, Method, Request, Response, Server as Http};

use crate::disk::fence::Fence;
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::query::fetch;

use super::answer::Answer;
use super::site::{Site, ViewOptions};

/// Requests that are answered side by side: a face is decoded in milliseconds, and a browser asks for six at once.
const THREADS: usize = 6;
/// How often Ctrl-C is looked for.
const LOOK: Duration = Duration::from_millis(200);
/// The port that is taken where it is free and no other was asked for.
const PORT: u16 = 8777;

/// A server that listens.
pub struct Server {
    http: Arc<Http>,
    site: Arc<Site>,
    secret: String,
    port: u16,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// Listens on `port` of this machine's loopback address; without one, on 8777 or, where that is taken, on any that is free.
    ///
    /// # Errors
    /// [`Error::Usage`] if the port is taken; [`Error::Data`] if a folder of runs is not there.
    pub fn listen(options: ViewOptions, port: Option<u16>) -> Result<Self> {
        let site = Site::new(options)?;
        site.query()?;
        let at = |port: u16| Http::http(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let http = match port {
            Some(port) => at(port).map_err(|error| {
                Error::Usage(format!(
                    "cannot listen on port {port} of this machine ({error}): name another, or none, and any that is free is taken"
                ))
            })?,
            None => at(PORT)
                .or_else(|_| at(0))
                .map_err(|error| Error::Usage(format!("cannot listen on this machine ({error})")))?,
        };
        let port = match http.server_addr().to_ip() {
            Some(address) => address.port(),
            None => return Err(Error::Usage("cannot listen on this machine".to_owned())),
        };
        let secret: u128 = rand::rng().random();
        Ok(Self {
            http: Arc::new(http),
            site: Arc::new(site),
            secret: format!("{secret:032x}"),
            port,
        })
    }

    /// The address to open.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}/{}/", self.port, self.secret)
    }

    /// Answers until `interrupt` is raised.
    pub fn serve(&self, interrupt: &Interrupt) {
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    while interrupt.check().is_ok() {
                        if let Ok(Some(request)) = self.http.recv_timeout(LOOK) {
                            self.answer(request);
                        }
                    }
                });
            }
        });
    }

    fn answer(&self, request: Request) {
        let said = self.reply(&request);
        let mut response = Response::from_data(said.body).with_status_code(said.status);
        for (name, value) in [
            ("Content-Type", said.kind),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            // What a database shows is on no disk but its own.
            ("Cache-Control", "no-store"),
        ] {
            if let Ok(header) = Header::from_bytes(name, value) {
                response.add_header(header);
            }
        }
        // Who asked may be gone.
        let _ = request.respond(response);
    }

    fn reply(&self, request: &Request) -> Answer {
        let host = request.headers().iter().find(|header| header.field.equiv("Host"));
        let ours = [format!("127.0.0.1:{}", self.port), format!("localhost:{}", self.port)];
        if !host.is_some_and(|host| ours.iter().any(|our| our == host.value.as_str())) {
            return Answer::refused(403, "this server answers on its own address alone");
        }
        if *request.method() != Method::Get {
            return Answer::refused(405, "this server only shows");
        }
        let path = request.url().split(['?', '#']).next().unwrap_or_default();
        match path.strip_prefix('/').and_then(|path| path.strip_prefix(&self.secret)) {
            Some(path) => route(&self.site, path).unwrap_or_else(Answer::from),
            None => Answer::absent("nothing here: open the address that the program printed"),
        }
    }
}

/// The answer for a path below the secret.
pub(super) fn route(site: &Site, path: &str) -> Result<Answer> {
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let absent = || {
        Ok(Answer::absent(
            "no such run: it may have been moved or made again; the list has those that are there",
        ))
    };
    match parts[..] {
        [""] => site.index(),
        ["state.json"] => site.state(),
        ["run", key, ""] => match site.open(key)? {
            Some(run) => site.explorer(&run, None),
            None => absent(),
        },
        ["run", key, "data.json"] => match site.open(key)? {
            Some(run) => Ok(Answer::json(&run.data.to_json())),
            None => absent(),
        },
        ["run", key, "face", stamp, number] | ["compare", key, _, "face", stamp, number] => {
            let run = match site.seen(key, stamp) {
                Some(run) => Some(run),
                None => site.open(key)?.filter(|run| run.stamp == stamp),
            };
            let Some(run) = run else { return absent() };
            let face = number.parse().map_err(|_| "no such sample").and_then(|i| run.face(i));
            Ok(face.map_or_else(Answer::absent, |jpeg| Answer::of("image/jpeg", jpeg)))
        }
        // A report that was written holds what its recipe let it hold.
        ["run", _, "report", ..] if !site.options.images => {
            Ok(Answer::absent("images left out: the report of a run may hold some"))
        }
        ["run", key, "report", ref rest @ ..] => match site.find(key)? {
            Some(run) => {
                let name = rest.join("/");
                fetch(std::slice::from_ref(&run), |written| {
                    written.strip_prefix("report/") == Some(&name)
                })?;
                Ok(file(&run.path.join("report"), &name))
            }
            None => absent(),
        },
        ["compare", this, other, ref rest @ ..] => {
            let (Some(this), Some(other)) = (site.open(this)?, site.open(other)?) else {
                return absent();
            };
            match rest {
                [""] => site.explorer(&this, Some(&other)),
                ["data.json"] => Ok(Answer::json(&this.beside(&other)?.to_json())),
                _ => Ok(Answer::absent("no such page")),
            }
        }
        _ => Ok(Answer::absent("no such page")),
    }
}

/// A file of a run's report.
fn file(folder: &std::path::Path, name: &str) -> Answer {
    let kind = match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" => "image/jpeg",
        "csv" => "text/csv; charset=utf-8",
        "md" | "tex" => "text/plain; charset=utf-8",
        _ => return Answer::absent("no such file of a report"),
    };
    let read = Fence::around(folder).and_then(|fence| fence.resolve(name));
    match read.ok().and_then(|path| std::fs::read(path).ok()) {
        Some(body) => Answer::of(kind, body),
        None => Answer::absent("no such file of a report"),
    }
}
