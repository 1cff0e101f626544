//! A list whose newest rows come first, and which keeps still while somebody reads it.

use super::Limit;
use crate::erased::{memo, on};
use leptos::prelude::*;

/// What a list shows. While a row is open, or the pointer is on the list, newer rows wait above it until they are asked for:
/// what somebody reads or is about to press neither moves nor goes away. Each row shows what is known of it now all the
/// same.
pub(crate) struct Held<T: Send + Sync + 'static, P: Send + Sync + 'static> {
    /// All rows, in the order in which they are shown.
    items: Signal<Vec<T>>,
    /// A row's number; newer rows have greater ones.
    number: fn(&T) -> u64,
    /// The rows that are open, and at what.
    open: RwSignal<Vec<(u64, P)>>,
    /// Whether the pointer is on the list.
    pointed: RwSignal<bool>,
    /// The rows there were when it began to keep still, or when newer ones were last asked for.
    held: RwSignal<Option<Vec<T>>>,
    limit: Limit,
}

impl<T: Send + Sync, P: Send + Sync> Clone for Held<T, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Send + Sync, P: Send + Sync> Copy for Held<T, P> {}

impl<T, P> Held<T, P>
where
    T: Clone + Send + Sync + 'static,
    P: Copy + PartialEq + Send + Sync + 'static,
{
    pub(crate) fn new(items: impl Into<Signal<Vec<T>>>, number: fn(&T) -> u64, limit: Limit) -> Self {
        Self {
            items: items.into(),
            number,
            open: RwSignal::new(Vec::new()),
            pointed: RwSignal::new(false),
            held: RwSignal::new(None),
            limit,
        }
    }

    /// The rows to show: a screenful, and all that are open.
    pub(crate) fn rows(self) -> Vec<T> {
        let number = self.number;
        self.held.with(|held| {
            self.items.with(|now| match held {
                None => self.limit.of(now),
                Some(held) => {
                    let shown = self.limit.get();
                    held.iter()
                        .enumerate()
                        .filter(|(index, row)| *index < shown || self.at(number(row)).is_some())
                        .map(|(_, row)| {
                            let known = now.iter().find(|it| number(it) == number(row));
                            known.unwrap_or(row).clone()
                        })
                        .collect()
                }
            })
        })
    }

    /// What a row is open at.
    pub(crate) fn at(self, row: u64) -> Option<P> {
        self.open
            .with(|open| open.iter().find(|(number, _)| *number == row).map(|(_, at)| *at))
    }

    /// Opens a row at `at`, or closes it if it is open there.
    pub(crate) fn toggle(self, row: u64, at: P) {
        if self.open.with_untracked(|open| open.contains(&(row, at))) {
            self.close(row);
            return;
        }
        self.open.update(|open| {
            open.retain(|(number, _)| *number != row);
            open.push((row, at));
        });
        self.settle();
    }

    pub(crate) fn close(self, row: u64) {
        self.open.update(|open| open.retain(|(number, _)| *number != row));
        self.settle();
    }

    fn point(self, pointed: bool) {
        self.pointed.set(pointed);
        self.settle();
    }

    /// Keeps still from now on, or goes on.
    fn settle(self) {
        let read = self.pointed.get_untracked() || self.open.with_untracked(|open| !open.is_empty());
        if !read {
            self.held.set(None);
        } else if self.held.with_untracked(Option::is_none) {
            self.held.set(Some(self.items.get_untracked()));
        }
    }

    /// How many rows wait above the list.
    fn newer(self) -> usize {
        let number = self.number;
        self.held.with(|held| {
            let Some(held) = held else { return 0 };
            let newest = held.iter().map(number).max().unwrap_or(0);
            self.items
                .with(|now| now.iter().filter(|row| number(row) > newest).count())
        })
    }

    /// Shows the rows that wait; those that are open stay, however old they are.
    fn catch_up(self) {
        let number = self.number;
        let mut rows = self.items.get_untracked();
        let oldest = rows.iter().map(number).min().unwrap_or(0);
        self.held.update(|held| {
            let open = held
                .iter_mut()
                .flat_map(|held| held.drain(..))
                .filter(|row| number(row) < oldest && self.open_untracked(number(row)));
            rows.extend(open);
            *held = Some(rows);
        });
    }

    fn open_untracked(self, row: u64) -> bool {
        self.open
            .with_untracked(|open| open.iter().any(|(number, _)| *number == row))
    }

    /// The list's table, below a line that says in which order it is, or what is newer than it.
    pub(crate) fn around(self, table: AnyView, order: &'static str) -> AnyView {
        let newer = memo(move |_| self.newer());
        let show = Callback::new(move |()| self.catch_up());
        let point = Callback::new(move |pointed| self.point(pointed));
        around(table, order, newer.into(), show, point)
    }
}

fn around(
    table: AnyView,
    order: &'static str,
    newer: Signal<usize>,
    show: Callback<()>,
    point: Callback<bool>,
) -> AnyView {
    view! {
        <p class="newer-rows">
            <span class="hint">
                {move || match newer.get() {
                    0 => order.to_owned(),
                    1 => "1 newer waits while you read".to_owned(),
                    many => format!("{many} newer wait while you read"),
                }}
            </span>
            <button
                type="button"
                class="button small"
                data-testid="newer"
                hidden=move || newer.get() == 0
                on:click=on(move |_| show.run(()))
            >
                "Show them"
            </button>
        </p>
        <div on:pointerenter=on(move |_| point.run(true)) on:pointerleave=on(move |_| point.run(false))>
            {table}
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(items: RwSignal<Vec<(u64, char)>>) -> Held<(u64, char), ()> {
        Held::new(items, |row| row.0, Limit::new())
    }

    fn numbers(held: Held<(u64, char), ()>) -> Vec<u64> {
        held.rows().iter().map(|row| row.0).collect()
    }

    #[test]
    fn a_list_keeps_still_while_a_row_is_open() {
        Owner::new().with(|| {
            let items = RwSignal::new(vec![(2, 'a'), (1, 'a')]);
            let held = list(items);
            held.toggle(1, ());
            items.set(vec![(4, 'a'), (3, 'a'), (2, 'b'), (1, 'a')]);
            assert_eq!(
                held.rows(),
                [(2, 'b'), (1, 'a')],
                "the same rows, as they are now"
            );
            assert_eq!(held.newer(), 2);
            held.toggle(1, ());
            assert_eq!((numbers(held), held.newer()), (vec![4, 3, 2, 1], 0));
        });
    }

    #[test]
    fn a_list_in_another_order_than_by_age_knows_what_is_newer() {
        Owner::new().with(|| {
            let items = RwSignal::new(vec![(1, 'w'), (3, 'e'), (2, 'e')]);
            let held = list(items);
            held.toggle(1, ());
            items.set(vec![(4, 'w'), (3, 'e'), (2, 'e'), (1, 'e')]);
            assert_eq!(held.rows(), [(1, 'e'), (3, 'e'), (2, 'e')], "no row moves");
            assert_eq!(held.newer(), 1);
            held.catch_up();
            assert_eq!((numbers(held), held.newer()), (vec![4, 3, 2, 1], 0));
        });
    }

    #[test]
    fn nothing_moves_under_the_pointer() {
        Owner::new().with(|| {
            let items = RwSignal::new(vec![(1, 'a')]);
            let held = list(items);
            held.point(true);
            items.set(vec![(2, 'a'), (1, 'a')]);
            assert_eq!((numbers(held), held.newer()), (vec![1], 1));
            held.toggle(1, ());
            held.point(false);
            assert_eq!(numbers(held), [1], "a row is open");
            held.close(1);
            assert_eq!(numbers(held), [2, 1]);
        });
    }

    #[test]
    fn what_is_open_outlives_the_store() {
        Owner::new().with(|| {
            let items = RwSignal::new((1..=40).rev().map(|it| (it, 'a')).collect::<Vec<_>>());
            let held = list(items);
            held.toggle(38, ());
            held.toggle(37, ());
            items.set((201..=400).rev().map(|it| (it, 'a')).collect());
            assert_eq!(numbers(held)[..3], [40, 39, 38]);
            held.catch_up();
            let shown = numbers(held);
            assert_eq!(shown[..2], [400, 399]);
            assert_eq!(shown[shown.len() - 2..], [38, 37], "below the newest screenful");
            held.close(38);
            assert_eq!(numbers(held).last(), Some(&37));
            held.close(37);
            assert_eq!(numbers(held).last(), Some(&376));
        });
    }
}
