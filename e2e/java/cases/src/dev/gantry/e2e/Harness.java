package dev.gantry.e2e;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;

/**
 * The one who started this program. It owns the servers and other processes; a case asks it to act by a line
 * {@code @@ action} on standard output and goes on when {@code @@ done} comes back on standard input.
 */
final class Harness {
    private final BufferedReader answers = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));

    /** The next case to run, with its arguments; null when there is none. */
    String nextCase() throws IOException {
        return answers.readLine();
    }

    /** Says how it went. */
    void ended(boolean held) {
        System.out.println(held ? "@@ held" : "@@ failed");
        System.out.flush();
    }

    /** Stops the broker as an operator would, and starts it again on the same store. */
    void restartBroker() throws IOException {
        ask("restart-broker");
    }

    /** Kills the broker without warning, and starts it again on the same store. */
    void killBroker() throws IOException {
        ask("kill-broker");
    }

    /** Starts a second process of the same client running another case. */
    void startPeer(String caseName, String... args) throws IOException {
        ask("start-peer " + caseName + " " + String.join(" ", args));
    }

    /** Kills that process without warning. */
    void killPeer() throws IOException {
        ask("kill-peer");
    }

    /** Does to the servers what this run is about; returns when they are as they shall be again. */
    void disturb() throws IOException {
        ask("disturb");
    }

    private synchronized void ask(String action) throws IOException {
        System.out.println("@@ " + action);
        System.out.flush();
        String answer = answers.readLine();
        if (!"@@ done".equals(answer)) {
            throw new AssertionError("asked the harness to " + action + ", it answered: " + answer);
        }
    }
}
