//! How many connections are kept, and for how long.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::{Request, Response};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio_io_timeout::TimeoutStream;

/// What connections may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Connections at a time. Each may hold a socket and a file, and a process is commonly allowed 1,024 of both.
    pub(super) connections: usize,
    /// How long a connection may take to say what it wants, and how long it may say nothing between two requests.
    pub(super) silence: Duration,
    /// How long a client may take nothing of an answer that is waiting for it.
    pub(super) stalled: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            silence: Duration::from_secs(20),
            stalled: Duration::from_secs(30),
        }
    }
}

/// How long a browser may hold a connection open after the server was told to stop.
const GRACE: Duration = Duration::from_secs(2);
/// How long to wait where the system has no further socket to give.
const BREATH: Duration = Duration::from_millis(100);

/// Answers requests until `stop` completes, then lets answers that are under way finish. `answer` is told the address of this
/// machine that the connection came in on.
pub(super) async fn serve<A, F, B>(
    listener: TcpListener,
    limits: Limits,
    stop: impl Future<Output = ()>,
    answer: A,
) -> io::Result<()>
where
    A: Fn(SocketAddr, Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes, Error = io::Error> + Send + Unpin + 'static,
{
    let mut stop = pin!(stop);
    let mut seats = Seats::default();
    let shutdown = GracefulShutdown::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                // The client has gone already, or no socket is left: others will come, or go.
                Err(_) => {
                    tokio::time::sleep(BREATH).await;
                    continue;
                }
            },
            () = &mut stop => break,
        };
        let Ok(local) = stream.local_addr() else {
            continue;
        };
        if !seats.make_room(limits.connections) {
            continue;
        }
        let use_of = Arc::<Use>::default();
        let counted = Arc::clone(&use_of);
        let answer = answer.clone();
        let service = service_fn(move |request| {
            let busy = Busy::begin(&counted);
            let answered = answer(local, request);
            async move {
                let answer = answered.await;
                Ok::<_, Infallible>(answer.map(|body| Answering { body, _busy: busy }))
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.silence)
            .serve_connection(TokioIo::new(with_timeout(stream, limits.stalled)), service);
        let connection = shutdown.watch(connection);
        // How a connection ends is the client's business.
        let task = tokio::spawn(async move { drop(connection.await) });
        seats.taken.push((task.abort_handle(), use_of));
    }
    // New clients are told at once that nobody is there.
    drop(listener);
    tokio::select! {
        () = shutdown.shutdown() => {}
        () = tokio::time::sleep(GRACE) => {}
    }
    Ok(())
}

/// Reading is bounded by [`Limits::silence`]; a client that does not take what it asked for is bounded here.
fn with_timeout(stream: TcpStream, stalled: Duration) -> Pin<Box<TimeoutStream<TcpStream>>> {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(stalled));
    Box::pin(stream)
}

/// The connections that are kept.
#[derive(Default)]
struct Seats {
    taken: Vec<(AbortHandle, Arc<Use>)>,
}

impl Seats {
    /// Whether another connection may be kept. Where all seats are taken, the one that has waited longest without an answer
    /// under way goes: it is the one that means least to its client, who connects again when it wants something.
    fn make_room(&mut self, most: usize) -> bool {
        self.taken.retain(|(task, _)| !task.is_finished());
        if self.taken.len() < most {
            return true;
        }
        let idle = self.taken.iter().enumerate();
        let idle = idle.filter_map(|(index, (_, use_of))| Some((use_of.idle_since()?, index)));
        let Some((_, index)) = idle.min() else {
            return false;
        };
        self.taken.swap_remove(index).0.abort();
        true
    }
}

/// What a connection is doing.
struct Use(Mutex<(usize, Instant)>);

impl Default for Use {
    fn default() -> Self {
        Self(Mutex::new((0, Instant::now())))
    }
}

impl Use {
    /// Since when no answer is under way; `None` while one is.
    fn idle_since(&self) -> Option<Instant> {
        let (answers, since) = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (answers == 0).then_some(since)
    }
}

/// An answer that is under way, until it is dropped.
struct Busy(Arc<Use>);

impl Busy {
    fn begin(use_of: &Arc<Use>) -> Self {
        let mut state = use_of.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 += 1;
        Self(Arc::clone(use_of))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut state = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state = (state.0.saturating_sub(1), Instant::now());
    }
}

/// A body whose connection counts as busy until the last of it is sent.
struct Answering<B> {
    body: B,
    _busy: Busy,
}

impl<B: Body + Unpin> Body for Answering<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
