package dev.gantry.e2e;

import java.io.IOException;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * {@code Cases <case> <name server> [args]} runs one case: exit code 0 when it holds, 1 with the reason when it does not.
 * {@code Cases serve} runs those that come as lines {@code <case> <name server> [args]} on standard input, and says of each how it went.
 */
public final class Cases {
    private static final Harness HARNESS = new Harness();
    private static final Map<String, Case> ALL = new LinkedHashMap<>();

    static {
        ALL.put("send-sync", Sending::sync);
        ALL.put("send-async", Sending::async);
        ALL.put("send-oneway", Sending::oneway);
        ALL.put("send-batch", Sending::batch);
        ALL.put("batch-of-each-its-own", Batches::each);
        ALL.put("batch-refused", Batches::refused);
        ALL.put("queue-selection", QueueSelection::run);
        ALL.put("auto-created-topic", AutoCreatedTopic::created);
        ALL.put("auto-create-off", AutoCreatedTopic::refused);
        ALL.put("compressed-body", CompressedBody::run);
        ALL.put("large-message", LargeMessage::run);
        ALL.put("refused-sends", Refusals::sends);
        ALL.put("refused-pulls", Refusals::pulls);
        ALL.put("refused-requests", Refusals::others);
        ALL.put("permissions", Permissions::raw);
        ALL.put("topic-not-written", Permissions::notWritten);
        ALL.put("topic-not-read", Permissions::notRead);

        ALL.put("push-concurrently", PushConcurrently::run);
        ALL.put("rebalance-announced", RebalanceAnnounced::run);
        ALL.put("push-orderly", PushOrderly::run);
        ALL.put("queue-locks", QueueLocks::raw);
        ALL.put("queue-locked-by-another", QueueLocks::consumed);
        ALL.put("orderly-after-peer-killed", OrderlyAfterPeerKilled::run);
        ALL.put("orderly-peer", OrderlyAfterPeerKilled::peer);
        ALL.put("lite-pull-assign", LitePull::assign);
        ALL.put("lite-pull-subscribe", LitePull::subscribe);
        ALL.put("broadcasting", Broadcasting::run);
        ALL.put("tag-filter", TagFilter::run);
        ALL.put("property-filter", PropertyFilter::run);
        ALL.put("consume-from-first", ConsumeFrom::firstWhileYoung);
        ALL.put("consume-from-last", ConsumeFrom::lastWhileYoung);
        ALL.put("consume-from-timestamp", ConsumeFrom::timestampWhileYoung);
        ALL.put("consume-from-when-old", ConsumeFrom::whenOld);
        ALL.put("retry-after-failed-listener", RetryAfterFailedListener::run);

        ALL.put("group-suspended", GroupSettings::suspended);
        ALL.put("group-not-broadcast", GroupSettings::notBroadcast);
        ALL.put("group-retries", GroupSettings::retries);

        ALL.put("offsets-survive-consumer-restart", OffsetsSurvive::consumerRestart);
        ALL.put("offsets-survive-broker-restart", OffsetsSurvive::brokerRestart);
        ALL.put("messages-survive-broker-kill", MessagesSurviveBrokerKill::run);

        ALL.put("transactions", Transactions::run);
        ALL.put("transactions-survive-broker-kill", Transactions::surviveKill);

        ALL.put("delay-levels", DelayLevels::run);
        ALL.put("timed-delivery", TimedDelivery::run);
        ALL.put("timed-delivery-recalled", TimedDelivery::recall);
        ALL.put("timed-delivery-survives-broker-kill", TimedDelivery::surviveKill);

        ALL.put("pop-push", Pop::push);
        ALL.put("pop", Pop::raw);
        ALL.put("pop-in-order", Pop::inOrder);

        ALL.put("traces", Traces::run);
        ALL.put("namespaces", Namespaces::run);
        ALL.put("namespaces-v2", NamespacesV2::run);
        ALL.put("unit-mode", UnitMode::run);
        ALL.put("dead-letters", DeadLetters::concurrently);
        ALL.put("dead-letters-in-order", DeadLetters::inOrder);
        ALL.put("request-reply", RequestReply::run);

        ALL.put("query-by-key", Query::byKey);
        ALL.put("query-by-unique-key", Query::byUniqueKey);
        ALL.put("view-by-id", Query::byOffsetId);

        ALL.put("bulk", Bulk::run);
        ALL.put("steady-traffic", SteadyTraffic::run);
    }

    private Cases() {
    }

    public static void main(String[] args) throws IOException {
        if (args.length == 1 && args[0].equals("list")) {
            ALL.keySet().forEach(System.out::println);
            System.exit(0);
        }
        if (args.length == 1 && args[0].equals("serve")) {
            serve();
            System.exit(0);
        }
        if (args.length < 2 || !ALL.containsKey(args[0])) {
            System.err.println("usage: Cases <case> <name server> [args] | Cases serve | Cases list");
            System.exit(2);
        }
        System.exit(run(args[0], args[1], Arrays.asList(args).subList(2, args.length)) ? 0 : 1);
    }

    private static void serve() throws IOException {
        for (String line = HARNESS.nextCase(); line != null; line = HARNESS.nextCase()) {
            List<String> words = List.of(line.split(" "));
            HARNESS.ended(run(words.get(0), words.get(1), words.subList(2, words.size())));
        }
    }

    private static boolean run(String name, String namesrv, List<String> args) {
        long start = System.nanoTime();
        try (Stage stage = new Stage(name, namesrv, args, HARNESS)) {
            ALL.get(name).run(stage);
            System.out.println("ok " + name + " " + (System.nanoTime() - start) / 1_000_000 + " ms");
            return true;
        } catch (Throwable e) {
            System.out.println("FAILED " + name + ": " + e.getMessage());
            e.printStackTrace(System.out);
            return false;
        }
    }
}
