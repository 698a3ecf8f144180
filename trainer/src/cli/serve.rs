//! `pellucid serve`.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::output::{note, print};
use crate::serve::{Access, FRAME_ANCESTORS, Server};

/// Serve a folder, such as the viewer's site, to browsers under a strict Content-Security-Policy
///
/// The policy lets the page load only what lies in the folder itself: whatever is dropped on it cannot leave the machine.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask site && pellucid serve dist/site
  pellucid serve dist/site --port 0        take a free port; the URL is printed
  pellucid serve dist/site --host 0.0.0.0  let other machines in")]
pub struct Args {
    /// The folder to serve
    folder: PathBuf,
    /// The port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// The address to listen on; the default lets in this machine only
    #[arg(long, default_value = "127.0.0.1", value_parser = host)]
    host: IpAddr,
    /// A further name to answer to on this machine, such as the one that a reverse proxy passes on; may be repeated
    ///
    /// On a loopback address only `localhost` and addresses are answered otherwise, so that nobody else's page can read
    /// the folder under a name of its own (DNS rebinding).
    #[arg(long = "allow-host", value_name = "NAME")]
    allow_host: Vec<String>,
    /// The pages that may hold this one in a frame, as in a Content-Security-Policy: "'self' https://intranet.example"
    #[arg(long, value_name = "SOURCES", default_value = FRAME_ANCESTORS, value_parser = sources)]
    frame_ancestors: String,
}

/// Sources of one directive: a semicolon or comma would begin another.
fn sources(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b';' | b',');
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte == b' ' || plain(byte)) {
        Ok(text.to_owned())
    } else {
        Err("give origins with spaces between them, such as 'self' https://intranet.example".into())
    }
}

fn host(text: &str) -> Result<IpAddr, String> {
    match text {
        "localhost" => Ok(Ipv4Addr::LOCALHOST.into()),
        other => other
            .parse()
            .map_err(|_| format!("`{other}` is no IP address: give one such as 127.0.0.1")),
    }
}

/// Serves until Ctrl-C.
///
/// # Errors
/// Where the folder is missing or the port is taken.
pub fn run(args: Args) -> Result<()> {
    let runtime = tokio::runtime::Runtime::new().context("cannot start the server's threads")?;
    let access = Access {
        names: args.allow_host,
        frame_ancestors: args.frame_ancestors,
    };
    runtime.block_on(async {
        let server = Server::bind(&args.folder, args.host, args.port, access).await?;
        if !args.folder.join("index.html").is_file() {
            note(&format!(
                "{} holds no index.html, so there is no page at the root",
                args.folder.display()
            ));
        }
        print(&format!(
            "Serving {} at {} (Ctrl-C stops it)\n",
            args.folder.display(),
            server.url()
        ))?;
        server.run(stop_signal()).await
    })
}

/// Completes on Ctrl-C, and on unix also when the process is asked to end.
async fn stop_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    if tokio::signal::ctrl_c().await.is_err() {
        // Without signals there is nothing to wait for but the end of the process.
        std::future::pending::<()>().await;
    }
}
