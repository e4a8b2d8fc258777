//! kubectl.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::await_condition::await_some;

/// kubectl, in one namespace or without.
#[derive(Clone, Debug, Default)]
pub struct Kubectl {
    namespace: Option<String>,
}

/// What the API server said to an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    Accepted,
    Refused(String),
}

impl Kubectl {
    #[must_use]
    pub fn in_namespace(namespace: &str) -> Self {
        Self { namespace: Some(namespace.into()) }
    }

    /// The command, for who wants to follow it.
    #[must_use]
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("kubectl");
        if let Some(namespace) = &self.namespace {
            command.args(["--namespace", namespace]);
        }
        command.args(args);
        command
    }

    /// Its output; what it complains of is the error.
    pub fn run(&self, args: &[&str]) -> Result<String> {
        self.run_with(args, "")
    }

    /// The same, with a text on its standard input.
    pub fn run_with(&self, args: &[&str], input: &str) -> Result<String> {
        let (code, out, err) = self.outcome(args, input)?;
        if code != 0 {
            bail!("kubectl {}: {}", args.join(" "), err.trim());
        }
        Ok(out)
    }

    /// Exit code, output and complaints.
    pub fn outcome(&self, args: &[&str], input: &str) -> Result<(i32, String, String)> {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("starting kubectl")?;
        child.stdin.take().context("stdin is piped")?.write_all(input.as_bytes())?;
        let output = child.wait_with_output()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok((output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr)))
    }

    /// `kubectl get ... -o json`; null when it is not there.
    pub fn get(&self, args: &[&str]) -> Result<Value> {
        let all: Vec<&str> =
            ["get"].iter().chain(args).chain(&["-o", "json", "--ignore-not-found"]).copied().collect();
        let out = self.run(&all)?;
        if out.trim().is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_str(&out)?) }
    }

    pub fn apply(&self, yaml: &str) -> Result<()> {
        self.run_with(&["apply", "-f", "-"], yaml).map(drop)
    }

    /// What the API server says to an object, without keeping it.
    pub fn try_apply(&self, yaml: &str) -> Result<Applied> {
        let (code, _, err) = self.outcome(&["apply", "--dry-run=server", "-f", "-"], yaml)?;
        Ok(if code == 0 { Applied::Accepted } else { Applied::Refused(err) })
    }

    /// A merge patch.
    pub fn patch(&self, what: &str, patch: &Value) -> Result<()> {
        self.run(&["patch", what, "--type=merge", "-p", &patch.to_string()]).map(drop)
    }

    /// Waits until the object, such as `brokergroup/main`, is ready for its latest spec.
    pub fn await_ready(&self, what: &str, limit: Duration) -> Result<()> {
        self.await_condition(what, "Ready", limit)
    }

    /// Waits until a condition of the object is true for its latest spec.
    pub fn await_condition(&self, what: &str, condition: &str, limit: Duration) -> Result<()> {
        let mut last = Value::Null;
        let done = await_some(&format!("{what} is {condition}"), limit, || {
            let object = self.get(&[what])?;
            let is_true = object["status"]["conditions"].as_array().into_iter().flatten().any(|one| {
                one["type"] == condition
                    && one["status"] == "True"
                    && one["observedGeneration"] == object["metadata"]["generation"]
            });
            last = object["status"].clone();
            Ok(is_true.then_some(()))
        });
        done.with_context(|| format!("its status: {last}"))
    }
}
