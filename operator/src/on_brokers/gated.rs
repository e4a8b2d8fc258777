//! Admin calls pass the gate of the leadership and are counted, as writes to the API server are.

use crate::context::Context;
use gantry_admin::{Admin, Error, Observed, Plan, Resource};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// A resource whose actions are only carried out by the operator that leads.
pub(super) struct Gated<'a, R> {
    pub(super) resource: &'a R,
    pub(super) context: &'a Context,
}

impl<R: Resource> Resource for Gated<'_, R> {
    type Status = R::Status;
    type Found = R::Found;
    type Action = R::Action;

    async fn observe<A: Admin>(&self, admin: &A, status: &R::Status) -> Observed<R::Found> {
        self.resource.observe(admin, status).await
    }

    fn plan(
        &self,
        status: &R::Status,
        observed: &Observed<R::Found>,
        now: &Time,
    ) -> Plan<R::Status, R::Action> {
        self.resource.plan(status, observed, now)
    }

    async fn apply<A: Admin>(&self, admin: &A, action: &R::Action) -> Result<(), Error> {
        crate::crash::point();
        self.context.gate.must_be_open();
        self.context.metrics.wrote_to_broker();
        self.resource.apply(admin, action).await
    }

    fn applied(&self, status: &R::Status, action: &R::Action) -> R::Status {
        self.resource.applied(status, action)
    }

    fn broker<'a>(&self, action: &'a R::Action) -> &'a str {
        self.resource.broker(action)
    }
}
