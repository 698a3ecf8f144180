//! The server, asked over sockets of its own: no client library stands between.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::connections::Limits;
use super::*;

struct Answer {
    status: u16,
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

/// An answer that takes longer will not come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A request over a socket of its own, written by hand: no client library stands between test and server.
fn request(url: &str, line: &str, more: &str) -> Answer {
    let authority = url.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(authority).unwrap();
    write!(
        stream,
        "{line} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n{more}\r\n"
    )
    .unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
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
    with_limits(Limits::default(), |_| {}, check);
}

/// The same, under limits of its own, with what `add` puts into the folder's parent.
fn with_limits(limits: Limits, add: impl FnOnce(&Path), check: impl FnOnce(&str) + Send + 'static) {
    with_server(limits, Access::default(), add, check);
}

/// The same, letting in whom `access` says.
fn with_server(
    limits: Limits,
    access: Access,
    add: impl FnOnce(&Path),
    check: impl FnOnce(&str) + Send + 'static,
) {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join("site").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    write("index.html", b"<!doctype html><title>x</title>");
    write("viewer.wasm", b"\0asm plain");
    write("viewer.wasm.br", b"compressed");
    write("viewer-0123456789abcdef/element.js", b"export {}");
    write("loader.mjs", b"export {}");
    write("page.js", b"");
    write("style.css", b"");
    write("models/robust.onnx", b"onnx");
    std::fs::write(folder.path().join("secret"), b"secret").unwrap();
    add(folder.path());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let host = Ipv4Addr::LOCALHOST.into();
        let mut server = Server::bind(&folder.path().join("site"), host, 0, access)
            .await
            .unwrap();
        server.limits = limits;
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
                 img-src 'self'; style-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; \
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
fn what_is_named_by_its_contents_is_kept_and_nothing_else() {
    with_site(|url| {
        let cached = |path: &str| {
            let answer = request(url, &format!("GET {path}"), "");
            (answer.status, answer.headers["cache-control"].clone())
        };
        let kept = "public, max-age=31536000, immutable".to_owned();
        assert_eq!(cached("/viewer-0123456789abcdef/element.js"), (200, kept));
        let asked = "no-cache".to_owned();
        // A file of a release that is about to be copied here must not be missing for a year.
        assert_eq!(
            cached("/viewer-0123456789abcdef/missing.js"),
            (404, asked.clone())
        );
        assert_eq!(cached("/page.js"), (200, asked));
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
    let missing =
        sentence(Server::bind(&folder.path().join("no"), host, 0, Access::default()).await);
    assert!(missing.contains("no is not a folder"), "{missing}");
    let first = Server::bind(folder.path(), host, 0, Access::default())
        .await
        .unwrap();
    let port = first.address.port();
    assert_eq!(
        sentence(Server::bind(folder.path(), host, port, Access::default()).await),
        format!(
            "port {port} of 127.0.0.1 is in use: choose another with --port, or --port 0 for any free one"
        )
    );
}

/// A client that says nothing must not keep the server from stopping.
#[tokio::test]
async fn a_silent_connection_does_not_hold_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::bind(
        folder.path(),
        Ipv4Addr::LOCALHOST.into(),
        0,
        Access::default(),
    )
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

#[test]
fn a_page_that_took_the_name_of_this_machine_gets_nothing() {
    with_site(|url| {
        let authority = url.trim_start_matches("http://").trim_end_matches('/');
        for (host, status) in [
            ("localhost", 200),
            (authority, 200),
            ("evil.example", 421),
            ("localhost.evil.example:80", 421),
        ] {
            let mut stream = TcpStream::connect(authority).unwrap();
            let head = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
            stream.write_all(head.as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status} ")),
                "{host}: {answer}"
            );
            assert!(answer.contains("content-security-policy"), "{host}");
        }
    });
}

#[test]
fn who_may_frame_the_page_is_said_in_every_answer() {
    let access = Access {
        frame_ancestors: "'self' https://intranet.example".into(),
        ..Access::default()
    };
    with_server(
        Limits::default(),
        access,
        |_| {},
        |url| {
            for path in ["/", "/missing"] {
                let answer = request(url, &format!("GET {path}"), "");
                let policy = &answer.headers["content-security-policy"];
                assert!(
                    policy.ends_with("; frame-ancestors 'self' https://intranet.example"),
                    "{policy}"
                );
            }
        },
    );
}

#[test]
fn a_path_sends_no_one_to_another_host_and_a_long_one_is_no_fault_of_the_server() {
    with_site(|url| {
        for path in ["//evil.example/..", "//models", "/\\models", "/%2fmodels"] {
            let answer = request(url, &format!("GET {path}"), "");
            assert_eq!(answer.status, 404, "{path}");
            assert!(!answer.headers.contains_key("location"), "{path}");
        }
        let folder = request(url, "GET /models", "");
        assert_eq!(
            (folder.status, &folder.headers["location"][..]),
            (307, "/models/")
        );
        for (length, status) in [(300, 404), (5000, 404), (20_000, 414), (100_000, 414)] {
            let answer = request(url, &format!("GET /{}", "x".repeat(length)), "");
            assert_eq!(answer.status, status, "{length}");
        }
        let deep = "x/".repeat(3000);
        assert_eq!(request(url, &format!("GET /{deep}"), "").status, 404);
    });
}

#[test]
fn ranges_are_those_of_the_specification() {
    with_site(|url| {
        for (range, status, body) in [
            ("bytes=0-3", 206, "\0asm"),
            ("bytes=-5", 206, "plain"),
            ("bytes=-10", 206, "\0asm plain"),
            ("bytes=-1000", 200, "\0asm plain"),
            ("bytes=-99999999999999999999999999", 200, "\0asm plain"),
            ("bytes=5-", 206, "plain"),
            ("bytes=5-1000", 206, "plain"),
            ("bytes=0-1,3-4", 200, "\0asm plain"),
            ("bytes=100-", 416, ""),
            ("bytes=-0", 416, ""),
        ] {
            let answer = request(url, "GET /viewer.wasm", &format!("Range: {range}\r\n"));
            assert_eq!(answer.status, status, "{range}");
            assert_eq!(answer.body, body.as_bytes(), "{range}");
        }
    });
}

#[cfg(unix)]
#[test]
fn links_out_of_the_folder_hidden_files_and_pipes_are_not_there() {
    use std::os::unix::fs::symlink;
    let add = |folder: &Path| {
        let site = folder.join("site");
        symlink(folder.join("secret"), site.join("out.txt")).unwrap();
        symlink("..", site.join("up")).unwrap();
        symlink("models", site.join("networks")).unwrap();
        symlink("/dev/zero", site.join("zero")).unwrap();
        std::fs::create_dir(site.join(".git")).unwrap();
        std::fs::write(site.join(".git/config"), b"secret").unwrap();
        std::fs::write(site.join("models/.hidden"), b"secret").unwrap();
        symlink(".git/config", site.join("shown.txt")).unwrap();
        let pipe = std::process::Command::new("mkfifo")
            .arg(site.join("pipe"))
            .status();
        assert!(pipe.unwrap().success());
        // A compressed file may not be a way out either.
        std::fs::write(site.join("app.js"), b"plain").unwrap();
        symlink(folder.join("secret"), site.join("app.js.br")).unwrap();
    };
    with_limits(Limits::default(), add, |url| {
        for method in ["GET", "HEAD"] {
            for path in [
                "/out.txt",
                "/up/secret",
                "/zero",
                "/.git/config",
                "/%2egit/config",
                "/models/.hidden",
                "/shown.txt",
                "/pipe",
            ] {
                let answer = request(url, &format!("{method} {path}"), "");
                assert_eq!(answer.status, 404, "{method} {path}");
            }
            let inside = request(url, &format!("{method} /networks/robust.onnx"), "");
            assert_eq!(inside.status, 200, "{method}");
        }
        let script = request(url, "GET /app.js", "Accept-Encoding: br\r\n");
        assert!(!script.body.windows(6).any(|w| w == b"secret"));
    });
}

#[test]
fn silent_clients_shut_nobody_out() {
    let limits = Limits {
        connections: 16,
        ..Limits::default()
    };
    with_limits(
        limits,
        |_| {},
        |url| {
            let authority = url.trim_start_matches("http://").trim_end_matches('/');
            let mut silent: Vec<_> = (0..100)
                .map(|_| TcpStream::connect(authority).unwrap())
                .collect();
            for stream in &mut silent[50..] {
                stream.write_all(b"GET / HTTP/1.1\r\nHost: loc").unwrap();
            }
            for _ in 0..20 {
                assert_eq!(request(url, "GET /viewer.wasm", "").status, 200);
            }
            // The first has been let go, and knows it.
            silent[0].set_read_timeout(Some(PATIENCE)).unwrap();
            assert!(matches!(silent[0].read(&mut [0]), Ok(0) | Err(_)));
        },
    );
}

#[test]
fn a_client_that_never_ends_its_request_is_let_go() {
    let limits = Limits {
        silence: Duration::from_millis(200),
        ..Limits::default()
    };
    with_limits(
        limits,
        |_| {},
        |url| {
            let authority = url.trim_start_matches("http://").trim_end_matches('/');
            let mut slow = TcpStream::connect(authority).unwrap();
            slow.set_read_timeout(Some(PATIENCE)).unwrap();
            slow.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
                .unwrap();
            let mut rest = vec![];
            let ended = slow.read_to_end(&mut rest);
            assert!(ended.is_ok(), "{ended:?}");
            assert!(!rest.starts_with(b"HTTP/1.1 200"));
            // The same between two requests.
            let mut idle = TcpStream::connect(authority).unwrap();
            idle.set_read_timeout(Some(PATIENCE)).unwrap();
            idle.write_all(b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                .unwrap();
            let mut answer = vec![];
            assert!(idle.read_to_end(&mut answer).is_ok());
            assert!(answer.starts_with(b"HTTP/1.1 200"));
        },
    );
}

/// A client that asks for much and takes nothing keeps its connection while others are busy too, but not for good.
#[test]
fn a_client_that_takes_nothing_is_let_go() {
    let limits = Limits {
        stalled: Duration::from_millis(300),
        ..Limits::default()
    };
    let add = |folder: &Path| {
        std::fs::write(folder.join("site/large.bin"), vec![7; 64 << 20]).unwrap();
    };
    with_limits(limits, add, |url| {
        let authority = url.trim_start_matches("http://").trim_end_matches('/');
        let mut stalled = TcpStream::connect(authority).unwrap();
        stalled
            .write_all(b"GET /large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .unwrap();
        std::thread::sleep(Duration::from_secs(2));
        stalled.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut taken = vec![];
        let _ = stalled.read_to_end(&mut taken);
        assert!(taken.len() < 64 << 20, "all {} bytes came", taken.len());
        let whole = request(url, "GET /large.bin", "");
        assert_eq!(whole.body.len(), 64 << 20);
    });
}
