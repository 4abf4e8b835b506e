namespace Broker.Protocol.Links;

/// <summary>Messages of a batch, lying together, that the queue has not taken (<see cref="RouteMessage.Refused"/>).</summary>
/// <param name="First">Index of the first one in the batch, from 0.</param>
/// <param name="Count">How many; at least 1.</param>
/// <param name="Fault">Why.</param>
public readonly record struct RouteRefusal(int First, int Count, FrameFault Fault)
{
    /// <summary>The least that a refusal takes.</summary>
    internal const int MinBytes = 4;

    /// <summary>Reads one that begins at <paramref name="from"/> or behind it.</summary>
    internal static RouteRefusal Read(ref PayloadReader reader, int from)
    {
        var first = (int)reader.Number("first refused", RouteMessage.MaxItems, (ulong)from);
        var count = (int)reader.Number("refused", RouteMessage.MaxItems, min: 1);
        return new RouteRefusal(first, count, new FrameFault(reader.ErrorCode("code"), reader.Reason("reason")));
    }

    internal void Write(ref PayloadWriter writer)
    {
        writer.Number(First);
        writer.Number(Count);
        writer.Number((ulong)Fault.Code);
        writer.Reason(Fault.Reason);
    }
}
