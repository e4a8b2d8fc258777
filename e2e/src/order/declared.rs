//! A Topic that is declared to `gantry local -f` and lives on a broker elsewhere: what the operator does, without Kubernetes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::await_condition::await_some;
use crate::cluster::gantry;
use crate::process::Process;

/// The program, and the file that it follows.
#[derive(Debug)]
pub struct DeclaredTopic {
    name: String,
    broker_port: u16,
    file: PathBuf,
    status: PathBuf,
    program: Process,
}

impl DeclaredTopic {
    /// Takes over a topic of a broker that is there already. `scaling` is that part of its spec, in one line.
    pub fn adopt(folder: &Path, broker_port: u16, name: &str, queues: u32, scaling: &str) -> Result<Self> {
        let data = folder.join("declared");
        let file = folder.join("topic.yaml");
        write(&file, name, broker_port, queues, scaling)?;
        let mut command = gantry::binary("gantry")?;
        command
            .args(["local", "--port", "0", "--broker-port", "0", "-f"])
            .arg(&file)
            .arg("--data")
            .arg(&data);
        let program = Process::start("declared topic", command, &folder.join("declared.out"))?;
        let declared =
            Self { name: name.into(), broker_port, file, status: data.join("status.json"), program };
        declared.until("Ready", Duration::from_secs(60))?;
        Ok(declared)
    }

    /// Declares another number of queues.
    pub fn declare(&self, queues: u32, scaling: &str) -> Result<()> {
        write(&self.file, &self.name, self.broker_port, queues, scaling)
    }

    /// `status` of the Topic; null while there is none.
    pub fn status(&self) -> Result<Value> {
        let text = fs::read(&self.status).unwrap_or_default();
        if text.is_empty() {
            return Ok(Value::Null);
        }
        let all: Value = serde_json::from_slice(&text).context("status.json")?;
        Ok(all["topics"][&self.name]["status"].clone())
    }

    /// Whether a condition is True, and its message.
    pub fn condition(&self, kind: &str) -> Result<Option<String>> {
        let status = self.status()?;
        let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
        let found =
            conditions.iter().find(|condition| condition["type"] == kind && condition["status"] == "True");
        Ok(found.and_then(|condition| condition["message"].as_str()).map(str::to_owned))
    }

    /// Waits for a condition; gives its message.
    pub fn until(&self, kind: &str, patience: Duration) -> Result<String> {
        self.until_some(&format!("{kind} is True"), patience, || self.condition(kind))
    }

    /// Waits until the change of the number of queues is in this phase.
    pub fn until_phase(&self, phase: &str, patience: Duration) -> Result<Value> {
        self.until_some(&format!("the scale is {phase}"), patience, || {
            let scale = self.status()?["scale"].clone();
            Ok((scale["phase"] == phase).then_some(scale))
        })
    }

    fn until_some<T>(
        &self,
        fact: &str,
        patience: Duration,
        ask: impl FnMut() -> Result<Option<T>>,
    ) -> Result<T> {
        await_some(fact, patience, ask).with_context(|| {
            format!("{:#}\n{}", self.status().unwrap_or_default(), self.program.output_tail())
        })
    }
}

fn write(file: &Path, name: &str, broker_port: u16, queues: u32, scaling: &str) -> Result<()> {
    // A broker of its own is there because there has to be one.
    let text = format!(
        "apiVersion: gantry.dev/v1alpha1\nkind: BrokerGroup\nmetadata: {{name: own}}\nspec: {{nameServerRef: {{name: \
         names}}, storage: {{size: 1Gi}}}}\n---\napiVersion: gantry.dev/v1alpha1\nkind: Topic\nmetadata: {{name: {name}}}\nspec:\n  \
         brokerAddresses: ['127.0.0.1:{broker_port}']\n  queues: {queues}\n  ordered: true\n  adopt: true\n  \
         scaling: {scaling}\n"
    );
    fs::write(file, text).with_context(|| file.display().to_string())
}
