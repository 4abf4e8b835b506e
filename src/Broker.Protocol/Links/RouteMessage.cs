using System.Buffers;

namespace Broker.Protocol.Links;

/// <summary>
/// ROUTE_MESSAGE (docs/cluster.md, "Routing"): what one peer, a publisher, consumer or question of the one node, has with a queue that the other node leads. Which fields follow the kind
/// and the peer is the kind's matter.
/// </summary>
/// <param name="Kind">What it says.</param>
/// <param name="Peer">Who says it or is told it, as the node that opened the stream numbers them; at least 1.</param>
public sealed record RouteMessage(RouteKind Kind, ulong Peer) : IFrame
{
    /// <summary>Items that one message has at most.</summary>
    public const int MaxItems = 65_536;

    private const int MaxTextBytes = ProtocolLimits.MaxReasonBytes; // longer than a user with a producer, or than a vhost with a queue

    [Flags]
    private enum Fields
    {
        None = 0,
        Number = 1,
        Second = 2,
        Flags = 4,
        Text = 8,
        Fault = 16,
        Ranges = 32,
        Items = 64,
        Refused = 128,
    }

    /// <summary>The kind's number.</summary>
    public ulong Number { get; init; }

    /// <summary>The kind's second number.</summary>
    public ulong Second { get; init; }

    /// <summary>The kind's bits.</summary>
    public ulong Flags { get; init; }

    /// <summary>The kind's text.</summary>
    public string Text { get; init; } = "";

    /// <summary>Why not; <c>null</c> if all is well.</summary>
    public FrameFault? Fault { get; init; }

    /// <summary>Delivery tags.</summary>
    public IReadOnlyList<SequenceRange> Ranges { get; init; } = [];

    /// <summary>Messages of a batch that the queue has not taken, ascending.</summary>
    public IReadOnlyList<RouteRefusal> Refused { get; init; } = [];

    /// <summary>Messages.</summary>
    public IReadOnlyList<RouteItem> Items { get; init; } = [];

    /// <summary>Length of the payload.</summary>
    public int SizeBytes
    {
        get
        {
            var measure = PayloadWriter.Measure();
            WritePayload(ref measure);
            return measure.Length;
        }
    }

    /// <summary>Reads a payload. The items' bytes are slices of it.</summary>
    public static bool TryRead(ReadOnlyMemory<byte> payload, out RouteMessage message, out FrameFault fault)
    {
        var reader = new PayloadReader(payload.Span);
        var kind = (RouteKind)reader.Number("kind");
        if (!Enum.IsDefined(kind))
        {
            reader.Fail($"there is no kind 0x{(ulong)kind:x2} of message");
        }

        var fields = reader.Failed ? Fields.None : FieldsOf(kind);
        message = new RouteMessage(kind, reader.Number("peer", min: 1))
        {
            Number = fields.HasFlag(Fields.Number) ? reader.Number("number") : 0,
            Second = fields.HasFlag(Fields.Second) ? reader.Number("second number") : 0,
            Flags = fields.HasFlag(Fields.Flags) ? reader.Flags("flags", KnownFlags(kind)) : 0,
            Text = fields.HasFlag(Fields.Text) ? reader.Text("text", MaxTextBytes) : "",
            Fault = fields.HasFlag(Fields.Fault) ? ReadFault(ref reader) : null,
            Ranges = fields.HasFlag(Fields.Ranges) ? ReadRanges(ref reader) : [],
            Refused = fields.HasFlag(Fields.Refused) ? ReadRefused(ref reader) : [],
            Items = fields.HasFlag(Fields.Items) ? ReadItems(ref reader, payload) : [],
        };
        return reader.End(out fault);
    }

    /// <summary>Writes the whole frame.</summary>
    public void Write(IBufferWriter<byte> writer) => FrameWriter.Write(writer, (FrameType)LinkFrameType.RouteMessage, this);

    void IFrame.WritePayload(ref PayloadWriter writer) => WritePayload(ref writer);

    private void WritePayload(ref PayloadWriter writer)
    {
        var fields = FieldsOf(Kind);
        writer.Number((ulong)Kind);
        writer.Number(Peer);
        if (fields.HasFlag(Fields.Number))
        {
            writer.Number(Number);
        }

        if (fields.HasFlag(Fields.Second))
        {
            writer.Number(Second);
        }

        if (fields.HasFlag(Fields.Flags))
        {
            writer.Number(Flags);
        }

        if (fields.HasFlag(Fields.Text))
        {
            writer.Text(nameof(Text), Text, MaxTextBytes);
        }

        if (fields.HasFlag(Fields.Fault))
        {
            writer.Number(Fault is null ? 0 : 1);
            if (Fault is { } fault)
            {
                writer.Number((ulong)fault.Code);
                writer.Reason(fault.Reason);
            }
        }

        if (fields.HasFlag(Fields.Ranges))
        {
            RangeList.WriteRanges(ref writer, Ranges.ToArray().AsSpan());
        }

        if (fields.HasFlag(Fields.Refused))
        {
            writer.Number(Refused.Count);
            for (var i = 0; i < Refused.Count; i++)
            {
                Refused[i].Write(ref writer);
            }
        }

        if (fields.HasFlag(Fields.Items))
        {
            writer.Number(Items.Count);
            for (var i = 0; i < Items.Count; i++)
            {
                Items[i].Write(ref writer);
            }
        }
    }

    private static Fields FieldsOf(RouteKind kind) => kind switch
    {
        RouteKind.PeerOpen => Fields.Text,
        RouteKind.Publish or RouteKind.Inbox => Fields.Number | Fields.Text | Fields.Items,
        RouteKind.Subscribe => Fields.Number | Fields.Flags | Fields.Items,
        RouteKind.Get => Fields.Number | Fields.Flags,
        RouteKind.Grant or RouteKind.Started => Fields.Number | Fields.Second,
        RouteKind.Settle => Fields.Flags | Fields.Text | Fields.Ranges,
        RouteKind.Peek or RouteKind.PeekDelayed or RouteKind.Deleted => Fields.Number,
        RouteKind.Delete or RouteKind.Pause => Fields.Flags,
        RouteKind.Published => Fields.Number | Fields.Refused,
        RouteKind.Parked or RouteKind.Purged or RouteKind.Paused => Fields.Number | Fields.Fault,
        RouteKind.Subscribed or RouteKind.Settled or RouteKind.Refused or RouteKind.NotDone or RouteKind.PeerOver => Fields.Fault,
        RouteKind.Deliver => Fields.Items,
        RouteKind.Got => Fields.Number | Fields.Fault | Fields.Items,
        RouteKind.Peeked or RouteKind.Delayed => Fields.Fault | Fields.Items,
        _ => Fields.None,
    };

    private static ulong KnownFlags(RouteKind kind) => kind switch
    {
        RouteKind.Settle or RouteKind.Delete => 7,
        RouteKind.Get or RouteKind.Pause => 1,
        _ => 3,
    };

    private static FrameFault? ReadFault(ref PayloadReader reader) =>
        reader.Number("fault", 1) == 1 ? new FrameFault(reader.ErrorCode("code"), reader.Reason("reason")) : null;

    private static List<SequenceRange> ReadRanges(ref PayloadReader reader)
    {
        var ranges = new List<SequenceRange>();
        RangeList.Read(ref reader, ranges);
        return ranges;
    }

    private static RouteRefusal[] ReadRefused(ref PayloadReader reader)
    {
        var count = (int)reader.Number("refusal count", MaxItems);
        if (count > reader.Remaining / RouteRefusal.MinBytes)
        {
            reader.Fail($"refusal count: the payload does not hold {count} refusals");
            return [];
        }

        var refused = new RouteRefusal[count];
        for (var i = 0; i < count && !reader.Failed; i++)
        {
            refused[i] = RouteRefusal.Read(ref reader, from: i > 0 ? refused[i - 1].First + refused[i - 1].Count : 0);
        }

        return refused;
    }

    private static RouteItem[] ReadItems(ref PayloadReader reader, ReadOnlyMemory<byte> payload)
    {
        var count = (int)reader.Number("item count", MaxItems);
        if (count > reader.Remaining / RouteItem.MinBytes)
        {
            reader.Fail($"item count: the payload does not hold {count} items");
            return [];
        }

        var items = new RouteItem[count];
        for (var i = 0; i < count && !reader.Failed; i++)
        {
            items[i] = RouteItem.Read(ref reader, payload);
        }

        return items;
    }
}
