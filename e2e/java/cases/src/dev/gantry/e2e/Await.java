package dev.gantry.e2e;

import java.time.Duration;
import java.util.concurrent.Callable;

/** Waits for a fact, never for a time. The limit only bounds how long a broken broker can hold a case up. */
final class Await {
    static final Duration LIMIT = Duration.ofSeconds(120);

    private static final long POLL_MILLIS = 10;

    private Await() {
    }

    static void until(String fact, Callable<Boolean> holds) throws InterruptedException {
        value(fact, () -> holds.call() ? Boolean.TRUE : null);
    }

    /** The first answer that is neither null nor an exception. */
    static <T> T value(String fact, Callable<T> ask) throws InterruptedException {
        long giveUp = System.nanoTime() + LIMIT.toNanos();
        Exception lastFailure = null;
        while (true) {
            try {
                T value = ask.call();
                if (value != null) {
                    return value;
                }
                lastFailure = null;
            } catch (InterruptedException e) {
                throw e;
            } catch (Exception e) {
                // A route that is not there yet is an exception in this client; only the last one is worth telling.
                lastFailure = e;
            }
            if (System.nanoTime() > giveUp) {
                throw new AssertionError("after " + LIMIT.toSeconds() + " s still not true: " + fact, lastFailure);
            }
            Thread.sleep(POLL_MILLIS);
        }
    }
}
