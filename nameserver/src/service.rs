//! One session per connection: finds the handler of a request, sends its answer, and tells the table when the connection
//! ends.

use crate::handlers;
use crate::kv::KvStore;
use crate::probe::Counts;
use crate::settings::SettingsStore;
use crate::table::{ConnectionId, RouteTable};
use crate::writer::{Work, Writer};
use gantry_remoting::reply::{Answer, Outbound, Refusal, ReplyTo};
use gantry_remoting::server::{Peer, Service, Session};
use gantry_remoting::{Command, RequestCode, ResponseCode};
use parking_lot::RwLock;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// One topic's route from a broker with `enableSingleTopicRegister`.
const REGISTER_TOPIC_IN_NAMESRV: RequestCode = RequestCode(217);

/// What all connections share. No two of its locks are held together.
#[derive(Debug)]
pub(crate) struct NameServer {
    pub(crate) addr: SocketAddr,
    pub(crate) started: Instant,
    pub(crate) routes: RwLock<RouteTable>,
    pub(crate) kv: Arc<KvStore>,
    pub(crate) settings: Arc<SettingsStore>,
    pub(crate) writer: Writer,
    pub(crate) counts: Counts,
    /// Connections accepted, on all ports.
    pub(crate) connections: AtomicU64,
}

/// Makes sessions.
#[derive(Debug)]
pub(crate) struct Sessions {
    server: Arc<NameServer>,
    side: Side,
}

/// Where a connection comes from, by the port that it was made to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// From where brokers are reached by the addresses that they register.
    Inside,
    /// From where they are reached by their external addresses only. Nothing is changed from there.
    Outside,
}

impl Sessions {
    pub(crate) fn new(server: Arc<NameServer>, side: Side) -> Self {
        Self { server, side }
    }
}

impl Service for Sessions {
    type Session = Client;

    fn connect(&self, peer: Arc<Peer>) -> Client {
        let connection = ConnectionId(self.server.connections.fetch_add(1, Ordering::Relaxed));
        Client { server: Arc::clone(&self.server), side: self.side, peer, connection, is_broker: false }
    }
}

/// A client's, a tool's or a broker's connection.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) server: Arc<NameServer>,
    pub(crate) side: Side,
    pub(crate) peer: Arc<Peer>,
    pub(crate) connection: ConnectionId,
    /// Something was registered over this connection, so its end matters.
    pub(crate) is_broker: bool,
}

/// How a request is answered.
pub(crate) enum Outcome {
    Now(Answer),
    /// When this is done, by the thread that writes files.
    After(Work),
}

impl From<Answer> for Outcome {
    fn from(answer: Answer) -> Self {
        Self::Now(answer)
    }
}

impl Session for Client {
    fn request(&mut self, command: &Command<'_>, out: &mut Outbound) {
        let to = command.reply_to();
        let answered = self.handle(command).and_then(|outcome| self.settle(outcome, to));
        match answered {
            Ok(None) => {}
            Ok(Some(answer)) => out.answer(to, &answer),
            Err(refusal) => {
                tracing::debug!(peer = %self.peer.addr(), code = %command.request_code(), %refusal, "refused");
                out.answer(to, &refusal.into());
            }
        }
    }

    fn disconnect(&mut self) {
        if self.is_broker {
            for gone in self.server.routes.write().disconnected(self.connection) {
                tracing::warn!(
                    broker = gone.name,
                    id = gone.id,
                    addr = gone.addr,
                    "broker removed: its connection closed"
                );
            }
        }
    }
}

impl Client {
    fn settle(&self, outcome: Outcome, to: ReplyTo) -> Result<Option<Answer>, Refusal> {
        match outcome {
            Outcome::Now(answer) => Ok(Some(answer)),
            Outcome::After(work) => self.server.writer.submit(&self.peer, to, work).map(|()| None),
        }
    }

    fn handle(&mut self, command: &Command<'_>) -> Result<Outcome, Refusal> {
        if self.side == Side::Outside && !is_question(command.request_code()) {
            return Err(Refusal::new(
                ResponseCode::NO_PERMISSION,
                "this is the name server's external port, which only answers questions: brokers register and tools \
                 change things at its own port",
            ));
        }
        Ok(match command.request_code() {
            RequestCode::GET_ROUTEINFO_BY_TOPIC => handlers::route::get(self, command)?.into(),

            RequestCode::REGISTER_BROKER => handlers::broker::register(self, command)?.into(),
            RequestCode::UNREGISTER_BROKER => handlers::broker::unregister(self, command)?.into(),
            RequestCode::BROKER_HEARTBEAT => handlers::broker::heartbeat(self, command)?.into(),
            RequestCode::QUERY_DATA_VERSION => handlers::broker::query_version(self, command)?.into(),
            RequestCode::GET_BROKER_MEMBER_GROUP => handlers::broker::members(self, command)?.into(),
            REGISTER_TOPIC_IN_NAMESRV => handlers::broker::register_topic(self, command)?.into(),

            RequestCode::GET_BROKER_CLUSTER_INFO => handlers::admin::cluster_info(self).into(),
            RequestCode::WIPE_WRITE_PERM_OF_BROKER => handlers::admin::wipe_write_perm(self, command)?.into(),
            RequestCode::ADD_WRITE_PERM_OF_BROKER => handlers::admin::add_write_perm(self, command)?.into(),
            RequestCode::GET_ALL_TOPIC_LIST_FROM_NAMESERVER => {
                handlers::admin::all_topics(&self.server)?.into()
            }
            RequestCode::GET_TOPICS_BY_CLUSTER => {
                handlers::admin::topics_of_cluster(&self.server, command)?.into()
            }
            RequestCode::GET_SYSTEM_TOPIC_LIST_FROM_NS => handlers::admin::system_topics(self).into(),
            RequestCode::DELETE_TOPIC_IN_NAMESRV => handlers::admin::delete_topic(self, command)?.into(),

            RequestCode::PUT_KV_CONFIG => handlers::config::put_kv(self, command)?,
            RequestCode::GET_KV_CONFIG => handlers::config::get_kv(&self.server, command)?.into(),
            RequestCode::DELETE_KV_CONFIG => handlers::config::delete_kv(self, command)?,
            RequestCode::GET_KVLIST_BY_NAMESPACE => handlers::config::list_kv(&self.server, command)?.into(),
            RequestCode::UPDATE_NAMESRV_CONFIG => handlers::config::update_settings(self, command)?,
            RequestCode::GET_NAMESRV_CONFIG => handlers::config::show_settings(&self.server).into(),

            code => {
                let text = format!("request type {} not supported by a name server", code.0);
                return Err(Refusal::new(ResponseCode::REQUEST_CODE_NOT_SUPPORTED, text));
            }
        })
    }
}

/// Requests that change nothing, and that others than brokers have.
fn is_question(code: RequestCode) -> bool {
    matches!(
        code,
        RequestCode::GET_ROUTEINFO_BY_TOPIC
            | RequestCode::GET_BROKER_MEMBER_GROUP
            | RequestCode::GET_BROKER_CLUSTER_INFO
            | RequestCode::GET_ALL_TOPIC_LIST_FROM_NAMESERVER
            | RequestCode::GET_TOPICS_BY_CLUSTER
            | RequestCode::GET_SYSTEM_TOPIC_LIST_FROM_NS
            | RequestCode::GET_KV_CONFIG
            | RequestCode::GET_KVLIST_BY_NAMESPACE
            | RequestCode::GET_NAMESRV_CONFIG
    )
}
