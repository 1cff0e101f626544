//! The strategy library in `strategies/` and the examples of the documentation compile.

use papertape::strategy::{Strategy, StrategySpec};
use std::{collections::BTreeMap, fs, path::Path};

fn compile(name: &str, yaml: &str) -> Strategy {
    match Strategy::compile(yaml, &BTreeMap::new(), None) {
        Ok(strategy) => strategy,
        Err(problems) => {
            let lines: Vec<String> = problems
                .iter()
                .map(|problem| format!("{name}:{problem}"))
                .collect();
            panic!("{}", lines.join("\n"));
        }
    }
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_strategy_of_the_library_compiles_and_says_what_it_is() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("strategies");
    let mut names: Vec<String> = fs::read_dir(directory)
        .expect("the strategy library")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("a plain name")
        })
        .filter(|name| name.ends_with(".yaml"))
        .collect();
    names.sort_unstable();
    assert!(names.len() >= 7, "{names:?}");
    for name in names {
        let yaml = read(&format!("strategies/{name}"));
        let strategy = compile(&name, &yaml);
        assert!(!strategy.description.is_empty(), "{name}");
        assert_eq!(strategy.symbols.len(), 1, "{name}");
        assert!(strategy.rules.exit_long.is_some(), "{name}");
        assert!(strategy.warm_up() > 1, "{name}");
        // Both ends of every range compile as well.
        let spec = StrategySpec::parse(&yaml).expect("parses");
        for param in spec.params() {
            let (Some(min), Some(max)) = (param.min, param.max) else {
                panic!("{name}: ${} has no range", param.name)
            };
            assert!(
                param.step.is_some() && !param.description.is_empty(),
                "{name}: ${}",
                param.name
            );
            for value in [min, max] {
                let overrides = BTreeMap::from([(param.name.clone(), value)]);
                let compiled = spec.compile(&overrides, None);
                assert!(
                    compiled.is_ok(),
                    "{name} with {} = {value}: {:?}",
                    param.name,
                    compiled.err()
                );
            }
        }
    }
}

#[test]
fn every_example_of_the_documentation_compiles() {
    let text = read("docs/strategy-language.md");
    let mut examples = 0;
    for (index, block) in text.split("```yaml\n").skip(1).enumerate() {
        let yaml = block.split("```").next().unwrap_or_default();
        compile(&format!("example {index}"), yaml);
        examples += 1;
    }
    assert!(examples >= 8, "{examples} examples");
}
