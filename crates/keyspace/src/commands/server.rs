//! Commands that need neither data nor the server.

use crate::{Call, number};

pub(crate) fn echo(call: &mut Call<'_>) {
    let args = call.args;
    call.reply.bulk(&args[1]);
}

pub(crate) fn time(call: &mut Call<'_>) {
    call.reply.array(2);
    for number in [call.now_us / 1_000_000, call.now_us % 1_000_000] {
        call.reply
            .bulk(itoa::Buffer::new().format(number).as_bytes());
    }
}

/// WAIT: no replica will ever acknowledge anything, so there is no point in waiting.
pub(crate) fn wait(call: &mut Call<'_>) {
    let args = call.args;
    if call.integer(&args[1]).is_none() {
        return;
    }
    match number::parse_i64(&args[2]) {
        None => call
            .reply
            .error("ERR timeout is not an integer or out of range"),
        Some(..0) => call.reply.error("ERR timeout is negative"),
        Some(_) => call.reply.integer(0),
    }
}
