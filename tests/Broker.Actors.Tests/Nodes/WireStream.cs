using System.Buffers;
using System.Text;
using Broker.Protocol;
using Broker.Transport;

namespace Broker.Actors.Tests.Nodes;

/// <summary>A received DELIVER, copied out.</summary>
internal sealed record WireDelivery(ulong Tag, DeliverFlags Flags, ulong Count, string Exchange, string Key, byte[] Body)
{
    public string Text => Encoding.UTF8.GetString(Body);

    /// <summary>The encoded properties.</summary>
    public byte[] Properties { get; init; } = [];

    /// <summary>Body, flags and delivery count, to compare many at once.</summary>
    public override string ToString() => $"{Text}:{Flags}:{Count}";
}

/// <summary>A received GET_OK, copied out.</summary>
internal sealed record WireGet(ulong RequestId, ulong Tag, DeliverFlags Flags, ulong Count, ulong Remaining, string Text);

/// <summary>A client's stream, frame by frame.</summary>
internal sealed class WireStream(IQuicStream stream) : IAsyncDisposable
{
    private readonly Queue<(FrameType Type, byte[] Payload)> _frames = new();
    private readonly PartialFrame _partial = new();

    public IQuicStream Quic => stream;

    public async Task SendAsync(params Action<IBufferWriter<byte>>[] writes)
    {
        foreach (var write in writes)
        {
            write(stream.Output);
        }

        await stream.Output.FlushAsync().AsTask().WaitAsync(WireConnection.Timeout);
    }

    /// <summary>Sends bytes as they are.</summary>
    public Task SendBytesAsync(params byte[] bytes) => SendAsync(w => w.Write(bytes));

    /// <summary>Sends bytes given as hexadecimal digits; blanks between them are for people.</summary>
    public Task SendHexAsync(string hex) => SendBytesAsync(Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal)));

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

    /// <summary>All bytes to the end of the stream, which has no frames.</summary>
    public async Task<byte[]> ReadBytesAsync()
    {
        var bytes = new ArrayBufferWriter<byte>();
        while (true)
        {
            var read = await stream.Input.ReadAsync().AsTask().WaitAsync(WireConnection.Timeout);
            foreach (var segment in read.Buffer)
            {
                bytes.Write(segment.Span);
            }

            stream.Input.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
            {
                return bytes.WrittenSpan.ToArray();
            }
        }
    }

    /// <summary>The sequences of CONFIRM, or the tags of SETTLED, whose payloads are alike.</summary>
    public static List<ulong> NumbersOf(byte[] payload)
    {
        var ranges = new List<SequenceRange>();
        Assert.True(ConfirmFrame.TryRead(payload, ranges, out _));
        var numbers = new List<ulong>();
        foreach (var range in ranges)
        {
            for (var number = range.First; number <= range.Last; number++)
            {
                numbers.Add(number);
            }
        }

        return numbers;
    }

    /// <summary>The payload of the next frame, which must be of that type.</summary>
    public async Task<byte[]> ExpectAsync(FrameType type) => (await ExpectAsync(type, null))!;

    /// <summary>Whether the next frame is of a type. It must be, or an error with a certain code.</summary>
    public async Task<bool> TryExpectAsync(FrameType type, ErrorCode refusal) => await ExpectAsync(type, refusal) is not null;

    private async Task<byte[]?> ExpectAsync(FrameType type, ErrorCode? refusal)
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
            if (error.Code == refusal)
            {
                return null;
            }

            Assert.Fail($"expected {type}, but got ERROR {error.Code}: {error.Reason}");
        }

        Assert.Equal(type, frame.Value.Type);
        return frame.Value.Payload;
    }

    /// <summary>The end of the stream, with nothing before it.</summary>
    public async Task ExpectEndAsync()
    {
        var frame = await ReadAsync();
        Assert.True(frame is null, $"expected the end of the stream, but got {frame?.Type}");
    }

    /// <summary>What the protocol says about a fault: ERROR with this code, FIN, STOP_SENDING with this code.</summary>
    public async Task<string> ExpectFaultAsync(ErrorCode code)
    {
        var error = await ExpectErrorAsync();
        Assert.Equal(code, error.Code);
        Assert.NotEmpty(error.Reason);
        await ExpectEndAsync();
        var stopped = await Assert.ThrowsAsync<QuicTransportException>(() => stream.WritesClosed.WaitAsync(WireConnection.Timeout));
        Assert.Equal((long)code, stopped.ErrorCode);
        return error.Reason;
    }

    /// <summary>The broker has reset the stream and stopped reading it.</summary>
    public async Task ExpectResetAsync(ErrorCode code)
    {
        var reset = await Assert.ThrowsAsync<QuicTransportException>(() => ReadAsync());
        Assert.Equal((long)code, reset.ErrorCode);
        var stopped = await Assert.ThrowsAsync<QuicTransportException>(() => stream.WritesClosed.WaitAsync(WireConnection.Timeout));
        Assert.Equal((long)code, stopped.ErrorCode);
    }

    /// <summary>Sends FIN.</summary>
    public void Finish() => stream.Output.Complete();

    /// <summary>Gives the stream up in both directions.</summary>
    public void Abandon()
    {
        stream.Reset((long)ErrorCode.Cancelled);
        stream.StopSending((long)ErrorCode.Cancelled);
    }

    /// <summary>ERROR, after whatever else there is.</summary>
    public async Task<ErrorFrame> ReadToErrorAsync()
    {
        while (true)
        {
            var frame = await ReadAsync();
            Assert.True(frame is not null, "expected Error, but the stream ended");
            if (frame.Value.Type == FrameType.Error)
            {
                Assert.True(ErrorFrame.TryRead(frame.Value.Payload, out var error, out _));
                return error;
            }
        }
    }

    public async Task<ErrorFrame> ExpectErrorAsync()
    {
        Assert.True(ErrorFrame.TryRead(await ExpectAsync(FrameType.Error), out var error, out _));
        return error;
    }

    /// <summary>Reads CONFIRM frames until so many sequences are confirmed.</summary>
    public async Task<List<ulong>> ExpectConfirmsAsync(int count) => await ExpectNumbersAsync(FrameType.Confirm, count);

    public async Task<WireDelivery> ExpectDeliveryAsync()
    {
        var payload = await ExpectAsync(FrameType.Deliver);
        Assert.True(DeliverFrame.TryRead(payload, out var deliver, out _));
        Assert.True(MessageView.TryParse(deliver.Message, out var view, out _));
        return new WireDelivery(
            deliver.Tag, deliver.Flags, deliver.DeliveryCount, Encoding.UTF8.GetString(view.Exchange), Encoding.UTF8.GetString(view.RoutingKey), view.Body.ToArray())
        {
            Properties = view.Properties.ToArray(),
        };
    }

    /// <summary>The bodies of so many deliveries, as text.</summary>
    public async Task<List<string>> ExpectBodiesAsync(int count)
    {
        var bodies = new List<string>();
        while (bodies.Count < count)
        {
            bodies.Add((await ExpectDeliveryAsync()).Text);
        }

        return bodies;
    }

    /// <summary>So many deliveries, as texts of body, flags and delivery count.</summary>
    public async Task<List<string>> ExpectDeliveriesAsync(int count)
    {
        var deliveries = new List<string>();
        while (deliveries.Count < count)
        {
            deliveries.Add((await ExpectDeliveryAsync()).ToString());
        }

        return deliveries;
    }

    /// <summary>BLOCKED, and its reason.</summary>
    public async Task<string> ExpectBlockedAsync()
    {
        Assert.True(BlockedFrame.TryRead(await ExpectAsync(FrameType.Blocked), out var blocked, out _));
        return blocked.Reason;
    }

    /// <summary>Reads CONFIRM frames and UNBLOCKED, in whatever order they come, until so many sequences are confirmed and the publisher may go on.</summary>
    public async Task<List<ulong>> ExpectConfirmsAndUnblockedAsync(int count)
    {
        var numbers = new List<ulong>();
        var unblocked = false;
        while (numbers.Count < count || !unblocked)
        {
            var frame = await ReadAsync();
            Assert.True(frame is not null, $"the stream ended after {numbers.Count} of {count} confirmed sequences");
            if (frame.Value.Type == FrameType.Unblocked)
            {
                unblocked = true;
                continue;
            }

            Assert.Equal(FrameType.Confirm, frame.Value.Type);
            numbers.AddRange(NumbersOf(frame.Value.Payload));
        }

        return numbers;
    }

    public async Task<RejectFrame> ExpectRejectAsync()
    {
        Assert.True(RejectFrame.TryRead(await ExpectAsync(FrameType.Reject), out var reject, out _));
        return reject;
    }

    public async Task<CancelledFrame> ExpectCancelledAsync()
    {
        Assert.True(CancelledFrame.TryRead(await ExpectAsync(FrameType.Cancelled), out var cancelled, out _));
        return cancelled;
    }

    /// <summary>Reads SETTLED frames until so many tags are settled.</summary>
    public async Task<List<ulong>> ExpectSettledAsync(int count) => await ExpectNumbersAsync(FrameType.Settled, count);

    public async Task<QueueOkFrame> ExpectQueueOkAsync()
    {
        Assert.True(QueueOkFrame.TryRead(await ExpectAsync(FrameType.QueueOk), out var ok, out _));
        return ok;
    }

    public async Task<ulong> ExpectCountAsync()
    {
        Assert.True(CountOkFrame.TryRead(await ExpectAsync(FrameType.CountOk), out var ok, out _));
        return ok.Count;
    }

    /// <summary>REQUEST_ERROR with this code.</summary>
    public async Task<string> ExpectRefusalAsync(ErrorCode code)
    {
        Assert.True(RequestErrorFrame.TryRead(await ExpectAsync(FrameType.RequestError), out var error, out _));
        Assert.True(error.Code == code, $"expected {code}, but got {error.Code}: {error.Reason}");
        return error.Reason;
    }

    public async Task<WireGet> ExpectGotAsync()
    {
        var payload = await ExpectAsync(FrameType.GetOk);
        Assert.True(GetOkFrame.TryRead(payload, out var got, out _));
        Assert.True(MessageView.TryParse(got.Message, out var view, out _));
        return new WireGet(got.RequestId, got.Tag, got.Flags, got.DeliveryCount, got.MessagesRemaining, Encoding.UTF8.GetString(view.Body));
    }

    public Task GetAsync(string queue, bool noAck = false, ulong requestId = 1) =>
        SendAsync(w => new GetFrame(requestId, queue, noAck ? GetFlags.NoAck : GetFlags.None).Write(w));

    public Task SettleAsync(SettleOutcome outcome, params SequenceRange[] ranges) => SendAsync(w => SettleFrame.Write(w, outcome, ranges));

    public ValueTask DisposeAsync() => stream.DisposeAsync();

    private async Task<List<ulong>> ExpectNumbersAsync(FrameType type, int count)
    {
        var numbers = new List<ulong>();
        while (numbers.Count < count)
        {
            numbers.AddRange(NumbersOf(await ExpectAsync(type)));
        }

        return numbers;
    }

    private SequencePosition Decode(ReadOnlySequence<byte> buffer)
    {
        using var reader = new FrameReader(buffer, 32 << 20, _partial);
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
