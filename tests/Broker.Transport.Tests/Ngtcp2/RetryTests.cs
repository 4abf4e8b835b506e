using Broker.Transport.Tests.Contract;

namespace Broker.Transport.Tests.Ngtcp2;

/// <summary>Address validation and the limits on a server's unfinished work (RFC 9000, section 8.1).</summary>
public sealed class RetryTests : Ngtcp2Tests
{
    [Fact]
    public async Task Every_client_is_sent_a_retry_when_asked_for()
    {
        var pair = await ConnectPairAsync(options => options with { Retry = QuicRetryPolicy.Always });

        await EchoAsync(pair.Client, pair.Server, 10_000);
        Assert.NotEqual(0, pair.Listener.Statistics.RetriesSent); // a client that has waited for long has sent its first packet again
    }

    [Fact]
    public async Task No_client_is_sent_a_retry_when_told_not_to()
    {
        var pair = await ConnectPairAsync(options => options with { Retry = QuicRetryPolicy.Never, RetryThreshold = 0 });

        Assert.Equal(0, pair.Listener.Statistics.RetriesSent);
    }

    [Fact]
    public async Task Unfinished_handshakes_above_the_threshold_bring_retry()
    {
        var listener = await ListenAsync(options => options with { RetryThreshold = 0 });
        await using var stuck = await LeaveHandshakeUnfinishedAsync(listener);
        Assert.Equal(0, listener.Statistics.RetriesSent);

        await ConnectAsync(listener);

        Assert.NotEqual(0, listener.Statistics.RetriesSent);
    }

    [Fact]
    public async Task First_packets_beyond_the_limit_of_unfinished_handshakes_are_dropped()
    {
        var listener = await ListenAsync(options => options with { MaxPendingHandshakes = 1, Retry = QuicRetryPolicy.Never });
        await using var stuck = await LeaveHandshakeUnfinishedAsync(listener);
        var dropped = listener.Statistics.DatagramsDropped;

        await Wait.ForFailure(
            QuicError.HandshakeTimeout,
            Task.Run(async () => await Transport.ConnectAsync(ClientOf(listener) with { HandshakeTimeout = TimeSpan.FromMilliseconds(300) })),
            "a client beyond the limit");

        Assert.True(listener.Statistics.DatagramsDropped > dropped);
    }

    [Fact]
    public async Task Connections_beyond_the_limit_are_refused()
    {
        var listener = await ListenAsync(options => options with { MaxConnections = 1 });
        await ConnectPairAsync(listener);

        await Wait.ForFailure(QuicError.ConnectionRefused, Task.Run(async () => await Transport.ConnectAsync(ClientOf(listener))), "a client beyond the limit");
    }

    private async Task<UdpRelay> LeaveHandshakeUnfinishedAsync(IQuicListener listener)
    {
        var relay = new UdpRelay(listener.LocalEndPoint) { PassToClient = _ => false };
        _ = Transport.ConnectAsync(ClientOf(listener) with { EndPoint = relay.EndPoint }).AsTask().ContinueWith(task => _ = task.Exception, TaskScheduler.Default);
        await Wait.Until(() => listener.Statistics.HandshakesPending == 1, "the server has an unfinished handshake");
        return relay;
    }
}
