//! Checks an object as the API server would before it takes it: schema, defaults, CEL rules. For those who read the same
//! YAML without a cluster. Needs the feature `check`.

mod schema;

use crate::{GROUP, VERSION, yaml};
use kube::core::cel::{Validator, apply_defaults};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::OnceLock;

/// What is wrong with an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The field: `spec.queues`.
    pub field: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.field, self.message)
        }
    }
}

/// Whether an object is of this API: [`object`] checks it then.
#[must_use]
pub fn is_ours(object: &Value) -> bool {
    object["apiVersion"].as_str().is_some_and(|version| version.starts_with(&format!("{GROUP}/")))
}

/// Checks an object and fills in what its schema has defaults for. With `old`, what may change is checked, too.
///
/// # Errors
/// Everything that is wrong with it.
pub fn object(object: &Value, old: Option<&Value>) -> Result<Value, Vec<Problem>> {
    let problem = |field: &str, message: String| vec![Problem { field: field.into(), message }];
    let (version, ours) = (object["apiVersion"].as_str().unwrap_or_default(), format!("{GROUP}/{VERSION}"));
    if version != ours {
        return Err(problem("apiVersion", format!("must be {ours}, not {version:?}")));
    }
    let kind = object["kind"].as_str().unwrap_or_default();
    let Some(schema) = schemas().get(kind) else {
        let kinds: Vec<_> = schemas().keys().map(String::as_str).collect();
        return Err(problem("kind", format!("must be one of {}, not {kind:?}", kinds.join(", "))));
    };
    let mut problems = metadata(object);
    schema::check(schema, object, &mut problems);
    if !problems.is_empty() {
        // Rules rely on what the schema says: one mistake should not be told twice.
        return Err(problems);
    }
    let object = apply_defaults(schema, object);
    match Validator::new().validate(schema, &object, old) {
        Ok(()) => Ok(object),
        Err(errors) => Err(errors
            .into_vec()
            .into_iter()
            .map(|error| Problem {
                field: error.field_path.trim_start_matches('.').into(),
                message: error.message,
            })
            .collect()),
    }
}

/// The schema of each kind.
fn schemas() -> &'static BTreeMap<String, Value> {
    static SCHEMAS: OnceLock<BTreeMap<String, Value>> = OnceLock::new();
    SCHEMAS.get_or_init(|| {
        let definitions = yaml::definitions().into_iter().filter_map(|crd| {
            let schema = crd.spec.versions.into_iter().next()?.schema?.open_api_v3_schema?;
            Some((crd.spec.names.kind, serde_json::to_value(schema).ok()?))
        });
        definitions.collect()
    })
}

/// A name is what the API server takes: labels of lower case letters, digits and dashes, separated by dots.
fn metadata(object: &Value) -> Vec<Problem> {
    let field = "metadata.name".to_owned();
    let Some(name) = object["metadata"]["name"].as_str().filter(|name| !name.is_empty()) else {
        return vec![Problem { field, message: "is missing".into() }];
    };
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_label = |label: &str| {
        label.starts_with(alphanumeric)
            && label.ends_with(alphanumeric)
            && label.chars().all(|c| alphanumeric(c) || c == '-')
    };
    if name.len() <= 253 && name.split('.').all(is_label) {
        return Vec::new();
    }
    let message = format!(
        "must be lower case letters, digits, dashes and dots, not {name:?}; what clients see is set in the spec \
         (topicName, groupName)"
    );
    vec![Problem { field, message }]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(yaml: &str) -> Value {
        serde_yaml::from_str(yaml).expect("the test's YAML is good")
    }

    fn topic(spec: &str) -> Value {
        parse(&format!(
            "{{apiVersion: gantry.dev/v1alpha1, kind: Topic, metadata: {{name: orders}}, spec: {spec}}}"
        ))
    }

    fn told(object: &Value, old: Option<&Value>) -> Vec<String> {
        super::object(object, old).err().unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_good_object_is_taken_with_its_defaults() {
        let taken = object(&topic("{brokerGroups: [a]}"), None).expect("good");
        assert_eq!(taken["spec"]["queues"], 8);
        assert_eq!(taken["spec"]["deletionPolicy"], "Retain");
        let group = parse(
            "{apiVersion: gantry.dev/v1alpha1, kind: BrokerGroup, metadata: {name: a}, spec: {nameServerRef: {name: n}, \
             storage: {size: 10Gi}, config: {fileReservedTime: '72'}, resources: {requests: {cpu: 1, memory: 1Gi}}}}",
        );
        assert_eq!(told(&group, None), Vec::<String>::new());
    }

    #[test]
    fn what_the_schema_refuses_is_told_with_its_field() {
        let bad = topic(
            "{brokerGroups: [a, a], queus: 4, queues: 0, ordered: 'yes', permission: All, topicName: a.b}",
        );
        assert_eq!(
            told(&bad, None),
            [
                "spec.brokerGroups[1]: stands there twice: \"a\"",
                "spec.ordered: must be true or false, not a text",
                "spec.permission: must be one of ReadWrite, ReadOnly, WriteOnly, not \"All\"",
                "spec.queues: must be at least 1, not 0",
                "spec.queus: there is no such field; did you mean queues?",
                "spec.topicName: must match ^[%|a-zA-Z0-9_-]+$, not \"a.b\"",
            ]
        );
        assert_eq!(
            told(&parse("{apiVersion: gantry.dev/v1alpha1, kind: Topic, metadata: {name: a}}"), None),
            ["spec: is missing"]
        );
    }

    #[test]
    fn what_a_rule_refuses_is_told_with_its_message() {
        let told_of = told(&topic("{queues: 4}"), None);
        assert!(told_of[0].starts_with("spec: give either brokerGroups"), "{told_of:?}");
        let (old, new) = (
            topic("{brokerGroups: [a], ordered: true, queues: 4}"),
            topic("{brokerGroups: [a], ordered: true, queues: 6}"),
        );
        let told_of = told(&new, Some(&object(&old, None).expect("good")));
        assert!(told_of[0].contains("to a multiple or a divisor"), "{told_of:?}");
    }

    #[test]
    fn names_versions_and_kinds_are_checked() {
        let named = |name: &str, kind: &str, version: &str| {
            told(
                &parse(&format!(
                    "{{apiVersion: {version}, kind: {kind}, metadata: {{name: {name}}}, spec: {{brokerGroups: [a]}}}}"
                )),
                None,
            )
        };
        assert!(named("My_Topic", "Topic", "gantry.dev/v1alpha1")[0].contains("topicName"));
        assert!(
            named("a", "Tropic", "gantry.dev/v1alpha1")[0].starts_with("kind: must be one of BrokerGroup, ")
        );
        assert!(
            named("a", "Topic", "gantry.dev/v2")[0].starts_with("apiVersion: must be gantry.dev/v1alpha1")
        );
    }
}
