//! What was meant by a name that is not there.

/// Up to so many typing slips a known name is suggested.
const SLIPS_MAX: usize = 2;

/// The nearest of `names`, the first where several are; none where all are far.
pub(crate) fn nearest<'n>(
    wrong: &str,
    names: impl IntoIterator<Item = &'n str>,
) -> Option<&'n str> {
    // A short name is near to many: at least half of it must be right.
    let slips_max = SLIPS_MAX.min(wrong.chars().count() / 2);
    let near = names.into_iter().map(|name| (slips(wrong, name), name));
    near.filter(|(slips, _)| *slips <= slips_max)
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, n)| n)
}

/// How many characters have to be added, taken away or changed; case counts for nothing.
fn slips(a: &str, b: &str) -> usize {
    let lower = |text: &str| text.to_lowercase().chars().collect::<Vec<char>>();
    let (a, b) = (lower(a), lower(b));
    if a.len().abs_diff(b.len()) > SLIPS_MAX {
        return usize::MAX;
    }
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (row, from) in a.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, to) in b.iter().enumerate() {
            let changed = above[column] + usize::from(from != to);
            current.push(changed.min(above[column + 1] + 1).min(current[column] + 1));
        }
        above = current;
    }
    above.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_suggested_and_far_ones_are_not() {
        #[track_caller]
        fn check(wrong: &str, names: &[&str], want: Option<&str>) {
            assert_eq!(nearest(wrong, names.iter().copied()), want);
        }
        check("helo", &["help", "hello", "x"], Some("help"));
        check("Hello", &["hello"], Some("hello"));
        check("hello", &["goodbye"], None);
        check("a", &["b", "c"], None);
        check("", &["a"], None);
        check("add", &[], None);
    }
}
