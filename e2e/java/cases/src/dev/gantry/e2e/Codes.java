package dev.gantry.e2e;

import java.util.ArrayList;
import java.util.List;

import org.apache.rocketmq.remoting.protocol.RemotingCommand;

/** The codes of many answers, told together, so that one run shows every one that is wrong. */
final class Codes {
    private final List<String> wrong = new ArrayList<>();

    void expect(int code, String what, RemotingCommand answer) {
        if (answer.getCode() != code) {
            wrong.add(what + ": expected " + code + ", got " + answer.getCode() + " (" + answer.getRemark() + ")");
        }
    }

    void areAsExpected() {
        Expect.that("codes\n" + String.join("\n", wrong), wrong.isEmpty());
    }
}
