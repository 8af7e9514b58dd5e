//! What comes of reading a file: what is right in it is of use even if not all of it is.

/// What is right in a file, and what is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed<T, P> {
    /// What is right, so that the rest of a check can go on with it.
    pub value: T,
    /// What is wrong, in the order of the file.
    pub problems: Vec<P>,
}

impl<T, P> Parsed<T, P> {
    /// The value, if nothing is wrong.
    ///
    /// # Errors
    /// All problems; never an empty list.
    pub fn whole(self) -> Result<T, Vec<P>> {
        match self.problems.is_empty() {
            true => Ok(self.value),
            false => Err(self.problems),
        }
    }
}
