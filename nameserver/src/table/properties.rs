//! Whatever brokers, connections and the clock do, in whatever order: what must hold of the table.

use super::*;
use proptest::prelude::*;
use std::collections::HashSet;

#[derive(Clone, Debug)]
enum Step {
    Register {
        name: usize,
        id: i64,
        addr: usize,
        connection: u64,
        counter: i64,
        epoch: i64,
        topics: Vec<usize>,
        acting: Option<bool>,
        timeout: u64,
    },
    Unregister {
        name: usize,
        addr: usize,
        connection: u64,
    },
    Disconnect {
        connection: u64,
    },
    Heartbeat {
        name: usize,
        addr: usize,
    },
    Query {
        name: usize,
        addr: usize,
        counter: i64,
        connection: u64,
    },
    Pass {
        seconds: u64,
    },
    WritePerm {
        name: usize,
        change: bool,
    },
    DeleteTopic {
        topic: usize,
        cluster: Option<usize>,
    },
    RegisterTopic {
        topic: usize,
        names: Vec<usize>,
    },
}

const NAMES: usize = 3;
const ADDRS: usize = 4;
const TOPICS: usize = 5;
const CONNECTIONS: u64 = 6;

fn step() -> impl Strategy<Value = Step> {
    let register = (
        (0..NAMES, 0..3_i64, 0..ADDRS, 0..CONNECTIONS, 0..5_i64, 0..2_i64),
        (prop::collection::vec(0..TOPICS, 0..TOPICS), any::<Option<bool>>(), 1..200_u64),
    )
        .prop_map(|((name, id, addr, connection, counter, epoch), (topics, acting, timeout))| {
            Step::Register { name, id, addr, connection, counter, epoch, topics, acting, timeout }
        });
    prop_oneof![
        10 => register,
        1 => (0..NAMES, 0..ADDRS, 0..CONNECTIONS).prop_map(|(name, addr, connection)| Step::Unregister { name, addr, connection }),
        1 => (0..CONNECTIONS).prop_map(|connection| Step::Disconnect { connection }),
        1 => (0..NAMES, 0..ADDRS).prop_map(|(name, addr)| Step::Heartbeat { name, addr }),
        1 => (0..NAMES, 0..ADDRS, 0..5_i64, 0..CONNECTIONS)
            .prop_map(|(name, addr, counter, connection)| Step::Query { name, addr, counter, connection }),
        3 => (0..90_u64).prop_map(|seconds| Step::Pass { seconds }),
        1 => (0..NAMES, any::<bool>()).prop_map(|(name, change)| Step::WritePerm { name, change }),
        1 => (0..TOPICS, prop::option::of(0..2_usize)).prop_map(|(topic, cluster)| Step::DeleteTopic { topic, cluster }),
        1 => (0..TOPICS, prop::collection::vec(0..NAMES, 0..3)).prop_map(|(topic, names)| Step::RegisterTopic { topic, names }),
    ]
}

fn name(n: usize) -> String {
    format!("b{n}")
}
fn addr(n: usize) -> String {
    format!("h{n}:1")
}
fn topic(n: usize) -> String {
    format!("T{n}")
}
fn version(counter: i64, state_version: i64) -> DataVersion {
    DataVersion { counter, state_version, timestamp: 7 }
}
fn queues() -> Queues {
    Queues { read: 1, write: 1, perm: 6, sys_flag: 0 }
}

fn registration(step: &Step) -> Option<Registration> {
    let Step::Register { name: n, id, addr: a, connection, counter, epoch, topics, acting, timeout } = step
    else {
        return None;
    };
    let topics: BTreeSet<_> = topics.iter().collect();
    Some(Registration {
        identity: Identity { cluster: format!("C{}", n % 2), name: name(*n), id: *id, addr: addr(*a) },
        ha_addr: String::new(),
        external_addr: None,
        timeout: Some(Duration::from_secs(*timeout)),
        acting_master: *acting,
        version: version(*counter, *epoch),
        single: topics.len() == 1,
        topics: topics.into_iter().map(|t| (topic(*t), Queues { read: *epoch as i32, ..queues() })).collect(),
        connection: ConnectionId(*connection),
    })
}

fn apply(table: &mut RouteTable, step: &Step, now: &mut Instant) {
    match step {
        Step::Register { .. } => {
            let _ = table.register(registration(step).unwrap(), *now);
        }
        Step::Unregister { name: n, addr: a, connection } => {
            table.unregister(&name(*n), &addr(*a), ConnectionId(*connection));
        }
        Step::Disconnect { connection } => {
            table.disconnected(ConnectionId(*connection));
            let bound = table.groups.values().flat_map(|group| group.members.values());
            assert!(bound.into_iter().all(|member| member.connection != ConnectionId(*connection)));
        }
        Step::Heartbeat { name: n, addr: a } => table.heartbeat(&name(*n), &addr(*a), *now),
        Step::Query { name: n, addr: a, counter, connection } => {
            let identity = Identity { cluster: String::new(), name: name(*n), id: 0, addr: addr(*a) };
            table.query_version(&identity, version(*counter, 0), ConnectionId(*connection), *now);
        }
        Step::Pass { seconds } => {
            *now += Duration::from_secs(*seconds);
            table.expire(*now);
            let silent = |member: &Member| *now > member.heard + member.timeout;
            assert!(
                !table.groups.values().any(|group| group.members.values().any(silent)),
                "a dead broker stays"
            );
        }
        Step::WritePerm { name: n, change } => {
            table.write_perm(&name(*n), if *change { WritePerm::Add } else { WritePerm::Wipe });
        }
        Step::DeleteTopic { topic: t, cluster } => {
            let cluster = cluster.map(|c| format!("C{c}"));
            table.delete_topic(&topic(*t), cluster.as_deref());
        }
        Step::RegisterTopic { topic: t, names } => {
            let names: Vec<_> = names.iter().map(|n| (name(*n), queues())).collect();
            let _ = table.register_topic(&topic(*t), &names);
        }
    }
}

/// The table's own promises, and that its answers keep them.
fn check(table: &RouteTable) {
    let mut addrs = HashSet::new();
    for (name, group) in &table.groups {
        assert!(!group.members.is_empty(), "{name} has no member");
        for member in group.members.values() {
            assert!(addrs.insert(member.addr.clone()), "{} is two brokers", member.addr);
        }
        for topic in group.topics.keys() {
            assert!(table.topics[topic].contains(name), "{topic} of {name} is not in the index");
        }
    }
    for (topic, names) in &table.topics {
        assert!(!names.is_empty(), "{topic} is nowhere");
        for name in names {
            assert!(table.groups[name].topics.contains_key(topic), "{name} does not have {topic}");
        }
    }
    for n in 0..TOPICS {
        for acting_masters in [false, true] {
            let Some(route) = table.route(&topic(n), acting_masters) else { continue };
            let brokers: Vec<_> = route.broker_datas.iter().map(|data| &data.broker_name).collect();
            let queues: Vec<_> = route.queue_datas.iter().map(|data| &data.broker_name).collect();
            assert_eq!(brokers, queues, "every queue has its broker");
            for addr in route.broker_datas.iter().flat_map(|data| data.broker_addrs.values()) {
                assert!(addrs.contains(addr), "{addr} is in a route and not in the table");
            }
        }
    }
    let listed: usize = table.cluster_info().cluster_addr_table.values().map(Vec::len).sum();
    assert_eq!(listed, table.groups.len(), "every group is in one cluster");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_history_leaves_the_table_whole(steps in prop::collection::vec(step(), 0..60)) {
        let (mut table, mut now) = (RouteTable::default(), Instant::now());
        for step in &steps {
            apply(&mut table, step, &mut now);
            check(&table);
        }
    }

    /// Leaving out beforehand what a registration would not change makes no difference.
    #[test]
    fn what_is_known_may_be_dropped(steps in prop::collection::vec(step(), 0..60)) {
        let (mut table, mut pruned, mut now) = (RouteTable::default(), RouteTable::default(), Instant::now());
        for step in &steps {
            if let Some(new) = registration(step) {
                let mut less = new.clone();
                pruned.drop_known(&mut less);
                prop_assert_eq!(table.register(new, now), pruned.register(less, now));
            } else {
                let mut same = now;
                apply(&mut table, step, &mut same);
                apply(&mut pruned, step, &mut now);
            }
            prop_assert_eq!(table.cluster_info(), pruned.cluster_info());
            for n in 0..TOPICS {
                prop_assert_eq!(table.route(&topic(n), true), pruned.route(&topic(n), true));
            }
        }
    }

    /// No broker can be locked out: over a new connection, with all its topics and no lower epoch, it gets in.
    #[test]
    fn after_any_history_a_broker_on_a_new_connection_gets_in(steps in prop::collection::vec(step(), 0..40), last in step()) {
        let (mut table, mut now) = (RouteTable::default(), Instant::now());
        steps.iter().for_each(|step| apply(&mut table, step, &mut now));
        if let Some(mut new) = registration(&last) {
            new.connection = ConnectionId(CONNECTIONS);
            new.version.state_version = 1;
            new.topics = vec![(topic(0), queues()), (topic(1), queues())];
            new.single = false;
            let Identity { name, id, addr, .. } = new.identity.clone();
            prop_assert!(table.register(new, now).is_ok());
            prop_assert_eq!(&table.groups[name.as_str()].members[&id].addr, &addr);
            check(&table);
        }
    }

    /// Nor over an old one, with whatever version, if everybody else is silent for the longest timeout.
    #[test]
    fn after_any_history_and_silence_any_registration_gets_in(steps in prop::collection::vec(step(), 0..40), last in step()) {
        let (mut table, mut now) = (RouteTable::default(), Instant::now());
        steps.iter().for_each(|step| apply(&mut table, step, &mut now));
        now += Duration::from_secs(201);
        if let Some(mut new) = registration(&last) {
            new.topics = vec![(topic(0), queues()), (topic(1), queues())];
            new.single = false;
            prop_assert!(table.register(new, now).is_ok());
        }
    }

    /// Deliveries of one process, in any order and repeated, within the protected time: the newest decides.
    #[test]
    fn the_newest_of_a_process_decides_whatever_the_order(order in prop::collection::vec(1..30_i64, 1..60)) {
        let (mut table, now) = (RouteTable::default(), Instant::now());
        for counter in &order {
            let of = |n: i64| Queues { write: i32::try_from(n).unwrap(), ..queues() };
            let _ = table.register(
                Registration {
                    identity: Identity { cluster: "C".into(), name: "b".into(), id: 0, addr: "h:1".into() },
                    ha_addr: String::new(),
        external_addr: None,
                    timeout: None,
                    acting_master: None,
                    // The clock runs backwards.
                    version: DataVersion { counter: *counter, state_version: 0, timestamp: -counter },
                    topics: vec![("T".into(), of(*counter)), ("U".into(), queues())],
                    single: false,
                    connection: ConnectionId(1),
                },
                now,
            );
        }
        let newest = order.iter().max().copied();
        let shown = table.route("T", false).map(|route| i64::from(route.queue_datas[0].write_queue_nums));
        prop_assert_eq!(shown, newest);
    }
}
