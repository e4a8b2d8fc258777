//! Connections to name servers and brokers: one an address, made when first needed and again after it broke.

use gantry_remoting::CommandBuf;
use gantry_remoting::client::{Connection, Error};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Answers a server's own requests. Called on a connection's reading task: it must not block.
type OnRequest = Arc<dyn Fn(&CommandBuf) -> Option<CommandBuf> + Send + Sync>;
type Slot = Arc<tokio::sync::Mutex<Option<Arc<Connection>>>>;

/// The open connections of one client.
pub struct Links {
    on_request: OnRequest,
    /// Connecting holds the slot of its address only: a dead server delays nobody else.
    slots: Mutex<HashMap<String, Slot>>,
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links").field("addrs", &self.slots.lock().keys()).finish_non_exhaustive()
    }
}

impl Default for Links {
    fn default() -> Self {
        Self::new(|_| None)
    }
}

impl Links {
    /// No connections yet; `on_request` answers what servers ask.
    pub fn new(on_request: impl Fn(&CommandBuf) -> Option<CommandBuf> + Send + Sync + 'static) -> Self {
        Self { on_request: Arc::new(on_request), slots: Mutex::default() }
    }

    /// The open connection to `addr`, or a new one.
    ///
    /// # Errors
    /// When there is no connection within `timeout`.
    pub async fn connect(&self, addr: &str, timeout: Duration) -> Result<Arc<Connection>, Error> {
        let slot = Arc::clone(self.slots.lock().entry(addr.to_owned()).or_default());
        let mut slot = slot.lock().await;
        if let Some(open) = slot.as_ref().filter(|connection| !connection.is_closed()) {
            return Ok(Arc::clone(open));
        }
        let on_request = Arc::clone(&self.on_request);
        let connection =
            Connection::open(addr, timeout, Some(Box::new(move |command| on_request(command)))).await?;
        let connection = Arc::new(connection);
        *slot = Some(Arc::clone(&connection));
        Ok(connection)
    }

    /// Sends a request to `addr` and waits for its answer, whatever its code.
    ///
    /// # Errors
    /// When there is no connection, it breaks, or no answer comes within `timeout`.
    pub async fn request(
        &self,
        addr: &str,
        command: CommandBuf,
        timeout: Duration,
    ) -> Result<CommandBuf, Error> {
        self.connect(addr, timeout).await?.request(command, timeout).await
    }
}
