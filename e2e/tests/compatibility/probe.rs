//! A request in the ways that it is asked, and what of its answer must be the same.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use gantry_e2e::remoting::{Request, Response};
use regex::Regex;

use crate::stage::Stage;

/// Who answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum To {
    NameServer,
    Broker,
    /// The broker on its second port, that of the "VIP channel".
    SecondPort,
}

/// How much is lost without it: nothing works, something that applications use, something that tools use.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Tier {
    One,
    Two,
    Three,
}

pub(crate) struct Probe {
    pub(crate) code: i32,
    pub(crate) name: &'static str,
    pub(crate) tier: Tier,
    pub(crate) to: To,
    pub(crate) cases: &'static [Case],
}

pub(crate) const fn probe(
    code: i32,
    name: &'static str,
    tier: Tier,
    to: To,
    cases: &'static [Case],
) -> Probe {
    Probe { code, name, tier, to, cases }
}

/// A request that is sent to both.
pub(crate) struct Case {
    /// In the table: of what.
    pub(crate) about: &'static str,
    /// With `{…}` filled in: see [`Stage::fill`].
    pub(crate) fields: &'static [(&'static str, &'static str)],
    pub(crate) body: &'static str,
    /// Why the answers differ, if they are meant to.
    pub(crate) reason: Option<&'static str>,
}

pub(crate) const fn case(about: &'static str, fields: &'static [(&'static str, &'static str)]) -> Case {
    Case { about, fields, body: "", reason: None }
}

impl Case {
    pub(crate) const fn with_body(self, body: &'static str) -> Self {
        Self { body, ..self }
    }

    pub(crate) const fn differs(self, reason: &'static str) -> Self {
        Self { reason: Some(reason), ..self }
    }

    pub(crate) fn request(&self, code: i32, stage: &Stage) -> Request {
        let fill = |text: &&str| stage.fill(text);
        let request = self
            .fields
            .iter()
            .fold(Request::new(code), |request, (name, value)| request.field(name, fill(value)));
        request.body(fill(&self.body))
    }
}

/// What of an answer is compared: its code, and which fields and which members of its body there are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) code: i64,
    pub(crate) remark: String,
    fields: BTreeSet<String>,
    members: BTreeSet<String>,
    has_body: bool,
}

impl Outcome {
    pub(crate) fn of(response: &Response) -> Self {
        /// `"name":`, also in the maps with objects for keys that Java writes. Numbers as keys are not always quoted.
        static MEMBER: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(r#""([A-Za-z_][A-Za-z0-9_.]*)"\s*:"#).expect("the pattern is valid"));
        let is_json = response.body.first() == Some(&b'{') || response.body.first() == Some(&b'[');
        let text = if is_json { String::from_utf8_lossy(&response.body) } else { "".into() };
        Self {
            code: response.code,
            remark: response.remark.clone(),
            fields: response.fields.keys().cloned().collect(),
            members: MEMBER.captures_iter(&text).map(|found| found[1].to_owned()).collect(),
            has_body: !response.body.is_empty(),
        }
    }

    /// What differs, one line each. `extra` names what a newer or older one may have.
    pub(crate) fn differences(&self, expected: &Self) -> Vec<String> {
        let mut all = Vec::new();
        if self.code != expected.code {
            all.push(format!(
                "code {} ({}), not {} ({})",
                self.code, self.remark, expected.code, expected.remark
            ));
            // What comes with another code is another thing.
            return all;
        }
        let sets = [("field", &self.fields, &expected.fields), ("member", &self.members, &expected.members)];
        for (what, ours, theirs) in sets {
            all.extend(theirs.difference(ours).map(|name| format!("no {what} {name}")));
            all.extend(ours.difference(theirs).map(|name| format!("{what} {name} more")));
        }
        if self.has_body != expected.has_body {
            all.push(format!("a body: {}, not {}", self.has_body, expected.has_body));
        }
        all
    }
}
