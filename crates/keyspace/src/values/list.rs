//! Lists: a deque of listpacks.
