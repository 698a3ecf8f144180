//! The web server behind `pellucid serve`: a folder of static files under a strict Content-Security-Policy.

mod headers;

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use axum::Router;
use axum::middleware::map_response;
use tokio::net::TcpListener;
use tower_http::services::ServeDir;

pub use headers::{FRAME_POLICY, PAGE_POLICY};

/// How long a browser may hold a connection open after the server was told to stop.
const GRACE: Duration = Duration::from_secs(2);

/// A server that listens but does not answer yet.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    folder: PathBuf,
}

impl Server {
    /// Listens on an address; port 0 takes a free one.
    ///
    /// # Errors
    /// Where the folder is missing, or the port is taken or not allowed.
    pub async fn bind(folder: &Path, host: IpAddr, port: u16) -> Result<Self> {
        if !folder.is_dir() {
            bail!(
                "{} is not a folder: name the folder of a site, such as dist after `cargo xtask site`",
                folder.display()
            );
        }
        let listener = TcpListener::bind((host, port))
            .await
            .map_err(|error| explain_bind(&error, host, port))?;
        let address = listener
            .local_addr()
            .context("the system does not tell the address that the server listens on")?;
        Ok(Self {
            listener,
            address,
            folder: folder.to_owned(),
        })
    }

    /// Where a browser on this machine finds the page.
    #[must_use]
    pub fn url(&self) -> String {
        let host = match self.address.ip() {
            ip if ip.is_unspecified() => IpAddr::from(Ipv4Addr::LOCALHOST),
            ip => ip,
        };
        format!("http://{}/", SocketAddr::new(host, self.address.port()))
    }

    /// Answers until `stop` completes, then lets answers that are under way finish.
    ///
    /// # Errors
    /// Where the system closes the listening socket.
    pub async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> Result<()> {
        // The site holds a `.br` beside what is worth compressing; a browser that takes it gets that.
        let files = ServeDir::new(&self.folder).precompressed_br();
        let router = Router::new()
            .fallback_service(files)
            .layer(map_response(headers::add));
        let (stopping, stopped) = tokio::sync::oneshot::channel();
        let stop = async move {
            stop.await;
            // Nobody listens any more where the server failed first.
            let _ = stopping.send(());
        };
        let overtime = async move {
            match stopped.await {
                Ok(()) => tokio::time::sleep(GRACE).await,
                Err(_) => std::future::pending().await,
            }
        };
        let serving = axum::serve(self.listener, router).with_graceful_shutdown(stop);
        tokio::select! {
            result = serving.into_future() => result.context("the server stopped"),
            () = overtime => Ok(()),
        }
    }
}

fn explain_bind(error: &std::io::Error, host: IpAddr, port: u16) -> anyhow::Error {
    match error.kind() {
        ErrorKind::AddrInUse => anyhow!(
            "port {port} of {host} is in use: choose another with --port, or --port 0 for any free one"
        ),
        ErrorKind::PermissionDenied => {
            anyhow!("this user may not listen on port {port}: choose one above 1023 with --port")
        }
        ErrorKind::AddrNotAvailable => {
            anyhow!(
                "{host} is not an address of this machine: leave --host out, or give one that is"
            )
        }
        _ => anyhow!("cannot listen on port {port} of {host}: {error}"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use std::collections::HashMap;
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::*;

    struct Answer {
        status: u16,
        headers: HashMap<String, String>,
        body: Vec<u8>,
    }

    /// A request over a socket of its own, written by hand: no client library stands between test and server.
    fn request(url: &str, line: &str, more: &str) -> Answer {
        let authority = url.trim_start_matches("http://").trim_end_matches('/');
        let mut stream = TcpStream::connect(authority).unwrap();
        write!(
            stream,
            "{line} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n{more}\r\n"
        )
        .unwrap();
        let mut bytes = vec![];
        stream.read_to_end(&mut bytes).unwrap();
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_lowercase(), value.to_owned())
        });
        Answer {
            status: status.parse().unwrap(),
            headers: headers.collect(),
            body: bytes[end + 4..].to_vec(),
        }
    }

    /// Serves a small site to `check`, which gets its URL, and stops it then.
    fn with_site(check: impl FnOnce(&str) + Send + 'static) {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join("site").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        };
        write("index.html", b"<!doctype html><title>x</title>");
        write("viewer.wasm", b"\0asm plain");
        write("viewer.wasm.br", b"compressed");
        write("loader.mjs", b"export {}");
        write("page.js", b"");
        write("style.css", b"");
        write("models/robust.onnx", b"onnx");
        std::fs::write(folder.path().join("secret"), b"secret").unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let host = Ipv4Addr::LOCALHOST.into();
            let server = Server::bind(&folder.path().join("site"), host, 0)
                .await
                .unwrap();
            let url = server.url();
            let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
            let serving = tokio::spawn(server.run(async {
                let _ = stopped.await;
            }));
            let checked = tokio::task::spawn_blocking(move || check(&url)).await;
            stop.send(()).unwrap();
            serving.await.unwrap().unwrap();
            checked.unwrap();
        });
    }

    #[test]
    fn files_come_with_their_types_and_every_answer_with_the_policy() {
        with_site(|url| {
            // HTML wants one of the JavaScript types for a module (Living Standard, "JavaScript MIME type").
            for (path, kind) in [
                ("/", "text/html"),
                ("/viewer.wasm", "application/wasm"),
                ("/loader.mjs", "application/javascript"),
                ("/page.js", "text/javascript"),
                ("/style.css", "text/css"),
                ("/models/robust.onnx", "application/octet-stream"),
                ("/missing", ""),
            ] {
                let answer = request(url, &format!("GET {path}"), "");
                assert_eq!(
                    answer.status,
                    if kind.is_empty() { 404 } else { 200 },
                    "{path}"
                );
                let found = answer.headers.get("content-type").map_or("", |t| &t[..]);
                assert!(found.starts_with(kind), "{path} is {found}");
                let header = |name: &str| &answer.headers[name][..];
                assert_eq!(
                    header("content-security-policy"),
                    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; \
                     img-src 'self'; style-src 'self'; base-uri 'none'; form-action 'none'; \
                     frame-ancestors 'self'"
                );
                assert_eq!(header("x-content-type-options"), "nosniff");
                assert_eq!(header("referrer-policy"), "no-referrer");
                assert_eq!(header("cross-origin-opener-policy"), "same-origin");
                assert_eq!(header("cross-origin-resource-policy"), "same-origin");
                assert_eq!(header("cache-control"), "no-cache");
                assert!(header("permissions-policy").contains("camera=()"));
            }
        });
    }

    #[test]
    fn a_browser_that_takes_brotli_gets_it_and_another_does_not() {
        with_site(|url| {
            let plain = request(url, "GET /viewer.wasm", "");
            assert_eq!(plain.body, b"\0asm plain");
            assert!(!plain.headers.contains_key("content-encoding"));
            let small = request(url, "GET /viewer.wasm", "Accept-Encoding: gzip, br\r\n");
            assert_eq!(small.body, b"compressed");
            assert_eq!(small.headers["content-encoding"], "br");
            assert_eq!(small.headers["content-type"], "application/wasm");
        });
    }

    #[test]
    fn what_has_not_changed_is_not_sent_again() {
        with_site(|url| {
            let first = request(url, "GET /viewer.wasm", "");
            let since = format!("If-Modified-Since: {}\r\n", first.headers["last-modified"]);
            let second = request(url, "GET /viewer.wasm", &since);
            assert_eq!((second.status, second.body.len()), (304, 0));
        });
    }

    #[test]
    fn nothing_outside_the_folder_and_nothing_but_reading() {
        with_site(|url| {
            for path in [
                "/../secret",
                "/%2e%2e/secret",
                "/..%2fsecret",
                "/models/../../secret",
            ] {
                let answer = request(url, &format!("GET {path}"), "");
                assert_ne!(answer.status, 200, "{path}");
                assert!(!answer.body.windows(6).any(|w| w == b"secret"), "{path}");
            }
            assert_eq!(request(url, "POST /", "Content-Length: 0\r\n").status, 405);
            let head = request(url, "HEAD /viewer.wasm", "");
            assert_eq!((head.status, head.body.len()), (200, 0));
        });
    }

    #[tokio::test]
    async fn a_missing_folder_and_a_taken_port_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let host = IpAddr::from(Ipv4Addr::LOCALHOST);
        let sentence = |result: Result<Server>| result.err().unwrap().to_string();
        let missing = sentence(Server::bind(&folder.path().join("no"), host, 0).await);
        assert!(missing.contains("no is not a folder"), "{missing}");
        let first = Server::bind(folder.path(), host, 0).await.unwrap();
        let port = first.address.port();
        assert_eq!(
            sentence(Server::bind(folder.path(), host, port).await),
            format!(
                "port {port} of 127.0.0.1 is in use: choose another with --port, or --port 0 for any free one"
            )
        );
    }

    /// A client that says nothing must not keep the server from stopping.
    #[tokio::test]
    async fn a_silent_connection_does_not_hold_the_server() {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::bind(folder.path(), Ipv4Addr::LOCALHOST.into(), 0)
            .await
            .unwrap();
        let silent = TcpStream::connect(server.address).unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let serving = tokio::spawn(server.run(async {
            let _ = stopped.await;
        }));
        stop.send(()).unwrap();
        serving.await.unwrap().unwrap();
        drop(silent);
    }
}
