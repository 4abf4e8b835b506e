using Broker.Protocol;

namespace Broker.Client.Tests.Scripted;

/// <summary>A frame that the client sent.</summary>
internal sealed record PeerFrame(FrameType Type, byte[] Payload)
{
    public delegate bool TryRead<T>(ReadOnlySpan<byte> payload, out T? frame, out FrameFault fault);

    public delegate bool TryReadRanges(ReadOnlySpan<byte> payload, List<SequenceRange> ranges, out FrameFault fault);

    public T As<T>(FrameType type, TryRead<T> read)
    {
        Assert.Equal(type, Type);
        Assert.True(read(Payload, out var frame, out var fault), fault.Reason);
        return frame!;
    }

    /// <summary>A SETTLE as text, such as <c>Ack 1-3 5-5</c>.</summary>
    public string AsSettle()
    {
        Assert.Equal(FrameType.Settle, Type);
        var ranges = new List<SequenceRange>();
        Assert.True(SettleFrame.TryRead(Payload, out var outcome, ranges, out _, out var fault), fault.Reason);
        return $"{outcome} {string.Join(' ', ranges.Select(static range => $"{range.First}-{range.Last}"))}";
    }

    /// <summary>A PUBLISH as its sequence, flags, address and body.</summary>
    public (ulong Sequence, PublishFlags Flags, string Exchange, string RoutingKey, string Body) AsPublish()
    {
        Assert.Equal(FrameType.Publish, Type);
        Assert.True(PublishFrame.TryRead(Payload, out var frame, out var fault), fault.Reason);
        Assert.True(MessageView.TryParse(frame.Message, out var view, out fault), fault.Reason);
        return (frame.Sequence, frame.Flags, Text(view.Exchange), Text(view.RoutingKey), Text(view.Body));
    }

    /// <summary>The properties of a PUBLISH.</summary>
    public MessageProperties AsPublishedProperties()
    {
        Assert.Equal(FrameType.Publish, Type);
        Assert.True(PublishFrame.TryRead(Payload, out var frame, out var fault), fault.Reason);
        Assert.True(MessageView.TryParse(frame.Message, out var view, out fault), fault.Reason);
        Assert.True(MessageProperties.TryRead(view.Properties, out var properties, out fault), fault.Reason);
        return properties;
    }

    private static string Text(ReadOnlySpan<byte> utf8) => System.Text.Encoding.UTF8.GetString(utf8);
}
