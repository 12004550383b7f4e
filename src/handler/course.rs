//! The course of a request: whoever drives it carries each [`Effect`] out, hands the answer back by
//! [`Ask::answer`](super::Ask::answer) and advances again. A request that needs nothing from outside but the origin is
//! decided in the first call.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::config::Config;
use crate::head::RequestHead;
use crate::memory::SharedMemory;
use crate::time::UnixTime;

use super::desk::Desk;
use super::effect::{Deferred, Effect};
use super::ending::Ending;
use super::line::{self, Served};
use super::routes;
use super::routes::table::RouteRequest;
use super::visit::Visit;

/// One request on its way from its head to its end.
pub struct Course {
    desk: Rc<Desk>,
    line: Pin<Box<dyn Future<Output = Ending>>>,
}

/// What happens next.
#[derive(Debug)]
#[must_use]
pub enum Turn {
    /// Carry this out, answer it, and advance.
    Ask(Effect),
    /// The request is decided: this leaves.
    End(Box<Ending>),
}

impl Course {
    /// A course that has not begun.
    #[must_use]
    pub fn new(config: Rc<Config>, head: RequestHead, memory: SharedMemory) -> Self {
        let desk = Rc::new(Desk::new(memory));
        let line = Box::pin(serve(Rc::clone(&desk), config, head));
        Self { desk, line }
    }

    /// Goes on as far as it can without the world; `now` is the clock's time.
    pub fn advance(&mut self, now: UnixTime) -> Turn {
        self.desk.set_clock(now);
        let mut context = Context::from_waker(Waker::noop());
        match self.line.as_mut().poll(&mut context) {
            Poll::Ready(ending) => Turn::End(Box::new(ending)),
            Poll::Pending => match self.desk.take_effect() {
                Some(effect) => Turn::Ask(effect),
                None => unreachable!("a course was advanced before its effect was answered"),
            },
        }
    }

    /// Takes what was left to be done behind the visitor's back.
    pub fn take_deferred(&self) -> Vec<Deferred> {
        self.desk.take_deferred()
    }
}

async fn serve(desk: Rc<Desk>, config: Rc<Config>, head: RequestHead) -> Ending {
    match line::serve(&desk, config, head).await {
        Served::Ended(ending) => *ending,
        Served::Route(visit, route) => aside(&desk, *visit, route).await,
    }
}

/// The Worker's own routes, behind a pointer: whoever asks for a page of the site neither runs nor compiles them.
#[inline(never)]
fn aside(
    desk: &Desk,
    visit: Visit,
    route: RouteRequest,
) -> Pin<Box<dyn Future<Output = Ending> + '_>> {
    Box::pin(routes::serve(desk, visit, route))
}
