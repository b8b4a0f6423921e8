//! The options of redis-cli.

/// What redis-cli is asked to do.
#[derive(Debug, Default)]
pub(super) struct Options {
    pub(super) port: Option<u16>,
    pub(super) db: Option<String>,
    pub(super) repeat: u64,
    pub(super) raw: Option<bool>,
    pub(super) rdb: Option<String>,
    pub(super) last_from_stdin: bool,
}

/// Why redis-cli does nothing.
pub(super) enum Refusal {
    /// It was asked about itself.
    Told(String),
    /// It was asked for something that it cannot do.
    Wrong(String),
}

/// The options in front of the command, and the command.
pub(super) fn parse_options(args: &[String]) -> Result<(Options, &[String]), Refusal> {
    let mut options = Options::default();
    let mut index = 0;
    while let Some(option) = args.get(index) {
        let value = args.get(index + 1);
        let value_of = |what: &str| {
            value.ok_or_else(|| {
                Refusal::Wrong(format!(
                    "Unrecognized option or bad number of args for: '{what}'"
                ))
            })
        };
        match option.as_str() {
            "-p" => {
                options.port = Some(
                    value_of(option)?
                        .parse()
                        .map_err(|_| Refusal::Wrong("Invalid server port.".into()))?,
                );
                index += 1;
            }
            "-n" => {
                options.db = Some(value_of(option)?.clone());
                index += 1;
            }
            "-r" => {
                options.repeat = value_of(option)?.parse().unwrap_or(1).min(1_000_000);
                index += 1;
            }
            "--rdb" => {
                options.rdb = Some(value_of(option)?.clone());
                index += 1;
            }
            // One machine, one user, no encryption: these change nothing.
            "-h" | "-i" | "-a" | "--pass" | "--user" | "-u" | "-t" => index += 1,
            "--no-auth-warning" | "-2" | "-3" | "-c" | "-e" => {}
            "--raw" => options.raw = Some(true),
            "--no-raw" => options.raw = Some(false),
            "-x" => options.last_from_stdin = true,
            "-v" | "--version" => {
                return Err(Refusal::Told(format!(
                    "redis-cli {}\n",
                    lastsave_engine::REDIS_VERSION
                )));
            }
            "--help" => {
                return Err(Refusal::Told(
                    "Usage: redis-cli [-p port] [-n db] [-r times] [-x] [--raw|--no-raw] [--rdb file] [command [arg …]]\n".into(),
                ));
            }
            other if other.starts_with('-') && other.len() > 1 => {
                return Err(Refusal::Wrong(format!(
                    "Unrecognized option or bad number of args for: '{other}'"
                )));
            }
            _ => break,
        }
        index += 1;
    }
    Ok((options, &args[index.min(args.len())..]))
}
