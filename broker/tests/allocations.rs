//! What a message costs in allocations, which no noise of a machine moves: sends one by one, sends many at once, pulls.
//!
//! The broker and a client that allocates nothing while it is counted share this process.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "a test may panic")]

use bytes::BytesMut;
use gantry_broker::BrokerConfig;
use gantry_remoting::header::{PULL_SUBSCRIPTION, PullMessage, SendMessageV2, ToFields as _};
use gantry_remoting::{CommandBuf, RequestCode, SerializeType, frame};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use tokio::sync::watch;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// What each may take. Sends are where we want them; a little is left for what runs beside them.
const PER_SEND: f64 = 0.05;
/// A pull of 32 takes 2: the name of the queue's file, and the answer's share in the log.
const PER_PULLED: f64 = 0.1;
/// Messages of a count, and of those before it that nobody counts.
const COUNTED: usize = 4_096;
const DEEP: usize = 32;

#[test]
fn sends_and_pulls_allocate_no_more_than_they_may() {
    let _counts = dhat::Profiler::builder().testing().build();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let root = tempfile::tempdir().unwrap();
    let mut config = BrokerConfig::new(root.path());
    let unknown = config
        .apply(
            "brokerName=a\nbrokerIP1=127.0.0.1\nbindAddress=127.0.0.1\nvipChannelEnabled=false\n\
             diskMaxUsedSpaceRatio=99\ndiskSpaceCleanForciblyRatio=99\ndiskSpaceWarningLevelRatio=99\n\
             mapedFileSizeCommitLog=67108864\nwarmMapedFileEnable=false\n",
        )
        .unwrap();
    assert_eq!(unknown, []);
    config.listen_port = 0;
    let (stop, stopped) = watch::channel(false);
    let running = runtime.block_on(gantry_broker::start(config, stopped)).unwrap();
    let port = SocketAddr::from((Ipv4Addr::LOCALHOST, running.addr().port()));
    for header in [SerializeType::Binary, SerializeType::Json] {
        let mut client = Client::open(port, header);
        for (depth, what) in [(1, "one by one"), (DEEP, "32 at once")] {
            let each = client.sends(depth);
            println!("{header:?}, {what}: {each:.3} allocations a send");
            assert!(each <= PER_SEND, "{header:?}, {what}: {each} allocations a send");
        }
        let each = client.pulls();
        println!("{header:?}: {each:.4} allocations a message pulled");
        assert!(each <= PER_PULLED, "{header:?}: {each} allocations a message pulled");
    }
    stop.send_replace(true);
    runtime.block_on(running.stopped()).unwrap();
}

/// A connection with room for everything that is asked and answered.
struct Client {
    stream: TcpStream,
    header: SerializeType,
    came: Vec<u8>,
}

impl Client {
    fn open(broker: SocketAddr, header: SerializeType) -> Self {
        let stream = TcpStream::connect(broker).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, header, came: vec![0; 1 << 20] }
    }

    /// Allocations of a send, so many under way.
    fn sends(&mut self, depth: usize) -> f64 {
        let fields = SendMessageV2 {
            producer_group: "p",
            topic: "allocations",
            default_topic: Some("TBW102"),
            default_topic_queue_nums: 1,
            queue_id: 0,
            sys_flag: 0,
            born_timestamp: 1_700_000_000_000,
            flag: 0,
            properties: Some("UNIQ_KEY\u{1}7F0000010000502400000000DEADBEEF\u{2}WAIT\u{1}true\u{2}"),
            reconsume_times: Some(0),
            unit_mode: false,
            max_reconsume_times: None,
            batch: false,
            broker_name: None,
        };
        let command = fields.into_command(CommandBuf::request(RequestCode::SEND_MESSAGE_V2));
        let once = self.encoded(command.with_body(vec![b'x'; 128]), depth);
        self.counted(&once, depth, COUNTED / depth) / COUNTED as f64
    }

    /// Allocations of a message of a pull that brings 32.
    fn pulls(&mut self) -> f64 {
        let fields = PullMessage {
            consumer_group: "c",
            topic: "allocations",
            queue_id: 0,
            queue_offset: 0,
            max_msg_nums: DEEP as i32,
            sys_flag: PULL_SUBSCRIPTION,
            commit_offset: 0,
            suspend_timeout_millis: 0,
            subscription: Some("*"),
            sub_version: 0,
            expression_type: None,
            max_msg_bytes: None,
        };
        let command = fields.into_command(CommandBuf::request(RequestCode::PULL_MESSAGE));
        let once = self.encoded(command, 1);
        let pulls = COUNTED / DEEP;
        self.counted(&once, 1, pulls) / (pulls * DEEP) as f64
    }

    fn encoded(&self, mut command: CommandBuf, times: usize) -> Vec<u8> {
        command.serialize_type = self.header;
        let mut frames = BytesMut::new();
        (0..times).for_each(|_| command.encode(&mut frames));
        frames.to_vec()
    }

    /// Allocations of this process while it asks so often and waits for all answers each time; it has asked as often before.
    fn counted(&mut self, frames: &[u8], answers: usize, times: usize) -> f64 {
        let mut before = 0;
        for count in [false, true] {
            if count {
                before = dhat::HeapStats::get().total_blocks;
            }
            for _ in 0..times {
                self.stream.write_all(frames).unwrap();
                self.await_answers(answers);
            }
        }
        (dhat::HeapStats::get().total_blocks - before) as f64
    }

    fn await_answers(&mut self, answers: usize) {
        let (mut len, mut start, mut seen) = (0, 0, 0);
        while seen < answers {
            let count = self.stream.read(&mut self.came[len..]).unwrap();
            assert!(count > 0, "the broker closed the connection");
            len += count;
            while let Some(frame) = frame::split(&self.came[start..len]).unwrap() {
                assert_eq!(code(frame), 0, "{:?}", String::from_utf8_lossy(frame.header));
                start += frame.len;
                seen += 1;
            }
        }
        assert_eq!(start, len, "nothing comes that was not asked for");
    }
}

/// The code of an answer, without an allocation.
fn code(frame: frame::Frame<'_>) -> i32 {
    match frame.serialize_type {
        1 => i16::from_be_bytes([frame.header[0], frame.header[1]]).into(),
        _ => i32::from(!frame.header.windows(9).any(|text| text == b"\"code\":0,")),
    }
}
