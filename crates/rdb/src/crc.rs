//! CRC-64 (Jones), the checksum of RDB files.
