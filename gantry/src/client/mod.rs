//! What every client needs: addresses, connections, an identity, and errors that name the attempt.

pub mod address;
mod backoff;
mod call;
mod error;
mod identity;
mod links;

pub use backoff::Backoff;
pub use call::{accept, call};
pub use error::{Access, Error};
pub use identity::client_id;
pub use links::Links;

pub use gantry_remoting::client::Error as RemotingError;
