//! One request, and the error when its answer is a refusal.

use super::{Error, Links};
use gantry_remoting::{CommandBuf, RequestCode, ResponseCode};
use std::time::Duration;

/// Sends `command` to `addr`; any answer but SUCCESS is an error.
///
/// # Errors
/// No connection, no answer in time, or a refusal.
pub async fn call(
    links: &Links,
    addr: &str,
    command: CommandBuf,
    timeout: Duration,
) -> Result<CommandBuf, Error> {
    let request = RequestCode(command.code);
    accept(addr, request, links.request(addr, command, timeout).await?)
}

/// Passes an answer whose code is SUCCESS.
///
/// # Errors
/// The refusal, with code and remark.
pub fn accept(addr: &str, request: RequestCode, answer: CommandBuf) -> Result<CommandBuf, Error> {
    match answer.response_code() {
        ResponseCode::SUCCESS => Ok(answer),
        code => Err(Error::Refused {
            addr: addr.to_owned(),
            request,
            code,
            remark: answer.remark.unwrap_or_default(),
        }),
    }
}
