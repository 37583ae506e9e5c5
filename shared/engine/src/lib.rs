//! The execution engine: a pure function from what happened to what follows.
//!
//! [`Execution::decide`] turns an [`Input`] into [`Event`]s and [`Effect`]s; [`Execution::apply`] is total and pure and is the only way in
//! which state changes, live and in recovery alike. Replay never evaluates an expression, reads a clock or draws a random number.
//! There is no IO, clock, randomness or socket in reach.
//!
//! ```
//! use baton_engine::*;
//!
//! let definition = r#"{"StartAt": "Greet", "States": {"Greet": {
//!     "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:greet", "End": true}}}"#;
//! let machine = baton_asl::parse(definition, baton_asl::MachineType::Standard).expect("the definition is valid");
//! let limits = Limits::default();
//! let env = Env { machine: &machine, limits: &limits, services: &NoServices };
//! let start = Start {
//!     execution_arn: "arn:aws:states:us-east-1:123456789012:execution:hello:1".into(),
//!     state_machine_arn: "arn:aws:states:us-east-1:123456789012:stateMachine:hello".into(),
//!     state_machine_name: "hello".into(),
//!     name: "1".into(),
//!     revision: 0,
//!     version_arn: None,
//!     alias_arn: None,
//!     role_arn: "arn:aws:iam::123456789012:role/hello".into(),
//!     input: Payload::from_text("{}".to_owned()),
//!     trace_header: None,
//!     seed: 1,
//!     at: 1_704_067_200_000,
//!     deadline: None,
//!     test_case: None,
//!     map_child: None,
//! };
//!
//! // The execution goes as far as it can by itself: to a task that somebody must do.
//! let mut out = Decision::default();
//! let mut execution = Execution::start(&env, start, &mut out);
//! let Some(Effect::Dispatch(activation)) = out.effects.pop() else { panic!("Greet has a task") };
//!
//! // Somebody claims it, and reports its result.
//! let claim = Claim { worker_name: None, claim_id: 1, incarnation: 1, holder: Holder::Process };
//! let now = 1_704_067_200_010;
//! let started = Input::TaskStarted { task: activation.task, claim };
//! assert_eq!(execution.decide(&env, started, now, &mut out), Ok(Verdict::Applied));
//! let succeeded = Input::TaskSucceeded { task: activation.task, output: Payload::from_text(r#""hello""#.to_owned()) };
//! assert_eq!(execution.decide(&env, succeeded, now, &mut out), Ok(Verdict::Applied));
//! assert_eq!(execution.status(), Status::Succeeded);
//! assert_eq!(execution.output().map(Payload::text), Some(r#""hello""#));
//!
//! // The events are the log and the history; what they rebuild is the same.
//! let mut rebuilt = Execution::recover(&machine, &out.events[0]);
//! out.events[1..].iter().for_each(|event| rebuilt.apply(&machine, event));
//! assert_eq!(rebuilt, execution);
//! ```

mod abort;
mod apply;
mod closed_tasks;
mod context_object;
mod data_flow;
mod decide;
mod effect;
mod env;
mod error_handling;
mod evaluator;
mod event;
mod execution;
mod footprint;
mod input;
mod limits;
mod map_run;
mod mock;
mod payload;
mod payload_table;
mod probe;
mod redrive;
mod state;
mod strand;
mod test_state;
mod timers;
mod timestamp;
mod variables;
mod verdict;

pub use effect::*;
pub use env::*;
pub use event::*;
pub use execution::Execution;
pub use input::*;
pub use limits::*;
pub use map_run::*;
pub use mock::{MockedAnswer, MockedOutcome, MockedState, TestCase};
pub use payload::*;
pub use payload_table::{PayloadTable, decode_with_table, encode_with_table};
pub use probe::Inspection;
pub use redrive::{NotRedrivable, RedriveCount, RedriveFacts};
pub use test_state::{ErrorDetails, Pending, StateTest, TestProgress, TestResult, TestStatus, TestedState};
pub use verdict::*;

/// Unix time in milliseconds.
pub type Timestamp = i64;
