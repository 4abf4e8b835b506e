using System.Net;
using Broker.Transport.Tests.Contract;

namespace Broker.Transport.Tests.Ngtcp2;

public sealed class HandshakeTimeoutTests : Ngtcp2Tests
{
    [Fact]
    public async Task Client_gives_up_on_a_server_that_does_not_answer()
    {
        using var silent = BindRawSocket();

        await Wait.ForFailure(QuicError.HandshakeTimeout, Task.Run(async () => await Transport.ConnectAsync(ClientTo((IPEndPoint)silent.LocalEndPoint!))), "the connection to a silent server");
    }

    [Fact]
    public async Task Client_learns_at_once_that_nobody_listens()
    {
        IPEndPoint nobody;
        using (var socket = BindRawSocket())
        {
            nobody = (IPEndPoint)socket.LocalEndPoint!;
        }

        await Wait.ForFailure(
            QuicError.ConnectionRefused, Task.Run(async () => await Transport.ConnectAsync(ClientTo(nobody) with { HandshakeTimeout = TimeSpan.FromSeconds(60) })), "the connection to nobody");
    }

    [Fact]
    public async Task Server_gives_up_on_a_client_that_falls_silent()
    {
        var listener = await ListenAsync(options => options with { HandshakeTimeout = TimeSpan.FromMilliseconds(300) });
        await using var relay = new UdpRelay(listener.LocalEndPoint) { PassToClient = _ => false };
        var connect = Transport.ConnectAsync(ClientTo(relay.EndPoint)).AsTask();

        await Wait.Until(() => listener.Statistics is { HandshakesPending: 0, HandshakesFailed: >= 1 }, "the server has given up");

        await Assert.ThrowsAsync<QuicTransportException>(() => Wait.For(connect, "the client to give up as well"));
        Assert.Equal(0, listener.Statistics.ConnectionsOpen);
    }

    private static QuicClientOptions ClientTo(IPEndPoint endPoint) => new()
    {
        Tls = TestCertificates.Client,
        ApplicationProtocols = [Protocol],
        ServerName = "localhost",
        EndPoint = endPoint,
        HandshakeTimeout = TimeSpan.FromMilliseconds(400),
    };
}
