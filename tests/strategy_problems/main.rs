//! Every mistake is found, named and placed: bad YAML in, line, column and message out.

mod limits;
mod places;
mod portfolio;
mod rules;

use papertape::strategy::Strategy;
use std::collections::BTreeMap;

/// A file with `rule` as its entry, which begins at line 4, column 9.
fn with_rule(rule: &str) -> String {
    format!("name: x\ntimeframe: 5m\nentry:\n  long: {rule}\n")
}

fn problems(yaml: &str) -> Vec<String> {
    problems_with(yaml, &BTreeMap::new())
}

fn problems_with(yaml: &str, overrides: &BTreeMap<String, f64>) -> Vec<String> {
    let problems = Strategy::compile(yaml, overrides, None).expect_err(yaml);
    problems.iter().map(ToString::to_string).collect()
}

fn assert_told(yaml: &str, expected: &str) {
    let found = problems(yaml);
    assert!(
        found.iter().any(|problem| problem.starts_with(expected)),
        "{yaml}\nwanted {expected}\nfound {found:#?}"
    );
}
