//! Sorted sets: a listpack while small, then a tree with a table beside it.
