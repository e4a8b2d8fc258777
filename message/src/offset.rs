//! The two offsets that must not be confused.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! offset {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::ops::Add<i64> for $name {
            type Output = Self;
            fn add(self, n: i64) -> Self {
                Self(self.0 + n)
            }
        }

        impl std::ops::Sub for $name {
            type Output = i64;
            fn sub(self, other: Self) -> i64 {
                self.0 - other.0
            }
        }
    };
}

offset! {
    /// A byte's place in the CommitLog: the one address space of a broker.
    PhysicalOffset
}

offset! {
    /// A message's place in its queue, dense from 0.
    QueueOffset
}
