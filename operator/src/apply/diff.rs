//! What has to be written so that the children of an object are as desired. Pure.

use super::covers::covers;
use super::{Child, Step};
use crate::names::APPLIED;
use serde_json::Value;

/// The writes that turn `live` into `desired`: nothing for what is so already, deletion of what is not desired any more.
/// `uid` is that of the object that owns the children; what it does not own is never deleted.
pub(crate) fn diff(desired: Vec<Child>, live: &[Child], uid: &str) -> Vec<Step> {
    let is_desired =
        |child: &Child| desired.iter().any(|wanted| wanted.kind == child.kind && wanted.name == child.name);
    let deletions: Vec<Step> = live
        .iter()
        .filter(|child| child.is_owned_by(uid) && !is_desired(child))
        .map(|child| Step::Delete { kind: child.kind, name: child.name.clone() })
        .collect();
    let mut steps: Vec<Step> = desired
        .into_iter()
        .filter_map(|child| {
            let child = marked(child);
            let found = live.iter().find(|found| found.kind == child.kind && found.name == child.name);
            // A field that is not asked for any more is still there: only the mark tells.
            let is_so = found.is_some_and(|found| covers(&found.object, &child.object));
            let force = found.is_some_and(|found| found.is_owned_by(uid));
            (!is_so).then_some(Step::Apply { child, force })
        })
        .collect();
    steps.extend(deletions);
    steps
}

/// With a hash of itself as an annotation.
fn marked(mut child: Child) -> Child {
    let hash = fnv(child.object.to_string().as_bytes());
    child.object["metadata"]["annotations"][APPLIED] = Value::String(format!("{hash:016x}"));
    child
}

/// FNV-1a: what is written into the cluster must be the same in every build.
fn fnv(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::*;
    use serde_json::json;

    const UID: &str = "u1";

    fn desired(spec: Value) -> Child {
        let owner = json!([{"uid": UID, "controller": true}]);
        let object = json!({"metadata": {"name": "a", "ownerReferences": owner}, "spec": spec});
        Child { kind: Kind::Service, name: "a".into(), object }
    }

    fn applied(steps: &[Step]) -> Vec<Child> {
        steps
            .iter()
            .filter_map(|step| match step {
                Step::Apply { child, .. } => Some(child.clone()),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn what_was_applied_is_not_written_again() {
        let first = diff(vec![desired(json!({"x": 1}))], &[], UID);
        assert!(matches!(first[..], [Step::Apply { force: false, .. }]));
        let mut live = applied(&first);
        live[0].object["spec"]["added"] = json!("by the API server");
        assert_eq!(diff(vec![desired(json!({"x": 1}))], &live, UID), []);
    }

    #[test]
    fn a_field_that_is_not_asked_for_any_more_is_noticed() {
        let live = applied(&diff(vec![desired(json!({"x": 1, "y": 2}))], &[], UID));
        assert!(matches!(
            diff(vec![desired(json!({"x": 1}))], &live, UID)[..],
            [Step::Apply { force: true, .. }]
        ));
    }

    #[test]
    fn drift_is_put_back() {
        let mut live = applied(&diff(vec![desired(json!({"x": 1}))], &[], UID));
        live[0].object["spec"]["x"] = json!(7);
        assert_eq!(diff(vec![desired(json!({"x": 1}))], &live, UID).len(), 1);
    }

    #[test]
    fn only_our_own_is_deleted() {
        let mut live = applied(&diff(vec![desired(json!({}))], &[], UID));
        assert!(matches!(diff(vec![], &live, UID)[..], [Step::Delete { .. }]));
        live[0].object["metadata"]["ownerReferences"][0]["uid"] = json!("somebody else");
        assert_eq!(diff(vec![], &live, UID), []);
        let over_another = diff(vec![desired(json!({"x": 1}))], &live, UID);
        assert!(matches!(over_another[..], [Step::Apply { force: false, .. }]));
    }
}
