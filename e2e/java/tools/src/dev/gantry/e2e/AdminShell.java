package dev.gantry.e2e;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;

import org.apache.rocketmq.tools.command.MQAdminStartup;

/**
 * mqadmin, many times in one process: each line of standard input is a command with its arguments, and its output ends
 * with a line {@code @@ end}. An empty line asks for the list of commands.
 */
public final class AdminShell extends MQAdminStartup {
    public static void main(String[] args) {
        System.setErr(System.out);
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8)).lines().forEach(AdminShell::run);
        System.exit(0);
    }

    private static void run(String command) {
        // Some commands keep a client, which after the first use is closed or talks to another cluster.
        SUB_COMMANDS.clear();
        main0(command.isBlank() ? new String[0] : command.split(" "), null);
        // On a line of its own also after a command that does not end its last.
        System.out.println("\n@@ end");
        System.out.flush();
    }
}
