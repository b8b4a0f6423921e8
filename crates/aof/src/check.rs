//! What `redis-check-aof` says of a file, and what `--fix` does.
