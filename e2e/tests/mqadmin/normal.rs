//! Takes out of the output what must differ between two brokers: addresses, times, ids, versions, rates, disk figures.

use std::sync::LazyLock;

use regex::Regex;

use crate::prepared::Prepared;
use crate::steps::Compare;

struct Rule {
    pattern: Regex,
    replacement: &'static str,
}

/// In this order: an id must be gone before its digits are taken for a time.
static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    [
        (r"127\.0\.0\.1:\d+", "ADDRESS"),
        (r"127\.0\.0\.1@\S+", "CLIENT"),
        (r"\d{4}-\d\d-\d\d[ T#]\d\d:\d\d:\d\d([,:.]\d+)?", "TIME"),
        (r"\b[0-9A-F]{32}([0-9A-F]{24})?\b", "ID"),
        (r"\bV\d+_\d+_\d+(_SNAPSHOT)?\b|\bGantry \d+\.\d+\.\d+\b", "VERSION"),
        // Before the times: the digits behind a point may look like one.
        (r"\d+\.\d+( ?(B|KiB|MiB|GiB|TiB))?", "N.N"),
        (r"\b1\d{12}\b", "MILLIS"),
        // The size of what is between two records differs if a broker logs things of its own.
        (r"(CommitLog Offset:|commitLogOffset=|physicOffset[=:])\s*\d+", "$1 N"),
        (r"ID@\d+|@\d+ ", "@N "),
        (r"#MasterCommitLogMaxOffset\s*\d+", "#MasterCommitLogMaxOffset N"),
        // How many system topics there are is each broker's own affair.
        (r"(write perm of broker.* OK,) \d+", "$1 N"),
        (r"(?:N\.N ?)+", "N.N "),
        // How far timers are behind at this moment: seconds and messages.
        (r"\b\d+-\d+\(N\.N", "N-N(N.N"),
        // Waiting times beside a rate.
        (r"\(\d+,\d+ms(\|\d+,\d+ms)?\)", "(WAITING)"),
        (r"\d+ days, \d+ hours, \d+ minutes, \d+ seconds", "UPTIME"),
        // Refusals are told apart by their code; the words are each broker's own.
        (r"(CODE: ?\d+) +DESC:.*", "$1"),
        (r"Message Body Path:.*", "Message Body Path:"),
        (r"\s+", " "),
    ]
    .into_iter()
    .map(|(pattern, replacement)| Rule {
        pattern: Regex::new(pattern).expect("the pattern is valid"),
        replacement,
    })
    .collect()
});

/// Topics in which Apache's broker keeps things that another keeps elsewhere.
const OF_APACHE_ALONE: [&str; 3] = [
    "RMQ_SYS_ROCKSDB_TRANS_HALF_TOPIC",
    "RMQ_SYS_ROCKSDB_TRANS_OP_HALF_TOPIC",
    "rmq_sys_SYNC_BROKER_MEMBER_broker-a",
];

/// What numbers in a row say only about the moment they were asked for.
static STATUS_NUMBERS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"((-?\d+|MILLIS|N\.N)( |$)?)+").expect("the pattern is valid"));

pub(crate) fn normalised(lines: &[String], of: &Prepared, compare: Compare) -> Vec<String> {
    let mut lines: Vec<String> = lines
        .iter()
        .filter(|line| !OF_APACHE_ALONE.iter().any(|topic| line.contains(topic)))
        .filter(|line| !line.starts_with("\tat ") && !line.starts_with("\t... ") && !is_advice(line))
        .map(|line| sorted_properties(&without_what_differs(line, of)))
        .filter(|line| !line.is_empty())
        .collect();
    match compare {
        Compare::Lines => {}
        Compare::Set => lines.sort(),
        Compare::FirstWords(count) => {
            for line in &mut lines {
                *line = line.split(' ').take(count).collect::<Vec<_>>().join(" ");
            }
            lines.sort();
        }
        Compare::SetOf(words) => {
            lines.retain(|line| words.iter().any(|word| line.starts_with(word)));
            for line in &mut lines {
                *line = STATUS_NUMBERS.replace_all(line, "N ").trim().into();
            }
            lines.sort();
        }
    }
    lines
}

/// The second line of an error points to documentation.
fn is_advice(line: &str) -> bool {
    line.starts_with("For more information, please visit")
        || line.starts_with("See https://rocketmq.apache.org")
}

fn without_what_differs(line: &str, of: &Prepared) -> String {
    let line = line.replace(&of.broker_address(), "BROKER").replace(&of.name_server_address(), "NAME-SERVER");
    let line =
        RULES.iter().fold(line, |line, rule| rule.pattern.replace_all(&line, rule.replacement).into_owned());
    line.trim().into()
}

/// `{b=2, a=1}` comes out of a hash map too.
fn sorted_properties(line: &str) -> String {
    let Some((start, end)) = line.find('{').zip(line.rfind('}')) else { return line.into() };
    let inside = line.get(start + 1..end).unwrap_or_default();
    if inside.contains(['{', '"']) {
        return line.into();
    }
    let mut properties: Vec<&str> = inside.split(", ").collect();
    properties.sort_unstable();
    format!("{}{{{}}}{}", &line[..start], properties.join(", "), &line[end + 1..])
}
