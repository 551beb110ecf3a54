//! The one point at which a task of the simulation lets others run: everything that waits does it through here.

use std::future::poll_fn;
use std::task::Poll;

/// Lets others run first, if the schedule wants it so.
pub async fn give_way() {
    let mut given = false;
    poll_fn(|context| {
        if given {
            return Poll::Ready(());
        }
        given = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
