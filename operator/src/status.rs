//! The status of one object during one round.

use crate::context::Context;
use crate::engine::Managed;
use crate::failure::Failure;
use parking_lot::Mutex;

/// Writes statuses of an object, each only if it is another than the last.
pub(crate) struct StatusWriter<'a, K: Managed> {
    context: &'a Context,
    object: &'a K,
    /// As the object has it now: what the round found, or what it wrote since.
    last: Mutex<Option<K::Status>>,
}

impl<'a, K: Managed> StatusWriter<'a, K> {
    pub(crate) fn new(context: &'a Context, object: &'a K) -> Self {
        Self { context, object, last: Mutex::new(object.status().cloned()) }
    }

    /// The status that the object has now. Who concludes a round after a failure starts from it: what was journalled must
    /// not be taken back.
    pub(crate) fn last(&self) -> Option<K::Status> {
        self.last.lock().clone()
    }

    /// # Errors
    /// When the API server refuses.
    pub(crate) async fn write(&self, status: &K::Status) -> Result<(), Failure> {
        if self.last.lock().as_ref() == Some(status) {
            return Ok(());
        }
        self.context.write_status(self.object, status).await?;
        *self.last.lock() = Some(status.clone());
        Ok(())
    }
}
