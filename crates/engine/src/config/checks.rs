//! What is wrong with a text, in Redis's words.

pub(super) fn dbfilename(name: &str) -> Result<(), &'static str> {
    base_name(name).ok_or("dbfilename can't be a path, just a filename")
}

pub(super) fn appendfilename(name: &str) -> Result<(), &'static str> {
    not_empty(name).ok_or("appendfilename can't be empty")?;
    base_name(name).ok_or("appendfilename can't be a path, just a filename")
}

pub(super) fn appenddirname(name: &str) -> Result<(), &'static str> {
    not_empty(name).ok_or("appenddirname can't be empty")?;
    base_name(name).ok_or("appenddirname can't be a path, just a dirname")
}

fn base_name(name: &str) -> Option<()> {
    (!name.contains(['/', '\\'])).then_some(())
}

fn not_empty(name: &str) -> Option<()> {
    (!name.is_empty()).then_some(())
}

pub(super) fn hostname(name: &str) -> Result<(), &'static str> {
    if name.len() >= 256 {
        return Err("Hostnames must be less than 256 characters");
    }
    if name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
    {
        Ok(())
    } else {
        Err("Hostnames may only contain alphanumeric characters, hyphens or dots")
    }
}

pub(super) fn proc_title_template(template: &str) -> Result<(), &'static str> {
    const INVALID: &str = "template format is invalid or contains unknown variables";
    const VARIABLES: [&str; 7] = [
        "title",
        "listen-addr",
        "server-mode",
        "port",
        "tls-port",
        "unixsocket",
        "config-file",
    ];
    let (mut rest, mut has_text) = (template, false);
    while let Some((before, after)) = rest.split_once('{') {
        has_text |= !before.trim_matches(' ').is_empty();
        if let Some(literal) = after.strip_prefix('{') {
            (rest, has_text) = (literal, true);
            continue;
        }
        let (variable, behind) = after.split_once('}').ok_or(INVALID)?;
        let variable = variable.to_ascii_lowercase();
        if !VARIABLES.contains(&variable.as_str()) {
            return Err(INVALID);
        }
        has_text |= matches!(variable.as_str(), "listen-addr" | "port" | "tls-port");
        rest = behind;
    }
    if has_text || !rest.trim_matches(' ').is_empty() {
        Ok(())
    } else {
        Err(INVALID)
    }
}
