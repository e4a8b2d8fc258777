package dev.gantry.e2e;

/** One thing an unmodified client must be able to do. Returns when it was done, throws when it was not. */
@FunctionalInterface
interface Case {
    void run(Stage stage) throws Exception;
}
