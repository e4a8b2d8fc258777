//! `cluster <gantry|apache> [key=value ...]`: a name server and a broker to try things on by hand, until a line comes on
//! standard input or it ends.

use std::io;

use anyhow::{Result, bail};
use gantry_e2e::{Cluster, Setup, Target};

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let target = match args.next().as_deref() {
        Some("gantry") => Target::Gantry,
        Some("apache") => Target::Apache,
        _ => bail!("usage: cluster <gantry|apache> [key=value ...]"),
    };
    let setup = args.fold(Setup::default(), |setup, arg| match arg.split_once('=') {
        Some((key, value)) => setup.set(key, value),
        None => setup,
    });
    let cluster = Cluster::start(target, setup)?;
    println!("name server {}", cluster.name_server_address());
    println!(
        "broker      127.0.0.1:{}, process {}",
        cluster.broker_port(),
        cluster.broker_pid().unwrap_or(0)
    );
    println!("folder      {}", cluster.folder().display());
    println!("press Enter to stop");
    io::stdin().read_line(&mut String::new())?;
    Ok(())
}
