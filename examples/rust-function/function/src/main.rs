//! A Lambda function on the public `lambda_runtime` crate: computes the check digit of an ISBN-13.

use lambda_runtime::{Diagnostic, Error, LambdaEvent, run, service_fn};
use serde::{Deserialize, Serialize};

/// The first twelve digits of an ISBN-13; dashes and spaces between them do not matter.
#[derive(Deserialize)]
struct Request {
    isbn: String,
}

#[derive(Serialize)]
struct Response {
    isbn: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(complete)).await
}

async fn complete(event: LambdaEvent<Request>) -> Result<Response, Diagnostic> {
    let digits: Vec<u32> = event
        .payload
        .isbn
        .chars()
        .filter_map(|c| c.to_digit(10))
        .collect();
    if digits.len() != 12 {
        return Err(Diagnostic {
            error_type: "InvalidIsbn".into(),
            error_message: format!("expected 12 digits, found {}", digits.len()),
        });
    }
    let number: String = digits
        .iter()
        .filter_map(|digit| char::from_digit(*digit, 10))
        .collect();
    Ok(Response {
        isbn: format!("{number}{}", check_digit(&digits)),
    })
}

/// Weights 1 and 3 in turn; the check digit fills the sum up to a multiple of ten.
fn check_digit(digits: &[u32]) -> u32 {
    let sum: u32 = digits
        .iter()
        .zip([1, 3].iter().cycle())
        .map(|(digit, weight)| digit * weight)
        .sum();
    (10 - sum % 10) % 10
}
