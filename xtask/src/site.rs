//! Building the site and the binary that holds it.
//!
//! | part | from | by |
//! |---|---|---|
//! | `pkg/papertape_bg.wasm`, `pkg/papertape.js` | `app/` | Cargo, wasm-bindgen, wasm-opt, esbuild |
//! | `pkg/engine_bg.wasm`, `pkg/engine.js` | `app/worker/` | the same |
//! | `pkg/charts.js` | `app/src/chart/*.js`, ECharts | esbuild |
//! | `pkg/papertape.css` | `style/main.css` and what it imports | esbuild |
//! | everything else | `public/` | copied |
//!
//! Each part is made in `target/xtask/` and all are then laid out in `target/site/` at once, beside their compressed
//! twins; the server's build embeds that folder. What is for development only goes the same way, unoptimised and
//! uncompressed, to `target/site-dev/`.

use crate::{
    process::{Failure, cargo, quiet, root, show, target},
    report::{Outcome, Steps, bytes},
    snip,
    stamp::{Stamp, files},
    tools::{self, WASM, npm_program},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use wasm_bindgen_cli_support::Bindgen;

/// How many steps a build takes.
pub(crate) const STEPS: usize = 9;

/// What a browser loads together, and how much that may weigh, compressed with Brotli.
struct Load {
    what: &'static str,
    budget: u64,
    holds: fn(&str) -> bool,
}

/// Every file of the site belongs to one.
const LOADS: [Load; 3] = [
    Load {
        what: "the first load of the dashboard",
        budget: 900_000,
        holds: |name| !is_engine(name) && !is_for_editors(name),
    },
    Load {
        what: "the engine inside the browser",
        budget: 500_000,
        holds: is_engine,
    },
    Load {
        what: "what text editors fetch",
        budget: 10_000,
        holds: is_for_editors,
    },
];

/// The files that a page fetches when it runs backtests, and not before.
fn is_engine(name: &str) -> bool {
    ["pkg/engine.js", "pkg/engine_bg.wasm"].contains(&name)
}

/// The files that no page fetches.
fn is_for_editors(name: &str) -> bool {
    name == "strategy.schema.json"
}

/// A WebAssembly module of the site with its script.
struct Module {
    /// What it is for people.
    about: &'static str,
    package: &'static str,
    features: &'static str,
    /// Its profile where it is built for release.
    profile: &'static str,
    /// What it is called in the site.
    name: &'static str,
    /// The script around it; where there is none, wasm-bindgen's own.
    script: Option<&'static str>,
    /// Whether it holds pages, of which much never runs.
    has_pages: bool,
    /// What rustc is told when it is built for release.
    flags: [&'static str; 2],
    /// What wasm-opt is to do with it.
    optimize: &'static [&'static str],
}

const CLIENT: Module = Module {
    about: "the browser's client",
    package: "papertape-app",
    features: "hydrate",
    profile: "wasm-release",
    name: "papertape",
    script: None,
    has_pages: true,
    flags: ERASED,
    // rustc has inlined what is worth it. More of it saves a little before compression and costs a tenth after. Blocks are
    // taken apart and put together anew, twice over: that says the same in fewer kinds of ways.
    optimize: &[
        "--flatten",
        "--rereloop",
        "-Oz",
        "-Oz",
        "--skip-pass=inlining-optimizing",
    ],
};

const ENGINE: Module = Module {
    about: "the engine for the browser",
    package: "papertape-worker",
    features: "",
    profile: "wasm-engine",
    name: "engine",
    script: Some("app/worker/worker.js"),
    has_pages: false,
    flags: LITTLE_INLINED,
    // As above: rustc has inlined what is worth it.
    optimize: &["-O3", "--skip-pass=inlining-optimizing"],
};

/// Makes one type of all views of a kind, in the client and in the server that renders for it: the client is smaller
/// for it by a sixth. Both or neither: what one side draws, the other must find. Builds for development do without, so that
/// they share what tests and lints have compiled.
const ERASED: [&str; 2] = ["--config", "build.rustflags=[\"--cfg\",\"erase_components\"]"];

/// Inlines what is small: of the engine's code most runs once an order, and as many copies of it as rustc would make for
/// speed weigh more than they bring. Loops over bars are inlined by what they say of themselves.
const LITTLE_INLINED: [&str; 2] = [
    "--config",
    "build.rustflags=[\"-Cllvm-args=-inline-threshold=40\"]",
];

/// What the build is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Small and fast; embedded in the binary.
    Release,
    /// Quick to build; read from disk.
    Dev,
}

impl Profile {
    pub(crate) const fn of(dev: bool) -> Self {
        if dev { Self::Dev } else { Self::Release }
    }

    /// Where the site lies.
    pub(crate) fn site(self) -> PathBuf {
        root().join(match self {
            Self::Release => "target/site",
            Self::Dev => "target/site-dev",
        })
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Dev => "dev",
        }
    }

    /// Where the parts are made.
    fn parts(self) -> PathBuf {
        target().join("xtask").join(self.name())
    }
}

/// Builds everything; gives the path of the binary.
pub(crate) fn build(profile: Profile, steps: &mut Steps) -> Result<PathBuf, Failure> {
    let release = profile == Profile::Release;
    steps.step("Looking for Node.js, npm and the WebAssembly target", || {
        tools::require_node()?;
        tools::require_wasm_target()?;
        Ok(Outcome::Done)
    })?;
    steps.step("Installing the npm packages of app/", || {
        tools::npm_packages("app")
    })?;
    steps.step("Bundling the chart library and the styles", || bundle(profile))?;
    for module in [CLIENT, ENGINE] {
        let compiled = module.compiled(profile);
        let about = module.about;
        steps.step(
            format!("Compiling {about}{}", first_time(&compiled, "a few minutes")),
            || module.compile(profile),
        )?;
        steps.step(format!("Making {about} ready for browsers"), || {
            module.bind(profile)
        })?;
    }
    steps.step("Laying out the site", || lay_out(profile))?;
    let binary = target()
        .join(if release { "release" } else { "debug" })
        .join(format!("papertape{}", std::env::consts::EXE_SUFFIX));
    steps.step(
        format!("Compiling the server{}", first_time(&binary, "several minutes")),
        || compile_server(profile),
    )?;
    Ok(binary)
}

/// A word on what to expect, for those who have not been through it.
fn first_time(output: &Path, duration: &str) -> String {
    if output.exists() {
        String::new()
    } else {
        format!(" ({duration} the first time)")
    }
}

/// Whether each load keeps within its budget: what it is, and what is wrong.
pub(crate) fn check_budgets() -> Vec<(&'static str, Result<(), Failure>)> {
    let sizes = sizes(&Profile::Release.site());
    let check = |load: &Load| {
        let total = load.total(&sizes);
        let (total, budget) = match total <= load.budget {
            true => return (load.what, Ok(())),
            false => (bytes(total), bytes(load.budget)),
        };
        let failure = Failure::new(format!(
            "{} weighs {total}, more than the {budget} it may",
            load.what
        ));
        (load.what, Err(failure))
    };
    LOADS.iter().map(check).collect()
}

impl Load {
    fn total(&self, sizes: &[Size]) -> u64 {
        let own = sizes.iter().filter(|file| (self.holds)(&file.name));
        own.map(|file| file.sent).sum()
    }
}

fn bundle(profile: Profile) -> Result<Outcome, Failure> {
    let charts = root().join("app/src/chart/charts.js");
    let style = root().join("style/main.css");
    let out = profile.parts().join("bundle");
    let outputs = [out.join("charts.js"), out.join("papertape.css")];
    let stamp = Stamp::new(&format!("bundle-{}", profile.name()))
        .input(&root().join("app/package-lock.json"))
        .input(&root().join("app/src/chart/charts.js"))
        .input(&root().join("style"))
        .input(&root().join("public"));
    if stamp.is_current(&outputs) {
        return Ok(Outcome::Unchanged);
    }
    esbuild(
        profile,
        &charts,
        &outputs[0],
        &["--format=esm", "--define:process.env.NODE_ENV=\"production\""].map(str::to_owned),
    )?;
    // What public/ holds is asked for by its address, not pulled into the style sheet.
    let public: Vec<String> = files(&root().join("public"))
        .iter()
        .filter_map(|file| file.strip_prefix(root().join("public")).ok())
        .map(|name| format!("--external:/{}", name.to_string_lossy().replace('\\', "/")))
        .collect();
    esbuild(profile, &style, &outputs[1], &public)?;
    stamp.save()?;
    Ok(Outcome::Done)
}

fn esbuild(profile: Profile, entry: &Path, out: &Path, options: &[String]) -> Result<(), Failure> {
    let mut command = npm_program("esbuild/bin/esbuild", [entry]);
    command
        .args([
            "--bundle",
            "--log-level=warning",
            "--legal-comments=eof",
            "--target=es2022",
        ])
        .args(options)
        .arg(format!("--outfile={}", out.display()));
    let minify = profile == Profile::Release;
    if minify {
        command.arg("--minify");
    }
    show(command, &format!("bundling {}", entry.display()))?;
    if minify && out.extension().is_some_and(|it| it == "js") {
        // It follows values through the program, which a bundler in a hurry does not: a twentieth less of the chart library.
        const TERSER: &str = "--module --ecma 2022 --compress passes=3 --mangle --comments some --output";
        let mut command = npm_program("terser/bin/terser", [out]);
        command.args(TERSER.split(' ')).arg(out);
        show(command, &format!("minifying {}", out.display()))?;
    }
    Ok(())
}

impl Module {
    fn compile(&self, profile: Profile) -> Result<Outcome, Failure> {
        let mut command = cargo([
            "build",
            "--lib",
            "--target",
            WASM,
            "--no-default-features",
            "--package",
            self.package,
            "--features",
            self.features,
        ]);
        command.arg(format!(
            "--profile={}",
            match profile {
                Profile::Release => self.profile,
                Profile::Dev => "dev",
            }
        ));
        if profile == Profile::Release {
            command.args(self.flags);
        }
        show(command, &format!("compiling {}", self.about))?;
        Ok(Outcome::Done)
    }

    /// What Cargo makes of it.
    fn compiled(&self, profile: Profile) -> PathBuf {
        let folder = match profile {
            Profile::Release => self.profile,
            Profile::Dev => "debug",
        };
        let file = format!("{}.wasm", self.package.replace('-', "_"));
        target().join(WASM).join(folder).join(file)
    }

    /// Where it is made ready.
    fn parts(&self, profile: Profile) -> PathBuf {
        profile.parts().join(self.name)
    }

    fn bind(&self, profile: Profile) -> Result<Outcome, Failure> {
        let Self { about, name, .. } = self;
        let compiled = self.compiled(profile);
        let bound = profile.parts().join(format!("{name}-bindgen"));
        let out = self.parts(profile);
        let outputs = [
            out.join(format!("{name}.js")),
            out.join(format!("{name}_bg.wasm")),
        ];
        let script = self.script.map(|script| root().join(script));
        let mut stamp = Stamp::new(&format!("{name}-{}", profile.name()))
            .input(&compiled)
            .input(&root().join("Cargo.lock"))
            .input(&root().join("app/package-lock.json"));
        if let Some(script) = &script {
            stamp = stamp.input(script);
        }
        if stamp.is_current(&outputs) {
            return Ok(Outcome::Unchanged);
        }

        remove_folder(&bound)?;
        let release = profile == Profile::Release;
        let input = if release && self.has_pages {
            snip::without_async_hydration(&compiled, &bound)?
        } else {
            compiled
        };
        Bindgen::new()
            .input_path(input)
            .out_name(name)
            .web(true)
            .map(|bindgen| {
                bindgen
                    .typescript(false)
                    .remove_name_section(release)
                    .remove_producers_section(release)
            })
            .and_then(|bindgen| bindgen.generate(&bound))
            .map_err(|cause| Failure::new(format!("wasm-bindgen cannot bind {about}: {cause:#}")))?;

        // The chart library stays a file of its own: it is loaded when the first chart is shown.
        let glue = bound.join(format!("{name}.js"));
        let options = [
            "--format=esm".to_owned(),
            "--external:/pkg/*".to_owned(),
            format!("--alias:{}={}", self.package.replace('-', "_"), glue.display()),
        ];
        esbuild(profile, script.as_ref().unwrap_or(&glue), &outputs[0], &options)?;
        let wasm = bound.join(format!("{name}_bg.wasm"));
        if release {
            optimize(&wasm, self.optimize, &outputs[1])?;
        } else {
            copy(&wasm, &outputs[1])?;
        }
        stamp.save()?;
        Ok(Outcome::Done)
    }
}

fn optimize(wasm: &Path, passes: &[&str], out: &Path) -> Result<(), Failure> {
    // What rustc turns on for this target; wasm-opt would otherwise refuse such code.
    const FEATURES: [&str; 6] = [
        "--enable-bulk-memory",
        "--enable-multivalue",
        "--enable-mutable-globals",
        "--enable-nontrapping-float-to-int",
        "--enable-reference-types",
        "--enable-sign-ext",
    ];
    let mut command = npm_program("binaryen/bin/wasm-opt", passes);
    command.args(FEATURES).arg(wasm).arg("-o").arg(out);
    quiet(command, "wasm-opt").map(drop)
}

fn lay_out(profile: Profile) -> Result<Outcome, Failure> {
    let site = profile.site();
    let public = root().join("public");
    let parts = [
        profile.parts().join("bundle"),
        CLIENT.parts(profile),
        ENGINE.parts(profile),
    ];
    let script = root().join("xtask/compress.mjs");
    let stamp = Stamp::new(&format!("site-{}", profile.name()))
        .input(&public)
        .input(&parts[0])
        .input(&parts[1])
        .input(&parts[2])
        .input(&script);
    if stamp.is_current(&[
        site.join("pkg/papertape_bg.wasm"),
        site.join("pkg/engine_bg.wasm"),
    ]) {
        return Ok(Outcome::Unchanged);
    }
    remove_folder(&site)?;
    for file in files(&public) {
        if let Ok(name) = file.strip_prefix(&public) {
            copy(&file, &site.join(name))?;
        }
    }
    for file in parts.iter().flat_map(|part| files(part)) {
        if let Some(name) = file.file_name() {
            copy(&file, &site.join("pkg").join(name))?;
        }
    }
    if profile == Profile::Release {
        let mut node = Command::new("node");
        node.arg(script).arg(&site);
        quiet(node, "compressing the site")?;
        print_sizes(&site);
    }
    stamp.save()?;
    Ok(Outcome::Done)
}

fn compile_server(profile: Profile) -> Result<Outcome, Failure> {
    let mut command = cargo(["build", "--package=papertape-server", "--bin=papertape"]);
    if profile == Profile::Release {
        command.args(["--release", "--features=embed-site"]).args(ERASED);
    }
    show(command, "compiling the server")?;
    Ok(Outcome::Done)
}

/// A file of the site and what it weighs.
struct Size {
    name: String,
    raw: u64,
    /// As a browser gets it.
    sent: u64,
}

fn sizes(site: &Path) -> Vec<Size> {
    let length = |path: &Path| fs::metadata(path).map(|file| file.len()).ok();
    files(site)
        .into_iter()
        .filter(|file| {
            file.extension()
                .is_none_or(|suffix| suffix != "br" && suffix != "gz")
        })
        .filter_map(|file| {
            let name = file.strip_prefix(site).ok()?.to_string_lossy().replace('\\', "/");
            let raw = length(&file)?;
            let mut twin = file.into_os_string();
            twin.push(".br");
            let sent = length(Path::new(&twin)).unwrap_or(raw);
            Some(Size { name, raw, sent })
        })
        .collect()
}

fn print_sizes(site: &Path) {
    let sizes = sizes(site);
    eprintln!("      {:<28} {:>10} {:>10}", "file", "raw", "brotli");
    for Size { name, raw, sent } in &sizes {
        eprintln!("      {name:<28} {:>10} {:>10}", bytes(*raw), bytes(*sent));
    }
    for load in &LOADS {
        let total = load.total(&sizes);
        eprintln!("      {:<28} {:>21}", load.what, bytes(total));
        if total > load.budget {
            eprintln!("      warning: it may weigh {} at most", bytes(load.budget));
        }
    }
}

fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(|cause| Failure::file("create", folder, &cause))?;
    }
    fs::copy(from, to).map_err(|cause| Failure::file("write", to, &cause))?;
    Ok(())
}

fn remove_folder(folder: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(folder) {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
            Err(Failure::file("remove", folder, &cause))
        }
        _ => Ok(()),
    }
}
