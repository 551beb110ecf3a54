//! Tokens by which a client logs in (SASL OAUTHBEARER): the words of a file that somebody else renews, as Kubernetes and most agents of
//! identity providers do it (`sasl.oauthbearer.config=token-file=FILE`). It is read again before a token ends.
//!
//! It must never show a token, nor judge one: that is the broker's.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ledger_tls::pem;
use rdkafka::client::OAuthToken;
use serde::Deserialize;

use crate::property_files::token_file;

/// How long a token counts that does not say so itself: then the file is read again.
const UNSAID_LIFETIME: Duration = Duration::from_secs(60);
/// Who logs in where the token does not say so. The broker looks at the token alone.
const UNSAID_PRINCIPAL: &str = "ledger";

/// What is read of a token's middle part, if it has one (RFC 7519).
#[derive(Debug, Default, Deserialize)]
struct Claims {
    /// Seconds since 1970.
    exp: Option<f64>,
    sub: Option<String>,
}

/// The token of now, as librdkafka asks for it: `config` is `sasl.oauthbearer.config`.
///
/// # Errors
/// What is wrong with the file; librdkafka tries again ten seconds later.
pub fn oauth_token(config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
    let file = config.and_then(token_file);
    let file = file.ok_or("sasl.oauthbearer.config: expected token-file=FILE")?;
    let unusable = |problem: &str| format!("the token file {file} {problem}");
    let text = String::from_utf8(pem::read(Path::new(file)).map_err(|problem| unusable(&problem))?)
        .map_err(|_| unusable("is no text"))?;
    let token = text.trim();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(unusable("holds no token: it is one word").into());
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(described(token, now))
}

fn described(token: &str, now: Duration) -> OAuthToken {
    let claims = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok());
    let claims: Claims = claims.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default();
    let until = claims.exp.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    // One that is over is for the broker to refuse; librdkafka takes none that ends in its past.
    let until = until.filter(|until| *until > now).unwrap_or(now + UNSAID_LIFETIME);
    OAuthToken {
        token: token.to_owned(),
        principal_name: claims
            .sub
            .filter(|name| !name.is_empty() && !name.contains('\0'))
            .unwrap_or_else(|| UNSAID_PRINCIPAL.to_owned()),
        lifetime_ms: i64::try_from(until.as_millis()).unwrap_or(i64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_000);

    fn jwt(claims: &str) -> String {
        format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn a_token_says_until_when_it_counts() {
        for (token, principal, lifetime_ms) in [
            (jwt(r#"{"exp":2000,"sub":"shop","aud":["kafka"]}"#), "shop", 2_000_000),
            (jwt(r#"{"exp":2000.5}"#), "ledger", 2_000_500),
            (jwt(r#"{"sub":""}"#), "ledger", 1_060_000),
            (jwt(r#"{"exp":500,"sub":"shop"}"#), "shop", 1_060_000),
            (jwt("no json"), "ledger", 1_060_000),
            ("opaque".to_owned(), "ledger", 1_060_000),
            (jwt(r#"{"exp":1e300}"#), "ledger", 1_060_000),
        ] {
            let described = described(&token, NOW);
            assert_eq!((described.principal_name.as_str(), described.lifetime_ms), (principal, lifetime_ms), "{token}");
            assert_eq!(described.token, token);
        }
    }

    #[test]
    fn a_file_without_a_token_is_named() {
        let path = std::env::temp_dir().join(format!("ledger-kafka-token-{}", std::process::id()));
        let config = format!("token-file={}", path.display());
        let told = |text: &str| {
            std::fs::write(&path, text).expect("a file");
            oauth_token(Some(&config)).map(|token| token.token).map_err(|error| error.to_string())
        };
        assert_eq!(told(" e30.e30.x\n"), Ok("e30.e30.x".to_owned()));
        for bad in ["", "two words", "é"] {
            let error = told(bad).expect_err(bad);
            assert!(error.ends_with("holds no token: it is one word") && !error.contains("two"), "{error}");
        }
        std::fs::remove_file(&path).expect("it was there");
        let error = oauth_token(Some(&config)).map(drop).expect_err("it is gone").to_string();
        assert!(error.contains("cannot be read"), "{error}");
        assert!(oauth_token(None).is_err() && oauth_token(Some("principal=admin")).is_err());
    }
}
