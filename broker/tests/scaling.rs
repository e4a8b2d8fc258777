//! Scaling an ordered topic, seen from the wire.
#![allow(clippy::unwrap_used, reason = "a test that panics is a test that fails")]

mod support;

use gantry_message::{Record, batch, record};
use gantry_remoting::body::TopicScalingBody;
use gantry_remoting::client::Connection;
use gantry_remoting::header::{
    BeginScale, CreateTopic, PullMessage, QueryConsumerOffset, ResetOffset, ScaleRef, ToFields as _,
    TopicName, UpdateConsumerOffset,
};
use gantry_remoting::{CommandBuf, RequestCode, ResponseCode, fastjson};
use gantry_scaling::queue_of_key;
use std::path::Path;
use std::time::{Duration, Instant};
use support::{Broker, WAIT, free_port, send_command, send_command_with};

const TOPIC: &str = "Orders";

/// A broker and a connection to it.
struct Scene {
    dir: tempfile::TempDir,
    port: u16,
    broker: Option<Broker>,
    connection: Connection,
}

impl Scene {
    async fn new() -> Self {
        let (dir, port) = (tempfile::tempdir().unwrap(), free_port());
        let broker = start(dir.path(), port).await;
        let connection = broker.connect().await;
        Self { dir, port, broker: Some(broker), connection }
    }

    /// SIGKILL, and a new start.
    async fn killed(&mut self) {
        self.broker.take().unwrap().kill();
        let broker = start(self.dir.path(), self.port).await;
        self.connection = broker.connect().await;
        self.broker = Some(broker);
    }

    async fn ask(&self, command: CommandBuf) -> CommandBuf {
        self.connection.request(command, WAIT).await.unwrap()
    }

    /// Sends to a queue; gives the queue that took it, and the offset there.
    async fn send(&self, queue: i32, body: &str) -> (i32, i64) {
        self.sent(send_command(TOPIC, queue, body.to_owned())).await
    }

    /// Sends a message of an order to queue 0, as somebody does who knows of no other.
    async fn order(&self, order: &str, body: &str) -> i32 {
        let command = send_command_with(TOPIC, 0, &of_order(order), false, body.to_owned());
        self.sent(command).await.0
    }

    async fn sent(&self, command: CommandBuf) -> (i32, i64) {
        let answer = self.ask(command).await;
        assert_eq!(answer.response_code(), ResponseCode::SUCCESS, "{:?}", answer.remark);
        let field = |name: &str| answer.find(name).unwrap().parse::<i64>().unwrap();
        (field("queueId") as i32, field("queueOffset"))
    }

    async fn scale(
        &self,
        code: RequestCode,
        header: impl gantry_remoting::header::ToFields,
    ) -> Result<TopicScalingBody, String> {
        let answer = self.ask(header.into_command(CommandBuf::request(code))).await;
        match answer.response_code() {
            ResponseCode::SUCCESS => Ok(fastjson::from_slice(&answer.body).unwrap()),
            _ => Err(answer.remark.unwrap_or_default()),
        }
    }

    /// Changes the topic as mqadmin does.
    async fn set(&self, read: i32, write: i32, attributes: Option<&str>) -> (ResponseCode, String) {
        let header = CreateTopic {
            topic: TOPIC,
            default_topic: Some("TBW102"),
            read_queue_nums: read,
            write_queue_nums: write,
            perm: 6,
            topic_filter_type: Some("SINGLE_TAG"),
            topic_sys_flag: Some(0),
            order: false,
            attributes,
        };
        let answer =
            self.ask(header.into_command(CommandBuf::request(RequestCode::UPDATE_AND_CREATE_TOPIC))).await;
        (answer.response_code(), answer.remark.unwrap_or_default())
    }

    async fn begin(&self, id: &str, from: i32, to: i32, settle: i64) -> Result<TopicScalingBody, String> {
        let header = BeginScale {
            topic: TOPIC,
            scale_id: id,
            from,
            to,
            settle_millis: Some(settle),
            max_settle_millis: None,
            open_reads_early: true,
        };
        self.scale(RequestCode::BEGIN_SCALE, header).await
    }

    async fn open(&self, id: &str) -> Result<TopicScalingBody, String> {
        self.scale(RequestCode::OPEN_SCALE, ScaleRef { topic: TOPIC, scale_id: id }).await
    }

    async fn abort(&self, id: &str) -> Result<TopicScalingBody, String> {
        self.scale(RequestCode::ABORT_SCALE, ScaleRef { topic: TOPIC, scale_id: id }).await
    }

    async fn state(&self) -> TopicScalingBody {
        self.scale(RequestCode::GET_SCALING, TopicName { topic: TOPIC }).await.unwrap()
    }

    async fn flipped(&self, id: &str) -> TopicScalingBody {
        let start = Instant::now();
        loop {
            let state = self.state().await;
            if state.flips.iter().any(|flip| flip.id == id) {
                return state;
            }
            assert!(start.elapsed() < WAIT, "{state:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn commit(&self, group: &str, queue: i32, offset: i64) {
        // A pull makes the group.
        self.pull(group, 1, 0, NO_WAIT).await;
        let header = UpdateConsumerOffset {
            consumer_group: group,
            topic: TOPIC,
            queue_id: queue,
            commit_offset: offset,
        };
        let answer =
            self.ask(header.into_command(CommandBuf::request(RequestCode::UPDATE_CONSUMER_OFFSET))).await;
        assert_eq!(answer.response_code(), ResponseCode::SUCCESS, "{:?}", answer.remark);
    }

    async fn committed(&self, group: &str, queue: i32) -> Option<i64> {
        let header = QueryConsumerOffset {
            consumer_group: group,
            topic: TOPIC,
            queue_id: queue,
            set_zero_if_not_found: None,
        };
        let answer =
            self.ask(header.into_command(CommandBuf::request(RequestCode::QUERY_CONSUMER_OFFSET))).await;
        (answer.response_code() == ResponseCode::SUCCESS)
            .then(|| answer.find("offset").unwrap().parse().unwrap())
    }

    /// Pulls, waiting at most so long; the bodies, or `None` for "not found".
    async fn pull(&self, group: &str, queue: i32, offset: i64, wait: Duration) -> Option<Vec<String>> {
        pull(&self.connection, group, queue, offset, wait).await
    }
}

async fn pull(
    connection: &Connection,
    group: &str,
    queue: i32,
    offset: i64,
    wait: Duration,
) -> Option<Vec<String>> {
    let pull = PullMessage {
        consumer_group: group,
        topic: TOPIC,
        queue_id: queue,
        queue_offset: offset,
        max_msg_nums: 32,
        // Suspend, and a subscription of its own.
        sys_flag: 2 | 4,
        commit_offset: 0,
        suspend_timeout_millis: wait.as_millis() as i64,
        subscription: Some("*"),
        sub_version: 0,
        expression_type: None,
        max_msg_bytes: None,
    };
    let answer =
        connection.request(pull.into_command(CommandBuf::request(RequestCode::PULL_MESSAGE)), WAIT).await;
    let answer = answer.unwrap();
    match answer.response_code() {
        ResponseCode::PULL_NOT_FOUND => {
            assert_eq!(answer.find("nextBeginOffset"), Some(offset.to_string().as_str()));
            None
        }
        ResponseCode::SUCCESS => Some(
            record::records(&answer.body)
                .map(|record: Result<Record<'_>, _>| {
                    String::from_utf8(record.unwrap().body.to_vec()).unwrap()
                })
                .collect(),
        ),
        other => panic!("pull of queue {queue} at {offset}: {other} {:?}", answer.remark),
    }
}

async fn start(root: &Path, port: u16) -> Broker {
    Broker::start(root, port, &["defaultTopicQueueNums=4", "flushConsumerOffsetInterval=3600000"]).await
}

const NO_WAIT: Duration = Duration::ZERO;

#[tokio::test]
async fn sends_are_stored_in_the_parent_until_the_flip_and_groups_wait_for_it() {
    let scene = Scene::new().await;
    assert_eq!(scene.send(3, "a").await, (3, 0));
    let state = scene.begin("s1", 4, 8, 300).await.unwrap();
    assert_eq!((state.queues, state.write_queue_nums, state.read_queue_nums), (4, 8, 8));
    assert_eq!(scene.send(7, "b").await, (3, 1), "redirected, and told so");
    assert_eq!(scene.begin("s1", 4, 8, 300).await.unwrap().queues, 4, "the same again");
    let refused = scene.begin("s2", 4, 16, 300).await.unwrap_err();
    assert!(refused.contains("s1"), "{refused}");
    let state = scene.flipped("s1").await;
    assert_eq!(state.flips[0].fences, [0, 0, 0, 2, 0, 0, 0, 0]);
    assert_eq!(scene.send(7, "c").await, (7, 0));
    assert_eq!(scene.send(11, "d").await, (3, 2), "whoever thinks of more is served");

    scene.commit("g", 3, 1).await;
    assert_eq!(scene.committed("g", 7).await, Some(0), "from the first message on");
    assert_eq!(scene.pull("g", 7, 0, NO_WAIT).await, None, "b is to be consumed first");
    assert_eq!(scene.pull("g", 3, 1, NO_WAIT).await.unwrap(), ["b", "d"]);
    let state = scene.state().await;
    assert_eq!((state.groups[0].group.as_str(), state.groups[0].remaining), ("g", 1));
    assert_eq!(state.groups[0].gated_queues, [7]);

    // A pull that waits in front of the gate is answered as soon as it opens.
    let waiting = scene.broker.as_ref().unwrap().connect().await;
    let began = Instant::now();
    let (pulled, ()) = tokio::join!(pull(&waiting, "g", 7, 0, Duration::from_secs(15)), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        scene.commit("g", 3, 2).await;
    });
    assert_eq!(pulled.unwrap(), ["c"]);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(scene.pull("h", 7, 0, NO_WAIT).await, None, "another group has its own gate");
    let state = scene.open("s1").await.unwrap();
    assert!(state.flips[0].opened && state.ended[0].done);
}

#[tokio::test]
async fn an_aborted_scale_leaves_nothing_behind() {
    let scene = Scene::new().await;
    scene.send(0, "a").await;
    scene.begin("s1", 4, 8, 60_000).await.unwrap();
    scene.send(4, "b").await;
    let state = scene.abort("s1").await.unwrap();
    assert_eq!((state.queues, state.write_queue_nums, state.read_queue_nums), (4, 4, 4));
    assert_eq!(scene.send(4, "c").await, (0, 2), "producers that learned of it are served on");
    assert!(scene.abort("s1").await.is_ok(), "the same again");
    assert!(scene.abort("s9").await.unwrap_err().contains("no scale s9"));
    scene.begin("s2", 4, 8, 0).await.unwrap();
    scene.flipped("s2").await;
    assert!(scene.abort("s2").await.unwrap_err().contains("flipped"));
    assert_eq!(scene.send(4, "d").await, (4, 0));
}

#[tokio::test]
async fn fewer_queues_are_cut_at_their_fence_until_the_others_are_consumed() {
    let scene = Scene::new().await;
    for queue in [0, 2] {
        scene.send(queue, &format!("before {queue}")).await;
    }
    scene.commit("g", 0, 0).await;
    let state = scene.begin("s1", 4, 2, 0).await.unwrap();
    assert_eq!((state.queues, state.write_queue_nums, state.read_queue_nums), (2, 2, 4));
    assert_eq!(scene.send(2, "after").await, (0, 1));
    assert_eq!(scene.pull("g", 0, 0, NO_WAIT).await.unwrap(), ["before 0"], "not what came after");
    assert_eq!(scene.pull("g", 0, 1, NO_WAIT).await, None);
    assert!(scene.open("s1").await.unwrap_err().contains("group g has still 1 message"));
    assert_eq!(scene.pull("g", 2, 0, NO_WAIT).await.unwrap(), ["before 2"]);
    scene.commit("g", 2, 1).await;
    assert_eq!(scene.pull("g", 0, 1, WAIT).await.unwrap(), ["after"]);
    let state = scene.open("s1").await.unwrap();
    assert_eq!((state.write_queue_nums, state.read_queue_nums), (2, 2));
    assert_eq!(scene.send(3, "x").await, (1, 0));

    // Back to four: what the queues had before is nobody's any more.
    scene.begin("s2", 2, 4, 0).await.unwrap();
    scene.flipped("s2").await;
    assert_eq!(scene.send(2, "anew").await, (2, 1));
    scene.commit("h", 0, 2).await;
    assert_eq!(scene.committed("h", 2).await, Some(1));
}

#[tokio::test]
async fn a_kill_at_any_time_changes_nothing_but_the_time_it_takes() {
    let mut scene = Scene::new().await;
    scene.send(3, "a").await;
    scene.begin("s1", 4, 8, 3_600_000).await.unwrap();
    scene.killed().await;
    let state = scene.state().await;
    assert_eq!(state.announced.as_ref().map(|announced| announced.id.as_str()), Some("s1"));
    assert_eq!((state.queues, state.write_queue_nums), (4, 8));
    assert_eq!(scene.send(7, "b").await, (3, 1));
    scene.abort("s1").await.unwrap();
    scene.begin("s2", 4, 8, 0).await.unwrap();
    scene.flipped("s2").await;
    scene.killed().await;
    assert_eq!(scene.state().await.flips[0].fences, [0, 0, 0, 2, 0, 0, 0, 0]);
    assert_eq!(scene.send(7, "c").await, (7, 0));
    // Offsets are not saved here: the group passes the gate, reads, and the broker forgets its commit.
    scene.commit("g", 3, 2).await;
    assert_eq!(scene.pull("g", 7, 0, WAIT).await.unwrap(), ["c"]);
    scene.killed().await;
    assert_eq!(scene.committed("g", 3).await, Some(2), "it is not given a and b again, after c");
    // Set back on purpose it stays back.
    let header = ResetOffset {
        topic: TOPIC,
        group: "g",
        timestamp: 0,
        is_force: true,
        queue_id: Some(3),
        offset: Some(1),
    };
    let answer =
        scene.ask(header.into_command(CommandBuf::request(RequestCode::INVOKE_BROKER_TO_RESET_OFFSET))).await;
    assert_eq!(answer.response_code(), ResponseCode::SUCCESS, "{:?}", answer.remark);
    assert_eq!(scene.pull("g", 7, 0, NO_WAIT).await, None);
    scene.killed().await;
    assert_eq!(scene.committed("g", 3).await, Some(1));
    assert_eq!(scene.pull("g", 7, 0, NO_WAIT).await, None);
}

#[tokio::test]
async fn settings_changed_by_hand_open_no_gate_early() {
    let scene = Scene::new().await;
    scene.send(0, "a").await;
    scene.commit("g", 0, 0).await;
    scene.begin("s1", 4, 8, 60_000).await.unwrap();
    let set = async |read: i32, write: i32| scene.set(read, write, None).await;
    let (code, remark) = set(16, 16).await;
    assert_eq!(code, ResponseCode::INVALID_PARAMETER);
    assert!(remark.contains("s1") && remark.contains("abort"), "{remark}");
    assert_eq!(set(16, 8).await.0, ResponseCode::SUCCESS, "reading is safe: the gates stand");
    scene.abort("s1").await.unwrap();
    scene.begin("s2", 4, 8, 0).await.unwrap();
    scene.flipped("s2").await;
    scene.send(4, "b").await;
    assert_eq!(set(8, 8).await.0, ResponseCode::SUCCESS);
    assert_eq!(scene.pull("g", 4, 0, NO_WAIT).await, None);
    scene.open("s2").await.unwrap();
    // Not being scaled, the topic is whoever's who changes it, as with Apache's broker.
    assert_eq!(set(16, 16).await.0, ResponseCode::SUCCESS);
    assert_eq!(scene.send(12, "c").await, (12, 0));
    assert_eq!(scene.pull("g", 4, 0, NO_WAIT).await, None, "gates stay");
}

#[tokio::test]
async fn what_cannot_be_done_in_order_is_refused_with_a_reason() {
    let scene = Scene::new().await;
    scene.send(0, "a").await;
    let refused = scene.begin("s1", 4, 6, 0).await.unwrap_err();
    assert!(refused.contains("choose 2 or 8"), "{refused}");
    assert!(scene.begin("s1", 2, 8, 0).await.unwrap_err().contains("has 4 queues, not 2"));
    assert!(scene.begin("no/id", 4, 8, 0).await.is_err());
    assert!(scene.begin("s1", 4, 8, -1).await.is_err());
}

fn of_order(order: &str) -> String {
    format!("order\u{1}{order}\u{2}")
}

/// Orders, one for each of six queues.
const ORDERS: [&str; 6] = ["24", "25", "26", "27", "28", "29"];

#[tokio::test]
async fn the_broker_puts_messages_to_the_queues_of_their_keys() {
    let mut scene = Scene::new().await;
    assert_eq!(scene.set(4, 4, Some("+order.keyProperty=order")).await.0, ResponseCode::SUCCESS);
    let queues_of = async |scene: &Scene, body: &str| {
        let mut queues = Vec::new();
        for order in ORDERS {
            queues.push(scene.order(order, body).await);
        }
        queues
    };
    let expected = |queues: i32| ORDERS.map(|order| queue_of_key(order, queues)).to_vec();
    assert_eq!(queues_of(&scene, "a").await, expected(4));
    assert_eq!(scene.send(3, "no order").await.0, 3, "without a key it goes where it was sent to");
    scene.killed().await;
    assert_eq!(queues_of(&scene, "a").await, expected(4));
    assert!(scene.state().await.flips.is_empty(), "there never was another rule");

    // To any number, and at once: nobody has to learn of it.
    let state = scene.begin("s1", 4, 6, 3_600_000).await.unwrap();
    assert_eq!((state.queues, state.write_queue_nums, state.read_queue_nums), (6, 6, 6));
    assert_eq!(queues_of(&scene, "b").await, expected(6));
    // The queues were 4, and 6 after: of the same rest by 2 are 0, 2, 4 and 1, 3, 5.
    assert_eq!(scene.pull("g", 4, 0, NO_WAIT).await, None);
    for queue in [0, 2] {
        scene.commit("g", queue, state.flips[0].fences[queue as usize]).await;
    }
    assert_eq!(scene.state().await.groups[0].gated_queues, [1, 3, 5]);
    assert_eq!(scene.pull("g", 4, 0, WAIT).await.unwrap(), ["b"]);

    scene.killed().await;
    assert_eq!(queues_of(&scene, "c").await, expected(6));
    scene.open("s1").await.unwrap();

    // By hand, too, and in order; but not back to where clients choose.
    assert_eq!(scene.set(12, 12, None).await.0, ResponseCode::SUCCESS);
    assert_eq!(queues_of(&scene, "d").await, expected(12));
    assert_eq!(scene.state().await.flips.len(), 2);
    let (code, remark) = scene.set(8, 8, None).await;
    assert!(code == ResponseCode::INVALID_PARAMETER && remark.contains("queues 8 to 11"), "{remark}");
    let (_, remark) = scene.set(12, 12, Some("-order.keyProperty")).await;
    assert!(remark.contains("cannot be taken away"), "{remark}");
    let (_, remark) = scene.set(12, 12, Some("+order.keyProperty=a b")).await;
    assert!(remark.contains("\"a b\""), "{remark}");
}

#[tokio::test]
async fn a_topic_that_gets_its_key_later_keeps_what_came_before_in_front() {
    let mut scene = Scene::new().await;
    for queue in 0..4 {
        scene.send(queue, "before").await;
    }
    assert_eq!(scene.set(4, 4, Some("+order.keyProperty=order")).await.0, ResponseCode::SUCCESS);
    scene.killed().await;
    let queue = scene.order("24", "after").await;
    assert_eq!(queue, queue_of_key("24", 4));
    assert_eq!(
        scene.pull("g", queue, 0, NO_WAIT).await.unwrap(),
        ["before"],
        "the key may have been in any queue"
    );
    assert_eq!(scene.pull("g", queue, 1, NO_WAIT).await, None);
    for queue in 0..4 {
        scene.commit("g", queue, 1).await;
    }
    assert_eq!(scene.pull("g", queue, 1, WAIT).await.unwrap(), ["after"]);
    assert!(scene.state().await.flips[0].opened, "nothing is left to do");
}

#[tokio::test]
async fn a_batch_of_a_keyed_topic_has_one_key() {
    let scene = Scene::new().await;
    assert_eq!(scene.set(4, 4, Some("+order.keyProperty=order")).await.0, ResponseCode::SUCCESS);
    let batch = async |orders: &[&str]| {
        let mut body = Vec::new();
        for order in orders {
            let properties = of_order(order);
            batch::push(&mut body, batch::Element { flag: 0, body: b"x", properties: &properties });
        }
        scene.ask(send_command_with(TOPIC, 0, "", true, body)).await
    };
    let answer = batch(&["25", "25"]).await;
    assert_eq!(
        answer.find("queueId"),
        Some(queue_of_key("25", 4).to_string().as_str()),
        "{:?}",
        answer.remark
    );
    let answer = batch(&["25", "26"]).await;
    assert_eq!(answer.response_code(), ResponseCode::MESSAGE_ILLEGAL);
    assert!(answer.remark.unwrap().contains("a batch for each"));
}
