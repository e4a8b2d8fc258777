//! Names on the command line, checked before anything is asked.

use gantry_message::name::{self, BadName};

/// A topic's name.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn topic(text: &str) -> Result<String, BadName> {
    name::check_topic(text).map(|()| text.to_owned())
}

/// A consumer group's name.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn group(text: &str) -> Result<String, BadName> {
    name::check_group(text).map(|()| text.to_owned())
}
