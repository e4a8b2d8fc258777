//! Reading queues to their ends.

use std::collections::BTreeMap;

use anyhow::Result;

use super::World;
use crate::broker_client::BrokerClient;
use crate::crash::message;
use crate::history::{Place, Reader, What};

const GROUP: &str = "readers";

/// Up to where queues were read.
#[derive(Debug, Default)]
pub(in crate::crash) struct Reading(BTreeMap<Place, i64>);

impl Reading {
    /// Reads what is new in every queue.
    pub(in crate::crash) fn read_new(&mut self, world: &World) -> Result<()> {
        let mut broker = BrokerClient::open(world.port)?;
        for place in world.places() {
            if !broker.has_topic(&place.topic)? {
                continue;
            }
            let at = self.0.entry(place.clone()).or_default();
            // A power cut may have taken what was read.
            *at = (*at).min(broker.max_offset(&place.topic, place.queue)?);
            *at = read(world, &mut broker, &place, *at, &Reader::AfterStart)?;
        }
        Ok(())
    }

    /// Reads every queue from its first to its last message.
    pub(in crate::crash) fn read_whole(world: &World, pass: u8) -> Result<()> {
        let mut broker = BrokerClient::open(world.port)?;
        for place in world.places() {
            if !broker.has_topic(&place.topic)? {
                continue;
            }
            let min = broker.min_offset(&place.topic, place.queue)?;
            let max = broker.max_offset(&place.topic, place.queue)?;
            world.recorder.record(What::Bounds { pass, place: place.clone(), min, max });
            read(world, &mut broker, &place, min, &Reader::Whole { pass })?;
        }
        Ok(())
    }
}

/// Reads to the end, which it gives.
fn read(world: &World, broker: &mut BrokerClient, place: &Place, from: i64, reader: &Reader) -> Result<i64> {
    let mut at = from;
    loop {
        let (records, next) = broker.pull_records(GROUP, &place.topic, place.queue, at)?;
        if records.is_empty() {
            return Ok(next);
        }
        world.recorder.record(What::Read {
            reader: reader.clone(),
            place: place.clone(),
            from: at,
            records: records.iter().map(message::seen).collect(),
        });
        at = next;
    }
}
