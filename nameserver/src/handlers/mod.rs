//! The requests, by who sends them: clients ([`route`]), brokers ([`broker`]), tools ([`admin`], [`config`]). A handler
//! reads the typed header, checks names, and does one thing to the table or the stores.

pub(crate) mod admin;
pub(crate) mod broker;
pub(crate) mod config;
pub(crate) mod route;
