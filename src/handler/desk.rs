//! Where a request asks for what it cannot do itself.
//!
//! The stages are `async fn`s, but nothing here is a promise and nothing wakes
//! anything: the only thing a stage can wait for is the answer to an
//! [`Effect`].
//!
//! At most one question is open at a time: a stage asks and waits, and the course hands the question out. What
//! nobody waits for is put aside as [`Deferred`] and carried out behind the answer.

use std::cell::{Cell, RefCell, RefMut};
use std::rc::Rc;
use std::task::Poll;

use crate::memory::{Memory, SharedMemory};
use crate::time::UnixTime;

use super::effect::{Ask, Deferred, Effect};

/// What a stage may use of the world: the clock as it stood when the course was last advanced, the isolate's
/// memory, and the way to ask for more.
#[derive(Debug)]
pub(super) struct Desk {
    clock: Cell<UnixTime>,
    deferred: RefCell<Vec<Deferred>>,
    effect: RefCell<Option<Effect>>,
    memory: SharedMemory,
}

impl Desk {
    pub(super) fn new(memory: SharedMemory) -> Self {
        Self {
            clock: Cell::default(),
            deferred: RefCell::default(),
            effect: RefCell::default(),
            memory,
        }
    }

    /// The time of the clock from here on.
    pub(super) fn set_clock(&self, now: UnixTime) {
        self.clock.set(now);
    }

    /// Takes what is asked for.
    pub(super) fn take_effect(&self) -> Option<Effect> {
        self.effect.take()
    }

    /// Takes what was left to be done behind the visitor's back.
    pub(super) fn take_deferred(&self) -> Vec<Deferred> {
        self.deferred.take()
    }

    /// The clock as the shell last read it. It moves only while an effect is carried out, as the runtime's own
    /// does.
    pub(super) const fn now(&self) -> UnixTime {
        self.clock.get()
    }

    /// The isolate's memory. Nobody holds it while waiting: other requests of the isolate are decided meanwhile.
    pub(super) fn memory(&self) -> RefMut<'_, Memory> {
        self.memory.borrow_mut()
    }

    /// Leaves something to be done once the visitor has his answer; the shell keeps the isolate alive for it
    /// (`waitUntil`).
    pub(super) fn later(&self, deferred: Deferred) {
        self.deferred.borrow_mut().push(deferred);
    }

    /// Asks, and waits for the answer.
    ///
    /// The slot lies on the heap since the question leaves this borrow: the shell holds it while other requests of
    /// the isolate use the same memory.
    pub(super) async fn ask<Q, A>(&self, effect: fn(Ask<Q, A>) -> Effect, question: Q) -> A {
        let slot = Rc::new(Cell::new(None));
        let ask = Ask::new(question, Rc::clone(&slot));
        *self.effect.borrow_mut() = Some(effect(ask));
        std::future::poll_fn(|_| slot.take().map_or(Poll::Pending, Poll::Ready)).await
    }
}
