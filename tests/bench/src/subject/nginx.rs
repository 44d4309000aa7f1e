//! nginx as a plain reverse proxy: one process, keep-alive on both sides.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::Setup;

/// A buffer of 64 KiB in front of the log, as one would have it under load; without it nginx
/// spends a system call more per request.
const LOG: &str = r#"    log_format json escape=json '{"time":"$time_iso8601","client":"$remote_addr",'
        '"method":"$request_method","path":"$uri","status":$status,"bytes":$body_bytes_sent,'
        '"seconds":$request_time,"upstream_seconds":"$upstream_response_time",'
        '"agent":"$http_user_agent","request_id":"$request_id"}';
"#;

pub(super) fn set_up(
    folder: &Path,
    address: SocketAddr,
    upstream: SocketAddr,
    log: bool,
) -> io::Result<Setup> {
    let at = |name: &str| folder.join(name);
    let written = at("access.log");
    let mut text = String::new();
    // Without a master there is one process, which is all that is measured.
    let _ = write!(
        text,
        "daemon off;\nmaster_process off;\nworker_processes 1;\nworker_rlimit_nofile 16384;\n\
         pid {};\nerror_log {} error;\nevents {{\n    worker_connections 8192;\n}}\nhttp {{\n",
        at("nginx.pid").display(),
        at("error.log").display(),
    );
    for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        let _ = writeln!(text, "    {kind}_temp_path {};", at(kind).display());
    }
    if log {
        let _ =
            writeln!(text, "{LOG}    access_log {} json buffer=64k flush=1s;", written.display());
    } else {
        text.push_str("    access_log off;\n");
    }
    let _ = write!(
        text,
        "    tcp_nodelay on;\n    keepalive_timeout 60s;\n    keepalive_requests 100000000;\n    \
         upstream app {{\n        server {upstream};\n        keepalive 64;\n        \
         keepalive_requests 100000000;\n    }}\n    server {{\n        listen {address} backlog=1024;\n        \
         location / {{\n            proxy_pass http://app;\n            proxy_http_version 1.1;\n            \
         proxy_set_header Connection \"\";\n            proxy_set_header Host $host;\n            \
         proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n            \
         proxy_set_header X-Forwarded-Proto $scheme;\n        }}\n    }}\n}}\n"
    );
    let configuration = at("nginx.conf");
    std::fs::write(&configuration, text)?;
    let mut command = Command::new("nginx");
    command.arg("-p").arg(folder).arg("-c").arg(&configuration).arg("-e").arg(at("error.log"));
    Ok(Setup { command, output: None, log: log.then_some(written) })
}
