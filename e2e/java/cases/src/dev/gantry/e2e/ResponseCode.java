package dev.gantry.e2e;

/** The codes of the protocol that cases look for. */
final class ResponseCode {
    static final int SUCCESS = 0;
    static final int SYSTEM_ERROR = 1;
    static final int REQUEST_CODE_NOT_SUPPORTED = 3;
    static final int MESSAGE_ILLEGAL = 13;
    static final int NO_PERMISSION = 16;
    static final int TOPIC_NOT_EXIST = 17;
    static final int PULL_NOT_FOUND = 19;
    static final int PULL_RETRY_IMMEDIATELY = 20;
    static final int PULL_OFFSET_MOVED = 21;
    static final int QUERY_NOT_FOUND = 22;
    static final int SUBSCRIPTION_PARSE_FAILED = 23;
    static final int SUBSCRIPTION_NOT_EXIST = 24;
    static final int SUBSCRIPTION_GROUP_NOT_EXIST = 26;
    static final int INVALID_PARAMETER = 29;
    static final int CONSUMER_NOT_ONLINE = 206;
    static final int ILLEGAL_OPERATION = 604;

    private ResponseCode() {
    }
}
