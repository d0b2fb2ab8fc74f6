//! A tracking server of `MLflow`, through its REST interface, version 2.0.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::{Response, StatusCode};

use crate::error::{Error, Result};

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_mins(1);
/// Most parameters, and most points, of one call.
const PARAMETERS: usize = 100;
const POINTS: usize = 1_000;
/// Runs that a search returns at once: each comes with all its metrics.
const PAGE: usize = 100;

/// A server.
#[derive(Debug)]
pub struct Server {
    agent: Agent,
    /// Its address, without a slash at the end.
    address: String,
    /// What the header `Authorization` says, if anything.
    login: Option<String>,
}

/// How a request is sent.
enum Body<'a> {
    None,
    Json(&'a Value),
    Bytes(&'a [u8]),
}

impl Server {
    /// The server at `address`. Who asks is said as `MLflow` itself says it: by `MLFLOW_TRACKING_TOKEN`, or by
    /// `MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD`.
    ///
    /// # Errors
    /// [`Error::Usage`] if the address is not one of a server.
    pub fn at(address: &str) -> Result<Self> {
        let is_server = ["http://", "https://"].iter().any(|scheme| address.starts_with(scheme));
        if !is_server {
            return Err(Error::Usage(format!(
                "`{address}` is not the address of a server (http://… or https://…); a database or a folder is written by a server \
                 that runs on it"
            )));
        }
        let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let login = match (set("MLFLOW_TRACKING_TOKEN"), set("MLFLOW_TRACKING_USERNAME")) {
            (Some(token), _) => Some(format!("Bearer {token}")),
            (None, Some(user)) => {
                let password = set("MLFLOW_TRACKING_PASSWORD").unwrap_or_default();
                Some(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
            }
            (None, None) => None,
        };
        let agent = Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            // What a server says of a refusal stands in the body.
            .http_status_as_error(false)
            .build()
            .new_agent();
        Ok(Self {
            agent,
            address: address.trim_end_matches('/').to_owned(),
            login,
        })
    }

    /// Whether there is one.
    ///
    /// # Errors
    /// [`Error::Data`] if nothing answers, or something else than such a server.
    pub fn reach(&self) -> Result<()> {
        let nothing = json!({ "max_results": 1 });
        self.send("POST", "experiments/search", &Body::Json(&nothing)).map(drop)
    }

    /// The page of a run.
    pub(super) fn page(&self, experiment: &str, run: &str) -> String {
        format!("{}/#/experiments/{experiment}/runs/{run}", self.address)
    }

    /// The identifier of the experiment of this name, which is made if there is none.
    pub(super) fn experiment(&self, name: &str) -> Result<String> {
        let found = self.send(
            "POST",
            "experiments/search",
            &Body::Json(&json!({
                "max_results": 2, "filter": format!("name = '{}'", name.replace('\'', "''")), "view_type": "ALL",
            })),
        )?;
        if let Some(experiment) = found["experiments"].get(0) {
            let id = text(experiment, "experiment_id")?;
            if experiment["lifecycle_stage"] == "deleted" {
                self.send(
                    "POST",
                    "experiments/restore",
                    &Body::Json(&json!({ "experiment_id": id })),
                )?;
            }
            return Ok(id);
        }
        text(
            &self.send("POST", "experiments/create", &Body::Json(&json!({ "name": name })))?,
            "experiment_id",
        )
    }

    /// Identifiers of the runs of an experiment that have this tag.
    pub(super) fn runs_with_tag(&self, experiment: &str, key: &str, value: &str) -> Result<Vec<String>> {
        let mut ids = Vec::new();
        let mut page = Value::Null;
        loop {
            let mut question = json!({
                "experiment_ids": [experiment],
                "filter": format!("tags.`{key}` = '{}'", value.replace('\'', "''")),
                "max_results": PAGE,
            });
            if !page.is_null() {
                question["page_token"] = page;
            }
            let mut found = self.send("POST", "runs/search", &Body::Json(&question))?;
            for run in found["runs"].as_array().into_iter().flatten() {
                ids.push(text(&run["info"], "run_id")?);
            }
            page = found["next_page_token"].take();
            if page.as_str().is_none_or(str::is_empty) {
                return Ok(ids);
            }
        }
    }

    /// Makes a run and returns its identifier.
    pub(super) fn create_run(&self, experiment: &str, name: &str, start: u64, tags: &[Value]) -> Result<String> {
        let body = json!({ "experiment_id": experiment, "run_name": name, "start_time": start, "tags": tags });
        let answer = self.send("POST", "runs/create", &Body::Json(&body))?;
        text(&answer["run"]["info"], "run_id")
    }

    /// Logs rows of one kind, `params` or `metrics`, in calls as large as a server takes.
    pub(super) fn log(&self, run: &str, kind: &str, rows: &[Value]) -> Result<()> {
        for part in rows.chunks(if kind == "params" { PARAMETERS } else { POINTS }) {
            self.send(
                "POST",
                "runs/log-batch",
                &Body::Json(&json!({ "run_id": run, kind: part })),
            )?;
        }
        Ok(())
    }

    /// Marks a run as finished.
    pub(super) fn finish_run(&self, run: &str, end: u64) -> Result<()> {
        let body = json!({ "run_id": run, "status": "FINISHED", "end_time": end });
        self.send("POST", "runs/update", &Body::Json(&body)).map(drop)
    }

    /// Deletes a run; servers keep it among the deleted ones.
    pub(super) fn delete_run(&self, run: &str) -> Result<()> {
        self.send("POST", "runs/delete", &Body::Json(&json!({ "run_id": run })))
            .map(drop)
    }

    /// Stores a file of a run, or says why the server takes none: without its artifact proxy, clients are to write to the store
    /// behind it themselves.
    pub(super) fn put_artifact(&self, run: &str, name: &str, bytes: &[u8]) -> Result<Option<String>> {
        let answer = self.send("GET", &format!("runs/get?run_id={run}"), &Body::None)?;
        let place = text(&answer["run"]["info"], "artifact_uri")?;
        let Some(path) = place.strip_prefix("mlflow-artifacts:") else {
            return Ok(Some(format!(
                "{name} was not stored: the server keeps files in {place} and passes none on: its artifact proxy is off"
            )));
        };
        // `mlflow-artifacts://host/path` names the server again.
        let path = match path.strip_prefix("//") {
            Some(rest) => rest.split_once('/').map_or("", |(_, path)| path),
            None => path.trim_start_matches('/'),
        };
        let target = format!("mlflow-artifacts/artifacts/{path}/{name}");
        self.send("PUT", &target, &Body::Bytes(bytes))?;
        Ok(None)
    }

    fn send(&self, method: &str, call: &str, body: &Body<'_>) -> Result<Value> {
        let url = format!(
            "{}/api/2.0/{}",
            self.address,
            if call.starts_with("mlflow-artifacts/") {
                call.to_owned()
            } else {
                format!("mlflow/{call}")
            }
        );
        let mut request = ureq::http::Request::builder().method(method).uri(&url);
        if let Some(login) = &self.login {
            request = request.header("Authorization", login);
        }
        let built = |error: ureq::http::Error| Error::Usage(format!("{url} cannot be asked for: {error}"));
        let answer = match body {
            Body::None => self.agent.run(request.body(()).map_err(built)?),
            Body::Json(value) => self.agent.run(
                request
                    .header("Content-Type", "application/json")
                    .body(value.to_string())
                    .map_err(built)?,
            ),
            Body::Bytes(bytes) => self.agent.run(request.body(bytes.to_vec()).map_err(built)?),
        };
        self.understood(&url, answer)
    }

    fn understood(&self, url: &str, answer: std::result::Result<Response<ureq::Body>, ureq::Error>) -> Result<Value> {
        let mut answer =
            answer.map_err(|error| Error::data(format!("no MLflow server answers at {}: {error}", self.address)))?;
        let status = answer.status();
        let text = answer
            .body_mut()
            .read_to_string()
            .map_err(|error| Error::data(format!("{url} broke off: {error}")))?;
        if status.is_success() {
            return Ok(serde_json::from_str(&text).unwrap_or(Value::Null));
        }
        let said = serde_json::from_str::<Value>(&text)
            .ok()
            .and_then(|answer| Some(answer.get("message")?.as_str()?.to_owned()))
            .unwrap_or_else(|| text.chars().take(200).collect());
        let hint = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                "; MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, say who asks"
            }
            StatusCode::NOT_FOUND => "; is this the address of an MLflow tracking server?",
            _ => "",
        };
        Err(Error::data(format!("{url} answered {status}: {said}{hint}")))
    }
}

/// A text that every server's answer has.
fn text(answer: &Value, key: &str) -> Result<String> {
    answer[key].as_str().map(str::to_owned).ok_or_else(|| {
        Error::data(format!(
            "the server answered without `{key}`: it is no MLflow tracking server, or too old"
        ))
    })
}
