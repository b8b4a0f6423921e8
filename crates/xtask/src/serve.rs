//! A static file server for the page: this machine only, one folder, GET and HEAD.
//!
//! It sends the headers that a host of the page is advised to send, so that what works here works there:
//! the strict content security policy above all. A missing file is 404, never the page.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Component, Path, PathBuf},
    thread,
    time::Duration,
};

/// Scripts and workers from the page's own folder, WebAssembly, and nothing else from anywhere.
const SECURITY_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; \
     connect-src 'self'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'";

/// The longest request head that is read.
const HEAD_LIMIT: u64 = 16 * 1024;

/// How long a client may take to send its request or to accept the answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A bound server; connections wait until it serves.
pub(crate) struct Server(TcpListener);

impl Server {
    /// Binds to `port` of 127.0.0.1; 0 takes any free one.
    pub(crate) fn bind(port: u16) -> io::Result<Self> {
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map(Self)
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Serves `folder` until the process ends, one thread per request. Fails if there is no such folder.
    pub(crate) fn serve(&self, folder: &Path) -> io::Result<()> {
        let folder = folder.canonicalize()?;
        for stream in self.0.incoming().flatten() {
            let folder = folder.clone();
            thread::spawn(move || {
                // A client that goes away early is none of our concern.
                let _ = answer(&stream, &folder);
            });
        }
        Ok(())
    }
}

/// What is sent back.
struct Response {
    status: &'static str,
    content_type: &'static str,
    location: Option<String>,
    body: Vec<u8>,
}

impl Response {
    fn plain(status: &'static str) -> Self {
        let body = format!("{status}\n").into_bytes();
        Self {
            status,
            content_type: "text/plain; charset=utf-8",
            location: None,
            body,
        }
    }
}

fn answer(stream: &TcpStream, folder: &Path) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream.take(HEAD_LIMIT));
    let mut request = String::new();
    reader.read_line(&mut request)?;
    // The headers are read, so that closing does not reset the connection, and ignored.
    let mut header = String::new();
    while reader.read_line(&mut header)? > 2 {
        header.clear();
    }

    let mut words = request.split(' ');
    let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let response = match method {
        "GET" | "HEAD" => respond(folder, target),
        _ => Response::plain("405 Method Not Allowed"),
    };
    let mut head = format!(
        "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nContent-Security-Policy: {SECURITY_POLICY}\r\n\
         X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nCache-Control: {}\r\n\
         Connection: close\r\n",
        response.status,
        response.content_type,
        response.body.len(),
        caching(target, response.status),
    );
    if let Some(location) = &response.location {
        head += &format!("Location: {location}\r\n");
    }
    head += "\r\n";
    let mut stream = stream;
    stream.write_all(head.as_bytes())?;
    if method == "GET" {
        stream.write_all(&response.body)?;
    }
    stream.flush()
}

/// How long an answer may be kept. An address with a build in it stands for the same bytes for ever.
fn caching(target: &str, status: &str) -> &'static str {
    if target.contains("?v=") && status.starts_with("200") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    }
}

fn respond(folder: &Path, target: &str) -> Response {
    let address = target.split(['?', '#']).next().unwrap_or_default();
    let Some(relative) = relative_path(address) else {
        return Response::plain("404 Not Found");
    };
    // A link inside the folder that leads out of it is refused like a path that does.
    let Ok(mut path) = folder.join(relative).canonicalize() else {
        return Response::plain("404 Not Found");
    };
    if !path.starts_with(folder) {
        return Response::plain("404 Not Found");
    }
    if path.is_dir() {
        if !address.ends_with('/') {
            // Relative addresses in a folder's page start from the folder only with the slash.
            let location = Some(format!("{address}/"));
            return Response {
                location,
                ..Response::plain("308 Permanent Redirect")
            };
        }
        path.push("index.html");
    }
    match read_file(&path) {
        Ok(body) => Response {
            status: "200 OK",
            content_type: content_type(&path),
            location: None,
            body,
        },
        Err(_) => Response::plain("404 Not Found"),
    }
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::ErrorKind::NotFound.into());
    }
    let mut body = Vec::new();
    File::open(path)?.read_to_end(&mut body)?;
    Ok(body)
}

/// The path below the folder that an address names; `None` if it is no such path.
fn relative_path(address: &str) -> Option<PathBuf> {
    let decoded = percent_decode(address.strip_prefix('/')?)?;
    // A second slash would make the rest absolute; hidden files are not part of the page.
    let path = PathBuf::from(decoded);
    let is_plain = |component: Component<'_>| match component {
        Component::Normal(name) => !name.as_encoded_bytes().starts_with(b"."),
        _ => false,
    };
    path.components().all(is_plain).then_some(path)
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes)
        .ok()
        .filter(|decoded| !decoded.contains('\0'))
}

fn content_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("json" | "map") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("txt" | "md" | "scenario" | "conf") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with a page, a wasm file, a hidden file, a sub-folder, and a secret beside it.
    fn served(test: &str) -> (PathBuf, SocketAddr) {
        let top =
            std::env::temp_dir().join(format!("lastsave-xtask-{}-{test}", std::process::id()));
        let folder = top.join("page");
        fs::create_dir_all(folder.join("sub")).unwrap();
        fs::write(top.join("secret"), "secret").unwrap();
        fs::write(folder.join("index.html"), "the page").unwrap();
        fs::write(folder.join("a b.wasm"), b"\0asm").unwrap();
        fs::write(folder.join(".hidden"), "hidden").unwrap();
        fs::write(folder.join("sub/index.html"), "below").unwrap();
        let server = Server::bind(0).unwrap();
        let address = server.address().unwrap();
        thread::spawn(move || server.serve(&folder));
        (top, address)
    }

    fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .write_all(format!("{request} HTTP/1.1\r\nHost: here\r\n\r\n").as_bytes())
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn files_come_with_their_type_and_the_policy() {
        let (top, address) = served("types");
        let kept = ask(address, "GET /a%20b.wasm?v=1");
        assert!(
            kept.contains("Cache-Control: public, max-age=31536000, immutable\r\n"),
            "{kept}"
        );
        assert!(ask(address, "GET /none?v=1").contains("Cache-Control: no-cache\r\n"));
        let page = ask(address, "GET /");
        assert!(
            page.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"),
            "{page}"
        );
        assert!(
            page.contains("script-src 'self' 'wasm-unsafe-eval';"),
            "{page}"
        );
        assert!(page.contains("Cache-Control: no-cache\r\n"), "{page}");
        assert!(page.ends_with("\r\n\r\nthe page"), "{page}");
        assert!(
            ask(address, "GET /a%20b.wasm")
                .contains("Content-Type: application/wasm\r\nContent-Length: 4\r\n")
        );
        assert!(ask(address, "HEAD /").ends_with("\r\n\r\n"));
        assert!(ask(address, "GET /sub").contains("Location: /sub/\r\n"));
        assert!(ask(address, "GET /sub/").ends_with("below"));
        fs::remove_dir_all(top).unwrap();
    }

    #[test]
    fn nothing_outside_the_folder_is_reachable() {
        let (top, address) = served("traversal");
        std::os::unix::fs::symlink(top.join("secret"), top.join("page/link")).unwrap();
        for target in [
            "/../secret",
            "/%2e%2e/secret",
            "/sub/../../secret",
            "//etc/passwd",
            "/link",
            "/.hidden",
            "/none",
            "/%zz",
            "/%00",
            "secret",
            "/..%2fsecret",
        ] {
            assert!(
                ask(address, &format!("GET {target}")).starts_with("HTTP/1.1 404"),
                "{target}"
            );
        }
        assert!(ask(address, "POST /").starts_with("HTTP/1.1 405"));
        fs::remove_dir_all(top).unwrap();
    }
}
