//! The course of a request: whoever drives it carries each [`Effect`] out, hands the answer back by
//! [`Ask::answer`](super::Ask::answer) and advances again. A request that needs nothing from outside but the origin is
//! decided in the first call.
//!
//! It is a coroutine driven by hand: [`Course::advance`] polls the line once with a waker that wakes nobody, so no
//! runtime is needed, and a test drives a request with a list of answers. Before it stands the shell, behind it the
//! line.

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
///
/// One is made for each request and dropped with it: what it holds beside the isolate's memory dies with the
/// request.
///
/// ```
/// use std::{cell::RefCell, rc::Rc};
///
/// use edge_session::config::Config;
/// use edge_session::fingerprint::FingerprintKey;
/// use edge_session::handler::{Course, Effect, Turn};
/// use edge_session::head::{Headers, RequestHead};
/// use edge_session::memory::Memory;
/// use edge_session::time::UnixTime;
///
/// let config = Config::from_vars(|name| match name {
///     "SUPABASE_URL" => Some("https://abc.supabase.co".to_owned()),
///     "SUPABASE_PUBLISHABLE_KEY" => Some("sb_publishable_x".to_owned()),
///     _ => None,
/// })?;
/// let memory = Rc::new(RefCell::new(Memory::new(FingerprintKey::new([7; 16]))));
/// let url = "https://site.example/about".to_owned();
/// let head = RequestHead::new("GET".to_owned(), url, Headers::default());
///
/// // Nobody is signed in and no rule holds: the first thing that is asked for is the origin.
/// let mut course = Course::new(Rc::new(config), head, memory);
/// let turn = course.advance(UnixTime::from_seconds(1_790_000_000));
/// assert!(matches!(turn, Turn::Ask(Effect::Forward(_))));
/// # Ok::<(), edge_session::config::ConfigError>(())
/// ```
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
    ///
    /// It must not be called again before the effect of the last turn was answered: there would be nothing to go on
    /// with. The time stands still until the next call, so all decisions between two effects see one clock.
    ///
    /// # Panics
    /// Where it is called again all the same: a mistake of whoever drives it, which no request can bring about.
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
