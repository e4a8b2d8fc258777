//! Connections to many servers.

use super::{Connection, Error};
use crate::CommandBuf;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Held while connecting, so that many callers make one connection.
type Slot = tokio::sync::Mutex<Option<Arc<Connection>>>;

/// Connections to many servers, made when first needed and again after they broke. Servers do not wait for each other:
/// one that cannot be reached delays only its own requests.
#[derive(Debug, Default)]
pub struct Pool {
    slots: Mutex<HashMap<String, Arc<Slot>>>,
}

impl Pool {
    /// Sends a request to `addr` and waits for its answer; connecting and answering may take `timeout` each.
    ///
    /// # Errors
    /// As [`Connection::open`] and [`Connection::request`].
    pub async fn request(
        &self,
        addr: &str,
        command: CommandBuf,
        timeout: Duration,
    ) -> Result<CommandBuf, Error> {
        self.connection(addr, timeout).await?.request(command, timeout).await
    }

    /// The connection to `addr`, made within `timeout` if there is none.
    ///
    /// # Errors
    /// As [`Connection::open`].
    pub async fn connection(&self, addr: &str, timeout: Duration) -> Result<Arc<Connection>, Error> {
        let slot = Arc::clone(self.slots.lock().entry(addr.to_owned()).or_default());
        let connect = async {
            let mut slot = slot.lock().await;
            if let Some(open) = slot.as_ref().filter(|connection| !connection.is_closed()) {
                return Ok(Arc::clone(open));
            }
            let connection = Arc::new(Connection::open(addr, timeout, None).await?);
            *slot = Some(Arc::clone(&connection));
            Ok(connection)
        };
        // Around the lock too: of many callers of a server that does not answer, the last waits no longer than the first.
        tokio::time::timeout(timeout, connect).await.unwrap_or_else(|_| {
            Err(Error::Connect { addr: addr.to_owned(), source: io::ErrorKind::TimedOut.into() })
        })
    }

    /// Drops the connection to `addr`; it closes when the requests that are using it have ended.
    pub fn forget(&self, addr: &str) {
        self.slots.lock().remove(addr);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    const WAIT: Duration = Duration::from_secs(10);

    async fn listener() -> (TcpListener, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap().to_string();
        (listener, addr)
    }

    #[tokio::test]
    async fn a_server_that_does_not_answer_delays_no_other() {
        let pool = Pool::default();
        let (_listener, other) = listener().await;
        // What a connection attempt without an answer holds.
        let slot = Arc::clone(pool.slots.lock().entry("hangs:1".into()).or_default());
        let _connecting = slot.lock().await;
        pool.connection(&other, WAIT).await.unwrap();
        let error = pool.connection("hangs:1", Duration::from_millis(10)).await.unwrap_err();
        assert!(matches!(error, Error::Connect { .. }), "{error}");
    }

    #[tokio::test]
    async fn callers_share_a_connection_until_it_breaks_or_is_forgotten() {
        let pool = Pool::default();
        let (listener, addr) = listener().await;
        let (a, b) = tokio::join!(pool.connection(&addr, WAIT), pool.connection(&addr, WAIT));
        let first = a.unwrap();
        assert!(Arc::ptr_eq(&first, &b.unwrap()));

        drop(listener.accept().await.unwrap());
        tokio::time::timeout(WAIT, first.closed()).await.expect("the end is noticed");
        tokio::time::timeout(WAIT, first.closed()).await.expect("by those who ask later too");
        let second = pool.connection(&addr, WAIT).await.unwrap();
        assert!(!Arc::ptr_eq(&first, &second));

        pool.forget(&addr);
        assert!(!second.is_closed(), "who uses it still may");
        let third = pool.connection(&addr, WAIT).await.unwrap();
        assert!(!Arc::ptr_eq(&second, &third));
    }
}
