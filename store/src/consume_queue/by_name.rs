//! What is found by the name of its topic.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Has the name of a topic.
pub trait Named {
    /// The name, always the same.
    fn name(&self) -> &str;
}

/// A key of maps and sets: the name stands in what is found by it, and nowhere else.
#[derive(Debug)]
pub struct ByName<T>(pub Arc<T>);

impl<T: Named> Borrow<str> for ByName<T> {
    fn borrow(&self) -> &str {
        self.0.name()
    }
}

impl<T: Named> Hash for ByName<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.name().hash(state);
    }
}

impl<T: Named> PartialEq for ByName<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0.name() == other.0.name()
    }
}

impl<T: Named> Eq for ByName<T> {}
