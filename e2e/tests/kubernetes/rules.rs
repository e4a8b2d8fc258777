//! Every rule of the definitions has an example that the API server accepts and one that it refuses.

use anyhow::{Result, ensure};
use gantry_e2e::kubernetes::{Applied, Space};
use serde_json::{Value, json};

use crate::{Named, Needs};

pub(crate) const TRIALS: [Named; 2] =
    [("rules::of-new-objects", Needs::Nothing, new_objects), ("rules::of-changes", Needs::Nothing, changes)];

/// A kind, a name, a good spec, a bad one, and a part of what is said to the bad one.
struct Rule {
    kind: &'static str,
    name: &'static str,
    good: Value,
    bad: Value,
    said: &'static str,
}

fn rule(kind: &'static str, good: Value, bad: Value, said: &'static str) -> Rule {
    Rule { kind, name: "example", good, bad, said }
}

fn object(kind: &str, name: &str, spec: &Value) -> String {
    json!({"apiVersion": "gantry.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec})
        .to_string()
}

/// A broker group's spec with these fields besides.
fn group(more: &Value) -> Value {
    merged(json!({"nameServerRef": {"name": "names"}, "storage": {"size": "1Gi"}}), more)
}

fn on_main(more: &Value) -> Value {
    merged(json!({"brokerGroups": ["main"]}), more)
}

fn merged(mut base: Value, more: &Value) -> Value {
    for (key, value) in more.as_object().into_iter().flatten() {
        base[key] = value.clone();
    }
    base
}

fn rules() -> Vec<Rule> {
    let g = |good: Value, bad: Value, said| rule("BrokerGroup", group(&good), group(&bad), said);
    let t = |good: Value, bad: Value, said| rule("Topic", on_main(&good), on_main(&bad), said);
    let c = |good: Value, bad: Value, said| rule("ConsumerGroup", on_main(&good), on_main(&bad), said);
    let none = || json!({});
    vec![
        rule("NameServer", json!({"replicas": 3}), json!({"replicas": 8}), "less than or equal to 7"),
        rule(
            "NameServer",
            json!({"external": {"type": "NodePort", "host": "a.example.com", "nodePort": 30001}}),
            json!({"external": {"type": "NodePort"}}),
            "external.host is needed with NodePort",
        ),
        rule(
            "NameServer",
            json!({"external": {"type": "LoadBalancer"}}),
            json!({"external": {"type": "LoadBalancer", "nodePort": 30001}}),
            "nodePort goes with type NodePort only",
        ),
        g(none(), json!({"nameServerAddresses": ["a:9876"]}), "either nameServerRef"),
        g(json!({"replicas": 1}), json!({"replicas": 2}), "replicas above 1 are not supported yet"),
        g(
            json!({"config": {"maxMessageSize": "1048576"}}),
            json!({"config": {"listenPort": "1"}}),
            "follows from other fields",
        ),
        g(json!({"config": {"a": "b"}}), json!({"config": {"a": "b\nlistenPort=1"}}), "no line breaks"),
        g(json!({"storage": {"size": "10Gi"}}), json!({"storage": {"size": "plenty"}}), "quantity"),
        g(json!({"clusterName": "a_b"}), json!({"clusterName": "a b"}), "clusterName"),
        g(json!({"flushMode": "Sync"}), json!({"flushMode": "Never"}), "flushMode"),
        g(json!({"leaveSeconds": 0}), json!({"leaveSeconds": -1}), "leaveSeconds"),
        t(none(), json!({"brokerAddresses": ["a:10911"]}), "either brokerGroups"),
        t(json!({"topicName": "a%b|C_d-1"}), json!({"topicName": "a.b"}), "topicName"),
        t(json!({"topicName": "mine"}), json!({"topicName": "%RETRY%mine"}), "belongs to the system"),
        t(json!({"queues": 1024}), json!({"queues": 0}), "queues"),
        t(json!({"permission": "ReadOnly"}), json!({"permission": "6"}), "permission"),
        t(
            json!({"scaling": {"settleSeconds": 5}}),
            json!({"scaling": {"settleSeconds": 5, "maxSettleSeconds": 4}}),
            "at least settleSeconds",
        ),
        t(
            json!({"ordered": true, "order": {"keyProperty": "KEYS"}}),
            json!({"order": {"keyProperty": "KEYS"}}),
            "order is for ordered topics",
        ),
        t(
            json!({"ordered": true, "order": {"keyProperty": "order-id"}}),
            json!({"ordered": true, "order": {"keyProperty": "order id"}}),
            "keyProperty",
        ),
        c(none(), json!({"brokerAddresses": ["a:10911"]}), "either brokerGroups"),
        c(json!({"groupName": "mine"}), json!({"groupName": "TOOLS_CONSUMER"}), "belongs to the system"),
        c(json!({"retry": {"maxAttempts": 0}}), json!({"retry": {"maxAttempts": -1}}), "maxAttempts"),
        c(
            json!({"offsetReset": {"token": "a", "to": "Timestamp", "timestamp": "2030-01-01T00:00:00Z"}}),
            json!({"offsetReset": {"token": "a", "to": "Timestamp"}}),
            "timestamp is needed",
        ),
        Rule { name: "a.b", ..t(json!({"topicName": "ab"}), none(), "set spec.topicName") },
        Rule { name: "a.b", ..c(json!({"groupName": "ab"}), none(), "set spec.groupName") },
    ]
}

fn new_objects() -> Result<()> {
    let space = Space::new("rules")?;
    for rule in rules() {
        check(&space, &rule)?;
    }
    let long = "a".repeat(41);
    for kind in ["NameServer", "BrokerGroup"] {
        let spec = if kind == "NameServer" { json!({}) } else { group(&json!({})) };
        let refused = space.kubectl.try_apply(&object(kind, &long, &spec))?;
        ensure!(matches!(&refused, Applied::Refused(said) if said.contains("at most 40")), "{refused:?}");
    }
    Ok(())
}

fn changes() -> Result<()> {
    let space = Space::new("changes")?;
    let changes = [
        rule(
            "BrokerGroup",
            group(&json!({"flushMode": "Sync"})),
            group(&json!({"clusterName": "other"})),
            "clusterName cannot be changed",
        ),
        rule(
            "BrokerGroup",
            group(&json!({})),
            group(&json!({"brokerName": "other"})),
            "brokerName cannot be changed",
        ),
        rule(
            "BrokerGroup",
            group(&json!({"storage": {"size": "2Gi"}})),
            group(&json!({"storage": {"size": "1Gi", "className": "other"}})),
            "className cannot be changed",
        ),
        rule(
            "Topic",
            on_main(&json!({"queues": 12})),
            on_main(&json!({"topicName": "other"})),
            "topicName cannot be changed",
        ),
        rule(
            "ConsumerGroup",
            on_main(&json!({"ordered": true})),
            on_main(&json!({"groupName": "other"})),
            "groupName cannot be changed",
        ),
    ];
    for rule in changes {
        // Not looked at by the operator: it is about the API server.
        let base = if rule.kind == "BrokerGroup" { group(&json!({})) } else { on_main(&json!({})) };
        let mut first: Value = serde_json::from_str(&object(rule.kind, rule.name, &base))?;
        first["metadata"]["annotations"] = json!({"gantry.dev/pause-reconciliation": "true"});
        space.kubectl.apply(&first.to_string())?;
        check(&space, &rule)?;
    }
    let ordered = json!({"ordered": true, "queues": 8});
    let first = object("Topic", "ordered", &on_main(&ordered));
    space.kubectl.apply(&first)?;
    let refused = rule(
        "Topic",
        on_main(&merged(ordered.clone(), &json!({"queues": 16}))),
        on_main(&merged(ordered.clone(), &json!({"queues": 12}))),
        "to a multiple or a divisor",
    );
    check(&space, &Rule { name: "ordered", ..refused })?;
    let keyed =
        |queues: i32| on_main(&json!({"ordered": true, "queues": queues, "order": {"keyProperty": "KEYS"}}));
    space.kubectl.apply(&object("Topic", "keyed", &keyed(12)))?;
    let freed = rule(
        "Topic",
        keyed(7),
        on_main(&json!({"ordered": true, "queues": 12})),
        "order cannot be taken away",
    );
    check(&space, &Rule { name: "keyed", ..freed })?;
    let several = |queues: i32| json!({"brokerAddresses": ["a:1", "b:1"], "ordered": true, "queues": queues});
    space.kubectl.apply(&object("Topic", "several", &several(8)))?;
    let grown = rule("Topic", several(8), several(16), "ordered topic on several brokers cannot be changed");
    check(&space, &Rule { name: "several", ..grown })?;
    let moved = rule(
        "Topic",
        on_main(&merged(ordered.clone(), &json!({"queues": 16}))),
        merged(ordered, &json!({"brokerGroups": ["main", "other"]})),
        "brokerGroups of an ordered topic cannot be changed",
    );
    check(&space, &Rule { name: "ordered", ..moved })?;
    let reset = |to: &str| on_main(&json!({"offsetReset": {"token": "a", "to": to}}));
    space.kubectl.apply(&object("ConsumerGroup", "reset", &reset("Earliest")))?;
    let again = rule("ConsumerGroup", reset("Earliest"), reset("Latest"), "once per token");
    check(&space, &Rule { name: "reset", ..again })
}

fn check(space: &Space, rule: &Rule) -> Result<()> {
    let good = space.kubectl.try_apply(&object(rule.kind, rule.name, &rule.good))?;
    ensure!(good == Applied::Accepted, "{} {}: {good:?}", rule.kind, rule.good);
    match space.kubectl.try_apply(&object(rule.kind, rule.name, &rule.bad))? {
        Applied::Refused(said) if said.contains(rule.said) => Ok(()),
        other => anyhow::bail!("{} {}: expected {:?}, got {other:?}", rule.kind, rule.bad, rule.said),
    }
}
