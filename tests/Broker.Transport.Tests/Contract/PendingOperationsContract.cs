namespace Broker.Transport.Tests.Contract;

/// <summary>Nothing outlives its connection: whatever waits, fails, and says why.</summary>
public abstract class PendingOperationsContract<TBackend> : TransportContract<TBackend>
    where TBackend : ITransportBackend, new()
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Everything_that_waits_fails_when_the_connection_closes(bool byPeer)
    {
        var (pair, waiting) = await WaitForEverythingAsync();

        await Wait.For((byPeer ? pair.Server : pair.Client).CloseAsync(17, "bye"), "the close");

        var expected = byPeer ? QuicError.ConnectionAborted : QuicError.OperationAborted;
        foreach (var (what, task) in waiting)
        {
            var failure = await Wait.ForFailure(expected, task, what);
            Assert.True(failure.ErrorCode == 17, $"{what}: code {failure.ErrorCode}");
        }
    }

    [Fact]
    public async Task Everything_that_starts_after_the_close_fails_at_once()
    {
        var pair = await ConnectPairAsync();
        var stream = await OpenStreamAsync(pair.Client, pair.Server);
        await Wait.For(pair.Server.CloseAsync(18), "the close");
        await Wait.For(pair.Client.Closed, "the client to see the close");

        await Wait.ForFailure(QuicError.ConnectionAborted, () => pair.Client.OpenStreamAsync(), "open");
        await Wait.ForFailure(QuicError.ConnectionAborted, () => pair.Client.AcceptStreamAsync(), "accept");
        await Wait.ForFailure(QuicError.ConnectionAborted, () => stream.Local.Input.ReadAsync(), "read");
        await Wait.ForFailure(QuicError.ConnectionAborted, () => stream.Local.Output.WriteAsync(new byte[1]), "write");
        await Wait.ForFailure(QuicError.ConnectionAborted, stream.Local.WritesClosed, "WritesClosed");
    }

    [Fact]
    public async Task Streams_of_an_ended_connection_dispose_quietly()
    {
        var pair = await ConnectPairAsync();
        var stream = await OpenStreamAsync(pair.Client, pair.Server);
        await Wait.For(pair.Server.CloseAsync(0), "the close");
        await Wait.For(pair.Client.Closed, "the client to see the close");

        stream.Local.Reset(1);
        stream.Local.StopSending(1);
        await stream.Local.Output.CompleteAsync();
        await stream.Local.Input.CompleteAsync();
        await Wait.For(stream.Local.DisposeAsync(), "the stream to be disposed");
        await Wait.For(stream.Remote.DisposeAsync(), "the other end to be disposed");
    }

    private async Task<(ConnectedPair Pair, (string What, Task Task)[] Waiting)> WaitForEverythingAsync()
    {
        var pair = await ConnectPairAsync(
            server => server with { MaxInboundStreams = 1, StreamReceiveWindow = 16 << 10 }, client => client with { SendBufferSize = 16 << 10 });
        var stream = await OpenStreamAsync(pair.Client, pair.Server);
        var (flush, _) = await Pattern.WriteUntilBlockedAsync(stream.Local.Output);
        return (pair,
        [
            ("read", stream.Local.Input.ReadAsync().AsTask()),
            ("flush", flush),
            ("open", pair.Client.OpenStreamAsync().AsTask()),
            ("accept", pair.Client.AcceptStreamAsync().AsTask()),
            ("WritesClosed", stream.Local.WritesClosed),
        ]);
    }
}
