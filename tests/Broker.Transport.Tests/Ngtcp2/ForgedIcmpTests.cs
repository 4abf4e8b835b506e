using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Broker.Transport.Tests.Contract;

namespace Broker.Transport.Tests.Ngtcp2;

/// <summary>ICMP errors that somebody makes up. Those that quote no packet of a connection are nothing to it (RFC 9000, section 14.2.1); those that do are a hint.</summary>
public sealed class ForgedIcmpTests : Ngtcp2Tests
{
    [Fact]
    public async Task Error_reaches_only_the_connection_whose_packet_it_quotes()
    {
        using var forger = IcmpForger.Create();
        await using var one = await WatchedAsync();
        await using var two = await WatchedAsync();
        Assert.Equal(one.Pair.Client.LocalEndPoint, two.Pair.Client.LocalEndPoint); // one socket

        forger.Send(one.From, one.To, two.Packet); // the other's packet, but not its address
        forger.Send(two.From, two.To, two.Packet);
        await Wait.For(two.Pair.Client.PeerUnreachable, "the hint");

        Assert.False(one.Pair.Client.PeerUnreachable.IsCompleted, "the connection that sent nothing of the kind was told");
        await EchoAsync(one.Pair.Client, one.Pair.Server, 100_000);
        await EchoAsync(two.Pair.Client, two.Pair.Server, 100_000); // nothing is wrong with it
    }

    [Fact]
    public async Task Error_that_is_not_about_a_packet_of_the_connection_is_nothing_to_it()
    {
        using var forger = IcmpForger.Create();
        await using var watched = await WatchedAsync();
        var (from, to, packet) = (watched.From, watched.To, watched.Packet);
        var guessed = packet.ToArray();
        guessed[1] ^= 1;

        forger.Send(from, to, guessed);
        forger.Send(from, to, RandomNumberGenerator.GetBytes(100));
        forger.Send(from, to, []); // the headers alone
        forger.Send(from, to, packet.AsSpan(0, 1));
        forger.Send(from, to, packet.AsSpan(0, 10)); // half of its id
        forger.Send(from, new IPEndPoint(to.Address, to.Port ^ 1), packet);
        forger.Send(from, new IPEndPoint(IPAddress.Parse("127.0.0.9"), to.Port), packet);
        forger.Send(from, to, packet, IcmpForger.HostUnreachable); // a router's opinion of the moment
        forger.Send(from, to, packet, IcmpForger.FragmentationNeeded);
        await EchoAsync(watched.Pair.Client, watched.Pair.Server, 100_000);
        Assert.False(watched.Pair.Client.PeerUnreachable.IsCompleted);

        forger.Send(from, to, packet.AsSpan(0, 20)); // as little as holds the id
        await Wait.For(watched.Pair.Client.PeerUnreachable, "the hint");
        Assert.False(watched.Pair.Client.Closed.IsCompleted);
    }

    [Fact]
    public async Task Flood_of_errors_loses_nothing()
    {
        using var forger = IcmpForger.Create();
        await using var watched = await WatchedAsync();
        using var stop = new CancellationTokenSource();
        var sent = 0;
        var flood = Task.Run(() =>
        {
            var guess = watched.Packet.ToArray();
            guess[1] ^= 1;
            while (!stop.IsCancellationRequested)
            {
                guess[2 + (sent % 15)]++;
                forger.Send(watched.From, watched.To, guess);
                sent++;
            }
        });

        await EchoAsync(watched.Pair.Client, watched.Pair.Server, 2_000_000);
        await stop.CancelAsync();
        await Wait.For(flood, "the flood to end");

        Assert.True(sent > 100, $"a flood of {sent} errors");
        Assert.False(watched.Pair.Client.PeerUnreachable.IsCompleted);
        Assert.False(watched.Pair.Client.Closed.IsCompleted);
    }

    [Fact]
    public async Task Handshake_ends_by_an_error_that_quotes_its_packet_and_by_no_other()
    {
        using var forger = IcmpForger.Create();
        using var silent = BindRawSocket();
        var connecting = Transport.ConnectAsync(ClientTo(silent) with { HandshakeTimeout = TimeSpan.FromSeconds(30) }).AsTask();
        var (from, packet) = await FirstPacketAsync(silent);
        var guessed = packet.ToArray();
        guessed[6 + packet[5] + 1] ^= 1; // of the client's own id

        forger.Send(from, (IPEndPoint)silent.LocalEndPoint!, guessed);
        forger.Send(from, (IPEndPoint)silent.LocalEndPoint!, packet, IcmpForger.FragmentationNeeded);
        forger.Send(from, new IPEndPoint(IPAddress.Loopback, from.Port), packet);
        Assert.True(await Wait.StaysPending(connecting), "an error that is not about the handshake has ended it");

        forger.Send(from, (IPEndPoint)silent.LocalEndPoint!, packet);
        await Wait.ForFailure(QuicError.ConnectionRefused, connecting, "the handshake to be refused");
    }

    [Fact]
    public async Task Handshake_ends_by_a_routers_error_that_quotes_the_addresses_alone()
    {
        using var forger = IcmpForger.Create();
        using var silent = BindRawSocket();
        var connecting = Transport.ConnectAsync(ClientTo(silent) with { HandshakeTimeout = TimeSpan.FromSeconds(30) }).AsTask();
        var (from, _) = await FirstPacketAsync(silent);

        forger.Send(from, (IPEndPoint)silent.LocalEndPoint!, [], IcmpForger.HostUnreachable);

        await Wait.ForFailure(QuicError.ConnectionRefused, connecting, "the handshake to be refused");
    }

    private static QuicClientOptions ClientTo(Socket socket) => new()
    {
        Tls = TestCertificates.Client,
        ApplicationProtocols = [Protocol],
        ServerName = "localhost",
        EndPoint = (IPEndPoint)socket.LocalEndPoint!,
    };

    private static async Task<(IPEndPoint From, byte[] Packet)> FirstPacketAsync(Socket socket)
    {
        var buffer = new byte[2000];
        var received = await Wait.For(socket.ReceiveFromAsync(buffer, SocketFlags.None, new IPEndPoint(IPAddress.Any, 0)), "a client's first packet");
        return ((IPEndPoint)received.RemoteEndPoint, buffer[..received.ReceivedBytes]);
    }

    /// <summary>A connection with somebody on its path who has seen a packet.</summary>
    private async Task<WatchedConnection> WatchedAsync()
    {
        var listener = await ListenAsync();
        var relay = new UdpRelay(listener.LocalEndPoint);
        byte[] packet = [];
        relay.PassToServer = datagram =>
        {
            if ((datagram[0] & 0x80) == 0)
            {
                Volatile.Write(ref packet, datagram);
            }

            return true;
        };
        var pair = await ConnectPairAsync(listener, client => client with { EndPoint = relay.EndPoint });
        await EchoAsync(pair.Client, pair.Server, 1000);
        return new WatchedConnection(pair, relay, pair.Client.LocalEndPoint, relay.EndPoint, Volatile.Read(ref packet));
    }

    private sealed record WatchedConnection(ConnectedPair Pair, UdpRelay Relay, IPEndPoint From, IPEndPoint To, byte[] Packet) : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => Relay.DisposeAsync();
    }
}
