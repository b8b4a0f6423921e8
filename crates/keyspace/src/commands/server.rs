//! Commands that need neither data nor the server.

use crate::Call;

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
