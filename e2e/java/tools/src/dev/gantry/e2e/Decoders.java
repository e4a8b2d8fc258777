package dev.gantry.e2e;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageDecoder;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.remoting.protocol.RemotingCommand;

/**
 * What Apache's decoders make of bytes. Each question on standard input is a kind, a length and as many bytes; each answer on
 * standard output a length and as many bytes: 0 and why it was refused, or 1 and what was read, field by field.
 */
public final class Decoders {
    public static void main(String[] args) throws IOException {
        DataInputStream in = new DataInputStream(new BufferedInputStream(System.in, 1 << 20));
        DataOutputStream out = new DataOutputStream(new BufferedOutputStream(System.out, 1 << 20));
        // Nothing else may write where the answers go.
        System.setOut(System.err);
        while (true) {
            int kind;
            try {
                kind = in.readUnsignedByte();
            } catch (EOFException e) {
                break;
            }
            byte[] bytes = new byte[in.readInt()];
            in.readFully(bytes);
            byte[] answer = answer(kind, bytes);
            out.writeInt(answer.length);
            out.write(answer);
            if (in.available() == 0) {
                out.flush();
            }
        }
        out.flush();
        System.exit(0);
    }

    private static byte[] answer(int kind, byte[] bytes) throws IOException {
        ByteArrayOutputStream buffer = new ByteArrayOutputStream();
        DataOutputStream out = new DataOutputStream(buffer);
        try {
            out.writeByte(1);
            switch (kind) {
                case 0 -> command(RemotingCommand.decode(ByteBuffer.wrap(bytes)), out);
                case 1 -> record(MessageDecoder.decode(ByteBuffer.wrap(bytes), true, false, false, false, true), out);
                case 2 -> batch(MessageDecoder.decodeMessages(ByteBuffer.wrap(bytes)), out);
                default -> pairs(MessageDecoder.string2messageProperties(new String(bytes, StandardCharsets.UTF_8)), out);
            }
        } catch (Throwable refused) {
            buffer.reset();
            out.writeByte(0);
            text(refused.getClass().getSimpleName() + ": " + refused.getMessage(), out);
        }
        return buffer.toByteArray();
    }

    private static void command(RemotingCommand command, DataOutputStream out) throws IOException {
        out.writeInt(command.getCode());
        out.writeInt(command.getLanguage() == null ? -1 : command.getLanguage().getCode());
        out.writeInt(command.getVersion());
        out.writeInt(command.getOpaque());
        out.writeInt(command.getFlag());
        text(command.getRemark(), out);
        pairs(command.getExtFields(), out);
        bytes(command.getBody(), out);
    }

    private static void record(MessageExt message, DataOutputStream out) throws IOException {
        if (message == null) {
            throw new IOException("no record");
        }
        out.writeInt(message.getQueueId());
        out.writeInt(message.getFlag());
        out.writeLong(message.getQueueOffset());
        out.writeLong(message.getCommitLogOffset());
        out.writeInt(message.getSysFlag());
        out.writeLong(message.getBornTimestamp());
        host((InetSocketAddress) message.getBornHost(), out);
        out.writeLong(message.getStoreTimestamp());
        host((InetSocketAddress) message.getStoreHost(), out);
        out.writeInt(message.getReconsumeTimes());
        out.writeLong(message.getPreparedTransactionOffset());
        out.writeInt(message.getBodyCRC());
        bytes(message.getBody(), out);
        text(message.getTopic(), out);
        pairs(message.getProperties(), out);
    }

    private static void batch(List<Message> messages, DataOutputStream out) throws IOException {
        out.writeInt(messages.size());
        for (Message message : messages) {
            out.writeInt(message.getFlag());
            bytes(message.getBody(), out);
            pairs(message.getProperties(), out);
        }
    }

    private static void host(InetSocketAddress host, DataOutputStream out) throws IOException {
        bytes(host.getAddress().getAddress(), out);
        out.writeInt(host.getPort());
    }

    private static void pairs(Map<String, String> pairs, DataOutputStream out) throws IOException {
        out.writeInt(pairs == null ? 0 : pairs.size());
        if (pairs != null) {
            for (Map.Entry<String, String> pair : pairs.entrySet()) {
                text(pair.getKey(), out);
                text(pair.getValue(), out);
            }
        }
    }

    private static void text(String text, DataOutputStream out) throws IOException {
        if (text == null) {
            out.writeInt(-1);
        } else {
            byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
            out.writeInt(bytes.length);
            out.write(bytes);
        }
    }

    private static void bytes(byte[] bytes, DataOutputStream out) throws IOException {
        out.writeInt(bytes == null ? 0 : bytes.length);
        if (bytes != null) {
            out.write(bytes);
        }
    }
}
