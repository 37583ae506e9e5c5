//! The Map Run of a Distributed Map state, as its execution knows it.

use std::sync::Arc;

use super::Place;
use crate::{
    Execution,
    strand::{Activity, Mapping},
};

impl Execution {
    pub(super) fn distributed_started(&mut self, at: Place<'_>) {
        self.change(at.thread(), |strand| strand.last = at.id);
        self.change_visit(at.thread(), |visit| visit.activity = Activity::Deciding);
    }

    pub(super) fn map_run_started(&mut self, at: Place<'_>, map_run_arn: &Arc<str>) {
        let mapping = Mapping { map_run_arn: map_run_arn.clone(), started: at.id, redrives: 0, is_settled: false, is_redriven: false };
        self.change(at.thread(), |strand| {
            strand.last = at.id;
            if let Some(visit) = strand.visit_mut() {
                visit.activity = Activity::Mapping(Box::new(mapping));
            }
        });
    }

    pub(super) fn map_run_ended(&mut self, at: Place<'_>) {
        self.change(at.thread(), |strand| {
            strand.last = at.id;
            strand.visit_mut().into_iter().for_each(|visit| visit.settle());
        });
    }

    pub(super) fn map_run_redriven(&mut self, at: Place<'_>, redrive_count: u32) {
        self.change(at.thread(), |strand| {
            strand.last = at.id;
            if let Some(Activity::Mapping(mapping)) = strand.visit_mut().map(|visit| &mut visit.activity) {
                (mapping.is_settled, mapping.is_redriven, mapping.redrives) = (false, false, redrive_count);
            }
        });
    }
}
