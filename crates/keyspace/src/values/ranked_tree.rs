//! A counted B+tree of scored members in compact, shared nodes: large sorted sets.
