//! The commands about the server, its clients and its files: the rows of the table marked [`Handler::Server`].

mod admin;
mod clients;
mod connection;
mod debug;
mod debug_contents;
mod debug_values;
mod lolwut;
mod memory;
mod observe;
mod transactions;

use lastsave_keyspace::commands::payload;
use lastsave_keyspace::{Call, Command, Handler, ServerCommand, lookup};
use lastsave_resp::Args;
use lastsave_vfs::Vfs;

use crate::client::Client;
use crate::engine::Engine;
use crate::pubsub::Topic;

/// What a command that takes no such word answers.
const SYNTAX_ERROR: &str = "ERR syntax error";

impl Engine {
    pub(crate) fn call_server(
        &mut self,
        client: &mut Client,
        server_command: ServerCommand,
        command: &'static Command,
        args: Args<'_>,
        vfs: &mut dyn Vfs,
    ) {
        match server_command {
            ServerCommand::Auth => self.auth(client, args),
            ServerCommand::BgRewriteAof => self.bgrewriteaof(client, vfs),
            ServerCommand::BgSave => self.bgsave(client, args),
            ServerCommand::Client => self.client_command(client, command, args),
            ServerCommand::Command => crate::command_info::command(args, &mut client.reply),
            ServerCommand::Config => self.config_command(client, command, args, vfs),
            ServerCommand::Debug => self.debug(client, args, vfs),
            ServerCommand::Discard => self.discard(client),
            ServerCommand::Dump | ServerCommand::Restore => {
                unreachable!("they are data commands, see `data_handler`")
            }
            ServerCommand::Exec => self.exec(client, vfs),
            ServerCommand::Hello => self.hello(client, args),
            ServerCommand::Info => self.info(client, args),
            ServerCommand::Latency => self.latency(client, command, args),
            ServerCommand::LolWut => lolwut::lolwut(client, args, self.keyspace.next_random()),
            ServerCommand::Memory => self.memory(client, command, args),
            ServerCommand::LastSave => client.reply.integer(self.saves.last_save_s as i64),
            ServerCommand::Monitor => self.monitor_command(client),
            ServerCommand::Multi => self.multi(client),
            ServerCommand::Ping => self.ping(client, args),
            ServerCommand::Psubscribe => self.subscribe(client, Topic::Pattern, args),
            ServerCommand::Publish => self.publish_command(client, args, false),
            ServerCommand::Pubsub => self.pubsub_command(client, command, args),
            ServerCommand::Punsubscribe => self.unsubscribe(client, Topic::Pattern, args),
            ServerCommand::Quit => {
                client.reply.ok();
                client.closing = true;
            }
            ServerCommand::Role => self.role(client),
            ServerCommand::Reset => self.reset(client),
            ServerCommand::Save => self.save(client, vfs),
            ServerCommand::Select => self.select(client, args),
            ServerCommand::Shutdown => self.shutdown(client, args, vfs),
            ServerCommand::SlowLog => self.slowlog(client, command, args),
            ServerCommand::Spublish => self.publish_command(client, args, true),
            ServerCommand::Ssubscribe => self.subscribe(client, Topic::Shard, args),
            ServerCommand::Subscribe => self.subscribe(client, Topic::Channel, args),
            ServerCommand::Sunsubscribe => self.unsubscribe(client, Topic::Shard, args),
            ServerCommand::Unsubscribe => self.unsubscribe(client, Topic::Channel, args),
            ServerCommand::Unwatch => {
                self.unwatch(client);
                client.reply.ok();
            }
            ServerCommand::Watch => self.watch(client, args),
        }
    }
}

/// The handler of a command on data. Two of them are made here: the keyspace does not know the RDB format.
pub(crate) fn data_handler(command: &Command) -> Option<fn(&mut Call<'_>)> {
    match command.handler {
        Handler::Data(handler) => Some(handler),
        Handler::Server(ServerCommand::Dump) => Some(|call| {
            payload::dump(call, |value, settings| {
                lastsave_rdb::dump(value, settings.dump_compression)
            });
        }),
        Handler::Server(ServerCommand::Restore) => {
            Some(|call| payload::restore(call, lastsave_rdb::restore))
        }
        Handler::Server(_) => None,
    }
}

/// Answers with the HELP of a container of the table.
pub(crate) fn help_for(container: &str, client: &mut Client) {
    let row = lookup(container.as_bytes()).expect("the container is in the table");
    crate::command_info::help(row, &mut client.reply);
}

/// The answer to a subcommand that takes no such number of words.
pub(crate) fn subcommand_syntax_error(args: Args<'_>) -> String {
    const QUOTED_LEN: usize = 128;
    let name = String::from_utf8_lossy(&args[1][..args[1].len().min(QUOTED_LEN)]).into_owned();
    let container = String::from_utf8_lossy(&args[0]).to_ascii_uppercase();
    format!(
        "ERR unknown subcommand or wrong number of arguments for '{name}'. Try {container} HELP."
    )
}
