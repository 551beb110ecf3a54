//! The scheduler: polls one woken task at a time, and which one is a choice of the schedule. When no task is woken, the
//! paused clock of the runtime moves to the next timer. It must never poll a task of a process that was killed.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use crate::world::World;

/// Whose tasks are killed together.
pub type ProcessId = u32;

type Task = Pin<Box<dyn Future<Output = ()>>>;

struct Slot {
    process: ProcessId,
    name: String,
    /// Taken out while it is polled.
    task: Option<Task>,
    /// When it was polled last, in polls of all.
    polled: u64,
    waker: Waker,
}

/// Numbers of woken tasks, each once, and who waits for one.
#[derive(Default)]
struct Woken {
    queue: Mutex<(Vec<usize>, Option<Waker>)>,
}

struct TaskWaker {
    number: usize,
    woken: Arc<Woken>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        let mut queue = self.woken.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if !queue.0.contains(&self.number) {
            queue.0.push(self.number);
        }
        if let Some(main) = queue.1.take() {
            main.wake();
        }
    }
}

/// The tasks of one schedule. Cheap to clone.
#[derive(Clone, Default)]
pub struct Tasks {
    slots: Rc<RefCell<Vec<Option<Slot>>>>,
    woken: Arc<Woken>,
}

impl Tasks {
    pub fn spawn(&self, process: ProcessId, name: &str, task: impl Future<Output = ()> + 'static) {
        let mut slots = self.slots.borrow_mut();
        let number = slots.len();
        let waker: Arc<TaskWaker> = Arc::new(TaskWaker { number, woken: Arc::clone(&self.woken) });
        Arc::clone(&waker).wake();
        let waker = Waker::from(waker);
        slots.push(Some(Slot { process, name: name.to_owned(), task: Some(Box::pin(task)), polled: 0, waker }));
    }

    /// Drops every task of a process, as `kill -9` would. Must not be called by one of them.
    pub fn kill(&self, process: ProcessId) {
        let mut killed = Vec::new();
        for slot in self.slots.borrow_mut().iter_mut() {
            if slot.as_ref().is_some_and(|slot| slot.process == process) {
                killed.push(slot.take());
            }
        }
        // What they drop may wake others, so no borrow is held here.
        drop(killed);
    }

    /// Runs the tasks until `is_over`, which is asked before each poll.
    pub async fn run(&self, world: &World, mut is_over: impl FnMut() -> bool) {
        poll_fn(|context| {
            loop {
                if is_over() {
                    return Poll::Ready(());
                }
                let Some(number) = self.pick(world, context) else { return Poll::Pending };
                self.poll(world, number);
            }
        })
        .await;
        // Tasks hold each other and the world: without this nothing of a schedule would ever be freed.
        let slots = std::mem::take(&mut *self.slots.borrow_mut());
        drop(slots);
    }

    /// Takes one of the woken tasks; with none, asks to be woken by the next.
    fn pick(&self, world: &World, context: &Context<'_>) -> Option<usize> {
        let mut queue = self.woken.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let slots = self.slots.borrow();
        queue.0.retain(|number| slots.get(*number).is_some_and(Option::is_some));
        if queue.0.is_empty() {
            queue.1 = Some(context.waker().clone());
            return None;
        }
        // The one that has waited longest comes first. Not the one that woke first: tokio's channels wake in an order that is
        // random on purpose.
        queue
            .0
            .sort_by_key(|number| (slots.get(*number).and_then(Option::as_ref).map_or(0, |slot| slot.polled), *number));
        let at = world.pick_task(queue.0.len());
        Some(queue.0.remove(at))
    }

    fn poll(&self, world: &World, number: usize) {
        let taken = self.slots.borrow_mut().get_mut(number).and_then(Option::as_mut).and_then(|slot| {
            slot.polled = world.steps();
            slot.task.take().map(|task| (task, slot.waker.clone()))
        });
        let Some((mut task, waker)) = taken else { return };
        world.polled(|| self.name_of(number));
        let done = task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
        let mut slots = self.slots.borrow_mut();
        let Some(place) = slots.get_mut(number) else { return };
        if done {
            *place = None;
        } else if let Some(slot) = place {
            slot.task = Some(task);
            return;
        }
        drop(slots);
        // Ended, or killed from within: dropped without a borrow.
        drop(task);
    }

    fn name_of(&self, number: usize) -> String {
        self.slots.borrow().get(number).and_then(Option::as_ref).map_or_else(String::new, |slot| slot.name.clone())
    }
}
