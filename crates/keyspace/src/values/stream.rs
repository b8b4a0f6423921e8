//! Streams: entries in listpacks by ID, and consumer groups.
