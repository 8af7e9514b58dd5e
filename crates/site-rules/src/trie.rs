//! Finds the rules that match a path, in steps that the path sets and not the number of rules.

use std::collections::HashMap;

use crate::pattern::Part;

/// Rules by the parts of their patterns.
#[derive(Debug)]
pub(crate) struct Trie {
    /// The first is the root.
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    literals: HashMap<Box<str>, usize>,
    placeholder: Option<usize>,
    /// Rules that end here.
    ends: Vec<u32>,
    /// Rules that take whatever follows.
    rests: Vec<u32>,
}

impl Default for Trie {
    fn default() -> Self {
        Self {
            nodes: vec![Node::default()],
        }
    }
}

impl Trie {
    /// Adds a rule. A `*` counts as all that follows, whatever stands around it.
    pub(crate) fn insert<'p>(&mut self, parts: impl Iterator<Item = &'p Part>, rule: u32) {
        let mut at = 0;
        for part in parts {
            at = match part {
                Part::Literal(text) => match self.nodes[at].literals.get(text.as_str()) {
                    Some(next) => *next,
                    None => {
                        let next = self.add();
                        self.nodes[at].literals.insert(text.as_str().into(), next);
                        next
                    }
                },
                Part::Placeholder(_) => match self.nodes[at].placeholder {
                    Some(next) => next,
                    None => {
                        let next = self.add();
                        self.nodes[at].placeholder = Some(next);
                        next
                    }
                },
                Part::Splat { .. } => {
                    self.nodes[at].rests.push(rule);
                    return;
                }
            };
        }
        self.nodes[at].ends.push(rule);
    }

    fn add(&mut self) -> usize {
        self.nodes.push(Node::default());
        self.nodes.len() - 1
    }

    /// Tells `found` all rules that match, in no order. Gives the number of nodes that were visited:
    /// where no rules have both a text and a placeholder at one place, at most one for each part.
    pub(crate) fn visit(&self, parts: &[&str], found: &mut impl FnMut(u32)) -> usize {
        self.visit_from(0, parts, found)
    }

    /// As deep as the deepest rule.
    fn visit_from(&self, at: usize, parts: &[&str], found: &mut impl FnMut(u32)) -> usize {
        let Some(node) = self.nodes.get(at) else {
            return 0;
        };
        node.rests.iter().copied().for_each(&mut *found);
        let Some((first, rest)) = parts.split_first() else {
            node.ends.iter().copied().for_each(found);
            return 1;
        };
        let literal = node.literals.get(*first);
        let next = literal.into_iter().chain(&node.placeholder);
        next.fold(1, |steps, next| {
            steps + self.visit_from(*next, rest, &mut *found)
        })
    }
}
