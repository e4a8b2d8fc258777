//! Telling every broker of the topic that we are a member, and what we read (Apache: `HeartbeatData`).

use super::config::{Config, Model, Start};
use super::shared::Shared;
use crate::client::{Error, accept};
use gantry_remoting::body::{
    ConsumeFromWhere, ConsumeType, ConsumerData, HeartbeatData, MessageModel, SubscriptionData,
};
use gantry_remoting::client::Connection;
use gantry_remoting::header::{ToFields as _, UnregisterClient};
use gantry_remoting::{CommandBuf, RequestCode, fastjson};
use std::sync::Arc;
use tokio::task::JoinSet;

/// What a member says of itself.
fn heartbeat(config: &Config, client_id: &str, subscriptions: Vec<SubscriptionData>) -> HeartbeatData {
    HeartbeatData {
        client_id: client_id.to_owned(),
        consumer_data_set: vec![ConsumerData {
            group_name: config.group.clone(),
            consume_type: ConsumeType::Passively,
            message_model: match config.model {
                Model::Clustering => MessageModel::Clustering,
                Model::Broadcasting => MessageModel::Broadcasting,
            },
            consume_from_where: match config.start {
                Start::End => ConsumeFromWhere::LastOffset,
                Start::Beginning => ConsumeFromWhere::FirstOffset,
                Start::Timestamp(_) => ConsumeFromWhere::Timestamp,
            },
            subscription_data_set: subscriptions,
            unit_mode: false,
        }],
        ..HeartbeatData::default()
    }
}

impl Shared {
    /// Sends a heartbeat to each broker of the topic; with `only_new`, to those that had none over the connection as it
    /// is now. `Ok` holds how many got one. Who is anonymous only sees that the brokers are there.
    ///
    /// # Errors
    /// When there is no route, or no broker at all took it: the last reason.
    pub(super) async fn beat(self: &Arc<Self>, only_new: bool) -> Result<usize, Error> {
        let topology = self.topology().await?;
        let mut beats = JoinSet::new();
        for addr in topology.addrs() {
            let known = self.introduced.lock().get(addr).is_some_and(|connection| !connection.is_closed());
            if !(only_new && known) {
                let (shared, addr) = (Arc::clone(self), addr.to_owned());
                beats.spawn(async move { shared.beat_one(&addr).await });
            }
        }
        let mut result = Ok(0);
        while let Some(beat) = beats.join_next().await {
            match (beat, &mut result) {
                (Ok(Ok(())), Ok(count)) => *count += 1,
                (Ok(Ok(())), failed) => *failed = Ok(1),
                (Ok(Err(error)), Err(last)) => *last = error,
                (Ok(Err(error)), Ok(0)) => result = Err(error),
                // Some broker took it. A panic was reported where it happened.
                (Ok(Err(_)) | Err(_), _) => {}
            }
        }
        result
    }

    async fn beat_one(&self, addr: &str) -> Result<(), Error> {
        let subscriptions = self
            .topics()
            .iter()
            .map(|topic| self.filter(topic).subscription(topic, self.sub_version))
            .collect();
        let body = fastjson::to_vec(&heartbeat(&self.config, &self.client_id, subscriptions));
        let connection = self.links.connect(addr, self.config.timeout).await?;
        self.introduce(addr, &connection, body).await
    }

    async fn introduce(&self, addr: &str, connection: &Arc<Connection>, body: Vec<u8>) -> Result<(), Error> {
        if !self.config.anonymous {
            let command = CommandBuf::request(RequestCode::HEART_BEAT).with_body(body);
            let answer = connection.request(command, self.config.timeout).await?;
            accept(addr, RequestCode::HEART_BEAT, answer)?;
        }
        self.introduced.lock().insert(addr.to_owned(), Arc::clone(connection));
        Ok(())
    }

    /// Says good-bye to every broker that knows us, so that the others take over at once.
    pub(super) async fn unregister(&self) {
        if self.config.anonymous {
            return;
        }
        let addrs: Vec<String> = self.introduced.lock().keys().cloned().collect();
        for addr in addrs {
            let header = UnregisterClient {
                client_id: &self.client_id,
                producer_group: None,
                consumer_group: Some(&self.config.group),
            };
            let command = header.into_command(CommandBuf::request(RequestCode::UNREGISTER_CLIENT));
            if let Err(error) = self.links.request(&addr, command, self.config.timeout).await {
                tracing::debug!(%addr, %error, "cannot unregister; the closing connection will say it");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consumer::TagFilter;
    use std::time::Duration;

    #[test]
    fn a_heartbeat_says_what_java_would_say() {
        let config = Config {
            topic: "T".into(),
            group: "g".into(),
            anonymous: false,
            filter: "A".parse().unwrap(),
            start: Start::Beginning,
            model: Model::Clustering,
            orderly: false,
            until_end: false,
            timeout: Duration::from_secs(3),
        };
        let subscriptions =
            vec![config.filter.subscription("T", 7), TagFilter::default().subscription("%RETRY%g", 7)];
        let json = fastjson::to_vec(&heartbeat(&config, "ip@1#2", subscriptions));
        assert_eq!(
            String::from_utf8(json).unwrap(),
            r#"{"clientID":"ip@1#2","producerDataSet":[],"consumerDataSet":[{"groupName":"g","consumeType":"CONSUME_PASSIVELY","messageModel":"CLUSTERING","consumeFromWhere":"CONSUME_FROM_FIRST_OFFSET","subscriptionDataSet":[{"classFilterMode":false,"topic":"T","subString":"A","tagsSet":["A"],"codeSet":[65],"subVersion":7,"expressionType":"TAG"},{"classFilterMode":false,"topic":"%RETRY%g","subString":"*","tagsSet":[],"codeSet":[],"subVersion":7,"expressionType":"TAG"}],"unitMode":false}],"heartbeatFingerprint":0,"withoutSub":false}"#
        );
    }
}
