//! A revision with its machine, compiled when it is first asked for.

use std::sync::{Arc, OnceLock};

use bincode::de::{BorrowDecode, BorrowDecoder, Decode, Decoder};
use bincode::enc::{Encode, Encoder};
use bincode::error::{DecodeError, EncodeError};

use super::model::RevisionRecord;
use crate::cluster::Revision;

/// A [`RevisionRecord`] and, once somebody needed it, the machine that its definition says.
#[derive(Debug)]
pub struct CatalogRevision {
    /// What is written down.
    pub record: RevisionRecord,
    compiled: OnceLock<Option<Arc<Revision>>>,
}

impl CatalogRevision {
    /// A revision that is compiled when it is first asked for.
    pub fn new(record: RevisionRecord) -> Self {
        Self { record, compiled: OnceLock::new() }
    }

    /// A revision whose definition has just been checked.
    pub fn with_machine(record: RevisionRecord, machine: baton_asl::StateMachine) -> Self {
        let compiled = OnceLock::from(Some(Arc::new(revision(&record, machine))));
        Self { record, compiled }
    }

    /// What executions are pinned to. `None` when a definition that an older release took is not valid any more.
    pub fn compiled(&self) -> Option<Arc<Revision>> {
        self.compiled.get_or_init(|| self.compile()).clone()
    }

    fn compile(&self) -> Option<Arc<Revision>> {
        match super::definition::compile(&self.record.content.definition, self.record.machine_type) {
            Ok(machine) => Some(Arc::new(revision(&self.record, machine))),
            Err(invalid) => {
                tracing::error!(state_machine = %self.record.state_machine_arn, %invalid, "a definition that was taken before is not valid any more");
                None
            }
        }
    }
}

fn revision(record: &RevisionRecord, machine: baton_asl::StateMachine) -> Revision {
    Revision {
        digest: record.digest,
        definition: record.content.definition.clone(),
        machine,
        role_arn: record.content.role_arn.clone(),
        machine_type: record.machine_type.into(),
        logging: record.content.logging.logging(),
    }
}

impl Encode for CatalogRevision {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.record.encode(encoder)
    }
}

impl<C> Decode<C> for CatalogRevision {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        RevisionRecord::decode(decoder).map(Self::new)
    }
}

impl<'de, C> BorrowDecode<'de, C> for CatalogRevision {
    fn borrow_decode<D: BorrowDecoder<'de, Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Self::decode(decoder)
    }
}
