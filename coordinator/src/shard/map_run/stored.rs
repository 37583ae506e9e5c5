//! What checkpoints write of Map Runs: a row among the shard's own while a run is open, and a value beside those of executions when it has ended.

use std::sync::Arc;

use baton_engine::{MapRun, PayloadTable};

use super::{ChildReport, MapRunContext, OpenMapRun};
use crate::shard::{ExecutionId, Shard, World};

/// A Map Run as it is kept.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
#[bincode(decode_context = "PayloadTable")]
pub(crate) struct StoredMapRun(pub MapRun);

/// Value of the row of a child's end that its run has not heard of.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
#[bincode(decode_context = "PayloadTable")]
pub(in crate::shard) struct StoredUntoldEnd(pub ChildReport);

/// The catalog does not have the definition of a run.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the catalog has no revision {0:032x}")]
pub(in crate::shard) struct NoRevision(pub(in crate::shard) u128);

/// Name of the row of an open run.
pub(in crate::shard) fn map_run_row_name(map_run: u128) -> String {
    format!("map-run/{map_run:032x}")
}

/// The inverse of [`map_run_row_name`]; `None` for other records.
pub(in crate::shard) fn map_run_of_row(name: &str) -> Option<u128> {
    u128::from_str_radix(name.strip_prefix("map-run/")?, 16).ok()
}

/// Name of the row of an untold end.
pub(in crate::shard) fn untold_end_row_name(child: u128) -> String {
    format!("child-end/{child:032x}")
}

/// The inverse of [`untold_end_row_name`]; `None` for other records.
pub(in crate::shard) fn child_of_untold_end_row(name: &str) -> Option<u128> {
    u128::from_str_radix(name.strip_prefix("child-end/")?, 16).ok()
}

impl<W: World> Shard<W> {
    /// Takes a run into memory as it was kept.
    pub(in crate::shard) fn open_stored(&mut self, id: ExecutionId, stored: StoredMapRun, world: &mut W) -> Result<(), NoRevision> {
        let StoredMapRun(run) = stored;
        let mut open = self.opened(id, run, world)?;
        open.is_told = true;
        open.is_indexed = true;
        self.map_runs.insert(id, open);
        Ok(())
    }

    /// A run that is read back, with what surrounds it.
    pub(in crate::shard) fn opened(&self, id: ExecutionId, run: MapRun, world: &mut W) -> Result<OpenMapRun, NoRevision> {
        let spec = run.spec().clone();
        let revision = world.revision(spec.revision).ok_or(NoRevision(spec.revision))?;
        let parent = ExecutionId::of_arn(&spec.execution_arn);
        Ok(OpenMapRun::new(run, Arc::new(MapRunContext { id, parent, spec, revision })))
    }
}
