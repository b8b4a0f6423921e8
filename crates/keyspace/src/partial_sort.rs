//! Sorting only as far as needed, with equal items in the order that Redis leaves them in.
//!
//! It is the quicksort of "Engineering a Sort Function" (1993) in the variant of the BSDs, which Redis
//! has taken over. It is not stable, but what it does to equal items is a matter of its steps, which are followed.

use std::cmp::Ordering;

/// Up to this many items are sorted by insertion.
const FEW: usize = 7;

/// From this many items on, the pivot is the middle one of nine.
const MANY: usize = 40;

/// Puts the first `wanted` of the sorted items in their places; the others stand behind in no particular order.
pub(crate) fn partial_sort<T>(
    items: &mut [T],
    wanted: usize,
    compare: impl Fn(&T, &T) -> Ordering,
) {
    // Where parts are split badly again and again, somebody has made up the input; then the order of equal items
    // matters less than time.
    let max_depth = 8 * (items.len().max(2).ilog2() + 1);
    let mut parts = vec![(0, items.len(), 0)];
    while let Some((start, end, depth)) = parts.pop() {
        let part = &mut items[start..end];
        if part.len() < FEW {
            sort_by_insertion(part, &compare);
        } else if depth > max_depth {
            part.sort_by(&compare);
        } else {
            let (smaller, larger) = partition(part, &compare);
            parts.push((start, start + smaller, depth + 1));
            parts.push((end - larger, end, depth + 1));
        }
        parts.retain(|(start, end, _)| end - start > 1 && *start < wanted);
    }
}

fn sort_by_insertion<T>(items: &mut [T], compare: &impl Fn(&T, &T) -> Ordering) {
    for sorted in 1..items.len() {
        let mut at = sorted;
        while at > 0 && compare(&items[at - 1], &items[at]).is_gt() {
            items.swap(at - 1, at);
            at -= 1;
        }
    }
}

/// Moves smaller items than a pivot to the beginning and larger ones to the end. Returns how many each are.
fn partition<T>(items: &mut [T], compare: &impl Fn(&T, &T) -> Ordering) -> (usize, usize) {
    let len = items.len();
    items.swap(0, pivot(items, compare));
    // Items equal to the pivot gather at both ends: before `equal_left`, and behind `equal_right`.
    let (mut equal_left, mut left) = (1, 1);
    let (mut equal_right, mut right) = (len, len);
    loop {
        while left < right {
            match compare(&items[left], &items[0]) {
                Ordering::Greater => break,
                Ordering::Equal => {
                    items.swap(equal_left, left);
                    equal_left += 1;
                }
                Ordering::Less => {}
            }
            left += 1;
        }
        while left < right {
            match compare(&items[right - 1], &items[0]) {
                Ordering::Less => break,
                Ordering::Equal => {
                    equal_right -= 1;
                    items.swap(right - 1, equal_right);
                }
                Ordering::Greater => {}
            }
            right -= 1;
        }
        if left >= right {
            break;
        }
        items.swap(left, right - 1);
        left += 1;
        right -= 1;
    }
    let (smaller, larger) = (left - equal_left, equal_right - right);
    // Those equal to the pivot change places with what is next to the middle.
    swap_runs(items, 0, left, equal_left.min(smaller));
    swap_runs(items, left, len, larger.min(len - equal_right));
    (smaller, larger)
}

/// Exchanges the `len` items at `start` with as many before `end`.
fn swap_runs<T>(items: &mut [T], start: usize, end: usize, len: usize) {
    for index in 0..len {
        items.swap(start + index, end - len + index);
    }
}

/// The index of a middling item.
fn pivot<T>(items: &[T], compare: &impl Fn(&T, &T) -> Ordering) -> usize {
    let len = items.len();
    let median = |a: usize, b: usize, c: usize| {
        let less = |one: usize, other: usize| compare(&items[one], &items[other]).is_lt();
        let greater = |one: usize, other: usize| compare(&items[one], &items[other]).is_gt();
        if less(a, b) {
            if less(b, c) {
                b
            } else if less(a, c) {
                c
            } else {
                a
            }
        } else if greater(b, c) {
            b
        } else if less(a, c) {
            a
        } else {
            c
        }
    };
    let (first, middle, last) = (0, len / 2, len - 1);
    if len == FEW {
        return middle;
    }
    if len <= MANY {
        return median(first, middle, last);
    }
    let step = len / 8;
    median(
        median(first, first + step, first + 2 * step),
        median(middle - step, middle, middle + step),
        median(last - 2 * step, last - step, last),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_ones_are_in_their_places(
            items in prop::collection::vec(0..50u32, 0..300),
            wanted in 0..310usize,
        ) {
            let mut sorted = items.clone();
            sorted.sort_unstable();
            let mut partial = items.clone();
            partial_sort(&mut partial, wanted, u32::cmp);
            let wanted = wanted.min(items.len());
            prop_assert_eq!(&partial[..wanted], &sorted[..wanted]);
            partial.sort_unstable();
            prop_assert_eq!(partial, sorted);
        }
    }

    #[test]
    fn a_staircase_is_sorted_in_time() {
        let mut items: Vec<u32> = (0..200_000).map(|number| (number * 7919) % 1000).collect();
        partial_sort(&mut items, 10, u32::cmp);
        assert_eq!(items[..10], [0; 10]);
    }
}
