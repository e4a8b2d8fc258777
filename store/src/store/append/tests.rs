use crate::Retention;
use crate::{AppendError, NewMessage, Store, StoreConfig};
use gantry_message::{name, properties};

fn store(dir: &tempfile::TempDir) -> Store {
    Store::open(StoreConfig { file_size: 256 * 1024, ..StoreConfig::new(dir.path()) }).unwrap()
}

#[test]
fn more_properties_than_a_record_can_have_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir);
    let (queue, other) = (store.queue("T", 0), store.queue("U", 0));
    let most = "p".repeat(properties::MAX_LEN);
    let fits = NewMessage::own(0, b"m", &most);
    store.append(&queue, &fits, None).unwrap();
    let message = NewMessage { extra_properties: "x", ..fits };
    let refused = store.append(&queue, &message, None).unwrap_err();
    assert!(matches!(refused, AppendError::PropertiesTooLong { len: 32_768 }), "{refused}");
    let both = store.append_both((&queue, &[message]), (&other, &fits), None, |_, _| {});
    assert!(matches!(both, Err(AppendError::PropertiesTooLong { .. })));
    assert_eq!((queue.next_offset().0, other.next_offset().0), (1, 0), "all or none");
}

#[test]
fn a_disk_that_takes_no_messages_takes_what_the_broker_puts_on_record_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let full = Retention { refuse_above: -1.0, ..Retention::default() };
    let config = StoreConfig { file_size: 256 * 1024, retention: full, ..StoreConfig::new(dir.path()) };
    let store = Store::open(config).unwrap();
    let (queue, flights) = (store.queue("T", 0), store.queue(name::POPS_TOPIC, 0));
    let marks = store.queue(name::POP_MARKS_TOPIC, 0);
    let message = NewMessage::own(0, b"m", "");
    let refused = store.append(&queue, &message, None).unwrap_err();
    assert!(matches!(refused, AppendError::DiskFull { .. }), "{refused}");
    store.append(&flights, &message, None).unwrap();
    store.append_both((&flights, &[message]), (&marks, &message), None, |_, _| {}).unwrap();
    let moved = store.append_both((&queue, &[message]), (&marks, &message), None, |_, _| {});
    assert!(matches!(moved, Err(AppendError::DiskFull { .. })), "a message is none the less one");
    let scales = store.queue(name::SCALING_TOPIC, 0);
    store.append_at_ends(&scales, &message, &[], |_| Vec::new(), |_| {}).unwrap();
    assert!(!store.is_writable());
}
