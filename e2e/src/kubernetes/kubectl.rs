//! kubectl.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::await_condition::await_some_every;

const POLL: Duration = Duration::from_millis(300);

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

    /// Waits until every object of that description, such as `gantry --all` or `brokergroup/main`, is ready for its
    /// latest spec.
    pub fn await_ready(&self, what: &str, limit: Duration) -> Result<()> {
        self.await_condition(what, "Ready", limit)
    }

    /// Waits until a condition of each of the objects is true for its latest spec.
    pub fn await_condition(&self, what: &str, condition: &str, limit: Duration) -> Result<()> {
        // It watches, and takes no condition that is about an older generation.
        let (condition, limit) =
            (format!("--for=condition={condition}"), format!("--timeout={}s", limit.as_secs()));
        let mut args = vec!["wait", &condition, &limit];
        args.extend(what.split_whitespace());
        self.run(&args).map(drop).with_context(|| {
            let objects: Vec<&str> = what.split_whitespace().filter(|word| *word != "--all").collect();
            let found = self.get(&objects).unwrap_or_default();
            let all = found["items"].as_array().cloned().unwrap_or_else(|| vec![found.clone()]);
            let status =
                |one: &Value| format!("{} {}: {}", one["kind"], one["metadata"]["name"], one["status"]);
            all.iter().map(status).collect::<Vec<_>>().join("\n")
        })
    }

    /// Waits until `holds`, asking a few times a second: each question is a process.
    pub fn await_fact(
        &self,
        fact: &str,
        limit: Duration,
        mut holds: impl FnMut(&Self) -> Result<bool>,
    ) -> Result<()> {
        await_some_every(POLL, fact, limit, || Ok(holds(self)?.then_some(())))
    }

    /// Waits until an object is not there any more.
    pub fn await_gone(&self, what: &str, limit: Duration) -> Result<()> {
        self.await_fact(&format!("{what} is gone"), limit, |kubectl| Ok(kubectl.get(&[what])?.is_null()))
    }
}
