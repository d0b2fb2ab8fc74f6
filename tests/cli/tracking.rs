//! A tracking server that keeps what it is told in memory, and answers as `MLflow`'s REST interface documents.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// What a server was told.
#[derive(Debug, Default)]
pub struct Told {
    pub experiments: Vec<String>,
    pub runs: Vec<TrackedRun>,
    /// Files by where they were put.
    pub artifacts: Vec<(String, usize)>,
    /// The header `Authorization` of the last request.
    pub login: Option<String>,
}

#[derive(Debug, Clone, Default)]
pub struct TrackedRun {
    pub name: String,
    pub tags: Vec<(String, String)>,
    pub params: Vec<(String, String)>,
    pub metrics: Vec<(String, f64, i64)>,
    pub finished: bool,
    pub deleted: bool,
}

impl TrackedRun {
    pub fn tag(&self, key: &str) -> Option<&str> {
        let tag = self.tags.iter().find(|(name, _)| name == key);
        tag.map(|(_, value)| value.as_str())
    }
}

/// A server on a port of its own.
pub struct Tracking {
    pub address: String,
    pub told: Arc<Mutex<Told>>,
}

impl Tracking {
    /// `artifacts` is where the server says that files of a run belong, `RUN` in it for the run.
    pub fn serve(artifacts: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let told = Arc::new(Mutex::new(Told::default()));
        let kept = Arc::clone(&told);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || answer(stream, artifacts, &kept));
            }
        });
        Self { address, told }
    }
}

/// Answers one connection, request by request.
fn answer(mut stream: TcpStream, artifacts: &str, told: &Mutex<Told>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let mut request = String::new();
        reader.read_line(&mut request).ok().filter(|&n| n > 0)?;
        let (mut length, mut login) = (0, None);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                break;
            };
            match name.to_lowercase().as_str() {
                "content-length" => length = value.parse().ok()?,
                "authorization" => login = Some(value.to_owned()),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let path = request.split(' ').nth(1)?.strip_prefix("/api/2.0/")?.to_owned();
        let (status, said) = {
            let mut told = told.lock().ok()?;
            told.login = login;
            reply(&mut told, artifacts, &path, &body)
        };
        let said = said.to_string();
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            said.len()
        );
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(said.as_bytes()).ok()?;
    }
}

fn pairs(list: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter()
        .map(|pair| (text(&pair["key"]), text(&pair["value"])))
        .collect()
}

fn reply(told: &mut Told, artifacts: &str, path: &str, body: &[u8]) -> (&'static str, Value) {
    const FINE: &str = "200 OK";
    if let Some(place) = path.strip_prefix("mlflow-artifacts/artifacts/") {
        told.artifacts.push((place.to_owned(), body.len()));
        return (FINE, json!({}));
    }
    let asked: Value = serde_json::from_slice(body).unwrap_or_default();
    let run = |key: &str| {
        asked[key]
            .as_str()
            .and_then(|id| id.strip_prefix("run")?.parse::<usize>().ok())
    };
    let quoted = || asked["filter"].as_str().unwrap().split('\'').nth(1).unwrap().to_owned();
    match path {
        "mlflow/experiments/search" => {
            let named = asked["filter"].as_str().map(|_| quoted());
            let found = told.experiments.iter().position(|name| Some(name) == named.as_ref());
            let experiments: Vec<Value> = found
                .map(|i| json!({ "experiment_id": i.to_string(), "lifecycle_stage": "active" }))
                .into_iter()
                .collect();
            (FINE, json!({ "experiments": experiments }))
        }
        "mlflow/experiments/create" => {
            told.experiments.push(asked["name"].as_str().unwrap().to_owned());
            (
                FINE,
                json!({ "experiment_id": (told.experiments.len() - 1).to_string() }),
            )
        }
        "mlflow/runs/search" => {
            let key = asked["filter"].as_str().unwrap().split('`').nth(1).unwrap().to_owned();
            let found = told.runs.iter().enumerate();
            let runs: Vec<Value> = found
                .filter(|(_, run)| !run.deleted && run.tag(&key) == Some(&quoted()))
                .map(|(i, _)| json!({ "info": { "run_id": format!("run{i}") } }))
                .collect();
            (FINE, json!({ "runs": runs }))
        }
        "mlflow/runs/create" => {
            told.runs.push(TrackedRun {
                name: asked["run_name"].as_str().unwrap().to_owned(),
                tags: pairs(&asked["tags"]),
                ..TrackedRun::default()
            });
            (
                FINE,
                json!({ "run": { "info": { "run_id": format!("run{}", told.runs.len() - 1) } } }),
            )
        }
        "mlflow/runs/log-batch" => {
            let (params, metrics) = (
                pairs(&asked["params"]),
                asked["metrics"].as_array().cloned().unwrap_or_default(),
            );
            if params.len() > 100 || metrics.len() > 1000 {
                return ("400 Bad Request", json!({ "message": "too many at once" }));
            }
            let run = &mut told.runs[run("run_id").unwrap()];
            run.params.extend(params);
            run.metrics.extend(metrics.iter().map(|metric| {
                let key = metric["key"].as_str().unwrap().to_owned();
                (key, metric["value"].as_f64().unwrap(), metric["step"].as_i64().unwrap())
            }));
            (FINE, json!({}))
        }
        "mlflow/runs/update" => {
            told.runs[run("run_id").unwrap()].finished = asked["status"] == "FINISHED";
            (FINE, json!({}))
        }
        "mlflow/runs/delete" => {
            told.runs[run("run_id").unwrap()].deleted = true;
            (FINE, json!({}))
        }
        other => match other.strip_prefix("mlflow/runs/get?run_id=") {
            Some(id) => {
                let place = artifacts.replace("RUN", id);
                (
                    FINE,
                    json!({ "run": { "info": { "run_id": id, "artifact_uri": place } } }),
                )
            }
            None => ("404 Not Found", json!({ "message": format!("no {other} here") })),
        },
    }
}
