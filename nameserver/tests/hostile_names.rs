//! Names that mean harm, through every field of every request that a name server reads: none becomes a path, and none is told
//! to clients.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "a test may panic")]

#[path = "../../broker/tests/support/names.rs"]
#[allow(dead_code, unreachable_pub, reason = "it is the broker's, too")]
mod names;

use gantry_message::name::check_topic;
use gantry_nameserver::{Config, start};
use gantry_remoting::body::{ClusterInfo, KvTable, TopicList};
use gantry_remoting::client::Connection;
use gantry_remoting::{CommandBuf, RequestCode, ResponseCode, fastjson};
use names::Bad::{Harmless, Refused};
use names::{Bad, TRICKY, bad_names, request, tree};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::sync::watch;

const WAIT: Duration = Duration::from_secs(20);
const LOOKS: Bad = Harmless("it is only looked for, and not found");
const KEY: Bad = Harmless(
    "a key in a file, never a path: only control characters and what is too long or blank are refused",
);

/// What a name server answers, and the fields that carry a name.
#[rustfmt::skip]
const CARRIES: &[(RequestCode, &[(&str, Bad)])] = &[
    (RequestCode::PUT_KV_CONFIG, &[("namespace", KEY), ("key", KEY)]),
    (RequestCode::GET_KV_CONFIG, &[("namespace", KEY), ("key", KEY)]),
    (RequestCode::DELETE_KV_CONFIG, &[("namespace", KEY), ("key", KEY)]),
    (RequestCode::GET_KVLIST_BY_NAMESPACE, &[("namespace", LOOKS)]),
    (RequestCode::REGISTER_BROKER, &[
        ("brokerName", Refused), ("clusterName", Refused), ("brokerAddr", Refused), ("haServerAddr", Refused), ("externalAddr", Refused),
        ("body.topic", Harmless("passed over, with a line in the log: one bad name in an old store must not take its broker off the map")),
    ]),
    (RequestCode::UNREGISTER_BROKER, &[("brokerName", LOOKS), ("clusterName", LOOKS), ("brokerAddr", LOOKS)]),
    (RequestCode::QUERY_DATA_VERSION, &[("brokerName", Refused), ("clusterName", Refused), ("brokerAddr", Refused)]),
    (RequestCode::BROKER_HEARTBEAT, &[("brokerName", LOOKS), ("clusterName", LOOKS), ("brokerAddr", LOOKS)]),
    (RequestCode::GET_BROKER_MEMBER_GROUP, &[("brokerName", Refused), ("clusterName", Refused)]),
    (RequestCode(217), &[("topic", Refused), ("body.broker", Refused)]),
    (RequestCode::GET_ROUTEINFO_BY_TOPIC, &[("topic", Refused)]),
    (RequestCode::WIPE_WRITE_PERM_OF_BROKER, &[("brokerName", LOOKS)]),
    (RequestCode::ADD_WRITE_PERM_OF_BROKER, &[("brokerName", LOOKS)]),
    (RequestCode::GET_TOPICS_BY_CLUSTER, &[("cluster", LOOKS)]),
    (RequestCode::DELETE_TOPIC_IN_NAMESRV, &[("topic", LOOKS), ("clusterName", LOOKS)]),
    (RequestCode::GET_BROKER_CLUSTER_INFO, &[]),
    (RequestCode::GET_ALL_TOPIC_LIST_FROM_NAMESERVER, &[]),
    (RequestCode::GET_SYSTEM_TOPIC_LIST_FROM_NS, &[]),
    (RequestCode::UPDATE_NAMESRV_CONFIG, &[]),
    (RequestCode::GET_NAMESRV_CONFIG, &[]),
];

/// Empty addresses of replication, and of clients outside, say that there are none; the addresses of brokers have letters that
/// names have not.
fn may_be(field: &str, name: &str) -> bool {
    name.is_empty() && matches!(field, "haServerAddr" | "externalAddr")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_name_does_harm() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let (stop, stopped) = watch::channel(false);
    let server = start(Config::new("127.0.0.1:0".parse().unwrap(), &data), stopped).await.unwrap();
    let connection = Connection::open(&server.addr.to_string(), WAIT, None).await.unwrap();
    let ask = async |command: CommandBuf| connection.request(command, WAIT).await.unwrap();

    // With good names it does nearly all that it is asked for.
    let (mut done, mut answered) = (0, BTreeSet::new());
    for (code, _) in CARRIES {
        answered.insert(code.0);
        done += u32::from(ask(request(*code, "", "")).await.response_code() == ResponseCode::SUCCESS);
    }
    assert!(done >= 16, "{done}");
    // And there is no other code that it knows.
    for code in (0..1100).chain(RequestCode::ALL.iter().map(|code| code.0)).chain(200_000..200_200) {
        if !answered.contains(&code) {
            let answer = ask(request(RequestCode(code), "", "")).await;
            assert_eq!(answer.response_code(), ResponseCode::REQUEST_CODE_NOT_SUPPORTED, "{code}");
        }
    }

    let mut taken: BTreeMap<(i32, &str), Vec<String>> = BTreeMap::new();
    for (code, fields) in CARRIES {
        for (field, bad) in *fields {
            for name in bad_names().into_iter().chain(TRICKY.map(str::to_owned)) {
                let answer = ask(request(*code, field, &name)).await;
                let is_tricky = TRICKY.contains(&&*name) || may_be(field, &name);
                if answer.response_code() == ResponseCode::SUCCESS {
                    if *bad == Refused && !is_tricky {
                        taken.entry((code.0, field)).or_default().push(name.chars().take(40).collect());
                    }
                } else {
                    assert!(
                        answer.remark.is_some_and(|text| !text.is_empty() && text.len() < 2048),
                        "{code} {field}"
                    );
                }
            }
        }
    }
    assert!(taken.is_empty(), "not refused: {taken:#?}");

    let good = |name: &str| check_topic(&name.replace('.', "-")).is_ok();
    let all = ask(CommandBuf::request(RequestCode::GET_ALL_TOPIC_LIST_FROM_NAMESERVER)).await;
    let topics: TopicList = fastjson::from_slice(&all.body).unwrap();
    assert!(topics.topic_list.iter().all(|topic| good(topic)), "{topics:?}");
    let info = ask(CommandBuf::request(RequestCode::GET_BROKER_CLUSTER_INFO)).await;
    let info: ClusterInfo = fastjson::from_slice(&info.body).unwrap();
    let clusters =
        info.cluster_addr_table.iter().flat_map(|(cluster, brokers)| brokers.iter().chain([cluster]));
    assert!(info.broker_addr_table.keys().chain(clusters).all(|name| good(name)), "{info:?}");

    let found = tree(dir.path());
    assert_eq!(found, ["data", "data/kvConfig.json", "data/lock"], "{found:?}");
    assert!(!std::path::Path::new("/tmp/gantry-must-not-be").exists());
    // What was put under odd keys is there after a restart.
    let keep = |namespace: &str| request(RequestCode::GET_KVLIST_BY_NAMESPACE, "namespace", namespace);
    let odd: KvTable = fastjson::from_slice(&ask(keep("../../x")).await.body).unwrap();
    drop(connection);
    stop.send(true).unwrap();
    server.task.await.unwrap();
    let (_stop, stopped) = watch::channel(false);
    let server = start(Config::new("127.0.0.1:0".parse().unwrap(), &data), stopped).await.unwrap();
    let connection = Connection::open(&server.addr.to_string(), WAIT, None).await.unwrap();
    let again = connection.request(keep("../../x"), WAIT).await.unwrap();
    assert_eq!(fastjson::from_slice::<KvTable>(&again.body).unwrap(), odd);
}
