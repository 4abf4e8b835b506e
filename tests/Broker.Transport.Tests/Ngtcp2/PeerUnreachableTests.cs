using System.Net;
using Broker.Transport.Ngtcp2;
using Broker.Transport.Ngtcp2.Engine;
using Broker.Transport.Tests.Contract;

namespace Broker.Transport.Tests.Ngtcp2;

/// <summary>The kernel answers for a process that is gone. What it says is a hint, and ends nothing.</summary>
public sealed class PeerUnreachableTests : Ngtcp2Tests
{
    [Theory]
    [InlineData(IoMode.Segmented, "127.0.0.1", "127.0.0.1")]
    [InlineData(IoMode.Batched, "127.0.0.1", "127.0.0.1")]
    [InlineData(IoMode.Plain, "127.0.0.1", "127.0.0.1")]
    [InlineData(IoMode.Segmented, "::1", "::1")]
    [InlineData(IoMode.Plain, "::1", "::1")]
    [InlineData(IoMode.Segmented, "127.0.0.1", "::ffff:127.0.0.1")]
    internal async Task Client_of_a_killed_server_is_told_at_its_next_packet_and_keeps_the_connection(IoMode mode, string bound, string target)
    {
        if (target.Contains(':', StringComparison.Ordinal))
        {
            RequireIpv6();
        }

        await using var server = new Ngtcp2Transport();
        await using var client = new Ngtcp2Transport(new EngineOptions { Io = mode });
        var pair = await ConnectPairAsync(
            server, client, ListenerDefaults with { EndPoint = new IPEndPoint(IPAddress.Parse(bound), 0) },
            listener => ClientOf(listener) with { EndPoint = new IPEndPoint(IPAddress.Parse(target), listener.LocalEndPoint.Port), IdleTimeout = TimeSpan.FromSeconds(3) });
        await EchoAsync(pair.Client, pair.Server, 1000);
        await Wait.For(((Ngtcp2Listener)pair.Listener).AbandonAsync(), "the server to vanish");

        await SendAsync(pair.Client, 200);
        await Wait.For(Task.WhenAny(pair.Client.PeerUnreachable, pair.Client.Closed), "the hint");

        Assert.True(pair.Client.PeerUnreachable.IsCompletedSuccessfully, "the hint did not come before the idle timeout");
        Assert.False(pair.Client.Closed.IsCompleted, "the hint has ended the connection");
        Assert.Equal(QuicError.ConnectionIdle, (await Wait.For(pair.Client.Closed, "the idle timeout")).Error);
    }

    [Fact]
    public async Task Large_write_to_a_killed_server_is_refused_as_a_hint_too()
    {
        var pair = await ConnectPairAsync();
        await EchoAsync(pair.Client, pair.Server, 100_000);
        await Wait.For(((Ngtcp2Listener)pair.Listener).AbandonAsync(), "the server to vanish");

        await SendAsync(pair.Client, 60_000); // several packets in one call
        await Wait.For(pair.Client.PeerUnreachable, "the hint");

        Assert.False(pair.Client.Closed.IsCompleted, "the hint has ended the connection");
    }

    [Fact]
    public async Task Only_the_connection_to_the_killed_server_is_told_and_the_other_one_loses_nothing()
    {
        var dead = await ConnectPairAsync();
        var alive = await ConnectPairAsync();
        Assert.Equal(dead.Client.LocalEndPoint, alive.Client.LocalEndPoint); // one socket
        await Wait.For(((Ngtcp2Listener)dead.Listener).AbandonAsync(), "the server to vanish");

        var echo = EchoAsync(alive.Client, alive.Server, 8_000_000);
        var stream = await Wait.For(dead.Client.OpenStreamAsync(), "a stream to open");
        for (var i = 0; i < 500; i++)
        {
            await Wait.For(stream.Output.WriteAsync(new byte[20]), "the write"); // each packet brings an error about, which some call on the socket fails with
        }

        await Wait.For(echo, "the echo");
        await Wait.For(dead.Client.PeerUnreachable, "the hint");
        Assert.False(alive.Client.PeerUnreachable.IsCompleted, "the other server's client was told");
    }

    [Fact]
    public async Task Server_that_comes_back_on_its_port_serves_from_the_same_socket()
    {
        var first = await ConnectPairAsync();
        await Wait.For(((Ngtcp2Listener)first.Listener).AbandonAsync(), "the server to vanish");
        await SendAsync(first.Client, 200);
        await Wait.For(first.Client.PeerUnreachable, "the hint");

        var second = await ConnectPairAsync(await ListenAsync(options => options with { EndPoint = first.Listener.LocalEndPoint }));
        await EchoAsync(second.Client, second.Server, 1_000_000);

        Assert.Equal(first.Client.LocalEndPoint, second.Client.LocalEndPoint);
        Assert.False(second.Client.PeerUnreachable.IsCompleted, "the errors of the first connection were taken for the second's");
    }

    [Fact]
    public async Task Server_is_not_told_of_a_vanished_client()
    {
        await using var client = new Ngtcp2Transport();
        var listener = await ListenAsync();
        var connection = await Wait.For(client.ConnectAsync(ClientOf(listener) with { LocalEndPoint = new IPEndPoint(IPAddress.Loopback, 0) }), "the client's handshake");
        var pair = new ConnectedPair(listener, connection, (await listener.AcceptConnectionAsync())!);
        var bystander = await ConnectPairAsync(listener);
        await EchoAsync(pair.Client, pair.Server, 1000);
        await Wait.For(((Ngtcp2Connection)connection).Endpoint.StopAsync(silently: true), "the client to vanish");

        await SendAsync(pair.Server, 200);
        await EchoAsync(bystander.Client, bystander.Server, 1_000_000);

        Assert.False(pair.Server.PeerUnreachable.IsCompleted);
        Assert.False(pair.Server.Closed.IsCompleted);
    }

    [Fact]
    public async Task Loop_rests_while_the_peer_is_unreachable()
    {
        var local = new IPEndPoint(IPAddress.Parse("127.0.0.77"), 0); // the loop's thread has its address as its name
        var pair = await ConnectPairAsync(client: client => client with { LocalEndPoint = local, IdleTimeout = TimeSpan.FromSeconds(30) });
        await Wait.For(((Ngtcp2Listener)pair.Listener).AbandonAsync(), "the server to vanish");
        await SendAsync(pair.Client, 200);
        await Wait.For(pair.Client.PeerUnreachable, "the hint");

        // A second in which the loop has nothing to do but a few retransmissions; there is no event that ends it.
        var before = LoopTime(local.Address);
        await Task.Delay(TimeSpan.FromSeconds(1));
        var used = LoopTime(local.Address) - before;

        Assert.True(used < TimeSpan.FromMilliseconds(150), $"the loop used {used.TotalMilliseconds} ms of a second for nothing");
    }

    private static async Task SendAsync(IQuicConnection connection, int bytes)
    {
        var stream = await Wait.For(connection.OpenStreamAsync(), "a stream to open");
        await Wait.For(stream.Output.WriteAsync(new byte[bytes]), "the write");
    }

    private static TimeSpan LoopTime(IPAddress local)
    {
        foreach (var folder in Directory.GetDirectories("/proc/self/task"))
        {
            var stat = File.ReadAllText(Path.Combine(folder, "stat"));
            if (stat.Contains($"(quic {local}".Substring(0, 16), StringComparison.Ordinal))
            {
                const int UserTime = 11; // counted from the state, which follows the name
                const double TicksPerSecond = 100;
                var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
                return TimeSpan.FromSeconds((long.Parse(fields[UserTime], null) + long.Parse(fields[UserTime + 1], null)) / TicksPerSecond);
            }
        }

        Assert.Fail($"no thread of the loop at {local}");
        return default;
    }
}
