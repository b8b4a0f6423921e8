//! A hash table of byte strings in compact, shared leaves: large hashes and sets.
