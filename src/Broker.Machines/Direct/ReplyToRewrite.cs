using System.Buffers;
using System.Text;
using Broker.Protocol;

namespace Broker.Machines.Direct;

/// <summary>Puts a requester's own reply-to in place of <see cref="DirectNames.ReplyTo"/>.</summary>
public static class ReplyToRewrite
{
    private static ReadOnlySpan<byte> Asked => "amq.rabbitmq.reply-to"u8;

    /// <summary>Whether a message may ask for it: cheap, for each message that is published. <see cref="TryRewrite"/> looks closer.</summary>
    /// <param name="message">An encoded message; it may be malformed.</param>
    public static bool MayAsk(ReadOnlySpan<byte> message) =>
        TrySkip(ref message) && TrySkip(ref message) && Varint.TryRead(message, out var length, out var read) && length <= (ulong)(message.Length - read)
        && length >= (ulong)Asked.Length && message.Slice(read, (int)length).IndexOf(Asked) >= 0;

    /// <summary>Makes the message that is published in its place.</summary>
    /// <param name="message">An encoded message.</param>
    /// <param name="replyTo">The inbox of the requester, within its vhost.</param>
    /// <returns>The message; <c>null</c> if it does not ask for it, or is malformed.</returns>
    public static byte[]? TryRewrite(ReadOnlySpan<byte> message, string replyTo)
    {
        if (!MessageView.TryParse(message, out var view, out _) || !MessageProperties.TryRead(view.Properties, out var properties, out _) || properties.ReplyTo != DirectNames.ReplyTo)
        {
            return null;
        }

        var (exchange, key) = (Encoding.UTF8.GetString(view.Exchange), Encoding.UTF8.GetString(view.RoutingKey));
        var rewritten = properties with { ReplyTo = replyTo };
        try
        {
            var writer = new ArrayBufferWriter<byte>(MessageWriter.Size(exchange, key, rewritten, view.Body.Length));
            MessageWriter.Write(writer, exchange, key, rewritten, view.Body);
            return writer.WrittenSpan.ToArray();
        }
        catch (ArgumentException)
        {
            return null; // its properties are as long as they may be, and would become longer: it goes as it is, and the answer nowhere
        }
    }

    private static bool TrySkip(ref ReadOnlySpan<byte> message)
    {
        if (!Varint.TryRead(message, out var length, out var read) || length > (ulong)(message.Length - read))
        {
            return false;
        }

        message = message[(read + (int)length)..];
        return true;
    }
}
