//! The sets of fields that rules give to files, each once: what an entry of the index names.

use std::collections::HashMap;

use bundle_format::index::FieldSetId;
use http_semantics::{SitePath, encode_path};
use site_rules::{FieldSet, HeaderRules};

/// The longest that all fields of one path may be together; clients refuse heads that are longer.
const FIELD_SET_BYTES_MAX: usize = 16 << 10;

/// Sets of fields, each once.
#[derive(Default)]
pub(super) struct FieldSets {
    pub(super) sets: Vec<FieldSet>,
    places: HashMap<FieldSet, usize>,
}

impl FieldSets {
    /// The number of a set, if there is anything in it, or what is wrong with it.
    pub(super) fn number(
        &mut self,
        set: FieldSet,
        path: &str,
    ) -> Result<Option<FieldSetId>, String> {
        if set.operations.is_empty() {
            return Ok(None);
        }
        if set.bytes() > FIELD_SET_BYTES_MAX {
            return Err(format!(
                "the fields that _headers gives to {path} have more than {FIELD_SET_BYTES_MAX} bytes"
            ));
        }
        let next = self.sets.len();
        let place = self.places.get(&set).copied().unwrap_or(next);
        let id = FieldSetId::new(place).ok_or_else(|| {
            format!(
                "the rules give more than {} different sets of fields; placeholders in values make one \
                 for each path",
                FieldSetId::COUNT_MAX
            )
        })?;
        if place == next {
            self.sets.push(set.clone());
            self.places.insert(set, place);
        }
        Ok(Some(id))
    }
}

/// What rules say of a file that answers a path.
pub(super) fn fields_of(
    rules: &HeaderRules,
    page_path: &str,
    file_path: &str,
    defaults: &[(&str, &str)],
) -> FieldSet {
    let encoded = [page_path, file_path].map(encode_path);
    let paths: Vec<SitePath<'_>> = encoded
        .iter()
        .filter_map(|path| SitePath::parse(path).ok())
        .collect();
    rules.fields(&paths.iter().collect::<Vec<_>>(), defaults)
}
