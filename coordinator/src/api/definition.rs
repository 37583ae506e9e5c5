//! Definitions in requests.

use std::collections::BTreeMap;
use std::sync::Arc;

use baton_asl::StateMachine;

use crate::catalog::{self, CatalogRevision, MachineType};

use super::error::ApiError;
use super::refused_label;

/// A definition of fewer bytes is read at once; a longer one would hold up the requests beside it.
const INLINE_BYTES_MAX: usize = 16 * 1024;

/// What the definition says, or `InvalidDefinition`.
pub(super) async fn read(text: String, machine_type: MachineType) -> Result<(Arc<str>, StateMachine), ApiError> {
    let text: Arc<str> = text.into();
    let compiled = off_the_runtime(text.clone(), move |text| catalog::compile(text, machine_type)).await?;
    match compiled {
        Ok(machine) => Ok((text, machine)),
        Err(invalid) => {
            let recorded = refused_label::text(&text, &invalid.diagnostics);
            Err(ApiError::InvalidDefinition(recorded.unwrap_or_else(|| invalid.to_string())))
        }
    }
}

/// Does `work` on the text, on another thread if the text is long.
pub(super) async fn off_the_runtime<T: Send + 'static>(
    text: Arc<str>,
    work: impl FnOnce(&str) -> T + Send + 'static,
) -> Result<T, ApiError> {
    if text.len() <= INLINE_BYTES_MAX {
        return Ok(work(&text));
    }
    let done = tokio::task::spawn_blocking(move || work(&text)).await;
    done.map_err(|error| ApiError::InternalFailure(format!("the definition could not be read: {error}")))
}

/// `variableReferences`: for each state that reads variables, their names.
pub(super) fn variable_references(revision: &CatalogRevision) -> BTreeMap<String, Vec<String>> {
    match revision.compiled() {
        Some(compiled) => baton_asl::variable_references(&compiled.machine),
        None => BTreeMap::new(),
    }
}
