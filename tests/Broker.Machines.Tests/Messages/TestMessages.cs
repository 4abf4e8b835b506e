using System.Buffers;
using System.Text;
using Broker.Machines.Messages;
using Broker.Protocol;

namespace Broker.Machines.Tests.Messages;

/// <summary>Messages for tests.</summary>
internal static class TestMessages
{
    /// <summary>A message that a queue can hold; it looks at nothing but the size. The name is readable in it.</summary>
    public static StoredMessage Named(string name, int sizeBytes = 0) =>
        new(Encoding.ASCII.GetBytes(name.PadRight(sizeBytes)), MessageTraits.None);

    /// <summary>A message with properties that a queue acts on; its body is the name.</summary>
    public static StoredMessage Special(string name, MessageProperties properties, byte priority = 0, long takenAt = 0) =>
        new(Encoded("", "", name, properties), new MessageMeta(MessageTraits.Special, priority, takenAt));

    /// <summary>The name given to <see cref="Named"/> or <see cref="Special"/>.</summary>
    public static string NameOf(StoredMessage message) =>
        message.Traits.HasFlag(MessageTraits.Special) ? BodyOf(message.Bytes.Span) : Encoding.ASCII.GetString(message.Bytes.Span).TrimEnd();

    /// <summary>A message as it comes in a PUBLISH frame.</summary>
    public static byte[] Encoded(string exchange, string routingKey, string body, MessageProperties? properties = null)
    {
        var writer = new ArrayBufferWriter<byte>();
        MessageWriter.Write(writer, exchange, routingKey, properties, Encoding.UTF8.GetBytes(body));
        return writer.WrittenSpan.ToArray();
    }

    /// <summary>The body of a message made by <see cref="Encoded"/>.</summary>
    public static string BodyOf(ReadOnlySpan<byte> message)
    {
        Assert.True(MessageView.TryParse(message, out var view, out var fault), fault.Reason);
        return Encoding.UTF8.GetString(view.Body);
    }
}
