//! `lastsave link` and `lastsave open`: scenarios as links, which the page and this program read alike.

use lastsave_scenario::{
    link::{ENGINE_VERSION, Link, SAFE_LINK_CHARS, decode, encode},
    parse_duration_us,
};

use super::{read_text, run_text};

/// What `lastsave link` is asked for beside the file.
#[derive(Clone, Debug, Default)]
pub struct LinkOptions {
    /// Whether the page runs the lines by itself.
    pub autorun: bool,
    /// The tab that the page opens.
    pub tab: Option<String>,
    /// The moment that the page shows, as a duration since the scenario began.
    pub at: Option<String>,
    /// The address of the page that the link leads to.
    pub base: String,
}

/// What `lastsave open` is asked for beside the link.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenOptions {
    /// Whether to print the figures as JSON.
    pub json: bool,
    /// Whether to print the scenario instead of running it.
    pub print: bool,
}

/// `lastsave link`: prints a link to a scenario file (`-`: the standard input), and says how long it is. Returns 0, or 2
/// if the file cannot become a link.
pub fn link(path: &str, options: &LinkOptions) -> i32 {
    match make(path, options) {
        Ok(address) => {
            println!("{address}");
            let chars = address.chars().count();
            eprintln!("{chars} characters");
            if chars > SAFE_LINK_CHARS {
                eprintln!(
                    "lastsave: some chats cut links of more than {SAFE_LINK_CHARS} characters; the file itself is safer"
                );
            }
            0
        }
        Err(reason) => {
            eprintln!("lastsave: {path}: {reason}");
            2
        }
    }
}

fn make(path: &str, options: &LinkOptions) -> Result<String, String> {
    let mut link = Link::new(read_text(path)?);
    link.autorun = options.autorun;
    link.tab.clone_from(&options.tab);
    if let Some(at) = &options.at {
        let at_us = parse_duration_us(at);
        link.at_us =
            Some(at_us.ok_or_else(|| format!("--at takes a duration like 47m10s, not `{at}`"))?);
    }
    let fragment = encode(&link).map_err(|error| error.to_string())?;
    let base = options.base.split('#').next().unwrap_or_default();
    Ok(format!("{base}#{fragment}"))
}

/// `lastsave open`: runs what a link holds, as [`run_scenario`](super::run_scenario) runs a file, or prints it. Returns
/// what that returns, and 2 if it is no link.
pub fn open(address: &str, options: OpenOptions) -> i32 {
    let link = match decode(address) {
        Ok(link) => link,
        Err(error) => {
            eprintln!("lastsave: {error}");
            return 2;
        }
    };
    if options.print {
        print!("{}", link.scenario);
        return 0;
    }
    if link.engine != ENGINE_VERSION {
        eprintln!(
            "lastsave: this link was made with version {}; this is {ENGINE_VERSION}, and figures may differ",
            link.engine
        );
    }
    run_text("link", &link.scenario, options.json)
}
