//! `rename-command`: commands under other names.

use lastsave_keyspace::unknown_command_error;
use lastsave_resp::{Args, ArgsBuf};

use crate::engine::Engine;

impl Engine {
    /// The request under the name that the table of commands knows, if that is another than it was sent with. The error
    /// is the answer to a name that was taken away.
    #[inline]
    pub(crate) fn under_own_name(&self, args: Args<'_>) -> Result<Option<ArgsBuf>, Vec<u8>> {
        if self.config.renamed_commands.is_empty() {
            return Ok(None);
        }
        let name = String::from_utf8_lossy(&args[0]).to_ascii_lowercase();
        match self.config.renamed_commands.get(&name) {
            None => Ok(None),
            Some(None) => Err(unknown_command_error(args).into_bytes()),
            Some(Some(own)) => {
                let words = [own.as_bytes()].into_iter();
                Ok(Some(words.chain(args.skip(1).iter()).collect()))
            }
        }
    }
}
