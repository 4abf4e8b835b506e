using System.Net;

namespace Broker.Transport.Tests.Contract;

/// <summary>Counters and addresses tell what happened.</summary>
public abstract class StatisticsContract<TBackend> : TransportContract<TBackend>
    where TBackend : ITransportBackend, new()
{
    [Fact]
    public async Task Bytes_are_counted_on_both_sides()
    {
        const int Count = 1 << 20;
        var pair = await ConnectPairAsync();
        var stream = await OpenStreamAsync(pair.Client, pair.Server);

        var received = Pattern.ReceiveAsync(stream.Remote.Input);
        await Pattern.SendAsync(stream.Local.Output, Count);
        await received;

        Assert.InRange(pair.Client.GetStatistics().BytesSent, Count, 2 * Count);
        Assert.InRange(pair.Server.GetStatistics().BytesReceived, Count, 2 * Count);
    }

    [Fact]
    public async Task Path_is_measured()
    {
        RequireCapability(QuicCapabilities.PathStatistics);
        var pair = await ConnectPairAsync();
        var stream = await OpenStreamAsync(pair.Client, pair.Server);
        var received = Pattern.ReceiveAsync(stream.Remote.Input);
        await Pattern.SendAsync(stream.Local.Output, 1 << 20);
        await received;

        var statistics = pair.Client.GetStatistics();

        Assert.InRange(statistics.SmoothedRtt, TimeSpan.FromTicks(1), TimeSpan.FromSeconds(5));
        Assert.InRange(statistics.MinRtt, TimeSpan.FromTicks(1), statistics.SmoothedRtt * 4);
        Assert.True(statistics.CongestionWindow > 0 && statistics.PacketsSent > 0 && statistics.PacketsReceived > 0, statistics.ToString());
    }

    [Fact]
    public async Task Open_streams_are_counted_until_they_close()
    {
        var pair = await ConnectPairAsync();
        var stream = await OpenStreamAsync(pair.Client, pair.Server);
        Assert.Equal([1, 1], [pair.Client.GetStatistics().OpenStreams, pair.Server.GetStatistics().OpenStreams]);

        await Wait.For(stream.Remote.DisposeAsync(), "the stream to be disposed");
        await Wait.For(stream.Local.DisposeAsync(), "the stream to be disposed");

        await Wait.Until(() => pair.Client.GetStatistics().OpenStreams == 0, "the client counts no stream");
        await Wait.Until(() => pair.Server.GetStatistics().OpenStreams == 0, "the server counts no stream");
    }

    [Fact]
    public async Task Listener_counts_its_connections()
    {
        var listener = await ListenAsync();
        var first = await ConnectPairAsync(listener);
        _ = await ConnectPairAsync(listener);
        Assert.Equal((2, 2), (listener.Statistics.ConnectionsAccepted, listener.Statistics.ConnectionsOpen));

        await Wait.For(first.Client.CloseAsync(0), "the close");

        await Wait.Until(() => listener.Statistics.ConnectionsOpen == 1, "the listener counts one connection");
        Assert.Equal((2, 0), (listener.Statistics.ConnectionsAccepted, listener.Statistics.HandshakesPending));
    }

    [Fact]
    public async Task Addresses_of_both_sides_agree()
    {
        var pair = await ConnectPairAsync();

        Assert.Equal(pair.Listener.LocalEndPoint, pair.Client.RemoteEndPoint);
        Assert.Equal(pair.Listener.LocalEndPoint, pair.Server.LocalEndPoint);
        Assert.Equal(pair.Client.LocalEndPoint, pair.Server.RemoteEndPoint);
        Assert.Equal(IPAddress.Loopback, pair.Server.RemoteEndPoint.Address);
        Assert.NotEqual(0, pair.Server.RemoteEndPoint.Port);
    }

    [Fact]
    public async Task Connections_have_different_ids()
    {
        var first = await ConnectPairAsync();
        var second = await ConnectPairAsync(first.Listener);

        Assert.Equal(4, new[] { first.Client.Id, first.Server.Id, second.Client.Id, second.Server.Id }.Distinct().Count());
    }
}
