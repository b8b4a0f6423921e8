//! A sorted map that is cheap to clone: short sorted runs behind shared pointers.

use std::borrow::Borrow;
use std::sync::Arc;

/// The most pairs of a run: one run is what a change copies while a clone shares it.
const RUN_LEN: usize = 128;

/// A sorted map in which a clone costs nothing, and a change of what a clone shares copies one run of pairs and
/// the vector of pointers to the runs.
///
/// Pairs mostly arrive at the end and leave at the front, which keeps runs full; only neighbours that have become
/// nearly empty are merged.
#[derive(Clone, Debug)]
pub(crate) struct Runs<K, V> {
    /// None is empty.
    runs: Arc<Vec<Arc<Run<K, V>>>>,
    len: usize,
}

type Run<K, V> = Vec<(K, V)>;

/// Where a pair stands, or would: a run, and the place within.
type Place = (usize, usize);

impl<K, V> Default for Runs<K, V> {
    fn default() -> Self {
        Self {
            runs: Arc::default(),
            len: 0,
        }
    }
}

impl<K: Ord, V> Runs<K, V> {
    /// The number of pairs.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The pair of the least key.
    pub(crate) fn first(&self) -> Option<&(K, V)> {
        self.runs.first()?.first()
    }

    /// The pair of the greatest key.
    pub(crate) fn last(&self) -> Option<&(K, V)> {
        self.runs.last()?.last()
    }

    /// The pair of `key`.
    pub(crate) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&(K, V)>
    where
        K: Borrow<Q>,
    {
        let (run, at) = self.find(key).ok()?;
        Some(&self.runs[run][at])
    }

    /// All pairs in order.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &(K, V)> + Clone {
        self.runs.iter().flat_map(|run| run.iter())
    }

    /// The pairs from `key` on.
    pub(crate) fn from<'a, Q: Ord + ?Sized>(
        &'a self,
        key: &Q,
    ) -> impl DoubleEndedIterator<Item = &'a (K, V)> + Clone + use<'a, K, V, Q>
    where
        K: Borrow<Q>,
    {
        let (Ok(start) | Err(start)) = self.find(key);
        self.between(start, (self.runs.len(), 0))
    }

    /// The pairs from the one whose key is the greatest not above `first` (or from the first, if there is none such),
    /// up to the key `last`, itself included.
    pub(crate) fn covering<'a, Q: Ord + ?Sized>(
        &'a self,
        first: &Q,
        last: &Q,
    ) -> impl DoubleEndedIterator<Item = &'a (K, V)> + Clone + use<'a, K, V, Q>
    where
        K: Borrow<Q>,
    {
        let start = match self.find(first) {
            Ok(place) => place,
            Err((0, 0)) => (0, 0),
            Err((run, 0)) => (run - 1, self.runs[run - 1].len() - 1),
            Err((run, at)) => (run, at - 1),
        };
        let end = match self.find(last) {
            Ok((run, at)) => (run, at + 1),
            Err(place) => place,
        };
        self.between(start, end.max(start))
    }

    /// The pairs from `start` up to, and without, `end`.
    fn between(
        &self,
        start: Place,
        end: Place,
    ) -> impl DoubleEndedIterator<Item = &(K, V)> + Clone + use<'_, K, V> {
        let run = |number: usize| self.runs.get(number).map_or(&[][..], |run| run.as_slice());
        let (head, middle, tail) = if start.0 == end.0 {
            (&run(start.0)[start.1..end.1], &[][..], &[][..])
        } else {
            let middle = &self.runs[start.0 + 1..end.0];
            (&run(start.0)[start.1..], middle, &run(end.0)[..end.1])
        };
        let middle = middle.iter().flat_map(|run| run.iter());
        head.iter().chain(middle).chain(tail)
    }

    /// The place of `key`, or the one where it belongs: behind the last pair of a run rather than ahead of the
    /// first of the next one, if it belongs between the two and that is the last run.
    fn find<Q: Ord + ?Sized>(&self, key: &Q) -> Result<Place, Place>
    where
        K: Borrow<Q>,
    {
        let ends_ahead =
            |run: &Arc<Run<K, V>>| run.last().is_some_and(|(last, _)| last.borrow() < key);
        let run = self.runs.partition_point(ends_ahead);
        match self.runs.get(run) {
            None => Err((run, 0)),
            Some(pairs) => pairs
                .binary_search_by(|(other, _)| other.borrow().cmp(key))
                .map(|at| (run, at))
                .map_err(|at| (run, at)),
        }
    }
}

impl<K: Ord + Clone, V: Clone> Runs<K, V> {
    /// The value of `key`, to be changed.
    pub(crate) fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let (run, at) = self.find(key).ok()?;
        Some(&mut self.run_mut(run)[at].1)
    }

    /// The pair of the greatest key, its value to be changed.
    pub(crate) fn last_mut(&mut self) -> Option<(&K, &mut V)> {
        let run = self.runs.len().checked_sub(1)?;
        let (key, value) = self.run_mut(run).last_mut()?;
        Some((key, value))
    }

    /// Sets the value of `key`. Returns the one it had.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        let (mut run, mut at) = match self.find(&key) {
            Ok((run, at)) => {
                return Some(std::mem::replace(&mut self.run_mut(run)[at].1, value));
            }
            Err(place) => place,
        };
        self.len += 1;
        // What belongs at the very end goes into the last run while that has room.
        if at == 0 && run > 0 && self.runs[run - 1].len() < RUN_LEN {
            run -= 1;
            at = self.runs[run].len();
        }
        let runs = Arc::make_mut(&mut self.runs);
        if run == runs.len() {
            runs.push(Arc::new(vec![(key, value)]));
            return None;
        }
        let pairs = Arc::make_mut(&mut runs[run]);
        if pairs.len() < RUN_LEN {
            pairs.insert(at, (key, value));
            return None;
        }
        let mut upper = pairs.split_off(RUN_LEN / 2);
        match at.checked_sub(RUN_LEN / 2) {
            Some(at) if at > 0 => upper.insert(at, (key, value)),
            _ => pairs.insert(at, (key, value)),
        }
        runs.insert(run + 1, Arc::new(upper));
        None
    }

    /// Takes `key` out. Returns its value.
    pub(crate) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let (run, at) = self.find(key).ok()?;
        let (_, value) = self.run_mut(run).remove(at);
        self.len -= 1;
        let runs = Arc::make_mut(&mut self.runs);
        if runs[run].is_empty() {
            runs.remove(run);
        } else if runs[run].len() <= RUN_LEN / 4 {
            merge_with_next(runs, run);
            if run > 0 {
                merge_with_next(runs, run - 1);
            }
        }
        Some(value)
    }

    fn run_mut(&mut self, run: usize) -> &mut Run<K, V> {
        Arc::make_mut(&mut Arc::make_mut(&mut self.runs)[run])
    }
}

/// Puts a run and the next one together if that leaves room.
fn merge_with_next<K: Clone, V: Clone>(runs: &mut Vec<Arc<Run<K, V>>>, run: usize) {
    if runs.len() > run + 1 && runs[run].len() + runs[run + 1].len() <= RUN_LEN / 2 {
        let next = runs.remove(run + 1);
        Arc::make_mut(&mut runs[run]).extend(Arc::unwrap_or_clone(next));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn check(runs: &Runs<u16, u32>, model: &BTreeMap<u16, u32>) {
        assert!(runs.iter().copied().eq(model.iter().map(|(k, v)| (*k, *v))));
        assert_eq!(runs.len(), model.len());
        assert!(
            runs.runs
                .iter()
                .all(|run| !run.is_empty() && run.len() <= RUN_LEN)
        );
    }

    proptest! {
        #[test]
        fn behaves_as_a_sorted_map(changes in prop::collection::vec((0u16..900, 0u8..8), 0..1500)) {
            let (mut runs, mut model) = (Runs::default(), BTreeMap::new());
            let mut clone = (runs.clone(), model.clone());
            for (number, (key, what)) in changes.iter().enumerate() {
                let value = number as u32;
                match what {
                    0..4 => assert_eq!(runs.insert(*key, value), model.insert(*key, value)),
                    4..6 => assert_eq!(runs.remove(key), model.remove(key)),
                    6 => assert_eq!(
                        runs.get_mut(key).map(|held| std::mem::replace(held, value)),
                        model.get_mut(key).map(|held| std::mem::replace(held, value))
                    ),
                    _ => {
                        check(&clone.0, &clone.1);
                        clone = (runs.clone(), model.clone());
                    }
                }
            }
            check(&runs, &model);
            check(&clone.0, &clone.1);
            for key in [0u16, 1, 100, 450, 899, 900] {
                assert!(runs.from(&key).copied().eq(model.range(key..).map(|(k, v)| (*k, *v))));
                assert_eq!(runs.get(&key).map(|pair| pair.1), model.get(&key).copied());
                let first = model.range(..=key).next_back().map_or(0, |(k, _)| *k);
                for last in [0, key, key.saturating_add(200)] {
                    let expected: Vec<_> = model
                        .iter()
                        .filter(|(k, _)| (first..=last).contains(k))
                        .map(|(k, v)| (*k, *v))
                        .collect();
                    let found = runs.covering(&key, &last);
                    assert!(found.clone().copied().eq(expected.iter().copied()));
                    assert!(found.rev().copied().eq(expected.into_iter().rev()));
                }
            }
        }
    }

    #[test]
    fn a_queue_keeps_its_runs_full() {
        let mut runs = Runs::default();
        for key in 0..10 * RUN_LEN {
            runs.insert(key, ());
        }
        assert_eq!(runs.runs.len(), 10);
        for key in 0..9 * RUN_LEN + 1 {
            assert!(runs.remove(&key).is_some());
        }
        assert_eq!(runs.runs.len(), 1);
        assert_eq!(runs.first(), Some(&(9 * RUN_LEN + 1, ())));
        assert_eq!(
            runs.last_mut().map(|(key, ())| *key),
            Some(10 * RUN_LEN - 1)
        );
    }
}
