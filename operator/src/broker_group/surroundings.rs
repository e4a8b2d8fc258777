//! What a BrokerGroup depends on and the operator did not make for it: its NameServer, the room on its volume.

use super::objects;
use crate::context::Context;
use crate::observe::Observed;
use crate::trouble::is_ready;
use gantry_crds::BrokerGroup;
use kube::ResourceExt as _;
use kube::runtime::reflector::ObjectRef;

/// The share of a disk above which a broker refuses messages when nobody says otherwise (Apache:
/// `diskSpaceWarningLevelRatio`).
const REFUSE_ABOVE: f64 = 0.90;

/// As found at the beginning of a round.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Surroundings {
    /// The NameServer that `nameServerRef` names is not there.
    pub(super) name_server_is_missing: bool,
    /// Used share of the disk that holds the log, 0 to 1; known while the broker serves.
    pub(super) disk_used: Option<f64>,
}

impl Surroundings {
    /// A broker that is asked and does not answer is not ready: its probes will tell.
    pub(super) async fn look(
        context: &Context,
        object: &BrokerGroup,
        observed: &Observed,
        address: Option<&str>,
    ) -> Self {
        let broker = objects::broker(&object.name_any());
        let serves = observed.pods.iter().any(|pod| pod.name_any() == broker && is_ready(pod));
        let disk_used = match address {
            Some(address) if serves => context.calls.disk_used(address).await.ok().flatten(),
            _ => None,
        };
        let name_server =
            object.spec.name_server_ref.as_ref().map(|reference| {
                ObjectRef::new(&reference.name).within(&object.namespace().unwrap_or_default())
            });
        let known = context.name_servers.get();
        let name_server_is_missing =
            known.zip(name_server).is_some_and(|(known, name)| known.get(&name).is_none());
        Self { name_server_is_missing, disk_used }
    }
}

/// What to tell when the broker refuses messages for want of room.
pub(super) fn disk_full(object: &BrokerGroup, disk_used: Option<f64>) -> Option<String> {
    let used = disk_used.filter(|used| *used >= refuse_above(object))?;
    Some(format!(
        "the volume of {} is {:.0} % full: the broker refuses messages and serves those it has. Enlarge \
         spec.storage.size, or keep messages for fewer hours (fileReservedTime in spec.config)",
        objects::broker(&object.name_any()),
        used * 100.0
    ))
}

/// The broker takes a share or a percentage.
fn refuse_above(object: &BrokerGroup) -> f64 {
    let set = object.spec.config.get("diskSpaceWarningLevelRatio").and_then(|text| text.parse().ok());
    match set {
        Some(percent) if percent >= 1.0 => percent / 100.0,
        Some(share) if share > 0.0 => share,
        _ => REFUSE_ABOVE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn group(config: serde_json::Value) -> BrokerGroup {
        let spec = json!({"nameServerRef": {"name": "n"}, "storage": {"size": "1Gi"}, "config": config});
        BrokerGroup::new("main", serde_json::from_value(spec).unwrap())
    }

    #[test]
    fn full_is_what_the_broker_takes_for_full() {
        let usual = group(json!({}));
        assert_eq!(disk_full(&usual, Some(0.89)), None);
        assert!(disk_full(&usual, Some(0.91)).unwrap().contains("91 %"));
        let early = group(json!({"diskSpaceWarningLevelRatio": "50"}));
        assert!(disk_full(&early, Some(0.5)).is_some() && disk_full(&early, Some(0.49)).is_none());
        let share = group(json!({"diskSpaceWarningLevelRatio": "0.25"}));
        assert!(disk_full(&share, Some(0.3)).is_some());
    }

    #[test]
    fn a_broker_that_does_not_answer_is_not_called_full() {
        assert_eq!(disk_full(&group(json!({})), None), None);
    }
}
