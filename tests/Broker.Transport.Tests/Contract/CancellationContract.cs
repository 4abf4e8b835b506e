namespace Broker.Transport.Tests.Contract;

/// <summary>Cancelling an operation ends the waiting, not the stream or the connection.</summary>
public abstract class CancellationContract<TBackend> : TransportContract<TBackend>
    where TBackend : ITransportBackend, new()
{
    [Fact]
    public async Task Cancelled_read_loses_nothing()
    {
        var pair = await ConnectPairAsync();
        var stream = await OpenStreamAsync(pair.Client, pair.Server);
        using var cancel = new CancellationTokenSource();
        var read = stream.Remote.Input.ReadAsync(cancel.Token).AsTask();

        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Wait.For(read, "the cancelled read"));

        var received = Pattern.ReceiveAsync(stream.Remote.Input);
        await Pattern.SendAsync(stream.Local.Output, 100_000);
        Assert.Equal(100_000, await received);
    }

    [Fact]
    public async Task Cancelled_flush_keeps_what_was_handed_over()
    {
        var pair = await ConnectPairAsync(server => server with { StreamReceiveWindow = 16 << 10 }, client => client with { SendBufferSize = 16 << 10 });
        var stream = await OpenStreamAsync(pair.Client, pair.Server);
        var (blocked, written) = await Pattern.WriteUntilBlockedAsync(stream.Local.Output);
        stream.Local.Output.CancelPendingFlush();
        Assert.True((await Wait.For(blocked, "the flush that was cancelled by name")).IsCanceled);
        using var cancel = new CancellationTokenSource();
        Pattern.Fill(stream.Local.Output, written, 1000, seed: 0);
        var flush = stream.Local.Output.FlushAsync(cancel.Token).AsTask();

        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Wait.For(flush, "the cancelled flush"));

        await stream.Local.Output.CompleteAsync();
        Assert.Equal(written + 1000, await Pattern.ReceiveAsync(stream.Remote.Input));
    }

    [Fact]
    public async Task Cancelled_accept_of_a_stream_leaves_the_stream_to_the_next()
    {
        var pair = await ConnectPairAsync();
        using var cancel = new CancellationTokenSource();
        var accept = pair.Server.AcceptStreamAsync(cancel.Token).AsTask();

        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Wait.For(accept, "the cancelled accept"));

        await OpenStreamAsync(pair.Client, pair.Server);
    }

    [Fact]
    public async Task Cancelled_accept_of_a_connection_leaves_the_connection_to_the_next()
    {
        var listener = await ListenAsync();
        using var cancel = new CancellationTokenSource();
        var accept = listener.AcceptConnectionAsync(cancel.Token).AsTask();

        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Wait.For(accept, "the cancelled accept"));

        await ConnectPairAsync(listener);
    }

    [Fact]
    public async Task CancelPendingRead_returns_a_cancelled_result_once()
    {
        var pair = await ConnectPairAsync();
        var stream = await OpenStreamAsync(pair.Client, pair.Server);
        var pending = stream.Remote.Input.ReadAsync().AsTask();

        stream.Remote.Input.CancelPendingRead();

        var cancelled = await Wait.For(pending, "the read that was cancelled by name");
        Assert.True(cancelled.IsCanceled);
        stream.Remote.Input.AdvanceTo(cancelled.Buffer.Start);
        await Pattern.SendAsync(stream.Local.Output, 100);
        Assert.Equal(100, await Pattern.ReceiveAsync(stream.Remote.Input));
    }

    [Fact]
    public async Task Token_cancelled_beforehand_starts_nothing()
    {
        var pair = await ConnectPairAsync();
        var stream = await OpenStreamAsync(pair.Client, pair.Server);
        var cancelled = new CancellationToken(canceled: true);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await stream.Local.Input.ReadAsync(cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await stream.Local.Output.FlushAsync(cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await pair.Client.OpenStreamAsync(cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await pair.Client.AcceptStreamAsync(cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await Transport.ConnectAsync(ClientOf(pair.Listener), cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await Transport.ListenAsync(ListenerDefaults, cancelled));
    }
}
