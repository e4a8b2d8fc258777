//! What to do about an error. Errors say what was tried; this says what to try next.

use crate::client::{Access, Error, RemotingError};
use crate::producer::SendError;
use gantry_message::name::{BadName, Kind};
use gantry_remoting::{RequestCode, ResponseCode};

/// Advice on the innermost error that we know.
pub(crate) fn hint(error: &anyhow::Error) -> Option<String> {
    let mut causes = error.chain();
    causes.find_map(|cause| {
        if let Some(error) = cause.downcast_ref::<SendError>() {
            return on_send(error);
        }
        on_client(cause.downcast_ref()?)
    })
}

fn on_send(error: &SendError) -> Option<String> {
    match error {
        SendError::Unknown { message_id, queue, .. } => Some(format!(
            "The broker may have stored it, so it was not sent again. Its message id is {message_id}, its queue would be \
             {}:{} of {}.\nSending it once more is safe if your consumers can live with a duplicate.",
            queue.broker_name, queue.queue_id, queue.topic
        )),
        SendError::Failed { last: Error::UnknownTopic { topic, .. }, .. } => {
            Some(unknown_topic_to_send(topic))
        }
        SendError::Failed { last, .. } => on_client(last),
        SendError::Bad(_) => None,
    }
}

/// For a topic that does not exist where somebody wants to send.
pub(crate) fn unknown_topic_to_send(topic: &str) -> String {
    format!(
        "The brokers there do not make topics by themselves. Is the name right? Else have it made, for instance by\n  \
         mqadmin updateTopic -n NAMESRV -c CLUSTER -t {topic}"
    )
}

fn on_client(error: &Error) -> Option<String> {
    Some(match error {
        Error::NoNameServer { .. } => {
            "Is a name server running there? `gantry local` starts one on this machine; \
             --namesrv HOST:PORT or GANTRY_NAMESRV names another."
                .into()
        }
        Error::NotANameServer { .. } => {
            "This looks like a broker's port. A broker usually listens on 10911, a name \
             server on 9876: give the name server's address."
                .into()
        }
        Error::UnknownTopic { topic, .. } => format!(
            "Is the name right? A first message makes a topic, where brokers do so by themselves:\n  \
             gantry send {topic} hello\nWith --wait, consuming starts once the topic is there."
        ),
        Error::NoBroker { .. } => {
            "Brokers register within 30 s after the name server has started. Is one running, and \
             does its namesrvAddr name this server?"
                .into()
        }
        Error::NoQueue { access: Access::Write, .. } => {
            "Its brokers are gone, or its permissions forbid writing: \
             `mqadmin topicRoute -t TOPIC` shows both."
                .into()
        }
        Error::NoQueue { access: Access::Read, .. } => {
            "Its permissions forbid reading, or it has no read queues: \
             `mqadmin topicRoute -t TOPIC` shows both."
                .into()
        }
        Error::NoSuchQueue { .. } => {
            "Queues are named BROKER:NUMBER, as in --queue broker-a:0; the number alone is \
             enough when only one broker has it."
                .into()
        }
        Error::Refused { request, code, .. } => refused(*request, *code)?,
        Error::Remoting(RemotingError::Connect { addr, .. }) => format!(
            "The name server gave {addr} as the broker's address (brokerIP1 and listenPort in its configuration). It \
             must be reachable from here, and the broker be running."
        ),
        Error::Name(BadName::Character { kind: Kind::Topic, .. } | BadName::TooLong { .. }) => {
            "A topic's name is up to 127 letters, digits, _ and -, as in order-events.".into()
        }
        _ => return None,
    })
}

fn refused(request: RequestCode, code: ResponseCode) -> Option<String> {
    let hint = match (request, code) {
        (_, ResponseCode::NO_PERMISSION) => {
            "The topic's permissions, or the broker's access rules, do not allow this."
        }
        (RequestCode::SEND_MESSAGE_V2, ResponseCode::MESSAGE_ILLEGAL) => {
            "Most brokers take bodies of up to 4 MiB (maxMessageSize); --compress makes text smaller."
        }
        (_, ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST) => {
            "The broker does not make groups by itself. Name one that exists with --group, or have it made by\n  \
             mqadmin updateSubGroup -n NAMESRV -c CLUSTER -g GROUP"
        }
        (_, ResponseCode::SYSTEM_BUSY | ResponseCode::FLOW_CONTROL) => {
            "The broker has more to do than it can. Send slower, or later."
        }
        _ => return None,
    };
    Some(hint.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_error_that_is_known_is_advised_on() {
        let error = Error::UnknownTopic { topic: "orders".into(), addr: "h:1".into() };
        let text = hint(&anyhow::Error::from(error).context("joining")).unwrap();
        assert!(text.contains("gantry send orders hello"));
        let error = SendError::Failed {
            attempts: 1,
            last: Error::UnknownTopic { topic: "orders".into(), addr: "h:1".into() },
        };
        assert!(hint(&error.into()).unwrap().contains("mqadmin updateTopic"));
        assert_eq!(hint(&anyhow::anyhow!("else")), None);
    }
}
