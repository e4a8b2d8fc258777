//! Java properties: `key=value` or `key: value` lines, `#` and `!` comments, lines continued by a backslash.

/// The pairs of a properties file in order.
pub(super) fn parse(text: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let mut line = line.trim_start().to_owned();
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        while line.ends_with('\\') && !line.ends_with("\\\\") {
            line.pop();
            line.push_str(lines.next().unwrap_or_default().trim_start());
        }
        let (key, value) = line.split_once(['=', ':']).unwrap_or((&line, ""));
        pairs.push((unescape(key.trim()), unescape(value.trim())));
    }
    pairs
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some('r') => out.push('\r'),
                Some('u') => {
                    let code = u32::from_str_radix(&chars.by_ref().take(4).collect::<String>(), 16);
                    out.push(code.ok().and_then(char::from_u32).unwrap_or('?'));
                }
                Some(other) => out.push(other),
                None => {}
            },
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_as_people_write_it() {
        let text = "# comment\n  brokerName = broker-a \nnamesrvAddr=a:1;b\\:2\n!x=y\nlong = one \\\n   two\nempty=\n";
        let pairs = parse(text);
        let expected =
            [("brokerName", "broker-a"), ("namesrvAddr", "a:1;b:2"), ("long", "one two"), ("empty", "")];
        assert_eq!(pairs, expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
    }
}
