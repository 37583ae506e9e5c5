//! Trying again, a bounded number of times.

use std::time::Duration;

use super::StoreError;

/// Tries of one call, the first included.
const ATTEMPTS_MAX: u32 = 7;
const DELAY_FIRST: Duration = Duration::from_millis(100);
const DELAY_MAX: Duration = Duration::from_secs(2);

/// Calls until there is an answer, a refusal that stays, or the tries are used up.
pub(crate) async fn retried<T, F: Future<Output = Result<T, StoreError>>>(mut call: impl FnMut() -> F) -> Result<T, StoreError> {
    let mut tries = Tries::default();
    loop {
        match call().await {
            Ok(answer) => return Ok(answer),
            Err(error) => tries.again(error).await?,
        }
    }
}

/// How often something has failed.
#[derive(Debug, Default)]
pub(crate) struct Tries(u32);

impl Tries {
    /// Waits if there is a point in another try, or gives the error back.
    pub(crate) async fn again(&mut self, error: StoreError) -> Result<(), StoreError> {
        self.0 += 1;
        if self.0 >= ATTEMPTS_MAX || !error.is_passing() {
            return Err(error);
        }
        tokio::time::sleep((DELAY_FIRST * 2_u32.pow(self.0 - 1)).min(DELAY_MAX)).await;
        Ok(())
    }
}
