namespace Broker.Transport.Tests.Contract;

/// <summary>A reader that stops reading stops its own writer and nobody else; credit comes back with consumption (RFC 9000, section 4).</summary>
public abstract class FlowControlContract<TBackend> : TransportContract<TBackend>
    where TBackend : ITransportBackend, new()
{
    private const int Window = 64 << 10;
    private const int ConnectionWindow = 256 << 10;
    private const int SendBuffer = 64 << 10;

    [Fact]
    public async Task Writer_waits_when_nobody_reads()
    {
        var (pair, stream) = await ConnectSmallAsync();

        var (flush, written) = await Pattern.WriteUntilBlockedAsync(stream.Local.Output);

        // The windows are 64 KiB; a native library may have buffers of its own under the pipes, but bounded ones.
        Assert.InRange(written, SendBuffer, 2 << 20);
        Assert.False(flush.IsCompleted);
        Assert.False(pair.Client.Closed.IsCompleted);
    }

    [Fact]
    public async Task Writer_resumes_when_the_reader_consumes()
    {
        var (_, stream) = await ConnectSmallAsync();
        var (flush, written) = await Pattern.WriteUntilBlockedAsync(stream.Local.Output);

        await Pattern.ReadAsync(stream.Remote.Input, written);

        await Wait.For(flush, "the flush to complete after everything was consumed");
    }

    [Fact]
    public async Task Bytes_examined_but_not_consumed_give_no_credit()
    {
        var (_, stream) = await ConnectSmallAsync();
        var (flush, _) = await Pattern.WriteUntilBlockedAsync(stream.Local.Output);

        var read = await Wait.For(stream.Remote.Input.ReadAsync(), "the window's bytes");
        stream.Remote.Input.AdvanceTo(read.Buffer.Start, read.Buffer.End);

        Assert.True(await Wait.StaysPending(flush));
    }

    [Fact]
    public async Task Blocked_stream_leaves_another_of_its_connection_at_full_rate()
    {
        const long Count = 8 << 20;
        var (pair, blocked) = await ConnectSmallAsync();
        var (flush, _) = await Pattern.WriteUntilBlockedAsync(blocked.Local.Output);
        var free = await OpenStreamAsync(pair.Client, pair.Server);

        var received = Pattern.ReceiveAsync(free.Remote.Input);
        await Pattern.SendAsync(free.Local.Output, Count);

        Assert.Equal(Count, await received);
        Assert.False(flush.IsCompleted);
    }

    [Fact]
    public async Task Connection_window_bounds_all_streams_together()
    {
        var (pair, first) = await ConnectSmallAsync();
        var total = (await Pattern.WriteUntilBlockedAsync(first.Local.Output)).Written;
        for (var i = 1; i < 2 * ConnectionWindow / Window; i++)
        {
            var local = await Wait.For(pair.Client.OpenStreamAsync(), "a stream");
            total += (await Pattern.WriteUntilBlockedAsync(local.Output)).Written;
        }

        var received = pair.Server.GetStatistics().BytesReceived;

        Assert.InRange(received, ConnectionWindow / 2, ConnectionWindow + (ConnectionWindow / 2));
        Assert.True(total > received);
    }

    [Theory]
    [InlineData(Abandon.ResetBySender)]
    [InlineData(Abandon.StoppedByReceiver)]
    [InlineData(Abandon.DisposedUnread)]
    [InlineData(Abandon.FinishedUnread)]
    public async Task Abandoned_streams_give_the_connection_window_back(Abandon how)
    {
        var (pair, _) = await ConnectSmallAsync();

        // Ten connection windows' worth of bytes that nobody ever reads.
        for (var i = 0; i < 10 * ConnectionWindow / (Window / 2); i++)
        {
            var stream = await OpenStreamAsync(pair.Client, pair.Server);
            await Pattern.WriteAsync(stream.Local.Output, Window / 2);
            var read = await Wait.For(stream.Remote.Input.ReadAsync(), "some of the bytes");
            stream.Remote.Input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            await AbandonAsync(stream, how);
        }

        var last = await OpenStreamAsync(pair.Client, pair.Server);
        var received = Pattern.ReceiveAsync(last.Remote.Input);
        await Pattern.SendAsync(last.Local.Output, 4 * ConnectionWindow);
        Assert.Equal(4 * ConnectionWindow, await received);
    }

    private async Task<(ConnectedPair Pair, StreamEnds Stream)> ConnectSmallAsync()
    {
        var pair = await ConnectPairAsync(
            server => server with { StreamReceiveWindow = Window, ConnectionReceiveWindow = ConnectionWindow },
            client => client with { SendBufferSize = SendBuffer });
        return (pair, await OpenStreamAsync(pair.Client, pair.Server));
    }

    private static async Task AbandonAsync(StreamEnds stream, Abandon how)
    {
        switch (how)
        {
            case Abandon.ResetBySender:
                stream.Local.Reset(1);
                await Wait.For(stream.Local.DisposeAsync(), "the sender's end to be disposed");
                await Wait.For(stream.Remote.DisposeAsync(), "the receiver's end to be disposed");
                break;
            case Abandon.StoppedByReceiver:
                stream.Remote.StopSending(1);
                await Wait.ForFailure(QuicError.StreamAborted, stream.Local.WritesClosed, "the sender to be stopped");
                await Wait.For(stream.Remote.DisposeAsync(), "the receiver's end to be disposed");
                await Wait.For(stream.Local.DisposeAsync(), "the sender's end to be disposed");
                break;
            case Abandon.DisposedUnread:
                await Wait.For(stream.Remote.DisposeAsync(), "the receiver's end to be disposed");
                await Wait.For(stream.Local.DisposeAsync(), "the sender's end to be disposed");
                break;
            case Abandon.FinishedUnread:
                await stream.Local.Output.CompleteAsync();
                await Wait.For(stream.Local.WritesClosed, "the end to be acknowledged");
                await Wait.For(stream.Remote.DisposeAsync(), "the receiver's end to be disposed");
                await Wait.For(stream.Local.DisposeAsync(), "the sender's end to be disposed");
                break;
        }
    }
}

/// <summary>The ways in which bytes can be left unread.</summary>
public enum Abandon
{
    ResetBySender,
    StoppedByReceiver,
    DisposedUnread,
    FinishedUnread,
}
