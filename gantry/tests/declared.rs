//! `gantry local -f`: the program itself, with a folder of files that is edited.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic")]

use gantry_admin::{Admin as _, Calls};
use gantry_remoting::body::TopicConfig;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(30);

const CLUSTER: &str = "\
apiVersion: gantry.dev/v1alpha1
kind: NameServer
metadata: {name: names}
spec: {}
---
apiVersion: gantry.dev/v1alpha1
kind: BrokerGroup
metadata: {name: main}
spec:
  nameServerRef: {name: names}
  storage: {size: 1Gi}
  config: {autoCreateTopicEnable: 'false'}
";

fn topic(queues: u32, more: &str) -> String {
    format!(
        "apiVersion: gantry.dev/v1alpha1\nkind: Topic\nmetadata: {{name: orders}}\nspec:\n  brokerGroups: [main]\n  \
         queues: {queues}\n{more}---\napiVersion: gantry.dev/v1alpha1\nkind: ConsumerGroup\nmetadata: {{name: \
         billing}}\nspec: {{brokerGroups: [main]}}\n"
    )
}

/// The program, and the lines that it says.
struct Program {
    child: Child,
    lines: Receiver<String>,
    heard: Vec<String>,
}

impl Program {
    fn start(folder: &Path, data: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_gantry"))
            .args(["local", "--port", "0", "--broker-port", "0", "-f"])
            .arg(folder)
            .arg("--data")
            .arg(data)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (say, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if say.send(line).is_err() {
                    break;
                }
            }
        });
        Self { child, lines, heard: Vec::new() }
    }

    /// Waits for a line that has all of `parts`.
    fn says(&mut self, parts: &[&str]) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    self.heard.push(line.clone());
                    if parts.iter().all(|part| line.contains(part)) {
                        return line;
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("never said {parts:?}, but:\n{}", self.heard.join("\n"));
                }
            }
        }
    }

    fn broker(&mut self) -> String {
        let line = self.says(&["BrokerGroup/main: serving at "]);
        line.rsplit_once(' ').unwrap().1.to_owned()
    }

    /// As Ctrl-C does.
    fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.says(&["stopped after"]);
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn eventually(calls: &Calls, broker: &str, holds: impl Fn(&Option<TopicConfig>) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let config = calls.topic_config(broker, "orders").await.unwrap();
        if holds(&config) {
            return;
        }
        assert!(Instant::now() < deadline, "{config:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn has(queues: i32) -> impl Fn(&Option<TopicConfig>) -> bool {
    move |config| {
        config
            .as_ref()
            .is_some_and(|topic| (topic.write_queue_nums, topic.read_queue_nums) == (queues, queues))
    }
}

#[tokio::test]
async fn what_is_edited_is_done_and_what_is_wrong_is_told() {
    let home = tempfile::tempdir().unwrap();
    let (folder, data) = (home.path().join("files"), home.path().join("data"));
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("cluster.yaml"), CLUSTER).unwrap();
    let orders = folder.join("orders.yaml");
    fs::write(&orders, topic(4, "")).unwrap();
    let calls = Calls::default();

    let mut program = Program::start(&folder, &data);
    let broker = program.broker();
    program.says(&["Topic/orders  Ready True  4 queues on main"]);
    program.says(&["ConsumerGroup/billing  Ready True", "0 members  lag 0"]);
    eventually(&calls, &broker, has(4)).await;

    // The demonstration: 4 to 8.
    fs::write(&orders, topic(8, "")).unwrap();
    program.says(&["Topic/orders main: writeQueueNums 4 -> 8, readQueueNums 4 -> 8"]);
    program.says(&["Topic/orders  Ready True  8 queues on main"]);
    eventually(&calls, &broker, has(8)).await;

    // By hand, behind its back.
    calls.put_topic(&broker, &TopicConfig::new("orders", 2, 6), "").await.unwrap();
    program.says(&["Topic/orders main: writeQueueNums 2 -> 8"]);

    fs::write(&orders, topic(16, "  orderd: true\n")).unwrap();
    program.says(&["not applied"]);
    program
        .says(&["orders.yaml, document 1 (Topic/orders): spec.orderd: there is no such field", "ordered?"]);
    eventually(&calls, &broker, has(8)).await;

    fs::write(folder.join("cluster.yaml"), format!("{CLUSTER}  flushMode: Sync\n")).unwrap();
    fs::write(&orders, topic(8, "")).unwrap();
    program.says(&["BrokerGroup/main: restarting for flushMode Async -> Sync"]);
    program.broker();
    program.stop();

    let mut program = Program::start(&folder, &data);
    let broker = program.broker();
    program.says(&["Topic/orders  Ready True  8 queues on main"]);

    // Not declared any more: by policy it goes, too.
    fs::write(&orders, topic(8, "  deletionPolicy: Delete\n")).unwrap();
    let deletes = |text: &str| fs::read_to_string(data.join("status.json")).unwrap().contains(text);
    let deadline = Instant::now() + PATIENCE;
    while !deletes("\"deletionPolicy\": \"Delete\"") {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    fs::remove_file(&orders).unwrap();
    program.says(&["Topic/orders main: deleted with its messages"]);
    eventually(&calls, &broker, Option::is_none).await;
    program.says(&["ConsumerGroup/billing: no longer declared, left on the brokers"]);
    program.stop();
}

#[test]
fn files_with_a_mistake_start_nothing() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("all.yaml");
    fs::write(&file, format!("{CLUSTER}---\n{}", topic(0, ""))).unwrap();
    let ended = Command::new(env!("CARGO_BIN_EXE_gantry"))
        .args(["local", "--port", "0", "--broker-port", "0", "-f"])
        .arg(&file)
        .arg("--data")
        .arg(home.path().join("data"))
        .output()
        .unwrap();
    assert_eq!(ended.status.code(), Some(1));
    let told = String::from_utf8(ended.stderr).unwrap();
    assert!(told.contains("document 3 (Topic/orders): spec.queues: must be at least 1, not 0"), "{told}");
}
