use super::register::Registered;
use super::*;
use gantry_remoting::body::TopicRoute;

const SECOND: Duration = Duration::from_secs(1);

/// A table, a clock, and short ways to say things to them.
struct World {
    table: RouteTable,
    now: Instant,
}

/// A broker's next registration.
#[derive(Clone)]
struct Broker(Registration);

fn master() -> Broker {
    Broker(Registration {
        identity: Identity {
            cluster: "C".into(),
            name: "a".into(),
            id: MASTER,
            addr: "10.0.0.1:10911".into(),
        },
        ha_addr: "10.0.0.1:10912".into(),
        external_addr: None,
        timeout: None,
        acting_master: Some(false),
        version: version(1, 1000),
        topics: topics(&[("T", 4), ("a", 1)]),
        single: false,
        connection: ConnectionId(1),
    })
}

fn version(counter: i64, timestamp: i64) -> DataVersion {
    DataVersion { counter, timestamp, state_version: 0 }
}

fn topics(topics: &[(&str, i32)]) -> Vec<(String, Queues)> {
    let queues = |n| Queues { read: n, write: n, perm: 6, sys_flag: 0 };
    topics.iter().map(|(topic, n)| ((*topic).to_owned(), queues(*n))).collect()
}

impl Broker {
    fn named(mut self, name: &str) -> Self {
        self.0.identity.name = name.into();
        self
    }
    fn id(mut self, id: i64) -> Self {
        self.0.identity.id = id;
        self
    }
    fn at(mut self, addr: &str) -> Self {
        self.0.identity.addr = addr.into();
        self
    }
    fn in_cluster(mut self, cluster: &str) -> Self {
        self.0.identity.cluster = cluster.into();
        self
    }
    fn over(mut self, connection: u64) -> Self {
        self.0.connection = ConnectionId(connection);
        self
    }
    fn version(mut self, counter: i64, timestamp: i64) -> Self {
        self.0.version = DataVersion { counter, timestamp, ..self.0.version };
        self
    }
    fn epoch(mut self, epoch: i64) -> Self {
        self.0.version.state_version = epoch;
        self
    }
    fn with(mut self, of: &[(&str, i32)]) -> Self {
        self.0.topics = topics(of);
        self.0.single = of.len() == 1;
        self
    }
    fn acting_master(mut self, acting: Option<bool>) -> Self {
        self.0.acting_master = acting;
        self
    }
    fn timeout(mut self, timeout: Duration) -> Self {
        self.0.timeout = Some(timeout);
        self
    }
}

impl World {
    fn new() -> Self {
        Self { table: RouteTable::default(), now: Instant::now() }
    }
    fn with(brokers: impl IntoIterator<Item = Broker>) -> Self {
        let mut world = Self::new();
        for broker in brokers {
            world.register(&broker).unwrap();
        }
        world
    }
    fn register(&mut self, broker: &Broker) -> Result<Registered, Rejected> {
        self.table.register(broker.0.clone(), self.now)
    }
    fn pass(&mut self, time: Duration) -> Vec<Removed> {
        self.now += time;
        self.table.expire(self.now)
    }
    fn route(&self, topic: &str) -> TopicRoute {
        self.table.route(topic, false).unwrap_or_default()
    }
    /// Write queues of a topic on group `a`, if it is routed.
    fn queues(&self, topic: &str) -> Option<i32> {
        self.route(topic)
            .queue_datas
            .iter()
            .find(|data| data.broker_name == "a")
            .map(|data| data.write_queue_nums)
    }
    fn perm(&self, topic: &str) -> i32 {
        self.route(topic).queue_datas[0].perm
    }
    fn addrs(&self, topic: &str) -> Vec<(i64, String)> {
        self.route(topic).broker_datas.into_iter().flat_map(|data| data.broker_addrs).collect()
    }
    fn addr(&self, id: i64) -> Option<String> {
        self.addrs("T").into_iter().find(|(i, _)| *i == id).map(|(_, addr)| addr)
    }
}

fn is_stale(result: &Result<Registered, Rejected>) -> bool {
    matches!(result, Err(Rejected::Stale(Stale::Superseded { .. })))
}

// Routes

#[test]
fn a_registered_topic_is_routed_to_all_its_brokers() {
    let slave = master().id(1).at("10.0.0.2:10911").over(2);
    let other = master().named("b").at("10.0.0.3:10911").over(3).with(&[("T", 8), ("U", 1)]);
    let world = World::with([master(), slave, other]);
    let route = world.route("T");
    let names: Vec<_> = route.broker_datas.iter().map(|data| data.broker_name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(
        route.broker_datas[0].broker_addrs,
        BTreeMap::from([(0, "10.0.0.1:10911".into()), (1, "10.0.0.2:10911".into())])
    );
    let queues: Vec<_> = route.queue_datas.iter().map(|data| data.write_queue_nums).collect();
    assert_eq!(queues, [4, 8]);
    assert_eq!(world.route("U").broker_datas.len(), 1);
    assert_eq!(world.table.route("absent", false), None);
}

#[test]
fn a_slave_is_told_its_master_and_serves_the_masters_topics() {
    let mut world = World::with([master()]);
    let slave = master().id(1).at("10.0.0.2:10911").over(2).with(&[("T", 99), ("X", 1)]);
    let registered = world.register(&slave).unwrap();
    assert_eq!(registered.master, Some(("10.0.0.1:10911".into(), "10.0.0.1:10912".into())));
    assert_eq!(world.queues("T"), Some(4));
    assert_eq!(world.queues("X"), None);
    assert_eq!(world.register(&master()).unwrap().master, None);
}

#[test]
fn a_lone_slave_of_5_x_lists_its_topics_and_one_of_4_x_does_not() {
    let slave = master().id(2).at("10.0.0.2:10911");
    assert_eq!(World::with([slave.clone()]).queues("T"), Some(4));
    assert_eq!(World::with([slave.acting_master(None)]).queues("T"), None);
}

#[test]
fn lists_name_clusters_brokers_and_topics() {
    let world = World::with([
        master(),
        master().named("b").at("h:1").over(2).in_cluster("D").with(&[("T", 1), ("V", 1)]),
    ]);
    assert_eq!(world.table.topics().topic_list, ["T", "V", "a"]);
    assert_eq!(world.table.topics_of_cluster("D").topic_list, ["T", "V"]);
    assert_eq!(world.table.topics_of_cluster("absent").topic_list, Vec::<String>::new());
    let system = world.table.system_topics();
    assert_eq!(system.topic_list, ["C", "D", "a", "b"]);
    assert_eq!(system.broker_addr.as_deref(), Some("10.0.0.1:10911"));
    let info = world.table.cluster_info();
    assert_eq!(info.cluster_addr_table["D"], ["b"]);
    assert_eq!(info.broker_addr_table["a"].cluster, "C");
    assert_eq!(world.table.members("C", "a").broker_addrs.len(), 1);
    assert_eq!(world.table.members("C", "absent").broker_addrs.len(), 0);
    assert_eq!(world.table.size(), (2, 3));
}

// What a registration changes

#[test]
fn topics_that_a_registration_leaves_out_stay() {
    let mut world = World::with([master()]);
    world.register(&master().version(2, 2000).with(&[("U", 1)])).unwrap();
    assert_eq!((world.queues("T"), world.queues("U")), (Some(4), Some(1)));
}

#[test]
fn one_topic_of_an_unknown_broker_is_refused_without_a_trace() {
    let mut world = World::new();
    assert_eq!(world.register(&master().with(&[("T", 4)])), Err(Rejected::Incremental));
    assert_eq!(world.table.size(), (0, 0));
    world.register(&master()).unwrap();
    assert_eq!(world.register(&master().id(1).at("h:1").with(&[("T", 4)])), Err(Rejected::Incremental));
}

#[test]
fn a_change_whose_announcement_was_lost_is_repaired_by_the_next_full_registration() {
    let mut world = World::with([master()]);
    // T grew in version 2, which never arrived; version 3 came alone.
    world.register(&master().version(3, 3000).with(&[("U", 1)])).unwrap();
    assert_eq!(world.queues("T"), Some(4));
    world.register(&master().version(3, 3000).with(&[("T", 8), ("U", 1)])).unwrap();
    assert_eq!(world.queues("T"), Some(8));
}

#[test]
fn a_wiped_broker_stays_wiped_until_its_version_changes() {
    let mut world = World::with([master()]);
    assert_eq!(world.table.write_perm("a", WritePerm::Wipe), 2);
    assert_eq!(world.perm("T"), 4);
    assert!(!world.register(&master()).unwrap().changed);
    assert_eq!(world.perm("T"), 4);
    assert_eq!(world.table.write_perm("a", WritePerm::Add), 2);
    assert_eq!(world.perm("T"), 6);
    world.table.write_perm("a", WritePerm::Wipe);
    assert!(world.register(&master().version(2, 2000)).unwrap().changed);
    assert_eq!(world.perm("T"), 6);
    assert_eq!(world.table.write_perm("absent", WritePerm::Wipe), 0);
}

#[test]
fn a_single_topic_is_taken_for_known_brokers_only() {
    let mut world = World::with([master()]);
    let one = |name: &str| [(name.to_owned(), Queues { read: 2, write: 2, perm: 6, sys_flag: 0 })];
    world.table.register_topic("N", &one("a")).unwrap();
    assert_eq!(world.queues("N"), Some(2));
    assert_eq!(world.table.register_topic("M", &one("absent")), Err("absent".into()));
    assert_eq!(world.queues("M"), None);
}

#[test]
fn a_deleted_topic_is_gone_everywhere_or_in_one_cluster() {
    let other = master().named("b").at("h:1").over(2).in_cluster("D");
    let mut world = World::with([master(), other.clone()]);
    world.table.delete_topic("T", Some("D"));
    assert_eq!(world.route("T").queue_datas.len(), 1);
    world.table.delete_topic("T", Some("absent"));
    world.table.delete_topic("absent", None);
    assert_eq!(world.queues("T"), Some(4));
    world.table.delete_topic("T", None);
    assert_eq!(world.table.route("T", false), None);
    world.register(&other).unwrap();
    assert_eq!(world.route("T").queue_datas.len(), 1, "a broker that still has it brings it back");
}

// Ids and addresses

#[test]
fn a_promoted_slave_has_one_id() {
    let slave = master().id(1).at("10.0.0.2:10911").over(2);
    let mut world = World::with([master(), slave.clone()]);
    world.table.unregister("a", "10.0.0.1:10911", ConnectionId(1));
    world.register(&slave.id(MASTER)).unwrap();
    assert_eq!(world.addrs("T"), [(0, "10.0.0.2:10911".into())]);
}

#[test]
fn a_lone_master_that_becomes_a_slave_stays_readable() {
    let mut world = World::with([master()]);
    world.register(&master().id(1).acting_master(None)).unwrap();
    assert_eq!(world.addrs("T"), [(1, "10.0.0.1:10911".into())]);
}

#[test]
fn a_broker_that_changed_its_name_or_cluster_leaves_no_ghost() {
    let mut world = World::with([master()]);
    world.register(&master().named("b").in_cluster("D").over(2)).unwrap();
    assert_eq!(world.addrs("T"), [(0, "10.0.0.1:10911".into())]);
    assert_eq!(
        world.table.cluster_info().cluster_addr_table,
        BTreeMap::from([("D".into(), vec!["b".into()])])
    );
}

#[test]
fn a_master_that_moved_to_another_address_takes_over_at_once() {
    let mut world = World::with([master()]);
    world.register(&master().at("10.0.0.9:10911").over(2)).unwrap();
    assert_eq!(world.addr(0).as_deref(), Some("10.0.0.9:10911"));
}

#[test]
fn a_lower_epoch_does_not_take_over_from_a_live_master() {
    let mut world = World::with([master().epoch(5)]);
    let deposed = master().at("10.0.0.9:10911").epoch(4).version(99, 9000).over(2);
    assert!(matches!(world.register(&deposed), Err(Rejected::Stale(Stale::LowerEpoch { .. }))));
    assert_eq!(world.addr(0).as_deref(), Some("10.0.0.1:10911"));
    world.table.disconnected(ConnectionId(1));
    world.register(&deposed).unwrap();
    assert_eq!(world.addr(0).as_deref(), Some("10.0.0.9:10911"));
}

#[test]
fn two_processes_with_one_name_and_id_do_not_take_turns() {
    let (older, newer) = (master(), master().at("10.0.0.9:10911").over(2));
    let mut world = World::with([older.clone(), newer.clone()]);
    for _ in 0..10 {
        world.now += 30 * SECOND;
        assert!(is_stale(&world.register(&older)));
        world.register(&newer).unwrap();
        assert_eq!(world.addr(0).as_deref(), Some("10.0.0.9:10911"));
    }
    world.table.disconnected(ConnectionId(2));
    world.register(&older).unwrap();
}

// Late registrations

#[test]
fn a_registration_that_was_overtaken_changes_nothing() {
    let mut world = World::with([master(), master().version(2, 2000).with(&[("T", 8), ("a", 1)])]);
    assert!(is_stale(&world.register(&master())), "over the same connection");
    assert!(is_stale(&world.register(&master().over(0))), "over an older one");
    assert_eq!(world.queues("T"), Some(8));
}

#[test]
fn an_overtaken_registration_is_found_even_when_the_clock_was_set_back_in_between() {
    let mut world =
        World::with([master().version(7, 9000), master().version(8, 1000).with(&[("T", 8), ("a", 1)])]);
    assert!(is_stale(&world.register(&master().version(7, 9000))));
    assert_eq!(world.queues("T"), Some(8));
}

#[test]
fn a_restarted_broker_gets_through_whatever_its_version() {
    let stored = master().version(100, 100_000);
    for (counter, timestamp, what) in [
        (1, 200_000, "a fresh store"),
        (101, 50_000, "a clock set back"),
        (1, 50_000, "both"),
        (0, 0, "no version at all"),
    ] {
        let mut world = World::with([stored.clone()]);
        let restarted = stored.clone().version(counter, timestamp).with(&[("T", 16), ("a", 1)]).over(2);
        world.register(&restarted).unwrap();
        assert_eq!(world.queues("T"), Some(16), "{what}");
    }
}

#[test]
fn the_first_life_does_not_come_back_after_a_restart() {
    let before = master().version(100, 100_000);
    let restarted = before.clone().version(1, 50_000).with(&[("T", 16), ("a", 1)]).over(2);
    let mut world = World::with([before.clone(), restarted]);
    // The old connection still delivers what the first life sent.
    assert!(is_stale(&world.register(&before)), "although its version is the higher one");
    assert!(is_stale(&world.register(&before.clone().id(1))));
    assert_eq!(world.table.unregister("a", "10.0.0.1:10911", ConnectionId(1)), []);
    assert_eq!(world.table.disconnected(ConnectionId(1)), []);
    assert_eq!(world.queues("T"), Some(16));
}

#[test]
fn a_process_that_goes_back_to_its_older_connection_gets_through_when_the_newer_one_fell_silent() {
    let mut world = World::with([master(), master().over(2)]);
    for _ in 0..4 {
        assert!(is_stale(&world.register(&master().version(2, 2000))));
        world.pass(30 * SECOND);
    }
    world.register(&master().version(2, 2000)).unwrap();
    assert_eq!(world.table.disconnected(ConnectionId(2)), []);
    assert_eq!(world.addr(0).as_deref(), Some("10.0.0.1:10911"));
}

#[test]
fn a_process_whose_version_really_went_back_gets_through_without_a_gap() {
    let mut world = World::with([master().version(100, 100_000)]);
    let back = master().version(3, 100_000).with(&[("T", 16), ("a", 1)]);
    for round in 0..5 {
        assert!(is_stale(&world.register(&back)), "protected for 120 s: {round}");
        assert_eq!(world.pass(29 * SECOND), [], "it is not removed meanwhile");
        let asked = world.table.query_version(&back.0.identity, back.0.version, ConnectionId(1), world.now);
        assert_eq!(asked, (true, Some(version(100, 100_000))));
        assert_eq!(world.queues("T"), Some(4));
    }
    world.register(&back).unwrap();
    assert_eq!(world.queues("T"), Some(16));
}

#[test]
fn a_slave_follows_its_master_to_a_lower_version() {
    let slave = master().id(1).at("10.0.0.2:10911").over(2).version(9, 9000);
    let mut world = World::with([master().version(9, 9000), slave.clone()]);
    world.table.disconnected(ConnectionId(1));
    assert!(
        is_stale(&world.register(&slave.clone().version(1, 9500))),
        "in the master's place its topics count"
    );
    world.register(&master().version(1, 9500).over(3)).unwrap();
    assert!(world.register(&slave.version(1, 9500)).unwrap().master.is_some());
}

#[test]
fn a_version_that_is_confirmed_stays_protected() {
    let current = master().version(2, 2000).with(&[("T", 8), ("a", 1)]);
    let mut world = World::with([current.clone()]);
    for round in 0..10 {
        world.pass(59 * SECOND);
        if round % 2 == 0 {
            world.register(&current).unwrap();
        } else {
            let asked =
                world.table.query_version(&current.0.identity, current.0.version, ConnectionId(1), world.now);
            assert!(!asked.0);
        }
        assert!(is_stale(&world.register(&master())));
    }
    assert_eq!(world.queues("T"), Some(8));
}

#[test]
fn after_its_connection_closed_anything_is_a_first_registration() {
    let mut world = World::with([master().version(100, 100_000)]);
    assert_eq!(world.table.disconnected(ConnectionId(1)).len(), 1);
    assert!(world.register(&master().version(1, 1)).unwrap().first);
}

#[test]
fn a_late_registration_under_an_earlier_id_does_not_undo_a_promotion() {
    let slave = master().id(1).at("10.0.0.2:10911").over(2);
    let promoted = slave.clone().id(MASTER).over(3);
    let mut world = World::with([slave.clone(), promoted]);
    assert!(is_stale(&world.register(&slave)));
    assert_eq!(world.addrs("T"), [(0, "10.0.0.2:10911".into())]);
}

#[test]
fn a_reconnected_broker_is_told_to_register_on_its_new_connection() {
    let mut world = World::with([master()]);
    let Registration { identity, version, .. } = master().0;
    assert!(!world.table.query_version(&identity, version, ConnectionId(1), world.now).0);
    assert!(world.table.query_version(&identity, version, ConnectionId(2), world.now).0);
    world.register(&master().over(2)).unwrap();
    assert_eq!(world.table.disconnected(ConnectionId(1)), [], "the old connection's end is not the broker's");
    assert_eq!(world.table.disconnected(ConnectionId(2)).len(), 1);
}

// Life and death

#[test]
fn a_silent_broker_is_removed_after_its_timeout() {
    let brief = master().named("b").at("h:1").over(2).timeout(10 * SECOND);
    let mut world = World::with([master(), brief]);
    assert_eq!(world.pass(10 * SECOND), []);
    assert_eq!(world.pass(SECOND).len(), 1);
    assert_eq!(world.route("T").queue_datas.len(), 1);
    assert_eq!(world.pass(109 * SECOND), []);
    assert_eq!(world.pass(SECOND), [Removed { name: "a".into(), id: 0, addr: "10.0.0.1:10911".into() }]);
    assert_eq!(world.table.size(), (0, 0));
}

#[test]
fn every_sign_of_life_counts() {
    let mut world = World::with([master()]);
    let Registration { identity, version, .. } = master().0;
    for _ in 0..3 {
        assert_eq!(world.pass(100 * SECOND), []);
        world.table.heartbeat("a", "10.0.0.1:10911", world.now);
        assert_eq!(world.pass(100 * SECOND), []);
        world.table.query_version(&identity, version, ConnectionId(1), world.now);
        assert_eq!(world.pass(100 * SECOND), []);
        world.register(&master()).unwrap();
    }
    world.table.heartbeat("a", "another:1", world.now + 1000 * SECOND);
    assert_eq!(world.pass(121 * SECOND).len(), 1);
}

#[test]
fn an_expired_broker_is_no_obstacle_even_before_the_scan() {
    let mut world = World::with([master().epoch(5).version(9, 9)]);
    world.now += 121 * SECOND;
    world.register(&master().at("10.0.0.9:10911").over(0).version(1, 1)).unwrap();
    assert_eq!(world.addr(0).as_deref(), Some("10.0.0.9:10911"));
}

#[test]
fn a_connection_that_carried_many_brokers_takes_all_of_them_along() {
    let world =
        &mut World::with([master(), master().named("b").at("h:1"), master().named("c").at("h:2").over(2)]);
    assert_eq!(world.table.disconnected(ConnectionId(1)).len(), 2);
    assert_eq!(world.route("T").broker_datas.len(), 1);
}

#[test]
fn a_farewell_removes_one_broker_at_once() {
    let slave = master().id(1).at("10.0.0.2:10911").over(2);
    let mut world = World::with([master(), slave]);
    assert_eq!(world.table.unregister("a", "absent:1", ConnectionId(9)), []);
    assert_eq!(world.table.unregister("a", "10.0.0.1:10911", ConnectionId(1)).len(), 1);
    assert_eq!(world.addrs("T"), [(1, "10.0.0.2:10911".into())]);
}

// Slaves in the place of masters

#[test]
fn an_acting_master_takes_no_messages_and_is_shown_as_the_master_where_asked_for() {
    let slave = |id: i64| {
        master().id(id).at(&format!("10.0.0.{id}:1")).over(10 + id as u64).acting_master(Some(true))
    };
    let master = master().acting_master(Some(true));
    let mut world = World::with([master.clone(), slave(2), slave(3)]);
    assert_eq!(world.perm("T"), 6);
    world.table.disconnected(ConnectionId(1));
    assert_eq!(world.perm("T"), 4);
    assert_eq!(world.addrs("T").iter().map(|(id, _)| *id).collect::<Vec<_>>(), [2, 3]);
    let shown = world.table.route("T", true).unwrap();
    assert_eq!(
        shown.broker_datas[0].broker_addrs,
        BTreeMap::from([(0, "10.0.0.2:1".into()), (3, "10.0.0.3:1".into())])
    );
    world.register(&master.over(20)).unwrap();
    assert_eq!(world.perm("T"), 6);
    assert_eq!(world.table.route("T", true), world.table.route("T", false));
}

#[test]
fn brokers_see_the_members_of_their_group_as_they_are() {
    let topic = "rmq_sys_SYNC_BROKER_MEMBER_a";
    let slave = master().id(2).acting_master(Some(true)).with(&[(topic, 1), ("T", 1)]);
    let world = World::with([slave]);
    assert!(world.table.route(topic, true).unwrap().broker_datas[0].broker_addrs.contains_key(&2));
}
