//! One connection's requests: each code and who answers it.

use crate::broker::Broker;
use crate::holds::Inbox;
use crate::processor::{self, WaitingAnswer};
use gantry_remoting::reply::{Answer, Outbound, Refusal};
use gantry_remoting::server::{Peer, Service, Session};
use gantry_remoting::{Command, RequestCode, ResponseCode};
use gantry_store::PhysicalOffset;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

/// The service behind the broker's ports.
pub(crate) struct BrokerService(pub(crate) Arc<Broker>);

impl Service for BrokerService {
    type Session = BrokerSession;

    fn connect(&self, peer: Arc<Peer>) -> BrokerSession {
        BrokerSession {
            broker: Arc::clone(&self.0),
            inbox: Arc::new(Inbox::new(Arc::clone(&peer))),
            peer,
            unflushed: VecDeque::new(),
            is_flush_due: false,
            listed_for: None,
        }
    }
}

/// State of a connection.
pub(crate) struct BrokerSession {
    pub(crate) broker: Arc<Broker>,
    pub(crate) peer: Arc<Peer>,
    /// Held pulls that are due.
    pub(crate) inbox: Arc<Inbox>,
    /// SYNC mode: stored messages whose answer waits for the disk, in the order of the log.
    pub(crate) unflushed: VecDeque<WaitingAnswer>,
    /// There are some that nobody was asked to flush.
    pub(crate) is_flush_due: bool,
    /// On the flusher's list until the disk has the log up to here.
    pub(crate) listed_for: Option<PhysicalOffset>,
}

impl Session for BrokerSession {
    fn request(&mut self, command: &Command<'_>, out: &mut Outbound) {
        match command.request_code() {
            RequestCode::SEND_MESSAGE_V2 | RequestCode::SEND_BATCH_MESSAGE | RequestCode::SEND_MESSAGE => {
                processor::send(self, command, out);
            }
            RequestCode::PULL_MESSAGE | RequestCode::LITE_PULL_MESSAGE => processor::pull(self, command, out),
            _ => self.ordinary(command, out),
        }
    }

    fn turn_over(&mut self, out: &mut Outbound) {
        processor::flush_requests(self, out);
    }

    fn wake(&mut self, out: &mut Outbound) {
        for hold in self.inbox.take() {
            processor::pull_again(self, &hold, out);
        }
        for hold in self.inbox.take_pops() {
            processor::pop_again(self, &hold, out);
        }
        processor::release_flushed(self, out);
    }

    fn deadline(&self) -> Option<Instant> {
        self.unflushed.front().map(|answer| answer.deadline)
    }

    fn disconnect(&mut self) {
        self.broker.flush_waiters.forget(&self.peer);
        self.broker.producers.disconnect(&self.peer);
        for group in self.broker.consumers.disconnect(&self.peer) {
            self.broker.notify_group(&group);
        }
    }
}

impl BrokerSession {
    fn ordinary(&mut self, command: &Command<'_>, out: &mut Outbound) {
        let to = command.reply_to();
        let broker = &self.broker;
        let answer: Result<Answer, Refusal> = match command.request_code() {
            RequestCode::HEART_BEAT => processor::heartbeat(broker, &self.peer, command),
            RequestCode::UNREGISTER_CLIENT => processor::unregister(broker, command),
            RequestCode::GET_CONSUMER_LIST_BY_GROUP => processor::consumer_ids(broker, command),
            RequestCode::CHECK_CLIENT_CONFIG => processor::check_client_config(broker, command),
            RequestCode::LOCK_BATCH_MQ => processor::lock(broker, command),
            RequestCode::UNLOCK_BATCH_MQ => processor::unlock(broker, command),
            RequestCode::QUERY_CONSUMER_OFFSET => processor::query_offset(broker, command),
            RequestCode::UPDATE_CONSUMER_OFFSET => processor::update_offset(broker, command),
            RequestCode::GET_MAX_OFFSET => processor::max_offset(broker, command),
            RequestCode::GET_MIN_OFFSET => processor::min_offset(broker, command),
            RequestCode::SEARCH_OFFSET_BY_TIMESTAMP => processor::search_offset(broker, command),
            RequestCode::GET_EARLIEST_MSG_STORETIME => processor::earliest_store_time(broker, command),
            RequestCode::CONSUMER_SEND_MSG_BACK => return processor::send_back(self, command, out),
            RequestCode::VIEW_MESSAGE_BY_ID => processor::view(broker, command),
            // Waits for the index to catch up, which is no work for this thread.
            RequestCode::QUERY_MESSAGE => return processor::query(self, command, out),
            RequestCode::UPDATE_AND_CREATE_TOPIC
            | RequestCode::UPDATE_AND_CREATE_TOPIC_LIST
            | RequestCode::DELETE_TOPIC_IN_BROKER => return processor::change_topics(self, command, out),
            RequestCode::BEGIN_SCALE | RequestCode::ABORT_SCALE | RequestCode::OPEN_SCALE => {
                return processor::scale(self, command, out);
            }
            RequestCode::END_TRANSACTION => return processor::end_transaction(self, command, out),
            RequestCode::SEND_REPLY_MESSAGE | RequestCode::SEND_REPLY_MESSAGE_V2 => {
                return processor::reply(self, command, out);
            }
            RequestCode::QUERY_ASSIGNMENT => return processor::query_assignment(self, command, out),
            RequestCode::SET_MESSAGE_REQUEST_MODE => processor::set_request_mode(broker, command),
            RequestCode::POP_MESSAGE => return processor::pop(self, command, out),
            RequestCode::NOTIFICATION => return processor::notification(self, command, out),
            RequestCode::ACK_MESSAGE => processor::ack(broker, command),
            RequestCode::BATCH_ACK_MESSAGE => processor::batch_ack(broker, command),
            RequestCode::CHANGE_MESSAGE_INVISIBLETIME => processor::change_invisible_time(broker, command),
            RequestCode::GET_SCALING => processor::scaling_of(broker, command),
            RequestCode::GET_ALL_TOPIC_CONFIG => processor::all_topics(broker),
            RequestCode::GET_TOPIC_CONFIG => processor::topic_config(broker, command),
            RequestCode::GET_SYSTEM_TOPIC_LIST_FROM_BROKER => processor::system_topics(broker),
            RequestCode::GET_TOPIC_STATS_INFO => processor::topic_stats(broker, command),
            RequestCode::UPDATE_AND_CREATE_SUBSCRIPTIONGROUP => processor::update_group(broker, command),
            RequestCode::DELETE_SUBSCRIPTIONGROUP => processor::delete_group(broker, command),
            RequestCode::GET_ALL_SUBSCRIPTIONGROUP_CONFIG => processor::all_groups(broker),
            RequestCode::GET_SUBSCRIPTIONGROUP_CONFIG => processor::group_config(broker, command),
            RequestCode::GET_CONSUME_STATS => processor::consume_stats(broker, command),
            RequestCode::GET_BROKER_CONSUME_STATS => processor::broker_consume_stats(broker, command),
            RequestCode::INVOKE_BROKER_TO_RESET_OFFSET => processor::reset_offset(broker, command),
            RequestCode::QUERY_CONSUME_QUEUE => processor::query_consume_queue(broker, command),
            RequestCode::GET_BROKER_HA_STATUS => processor::ha_status(broker),
            RequestCode::GET_CONSUMER_CONNECTION_LIST => processor::consumer_connections(broker, command),
            RequestCode::GET_PRODUCER_CONNECTION_LIST => processor::producer_connections(broker, command),
            RequestCode::QUERY_TOPIC_CONSUME_BY_WHO => processor::consumed_by(broker, command),
            RequestCode::GET_BROKER_RUNTIME_INFO => processor::runtime_info(broker),
            RequestCode::GET_BROKER_CONFIG => processor::broker_config(broker),
            RequestCode::UPDATE_BROKER_CONFIG => processor::update_config(broker, command),
            RequestCode::VIEW_BROKER_STATS_DATA => processor::broker_stats(broker, command),
            RequestCode::DELETE_EXPIRED_COMMITLOG
            | RequestCode::CLEAN_EXPIRED_CONSUMEQUEUE
            | RequestCode::CLEAN_UNUSED_TOPIC => return processor::clean(self, command),
            RequestCode::RESUME_CHECK_HALF_MESSAGE => processor::resume_check(broker, command),
            RequestCode::CLONE_GROUP_OFFSET => processor::clone_offsets(broker, command),
            RequestCode::QUERY_TOPICS_BY_CONSUMER => processor::topics_by_consumer(broker, command),
            RequestCode::UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST => {
                processor::update_groups(broker, command)
            }
            RequestCode::GET_ALL_PRODUCER_INFO => processor::all_producers(broker),
            RequestCode::QUERY_SUBSCRIPTION_BY_CONSUMER => {
                processor::subscription_by_consumer(broker, command)
            }
            RequestCode::QUERY_CONSUME_TIME_SPAN => processor::consume_time_span(broker, command),
            RequestCode::INVOKE_BROKER_TO_GET_CONSUMER_STATUS => {
                return processor::consumer_status(self, command, out);
            }
            RequestCode::GET_CONSUMER_RUNNING_INFO | RequestCode::CONSUME_MESSAGE_DIRECTLY => {
                return processor::relay(self, command, out);
            }
            RequestCode::RECALL_MESSAGE => return processor::recall(self, command, out),
            // Users and access lists.
            RequestCode(3001..=3010) => Err(Refusal::new(
                ResponseCode::SYSTEM_ERROR,
                "this broker has no users and no access lists yet: let nobody reach it who may not",
            )),
            code => Err(Refusal::new(
                ResponseCode::REQUEST_CODE_NOT_SUPPORTED,
                format!(" request type {} not supported", code.0),
            )),
        };
        match answer {
            Ok(answer) => out.answer(to, &answer),
            Err(refusal) => {
                tracing::debug!(code = %command.request_code(), addr = %self.peer.addr(), %refusal, "refused");
                out.refuse(to, refusal.code, &refusal.remark);
            }
        }
    }
}
