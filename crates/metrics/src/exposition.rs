//! The text format of Prometheus, version 0.0.4.

use std::fmt::{Display, Write};

use crate::{BOUNDS, BUCKETS};

/// The media type of the text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a family of samples is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
}

/// A text that grows family by family.
#[derive(Debug, Default)]
pub struct Exposition {
    text: String,
    family: &'static str,
}

impl Exposition {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins a family: the samples that follow are of it.
    pub fn family(&mut self, name: &'static str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        self.head(name, kind, help);
    }

    /// One sample of the family that was begun.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.line(self.family, labels, None, value);
    }

    /// Begins a family of histograms of times.
    pub fn histograms(&mut self, name: &'static str, help: &str) {
        self.head(name, "histogram", help);
    }

    /// One histogram of the family that was begun: how many times each bucket had, and all of them
    /// together, in microseconds. They come out in seconds, and cumulative.
    pub fn histogram(&mut self, labels: &[(&str, &str)], counts: &[u64; BUCKETS], micros: u64) {
        let family = self.family;
        let bounds = BOUNDS.iter().map(|bound| seconds(*bound));
        let mut below = 0_u64;
        for (bound, count) in bounds.chain(["+Inf".to_owned()]).zip(counts) {
            below = below.saturating_add(*count);
            self.line(&format!("{family}_bucket"), labels, Some(&bound), below);
        }
        self.line(&format!("{family}_sum"), labels, None, seconds(micros));
        self.line(&format!("{family}_count"), labels, None, below);
    }

    /// The whole text.
    #[must_use]
    pub fn into_text(self) -> String {
        self.text
    }

    fn head(&mut self, name: &'static str, kind: &str, help: &str) {
        self.family = name;
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        self.push(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    fn line(
        &mut self,
        name: &str,
        labels: &[(&str, &str)],
        bound: Option<&str>,
        value: impl Display,
    ) {
        self.text.push_str(name);
        let mut before = '{';
        for (label, value) in labels
            .iter()
            .copied()
            .chain(bound.map(|bound| ("le", bound)))
        {
            self.text.push(before);
            self.push(format_args!("{label}=\""));
            push_escaped(value, &mut self.text);
            self.text.push('"');
            before = ',';
        }
        if before == ',' {
            self.text.push('}');
        }
        self.push(format_args!(" {value}\n"));
    }

    fn push(&mut self, arguments: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.text.write_fmt(arguments);
    }
}

/// Microseconds as seconds, exactly, without needless zeros.
fn seconds(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn push_escaped(value: &str, text: &mut String) {
    for c in value.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            c => text.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Name, labels and value.
    type Sample = (String, Vec<(String, String)>, f64);

    /// A sample, read as the description of the format says.
    fn parse_sample(line: &str) -> Option<Sample> {
        let end = line.find(['{', ' '])?;
        let (name, mut rest) = line.split_at(end);
        let is_name = |name: &str| {
            let of_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
            name.chars().all(of_name) && !name.starts_with(|c: char| c.is_ascii_digit())
        };
        let mut labels = Vec::new();
        if let Some(mut inside) = rest.strip_prefix('{') {
            loop {
                let (label, more) = inside.split_once("=\"")?;
                let (value, more) = parse_quoted(more)?;
                labels.push((label.to_owned(), value));
                match more.strip_prefix(',') {
                    Some(more) => inside = more,
                    None => {
                        rest = more.strip_prefix('}')?;
                        break;
                    }
                }
            }
        }
        let value = match rest.strip_prefix(' ')? {
            "+Inf" => f64::INFINITY,
            value => value.parse().ok()?,
        };
        let all_names = is_name(name) && labels.iter().all(|(label, _)| is_name(label));
        all_names.then(|| (name.to_owned(), labels, value))
    }

    fn parse_quoted(text: &str) -> Option<(String, &str)> {
        let mut value = String::new();
        let mut rest = text.char_indices();
        while let Some((at, c)) = rest.next() {
            match c {
                '"' => return Some((value, &text[at + 1..])),
                '\\' => value.push(match rest.next()?.1 {
                    'n' => '\n',
                    c @ ('\\' | '"') => c,
                    _ => return None,
                }),
                c => value.push(c),
            }
        }
        None
    }

    #[test]
    fn families_are_written_as_prometheus_reads_them() {
        let mut text = Exposition::new();
        text.family("requests_total", Kind::Counter, "Requests\nof \\all\\.");
        text.sample(&[("route", "/a\"b"), ("status", "200")], 3);
        text.sample(&[], 1.5);
        text.family("open", Kind::Gauge, "Open.");
        text.sample(&[], 0);
        let want = "# HELP requests_total Requests\\nof \\\\all\\\\.\n\
            # TYPE requests_total counter\n\
            requests_total{route=\"/a\\\"b\",status=\"200\"} 3\n\
            requests_total 1.5\n\
            # HELP open Open.\n\
            # TYPE open gauge\n\
            open 0\n";
        assert_eq!(text.into_text(), want);
    }

    #[test]
    fn a_histogram_is_cumulative_and_in_seconds() {
        let mut counts = [0; BUCKETS];
        (counts[0], counts[4], counts[17]) = (2, 3, 1);
        let mut text = Exposition::new();
        text.histograms("time_seconds", "Times.");
        text.histogram(&[("route", "a")], &counts, 12_000_250);
        let text = text.into_text();
        for line in [
            "# TYPE time_seconds histogram",
            "time_seconds_bucket{route=\"a\",le=\"0.00005\"} 2",
            "time_seconds_bucket{route=\"a\",le=\"0.001\"} 5",
            "time_seconds_bucket{route=\"a\",le=\"10\"} 5",
            "time_seconds_bucket{route=\"a\",le=\"+Inf\"} 6",
            "time_seconds_sum{route=\"a\"} 12.00025",
            "time_seconds_count{route=\"a\"} 6",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_label_holds_is_read_back(
            values in prop::collection::vec(any::<String>(), 0..4),
            number in any::<u64>(),
        ) {
            let names = ["a", "b_c", "d", "e1"];
            let labels: Vec<(&str, &str)> =
                names.iter().copied().zip(values.iter().map(String::as_str)).collect();
            let mut text = Exposition::new();
            text.family("some_total", Kind::Counter, "Some.");
            text.sample(&labels, number);
            let text = text.into_text();
            // Lines end with a line feed and nothing else.
            let lines: Vec<&str> = text.split_terminator('\n').collect();
            prop_assert_eq!(lines.len(), 3);
            let (name, found, value) = parse_sample(lines[2]).unwrap();
            prop_assert_eq!(name, "some_total");
            let found: Vec<(&str, &str)> =
                found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            prop_assert_eq!(found, labels);
            prop_assert_eq!(value, number.to_string().parse::<f64>().unwrap());
        }

        #[test]
        fn a_histogram_never_falls_and_ends_with_its_count(
            counts in prop::collection::vec(0_u64..1000, BUCKETS),
            micros in any::<u64>(),
        ) {
            let counts: [u64; BUCKETS] = counts.try_into().unwrap();
            let mut text = Exposition::new();
            text.histograms("time", "Times.");
            text.histogram(&[], &counts, micros);
            let text = text.into_text();
            let samples: Vec<_> = text.lines().skip(2).map(|line| parse_sample(line).unwrap()).collect();
            let buckets: Vec<f64> = samples[..BUCKETS].iter().map(|(_, _, value)| *value).collect();
            prop_assert!(buckets.is_sorted());
            prop_assert_eq!(buckets.last(), samples.last().map(|(_, _, value)| value));
        }
    }
}
