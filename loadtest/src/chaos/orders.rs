//! The orders to run: the example's inputs, each with an order id of its own, and what must become of each.

use std::path::Path;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use crate::check::Expectation;
use crate::random::Random;

/// Of 100 orders, so many take some time in one of their steps, so that a kill finds handlers at work.
const SLOW_PERCENT: u64 = 70;
/// How long such a step takes at most, in milliseconds.
const SLOW_MS_MAX: u64 = 600;
const SLOW_STATES: [&str; 5] = ["ValidateOrder", "CheckInventory", "ProcessPayment", "UpdateInventory", "SendConfirmation"];

/// One order.
#[derive(Clone, Debug)]
pub(super) struct Order {
    /// Name of its execution, and its order id.
    pub(super) name: String,
    pub(super) input: String,
    pub(super) expectation: Expectation,
}

/// One of the example's inputs with what it must come to.
#[derive(Debug)]
struct Case {
    input: Value,
    expected: Value,
}

/// `count` orders over the cases of the example's `inputs` and `expected` folders.
pub(super) fn plan(example: &Path, count: u32, random: &mut Random) -> anyhow::Result<Vec<Order>> {
    let cases = read_cases(example)?;
    (0..count).map(|number| cases[random.below(cases.len() as u64) as usize].order(number, random)).collect()
}

fn read_cases(example: &Path) -> anyhow::Result<Vec<Case>> {
    let inputs = example.join("inputs");
    let listing = std::fs::read_dir(&inputs).with_context(|| format!("no inputs in {}", inputs.display()))?;
    let mut files = listing.map(|entry| Ok(entry?.file_name())).collect::<std::io::Result<Vec<_>>>()?;
    files.sort();
    let read = |folder: &str, file: &std::ffi::OsString| -> anyhow::Result<Value> {
        let path = example.join(folder).join(file);
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))
    };
    if files.is_empty() {
        bail!("{} is empty", inputs.display());
    }
    files.iter().map(|file| Ok(Case { input: read("inputs", file)?, expected: read("expected", file)? })).collect()
}

impl Case {
    /// This case under another order id, with some time to take in some state.
    fn order(&self, number: u32, random: &mut Random) -> anyhow::Result<Order> {
        let id = self.input["orderId"].as_str().context("an input without an orderId")?;
        let name = format!("chaos-{number:05}");
        let rename = |document: &Value| -> anyhow::Result<Value> { Ok(serde_json::from_str(&document.to_string().replace(id, &name))?) };
        let (mut input, expected) = (rename(&self.input)?, rename(&self.expected)?);
        if random.chance(SLOW_PERCENT) {
            let state = SLOW_STATES[random.below(SLOW_STATES.len() as u64) as usize];
            let millis = random.below(SLOW_MS_MAX);
            input["simulate"][state]["seconds"] = json!(millis as f64 / 1e3);
        }
        let status = expected["status"].as_str().context("an expectation without a status")?;
        let error = expected["error"].as_str().map(str::to_owned);
        let expectation = Expectation::new(status, expected.get("output").cloned(), error);
        Ok(Order { name, input: input.to_string(), expectation })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_the_examples_cases_under_their_own_ids() {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/order-processing");
        let plan = |seed| plan(&example, 50, &mut Random::new(seed)).expect("the example is whole");
        let orders = plan(3);
        assert_eq!(orders.len(), 50);
        for order in &orders {
            assert!(order.input.contains(&order.name) && !order.input.contains("o-10"), "{order:?}");
            let output = order.expectation.output.as_ref().map(Value::to_string).unwrap_or_default();
            assert_eq!(order.expectation.status == "SUCCEEDED", output.contains(&order.name), "{order:?}");
        }
        let inputs = |orders: &[Order]| orders.iter().map(|order| order.input.clone()).collect::<Vec<_>>();
        assert_eq!(inputs(&orders), inputs(&plan(3)));
        assert_ne!(inputs(&orders), inputs(&plan(4)));
    }
}
