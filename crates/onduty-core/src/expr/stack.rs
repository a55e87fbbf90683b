//! A thread with a stack of its own: parsing and evaluating recurse as deep as a team nested its expression, and a
//! stack that overflows aborts the whole server.

use std::cell::Cell;

/// Size of that stack, in bytes. The deepest expression that the scanner lets through needs less than half of it
/// without optimisation (see the test `the_deepest_expression_needs_half_the_stack`).
pub(super) const STACK_BYTES: usize = 16 * 1024 * 1024;

thread_local! {
    static ON_BIG_STACK: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work` on a thread with a stack of 16 MiB and waits for it; runs it right here when this is such a thread.
///
/// Compiling and evaluating call this themselves. Whoever does many of them in a row (a whole file, a whole pass of
/// the engine) wraps all of them in one call, so that one thread serves them all. A panic of `work` goes on here.
///
/// # Panics
/// When the machine has no thread to give, like [`std::thread::spawn`].
pub fn with_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    if ON_BIG_STACK.get() {
        return work();
    }
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("expressions".to_owned()).stack_size(STACK_BYTES);
        let spawned = thread.spawn_scoped(scope, || {
            ON_BIG_STACK.set(true);
            work()
        });
        match spawned {
            Ok(handle) => handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(error) => panic!("no thread for expressions: {error}"),
        }
    })
}

/// Lets work run on the stack of this thread, to measure what it needs.
#[cfg(test)]
pub(super) fn pretend_big_stack() {
    ON_BIG_STACK.set(true);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_calls_stay_on_one_thread() {
        let outer = std::thread::current().id();
        let (first, second) = with_stack(|| (std::thread::current().id(), with_stack(|| std::thread::current().id())));
        assert_ne!(outer, first);
        assert_eq!(first, second);
    }

    #[test]
    fn a_panic_reaches_the_caller() {
        let caught = std::panic::catch_unwind(|| with_stack(|| panic!("as it should")));
        assert!(caught.is_err());
    }
}
