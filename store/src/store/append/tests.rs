use crate::{AppendError, NewMessage, Store, StoreConfig};
use gantry_message::properties;

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
