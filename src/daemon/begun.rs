//! Store work begun where it may block, so that other work goes on meanwhile.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;

use tokio::runtime::Handle;
use tokio::runtime::RuntimeFlavor;
use tokio::task::JoinHandle;

use crate::daemon::DaemonError;
use crate::daemon::unexpected;
use crate::store::StoreError;

/// Work that was begun. Dropped, it goes on to its end all the same: what it writes is not torn.
pub(crate) enum Begun<T> {
    /// It is over already; none once it was taken.
    Over(Option<Result<T, DaemonError>>),
    /// It runs.
    Running(JoinHandle<Result<T, StoreError>>),
}

impl<T> Begun<T> {
    /// Returns what came of it if it is over already, and itself if it runs.
    pub(crate) fn now(self) -> Result<Result<T, DaemonError>, Self> {
        match self {
            Self::Over(Some(done)) => Ok(done),
            running => Err(running),
        }
    }
}

/// Begins store work. On a runtime of one thread (a test) it is done here and now: what it does is then in the same order
/// each time.
pub(crate) fn begin<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Begun<T> {
    if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
        let done = catch_unwind(AssertUnwindSafe(work))
            .map_err(|_| DaemonError::Loop("it panicked".to_owned()))
            .and_then(|done| done.map_err(DaemonError::from));
        return Begun::Over(Some(done));
    }
    Begun::Running(tokio::task::spawn_blocking(work))
}

/// Does store work and waits for its end.
pub(crate) async fn blocking<T: Send + Unpin + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, DaemonError> {
    begin(work).await
}

impl<T: Unpin> Future for Begun<T> {
    type Output = Result<T, DaemonError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Over(done) => done.take().map_or(Poll::Pending, Poll::Ready),
            Self::Running(running) => Pin::new(running).poll(context).map(|ended| match ended {
                Ok(done) => Ok(done?),
                Err(ended) => Err(unexpected(&ended)),
            }),
        }
    }
}
