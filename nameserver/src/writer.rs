//! The thread that writes files, so that no connection waits for a disk. Jobs run one after the other in the order in
//! which they were handed in, and are answered when they are done.

use gantry_remoting::ResponseCode;
use gantry_remoting::reply::{Answer, Outbound, Refusal, ReplyTo};
use gantry_remoting::server::Peer;
use parking_lot::Mutex;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

/// Changes that may wait for the disk.
const MAX_WAITING: usize = 1024;

/// What is done: it writes, then publishes what it wrote.
pub(crate) type Work = Box<dyn FnOnce() -> Result<Answer, Refusal> + Send>;

struct Job {
    work: Work,
    peer: Arc<Peer>,
    to: ReplyTo,
}

/// Hands jobs to the thread.
#[derive(Debug)]
pub(crate) struct Writer {
    jobs: Mutex<Option<SyncSender<Job>>>,
}

impl Writer {
    /// Starts the thread; it ends after [`close`](Self::close), when all jobs are done.
    pub(crate) fn start() -> io::Result<(Self, JoinHandle<()>)> {
        let (jobs, waiting) = sync_channel(MAX_WAITING);
        let thread =
            std::thread::Builder::new().name("name-server-files".into()).spawn(move || run(&waiting))?;
        Ok((Self { jobs: Mutex::new(Some(jobs)) }, thread))
    }

    /// Has `work` done and its outcome sent to `peer`.
    pub(crate) fn submit(&self, peer: &Arc<Peer>, to: ReplyTo, work: Work) -> Result<(), Refusal> {
        let busy = |why| Err(Refusal::new(ResponseCode::SYSTEM_BUSY, why));
        let jobs = self.jobs.lock();
        let Some(jobs) = jobs.as_ref() else { return busy("the name server is stopping") };
        match jobs.try_send(Job { work, peer: Arc::clone(peer), to }) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => busy("too many changes wait for the disk: try again later"),
            Err(TrySendError::Disconnected(_)) => busy("the name server cannot write: restart it"),
        }
    }

    /// Takes no more jobs.
    pub(crate) fn close(&self) {
        self.jobs.lock().take();
    }
}

fn run(waiting: &Receiver<Job>) {
    while let Ok(Job { work, peer, to }) = waiting.recv() {
        let answer = work().unwrap_or_else(Answer::from);
        let mut out = Outbound::default();
        out.answer(to, &answer);
        // Who asked may be gone; what was asked is done all the same.
        let _ = peer.send(&mut out);
    }
}
