//! The operator dies after each single call of a life: it always ends where an operator ends that does not die.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use gantry_e2e::kubernetes::{Armed, Kubectl, Space};
use serde_json::Value;

use crate::life::{Step, growing_class};
use crate::objects::{made, same};
use crate::{Named, Needs};

pub(crate) const TRIALS: [Named; 1] = [("crash::after-every-call", Needs::Nothing, after_every_call)];

/// Lives at the same time: each is one operator, one name server, one broker.
const AT_A_TIME: usize = 4;
/// Calls more than a life without a crash took: a restart may add some.
const MORE: u32 = 2;

/// What a life without a crash looks like.
#[derive(Default)]
struct Usual {
    calls: BTreeMap<Step, u32>,
    objects: BTreeMap<Step, Vec<Value>>,
}

/// They are there when other trials ran before.
const DEFINITIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/kustomize/crds");

fn after_every_call() -> Result<()> {
    let cluster = Kubectl::default();
    if cluster.run(&["get", "crd", "topics.gantry.dev"]).is_err() {
        cluster.run(&["apply", "--server-side", "-k", DEFINITIONS])?;
        cluster.run(&["wait", "crd", "--all", "--for=condition=Established", "--timeout=60s"])?;
    }
    let class = growing_class()?;
    let usual = usual_life()?;
    println!("calls of a life without a crash: {:?}", usual.calls);
    let most = usual.calls.values().max().copied().unwrap_or(0) + MORE;
    let deaths: Mutex<BTreeMap<Step, u32>> = Mutex::default();
    let failed: Mutex<Vec<String>> = Mutex::default();
    let next = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                loop {
                    let calls = next.fetch_add(1, Ordering::Relaxed);
                    if calls > most {
                        return;
                    }
                    if let Err(error) = life(calls, &usual, &deaths) {
                        let mut failed = failed.lock().expect("nobody panics with it");
                        failed.push(format!("dying after {calls} calls: {error:#}"));
                    }
                }
            });
        }
    });
    drop(class);
    let (deaths, failed) = (deaths.into_inner()?, failed.into_inner()?);
    for step in Step::ALL {
        let deaths = deaths.get(&step).copied().unwrap_or(0);
        let usual = usual.calls.get(&step).copied().unwrap_or(0);
        println!("{step:?}: usually {usual} calls, {deaths} deaths");
        // How many calls there are varies with what is seen when: a life may be over before it was to die.
        ensure!(!failed.is_empty() || deaths * 3 >= usual * 2, "{step:?} was not tried to its end");
    }
    ensure!(failed.is_empty(), "{}", failed.join("\n\n"));
    Ok(())
}

fn usual_life() -> Result<Usual> {
    let space = Space::new("usual")?;
    let operator = Armed::install(&space)?;
    let mut usual = Usual::default();
    for step in Step::ALL {
        operator.start(None)?;
        step.act(&space).with_context(|| format!("{step:?} without a crash"))?;
        usual.calls.insert(step, settled(operator)?);
        usual.objects.insert(step, made(&space)?);
    }
    Ok(usual)
}

/// Calls, when there come no more: events follow what can be waited for.
fn settled(operator: Armed<'_>) -> Result<u32> {
    let mut before = operator.calls()?;
    loop {
        thread::sleep(Duration::from_secs(2));
        let now = operator.calls()?;
        if now == before {
            return Ok(now);
        }
        before = now;
    }
}

/// One operator dies before the call after `calls` of each step.
fn life(calls: u32, usual: &Usual, deaths: &Mutex<BTreeMap<Step, u32>>) -> Result<()> {
    let space = Space::new(&format!("crash-{calls}"))?;
    let operator = Armed::install(&space)?;
    let mut died_in = Vec::new();
    for step in Step::ALL {
        let reaches = usual.calls.get(&step).is_some_and(|usual| calls <= usual + MORE);
        if reaches || step == Step::Create {
            operator.start(reaches.then_some(calls))?;
        }
        step.act(&space).with_context(|| format!("{step:?}"))?;
        if reaches && operator.died()? {
            *deaths.lock().map_err(|e| anyhow!("{e}"))?.entry(step).or_default() += 1;
            died_in.push(step);
        }
        let should = usual.objects.get(&step).context("every step was made")?;
        same(&made(&space)?, should).with_context(|| format!("after {step:?}"))?;
    }
    println!("after {calls} calls it died in {died_in:?}, and all ended as usual");
    Ok(())
}
