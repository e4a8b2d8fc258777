//! The RocketMQ remoting protocol.
//!
//! From the outside in: [`frame`] splits a byte stream, [`command`] is what a frame says (with [`codec`] for the two
//! header encodings), [`header`] gives each request code its typed fields, [`body`] the JSON bodies. [`server`] and
//! [`client`] move commands over TCP.
//!
//! The decoding side borrows: a request is read in place from the bytes that the socket delivered, without an
//! allocation of its own. No decoder panics on any input.
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing)]

pub mod body;
pub mod client;
pub mod code;
pub mod codec;
pub mod command;
pub mod compression;
pub mod fastjson;
pub mod frame;
pub mod header;
pub mod language;
pub mod reply;
pub mod server;

pub use code::{RequestCode, ResponseCode};
pub use command::{Command, CommandBuf, SerializeType};
