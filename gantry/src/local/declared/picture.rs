//! A topic that is being scaled, as a picture: its queues with their fences, and each group in front of the gates.
//!
//! ```text
//! orders: 4 -> 8 queues, draining, 120 left, about 12 s
//!   queue 1  ████████████████████▒▒▒▒│░░░░    billing 40 to the fence    audit through
//!   queue 5  ░░░░░                            billing gated              audit reading
//! ```

use crate::output::numbers::grouped;
use gantry_admin::{Admin, Calls, GroupInTopic, QueueBounds};
use gantry_crds::ScaleStatus;
use gantry_remoting::body::{FlipBody, TopicScalingBody};
use std::collections::BTreeMap;

/// Columns of the longest queue.
const WIDTH: usize = 32;
/// Queues and groups that are shown.
const MOST: (usize, usize) = (32, 4);

/// What the picture is made of.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    scaling: TopicScalingBody,
    bounds: BTreeMap<i32, QueueBounds>,
    places: BTreeMap<String, GroupInTopic>,
}

/// Looks at a topic that is being scaled; `None` when it is not, or the broker does not answer.
pub(super) async fn look(calls: &Calls, addr: &str, topic: &str, scale: &ScaleStatus) -> Option<Seen> {
    if !scale.phase.is_under_way() {
        return None;
    }
    let scaling = calls.scaling(addr, topic).await.ok()??;
    let bounds = calls.topic_bounds(addr, topic).await.ok()?;
    let mut places = BTreeMap::new();
    for group in scaling.groups.iter().take(MOST.1) {
        let mut of_group = calls.consume_stats(addr, &group.group, Some(topic)).await.ok()?;
        places.insert(group.group.clone(), of_group.remove(topic).unwrap_or_default());
    }
    Some(Seen { scaling, bounds, places })
}

/// The picture, line by line.
pub(super) fn picture(topic: &str, scale: &ScaleStatus, seen: &Seen) -> Vec<String> {
    let left = scale.estimated_seconds.map(|seconds| format!(", about {seconds} s")).unwrap_or_default();
    let mut lines = vec![String::new(), format!("{topic}: {}{left}", scale.summary)];
    let flip = seen.scaling.under_way();
    let longest = seen.bounds.values().map(|queue| queue.max).max().unwrap_or(0).max(1);
    for (queue, bounds) in seen.bounds.iter().take(MOST.0) {
        let mut line = format!("  queue {queue:<3} {}", bar(*queue, bounds, flip, seen, longest));
        if let Some(announced) = &seen.scaling.announced
            && *queue >= announced.from
        {
            line.push_str(&format!("  stored in queue {}", queue % announced.from.max(1)));
        }
        for (group, places) in &seen.places {
            let standing = standing(*queue, group, places, flip, seen);
            line.push_str(&format!("  {:<28}", format!("{group} {standing}")));
        }
        lines.push(line.trim_end().to_owned());
    }
    if seen.bounds.len() > MOST.0 {
        lines.push(format!("  and {} more queues", seen.bounds.len() - MOST.0));
    }
    lines
}

/// A queue's messages: consumed by all, before the fence, the fence, behind it.
fn bar(queue: i32, bounds: &QueueBounds, flip: Option<&FlipBody>, seen: &Seen, longest: i64) -> String {
    let column =
        |offset: i64| usize::try_from(offset.max(0) * WIDTH as i64 / longest).unwrap_or(0).min(WIDTH);
    let consumed =
        seen.places.values().filter_map(|places| places.get(&queue)).map(|p| p.consumer_offset).min();
    let consumed = column(consumed.unwrap_or(0).min(bounds.max));
    let fence = flip.and_then(|flip| fence(flip, queue)).map(column);
    let end = column(bounds.max);
    let mut text: String = (0..end)
        .map(|at| match at {
            at if at < consumed => '█',
            at if fence.is_some_and(|fence| at < fence) => '▒',
            _ => '░',
        })
        .collect();
    if let Some(fence) = fence {
        let at = text.char_indices().nth(fence).map_or(text.len(), |(at, _)| at);
        text.insert(at, '│');
    }
    format!("{text:<width$}", width = WIDTH + 1)
}

/// Where a queue ended at the flip; `None` for one that was empty then.
fn fence(flip: &FlipBody, queue: i32) -> Option<i64> {
    flip.fences.get(usize::try_from(queue).ok()?).copied().filter(|fence| *fence > 0)
}

fn standing(queue: i32, group: &str, places: &GroupInTopic, flip: Option<&FlipBody>, seen: &Seen) -> String {
    let is_gated =
        |of: &gantry_remoting::body::ScalingGroupBody| of.group == group && of.gated_queues.contains(&queue);
    if seen.scaling.groups.iter().any(is_gated) {
        return "gated".into();
    }
    let place = places.get(&queue).copied().unwrap_or_default();
    match flip.and_then(|flip| fence(flip, queue)) {
        Some(fence) if place.consumer_offset < fence => {
            format!("{} to the fence", grouped((fence - place.consumer_offset).unsigned_abs()))
        }
        _ if place.lag() == 0 => "through".into(),
        _ => format!("{} behind", grouped(place.lag().unsigned_abs())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gantry_admin::QueuePlace;
    use gantry_remoting::body::ScalingGroupBody;

    #[test]
    fn fences_and_groups_are_seen_at_a_glance() {
        let bounds = |max| QueueBounds { min: 0, max, last_stored: 0 };
        let place = |broker_offset, consumer_offset| QueuePlace { broker_offset, consumer_offset };
        let seen = Seen {
            scaling: TopicScalingBody {
                flips: vec![FlipBody { from: 1, to: 2, fences: vec![24, 0], ..FlipBody::default() }],
                groups: vec![ScalingGroupBody {
                    group: "g".into(),
                    gated_queues: vec![1],
                    ..ScalingGroupBody::default()
                }],
                ..TopicScalingBody::default()
            },
            bounds: BTreeMap::from([(0, bounds(32)), (1, bounds(8))]),
            places: BTreeMap::from([("g".into(), BTreeMap::from([(0, place(32, 16)), (1, place(8, 0))]))]),
        };
        let scale = ScaleStatus {
            summary: "1 -> 2: draining, 8 left".into(),
            estimated_seconds: Some(3),
            ..ScaleStatus::default()
        };
        assert_eq!(
            picture("orders", &scale, &seen),
            [
                "",
                "orders: 1 -> 2: draining, 8 left, about 3 s",
                "  queue 0   ████████████████▒▒▒▒▒▒▒▒│░░░░░░░░  g 8 to the fence",
                "  queue 1   ░░░░░░░░                           g gated",
            ]
        );
    }
}
