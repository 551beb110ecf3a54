//! Dropping a Kafka client without waiting for it. `rd_kafka_destroy` joins the client's threads, and in this librdkafka it
//! may not come back at all when a broker went away and returned in between (librdkafka issue 4674): whoever opens clients
//! again and again would stand still for ever, in silence. So such clients are dropped on a thread of their own.
//!
//! What is left to a thread that hangs is memory and an idle connection. It must never be relied on for an effect of the
//! drop: a producer is fenced by its successor, not by being gone.

use std::ops::Deref;
use std::thread;

/// A client that goes away in the background.
pub struct DroppedAside<T: Send + 'static>(Option<T>);

impl<T: Send + 'static> DroppedAside<T> {
    pub fn new(client: T) -> Self {
        Self(Some(client))
    }
}

impl<T: Send + 'static> Deref for DroppedAside<T> {
    type Target = T;

    #[expect(clippy::expect_used, reason = "the client is taken out by drop alone, after which nobody can ask")]
    fn deref(&self) -> &T {
        self.0.as_ref().expect("a client that was not dropped")
    }
}

impl<T: Send + 'static> Drop for DroppedAside<T> {
    fn drop(&mut self) {
        let client = self.0.take();
        // Where no thread can be made the closure is dropped here and now, and the client with it.
        drop(thread::Builder::new().name("kafka-drop".to_owned()).spawn(move || drop(client)));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// Its drop comes back only when it is allowed to.
    struct Hanging(Receiver<()>, Sender<()>);

    impl Drop for Hanging {
        fn drop(&mut self) {
            self.0.recv().expect("allowed");
            self.1.send(()).expect("somebody waits");
        }
    }

    #[test]
    fn a_drop_that_hangs_holds_nobody_up() {
        let ((allow, allowed), (done, is_done)) = (channel(), channel());
        drop(DroppedAside::new(Hanging(allowed, done)));
        allow.send(()).expect("it waits");
        is_done.recv().expect("dropped in the end");
    }
}
