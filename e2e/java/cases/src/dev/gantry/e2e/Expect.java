package dev.gantry.e2e;

import java.util.Arrays;
import java.util.Objects;

/** Assertions that say what was compared. */
final class Expect {
    /** Something that is expected to fail. */
    @FunctionalInterface
    interface Attempt {
        void run() throws Exception;
    }

    private Expect() {
    }

    static void that(String fact, boolean holds) {
        if (!holds) {
            throw new AssertionError("not true: " + fact);
        }
    }

    static void equal(String what, Object expected, Object actual) {
        if (!Objects.equals(expected, actual)) {
            throw new AssertionError(what + ": expected <" + expected + ">, got <" + actual + ">");
        }
    }

    static void equalBytes(String what, byte[] expected, byte[] actual) {
        if (!Arrays.equals(expected, actual)) {
            throw new AssertionError(what + ": expected " + expected.length + " bytes, got "
                + (actual == null ? "none" : actual.length + " bytes, first difference at " + Arrays.mismatch(expected, actual)));
        }
    }

    static <E extends Exception> E failure(String what, Class<E> kind, Attempt attempt) {
        try {
            attempt.run();
        } catch (Exception e) {
            if (kind.isInstance(e)) {
                return kind.cast(e);
            }
            throw new AssertionError(what + ": expected " + kind.getSimpleName() + ", got " + e, e);
        }
        throw new AssertionError(what + ": expected " + kind.getSimpleName() + ", but it succeeded");
    }
}
