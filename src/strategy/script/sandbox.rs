//! The interpreter: what a script may use, how much of it, and in which words its mistakes are told.

use super::functions;
use crate::strategy::problem::hint;
use rhai::packages::{
    ArithmeticPackage, BasicArrayPackage, BasicIteratorPackage, BasicMapPackage, BasicStringPackage,
    LogicPackage, Package,
};
use rhai::{AST, Dynamic, Engine, EvalAltResult, OptimizationLevel, ParseErrorType, Position, Scope};
use std::sync::Arc;

/// Most steps at one bar: one is about an operator, a call or a statement.
pub(super) const MAXIMUM_STEPS: u64 = 50_000;
/// Deepest nesting of calls of the script's own functions.
const MAXIMUM_CALLS: usize = 16;
/// Deepest nesting of expressions, outside of functions and in them.
const MAXIMUM_EXPRESSION: usize = 32;
/// Most elements of a list or a map, with those of the lists and maps inside, and most characters of a text.
const MAXIMUM_ELEMENTS: usize = 1_000;
/// Most variables at one time.
const MAXIMUM_VARIABLES: usize = 256;
/// Most functions.
const MAXIMUM_FUNCTIONS: usize = 64;
/// What stands in a script for the sign of a parameter, which the interpreter keeps for itself. As long as the sign, so
/// that every place stays.
const SIGN: &str = "_";
/// Words without use or with too much of it: what reaches around the limits, differs between machines, or prints.
const DISABLED: [&str; 11] = [
    "this",
    "eval",
    "Fn",
    "curry",
    "print",
    "debug",
    "**",
    "**=",
    "is_def_fn",
    "is_def_var",
    "global",
];

/// A script that is ready to run.
#[derive(Clone, Debug)]
pub(crate) struct Compiled(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    engine: Engine,
    code: AST,
}

/// What is wrong with a script, at a place in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// Line and column, counted from 1; `None` for the script as a whole.
    pub(crate) place: Option<(usize, usize)>,
    pub(crate) message: String,
    /// Whether it follows from the kinds of values and from what may be changed, whatever the numbers are.
    pub(crate) is_of_kind: bool,
}

impl Flaw {
    fn new(at: Position, message: impl Into<String>) -> Self {
        Self {
            place: at.line().map(|line| (line, at.position().unwrap_or(1))),
            message: message.into(),
            is_of_kind: false,
        }
    }
}

/// The name by which a script knows a parameter.
pub(super) fn parameter(name: &str) -> String {
    format!("{SIGN}{name}")
}

impl Compiled {
    /// Compiles a script that may use the `names` of values and change those that `gives` names; `known` are all that it
    /// could use.
    ///
    /// # Errors
    /// The first mistake.
    pub(super) fn new<'a>(
        code: &str,
        names: impl Iterator<Item = &'a str>,
        gives: impl Iterator<Item = &'a str> + Clone,
        known: &[&'a str],
    ) -> Result<Self, Flaw> {
        // The interpreter minds its own variables only.
        let mut earlier = "";
        for word in &super::words(code) {
            if earlier == "let" && gives.clone().any(|name| name == word.text) {
                let before: String = code.chars().take(word.start).collect();
                let line = before.matches('\n').count() + 1;
                let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
                let exists = ParseErrorType::VariableExists(word.text.clone());
                return Err(Flaw {
                    place: Some((line, column)),
                    message: mistake(&exists, [].into_iter()),
                    is_of_kind: false,
                });
            }
            earlier = &word.text;
        }
        let engine = interpreter();
        let mut scope = Scope::new();
        for name in names {
            scope.push_constant(name, 0.0);
        }
        for name in gives.clone().chain(["state"]) {
            scope.push(name, 0.0);
        }
        let code = engine
            .compile_with_scope(&scope, as_rhai(code))
            .map_err(|error| {
                let known = known.iter().copied().chain(gives).chain(["state"]);
                Flaw::new(error.position(), mistake(error.err_type(), known))
            })?;
        Ok(Self(Arc::new(Parts { engine, code })))
    }

    /// Runs it over the variables of a scope.
    ///
    /// # Errors
    /// Why it did not come to its end.
    pub(super) fn run(&self, scope: &mut Scope<'_>) -> Result<(), Flaw> {
        let Parts { engine, code } = &*self.0;
        engine.run_ast_with_scope(scope, code).map_err(failure)
    }
}

/// The text with parameters under the names by which the script knows them.
fn as_rhai(code: &str) -> String {
    let mut characters: Vec<char> = code.chars().collect();
    for word in super::words(code) {
        if word.is_parameter {
            characters.splice(word.start..=word.start, SIGN.chars());
        }
    }
    characters.into_iter().collect()
}

fn interpreter() -> Engine {
    let mut engine = Engine::new_raw();
    ArithmeticPackage::new().register_into_engine(&mut engine);
    LogicPackage::new().register_into_engine(&mut engine);
    BasicStringPackage::new().register_into_engine(&mut engine);
    BasicIteratorPackage::new().register_into_engine(&mut engine);
    BasicArrayPackage::new().register_into_engine(&mut engine);
    BasicMapPackage::new().register_into_engine(&mut engine);
    functions::register(&mut engine);
    engine
        .set_max_operations(MAXIMUM_STEPS)
        .set_max_call_levels(MAXIMUM_CALLS)
        .set_max_expr_depths(MAXIMUM_EXPRESSION, MAXIMUM_EXPRESSION)
        .set_max_array_size(MAXIMUM_ELEMENTS)
        .set_max_map_size(MAXIMUM_ELEMENTS)
        .set_max_string_size(MAXIMUM_ELEMENTS)
        .set_max_variables(MAXIMUM_VARIABLES)
        .set_max_functions(MAXIMUM_FUNCTIONS)
        .set_strict_variables(true)
        // A second variable of the same name would take what was meant for the first.
        .set_allow_shadowing(false)
        // Values of constants would be worked into the code, which is compiled once for all of them.
        .set_optimization_level(OptimizationLevel::None);
    for word in DISABLED {
        engine.disable_symbol(word);
    }
    hold_variables(&mut engine);
    engine
}

/// Looks at the whole of a list or a map each time that it is used: the interpreter's own check of `map[key] = value` sees
/// the value alone.
fn hold_variables(engine: &mut Engine) {
    // It says of itself that it may change, not that it is outdated.
    #[allow(deprecated)]
    engine.on_var(|name, _, context| {
        let value = context.scope().get(name);
        if value.is_some_and(|value| takes(value, MAXIMUM_ELEMENTS).is_none()) {
            let too_large = EvalAltResult::ErrorDataTooLarge(format!("variable '{name}'"), Position::NONE);
            return Err(too_large.into());
        }
        Ok(None)
    });
}

/// What a value leaves of `room` for elements, its own and those inside of them; `None` when it needs more.
fn takes(value: &Dynamic, room: usize) -> Option<usize> {
    let inside = |room: usize, value: &Dynamic| takes(value, room.checked_sub(1)?);
    if let Ok(list) = value.as_array_ref() {
        return list.iter().try_fold(room, inside);
    }
    if let Ok(map) = value.as_map_ref() {
        return map.values().try_fold(room, inside);
    }
    Some(room)
}

/// A mistake that is found before the script runs.
fn mistake<'a>(error: &ParseErrorType, known: impl Iterator<Item = &'a str>) -> String {
    match error {
        ParseErrorType::VariableUndefined(name) => format!("unknown name '{name}'{}", hint(name, known)),
        ParseErrorType::VariableExists(name) => {
            format!("'{name}' is there already: change it without 'let', or choose another name")
        }
        other => sentence(&other.to_string()),
    }
}

/// Why a script stopped while it ran.
fn failure(error: Box<EvalAltResult>) -> Flaw {
    let mut error = error;
    while let EvalAltResult::ErrorInFunctionCall(_, _, inner, _) = *error {
        error = inner;
    }
    let at = error.take_position();
    let message = match &*error {
        EvalAltResult::ErrorTooManyOperations(_) => {
            format!("the script takes more than {MAXIMUM_STEPS} steps at one bar")
        }
        EvalAltResult::ErrorStackOverflow(_) => {
            format!("the script's functions call each other deeper than {MAXIMUM_CALLS} levels")
        }
        EvalAltResult::ErrorDataTooLarge(what, _) => {
            format!("a value grows beyond {MAXIMUM_ELEMENTS} elements or characters ({what})")
        }
        EvalAltResult::ErrorAssignmentToConstant(name, _) => {
            format!("'{name}' cannot be changed: the script may only read it")
        }
        EvalAltResult::ErrorTooManyVariables(_) => {
            format!("the script has more than {MAXIMUM_VARIABLES} variables at one time")
        }
        other => sentence(&other.to_string()),
    };
    use EvalAltResult as Error;
    let is_of_kind = matches!(
        *error,
        Error::ErrorFunctionNotFound(..)
            | Error::ErrorMismatchDataType(..)
            | Error::ErrorIndexingType(..)
            | Error::ErrorDotExpr(..)
            | Error::ErrorFor(_)
            | Error::ErrorAssignmentToConstant(..)
    );
    Flaw {
        is_of_kind,
        ..Flaw::new(at, message)
    }
}

/// The interpreter's words as a part of a sentence.
fn sentence(text: &str) -> String {
    const LONGEST: usize = 300;
    let mut characters = text.chars().take(LONGEST);
    let first = characters.next().map(|first| first.to_lowercase().to_string());
    let rest: String = characters.collect();
    first.unwrap_or_default() + rest.as_str()
}
