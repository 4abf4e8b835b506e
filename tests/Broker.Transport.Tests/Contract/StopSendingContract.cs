namespace Broker.Transport.Tests.Contract;

/// <summary>STOP_SENDING tells the peer to give up its direction (RFC 9000, section 19.5).</summary>
public abstract class StopSendingContract<TBackend> : TransportContract<TBackend>
    where TBackend : ITransportBackend, new()
{
    [Fact]
    public async Task Stop_reaches_the_peers_writer_with_its_code()
    {
        var pair = await ConnectPairAsync();
        var stream = await OpenStreamAsync(pair.Client, pair.Server);

        stream.Remote.StopSending(99);

        var closed = await Wait.ForFailure(QuicError.StreamAborted, stream.Local.WritesClosed, "the writer to see the stop");
        var write = await Wait.ForFailure(QuicError.StreamAborted, () => stream.Local.Output.WriteAsync(new byte[10]), "the next write to fail");
        Assert.Equal([99, 99], [closed.ErrorCode, write.ErrorCode]);
    }

    [Fact]
    public async Task Stop_releases_a_flush_that_waits()
    {
        var pair = await ConnectPairAsync(server => server with { StreamReceiveWindow = 16 << 10 }, client => client with { SendBufferSize = 16 << 10 });
        var stream = await OpenStreamAsync(pair.Client, pair.Server);
        var (flush, _) = await Pattern.WriteUntilBlockedAsync(stream.Local.Output);

        stream.Remote.StopSending(7);

        var failure = await Wait.ForFailure(QuicError.StreamAborted, flush, "the flush to fail");
        Assert.Equal(7, failure.ErrorCode);
    }

    [Fact]
    public async Task Stop_leaves_the_other_direction_alone()
    {
        var pair = await ConnectPairAsync();
        var stream = await OpenStreamAsync(pair.Client, pair.Server);

        stream.Remote.StopSending(1);
        var answer = Pattern.ReceiveAsync(stream.Local.Input);
        await Pattern.SendAsync(stream.Remote.Output, 1 << 20);

        Assert.Equal(1 << 20, await answer);
    }

    [Fact]
    public async Task Own_reads_fail_after_a_stop()
    {
        var pair = await ConnectPairAsync();
        var stream = await OpenStreamAsync(pair.Client, pair.Server);
        var pending = stream.Remote.Input.ReadAsync().AsTask();

        stream.Remote.StopSending(1);
        stream.Remote.StopSending(2);

        await Wait.ForFailure(QuicError.OperationAborted, pending, "the pending read to fail");
        await Wait.ForFailure(QuicError.OperationAborted, () => stream.Remote.Input.ReadAsync(), "the next read to fail");
        var closed = await Wait.ForFailure(QuicError.StreamAborted, stream.Local.WritesClosed, "the writer to see the stop");
        Assert.Equal(1, closed.ErrorCode);
    }

    [Fact]
    public async Task Input_completed_before_the_end_stops_with_the_default_code()
    {
        var pair = await ConnectPairAsync(server => server with { DefaultStreamErrorCode = 44 });
        var stream = await OpenStreamAsync(pair.Client, pair.Server);

        await stream.Remote.Input.CompleteAsync();

        var closed = await Wait.ForFailure(QuicError.StreamAborted, stream.Local.WritesClosed, "the writer to see the stop");
        Assert.Equal(44, closed.ErrorCode);
    }

    [Fact]
    public async Task Stop_after_the_end_was_read_changes_nothing()
    {
        var pair = await ConnectPairAsync();
        var stream = await OpenStreamAsync(pair.Client, pair.Server);
        await Pattern.SendAsync(stream.Local.Output, 100);
        Assert.Equal(100, await Pattern.ReceiveAsync(stream.Remote.Input));

        stream.Remote.StopSending(1);

        await Wait.For(stream.Local.WritesClosed, "the acknowledged end");
    }
}
