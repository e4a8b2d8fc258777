//! The connection to the API server that the reconcilers use.

use crate::leader::Gate;
use crate::metrics::Metrics;
use kube::client::{Body, ClientBuilder};
use kube::{Client, Config};
use std::sync::Arc;
use tower::BoxError;
use tower::filter::FilterLayer;

/// A client whose writes pass the gate and are counted: who does not lead any more is refused here.
///
/// # Errors
/// When the configuration cannot be used.
pub(crate) fn gated(config: Config, gate: Arc<Gate>, metrics: Arc<Metrics>) -> anyhow::Result<Client> {
    let check = move |request: http::Request<Body>| -> Result<http::Request<Body>, BoxError> {
        if request.method() == http::Method::GET {
            return Ok(request);
        }
        crate::crash::point();
        if !gate.is_open() {
            return Err("this operator does not lead any more".into());
        }
        metrics.wrote_to_kubernetes();
        Ok(request)
    };
    Ok(ClientBuilder::try_from(config)?.with_layer(&FilterLayer::new(check)).build())
}
