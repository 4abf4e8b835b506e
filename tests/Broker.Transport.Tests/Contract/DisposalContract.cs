namespace Broker.Transport.Tests.Contract;

/// <summary>Disposing releases whoever waits, may be repeated, and gives the address back.</summary>
public abstract class DisposalContract<TBackend> : TransportContract<TBackend>
    where TBackend : ITransportBackend, new()
{
    [Fact]
    public async Task Accept_returns_null_once_the_listener_is_disposed()
    {
        var listener = await ListenAsync();
        var pending = listener.AcceptConnectionAsync().AsTask();

        await Wait.For(listener.DisposeAsync(), "the listener to be disposed");
        await Wait.For(listener.DisposeAsync(), "the second disposal");

        Assert.Null(await Wait.For(pending, "the pending accept"));
        Assert.Null(await Wait.For(listener.AcceptConnectionAsync(), "a later accept"));
    }

    [Fact]
    public async Task Address_of_a_disposed_listener_is_free()
    {
        var listener = await ListenAsync();
        await Wait.For(listener.DisposeAsync(), "the listener to be disposed");

        var successor = await ListenAsync(options => options with { EndPoint = listener.LocalEndPoint });

        Assert.Equal(listener.LocalEndPoint, successor.LocalEndPoint);
        await ConnectPairAsync(successor);
    }

    [Fact]
    public async Task Disposing_the_listener_closes_its_connections()
    {
        var pair = await ConnectPairAsync(server => server with { DefaultCloseErrorCode = 11 });

        await Wait.For(pair.Listener.DisposeAsync(), "the listener to be disposed");

        Assert.Equal((QuicError.ConnectionAborted, 11L), Outcome(await Wait.For(pair.Client.Closed, "the client to see the end")));
        Assert.Equal(QuicError.OperationAborted, (await Wait.For(pair.Server.Closed, "the server's end")).Error);
    }

    [Fact]
    public async Task Disposing_the_transport_ends_all_of_it()
    {
        var pair = await ConnectPairAsync();
        var stream = await OpenStreamAsync(pair.Client, pair.Server);
        var read = stream.Local.Input.ReadAsync().AsTask();
        var accept = pair.Listener.AcceptConnectionAsync().AsTask();

        await Wait.For(Transport.DisposeAsync(), "the transport to be disposed");
        await Wait.For(Transport.DisposeAsync(), "the second disposal");

        await Assert.ThrowsAsync<QuicTransportException>(() => Wait.For(read, "the pending read"));
        Assert.Null(await Wait.For(accept, "the pending accept"));
        await Wait.For(pair.Client.Closed, "the client's end");
        await Wait.For(pair.Server.Closed, "the server's end");
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await Transport.ListenAsync(ListenerDefaults));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await Transport.ConnectAsync(ClientOf(pair.Listener)));
    }

    [Fact]
    public async Task Stream_and_connection_dispose_twice()
    {
        var pair = await ConnectPairAsync();
        var stream = await OpenStreamAsync(pair.Client, pair.Server);

        for (var i = 0; i < 2; i++)
        {
            await Wait.For(stream.Local.DisposeAsync(), "the stream to be disposed");
            await Wait.For(pair.Client.DisposeAsync(), "the connection to be disposed");
        }

        await Wait.For(pair.Server.Closed, "the server to see the close");
    }

    [Fact]
    public async Task Stream_that_nobody_used_disposes_and_leaves_the_connection_usable()
    {
        var pair = await ConnectPairAsync();
        var unused = await Wait.For(pair.Client.OpenStreamAsync(), "a stream");

        await Wait.For(unused.DisposeAsync(), "the stream to be disposed");

        var next = await Wait.For(pair.Client.OpenStreamAsync(), "another stream");
        await Pattern.SendAsync(next.Output, 1000);
        var accepted = await Wait.For(pair.Server.AcceptStreamAsync(), "a stream to accept");
        while (accepted.Id != next.Id)
        {
            accepted = await Wait.For(pair.Server.AcceptStreamAsync(), "the stream with bytes"); // the abandoned one may show first
        }

        Assert.Equal(1000, await Pattern.ReceiveAsync(accepted.Input));
    }

    private static (QuicError Error, long? Code) Outcome(QuicCloseInfo info) => (info.Error, info.ErrorCode);
}
