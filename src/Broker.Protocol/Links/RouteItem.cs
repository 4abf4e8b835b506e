namespace Broker.Protocol.Links;

/// <summary>One message within a <see cref="RouteMessage"/>.</summary>
/// <param name="Number">A producer's sequence, or a delivery tag.</param>
/// <param name="Position">Its place in the queue; 0 on the way to it.</param>
/// <param name="DeliveryCount">How often it was delivered before.</param>
/// <param name="Meta">What is kept beside its encoding, as it is on disk (docs/storage.md, "Message table").</param>
/// <param name="Bytes">Its encoding.</param>
public readonly record struct RouteItem(ulong Number, ulong Position, int DeliveryCount, ulong Meta, ReadOnlyMemory<byte> Bytes)
{
    /// <summary>The least that an item takes.</summary>
    internal const int MinBytes = 12;

    /// <summary>What an item takes beside its message, at most.</summary>
    public const int OverheadBytes = 48;

    internal static RouteItem Read(ref PayloadReader reader, ReadOnlyMemory<byte> payload)
    {
        var number = reader.Number("item number");
        var position = reader.Number("position");
        var deliveries = (int)reader.Number("delivery count", int.MaxValue);
        var meta = reader.UInt64("item meta");
        var length = reader.Bytes("message", ProtocolLimits.MaxMaxMessageBytes).Length;
        return new RouteItem(number, position, deliveries, meta, reader.Failed ? default : payload.Slice(payload.Length - reader.Remaining - length, length));
    }

    internal void Write(ref PayloadWriter writer)
    {
        writer.Number(Number);
        writer.Number(Position);
        writer.Number(DeliveryCount);
        writer.UInt64(Meta);
        writer.Bytes(Bytes.Span);
    }
}
