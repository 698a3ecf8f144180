//! Which files are given, and how a path and a range name them.

use std::convert::Infallible;
use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};
use std::pin::Pin;

use http::header::{CONTENT_TYPE, RANGE};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Bytes;
use percent_encoding::percent_decode_str;
use tower_http::services::fs::{Backend, ServeDir, TokioBackend, TokioFile};

/// The body of an answer.
pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// The longest path of a request, in bytes as it is sent: the file systems that sites lie on take 4,096 decoded.
const LONGEST_PATH: usize = 8192;

/// A folder of files.
pub(super) struct Files {
    service: ServeDir<tower_http::services::fs::DefaultServeDirFallback, Within>,
}

impl Files {
    pub(super) fn new(folder: &Path) -> Self {
        let within = Within {
            folder: folder.to_owned(),
        };
        // The site holds a `.br` beside what is worth compressing; a browser that takes it gets that.
        let service = ServeDir::with_backend(folder, within)
            .precompressed_br()
            .ignore_multi_range_requests(true);
        Self { service }
    }

    /// The file that a request asks for, or why there is none.
    pub(super) async fn answer<B>(&self, request: Request<B>) -> Response<Body> {
        let path = request.uri().path();
        if path.len() > LONGEST_PATH {
            return sentence(StatusCode::URI_TOO_LONG, "No file has a name that long.\n");
        }
        if !is_plain(path) {
            return not_found();
        }
        let mut request = request.map(|_| Empty::<Bytes>::new());
        // Of a file that is shorter than the end that is asked for, all is meant (RFC 9110, section 14.1.2); tower-http
        // answers that nothing fits.
        let again = asks_for_an_end(&request).then(|| request.clone());
        let mut response = self.file(request).await;
        if let Some(whole) = again
            && response.status() == StatusCode::RANGE_NOT_SATISFIABLE
        {
            request = whole;
            request.headers_mut().remove(RANGE);
            response = self.file(request).await;
        }
        response
    }

    async fn file(&self, request: Request<Empty<Bytes>>) -> Response<Body> {
        match self.service.clone().try_call(request).await {
            Ok(response) if response.status() == StatusCode::NOT_FOUND => not_found(),
            Ok(response) => response.map(|body| body.map_err(io::Error::other).boxed_unsync()),
            // Whatever hinders: to the browser it is no file. The names of this machine are not its business.
            Err(_) => not_found(),
        }
    }
}

/// An answer that is a sentence.
pub(super) fn sentence(status: StatusCode, text: &'static str) -> Response<Body> {
    let body = Full::new(Bytes::from_static(text.as_bytes()))
        .map_err(|never: Infallible| match never {})
        .boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}

fn not_found() -> Response<Body> {
    sentence(StatusCode::NOT_FOUND, "There is no such file here.\n")
}

/// Whether a path can name a file of a site: no empty part (`//other.example/` would be answered by sending the browser
/// to another host) and none that begins with a dot (`.git`, `.env`, `..`).
fn is_plain(path: &str) -> bool {
    let decoded: Vec<u8> = percent_decode_str(path).collect();
    // A browser takes a backslash for a slash.
    let inside = decoded.get(1..).unwrap_or_default();
    let folder = inside.strip_suffix(b"/").unwrap_or(inside);
    inside.is_empty()
        || folder
            .split(|byte| matches!(byte, b'/' | b'\\'))
            .all(|part| !part.is_empty() && !part.starts_with(b"."))
}

fn asks_for_an_end<B>(request: &Request<B>) -> bool {
    let range = request.headers().get(RANGE).and_then(|r| r.to_str().ok());
    let length = range.and_then(|range| range.trim().strip_prefix("bytes=-"));
    length.is_some_and(|length| length.bytes().all(|b| b.is_ascii_digit()) && length != "0")
}

/// The disk, as far as the folder reaches: ordinary files in it and in its folders, not what a link points to elsewhere.
#[derive(Clone, Debug)]
struct Within {
    folder: PathBuf,
}

impl Within {
    /// What a path stands for once links are followed, with what the system says of it.
    fn resolve(&self, path: &Path) -> io::Result<(PathBuf, Metadata)> {
        let nothing = || io::Error::from(ErrorKind::NotFound);
        let path = fs::canonicalize(path).map_err(|_| nothing())?;
        let folder = fs::canonicalize(&self.folder).map_err(|_| nothing())?;
        let inside = path.strip_prefix(&folder).map_err(|_| nothing())?;
        let hidden = inside.components().any(|part| match part {
            Component::Normal(name) => name.as_encoded_bytes().starts_with(b"."),
            _ => true,
        });
        let metadata = fs::metadata(&path).map_err(|_| nothing())?;
        // Opening a named pipe waits for its other end, for good.
        let ordinary = metadata.is_file() || metadata.is_dir();
        if hidden || !ordinary {
            return Err(nothing());
        }
        Ok((path, metadata))
    }

    async fn resolved(self, path: PathBuf) -> io::Result<(PathBuf, Metadata)> {
        tokio::task::spawn_blocking(move || self.resolve(&path))
            .await
            .map_err(io::Error::other)?
    }
}

impl Backend for Within {
    type File = TokioFile;
    type Metadata = Metadata;
    type OpenFuture = Pin<Box<dyn Future<Output = io::Result<TokioFile>> + Send>>;
    type MetadataFuture = Pin<Box<dyn Future<Output = io::Result<Metadata>> + Send>>;

    fn open(&self, path: PathBuf) -> Self::OpenFuture {
        let within = self.clone();
        Box::pin(async move {
            let (path, metadata) = within.resolved(path).await?;
            if metadata.is_dir() {
                return Err(ErrorKind::NotFound.into());
            }
            TokioBackend.open(path).await
        })
    }

    fn metadata(&self, path: PathBuf) -> Self::MetadataFuture {
        let within = self.clone();
        Box::pin(async move { Ok(within.resolved(path).await?.1) })
    }
}
