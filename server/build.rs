//! Lists the strategy library for the binary to hold, and builds the server anew when the site that it embeds has
//! changed.

use std::{env, fs, path::Path};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_EMBED_SITE").is_some() {
        println!("cargo::rerun-if-changed=../target/site");
        // See docs/decisions/size-of-the-client.md.
        assert!(
            env::var_os("CARGO_CFG_ERASE_COMPONENTS").is_some(),
            "the embedded client finds its way only on pages with erased views: build with `cargo xtask build`"
        );
    }
    list_strategies();
}

/// Writes `EMBEDDED`, the library as pairs of slug and source, for `src/services/shelf.rs` to include.
fn list_strategies() {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../strategies");
    // Of a folder that is not there, Cargo would say that it changes all the time.
    if folder.is_dir() {
        println!("cargo::rerun-if-changed={}", folder.display());
    }
    let mut slugs: Vec<String> = fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".yaml").map(str::to_owned))
        .collect();
    slugs.sort();
    let mut list = format!(
        "/// The strategies in the binary: slug and source.\nconst EMBEDDED: [(&str, &str); {}] = [\n",
        slugs.len()
    );
    for slug in slugs {
        let path = folder.join(format!("{slug}.yaml"));
        list.push_str(&format!(
            "    ({slug:?}, include_str!({:?})),\n",
            path.display().to_string()
        ));
    }
    list.push_str("];\n");
    let out = Path::new(&env::var("OUT_DIR").expect("cargo sets it")).join("strategies.rs");
    fs::write(out, list).expect("the output folder is writable");
}
