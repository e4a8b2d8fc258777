//! One thread that starts all processes.
//!
//! A child asks the kernel to be killed when its parent dies, and for the kernel the parent is the *thread* that started
//! it. A worker thread of the test runner ends as soon as it finds no trial left, while others still use the servers it
//! started; this thread lives as long as the process.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::mpsc::{self, Sender};
use std::sync::{LazyLock, Mutex};
use std::thread;

struct Order {
    command: Command,
    answer: Sender<io::Result<Child>>,
}

static SPAWNER: LazyLock<Mutex<Sender<Order>>> = LazyLock::new(|| {
    let (orders, inbox) = mpsc::channel::<Order>();
    thread::Builder::new()
        .name("spawner".into())
        .spawn(move || {
            for mut order in inbox {
                // The one who asked waits for the answer, so that sending it cannot fail.
                let _ = order.answer.send(order.command.spawn());
            }
        })
        .expect("a thread can be started");
    Mutex::new(orders)
});

/// Starts a process that dies with this one, however this one ends.
pub fn spawn(mut command: Command) -> io::Result<Child> {
    // SAFETY: between fork and exec only one async-signal-safe system call is made, and nothing is allocated.
    unsafe {
        command.pre_exec(|| match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        });
    }
    let (answer, reply) = mpsc::channel();
    let orders = SPAWNER.lock().expect("no one panics while holding it").clone();
    orders.send(Order { command, answer }).expect("the spawner thread lives as long as the process");
    reply.recv().expect("the spawner thread answers every order")
}
