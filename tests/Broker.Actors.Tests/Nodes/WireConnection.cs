using System.Buffers;
using System.Text;
using Broker.Protocol;
using Broker.Transport;

namespace Broker.Actors.Tests.Nodes;

/// <summary>A client's connection, frame by frame. Waits are bounded and say what they waited for.</summary>
internal sealed class WireConnection(IQuicConnection connection) : IAsyncDisposable
{
    private WireStream? _control;

    public static TimeSpan Timeout { get; } = TimeSpan.FromSeconds(20);

    public IQuicConnection Quic => connection;

    public WelcomeFrame? Welcome { get; private set; }

    public async Task HelloAsync(HelloFrame? hello = null)
    {
        _control = await OpenAsync(StreamKind.Control);
        await _control.SendAsync(w => (hello ?? new HelloFrame { ClientName = "test" }).Write(w));
        var payload = await _control.ExpectAsync(FrameType.Welcome);
        Assert.True(WelcomeFrame.TryRead(payload, out var welcome, out _));
        Welcome = welcome;
    }

    public async Task<WireStream> OpenAsync(StreamKind kind)
    {
        var stream = new WireStream(await connection.OpenStreamAsync());
        await stream.SendAsync(w => StreamHeader.Write(w, kind));
        return stream;
    }

    public async Task<WireStream> OpenPublisherAsync()
    {
        var stream = await OpenAsync(StreamKind.Publish);
        await stream.SendAsync(w => new PublisherOpenFrame("").Write(w));
        await stream.ExpectAsync(FrameType.PublisherReady);
        return stream;
    }

    public async Task<WireStream> SubscribeAsync(string queue, ulong messages = 1000, ulong bytes = 1 << 20, SubscribeFlags flags = SubscribeFlags.None)
    {
        var stream = await OpenAsync(StreamKind.Consume);
        await stream.SendAsync(w => new SubscribeFrame { Queue = queue, CreditMessages = messages, CreditBytes = bytes, Flags = flags }.Write(w));
        await stream.ExpectAsync(FrameType.Subscribed);
        return stream;
    }

    public async Task DeclareQueueAsync(string name)
    {
        await using var stream = await OpenAsync(StreamKind.Request);
        await stream.SendAsync(w => new DeclareQueueFrame { RequestId = 1, Name = name }.Write(w));
        await stream.ExpectAsync(FrameType.QueueOk);
    }

    /// <summary>Declares an exchange if need be and binds queues to it, declaring them too.</summary>
    public async Task BindAsync(string exchange, string type, string key, params string[] queues)
    {
        await using var stream = await OpenAsync(StreamKind.Request);
        await stream.SendAsync(w => new DeclareExchangeFrame { RequestId = 1, Name = exchange, Type = type }.Write(w));
        await stream.ExpectAsync(FrameType.Ok);
        foreach (var queue in queues)
        {
            await stream.SendAsync(w => new DeclareQueueFrame { RequestId = 2, Name = queue }.Write(w));
            await stream.ExpectAsync(FrameType.QueueOk);
            await stream.SendAsync(w => new BindFrame { RequestId = 3, Exchange = exchange, Destination = queue, RoutingKey = key }.Write(w));
            await stream.ExpectAsync(FrameType.Ok);
        }
    }

    public async Task<QuicCloseInfo> ClosedAsync() => await connection.Closed.WaitAsync(Timeout);

    public ValueTask DisposeAsync() => connection.DisposeAsync();
}

/// <summary>A received DELIVER, copied out.</summary>
internal sealed record WireDelivery(ulong Tag, DeliverFlags Flags, ulong Count, string Exchange, string Key, byte[] Body)
{
    public string Text => Encoding.UTF8.GetString(Body);
}

/// <summary>A client's stream, frame by frame.</summary>
internal sealed class WireStream(IQuicStream stream) : IAsyncDisposable
{
    private readonly Queue<(FrameType Type, byte[] Payload)> _frames = new();

    public IQuicStream Quic => stream;

    public async Task SendAsync(params Action<IBufferWriter<byte>>[] writes)
    {
        foreach (var write in writes)
        {
            write(stream.Output);
        }

        await stream.Output.FlushAsync().AsTask().WaitAsync(WireConnection.Timeout);
    }

    public Task PublishAsync(ulong sequence, string exchange, string key, string body, PublishFlags flags = PublishFlags.None) =>
        SendAsync(w => WritePublish(w, sequence, exchange, key, Encoding.UTF8.GetBytes(body), flags));

    public static void WritePublish(IBufferWriter<byte> writer, ulong sequence, string exchange, string key, byte[] body, PublishFlags flags = PublishFlags.None)
    {
        var message = new ArrayBufferWriter<byte>();
        MessageWriter.Write(message, exchange, key, null, body);
        PublishFrame.Write(writer, sequence, flags, message.WrittenSpan);
    }

    /// <summary>The next frame; <c>null</c> at the end of the stream.</summary>
    public async Task<(FrameType Type, byte[] Payload)?> ReadAsync(TimeSpan? timeout = null)
    {
        while (_frames.Count == 0)
        {
            var read = await stream.Input.ReadAsync().AsTask().WaitAsync(timeout ?? WireConnection.Timeout);
            var consumed = Decode(read.Buffer);
            stream.Input.AdvanceTo(consumed, read.Buffer.End);
            if (read.IsCompleted && _frames.Count == 0)
            {
                return null;
            }
        }

        return _frames.Dequeue();
    }

    /// <summary>The payload of the next frame, which must be of that type.</summary>
    public async Task<byte[]> ExpectAsync(FrameType type)
    {
        (FrameType Type, byte[] Payload)? frame;
        try
        {
            frame = await ReadAsync();
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"waited {WireConnection.Timeout} for {type}");
        }

        Assert.True(frame is not null, $"expected {type}, but the stream ended");
        if (frame.Value.Type == FrameType.Error && type != FrameType.Error && ErrorFrame.TryRead(frame.Value.Payload, out var error, out _))
        {
            Assert.Fail($"expected {type}, but got ERROR {error.Code}: {error.Reason}");
        }

        Assert.Equal(type, frame.Value.Type);
        return frame.Value.Payload;
    }

    public async Task<ErrorFrame> ExpectErrorAsync()
    {
        Assert.True(ErrorFrame.TryRead(await ExpectAsync(FrameType.Error), out var error, out _));
        return error;
    }

    /// <summary>Reads CONFIRM frames until so many sequences are confirmed.</summary>
    public async Task<List<ulong>> ExpectConfirmsAsync(int count)
    {
        var confirmed = new List<ulong>();
        var ranges = new List<SequenceRange>();
        while (confirmed.Count < count)
        {
            ranges.Clear();
            Assert.True(ConfirmFrame.TryRead(await ExpectAsync(FrameType.Confirm), ranges, out _));
            foreach (var range in ranges)
            {
                for (var sequence = range.First; sequence <= range.Last; sequence++)
                {
                    confirmed.Add(sequence);
                }
            }
        }

        return confirmed;
    }

    public async Task<WireDelivery> ExpectDeliveryAsync()
    {
        var payload = await ExpectAsync(FrameType.Deliver);
        Assert.True(DeliverFrame.TryRead(payload, out var deliver, out _));
        Assert.True(MessageView.TryParse(deliver.Message, out var view, out _));
        return new WireDelivery(
            deliver.Tag, deliver.Flags, deliver.DeliveryCount, Encoding.UTF8.GetString(view.Exchange), Encoding.UTF8.GetString(view.RoutingKey), view.Body.ToArray());
    }

    public Task SettleAsync(SettleOutcome outcome, params SequenceRange[] ranges) => SendAsync(w => SettleFrame.Write(w, outcome, ranges));

    public ValueTask DisposeAsync() => stream.DisposeAsync();

    private SequencePosition Decode(ReadOnlySequence<byte> buffer)
    {
        using var reader = new FrameReader(buffer, 32 << 20);
        while (true)
        {
            var status = reader.TryRead(out var type, out var payload, out var fault);
            if (status != FrameReadStatus.Frame)
            {
                Assert.True(status == FrameReadStatus.NeedMore, fault.Reason);
                return reader.Consumed;
            }

            _frames.Enqueue((type, payload.ToArray()));
        }
    }
}
