//! One operator works, the others wait: a Lease, as client-go uses it, but fail-stop.
//!
//! Who holds the Lease renews it; who cannot for [`RENEW_DEADLINE`] must stop, because [`LEASE_DURATION`] after its last
//! renewal another takes over. Clocks of other machines are not trusted: what counts is how long *we* have seen the
//! record unchanged. Every write of the operator passes the [`Gate`], so that a process that slept through its term
//! (a paused container) writes nothing when it wakes.

mod gate;
mod record;

pub(crate) use gate::Gate;

use crate::failure::Failure;
use gate::Held;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, Client};
use record::{Move, Observed, held_by, released};
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A Lease that is not renewed for so long is free.
pub(crate) const LEASE_DURATION: Duration = Duration::from_secs(15);
/// Who could not renew for so long stops. Shorter than the above by what a request under way may take.
pub(crate) const RENEW_DEADLINE: Duration = Duration::from_secs(10);
/// How often the Lease is looked at.
const RETRY: Duration = Duration::from_secs(2);
/// How often the holder renews.
const RENEW: Duration = Duration::from_secs(4);

/// A candidate for the leadership.
pub(crate) struct Candidate {
    leases: Api<Lease>,
    name: String,
    identity: String,
    gate: Arc<Gate>,
    observed: Option<Observed>,
}

impl Candidate {
    /// `client` must not pass the gate: it opens it.
    pub(crate) fn new(client: Client, namespace: &str, name: &str, identity: &str, gate: Arc<Gate>) -> Self {
        Self {
            leases: Api::namespaced(client, namespace),
            name: name.into(),
            identity: identity.into(),
            gate,
            observed: None,
        }
    }

    /// Waits until the Lease is ours.
    pub(crate) async fn acquire(&mut self) {
        let mut told = None;
        loop {
            let Ok(turn) = tokio::time::timeout(RENEW_DEADLINE, self.turn()).await else {
                tracing::warn!("no answer about the Lease: trying again");
                continue;
            };
            match turn {
                Ok(None) => {
                    tracing::info!(identity = self.identity, "this operator leads");
                    return;
                }
                Ok(Some(holder)) => {
                    if told.as_ref() != Some(&holder) {
                        tracing::info!(holder, "another operator leads: waiting");
                        told = Some(holder);
                    }
                }
                Err(error) => tracing::warn!(%error, "cannot look at the Lease: trying again"),
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Renews until `stop`, then gives the Lease back.
    ///
    /// # Errors
    /// When the leadership is lost: the process must end without another write.
    pub(crate) async fn keep(mut self, stop: impl Future<Output = ()>) -> Result<Released, Lost> {
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => return Ok(Released(self)),
                () = tokio::time::sleep(if self.gate.fresh(RENEW + RETRY) { RENEW } else { RETRY }) => {}
            }
            match tokio::time::timeout(RENEW_DEADLINE, self.turn()).await {
                Ok(Ok(None)) => {}
                Ok(Ok(Some(holder))) => return Err(Lost::Taken(holder)),
                Ok(Err(error)) => tracing::warn!(%error, "cannot renew the Lease: trying again"),
                Err(_) => tracing::warn!("no answer to the renewal of the Lease"),
            }
            if !self.gate.is_open() {
                return Err(Lost::NotRenewed);
            }
        }
    }

    /// Looks at the Lease and takes or renews it; gives the holder when that is somebody else.
    async fn turn(&mut self) -> Result<Option<String>, Failure> {
        let asked_at = Instant::now();
        let fail = || Failure::api(format!("look at Lease {}", self.name));
        let found = self.leases.get_opt(&self.name).await.map_err(fail())?;
        self.gate.answered();
        let observed = Observed::update(self.observed.take(), found.as_ref(), asked_at);
        let next = observed.next(&self.identity, asked_at);
        self.observed = Some(observed);
        let done = match next {
            Move::Wait(holder) => return Ok(Some(holder)),
            Move::Create => {
                let lease = held_by(None, &self.name, &self.identity, Timestamp::now());
                self.leases.create(&PostParams::default(), &lease).await
            }
            Move::Take => {
                let lease = held_by(found, &self.name, &self.identity, Timestamp::now());
                // Carries the resourceVersion that was seen: of two who take it at once one is refused.
                self.leases.replace(&self.name, &PostParams::default(), &lease).await
            }
        };
        match done {
            Ok(lease) => {
                self.observed = Some(Observed::update(None, Some(&lease), asked_at));
                // The term counts from before the request: it may have arrived at once and the answer late.
                self.gate.renewed(Held { at: asked_at });
                Ok(None)
            }
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(Some("somebody who was faster".into())),
            Err(error) => Err(fail()(error)),
        }
    }
}

/// The work has ended; the Lease can be given back.
pub(crate) struct Released(Candidate);

impl Released {
    /// Lets the next one begin at once. Call it when nothing writes any more.
    pub(crate) async fn release(self) {
        let Self(candidate) = self;
        candidate.gate.close();
        let release = async {
            let Some(lease) = candidate.leases.get_opt(&candidate.name).await? else { return Ok(()) };
            let Some(free) = released(lease, &candidate.identity) else { return Ok(()) };
            candidate.leases.replace(&candidate.name, &PostParams::default(), &free).await.map(drop)
        };
        match tokio::time::timeout(RETRY, release).await {
            Ok(Ok(())) => tracing::info!("leadership given back"),
            Ok(Err(error)) => tracing::warn!(%error, "cannot give the leadership back: it ends by itself"),
            Err(_) => tracing::warn!("cannot give the leadership back: it ends by itself"),
        }
    }
}

/// Why the leadership ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Lost {
    /// Somebody else has the Lease.
    #[error("the leadership went to {0}: stopping")]
    Taken(String),
    /// The API server could not be reached in time.
    #[error("the Lease could not be renewed in time: stopping before another operator begins")]
    NotRenewed,
}
