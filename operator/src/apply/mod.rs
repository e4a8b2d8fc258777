//! Making what the API server has agree with what is asked for.

mod covers;
mod diff;
mod step;

pub(crate) use covers::quantity;
pub(crate) use diff::diff;
pub(crate) use step::{Child, Kind, Step};
