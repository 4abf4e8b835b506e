namespace Broker.Transport.Tests.Contract;

/// <summary>Many connections come, work and go; nothing of them stays.</summary>
public abstract class ChurnContract<TBackend> : TransportContract<TBackend>
    where TBackend : ITransportBackend, new()
{
    private const int Connections = 200;
    private const int AtOnce = 10;
    private const int StreamsEach = 10;

    [Fact]
    public async Task Hundreds_of_connections_leave_nothing_behind()
    {
        var listener = await ListenAsync();
        var serving = ServeAsync(listener);

        for (var i = 0; i < Connections / AtOnce; i++)
        {
            await Task.WhenAll(Enumerable.Range(0, AtOnce).Select(_ => UseAsync(listener)));
        }

        await Wait.Until(() => listener.Statistics.ConnectionsOpen == 0, "the listener counts no connection");
        var statistics = listener.Statistics;
        Assert.Equal((Connections, 0, 0), (statistics.ConnectionsAccepted, statistics.HandshakesPending, statistics.HandshakesFailed));
        await Wait.For(listener.DisposeAsync(), "the listener to be disposed");
        Assert.Equal(Connections, await Wait.For(serving, "the serving loop to end"));
    }

    private async Task UseAsync(IQuicListener listener)
    {
        var connection = await ConnectAsync(listener);
        await Task.WhenAll(Enumerable.Range(0, StreamsEach).Select(async seed =>
        {
            await using var stream = await Wait.For(connection.OpenStreamAsync(), "a stream");
            var received = Pattern.ReceiveAsync(stream.Input, seed);
            await Pattern.SendAsync(stream.Output, 1000, seed);
            Assert.Equal(1000, await received);
        }));
        await Wait.Until(() => connection.GetStatistics().OpenStreams == 0, "the client counts no stream");
        await Wait.For(connection.DisposeAsync(), "the connection to be disposed");
    }

    private static async Task<int> ServeAsync(IQuicListener listener)
    {
        var serving = new List<Task>();
        while (await listener.AcceptConnectionAsync() is { } connection)
        {
            serving.Add(ServeAsync(connection));
        }

        await Task.WhenAll(serving);
        return serving.Count;
    }

    private static async Task ServeAsync(IQuicConnection connection)
    {
        try
        {
            while (true)
            {
                _ = EchoAsync(await connection.AcceptStreamAsync());
            }
        }
        catch (QuicTransportException e) when (e.Error == QuicError.ConnectionAborted)
        {
            await connection.DisposeAsync();
        }
    }

    private static async Task EchoAsync(IQuicStream stream)
    {
        await using var disposing = stream;
        await stream.Input.CopyToAsync(stream.Output);
        await stream.Output.CompleteAsync();
    }
}
