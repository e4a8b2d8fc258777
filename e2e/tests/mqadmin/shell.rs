//! mqadmin in one process for all commands, see `AdminShell.java`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use anyhow::{Context, Result, anyhow, bail};
use gantry_e2e::process::spawn;
use gantry_e2e::toolchain::{Java, Module, SHORT_LIVED};
use gantry_e2e::work_folder::WorkFolder;

pub(crate) struct Shell {
    process: Child,
    commands: ChildStdin,
    output: BufReader<ChildStdout>,
    _folder: WorkFolder,
}

impl Shell {
    pub(crate) fn start() -> Result<Self> {
        let java = Java::ready()?.map_err(|missing| anyhow!("{missing}"))?;
        let folder = WorkFolder::new("mqadmin")?;
        let home = format!("-Duser.home={}", folder.path().display());
        let logs = format!("-Drocketmq.log.root={}", folder.path().display());
        let options = [&SHORT_LIVED[..], &[&home, &logs]].concat();
        let mut command = java.command(Module::Tools, &options, "dev.gantry.e2e.AdminShell");
        command.env("ROCKETMQ_HOME", folder.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut process = spawn(command).context("starting mqadmin")?;
        let commands = process.stdin.take().context("stdin is piped")?;
        let output = BufReader::new(process.stdout.take().context("stdout is piped")?);
        Ok(Self { process, commands, output, _folder: folder })
    }

    /// All that the command printed.
    pub(crate) fn run(&mut self, command: &str) -> Result<Vec<String>> {
        writeln!(self.commands, "{command}")?;
        self.commands.flush()?;
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if self.output.read_line(&mut line)? == 0 {
                bail!("mqadmin ended in {command}:\n{}", lines.join("\n"));
            }
            match line.trim_end() {
                "@@ end" => return Ok(lines),
                other => lines.push(other.to_owned()),
            }
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
