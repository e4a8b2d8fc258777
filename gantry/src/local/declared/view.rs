//! What is shown: a table that is redrawn, or lines when something changed.

use super::fleet::{Fleet, Health};
use super::picture;
use super::round::{Standings, group_status, topic_status};
use super::store::Store;
use crate::output::numbers::{bytes, counted, grouped, rate};
use gantry_admin::{Admin as _, Broker, Calls, Outcome, Place};
use gantry_crds::{ConsumerGroupStatus, TopicStatus};
use std::collections::BTreeMap;
use std::time::Instant;

/// One object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    /// `Topic/orders`.
    pub(super) name: String,
    /// As the Ready condition has it.
    pub(super) ready: &'static str,
    /// What is the case.
    pub(super) what: String,
    /// Numbers that change all the time.
    pub(super) numbers: String,
}

/// The rows as they were told last, and counts to make rates of.
#[derive(Debug, Default)]
pub(super) struct View {
    told: BTreeMap<String, (&'static str, String)>,
    counts: BTreeMap<String, (u64, Instant)>,
}

impl View {
    /// Looks at everything.
    pub(super) async fn rows(
        &mut self,
        fleet: &Fleet<'_>,
        calls: &Calls,
        store: &Store,
        standings: &Standings,
    ) -> Vec<Row> {
        let mut rows = vec![Row {
            name: "NameServer".into(),
            ready: "True",
            what: fleet.name_server().to_string(),
            numbers: String::new(),
        }];
        for (name, health) in fleet.health() {
            let row_name = format!("BrokerGroup/{name}");
            rows.push(match health {
                Health::Down(why) => {
                    Row { name: row_name, ready: "False", what: why, numbers: String::new() }
                }
                Health::Serving(addr, now) => {
                    let into = self.rate(&format!("{row_name} in"), now.messages_in);
                    let out = self.rate(&format!("{row_name} out"), now.messages_out);
                    let clients = counted((now.consumers + now.producers) as u64, "client");
                    let numbers = format!("{clients}  in {into}  out {out}  log {}", bytes(now.log_bytes));
                    Row { name: row_name, ready: "True", what: addr.to_string(), numbers }
                }
            });
        }
        let (topics, groups): (Vec<_>, Vec<_>) =
            standings.iter().partition(|(name, _)| name.starts_with("Topic/"));
        for (name, outcome) in topics.into_iter().chain(groups) {
            let mut row = standing(name, outcome);
            if let Some(topic) = name.strip_prefix("Topic/")
                && let Some(status) = topic_status(store, topic)
            {
                if outcome.is_ready() {
                    row.what = queues(status);
                }
                let sent = sent(fleet, calls, status).await;
                row.numbers = format!("in {}", self.rate(name, sent));
            }
            if let Some(group) = name.strip_prefix("ConsumerGroup/")
                && let Some(status) = group_status(store, group)
            {
                let (members, lag, consumed) = group_now(fleet, calls, status).await;
                let rate = self.rate(name, consumed);
                row.numbers = format!("{}  lag {}  {rate}", counted(members, "member"), grouped(lag));
            }
            rows.push(row);
        }
        rows
    }

    /// The rows that are new or differ from what was told, as lines.
    pub(super) fn news(&mut self, rows: &[Row]) -> Vec<String> {
        let mut lines = Vec::new();
        for row in rows {
            let now = (row.ready, row.what.clone());
            if self.told.get(&row.name) != Some(&now) {
                let numbers =
                    if row.numbers.is_empty() { String::new() } else { format!("  ({})", row.numbers) };
                lines.push(format!("{}  Ready {}  {}{numbers}", row.name, row.ready, row.what));
                self.told.insert(row.name.clone(), now);
            }
        }
        self.told.retain(|name, _| rows.iter().any(|row| row.name == *name));
        lines
    }

    /// Growth since the last look, such as `12/s`.
    fn rate(&mut self, name: &str, count: u64) -> String {
        let now = Instant::now();
        let before = self.counts.insert(name.to_owned(), (count, now));
        let (then, at) = before.unwrap_or((count, now));
        // A reset goes back.
        format!("{}/s", rate(count.saturating_sub(then), now.duration_since(at)))
    }
}

fn standing(name: &str, outcome: &Outcome) -> Row {
    let (ready, what) = match outcome {
        Outcome::Ready { message } => ("True", message.clone()),
        Outcome::InProgress { reason, message } => ("False", format!("{reason}: {message}")),
        Outcome::Unknown { reason, message } => ("Unknown", format!("{reason}: {message}")),
        Outcome::Stalled { reason, message } => ("False", format!("STALLED {reason}: {message}")),
    };
    Row { name: name.into(), ready, what, numbers: String::new() }
}

/// `8 queues on a, b`, or each for itself where they differ.
fn queues(status: &TopicStatus) -> String {
    let counts: Vec<_> =
        status.brokers.iter().map(|broker| broker.write_queues.unwrap_or_default()).collect();
    let names: Vec<_> = status.brokers.iter().map(|broker| broker.broker.as_str()).collect();
    match counts.first() {
        Some(first) if counts.iter().all(|count| count == first) => {
            format!("{} on {}", counted(u64::from(first.unsigned_abs()), "queue"), names.join(", "))
        }
        _ => names
            .iter()
            .zip(counts)
            .map(|(name, count)| format!("{name} {count}"))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

/// The addresses of brokers that are named in a status.
fn addresses<'a>(fleet: &Fleet<'_>, names: impl Iterator<Item = &'a String>) -> Vec<Broker> {
    names.map(|name| Broker { name: name.clone(), place: fleet.place(name) }).collect()
}

/// Messages that were ever sent to a topic.
async fn sent(fleet: &Fleet<'_>, calls: &Calls, status: &TopicStatus) -> u64 {
    let mut sum = 0;
    let topic = status.topic_name.as_deref().unwrap_or_default();
    for broker in addresses(fleet, status.brokers.iter().map(|entry| &entry.broker)) {
        if let Place::At(addr) = &broker.place
            && let Ok(bounds) = calls.topic_bounds(addr, topic).await
        {
            sum += bounds.values().map(|queue| queue.max.max(0).unsigned_abs()).sum::<u64>();
        }
    }
    sum
}

/// Members, lag, and messages that were ever consumed.
async fn group_now(fleet: &Fleet<'_>, calls: &Calls, status: &ConsumerGroupStatus) -> (u64, u64, u64) {
    let (mut members, mut lag, mut consumed) = (std::collections::BTreeSet::new(), 0, 0);
    let group = status.group_name.as_deref().unwrap_or_default();
    for broker in addresses(fleet, status.owned_on.iter()) {
        let Place::At(addr) = &broker.place else { continue };
        if let Ok(here) = calls.members(addr, group).await {
            members.extend(here.client_ids);
        }
        for place in
            calls.consume_stats(addr, group, None).await.iter().flat_map(|topics| topics.values()).flatten()
        {
            lag += place.1.lag().unsigned_abs();
            consumed += place.1.consumer_offset.max(0).unsigned_abs();
        }
    }
    (members.len() as u64, lag, consumed)
}

/// Topics that are being scaled.
pub(super) async fn pictures(fleet: &Fleet<'_>, calls: &Calls, store: &Store) -> Vec<String> {
    let mut lines = Vec::new();
    for object in store.contents.topics.values() {
        let Some(status) = &object.status else { continue };
        let (Some(scale), Some(topic)) = (&status.scale, &status.topic_name) else { continue };
        for broker in addresses(fleet, status.brokers.iter().map(|entry| &entry.broker)) {
            if let Place::At(addr) = &broker.place
                && let Some(seen) = picture::look(calls, addr, topic, scale).await
            {
                lines.extend(picture::picture(topic, scale, &seen));
            }
        }
    }
    lines
}

/// The rows as a table.
pub(super) fn table(rows: &[Row]) -> Vec<String> {
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or_default();
    let line = |name: &str, ready: &str, what: &str| format!("{name:width$}  {ready:7}  {what}");
    let mut lines = vec![line("NAME", "READY", "")];
    for row in rows {
        let gap = if row.numbers.is_empty() { "" } else { "   " };
        lines.push(line(&row.name, row.ready, &format!("{}{gap}{}", row.what, row.numbers)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, what: &str, numbers: &str) -> Row {
        Row { name: name.into(), ready: "True", what: what.into(), numbers: numbers.into() }
    }

    #[test]
    fn a_table_has_its_columns_in_line() {
        let rows =
            [row("NameServer", "127.0.0.1:9876", ""), row("Topic/orders", "8 queues on main", "in 3/s")];
        assert_eq!(
            table(&rows),
            [
                "NAME          READY    ",
                "NameServer    True     127.0.0.1:9876",
                "Topic/orders  True     8 queues on main   in 3/s",
            ]
        );
    }

    #[test]
    fn without_a_terminal_only_changes_are_told_and_numbers_are_none() {
        let mut view = View::default();
        assert_eq!(
            view.news(&[row("Topic/orders", "4 queues on main", "in 0.0/s")]),
            ["Topic/orders  Ready True  4 queues on main  (in 0.0/s)"]
        );
        assert!(view.news(&[row("Topic/orders", "4 queues on main", "in 9/s")]).is_empty());
        assert_eq!(view.news(&[row("Topic/orders", "8 queues on main", "")]).len(), 1);
    }

    #[test]
    fn a_stalled_object_says_so() {
        let outcome = Outcome::Stalled { reason: "TopicExists".into(), message: "adopt it".into() };
        let row = standing("Topic/orders", &outcome);
        assert_eq!((row.ready, &*row.what), ("False", "STALLED TopicExists: adopt it"));
    }
}
