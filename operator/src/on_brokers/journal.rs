//! The status of the object as the plans' journal.

use crate::engine::Managed;
use crate::failure::Failure;
use crate::status::StatusWriter;
use gantry_admin::Journal;
use kube::ResourceExt as _;

/// Writes statuses to the API server and collects what was done.
pub(super) struct StatusJournal<'a, K: Managed> {
    object: &'a K,
    written: &'a StatusWriter<'a, K>,
    done: Vec<String>,
}

impl<'a, K: Managed> StatusJournal<'a, K> {
    pub(super) fn new(object: &'a K, written: &'a StatusWriter<'a, K>) -> Self {
        Self { object, written, done: Vec::new() }
    }

    /// What was done, for events.
    pub(super) fn done(self) -> Vec<String> {
        self.done
    }
}

impl<K: Managed> Journal<K::Status> for StatusJournal<'_, K> {
    type Error = Failure;

    async fn write(&mut self, status: &K::Status) -> Result<(), Failure> {
        self.written.write(status).await
    }

    fn did(&mut self, action: &str) {
        tracing::info!(kind = K::KIND, object = self.object.name_any(), "{action}");
        self.done.push(action.to_owned());
    }
}
