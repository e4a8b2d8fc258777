//! What is committed is what the types say.

#[test]
fn the_committed_definitions_are_those_of_the_types() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("generated");
    for (name, text) in gantry_crds::yaml::files() {
        let committed = std::fs::read_to_string(folder.join(&name)).unwrap_or_default();
        assert!(committed == text, "crds/generated/{name} is out of date: run `cargo run -p gantry-crds`");
    }
}

#[test]
fn reserved_settings_are_the_same_in_the_rule_and_in_the_code() {
    let rules = gantry_crds::yaml::files().into_iter().map(|(_, text)| text).collect::<String>();
    for key in gantry_crds::RESERVED_CONFIG {
        assert!(
            rules.contains(&format!("'{key}'")) || rules.contains(&format!("''{key}''")),
            "{key} is not in the rule"
        );
    }
}

#[test]
fn every_field_is_described() {
    fn walk(at: &str, schema: &serde_json::Value, missing: &mut Vec<String>) {
        let Some(properties) = schema["properties"].as_object() else { return };
        for (name, field) in properties {
            let at = format!("{at}.{name}");
            if field["description"].as_str().unwrap_or_default().is_empty() && !at.ends_with(".metadata") {
                missing.push(at.clone());
            }
            walk(&at, field, missing);
            walk(&at, &field["items"], missing);
        }
    }
    let mut missing = Vec::new();
    for crd in gantry_crds::yaml::definitions() {
        let crd = serde_json::to_value(&crd).expect("plain data");
        walk(
            crd["spec"]["names"]["kind"].as_str().unwrap_or_default(),
            &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"],
            &mut missing,
        );
    }
    assert_eq!(missing, Vec::<String>::new());
}
