//! The operator's rights, beside what it asks for in the trials before and in one whole life, by the API server's audit log.

use std::collections::BTreeSet;
use std::env;
use std::fs::File;
use std::io::{BufRead as _, BufReader};

use anyhow::{Context as _, Result, ensure};
use gantry_e2e::kubernetes::{Kubectl, Space, operator};
use serde_json::Value;

use crate::life::{Step, growing_class};
use crate::{Named, Needs};

pub(crate) const TRIALS: [Named; 1] =
    [("rights::none-unused-none-missing", Needs::AuditLog, none_unused_none_missing)];

/// Names the file that the API server writes for every request; `e2e/cluster/up --audit-log` makes it do so.
pub(crate) const AUDIT_LOG: &str = "GANTRY_E2E_AUDIT_LOG";

/// A verb, an API group, a resource with its subresource.
type Right = (String, String, String);

fn none_unused_none_missing() -> Result<()> {
    let class = growing_class()?;
    let space = Space::new("rights")?;
    for step in Step::ALL {
        step.act(&space).with_context(|| format!("{step:?}"))?;
    }
    drop((space, class));
    let granted = granted()?;
    let (used, refused) = asked_for()?;
    // A granted right is refused too: while a namespace goes, and once helm has taken the roles away.
    let missing: Vec<_> = refused.difference(&granted).collect();
    ensure!(missing.is_empty(), "asked for and not granted: {missing:?}");
    let unused: Vec<_> = granted.difference(&used).collect();
    ensure!(unused.is_empty(), "granted and not used: {unused:?}");
    println!("{} rights, all used; none asked for that is not granted", granted.len());
    Ok(())
}

/// What the chart's roles say.
fn granted() -> Result<BTreeSet<Right>> {
    let cluster = Kubectl::default().get(&["clusterrole/gantry-operator"])?;
    let lease = operator::kubectl().get(&["role/gantry-operator-lease"])?;
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(|one| Some(one.as_str()?.to_owned())).collect()
    };
    let mut rights = BTreeSet::new();
    for rule in [&cluster, &lease].into_iter().flat_map(|role| role["rules"].as_array().into_iter().flatten())
    {
        for (group, resource) in texts(&rule["apiGroups"])
            .iter()
            .flat_map(|group| texts(&rule["resources"]).into_iter().map(move |one| (group.clone(), one)))
        {
            rights.extend(
                texts(&rule["verbs"]).into_iter().map(|verb| (verb, group.clone(), resource.clone())),
            );
        }
    }
    ensure!(!rights.is_empty(), "the roles are not there");
    Ok(rights)
}

/// What the operator of the trials was given and refused.
fn asked_for() -> Result<(BTreeSet<Right>, BTreeSet<Right>)> {
    let file = env::var(AUDIT_LOG).context(AUDIT_LOG)?;
    let user = format!("system:serviceaccount:{}:gantry-operator", operator::NAMESPACE);
    let (mut used, mut refused) = (BTreeSet::new(), BTreeSet::new());
    for line in BufReader::new(File::open(&file).context(file)?).lines() {
        let line = line?;
        if !line.contains(&user) {
            continue;
        }
        let event: Value = serde_json::from_str(&line)?;
        let reference = &event["objectRef"];
        if event["user"]["username"] != user.as_str() || reference.is_null() {
            continue;
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut resource = text(&reference["resource"]);
        if let Some(part) = reference["subresource"].as_str() {
            resource = format!("{resource}/{part}");
        }
        let right = |verb: &str| (verb.to_owned(), text(&reference["apiGroup"]), resource.clone());
        let verb = text(&event["verb"]);
        match event["responseStatus"]["code"].as_u64() {
            Some(403) => drop(refused.insert(right(&verb))),
            // An apply that makes the object takes the right to create as well.
            Some(201) => used.extend([right(&verb), right("create")]),
            _ => drop(used.insert(right(&verb))),
        }
    }
    Ok((used, refused))
}
