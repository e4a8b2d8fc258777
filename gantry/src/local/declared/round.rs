//! One round: every declared topic and group is made to agree, those that are not declared any more come to their end.

use super::declaration::Declaration;
use super::fleet::Fleet;
use super::store::{Entry, Store};
use gantry_admin::{Broker, Calls, Outcome, Place, group, reconcile, topic};
use gantry_crds::{Approval, ConsumerGroupStatus, TopicStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use std::collections::BTreeMap;
use std::io;

/// How each object stands, by `Kind/name`.
pub(super) type Standings = BTreeMap<String, Outcome>;

/// Runs a round. `say` hears of everything that was done.
///
/// # Errors
/// When `status.json` cannot be written.
pub(super) async fn run(
    calls: &Calls,
    fleet: &Fleet<'_>,
    declared: &Declaration,
    store: &mut Store,
    mut say: impl FnMut(String),
) -> io::Result<Standings> {
    let now = Time(Timestamp::now());
    let mut standings = Standings::new();
    declared.topics.iter().for_each(|(name, spec)| store.declare_topic(name, spec));
    declared.consumer_groups.iter().for_each(|(name, spec)| store.declare_group(name, spec));

    for name in store.contents.topics.keys().cloned().collect::<Vec<_>>() {
        let Some(mut object) = store.contents.topics.get(&name).cloned() else { continue };
        // Whoever changes the file has approved it.
        object.spec.scaling.approval = Approval::Automatic;
        let status = object.status.unwrap_or_default();
        let resource = topic::Topic {
            name: object.spec.topic_name.clone().unwrap_or_else(|| name.clone()),
            generation: object.metadata.generation,
            brokers: places(
                fleet,
                topic::broker_names(&object.spec, &status),
                object.spec.broker_groups.is_some(),
            ),
            name_servers: vec![fleet.local_name_server().to_string()],
            settle: topic::SETTLE,
            approved: None,
            deleting: !declared.topics.contains_key(&name),
            spec: object.spec,
        };
        let deleting = resource.deleting;
        let mut entry = Entry { store, name: &name, did: Vec::new() };
        let done = reconcile::<_, _, _>(&resource, calls, status, &now, &mut entry).await?;
        entry.did.iter().for_each(|did| say(format!("Topic/{name} {did}")));
        if deleting && done.finished {
            say(format!("Topic/{name}: no longer declared, {}", done.outcome.message()));
            store.contents.topics.remove(&name);
            store.save()?;
        } else {
            standings.insert(format!("Topic/{name}"), done.outcome);
        }
    }

    for name in store.contents.consumer_groups.keys().cloned().collect::<Vec<_>>() {
        let Some(object) = store.contents.consumer_groups.get(&name).cloned() else { continue };
        let status = object.status.unwrap_or_default();
        let resource = group::Group {
            name: object.spec.group_name.clone().unwrap_or_else(|| name.clone()),
            generation: object.metadata.generation,
            brokers: places(
                fleet,
                group::broker_names(&object.spec, &status),
                object.spec.broker_groups.is_some(),
            ),
            deleting: !declared.consumer_groups.contains_key(&name),
            spec: object.spec,
        };
        let deleting = resource.deleting;
        let mut entry = Entry { store, name: &name, did: Vec::new() };
        let done = reconcile::<_, _, _>(&resource, calls, status, &now, &mut entry).await?;
        entry.did.iter().for_each(|did| say(format!("ConsumerGroup/{name} {did}")));
        if deleting && done.finished {
            say(format!("ConsumerGroup/{name}: no longer declared, {}", done.outcome.message()));
            store.contents.consumer_groups.remove(&name);
            store.save()?;
        } else {
            standings.insert(format!("ConsumerGroup/{name}"), done.outcome);
        }
    }
    Ok(standings)
}

/// BrokerGroups are brokers of this process; `host:port` is what it says.
fn places(fleet: &Fleet<'_>, names: Vec<String>, are_groups: bool) -> Vec<Broker> {
    let place = |name: String| {
        let is_address = !are_groups || name.contains(':');
        let place = if is_address { Place::At(name.clone()) } else { fleet.place(&name) };
        Broker { name, place }
    };
    names.into_iter().map(place).collect()
}

/// The status of a topic, if there is one.
pub(super) fn topic_status<'a>(store: &'a Store, name: &str) -> Option<&'a TopicStatus> {
    store.contents.topics.get(name)?.status.as_ref()
}

/// The status of a group, if there is one.
pub(super) fn group_status<'a>(store: &'a Store, name: &str) -> Option<&'a ConsumerGroupStatus> {
    store.contents.consumer_groups.get(name)?.status.as_ref()
}
