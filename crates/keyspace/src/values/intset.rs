//! A sorted set of integers in one allocation, byte for byte as Redis keeps and saves it.
