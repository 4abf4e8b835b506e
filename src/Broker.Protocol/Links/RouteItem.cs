namespace Broker.Protocol.Links;

/// <summary>One message within a <see cref="RouteMessage"/>.</summary>
/// <param name="Number">A producer's sequence, or a delivery tag.</param>
/// <param name="Position">Its place in the queue; 0 on the way to it.</param>
/// <param name="DeliveryCount">How often it was delivered before.</param>
/// <param name="IsDurable">Whether its publisher asked for it to be on disk.</param>
/// <param name="Bytes">Its encoding.</param>
public readonly record struct RouteItem(ulong Number, ulong Position, int DeliveryCount, bool IsDurable, ReadOnlyMemory<byte> Bytes)
{
    /// <summary>The least that an item takes.</summary>
    internal const int MinBytes = 5;

    /// <summary>What an item takes beside its message, at most.</summary>
    public const int OverheadBytes = 48;

    internal static RouteItem Read(ref PayloadReader reader, ReadOnlyMemory<byte> payload)
    {
        var number = reader.Number("item number");
        var position = reader.Number("position");
        var deliveries = (int)reader.Number("delivery count", int.MaxValue);
        var durable = reader.Flags("item flags", 1) == 1;
        var length = reader.Bytes("message", ProtocolLimits.MaxMaxMessageBytes).Length;
        return new RouteItem(number, position, deliveries, durable, reader.Failed ? default : payload.Slice(payload.Length - reader.Remaining - length, length));
    }

    internal void Write(ref PayloadWriter writer)
    {
        writer.Number(Number);
        writer.Number(Position);
        writer.Number(DeliveryCount);
        writer.Number(IsDurable ? 1 : 0);
        writer.Bytes(Bytes.Span);
    }
}
