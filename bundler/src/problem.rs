//! What is wrong with a site: all of it in one report.

/// One thing that keeps a site from being bundled.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// A file of the site, perhaps with line and column.
    pub place: String,
    /// What is wrong, and what to do.
    pub message: String,
}

impl Problem {
    /// A problem with a whole file.
    pub fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            message: message.into(),
        }
    }
}

impl Problem {
    /// The file, and line and column as numbers, so that line 10 comes after line 9.
    fn position(&self) -> (&str, [u32; 2]) {
        let (file, rest) = self.place.split_once(':').unwrap_or((&self.place, ""));
        let mut numbers = rest
            .split(':')
            .map(|number| number.parse().unwrap_or_default());
        let mut next = || numbers.next().unwrap_or_default();
        (file, [next(), next()])
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

impl From<module_graph::Problem> for Problem {
    fn from(problem: module_graph::Problem) -> Self {
        let place = format!("{}:{}:{}", problem.file, problem.line, problem.column);
        let whole = problem.to_string();
        // What follows the place: the message, and the line that it is about.
        let message = whole.strip_prefix(&place).unwrap_or(&whole);
        Self {
            message: message.trim_start_matches([':', ' ']).to_owned(),
            place,
        }
    }
}

impl From<site_config::Problem> for Problem {
    fn from(problem: site_config::Problem) -> Self {
        let site_config::Problem {
            file,
            line,
            column,
            message,
        } = problem;
        Self {
            place: format!("{file}:{line}:{column}"),
            message,
        }
    }
}

impl From<site_rules::Problem> for Problem {
    fn from(problem: site_rules::Problem) -> Self {
        let site_rules::Problem { file, line, error } = problem;
        Self {
            place: format!("{file}:{line}"),
            message: error.to_string(),
        }
    }
}

/// At least one problem, sorted by place.
#[derive(Debug, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

/// More than these are counted, not printed.
const PRINTED_MAX: usize = 50;

impl Problems {
    /// Nothing, or an error with all problems.
    pub fn check(mut problems: Vec<Problem>) -> Result<(), Self> {
        problems.sort_by(|a, b| a.position().cmp(&b.position()).then_with(|| a.cmp(b)));
        problems.dedup();
        if problems.is_empty() {
            Ok(())
        } else {
            Err(Self(problems))
        }
    }
}

impl std::error::Error for Problems {}

impl std::fmt::Display for Problems {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.as_slice() {
            [only] => write!(f, "{only}"),
            all => {
                write!(f, "there are {} problems with this site", all.len())?;
                all.iter()
                    .take(PRINTED_MAX)
                    .try_for_each(|problem| write!(f, "\n  {problem}"))?;
                match all.len().checked_sub(PRINTED_MAX + 1) {
                    Some(more) => write!(f, "\n  … and {} more", more + 1),
                    None => Ok(()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_come_in_the_order_of_files_and_lines_each_once() {
        let places = ["b:10", "b:9:2", "a.js", "b:9:1", "b:10", "a:1:2:c"];
        let problems = places.map(|place| Problem::new(place, "odd")).to_vec();
        let Problems(sorted) = Problems::check(problems).unwrap_err();
        let places: Vec<&str> = sorted
            .iter()
            .map(|problem| problem.place.as_str())
            .collect();
        assert_eq!(places, ["a:1:2:c", "a.js", "b:9:1", "b:9:2", "b:10"]);
    }
}
