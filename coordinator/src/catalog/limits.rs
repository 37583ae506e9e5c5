//! How much the catalog takes. AWS's quotas.

use std::sync::Arc;

use super::error::CatalogError;
use super::model::Tag;

/// State machines.
pub(super) const STATE_MACHINES_MAX: usize = 100_000;
/// Activities.
pub(super) const ACTIVITIES_MAX: usize = 100_000;
/// Versions of one machine.
pub(super) const VERSIONS_MAX: usize = 1_000;
/// Aliases of one machine.
pub(super) const ALIASES_MAX: usize = 100;
/// Tags of one resource.
const TAGS_MAX: usize = 50;

pub(super) fn check_tags(arn: &Arc<str>, tags: &[Tag]) -> Result<(), CatalogError> {
    if tags.len() > TAGS_MAX {
        return Err(CatalogError::TooManyTags { arn: arn.clone() });
    }
    Ok(())
}
