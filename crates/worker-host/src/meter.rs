//! Counts the memory of an instance, all memories and tables together.

use limits::ByteSize;
use wasmtime::ResourceLimiter;

/// Counts the memory of an instance, all memories and tables together.
pub(crate) struct MemoryMeter {
    limit: usize,
    used: usize,
    refused: Option<usize>,
    table_elements_max: usize,
}

impl MemoryMeter {
    pub(crate) fn new(limit: ByteSize, table_elements_max: usize) -> Self {
        Self {
            limit: limit.as_usize(),
            used: 0,
            refused: None,
            table_elements_max,
        }
    }

    /// Forgets what was refused: another request begins in the same instance.
    pub(crate) fn begin_request(&mut self) {
        self.refused = None;
    }

    pub(crate) fn limit(&self) -> ByteSize {
        ByteSize(self.limit as u64)
    }

    /// What the instance last asked for in vain.
    pub(crate) fn refused(&self) -> Option<ByteSize> {
        self.refused.map(|asked| ByteSize(asked as u64))
    }
}

impl ResourceLimiter for MemoryMeter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self.used.saturating_add(desired.saturating_sub(current));
        if total > self.limit {
            // The guest is told that there is no more, and may well cope with it.
            self.refused = Some(total);
            return Ok(false);
        }
        self.used = total;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= self.table_elements_max)
    }
}
