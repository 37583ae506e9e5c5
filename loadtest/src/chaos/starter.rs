//! Starts the orders, whatever the server is doing: a client that repeats the same start until it is answered.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use super::Shared;
use super::orders::Order;
use crate::api::{Api, ApiError};
use crate::backoff::Backoff;
use crate::http::Endpoint;

const CLIENTS: usize = 8;
/// Longer than any restart.
const START_PATIENCE: Duration = Duration::from_secs(120);
const RELEASE_POLL: Duration = Duration::from_millis(10);

/// The clients and what they share.
#[derive(Debug)]
pub(super) struct Starter {
    endpoint: Endpoint,
    state_machine_arn: String,
    orders: Vec<Order>,
    next: Cell<usize>,
    accepted: RefCell<BTreeSet<String>>,
    shared: Rc<Shared>,
}

impl Starter {
    pub(super) fn new(endpoint: &Endpoint, state_machine_arn: &str, orders: &[Order], shared: Rc<Shared>) -> Rc<Self> {
        Rc::new(Self {
            endpoint: endpoint.clone(),
            state_machine_arn: state_machine_arn.to_owned(),
            orders: orders.to_vec(),
            next: Cell::new(0),
            accepted: RefCell::default(),
            shared,
        })
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
            Ok(self.accepted.take())
        }
    }

    async fn client(self: Rc<Self>) -> Result<(), ApiError> {
        let mut api = Api::new(&self.endpoint);
        while let Some(order) = self.next_order().await {
            let arn = self.start(&mut api, order).await?;
            self.accepted.borrow_mut().insert(arn);
            self.shared.accepted.set(self.shared.accepted.get() + 1);
        }
        Ok(())
    }

    /// The next order as soon as it is released.
    async fn next_order(&self) -> Option<&Order> {
        let number = self.next.replace(self.next.get() + 1);
        let order = self.orders.get(number)?;
        while number >= self.shared.released.get() {
            sleep(RELEASE_POLL).await;
        }
        Some(order)
    }

    async fn start(&self, api: &mut Api, order: &Order) -> Result<String, ApiError> {
        let mut backoff = Backoff::new(START_PATIENCE);
        loop {
            let error = match api.start_execution(&self.state_machine_arn, &order.name, &order.input).await {
                Ok(arn) => return Ok(arn),
                Err(error) => error,
            };
            // An answer was lost in a kill, and the order has come to its end since.
            if backoff.has_waited() && error.code() == Some("ExecutionAlreadyExists") {
                return Ok(format!("{}:{}", self.state_machine_arn.replacen(":stateMachine:", ":execution:", 1), order.name));
            }
            if !error.is_passing() || !backoff.wait().await {
                return Err(error);
            }
        }
    }
}
