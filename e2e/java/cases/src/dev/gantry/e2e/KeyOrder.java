package dev.gantry.e2e;

import java.util.HashMap;
import java.util.Map;

/**
 * The order of each key as all members of a group together saw it. A message may come again, since delivery is at least
 * once; what may not happen is that one is skipped, or that two members work on one queue at the same time.
 */
final class KeyOrder {
    private final int[] next;
    private final Map<Integer, String> busy = new HashMap<>();
    private final Map<String, Integer> perMember = new HashMap<>();
    private final Map<String, Integer> perMemberAndQueue = new HashMap<>();
    private String violation;
    private int redelivered;

    KeyOrder(int keys) {
        this.next = new int[keys];
    }

    synchronized void begin(String member, int queueId) {
        String other = busy.putIfAbsent(queueId, member);
        if (other != null) {
            violate(member + " was given a message of queue " + queueId + " while " + other + " was working on another");
        }
    }

    synchronized void delivered(String member, int queueId, int key, int sequence) {
        if (sequence > next[key]) {
            violate(member + " got " + sequence + " of key " + key + " in queue " + queueId + " before " + next[key]);
        } else if (sequence < next[key]) {
            redelivered++;
        } else {
            next[key]++;
        }
        perMember.merge(member, 1, Integer::sum);
        perMemberAndQueue.merge(member + "/" + queueId, 1, Integer::sum);
    }

    synchronized void end(int queueId) {
        busy.remove(queueId);
    }

    synchronized int deliveredTo(String member) {
        return perMember.getOrDefault(member, 0);
    }

    synchronized int deliveredTo(String member, int queueId) {
        return perMemberAndQueue.getOrDefault(member + "/" + queueId, 0);
    }

    synchronized int nextOf(int key) {
        return next[key];
    }

    synchronized void isKept() {
        Expect.that("order kept: " + violation, violation == null);
        System.out.println("order of " + next.length + " keys kept; deliveries " + perMember + ", of these again " + redelivered);
    }

    private void violate(String what) {
        if (violation == null) {
            violation = what;
        }
    }
}
