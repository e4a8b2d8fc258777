//! Asking the name servers.

use crate::client::address::NameServerList;
use crate::client::{Error, Links};
use gantry_remoting::body::{ClusterInfo, TopicRoute};
use gantry_remoting::header::{GetRouteInfo, ToFields as _};
use gantry_remoting::{CommandBuf, RequestCode, ResponseCode, fastjson};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The name servers of one client: it stays with the one that answered last.
#[derive(Debug)]
pub struct NameServers {
    list: NameServerList,
    links: Links,
    preferred: AtomicUsize,
    timeout: Duration,
}

impl NameServers {
    /// Asks the servers of `list`, giving each `timeout`.
    #[must_use]
    pub fn new(list: NameServerList, timeout: Duration) -> Self {
        Self { list, links: Links::default(), preferred: AtomicUsize::new(0), timeout }
    }

    /// The addresses.
    #[must_use]
    pub fn list(&self) -> &NameServerList {
        &self.list
    }

    /// The route of `topic`.
    ///
    /// # Errors
    /// [`Error::UnknownTopic`] when the server that answers does not know it; others when none answers.
    pub async fn route(&self, topic: &str) -> Result<TopicRoute, Error> {
        let header = GetRouteInfo { topic, accept_standard_json_only: Some(true) };
        let request = RequestCode::GET_ROUTEINFO_BY_TOPIC;
        let (addr, answer) = self.ask(&header.into_command(CommandBuf::request(request))).await?;
        match answer.response_code() {
            ResponseCode::SUCCESS => fastjson::from_slice(&answer.body).map_err(|error| Error::BadAnswer {
                addr,
                request,
                what: error.to_string(),
            }),
            ResponseCode::TOPIC_NOT_EXIST => Err(Error::UnknownTopic { topic: topic.to_owned(), addr }),
            ResponseCode::REQUEST_CODE_NOT_SUPPORTED => {
                Err(Error::NotANameServer { addr, code: answer.response_code() })
            }
            code => Err(Error::Refused { addr, request, code, remark: answer.remark.unwrap_or_default() }),
        }
    }

    /// The better error for a topic that a name server does not know, if there is one: that it knows no broker at all.
    pub async fn why_unknown(&self, unknown: Error) -> Error {
        let command = CommandBuf::request(RequestCode::GET_BROKER_CLUSTER_INFO);
        match self.ask(&command).await {
            Ok((addr, answer)) if answer.response_code() == ResponseCode::SUCCESS => {
                match fastjson::from_slice::<ClusterInfo>(&answer.body) {
                    Ok(info) if info.broker_addr_table.is_empty() => Error::NoBroker { addr },
                    _ => unknown,
                }
            }
            _ => unknown,
        }
    }

    /// The first answer, whatever its code, and who gave it.
    async fn ask(&self, command: &CommandBuf) -> Result<(String, CommandBuf), Error> {
        let addrs = self.list.addrs();
        let start = self.preferred.load(Ordering::Relaxed);
        let mut tried = Vec::new();
        for (index, addr) in addrs.iter().enumerate().cycle().skip(start % addrs.len()).take(addrs.len()) {
            match self.links.request(addr, command.clone(), self.timeout).await {
                Ok(answer) => {
                    self.preferred.store(index, Ordering::Relaxed);
                    return Ok((addr.clone(), answer));
                }
                Err(error) => tried.push(error),
            }
        }
        Err(Error::NoNameServer { tried })
    }
}
