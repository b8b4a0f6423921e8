//! Sockets: listening and accepting.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::time::Duration;

use lastsave_engine::{Config, Level};
use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrAny, SocketAddrUnix, SocketFlags, SocketType, sockopt};

use crate::disk::reason;
use crate::log::Log;

/// A socket that takes connections.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) fd: OwnedFd,
    /// The path of a Unix socket.
    pub(crate) unix_path: Option<String>,
}

const FLAGS: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);

/// Opens every socket that the configuration asks for. `Err` says why the server cannot start; the log has told more.
pub(crate) fn listen(config: &Config, log: &Log) -> Result<Vec<Listener>, String> {
    let mut listeners = listen_tcp_all(config, log)
        .map_err(|()| format!("Failed listening on port {} (TCP), aborting.", config.port))?;
    if !config.unixsocket.is_empty() {
        let fd = listen_unix(config).map_err(|(call, errno)| {
            format!("Failed opening Unix socket: {call}: {}", reason(errno))
        })?;
        listeners.push(Listener {
            fd,
            unix_path: Some(config.unixsocket.clone()),
        });
    }
    if listeners.is_empty() {
        return Err("Configured to not listen anywhere, exiting.".into());
    }
    Ok(listeners)
}

/// Opens the TCP sockets among them. The log says why, if one cannot be opened.
pub(crate) fn listen_tcp_all(config: &Config, log: &Log) -> Result<Vec<Listener>, ()> {
    let mut listeners = Vec::new();
    if config.port != 0 {
        for address in &config.bind {
            listen_tcp(address, config, log, &mut listeners)?;
        }
        if listeners.is_empty() && !config.bind.is_empty() {
            return Err(());
        }
    }
    Ok(listeners)
}

/// Listens on one entry of `bind`. With a `-` before it, an address that this machine does not have is passed over.
fn listen_tcp(
    entry: &str,
    config: &Config,
    log: &Log,
    listeners: &mut Vec<Listener>,
) -> Result<(), ()> {
    let (address, optional) = match entry.strip_prefix('-') {
        Some(address) => (address, true),
        None => (entry, false),
    };
    let ips: Vec<IpAddr> = match address {
        "*" => vec![Ipv4Addr::UNSPECIFIED.into()],
        "::*" => vec![Ipv6Addr::UNSPECIFIED.into()],
        host => (host, config.port)
            .to_socket_addrs()
            .map(|found| found.map(|address| address.ip()).take(1).collect())
            .unwrap_or_default(),
    };
    let opened = match ips.first() {
        Some(ip) => open_tcp(SocketAddr::new(*ip, config.port), config.tcp_backlog)
            .map_err(|(call, errno)| (format!("{call}: {}", reason(errno)), Some(errno))),
        None => Err(("Name or service not known".into(), None)),
    };
    match opened {
        Ok(fd) => {
            listeners.push(Listener {
                fd,
                unix_path: None,
            });
            Ok(())
        }
        Err((text, errno)) => {
            log.line(
                Level::Warning,
                &format!(
                    "Warning: Could not create server TCP listening socket {address}:{}: {text}",
                    config.port
                ),
            );
            let absent = matches!(
                errno,
                None | Some(
                    Errno::ADDRNOTAVAIL
                        | Errno::NOPROTOOPT
                        | Errno::PROTONOSUPPORT
                        | Errno::SOCKTNOSUPPORT
                        | Errno::PFNOSUPPORT
                        | Errno::AFNOSUPPORT
                )
            );
            if optional && absent { Ok(()) } else { Err(()) }
        }
    }
}

type Call = &'static str;

fn open_tcp(address: SocketAddr, backlog: u32) -> Result<OwnedFd, (Call, Errno)> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let in_call = |call| move |errno| (call, errno);
    let fd = rustix::net::socket_with(family, SocketType::STREAM, FLAGS, None)
        .map_err(in_call("socket"))?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&fd, true).map_err(in_call("setsockopt"))?;
    }
    sockopt::set_socket_reuseaddr(&fd, true).map_err(in_call("setsockopt SO_REUSEADDR"))?;
    rustix::net::bind(&fd, &address).map_err(in_call("bind"))?;
    listen_on(&fd, backlog).map_err(in_call("listen"))?;
    Ok(fd)
}

fn listen_unix(config: &Config) -> Result<OwnedFd, (Call, Errno)> {
    let in_call = |call| move |errno| (call, errno);
    let path = config.unixsocket.as_str();
    // What an earlier run left there is in the way.
    let _ = rustix::fs::unlink(path);
    let address = SocketAddrUnix::new(path).map_err(in_call("bind"))?;
    let fd = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, FLAGS, None)
        .map_err(in_call("socket"))?;
    rustix::net::bind(&fd, &address).map_err(in_call("bind"))?;
    if config.unixsocketperm != 0 {
        let mode = Mode::from_raw_mode(config.unixsocketperm);
        rustix::fs::chmod(path, mode).map_err(in_call("chmod"))?;
    }
    listen_on(&fd, config.tcp_backlog).map_err(in_call("listen"))?;
    Ok(fd)
}

fn listen_on(fd: &OwnedFd, backlog: u32) -> rustix::io::Result<()> {
    rustix::net::listen(fd, i32::try_from(backlog).unwrap_or(i32::MAX))
}

/// A connection just accepted.
pub(crate) struct Accepted {
    pub(crate) fd: OwnedFd,
    /// The peer's address as CLIENT LIST shows it.
    pub(crate) address: String,
    /// Our own.
    pub(crate) local_address: String,
    /// Whether the peer is this machine.
    pub(crate) is_local: bool,
}

/// Accepts the next waiting connection; `None` if none waits.
pub(crate) fn accept(listener: &Listener, keepalive_s: u32) -> Result<Option<Accepted>, Errno> {
    let (fd, peer) = match rustix::net::acceptfrom_with(&listener.fd, FLAGS) {
        Ok(accepted) => accepted,
        Err(Errno::AGAIN | Errno::INTR | Errno::CONNABORTED) => return Ok(None),
        Err(errno) => return Err(errno),
    };
    if let Some(path) = &listener.unix_path {
        let address = format!("{path}:0");
        return Ok(Some(Accepted {
            fd,
            address: address.clone(),
            local_address: address,
            is_local: true,
        }));
    }
    // A peer that is gone already makes these fail; reading will tell.
    let _ = sockopt::set_tcp_nodelay(&fd, true);
    if keepalive_s > 0 {
        let seconds = |s: u32| Duration::from_secs(u64::from(s.max(1)));
        let _ = sockopt::set_socket_keepalive(&fd, true);
        let _ = sockopt::set_tcp_keepidle(&fd, seconds(keepalive_s));
        let _ = sockopt::set_tcp_keepintvl(&fd, seconds(keepalive_s / 3));
        let _ = sockopt::set_tcp_keepcnt(&fd, 3);
    }
    let own = rustix::net::getsockname(&fd).ok();
    let peer = peer.and_then(socket_addr);
    Ok(Some(Accepted {
        fd,
        is_local: peer.is_some_and(|peer| peer.ip().is_loopback()),
        address: text_of(peer),
        local_address: text_of(own.and_then(socket_addr)),
    }))
}

fn socket_addr(any: SocketAddrAny) -> Option<SocketAddr> {
    any.try_into().ok()
}

fn text_of(address: Option<SocketAddr>) -> String {
    address.map_or_else(|| "?:0".into(), |address| address.to_string())
}
