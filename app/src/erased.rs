//! Memos, effects and handlers behind boxes.
//!
//! Leptos compiles each of them once for every closure that it is given. Behind a box there is one for each type of value, an
//! eighth of the client less. A call through a pointer is nothing beside what a signal costs.

use leptos::prelude::*;

/// A [`Memo`].
pub(crate) fn memo<T>(value: impl Fn(Option<&T>) -> T + Send + Sync + 'static) -> Memo<T>
where
    T: PartialEq + Send + Sync + 'static,
{
    type Boxed<T> = Box<dyn Fn(Option<&T>) -> T + Send + Sync>;
    fn of<T: PartialEq + Send + Sync + 'static>(value: Boxed<T>) -> Memo<T> {
        Memo::new(value)
    }
    of(Box::new(value))
}

/// An [`Effect`] that does not ask for what it gave before.
pub(crate) fn effect(deed: impl FnMut() + 'static) {
    fn of(deed: Box<dyn FnMut()>) {
        Effect::new(deed);
    }
    of(Box::new(deed));
}

/// What handles an event.
pub(crate) fn on<E>(handler: impl FnMut(E) + 'static) -> Box<dyn FnMut(E)> {
    Box::new(handler)
}
