//! What the files declare, checked as the API server would.

use super::broker;
use super::documents::{self, Mistake, Origin};
use gantry_crds::{BrokerGroupSpec, ConsumerGroupSpec, NameServerSpec, TopicSpec, check};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Everything that is declared, by `metadata.name`. Namespaces do not count here.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Declaration {
    pub(super) name_servers: BTreeMap<String, NameServerSpec>,
    pub(super) broker_groups: BTreeMap<String, BrokerGroupSpec>,
    pub(super) topics: BTreeMap<String, TopicSpec>,
    pub(super) consumer_groups: BTreeMap<String, ConsumerGroupSpec>,
    /// What is passed over, and why.
    pub(super) notices: Vec<String>,
}

/// What was declared before, by `Kind/name`: some fields cannot be changed.
pub(super) type Before = BTreeMap<String, Value>;

/// Reads and checks all files.
///
/// # Errors
/// Everything that is wrong in them.
pub(super) fn read(paths: &[PathBuf], before: &Before) -> Result<Declaration, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    let objects = documents::read(paths, &mut mistakes);
    let mut seen: BTreeMap<String, Origin> = BTreeMap::new();
    let mut declared = Declaration::default();
    for (origin, object) in objects {
        let mut mistake = |message: String| mistakes.push(Mistake { origin: origin.clone(), message });
        if !object["apiVersion"].is_string() || !object["kind"].is_string() {
            mistake("is no Kubernetes object: apiVersion or kind is missing".into());
            continue;
        }
        if !check::is_ours(&object) {
            declared.notices.push(format!("{origin}: passed over, it means nothing here"));
            continue;
        }
        if let Some(first) = seen.insert(origin.object.clone(), origin.clone()) {
            mistake(format!("is declared twice, the first time in {first}; namespaces do not count here"));
            continue;
        }
        match check::object(&object, before.get(&origin.object)) {
            Err(problems) => problems.iter().for_each(|problem| mistake(problem.to_string())),
            Ok(object) => {
                if let Err(message) = declared.add(&object, &origin) {
                    mistake(message);
                }
            }
        }
    }
    declared.notice_differences();
    if mistakes.is_empty() { Ok(declared) } else { Err(mistakes) }
}

impl Declaration {
    /// Takes over an object that was checked.
    fn add(&mut self, object: &Value, origin: &Origin) -> Result<(), String> {
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        match object["kind"].as_str().unwrap_or_default() {
            "NameServer" => drop(self.name_servers.insert(name, spec(object)?)),
            "Topic" => drop(self.topics.insert(name, spec(object)?)),
            "ConsumerGroup" => drop(self.consumer_groups.insert(name, spec(object)?)),
            _ => {
                let spec = spec(object)?;
                self.notices.extend(
                    broker::check(&name, &spec)?.into_iter().map(|notice| format!("{origin}: {notice}")),
                );
                let broker_name = broker::broker_name(&name, &spec).to_owned();
                if let Some((other, _)) = self
                    .broker_groups
                    .iter()
                    .find(|(other, spec)| broker::broker_name(other, spec) == broker_name)
                {
                    return Err(format!(
                        "spec.brokerName: {broker_name} is the broker name of BrokerGroup/{other} already"
                    ));
                }
                self.broker_groups.insert(name, spec);
            }
        }
        Ok(())
    }

    /// Where this process differs from a cluster.
    fn notice_differences(&mut self) {
        if self.name_servers.len() > 1 {
            let names: Vec<_> = self.name_servers.keys().map(String::as_str).collect();
            self.notices.push(format!("one name server runs here and stands for {}", names.join(", ")));
        }
        for (name, spec) in &self.broker_groups {
            let reference = spec.name_server_ref.as_ref().map(|reference| &reference.name);
            if let Some(missing) = reference.filter(|name| !self.name_servers.contains_key(*name)) {
                self.notices.push(format!(
                    "BrokerGroup/{name}: NameServer/{missing} is not declared, in a cluster the brokers would wait for \
                     it; here they use the one name server"
                ));
            }
            if spec.name_server_addresses.is_some() {
                self.notices.push(format!(
                    "BrokerGroup/{name}: spec.nameServerAddresses is passed over, the brokers use the name server of \
                     this process"
                ));
            }
        }
    }
}

fn spec<T: DeserializeOwned>(object: &Value) -> Result<T, String> {
    serde_json::from_value(object["spec"].clone()).map_err(|error| format!("spec: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const GOOD: &str = "\
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: gantry.dev/v1alpha1
kind: NameServer
metadata: {name: names}
spec: {}
---
apiVersion: gantry.dev/v1alpha1
kind: BrokerGroup
metadata: {name: main, namespace: shop}
spec: {nameServerRef: {name: names}, storage: {size: 1Gi}, config: {fileReservedTime: '24'}}
---
# Nothing but a comment.
---
apiVersion: gantry.dev/v1alpha1
kind: Topic
metadata: {name: orders}
spec: {brokerGroups: [main], queues: 4}
";

    fn read_text(text: &str, before: &Before) -> Result<Declaration, Vec<String>> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("shop.yaml");
        fs::write(&file, text).unwrap();
        read(&[file], before).map_err(|mistakes| {
            let folder = format!("{}/", dir.path().display());
            mistakes.iter().map(|mistake| mistake.to_string().replace(&folder, "")).collect()
        })
    }

    fn mistakes(text: &str) -> Vec<String> {
        read_text(text, &Before::new()).unwrap_err()
    }

    #[test]
    fn one_file_declares_everything_and_what_is_not_ours_is_passed_over() {
        let declared = read_text(GOOD, &Before::new()).unwrap();
        assert_eq!(declared.topics["orders"].queues, 4);
        assert!(declared.broker_groups.contains_key("main") && declared.name_servers.contains_key("names"));
        assert_eq!(declared.notices.len(), 1, "{:?}", declared.notices);
        assert!(
            declared.notices[0].ends_with("document 1 (Namespace/shop): passed over, it means nothing here")
        );
    }

    #[test]
    fn a_mistake_is_told_with_file_document_and_field() {
        assert_eq!(
            mistakes(&GOOD.replace("queues: 4", "queues: 0, orderd: true")),
            [
                "shop.yaml, document 5 (Topic/orders): spec.orderd: there is no such field; did you mean ordered?",
                "shop.yaml, document 5 (Topic/orders): spec.queues: must be at least 1, not 0",
            ]
        );
        assert_eq!(
            mistakes(&GOOD.replace("'24'", "never")),
            [
                "shop.yaml, document 3 (BrokerGroup/main): spec.config.fileReservedTime: never: must be a number of hours"
            ]
        );
    }

    #[test]
    fn broken_yaml_and_a_second_declaration_are_told() {
        let told = mistakes(&format!("{GOOD}---\n{{a: ["));
        assert!(told[0].starts_with("shop.yaml, document 6: is no good YAML: "), "{told:?}");
        let twice = GOOD
            .replace("kind: NameServer\nmetadata: {name: names}", "kind: Topic\nmetadata: {name: orders}");
        let told = mistakes(&twice.replace("spec: {}", "spec: {brokerGroups: [main]}"));
        assert!(
            told[0].contains("document 5 (Topic/orders): is declared twice, the first time in"),
            "{told:?}"
        );
    }

    #[test]
    fn what_cannot_be_changed_is_refused_as_in_a_cluster() {
        let text = GOOD.replace("queues: 4", "queues: 4, ordered: true");
        let before = serde_yaml::from_str(
            "{apiVersion: gantry.dev/v1alpha1, kind: Topic, metadata: {name: orders}, spec: {brokerGroups: [main], \
             queues: 3, ordered: true, adopt: false, permission: ReadWrite, deletionPolicy: Retain}}",
        );
        let told = read_text(&text, &[("Topic/orders".to_owned(), before.unwrap())].into()).unwrap_err();
        assert!(told[0].contains("to a multiple or a divisor"), "{told:?}");
    }

    #[test]
    fn two_groups_cannot_share_a_broker_name_and_folders_are_not_shared() {
        let group = |name: &str, spec: &str| {
            format!(
                "---\napiVersion: gantry.dev/v1alpha1\nkind: BrokerGroup\nmetadata: {{name: {name}}}\nspec: \
                 {{nameServerRef: {{name: names}}, storage: {{size: 1Gi}}{spec}}}\n"
            )
        };
        let told = mistakes(&format!("{GOOD}{}", group("other", ", brokerName: main")));
        assert!(told[0].contains("main is the broker name of BrokerGroup/main already"), "{told:?}");
        let told = mistakes(&format!("{GOOD}{}", group("nameserver", "")));
        assert!(told[0].contains("metadata.name: "), "{told:?}");
    }
}
