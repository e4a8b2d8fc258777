//! The queues of one topic.

use std::sync::Arc;

/// Has the id of a queue.
pub trait Numbered {
    /// The id.
    fn id(&self) -> i32;
}

/// What there is of a topic's queues, ascending by id. There may be very many topics with few queues each, which never get more.
#[derive(Debug)]
pub struct ById<T>(Vec<Arc<T>>);

impl<T> Default for ById<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Numbered> ById<T> {
    /// Where it is, or belongs.
    fn find(&self, id: i32) -> Result<usize, usize> {
        // Most topics have all of their queues.
        match usize::try_from(id) {
            Ok(place) if self.0.get(place).is_some_and(|queue| queue.id() == id) => Ok(place),
            _ => self.0.binary_search_by_key(&id, |queue| queue.id()),
        }
    }

    /// That of a queue.
    #[must_use]
    pub fn get(&self, id: i32) -> Option<&Arc<T>> {
        self.0.get(self.find(id).ok()?)
    }

    /// That of a queue, made when it is new.
    pub fn get_or_insert_with(&mut self, id: i32, new: impl FnOnce() -> T) -> Arc<T> {
        if let Some(known) = self.get(id) {
            return Arc::clone(known);
        }
        let (Ok(place) | Err(place)) = self.find(id);
        let made = Arc::new(new());
        // A vector would begin with four places and then double.
        if self.0.len() == self.0.capacity() {
            self.0.reserve_exact(1 + self.0.len() / 8);
        }
        self.0.insert(place, Arc::clone(&made));
        made
    }

    /// All of them, ascending.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<T>> {
        self.0.iter()
    }

    /// All of them, ascending.
    #[must_use]
    pub fn into_vec(self) -> Vec<Arc<T>> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Numbered for i32 {
        fn id(&self) -> i32 {
            *self
        }
    }

    #[test]
    fn queues_are_found_in_whatever_order_they_came() {
        let mut queues = ById::<i32>::default();
        for id in [7, 0, 3, 1, 100, 3, 2] {
            assert_eq!(*queues.get_or_insert_with(id, || id), id);
        }
        let ids: Vec<_> = queues.iter().map(|id| **id).collect();
        assert_eq!(ids, [0, 1, 2, 3, 7, 100]);
        assert!(ids.iter().all(|id| queues.get(*id).is_some_and(|found| **found == *id)));
        assert!([-1, 4, 5, 6, 101].iter().all(|id| queues.get(*id).is_none()));
    }
}
