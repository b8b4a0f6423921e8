//! A list of strings and integers in one allocation, byte for byte as Redis keeps and saves it.
