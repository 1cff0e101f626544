//! Cutting out of the client what never runs.

use crate::process::Failure;
use std::{
    fs,
    path::{Path, PathBuf},
};
use walrus::{FunctionBuilder, FunctionId, FunctionKind, Module};

/// A copy of the client, in this folder, that cannot hydrate asynchronously.
///
/// Leptos keeps two ways to take over a page, the second for applications that come in pieces
/// (`leptos::mount::hydrate_lazy`). This client comes whole and starts with `hydrate_body`, yet every type-erased view
/// holds a pointer to its second way, so that no linker can drop it: an eighth of the client. Here the bodies of those
/// futures and what makes them become traps, and wasm-opt then drops what only they have called.
pub(crate) fn without_async_hydration(client: &Path, folder: &Path) -> Result<PathBuf, Failure> {
    let cannot = |cause| Failure::new(format!("cannot cut the client down: {cause:#}"));
    let mut module = Module::from_file(client).map_err(cannot)?;
    let unused: Vec<FunctionId> = module
        .funcs
        .iter_local()
        .filter(|(id, _)| {
            let name = module.funcs.get(*id).name.as_deref();
            name.is_some_and(is_async_hydration)
        })
        .map(|(id, _)| id)
        .collect();
    for id in unused {
        let (arguments, results) = {
            let (arguments, results) = module.types.params_results(module.funcs.get(id).ty());
            (arguments.to_vec(), results.to_vec())
        };
        let mut trap = FunctionBuilder::new(&mut module.types, &arguments, &results);
        trap.func_body().unreachable();
        let arguments = arguments
            .iter()
            .map(|argument| module.locals.add(*argument))
            .collect();
        module.funcs.get_mut(id).kind = FunctionKind::Local(trap.local_func(arguments));
    }
    fs::create_dir_all(folder).map_err(|cause| Failure::file("create", folder, &cause))?;
    let path = folder.join("snipped.wasm");
    module.emit_wasm_file(&path).map_err(cannot)?;
    Ok(path)
}

/// Whether a mangled name is that of some view's `hydrate_async`, of its future, or of a closure inside it.
fn is_async_hydration(name: &str) -> bool {
    const CLOSURE: &str = "28_$u7b$$u7b$closure$u7d$$u7d$";
    let Some((_, inside)) = name.split_once("13hydrate_async") else {
        return false;
    };
    // Up to the hash there may be closures only. Anything else, such as what drops the future, may be shared: the
    // compiler merges functions that are alike. What makes a future is alike only where the futures are.
    inside.trim_start_matches(CLOSURE).starts_with("17h")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn futures_are_found_by_their_names() {
        let view = "_ZN53_$LT$T$u20$as$u20$tachys..view..any_view..IntoAny$GT$8into_any";
        let closure = "28_$u7b$$u7b$closure$u7d$$u7d$";
        let hash = "17hbde246909b6bfb01E";
        assert!(is_async_hydration(&format!(
            "{view}13hydrate_async{closure}{hash}"
        )));
        assert!(is_async_hydration(&format!(
            "{view}13hydrate_async{closure}{closure}{hash}"
        )));
        assert!(is_async_hydration(&format!("{view}13hydrate_async{hash}")));
        assert!(!is_async_hydration(&format!("{view}7hydrate{closure}{hash}")));
        assert!(!is_async_hydration(
            "_ZN4core3ptr42drop_in_place$LT$13hydrate_async$GT$17h0E"
        ));
    }
}
