//! Hands a token to a client that nobody polls (an administrator's), and so never asks for one.

use std::ffi::{CString, c_char};
use std::ptr;

use rdkafka::bindings as c;
use rdkafka::client::{Client, ClientContext, OAuthToken};

/// Longest text of an error.
const WORDS: usize = 512;

pub(crate) fn set_token<C: ClientContext>(client: &Client<C>, token: &OAuthToken) -> Result<(), String> {
    let text = |text: &str| CString::new(text).map_err(|_| "the token holds a zero byte".to_owned());
    let (value, principal) = (text(&token.token)?, text(&token.principal_name)?);
    let mut words = [0 as c_char; WORDS];
    // SAFETY: the client lives during the call; all texts end with a zero byte and are copied; there are no extensions, so their
    // pointer is not read; the buffer is as long as said.
    let code = unsafe {
        c::rd_kafka_oauthbearer_set_token(
            client.native_ptr(),
            value.as_ptr(),
            token.lifetime_ms,
            principal.as_ptr(),
            ptr::null_mut(),
            0,
            words.as_mut_ptr(),
            words.len(),
        )
    };
    if code == c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
        return Ok(());
    }
    // SAFETY: librdkafka ends its text with a zero byte, within the buffer.
    Err(unsafe { super::call::copied(words.as_ptr()) }.unwrap_or_default())
}
