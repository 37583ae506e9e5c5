//! Map states, whose iterations are mocked: from the input to what each iteration would begin with.

use baton_asl::Map;
use baton_query::Value;

use super::{Pending, StateTest, TestProgress, elements};
use crate::{
    Env, Event, EventKind, Payload, ThreadId, data_flow,
    error_handling::Fault,
    state::{
        Items,
        map::{self, batcher, item_reader, tolerance::Tolerance},
    },
    strand::Activity,
};

/// Inputs that an ItemSelector is evaluated for; each evaluation may read the whole Context Object. Beyond, they are not shown.
const SELECTED_MAX: u64 = 1_000;

impl StateTest {
    pub(super) fn enter_map(&mut self, env: Env<'_>, state: &Map, source: Option<&str>) -> Result<TestProgress, Fault> {
        let now = self.execution.start.at;
        let at = self.evaluator(env, now);
        let input = data_flow::effective_input(&at)?;
        let items = match (&state.distributed.item_reader, source) {
            (Some(reader), Some(source)) => item_reader::items(&at, reader, source, &input)?,
            (Some(_), None) => None,
            (None, _) => Some(map::items(&at, &state.items, &input)?),
        };
        let concurrency = map::concurrency(&at, state.max_concurrency.as_ref(), &input)?;
        let tolerance = Tolerance::of(&at, &state.distributed, &input)?;
        drop(at);
        self.tolerance = tolerance;
        let count = match items {
            None => None,
            Some(items) => Some(self.inputs(env, state, &input, items, concurrency)?),
        };
        Ok(TestProgress::Waits(Pending::Iterations { count }))
    }

    /// Makes the inputs of all iterations, and says how many there are.
    fn inputs(&mut self, env: Env<'_>, state: &Map, input: &Payload, items: Items, concurrency: u32) -> Result<u64, Fault> {
        let mut inputs = elements(&items.array).to_vec();
        if state.item_selector.is_some() && items.length <= SELECTED_MAX {
            inputs = self.select(env, state, input, items, concurrency)?;
        }
        let at = self.evaluator(env, self.execution.start.at);
        if let Some(batcher) = &state.distributed.item_batcher {
            inputs = batcher::batches(&at, batcher, inputs, input)?;
            at.inspect(|seen| seen.after_item_batcher = Some(Value::Array(inputs.clone())));
        }
        Ok(inputs.len() as u64)
    }

    /// The iterations begin to exist as they do in an execution, so that `$$.Map.Item` is there; none of them starts.
    fn select(&mut self, env: Env<'_>, state: &Map, input: &Payload, items: Items, concurrency: u32) -> Result<Vec<Value>, Fault> {
        let (visit, now) = (self.visit().state, self.execution.start.at);
        let Items { array, length, keyed } = items;
        let kind = EventKind::MapStateStarted { state: visit, length, input: input.clone(), items: array, keyed, concurrency };
        self.execution.apply(env.machine, &Event { at: now, previous: 0, thread: ThreadId::ROOT, kind });
        let inputs = self.selected(env, state, length);
        self.visit_mut().activity = Activity::Deciding;
        let inputs = inputs?;
        self.probe.note(|seen| seen.after_item_selector = Some(Value::Array(inputs.clone())));
        Ok(inputs)
    }

    fn selected(&self, env: Env<'_>, state: &Map, length: u64) -> Result<Vec<Value>, Fault> {
        let at = self.evaluator(env, self.execution.start.at);
        let Activity::Iterating(iterations) = &at.visit.activity else { unreachable!("its iterations have just begun to exist") };
        let input = |index| map::iteration_input(&at, state.item_selector.as_ref(), iterations, index);
        (0..length).map(|index| Ok(input(index)?.value().clone())).collect()
    }
}
