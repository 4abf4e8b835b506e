using System.Net;

namespace Broker.Transport.Tests.Contract;

/// <summary>Addresses that are taken, empty, IPv6 or wildcard.</summary>
public abstract class AddressContract<TBackend> : TransportContract<TBackend>
    where TBackend : ITransportBackend, new()
{
    [Fact]
    public async Task Second_listener_on_an_address_is_refused()
    {
        var listener = await ListenAsync();

        var failure = await Wait.ForFailure(
            QuicError.AddressInUse, Task.Run(async () => await Transport.ListenAsync(ListenerDefaults with { EndPoint = listener.LocalEndPoint })), "the second listener");

        Assert.Contains(listener.LocalEndPoint.Port.ToString(System.Globalization.CultureInfo.InvariantCulture), failure.Message, StringComparison.Ordinal);
        await ConnectPairAsync(listener);
    }

    [Fact]
    public async Task Connecting_to_nobody_fails_within_the_handshake_timeout()
    {
        var listener = await ListenAsync();
        await Wait.For(listener.DisposeAsync(), "the listener to be disposed");

        var failure = await Assert.ThrowsAsync<QuicTransportException>(async () => await Wait.For(
            Transport.ConnectAsync(ClientOf(listener) with { HandshakeTimeout = TimeSpan.FromMilliseconds(500) }), "the handshake with nobody"));

        Assert.True(failure.Error is QuicError.ConnectionRefused or QuicError.HandshakeTimeout, failure.Error.ToString());
    }

    [Fact]
    public async Task Connecting_to_nobody_can_be_cancelled()
    {
        var listener = await ListenAsync();
        await Wait.For(listener.DisposeAsync(), "the listener to be disposed");
        using var cancel = new CancellationTokenSource();

        var connecting = Task.Run(async () => await Transport.ConnectAsync(ClientOf(listener), cancel.Token));
        await cancel.CancelAsync();

        var failure = await Assert.ThrowsAnyAsync<Exception>(() => Wait.For(connecting, "the cancelled handshake"));
        Assert.True(failure is OperationCanceledException or QuicTransportException { Error: QuicError.ConnectionRefused }, failure.ToString());
    }

    [Fact]
    public async Task IPv6_address_is_served()
    {
        var listener = await ListenAsync(options => options with { EndPoint = new IPEndPoint(IPAddress.IPv6Loopback, 0) });

        var pair = await ConnectPairAsync(listener, client => client with { ServerName = "::1" });

        Assert.Equal(IPAddress.IPv6Loopback, pair.Server.RemoteEndPoint.Address);
        await OpenStreamAsync(pair.Client, pair.Server);
    }

    [Theory]
    [InlineData("0.0.0.0", "127.0.0.1")]
    [InlineData("::", "::1")]
    [InlineData("::", "127.0.0.1")]
    public async Task Wildcard_address_is_served(string bound, string target)
    {
        var listener = await ListenAsync(options => options with { EndPoint = new IPEndPoint(IPAddress.Parse(bound), 0) });
        var address = new IPEndPoint(IPAddress.Parse(target), listener.LocalEndPoint.Port);

        var pair = await ConnectPairAsync(listener, client => client with { EndPoint = address });

        Assert.Equal(address, pair.Client.RemoteEndPoint);
        await OpenStreamAsync(pair.Client, pair.Server);
    }

    [Fact]
    public async Task Client_sends_from_the_address_that_it_is_given()
    {
        var listener = await ListenAsync();
        var local = new IPEndPoint(IPAddress.Parse("127.0.0.5"), 0);

        var pair = await ConnectPairAsync(listener, client => client with { LocalEndPoint = local });

        Assert.Equal(local.Address, pair.Server.RemoteEndPoint.Address);
    }

    [Fact]
    public async Task Connections_beyond_the_limit_are_refused_until_one_ends()
    {
        var listener = await ListenAsync(options => options with { MaxConnections = 1 });
        var first = await ConnectPairAsync(listener);

        var refusal = await Assert.ThrowsAsync<QuicTransportException>(() => Wait.For(RefusedAsync(), "the second connection to be refused"));
        Assert.True(refusal.Error == QuicError.ConnectionRefused || Transport.Name == "msquic", refusal.ToString()); // System.Net.Quic has no say in the code
        Assert.Equal(1, listener.Statistics.ConnectionsAccepted);

        await Wait.For(first.Client.CloseAsync(0), "the close");
        await Wait.Until(() => listener.Statistics.ConnectionsOpen == 0, "the listener counts no connection");
        await ConnectPairAsync(listener);

        async Task RefusedAsync()
        {
            // A backend that learns of the limit only after the handshake closes the connection at once.
            var connection = await Transport.ConnectAsync(ClientOf(listener));
            throw (await connection.Closed).ToException();
        }
    }
}
