//! TagResource and UntagResource.

use std::sync::Arc;

use super::{Command, Decision, Stamp};
use crate::catalog::error::CatalogError;
use crate::catalog::event::CatalogEvent;
use crate::catalog::limits;
use crate::catalog::model::Tag;
use crate::catalog::state::State;

/// Sets tags of a machine or an activity, by key.
#[derive(Clone, Debug)]
pub struct TagResource {
    /// ARN of the resource.
    pub arn: Arc<str>,
    /// Set or replaced.
    pub tags: Vec<Tag>,
}

impl Command for TagResource {
    type Reply = ();

    fn decide(self, state: &State, _: Stamp) -> Result<Decision<()>, CatalogError> {
        let present = tags_of(state, &self.arn)?;
        let mut tags = present.to_vec();
        merge(&mut tags, self.tags);
        limits::check_tags(&self.arn, &tags)?;
        Ok(changed(self.arn, present, tags))
    }
}

/// Removes tags of a machine or an activity. Keys that are not there are ignored.
#[derive(Clone, Debug)]
pub struct UntagResource {
    /// ARN of the resource.
    pub arn: Arc<str>,
    /// Removed.
    pub keys: Vec<Arc<str>>,
}

impl Command for UntagResource {
    type Reply = ();

    fn decide(self, state: &State, _: Stamp) -> Result<Decision<()>, CatalogError> {
        let present = tags_of(state, &self.arn)?;
        let mut tags = present.to_vec();
        tags.retain(|tag| !self.keys.contains(&tag.key));
        Ok(changed(self.arn, present, tags))
    }
}

/// Adds `new` to `tags`; the last one of a key counts.
pub(crate) fn merge(tags: &mut Vec<Tag>, new: impl IntoIterator<Item = Tag>) {
    for tag in new {
        match tags.iter_mut().find(|present| present.key == tag.key) {
            Some(present) => present.value = tag.value,
            None => tags.push(tag),
        }
    }
}

fn tags_of<'s>(state: &'s State, arn: &Arc<str>) -> Result<&'s [Tag], CatalogError> {
    state.tags(arn).ok_or_else(|| CatalogError::NotTaggable { arn: arn.clone() })
}

fn changed(arn: Arc<str>, present: &[Tag], tags: Vec<Tag>) -> Decision<()> {
    if tags == present {
        return Decision::nothing(());
    }
    Decision { events: vec![CatalogEvent::TagsSet { arn, tags }], reply: () }
}
