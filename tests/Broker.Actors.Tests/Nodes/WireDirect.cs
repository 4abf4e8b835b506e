using System.Buffers;
using System.Text;
using Broker.Protocol;

namespace Broker.Actors.Tests.Nodes;

/// <summary>Publishing with properties, and consuming without a queue.</summary>
internal static class WireDirect
{
    public static Task PublishAsync(
        this WireStream publisher, ulong sequence, string exchange, string key, string body, MessageProperties properties, PublishFlags flags = PublishFlags.None) =>
        publisher.SendAsync(w =>
        {
            var message = new ArrayBufferWriter<byte>();
            MessageWriter.Write(message, exchange, key, properties, Encoding.UTF8.GetBytes(body));
            PublishFrame.Write(w, sequence, flags, message.WrittenSpan);
        });

    public static async Task<ReturnFrame> ExpectReturnAsync(this WireStream publisher)
    {
        Assert.True(ReturnFrame.TryRead(await publisher.ExpectAsync(FrameType.Return), out var returned, out _));
        return returned;
    }

    public static MessageProperties PropertiesOf(this WireDelivery delivery)
    {
        Assert.True(MessageProperties.TryRead(delivery.Properties, out var properties, out _));
        return properties;
    }

    /// <summary>SUBSCRIBE with no-ack.</summary>
    public static Task<WireStream> SubscribeDirectAsync(this WireConnection client, string name) => client.SubscribeAsync(name, flags: SubscribeFlags.NoAck);

    /// <summary>SUBSCRIBE that is refused.</summary>
    public static async Task<ErrorFrame> ExpectRefusedAsync(this WireConnection client, string name, SubscribeFlags flags = SubscribeFlags.NoAck, FieldTable? arguments = null)
    {
        var stream = await client.OpenAsync(StreamKind.Consume);
        await stream.SendAsync(w => new SubscribeFrame { Queue = name, CreditMessages = 10, CreditBytes = 1000, Flags = flags, Arguments = arguments ?? FieldTable.Empty }.Write(w));
        return await stream.ExpectErrorAsync();
    }
}
