//! Values by themselves, as DUMP and RESTORE pass them.
//!
//! ```text
//! <type> <value>                as in a file
//! <version, 2 bytes>            little-endian
//! <CRC-64, 8 bytes>             of everything before it, little-endian
//! ```

use lastsave_dict::ValueRef;
use lastsave_keyspace::commands::payload::PayloadError;
use lastsave_keyspace::{Object, OwnedValue, Settings};

use crate::encode::encode_value_with;
use crate::format::is_value_type;
use crate::input::Input;
use crate::value::{ValueFault, read_value};
use crate::{Compressor, VERSION, crc64};

/// Bytes behind the value.
const FOOTER_LEN: usize = 10;

/// Bytes of the checksum.
const CHECKSUM_LEN: usize = 8;

/// The payload of a value, `compression`: with LZF for long strings.
pub fn dump(value: ValueRef<'_, Object>, compression: bool) -> Vec<u8> {
    let mut payload = Vec::new();
    let mut compressor = compression.then(Compressor::new);
    encode_value_with(&mut payload, value, compressor.as_mut());
    payload.extend_from_slice(&(VERSION as u16).to_le_bytes());
    let checksum = crc64(&payload);
    payload.extend_from_slice(&checksum.to_le_bytes());
    payload
}

/// The value of a payload, in the encoding that `settings` ask for.
///
/// # Errors
///
/// Whenever anything but a whole, sound, non-empty value would come of it. Bytes between the value and the footer are
/// passed over, as in Redis.
pub fn restore(payload: &[u8], settings: &Settings) -> Result<OwnedValue, PayloadError> {
    let Some((content, checksum)) = payload.split_last_chunk::<CHECKSUM_LEN>() else {
        return Err(PayloadError::VersionOrChecksum);
    };
    let Some((value, version)) = content.split_last_chunk::<{ FOOTER_LEN - CHECKSUM_LEN }>() else {
        return Err(PayloadError::VersionOrChecksum);
    };
    let sound = settings.skip_payload_checksum || u64::from_le_bytes(*checksum) == crc64(content);
    if u32::from(u16::from_le_bytes(*version)) > VERSION || !sound {
        return Err(PayloadError::VersionOrChecksum);
    }
    let Some((&kind, _)) = value.split_first() else {
        return Err(PayloadError::Content(None));
    };
    if !is_value_type(kind) {
        return Err(PayloadError::Content(None));
    }
    // Like Redis, which reads on into the footer, this takes the whole payload for input.
    let mut input = Input::with_buffer(&payload[1..], false, payload.len());
    read_value(&mut input, kind, settings).map_err(|fault| {
        PayloadError::Content(match fault {
            ValueFault::ReadPart(_, words) | ValueFault::Corrupt(words) => Some(words.to_string()),
            _ => None,
        })
    })
}

#[cfg(test)]
mod tests;
