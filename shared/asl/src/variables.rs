//! Which workflow variables each state reads.

use std::collections::{BTreeMap, BTreeSet};

use baton_query::{Expression, PathOrIntrinsic, PayloadTemplate, ReferencePath};

use crate::model::*;

/// By state name, nested states included, the sorted names of the variables that the state's own fields read. States that read none
/// are left out. This is `variableReferences` of DescribeStateMachine.
pub fn variable_references(machine: &StateMachine) -> BTreeMap<String, Vec<String>> {
    variable_references_within(machine, StateMachine::ROOT)
}

/// The same of the states of one flow, and of those inside it.
pub fn variable_references_within(machine: &StateMachine, flow: FlowId) -> BTreeMap<String, Vec<String>> {
    let mut references = BTreeMap::new();
    for state in machine.states.iter().filter(|state| machine.is_within(state, flow)) {
        let mut reads = Reads::default();
        reads.state(state);
        if !reads.names.is_empty() {
            references.insert(state.name.to_string(), reads.names.into_iter().collect());
        }
    }
    references
}

#[derive(Default)]
struct Reads {
    names: BTreeSet<String>,
}

impl Reads {
    fn state(&mut self, state: &State) {
        self.data_flow(&state.data);
        self.assign(state.assign.as_ref());
        for catcher in &state.catch {
            self.template(catcher.output.as_ref());
            self.assign(catcher.assign.as_ref());
        }
        match &state.kind {
            StateKind::Pass(_) | StateKind::Succeed | StateKind::Parallel(_) => {}
            StateKind::Task(task) => self.task(task),
            StateKind::Choice(choice) => self.choice(choice),
            StateKind::Wait(wait) => self.wait(wait),
            StateKind::Fail(fail) => {
                self.text(&fail.error);
                self.text(&fail.cause);
            }
            StateKind::Map(map) => self.map(map),
        }
    }

    fn data_flow(&mut self, data: &DataFlow) {
        match data {
            DataFlow::JsonPath(data) => {
                self.path_field(&data.input_path);
                self.template(data.parameters.as_ref());
                self.template(data.result_selector.as_ref());
                self.path_field(&data.output_path);
            }
            DataFlow::Jsonata(data) => {
                self.template(data.arguments.as_ref());
                self.template(data.output.as_ref());
            }
        }
    }

    fn task(&mut self, task: &Task) {
        self.integer(task.timeout.as_ref());
        self.integer(task.heartbeat.as_ref());
        self.template(task.credentials.as_ref());
    }

    fn choice(&mut self, choice: &Choice) {
        for rule in &choice.rules {
            self.condition(&rule.condition);
            self.assign(rule.assign.as_ref());
            self.template(rule.output.as_ref());
        }
    }

    /// Conditions are nested as deep as the parser lets them.
    fn condition(&mut self, condition: &Condition) {
        match condition {
            Condition::Constant(_) => {}
            Condition::Expression(expression) => self.expression(expression),
            Condition::And(conditions) | Condition::Or(conditions) => {
                conditions.iter().for_each(|condition| self.condition(condition));
            }
            Condition::Not(condition) => self.condition(condition),
            Condition::Compare { variable, operator } => {
                self.add(variable.variables());
                self.operator(operator);
            }
        }
    }

    fn operator(&mut self, operator: &Operator) {
        match operator {
            Operator::Text(_, Operand::Path(path))
            | Operator::Numeric(_, Operand::Path(path))
            | Operator::Boolean(Operand::Path(path))
            | Operator::Timestamp(_, Operand::Path(path)) => self.reference_path(path),
            Operator::Text(_, Operand::Literal(_))
            | Operator::Numeric(_, Operand::Literal(_))
            | Operator::Boolean(Operand::Literal(_))
            | Operator::Timestamp(_, Operand::Literal(_))
            | Operator::StringMatches(_)
            | Operator::IsNull(_)
            | Operator::IsPresent(_)
            | Operator::IsNumeric(_)
            | Operator::IsString(_)
            | Operator::IsBoolean(_)
            | Operator::IsTimestamp(_) => {}
        }
    }

    fn wait(&mut self, wait: &Wait) {
        match wait {
            Wait::Seconds(_) | Wait::Timestamp(_) => {}
            Wait::SecondsPath(path) | Wait::TimestampPath(path) => self.reference_path(path),
            Wait::SecondsExpression(expression) | Wait::TimestampExpression(expression) => self.expression(expression),
        }
    }

    fn map(&mut self, map: &Map) {
        match &map.items {
            Items::Input => {}
            Items::Path(path) => self.add(path.variables()),
            Items::Literal(template) => self.template(Some(template)),
            Items::Expression(expression) => self.expression(expression),
        }
        self.template(map.item_selector.as_ref());
        self.integer(map.max_concurrency.as_ref());
        self.distributed(&map.distributed);
    }

    fn distributed(&mut self, fields: &DistributedFields) {
        if let Some(reader) = &fields.item_reader {
            self.template(reader.arguments.as_ref());
            self.integer(reader.config.max_items.as_ref());
        }
        if let Some(batcher) = &fields.item_batcher {
            self.integer(batcher.max_items.as_ref());
            self.integer(batcher.max_input_bytes.as_ref());
            self.template(batcher.batch_input.as_ref());
        }
        if let Some(writer) = &fields.result_writer {
            self.template(writer.arguments.as_ref());
        }
        self.integer(fields.tolerated_failure_count.as_ref());
        match &fields.tolerated_failure_percentage {
            None | Some(NumberField::Literal(_)) => {}
            Some(NumberField::Path(path)) => self.reference_path(path),
            Some(NumberField::Expression(expression)) => self.expression(expression),
        }
    }

    fn integer(&mut self, field: Option<&IntegerField>) {
        match field {
            None | Some(IntegerField::Literal(_)) => {}
            Some(IntegerField::Path(path)) => self.reference_path(path),
            Some(IntegerField::Expression(expression)) => self.expression(expression),
        }
    }

    fn text(&mut self, field: &TextField) {
        match field {
            TextField::Absent | TextField::Literal(_) => {}
            TextField::Path(path) => self.path_or_intrinsic(path),
            TextField::Expression(expression) => self.expression(expression),
        }
    }

    fn path_field(&mut self, field: &PathField) {
        match field {
            PathField::Whole | PathField::Discard => {}
            PathField::Path(path) => self.add(path.variables()),
        }
    }

    fn assign(&mut self, assign: Option<&Assign>) {
        self.template(assign.map(|assign| &assign.template));
    }

    fn template(&mut self, template: Option<&PayloadTemplate>) {
        self.add(template.map(PayloadTemplate::variables).unwrap_or_default());
    }

    fn expression(&mut self, expression: &Expression) {
        self.add(expression.variables());
    }

    fn reference_path(&mut self, path: &ReferencePath) {
        self.add(path.variables());
    }

    fn path_or_intrinsic(&mut self, path: &PathOrIntrinsic) {
        self.add(path.variables());
    }

    fn add<S: Into<String>>(&mut self, names: impl IntoIterator<Item = S>) {
        self.names.extend(names.into_iter().map(Into::into));
    }
}
