//! Starts the orders, whatever the servers are doing: clients that repeat the same start until it is answered, at another server each time if there
//! are several.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::Shared;
use super::orders::Order;
use crate::api::{Api, ApiError};
use crate::backoff::Backoff;
use crate::http::{Endpoint, HttpError};

const CLIENTS: usize = 8;
/// Longer than any restart.
const START_PATIENCE: Duration = Duration::from_secs(120);
/// A server that has not answered by then stands still, or cannot be reached.
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);
const RELEASE_POLL: Duration = Duration::from_millis(10);

/// The clients and what they share.
#[derive(Debug)]
pub(super) struct Starter {
    endpoints: Vec<Endpoint>,
    state_machine_arn: String,
    orders: Vec<Order>,
    next: Cell<usize>,
    accepted: RefCell<BTreeSet<String>>,
    shared: Rc<Shared>,
}

impl Starter {
    pub(super) fn new(endpoints: &[Endpoint], state_machine_arn: &str, orders: &[Order], shared: Rc<Shared>) -> Rc<Self> {
        assert!(!endpoints.is_empty(), "somebody must be there to be asked");
        Rc::new(Self {
            endpoints: endpoints.to_vec(),
            state_machine_arn: state_machine_arn.to_owned(),
            orders: orders.to_vec(),
            next: Cell::new(0),
            accepted: RefCell::default(),
            shared,
        })
    }

    /// The ARNs of what has been accepted so far.
    pub(super) fn accepted(&self) -> BTreeSet<String> {
        self.accepted.borrow().clone()
    }

    /// Starts the clients; the future gives the ARNs of the accepted executions when all orders have been started.
    pub(super) fn spawn(self: Rc<Self>) -> impl Future<Output = Result<BTreeSet<String>, ApiError>> {
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            clients.spawn_local(Rc::clone(&self).client());
        }
        async move {
            while let Some(client) = clients.join_next().await {
                client.expect("a client neither panics nor is cancelled")?;
            }
            Ok(self.accepted())
        }
    }

    async fn client(self: Rc<Self>) -> Result<(), ApiError> {
        let mut apis: Vec<Api> = self.endpoints.iter().map(Api::new).collect();
        while let Some((number, order)) = self.next_order().await {
            // Neighbours go to different servers.
            apis.rotate_left(number % self.endpoints.len());
            let arn = self.start(&mut apis, order).await?;
            self.accepted.borrow_mut().insert(arn);
            self.shared.accepted.set(self.shared.accepted.get() + 1);
        }
        Ok(())
    }

    /// The next order as soon as it is released.
    async fn next_order(&self) -> Option<(usize, &Order)> {
        let number = self.next.replace(self.next.get() + 1);
        let order = self.orders.get(number)?;
        while number >= self.shared.released.get() {
            sleep(RELEASE_POLL).await;
        }
        Some((number, order))
    }

    async fn start(&self, apis: &mut [Api], order: &Order) -> Result<String, ApiError> {
        let mut backoff = Backoff::new(START_PATIENCE);
        let began = Instant::now();
        loop {
            let start = apis[0].start_execution(&self.state_machine_arn, &order.name, &order.input);
            let answer = timeout(ANSWER_PATIENCE, start).await.unwrap_or(Err(ApiError::Http(HttpError::Timeout)));
            let error = match answer {
                Ok(arn) => {
                    self.shared.longest_start.set(self.shared.longest_start.get().max(began.elapsed()));
                    return Ok(arn);
                }
                Err(error) => error,
            };
            // An answer was lost in a fault, and the order has come to its end since.
            if backoff.has_waited() && error.code() == Some("ExecutionAlreadyExists") {
                return Ok(format!("{}:{}", self.state_machine_arn.replacen(":stateMachine:", ":execution:", 1), order.name));
            }
            if !error.is_passing() || !backoff.wait().await {
                return Err(error);
            }
            apis.rotate_left(1);
        }
    }
}
