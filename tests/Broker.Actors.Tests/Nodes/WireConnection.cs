using System.Diagnostics;
using Broker.Protocol;
using Broker.Transport;

namespace Broker.Actors.Tests.Nodes;

/// <summary>A client's connection, frame by frame. Waits are bounded and say what they waited for.</summary>
internal sealed class WireConnection(IQuicConnection connection) : IAsyncDisposable
{
    private WireStream? _control;

    public static TimeSpan Timeout { get; } = TimeSpan.FromSeconds(30);

    public IQuicConnection Quic => connection;

    public WelcomeFrame? Welcome { get; private set; }

    /// <summary>After <see cref="HelloAsync"/>.</summary>
    public WireStream Control => _control!;

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

    /// <summary>Subscribes; while the queue is moving between nodes, again and again, as it is told to then.</summary>
    public async Task<WireStream> SubscribeAsync(string queue, ulong messages = 1000, ulong bytes = 1 << 20, SubscribeFlags flags = SubscribeFlags.None)
    {
        for (var start = Stopwatch.GetTimestamp(); ;)
        {
            var stream = await OpenAsync(StreamKind.Consume);
            await stream.SendAsync(w => new SubscribeFrame { Queue = queue, CreditMessages = messages, CreditBytes = bytes, Flags = flags }.Write(w));
            if (await stream.TryExpectAsync(FrameType.Subscribed, ErrorCode.Unavailable))
            {
                return stream;
            }

            await stream.DisposeAsync();
            Assert.True(Stopwatch.GetElapsedTime(start) < Timeout, $"waited {Timeout} for queue '{queue}' to be somewhere");
        }
    }

    /// <summary>A publisher with a lasting name, and the last sequence that the node knows of it.</summary>
    public async Task<(WireStream Stream, ulong LastSequence)> OpenProducerAsync(string producerId)
    {
        var stream = await OpenAsync(StreamKind.Publish);
        await stream.SendAsync(w => new PublisherOpenFrame(producerId).Write(w));
        Assert.True(PublisherReadyFrame.TryRead(await stream.ExpectAsync(FrameType.PublisherReady), out var ready, out _));
        return (stream, ready.LastSequence);
    }

    public async Task DeclareQueueAsync(string name, DeclareQueueFlags flags = DeclareQueueFlags.None)
    {
        await using var stream = await OpenAsync(StreamKind.Request);
        await stream.SendAsync(w => new DeclareQueueFrame { RequestId = 1, Name = name, Flags = flags }.Write(w));
        await stream.ExpectAsync(FrameType.QueueOk);
    }

    /// <summary>Declares a durable queue and publishes the bodies to it.</summary>
    public async Task FillDurableAsync(string queue, params IEnumerable<string> bodies)
    {
        await DeclareQueueAsync(queue, DeclareQueueFlags.Durable);
        await using var publisher = await OpenPublisherAsync();
        var sequence = 0UL;
        await publisher.SendAsync(w =>
        {
            foreach (var body in bodies)
            {
                WireStream.WritePublish(w, ++sequence, "", queue, System.Text.Encoding.UTF8.GetBytes(body), PublishFlags.Durable);
            }
        });
        await publisher.ExpectConfirmsAsync((int)sequence);
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

    /// <summary>A stream for any number of requests.</summary>
    public Task<WireStream> OpenRequestsAsync() => OpenAsync(StreamKind.Request);

    public async Task<QuicCloseInfo> ClosedAsync() => await connection.Closed.WaitAsync(Timeout);

    public ValueTask DisposeAsync() => connection.DisposeAsync();
}
