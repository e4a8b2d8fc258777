//! Clients in a pod and outside.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use gantry_e2e::case::{self, Client, Elsewhere, Stage};
use gantry_e2e::kubernetes::{Kubectl, Space};
use gantry_e2e::work_folder::WorkFolder;
use serde_json::json;

use crate::{Named, Needs};

pub(crate) const TRIALS: [Named; 2] = [
    ("clients::in-a-pod", Needs::Java, in_a_pod),
    ("clients::outside-by-node-port", Needs::Java, outside_by_node_port),
];

/// Installation to everything ready.
const INSTALL: Duration = Duration::from_secs(60);
const CASE: Duration = Duration::from_secs(240);

fn in_a_pod() -> Result<()> {
    let space = Space::new("pod")?;
    space.apply_example("quickstart.yaml", INSTALL)?;
    for name in ["send-sync", "push-concurrently", "push-orderly"] {
        let mut pod = Pod::new(&space, |_| Ok(()))?;
        case::run(Client::Java5, name, &[], &mut Stage::Elsewhere(&mut pod), CASE)?;
    }
    Ok(())
}

fn outside_by_node_port() -> Result<()> {
    let space = Space::new("outside")?;
    space.apply_example("quickstart.yaml", INSTALL)?;
    let node = Kubectl::default().get(&["nodes"])?;
    let addresses = node["items"][0]["status"]["addresses"].as_array().cloned().unwrap_or_default();
    let host = addresses.iter().find(|one| one["type"] == "InternalIP").context("a node has an address")?;
    let external = json!({"spec": {"external": {"type": "NodePort", "host": host["address"]}}});
    space.kubectl.patch("nameserver/names", &external)?;
    space.kubectl.patch("brokergroup/main", &external)?;
    space.await_all_ready(INSTALL)?;
    let names = space.kubectl.get(&["nameserver/names"])?;
    let address = names["status"]["externalAddress"].as_str().context("an address outside")?.to_owned();
    // The cases that look at a message's store host expect the address that they send to; that is the inside one here.
    let mut outside = Outside { address, folder: WorkFolder::new("outside")?, space: &space };
    case::run(Client::Java5, "steady-traffic", &["orders"], &mut Stage::Elsewhere(&mut outside), CASE)
}

/// A Java client that runs as a pod in the trial's namespace.
pub(crate) struct Pod<'a, F> {
    space: &'a Space,
    folder: WorkFolder,
    disturb: F,
}

impl<'a, F: FnMut(&Space) -> Result<()>> Pod<'a, F> {
    pub(crate) fn new(space: &'a Space, disturb: F) -> Result<Self> {
        Ok(Self { space, folder: WorkFolder::new("pod")?, disturb })
    }
}

impl<F: FnMut(&Space) -> Result<()>> Elsewhere for Pod<'_, F> {
    fn name_server_address(&self) -> String {
        format!("names.{}.svc:9876", self.space.name)
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self, args: &[&str]) -> Result<Command> {
        let security = json!({
            "allowPrivilegeEscalation": false, "runAsNonRoot": true, "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"}
        });
        let name = format!("client-{}", args[0]);
        let container = json!({
            "name": name, "image": "gantry-e2e/java:1", "imagePullPolicy": "IfNotPresent", "args": args,
            "stdin": true, "stdinOnce": true, "securityContext": security
        });
        let overrides =
            json!({"spec": {"containers": [container], "terminationGracePeriodSeconds": 1}}).to_string();
        let run = [
            "run",
            &name,
            "--stdin",
            "--rm",
            "--quiet",
            "--restart=Never",
            "--image=gantry-e2e/java:1",
            "--pod-running-timeout=2m",
            "--overrides",
            &overrides,
        ];
        Ok(self.space.kubectl.command(&run))
    }

    fn disturb(&mut self) -> Result<()> {
        (self.disturb)(self.space)
    }

    fn log_tail(&self) -> String {
        log_tail(self.space)
    }
}

/// A Java client on this machine.
struct Outside<'a> {
    address: String,
    folder: WorkFolder,
    space: &'a Space,
}

impl Elsewhere for Outside<'_> {
    fn name_server_address(&self) -> String {
        self.address.clone()
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self, args: &[&str]) -> Result<Command> {
        let mut command = Client::Java5.command(self.folder.path())?;
        command.args(args);
        Ok(command)
    }

    fn disturb(&mut self) -> Result<()> {
        Ok(())
    }

    fn log_tail(&self) -> String {
        log_tail(self.space)
    }
}

fn log_tail(space: &Space) -> String {
    let objects = space.kubectl.run(&["get", "gantry,pods", "-o", "wide"]).unwrap_or_default();
    let broker = space.kubectl.run(&["logs", "main-0", "--tail=40"]).unwrap_or_default();
    format!("--- objects ---\n{objects}\n--- end of the log of main-0 ---\n{broker}\n---")
}
