//! What `redis-check-rdb` says of a file.
