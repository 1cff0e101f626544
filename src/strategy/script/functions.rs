//! The functions of scripts beside those of the language itself: the names and meanings that expressions know, from
//! `libm` where platforms would differ in the last digit.

use crate::strategy::program::op::Math2;
use rhai::{Engine, FLOAT, INT};

type OfOne = fn(FLOAT) -> FLOAT;
type OfTwo = fn(FLOAT, FLOAT) -> FLOAT;

/// Functions of one number.
const OF_ONE: [(&str, OfOne); 11] = [
    ("sqrt", FLOAT::sqrt),
    ("exp", libm::exp),
    ("log", libm::log),
    ("floor", FLOAT::floor),
    ("ceil", FLOAT::ceil),
    ("round", FLOAT::round),
    ("sin", libm::sin),
    ("cos", libm::cos),
    ("tan", libm::tan),
    ("atan", libm::atan),
    ("tanh", libm::tanh),
];

/// Functions of two numbers.
const OF_TWO: [(&str, OfTwo); 4] = [
    ("pow", libm::pow),
    ("max", greater),
    ("min", smaller),
    ("nz", or_else),
];

/// Adds them to an interpreter. Whole numbers are taken as well, as expressions know but one kind of number.
pub(super) fn register(engine: &mut Engine) {
    for (name, function) in OF_ONE {
        engine.register_fn(name, function);
        engine.register_fn(name, move |x: INT| function(x as FLOAT));
    }
    for (name, function) in OF_TWO {
        engine.register_fn(name, function);
        engine.register_fn(name, move |x: INT, y: FLOAT| function(x as FLOAT, y));
        engine.register_fn(name, move |x: FLOAT, y: INT| function(x, y as FLOAT));
    }
    engine.register_fn("pow", |x: INT, y: INT| libm::pow(x as FLOAT, y as FLOAT));
    engine.register_fn("nz", |x: INT, _: INT| x);
    engine.register_fn("is_nan", FLOAT::is_nan);
    engine.register_fn("is_nan", |_: INT| false);
    engine.register_fn("float", |x: INT| x as FLOAT);
    engine.register_fn("float", |x: FLOAT| x);
    engine.register_fn("int", |x: INT| x);
    // Towards zero; what is out of range is the nearest that is in it, and what is no number is 0.
    engine.register_fn("int", |x: FLOAT| x as INT);
}

/// Undefined where one of them is, as in expressions.
fn greater(x: FLOAT, y: FLOAT) -> FLOAT {
    Math2::Max.apply(x, y)
}

fn smaller(x: FLOAT, y: FLOAT) -> FLOAT {
    Math2::Min.apply(x, y)
}

/// The first, or the second where the first is undefined.
fn or_else(x: FLOAT, y: FLOAT) -> FLOAT {
    Math2::Default.apply(x, y)
}
