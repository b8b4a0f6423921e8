//! Hashes: a listpack while small, then a packed table.
