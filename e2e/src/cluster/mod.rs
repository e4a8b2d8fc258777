//! One name server and one broker in a temporary folder.

mod apache;
mod broker_conf;
pub(crate) mod gantry;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::await_condition::await_condition;
use crate::broker_client::{BrokerClient, Draft};
use crate::ports::PortBlock;
use crate::process::{Process, tail};
use crate::remoting;
use crate::target::Target;
use crate::work_folder::WorkFolder;

pub const CLUSTER_NAME: &str = "DefaultCluster";
pub const BROKER_NAME: &str = "broker-a";

const START_PATIENCE: Duration = Duration::from_secs(90);
const STOP_PATIENCE: Duration = Duration::from_secs(60);

/// How a cluster differs from the usual.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    settings: Vec<(String, String)>,
    java: apache::Speed,
    probes: bool,
    /// Where the broker's program is, when it is a special one, and the environment that it is started with.
    programs: Option<PathBuf>,
    environment: Vec<(String, String)>,
    /// What runs the broker's program.
    wrapper: Vec<String>,
}

impl Setup {
    /// The broker is started from this folder, with a variable in its environment.
    #[must_use]
    pub fn special(mut self, programs: &Path, variable: &str, value: impl ToString) -> Self {
        self.programs = Some(programs.into());
        self.environment.push((variable.into(), value.to_string()));
        self
    }

    /// Gantry's broker is run by this program, which is given the broker's command line.
    #[must_use]
    pub fn under(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// A broker.conf key, by Apache's name.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl ToString) -> Self {
        self.settings.push((key.into(), value.to_string()));
        self
    }

    /// The broker serves its metrics: see [`Cluster::metrics`].
    #[must_use]
    pub fn probes(mut self) -> Self {
        self.probes = true;
        self
    }

    /// Apache's broker gets the compiler and collector it is run with in earnest, which cost more at the start.
    #[must_use]
    pub fn full_speed(mut self) -> Self {
        self.java = apache::Speed::Full;
        self
    }

    /// Apache's broker gets what its own start script gives it, too: a large heap that is there from the start.
    #[must_use]
    pub fn in_earnest(mut self) -> Self {
        self.java = apache::Speed::InEarnest;
        self
    }
}

#[derive(Debug)]
pub struct Cluster {
    // In the order they are dropped: servers first, then the folder they write to.
    broker: Option<Process>,
    name_server: Option<Process>,
    ports: PortBlock,
    target: Target,
    setup: Setup,
    folder: WorkFolder,
}

impl Cluster {
    /// Starts both servers and returns when the broker is registered and takes connections.
    pub fn start(target: Target, setup: Setup) -> Result<Self> {
        let mut cluster = Self {
            broker: None,
            name_server: None,
            ports: PortBlock::reserve()?,
            target,
            setup,
            folder: WorkFolder::new(&target.to_string())?,
        };
        cluster.start_servers()?;
        Ok(cluster)
    }

    #[must_use]
    pub fn target(&self) -> Target {
        self.target
    }

    #[must_use]
    pub fn name_server_address(&self) -> String {
        format!("127.0.0.1:{}", self.ports.name_server())
    }

    #[must_use]
    pub fn name_server_port(&self) -> u16 {
        self.ports.name_server()
    }

    #[must_use]
    pub fn broker_port(&self) -> u16 {
        self.ports.broker()
    }

    #[must_use]
    pub fn broker_pid(&self) -> Option<u32> {
        self.broker.as_ref().map(Process::pid)
    }

    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What `storePathRootDir` says.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    /// What a broker with metrics answers, its HTTP header included.
    pub fn metrics(&self) -> Result<String> {
        let mut connection = TcpStream::connect(("127.0.0.1", self.ports.probes()))?;
        connection.write_all(b"GET /metrics HTTP/1.1\r\nHost: broker\r\nConnection: close\r\n\r\n")?;
        let mut text = String::new();
        connection.read_to_string(&mut text)?;
        Ok(text)
    }

    /// A metric of a broker that serves them.
    pub fn metric(&self, name: &str) -> Result<f64> {
        let text = self.metrics()?;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value
            .and_then(|value| value.trim().parse().ok())
            .with_context(|| format!("no metric {name} in\n{text}"))
    }

    /// Whether both servers are running.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        [&self.name_server, &self.broker]
            .into_iter()
            .all(|server| server.as_ref().is_some_and(Process::is_alive))
    }

    /// Stops the broker as an operator does: it must be gone in time, and by itself.
    pub fn stop_broker(&mut self) -> Result<()> {
        self.broker
            .take()
            .context("the broker is not running")?
            .terminate(STOP_PATIENCE)
            .with_context(|| self.log_tail())
    }

    /// Kills the broker without warning.
    pub fn kill_broker(&mut self) -> Result<()> {
        self.broker.take().context("the broker is not running")?.kill();
        Ok(())
    }

    /// From its next start on the broker is that of this folder, with a variable in its environment.
    pub fn become_special(&mut self, programs: &Path, variable: &str, value: impl ToString) {
        self.forget_special();
        self.setup = self.setup.clone().special(programs, variable, value);
    }

    /// From its next start on the broker is the usual one.
    pub fn forget_special(&mut self) {
        self.setup.programs = None;
        self.setup.environment.clear();
    }

    /// Starts the broker on the store and the ports it had before.
    pub fn start_broker(&mut self) -> Result<()> {
        self.spawn_broker()?;
        self.await_serving()
    }

    /// The same, and waits for nothing.
    pub fn spawn_broker(&mut self) -> Result<()> {
        let command = match self.target {
            Target::Gantry => {
                let mut command = gantry::broker(self.setup.programs.as_deref(), &self.broker_conf()?)?;
                command.envs(self.setup.environment.iter().cloned());
                wrapped(command, &self.setup.wrapper)
            }
            Target::Apache => apache::broker(&self.broker_conf()?, self.folder.path(), self.setup.java)?,
        };
        self.broker = Some(Process::start("broker", command, &self.folder.path().join("broker.out"))?);
        Ok(())
    }

    /// Starts it and sends to it until a message is stored, to a topic that is there or that the send makes. Gives how long that took
    /// from the start of the program.
    pub fn time_to_first_send(&mut self, topic: &str, patience: Duration) -> Result<Duration> {
        /// Between two tries, so that trying does not slow what it waits for.
        const PAUSE: Duration = Duration::from_micros(500);
        let draft = Draft { topic, queue: 0, body: b"first", properties: &[] };
        let start = Instant::now();
        self.spawn_broker()?;
        while BrokerClient::open(self.broker_port()).and_then(|mut broker| broker.send(&draft)).is_err() {
            if !self.is_alive() || start.elapsed() > patience {
                bail!("no message is stored\n{}", self.log_tail());
            }
            thread::sleep(PAUSE);
        }
        Ok(start.elapsed())
    }

    /// Goes on as the other implementation, name server and broker, on the same store and ports. The broker is down.
    pub fn become_target(&mut self, target: Target) -> Result<()> {
        if let Some(name_server) = self.name_server.take() {
            name_server.terminate(STOP_PATIENCE)?;
        }
        self.target = target;
        self.start_servers()
    }

    /// What the servers wrote last, and whether they still run; for the report of a failure.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let broker_log = match self.target {
            Target::Gantry => String::new(),
            Target::Apache => tail(&apache::broker_log(self.folder.path()), 60, |_| true),
        };
        let servers =
            [("name server", &self.name_server, "name-server.out"), ("broker", &self.broker, "broker.out")];
        let mut text = String::new();
        for (name, server, output) in servers {
            let state = match server {
                None => "not started, or stopped by the test",
                Some(process) if process.is_alive() => "running",
                Some(_) => "ENDED BY ITSELF",
            };
            // Apache's logging library tells at length how it sets itself up.
            let output = tail(&self.folder.path().join(output), 60, |line| !line.contains("|-INFO in "));
            text += &format!("--- {} {name}: {state}; the end of what it wrote ---\n{output}\n", self.target);
        }
        text + &broker_log + "\n---"
    }

    fn start_servers(&mut self) -> Result<()> {
        let folder = self.folder.path();
        let command = match self.target {
            Target::Gantry => {
                gantry::name_server(self.ports.name_server(), &self.folder.folder("name-server")?)?
            }
            Target::Apache => apache::name_server(self.ports.name_server(), folder)?,
        };
        self.name_server = Some(Process::start("name server", command, &folder.join("name-server.out"))?);
        self.await_name_server()?;
        self.start_broker()
    }

    fn broker_conf(&self) -> Result<PathBuf> {
        broker_conf::write(self.folder.path(), &self.ports, self.setup.probes, &self.setup.settings)
    }

    fn await_name_server(&mut self) -> Result<()> {
        let port = self.ports.name_server();
        let server = self.name_server.as_mut().context("the name server is not running")?;
        await_condition("the name server takes connections", START_PATIENCE, || {
            if let Some(status) = server.exit_status()? {
                bail!("the name server ended: {status}\n{}", server.output_tail());
            }
            Ok(TcpStream::connect(("127.0.0.1", port)).is_ok())
        })
    }

    fn await_serving(&mut self) -> Result<()> {
        let (name_server, port) = (self.ports.name_server(), self.ports.broker());
        let broker = self.broker.as_mut().context("the broker is not running")?;
        let serving =
            await_condition("the broker is registered and takes connections", START_PATIENCE, || {
                if let Some(status) = broker.exit_status()? {
                    bail!("the broker ended: {status}");
                }
                Ok(TcpStream::connect(("127.0.0.1", port)).is_ok()
                    && remoting::is_registered(name_server, port)?)
            });
        serving.with_context(|| self.log_tail())
    }
}

/// The command, run by another program.
fn wrapped(command: Command, wrapper: &[String]) -> Command {
    let Some((program, arguments)) = wrapper.split_first() else { return command };
    let mut outer = Command::new(program);
    outer.args(arguments).arg(command.get_program()).args(command.get_args());
    outer.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    outer
}
