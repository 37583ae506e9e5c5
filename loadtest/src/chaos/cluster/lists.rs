//! Whether ListExecutions misses anything while things break: what was accepted before a list was asked for is in it.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::api::{Api, ApiError};
use crate::chaos::starter::Starter;
use crate::http::{Endpoint, HttpError};

const PAUSE: Duration = Duration::from_millis(700);
/// A page; a coordinator answers within seven seconds, if it can be reached.
const PAGE_PATIENCE: Duration = Duration::from_secs(10);
/// Of a list in which some are missing so many are named.
const NAMED_MAX: usize = 3;

/// Lists again and again, at one coordinator after the other.
#[derive(Debug)]
pub(super) struct Lists {
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) machine: String,
    pub(super) starter: Rc<Starter>,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Listed {
    pub(super) whole: usize,
    /// Lists that were refused, or not answered: whoever asks again is answered.
    pub(super) refused: usize,
    pub(super) problems: Vec<String>,
}

impl Listed {
    fn note(&mut self, accepted: &BTreeSet<String>, answer: Result<BTreeSet<String>, ApiError>) {
        match answer {
            Ok(found) => {
                let missing: Vec<&str> = accepted.difference(&found).map(String::as_str).collect();
                self.whole += usize::from(missing.is_empty());
                if !missing.is_empty() {
                    let named = missing[..missing.len().min(NAMED_MAX)].join(", ");
                    self.problems.push(format!("{} of {} are not listed: {named}", missing.len(), accepted.len()));
                }
            }
            Err(error) if error.is_passing() => self.refused += 1,
            Err(error) => self.problems.push(format!("a list: {error}")),
        }
    }
}

impl Lists {
    /// Until it is dropped.
    pub(super) async fn check_again_and_again(&self, listed: &std::cell::RefCell<Listed>) {
        for endpoint in self.endpoints.iter().cycle() {
            let accepted = self.starter.accepted();
            let answer = self.list(endpoint).await;
            listed.borrow_mut().note(&accepted, answer);
            sleep(PAUSE).await;
        }
    }

    async fn list(&self, endpoint: &Endpoint) -> Result<BTreeSet<String>, ApiError> {
        let mut api = Api::new(endpoint);
        let (mut found, mut next) = (BTreeSet::new(), None);
        loop {
            let page = timeout(PAGE_PATIENCE, api.list_executions(&self.machine, next)).await;
            let (arns, token) = page.unwrap_or(Err(ApiError::Http(HttpError::Timeout)))?;
            found.extend(arns);
            next = token;
            if next.is_none() {
                return Ok(found);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_may_be_longer_and_not_shorter() {
        let of = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let mut listed = Listed::default();
        listed.note(&of(&["a", "b"]), Ok(of(&["a", "b", "c"])));
        listed.note(&of(&["a", "b"]), Err(ApiError::Http(HttpError::Timeout)));
        assert_eq!((listed.whole, listed.refused, listed.problems.len()), (1, 1, 0));
        listed.note(&of(&["a", "b"]), Ok(of(&["b", "c"])));
        listed.note(&of(&[]), Err(ApiError::Shape("odd".to_owned())));
        assert_eq!((listed.whole, listed.problems.len()), (1, 2));
        assert!(listed.problems[0].contains("1 of 2 are not listed: a"), "{:?}", listed.problems);
    }
}
