//! The operator: it makes a Kubernetes cluster agree with what NameServer, BrokerGroup, Topic and ConsumerGroup ask for.
//!
//! Every kind is handled alike: *observe* what there is, *plan* what to do (a pure function), write the status that
//! announces it, *apply* the steps, and look again until nothing is left to do. Nothing is remembered between two
//! rounds that the API server and the brokers do not know, so the process can be killed anywhere.
#![forbid(unsafe_code)]

mod apply;
pub mod args;
mod backoff;
mod broker_group;
pub mod check;
mod client;
mod context;
mod crash;
mod engine;
mod failure;
mod leader;
mod made_for;
mod metrics;
mod name_server;
mod names;
mod observe;
mod on_brokers;
mod outcome;
mod pod;
pub mod run;
mod service;
mod settle;
mod status;
mod trouble;
