//! How things look to people and to programs: numbers, times, bodies, notes, progress.

pub(crate) mod clock;
pub(crate) mod note;
pub(crate) mod numbers;
pub(crate) mod progress;
pub(crate) mod text;
