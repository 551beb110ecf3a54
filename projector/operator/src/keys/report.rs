//! How keys are shown.

use chrono::{DateTime, SecondsFormat, Utc};

use super::{Created, KeyShown, KeyState, Listing, Revoked};
use crate::output::Report;

fn time(time: Option<DateTime<Utc>>) -> String {
    time.map_or(String::new(), |time| time.to_rfc3339_opts(SecondsFormat::Secs, true))
}

fn header() -> Vec<&'static str> {
    vec!["key id", "role", "user", "state", "created", "expires", "revoked", "last used"]
}

fn row(key: &KeyShown) -> Vec<String> {
    let state = match key.state {
        KeyState::Active => "active",
        KeyState::Expired => "expired",
        KeyState::Revoked => "revoked",
    };
    vec![
        key.key_id.clone(),
        key.role.to_owned(),
        key.user.clone().unwrap_or_default(),
        state.to_owned(),
        time(Some(key.created_at)),
        time(key.expires_at),
        time(key.revoked_at),
        time(key.last_used_at),
    ]
}

impl Report for Created {
    fn header(&self) -> Vec<&'static str> {
        vec!["key id", "role", "user", "expires"]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let expires = self.expires_at.map_or("never".to_owned(), |end| time(Some(end)));
        vec![vec![self.key_id.clone(), self.role.to_owned(), self.user.clone().unwrap_or_default(), expires]]
    }

    fn summary(&self) -> Option<String> {
        Some(format!("{}\nThis is the only time that the key is shown.", self.key))
    }
}

impl Report for Listing {
    fn header(&self) -> Vec<&'static str> {
        header()
    }

    fn rows(&self) -> Vec<Vec<String>> {
        self.items.iter().map(row).collect()
    }

    fn summary(&self) -> Option<String> {
        let active = self.items.iter().filter(|key| key.state == KeyState::Active).count();
        Some(format!("{} keys, {active} of them active", self.items.len()))
    }
}

impl Report for Revoked {
    fn header(&self) -> Vec<&'static str> {
        header()
    }

    fn rows(&self) -> Vec<Vec<String>> {
        vec![row(&self.key)]
    }

    fn summary(&self) -> Option<String> {
        Some(format!("it is refused within {} seconds, and its streams end", self.refused_within_seconds))
    }
}
