//! The last n values in order of size, so that one is placed among them without looking at them all.

use super::window::Window;
use serde::{Deserialize, Serialize};

/// No node.
const NONE: u32 = u32::MAX;

/// The last n values: in the order in which they came, and as a search tree by size.
///
/// The tree is a treap (R. Seidel, C. R. Aragon, "Randomized Search Trees", Algorithmica 16, 1996): taking a value in, letting
/// the oldest go and counting what is not above a value take O(log n) steps on average. What is random in it follows from a
/// value's place in the window, so that the same values make the same tree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ranking {
    window: Window,
    /// By the places of their values in the window.
    nodes: Vec<Node>,
    root: u32,
    /// Where the next value goes.
    next: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Node {
    value: f64,
    left: u32,
    right: u32,
    /// Nodes of the tree below it, itself among them.
    size: u32,
}

impl Ranking {
    pub(crate) fn new(period: usize) -> Self {
        let node = Node {
            value: f64::NAN,
            left: NONE,
            right: NONE,
            size: 0,
        };
        Self {
            window: Window::new(period),
            nodes: vec![node; period.max(1)],
            root: NONE,
            next: 0,
        }
    }

    /// How many of the values are at most `x`, once there are n.
    pub(crate) fn not_above(&self, x: f64) -> Option<usize> {
        if !self.window.is_full() {
            return None;
        }
        let (mut at, mut count) = (self.root, 0);
        while at != NONE {
            let node = self.nodes[at as usize];
            if node.value <= x {
                count += 1 + self.size(node.left);
                at = node.right;
            } else {
                at = node.left;
            }
        }
        Some(count as usize)
    }

    /// Takes a value in, in place of the oldest once there are n.
    pub(crate) fn push(&mut self, x: f64) {
        let place = self.next;
        if self.window.is_full() {
            self.root = self.without(self.root, place);
        }
        self.window.push(x);
        self.nodes[place as usize] = Node {
            value: x,
            left: NONE,
            right: NONE,
            size: 1,
        };
        let (below, above) = self.split(self.root, place);
        let below = self.join(below, place);
        self.root = self.join(below, above);
        self.next = (place + 1) % self.nodes.len() as u32;
    }

    fn size(&self, at: u32) -> u32 {
        if at == NONE {
            0
        } else {
            self.nodes[at as usize].size
        }
    }

    /// Whether the value of one node comes before that of another; of equal ones by their places.
    fn is_before(&self, one: u32, other: u32) -> bool {
        let (a, b) = (self.nodes[one as usize].value, self.nodes[other as usize].value);
        a < b || (a == b && one < other)
    }

    fn count(&mut self, at: u32) {
        let Node { left, right, .. } = self.nodes[at as usize];
        self.nodes[at as usize].size = 1 + self.size(left) + self.size(right);
    }

    /// What of a tree comes before a node that is not in it, and what does not.
    fn split(&mut self, at: u32, by: u32) -> (u32, u32) {
        if at == NONE {
            return (NONE, NONE);
        }
        let halves = if self.is_before(at, by) {
            let (below, above) = self.split(self.nodes[at as usize].right, by);
            self.nodes[at as usize].right = below;
            (at, above)
        } else {
            let (below, above) = self.split(self.nodes[at as usize].left, by);
            self.nodes[at as usize].left = above;
            (below, at)
        };
        self.count(at);
        halves
    }

    /// One tree of two, of which all of the first comes before all of the second.
    fn join(&mut self, below: u32, above: u32) -> u32 {
        if below == NONE || above == NONE {
            return if below == NONE { above } else { below };
        }
        let root = if priority(below) > priority(above) {
            let right = self.join(self.nodes[below as usize].right, above);
            self.nodes[below as usize].right = right;
            below
        } else {
            let left = self.join(below, self.nodes[above as usize].left);
            self.nodes[above as usize].left = left;
            above
        };
        self.count(root);
        root
    }

    /// A tree without one of its nodes.
    fn without(&mut self, at: u32, node: u32) -> u32 {
        let Node { left, right, .. } = self.nodes[at as usize];
        if at == node {
            return self.join(left, right);
        }
        if self.is_before(node, at) {
            self.nodes[at as usize].left = self.without(left, node);
        } else {
            self.nodes[at as usize].right = self.without(right, node);
        }
        self.count(at);
        at
    }
}

/// How near the root a place is: the mixing step of SplitMix64 (G. L. Steele, D. Lea, C. H. Flood, "Fast Splittable
/// Pseudorandom Number Generators", OOPSLA 2014), which gives no two places the same.
const fn priority(place: u32) -> u64 {
    let mixed = (place as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_counts_what_looking_at_all_counts(
            period in 1..40_usize,
            values in vec(prop_oneof![-5.0..5.0_f64, (-3..3_i32).prop_map(f64::from)], 0..200),
        ) {
            let mut ranking = Ranking::new(period);
            for (index, x) in values.iter().enumerate() {
                let last = &values[index.saturating_sub(period)..index];
                let expected = last.iter().filter(|value| *value <= x).count();
                prop_assert_eq!(ranking.not_above(*x), (last.len() == period).then_some(expected));
                ranking.push(*x);
            }
        }
    }

    #[test]
    fn rising_values_do_not_make_a_list_of_the_tree() {
        let mut ranking = Ranking::new(10_000);
        (0..30_000).for_each(|x| ranking.push(f64::from(x)));
        let mut depths = vec![(ranking.root, 1)];
        let mut deepest = 0;
        while let Some((at, depth)) = depths.pop() {
            if at != NONE {
                deepest = deepest.max(depth);
                let Node { left, right, .. } = ranking.nodes[at as usize];
                depths.extend([(left, depth + 1), (right, depth + 1)]);
            }
        }
        assert!(deepest < 60, "{deepest}");
    }
}
