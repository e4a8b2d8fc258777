//! What the broker says of itself: runtime information and configuration.

use super::failed;
use crate::broker::Broker;
use crate::clock::now_ms;
use crate::session::BrokerSession;
use gantry_remoting::body::{DataVersion, KvTable};
use gantry_remoting::header::{FromFields as _, ViewBrokerStats};
use gantry_remoting::reply::{Answer, Outbound, Refusal};
use gantry_remoting::{Command, RequestCode, fastjson};
use std::sync::Arc;
use std::time::Instant;

/// GET_BROKER_RUNTIME_INFO: the keys that mqadmin and the dashboard read (protocol page 2.8).
pub(crate) fn runtime_info(broker: &Broker) -> Result<Answer, Refusal> {
    let now = Instant::now();
    let stats = broker.store.stats();
    let uptime = broker.started.elapsed().as_secs();
    let earliest = broker.store.read_at(stats.log_start).and_then(|bytes| {
        gantry_message::Record::read(&bytes).ok().map(|(record, _)| record.store_timestamp)
    });
    let mut info = KvTable::default();
    let mut set = |key: &str, value: String| {
        info.table.insert(key.into(), value);
    };
    let (put, got) = (broker.put.text(now), broker.got.text(now));
    set("brokerActive", "true".into());
    set("brokerVersionDesc", concat!("Gantry ", env!("CARGO_PKG_VERSION")).into());
    set("brokerVersion", gantry_remoting::language::OUR_VERSION.to_string());
    set("bootTimestamp", broker.boot_timestamp.to_string());
    set("startAcceptSendRequestTimeStamp", "0".into());
    set(
        "runtime",
        format!(
            "[ {} days, {} hours, {} minutes, {} seconds ]",
            uptime / 86_400,
            uptime / 3600 % 24,
            uptime / 60 % 60,
            uptime % 60
        ),
    );
    set("putTps", put);
    set("getTotalTps", got.clone());
    set("getFoundTps", got.clone());
    set("getMissTps", "0 0 0".into());
    set("getTransferredTps", got);
    set("msgPutTotalTodayNow", broker.put.total().to_string());
    set("msgGetTotalTodayNow", broker.got.total().to_string());
    let mornings = broker.calendar.mornings();
    for (day, totals) in [("Yesterday", mornings.yesterday), ("Today", mornings.today)] {
        set(&format!("msgPutTotal{day}Morning"), totals.put.to_string());
        set(&format!("msgGetTotal{day}Morning"), totals.got.to_string());
    }
    let (messages, bytes) = stats.appended;
    set("putMessageTimesTotal", messages.to_string());
    set("putMessageSizeTotal", bytes.to_string());
    set(
        "putMessageAverageSize",
        if messages == 0 { "0".into() } else { (bytes as f64 / messages as f64).to_string() },
    );
    // There is no such buffer and no such queue.
    for key in [
        "remainTransientStoreBufferNumbs",
        "EndTransactionQueueSize",
        "EndTransactionThreadPoolQueueCapacity",
    ] {
        set(key, "0".into());
    }
    set("putMessageEntireTimeMax", broker.slowest_put.millis().to_string());
    set("getMessageEntireTimeMax", broker.slowest_get.millis().to_string());
    let gib = |bytes: u64| format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30));
    let (total, free) = stats.disk;
    set("commitLogDirCapacity", format!("Total : {}, Free : {}.", gib(total), gib(free)));
    set("earliestMessageTimeStamp", earliest.unwrap_or_else(now_ms).to_string());
    set("commitLogMinOffset", stats.log_start.to_string());
    set("commitLogMaxOffset", stats.log_end.to_string());
    set("commitLogDiskRatio", stats.disk_used.to_string());
    set("consumeQueueDiskRatio", stats.disk_used.to_string());
    set("remainHowManyDataToFlush", format!("{} B", stats.log_end - stats.durable));
    set("dispatchBehindBytes", "0".into());
    set("dispatchMaxBuffer", "0".into());
    let late = broker.timers.ledger().next_due().map_or(0, |due| (now_ms() - due).max(0));
    set("timerReadBehind", (late / 1000).to_string());
    set("timerOffsetBehind", "0".into());
    set("timerCongestNum", broker.timers.ledger().len().to_string());
    set("timerEnqueueTps", "0.0".into());
    set("timerDequeueTps", "0.0".into());
    set("pageCacheLockTimeMills", "0".into());
    // There are no thread pools: requests run where they arrive, so nothing queues and nothing waits.
    for pool in ["send", "pull", "litePull", "ack", "query"] {
        set(&format!("{pool}ThreadPoolQueueSize"), "0".into());
        set(&format!("{pool}ThreadPoolQueueCapacity"), "0".into());
        set(&format!("{pool}ThreadPoolQueueHeadWaitTimeMills"), "0".into());
    }
    for level in 1..=broker.delay_levels.highest() {
        let queue = broker.store.existing_queue(gantry_message::name::SCHEDULE_TOPIC, level - 1);
        if let Some(queue) = queue {
            let done = broker.delays.offset(level);
            set(
                &format!("scheduleMessageOffset_{level}"),
                format!("{done},{}", broker.store.max_offset(&queue)),
            );
        }
    }
    Ok(Answer::json(&info))
}

/// VIEW_BROKER_STATS_DATA: of a topic, or of what a group got of it (`topic@group`).
pub(crate) fn broker_stats(broker: &Broker, command: &Command<'_>) -> Result<Answer, Refusal> {
    let ViewBrokerStats { stats_name, stats_key } = ViewBrokerStats::from_fields(command.ext)?;
    let (topic, group) = match stats_key.split_once('@') {
        Some((topic, group)) => (topic, Some(group)),
        None => (stats_key, None),
    };
    let sums = broker.topics.get(topic).and_then(|topic| topic.traffic().sums(stats_name, group));
    let sums = sums.ok_or_else(|| failed(format!("The stats <{stats_name}> <{stats_key}> not exist")))?;
    Ok(Answer::json(&sums))
}

/// DELETE_EXPIRED_COMMITLOG and CLEAN_EXPIRED_CONSUMEQUEUE: what the cleaning thread does at its hour, now.
pub(crate) fn clean(session: &BrokerSession, command: &Command<'_>) {
    let (broker, peer, to) = (Arc::clone(&session.broker), Arc::clone(&session.peer), command.reply_to());
    let code = command.request_code();
    let under_way = peer.in_background();
    tokio::task::spawn_blocking(move || {
        let done = match code {
            RequestCode::DELETE_EXPIRED_COMMITLOG => broker.store.delete_expired(),
            RequestCode::CLEAN_UNUSED_TOPIC => delete_unused(&broker),
            _ => broker.store.trim_queues(),
        };
        let answer = done.map_or_else(|error| failed(error).into(), |()| Answer::ok());
        let mut out = Outbound::default();
        out.answer(to, &answer);
        // A client that is gone needs no answer.
        let _ = peer.send(&mut out);
        drop(under_way);
    });
}

/// GET_BROKER_CONFIG: properties text; the header tells its version.
pub(crate) fn broker_config(broker: &Broker) -> Result<Answer, Refusal> {
    let version = DataVersion { timestamp: broker.boot_timestamp, ..DataVersion::default() };
    let version = String::from_utf8_lossy(&fastjson::to_vec(&version)).into_owned();
    Ok(Answer::ok().with("version", version).with_body(broker.config().to_properties()))
}

/// Deletes the queues of topics that are no more. The system's own belong to no topic that was made.
fn delete_unused(broker: &Broker) -> std::io::Result<()> {
    for topic in broker.store.topics() {
        if broker.topics.get(&topic).is_none() && !gantry_message::name::is_system_topic(&topic) {
            tracing::info!(topic, "queues of a topic that is no more: deleted");
            broker.store.delete_topic(&topic)?;
        }
    }
    Ok(())
}

/// UPDATE_BROKER_CONFIG: holds until the broker restarts.
pub(crate) fn update_config(broker: &Broker, command: &Command<'_>) -> Result<Answer, Refusal> {
    let text = std::str::from_utf8(command.body)
        .map_err(|error| failed(format!("the settings are no UTF-8 text: {error}")))?;
    broker.change_config(text)?;
    tracing::warn!(
        settings = text.trim(),
        "settings changed until the next start: what is to stay has to be in broker.conf"
    );
    broker.registration.topics_changed();
    Ok(Answer::ok())
}
