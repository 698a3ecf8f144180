//! The web server behind `pellucid serve`: a folder of static files under a strict Content-Security-Policy.
//!
//! Files, types, ranges and conditional requests are tower-http's; what stands here is what a server for a page that others
//! rely on needs beside: which names it answers to (`host.rs`), which files it gives (`files.rs`), how many connections it
//! keeps (`connections.rs`), and what every answer carries (`headers.rs`).

mod connections;
mod files;
mod headers;
mod host;
#[cfg(test)]
mod tests;

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Error, Result, anyhow, bail};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::net::TcpListener;

use connections::Limits;
use files::{Body, Files};
pub use headers::{FRAME_ANCESTORS, PAGE_POLICY};
use host::Names;

/// Whom a server lets in, beside those that everybody lets in.
#[derive(Clone, Debug)]
pub struct Access {
    /// Names to answer to on a loopback address, beside `localhost` and addresses.
    pub names: Vec<String>,
    /// The pages that may frame the site, as sources of a Content-Security-Policy: `'self' https://intranet.example`.
    pub frame_ancestors: String,
}

impl Default for Access {
    fn default() -> Self {
        Self {
            names: Vec::new(),
            frame_ancestors: FRAME_ANCESTORS.into(),
        }
    }
}

/// A server that listens but does not answer yet.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    folder: PathBuf,
    access: Access,
    limits: Limits,
}

impl Server {
    /// Listens on an address; port 0 takes a free one. Requests that come in on a loopback address are answered where they
    /// ask for `localhost`, for an address or for a name that `access` gives.
    ///
    /// # Errors
    /// Where the folder is missing, or the port is taken or not allowed.
    pub async fn bind(folder: &Path, host: IpAddr, port: u16, access: Access) -> Result<Self> {
        if !folder.is_dir() {
            bail!(
                "{} is not a folder: name the folder of a site, such as dist/site after `cargo xtask site`",
                folder.display()
            );
        }
        let listener = TcpListener::bind((host, port))
            .await
            .map_err(|error| explain_bind(error, host, port))?;
        let address = listener
            .local_addr()
            .context("the system does not say which address the server listens on")?;
        Ok(Self {
            listener,
            address,
            folder: folder.to_owned(),
            access,
            limits: Limits::default(),
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
        let site = Arc::new(Site {
            files: Files::new(&self.folder),
            access: self.access,
        });
        connections::serve(
            self.listener,
            self.limits,
            stop,
            move |connection, request| {
                let site = Arc::clone(&site);
                async move { site.answer(connection, request).await }
            },
        )
        .await
        .context("the server stopped")
    }
}

/// What is served, and to whom.
struct Site {
    files: Files,
    access: Access,
}

impl Site {
    /// Answers a request that came in on the address `local` of this machine.
    async fn answer(&self, local: SocketAddr, request: Request<Incoming>) -> Response<Body> {
        let names = Names {
            local: local.ip(),
            further: &self.access.names,
        };
        let versioned = headers::never_changes(request.uri().path());
        let mut response = match names.refuse(&request) {
            Some((status, sentence)) => files::sentence(status, sentence),
            None => self.files.answer(request).await,
        };
        // A file that is missing now may come.
        let found = response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED;
        let keep = versioned && found;
        headers::add(response.headers_mut(), &self.access.frame_ancestors, keep);
        response
    }
}

fn explain_bind(error: std::io::Error, host: IpAddr, port: u16) -> anyhow::Error {
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
        _ => Error::new(error).context(format!("cannot listen on port {port} of {host}")),
    }
}
