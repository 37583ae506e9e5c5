//! Parallel states.

use super::cursor::Cursor;
use super::{Parsed, Parser};
use crate::model::Parallel;

impl Parser<'_> {
    pub(crate) fn parallel(&mut self, state: &Cursor<'_>) -> Parsed<Parallel> {
        self.check_required(state, &["Branches"])?;
        let branches = state.get("Branches").expect("required above");
        self.filled_array(&branches)?;
        let flows: Vec<_> = branches.items().map(|branch| self.branch(&branch)).collect();
        Ok(Parallel { branches: flows.into_iter().collect::<Result<_, _>>()? })
    }
}
