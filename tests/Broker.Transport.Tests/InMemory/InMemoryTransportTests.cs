using System.Net;
using Broker.Transport.InMemory;
using Broker.Transport.Tests.Contract;

namespace Broker.Transport.Tests.InMemory;

/// <summary>What only the in-memory backend promises: a given clock, a shared network, and runs on one thread that repeat.</summary>
public class InMemoryTransportTests
{
    private static readonly QuicListenerOptions s_listener = new()
    {
        Tls = TestCertificates.Server,
        ApplicationProtocols = ["test/1"],
        EndPoint = new IPEndPoint(IPAddress.Loopback, 7400),
    };

    private static readonly QuicClientOptions s_client = new()
    {
        Tls = TestCertificates.Client,
        ApplicationProtocols = ["test/1"],
        EndPoint = s_listener.EndPoint,
        ServerName = "localhost",
    };

    [Fact]
    public async Task Transports_of_one_network_reach_each_other_and_no_other_network()
    {
        var network = new InMemoryNetwork();
        await using var server = new InMemoryTransport(network);
        await using var neighbour = new InMemoryTransport(network);
        await using var stranger = new InMemoryTransport();
        await server.ListenAsync(s_listener);

        await neighbour.ConnectAsync(s_client);
        var failure = await Assert.ThrowsAsync<QuicTransportException>(async () => await stranger.ConnectAsync(s_client));

        Assert.Equal(QuicError.ConnectionRefused, failure.Error);
    }

    [Fact]
    public async Task Connection_times_out_by_the_given_clock()
    {
        var time = new ManualTime();
        await using var transport = new InMemoryTransport(new InMemoryNetwork(time));
        await transport.ListenAsync(s_listener);
        var connection = await transport.ConnectAsync(s_client with { IdleTimeout = TimeSpan.FromSeconds(20) });

        time.Advance(TimeSpan.FromSeconds(19.9));
        Assert.False(connection.Closed.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(0.1));

        Assert.Equal(QuicError.ConnectionIdle, (await Wait.For(connection.Closed, "the idle timeout")).Error);
    }

    [Fact]
    public async Task Traffic_puts_the_timeout_off()
    {
        var time = new ManualTime();
        await using var transport = new InMemoryTransport(new InMemoryNetwork(time));
        await transport.ListenAsync(s_listener);
        var connection = await transport.ConnectAsync(s_client with { IdleTimeout = TimeSpan.FromSeconds(20) });
        var stream = await connection.OpenStreamAsync();

        for (var i = 0; i < 5; i++)
        {
            time.Advance(TimeSpan.FromSeconds(15));
            await stream.Output.WriteAsync(new byte[1]);
        }

        Assert.False(connection.Closed.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(20));
        await Wait.For(connection.Closed, "the idle timeout");
    }

    [Fact]
    public async Task Keep_alive_follows_the_given_clock()
    {
        var time = new ManualTime();
        await using var transport = new InMemoryTransport(new InMemoryNetwork(time));
        await transport.ListenAsync(s_listener);
        var connection = await transport.ConnectAsync(s_client with { KeepAliveInterval = TimeSpan.FromSeconds(5) });

        time.Advance(TimeSpan.FromHours(1));

        Assert.False(connection.Closed.IsCompleted);
    }

    [Fact]
    public async Task Network_can_say_that_a_listener_is_gone_and_ends_nothing_by_it()
    {
        var network = new InMemoryNetwork();
        await using var transport = new InMemoryTransport(network);
        var other = s_listener with { EndPoint = new IPEndPoint(IPAddress.Loopback, 7401) };
        var listener = await transport.ListenAsync(s_listener);
        await transport.ListenAsync(other);
        var connection = await transport.ConnectAsync(s_client);
        var server = await listener.AcceptConnectionAsync();
        var elsewhere = await transport.ConnectAsync(s_client with { EndPoint = other.EndPoint });
        var told = connection.PeerUnreachable;

        network.ReportUnreachable(s_listener.EndPoint);

        await Wait.For(told, "the report");
        Assert.True(connection.PeerUnreachable.IsCompleted, "who asks later is told, too");
        Assert.False(server!.PeerUnreachable.IsCompleted || elsewhere.PeerUnreachable.IsCompleted);
        Assert.False(connection.Closed.IsCompleted);
        var stream = await connection.OpenStreamAsync();
        await stream.Output.WriteAsync(new byte[1]);
        await Wait.For(server.AcceptStreamAsync(), "the stream");
    }

    [Fact]
    public async Task Inline_connection_tells_of_an_unreachable_peer_within_the_call()
    {
        var network = new InMemoryNetwork();
        await using var transport = new InMemoryTransport(network);
        await transport.ListenAsync(s_listener);
        var connection = await transport.ConnectAsync(s_client with { InlineContinuations = true });
        var thread = 0;
        _ = connection.PeerUnreachable.ContinueWith(
            _ => thread = Environment.CurrentManagedThreadId, TestContext.Current.CancellationToken, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);

        network.ReportUnreachable(s_listener.EndPoint);

        Assert.Equal(Environment.CurrentManagedThreadId, thread);
    }

    [Fact]
    public async Task Nothing_is_said_of_a_connection_that_has_ended()
    {
        var network = new InMemoryNetwork();
        await using var transport = new InMemoryTransport(network);
        await transport.ListenAsync(s_listener);
        var connection = await transport.ConnectAsync(s_client);
        await connection.CloseAsync(0);

        network.ReportUnreachable(s_listener.EndPoint);

        Assert.False(connection.PeerUnreachable.IsCompleted);
    }

    [Fact]
    public void Inline_conversation_is_over_when_the_call_that_started_it_returns()
    {
        var context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            var threads = new HashSet<int>();
            var serving = ServeAsync(out var transport, threads);

            var talking = TalkAsync(transport, threads);

            Assert.True(talking.IsCompletedSuccessfully && serving.IsCompletedSuccessfully, $"client {talking.Status}, server {serving.Status}");
            Assert.Equal([Environment.CurrentManagedThreadId], threads);
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(context);
        }
    }

    private static Task ServeAsync(out InMemoryTransport transport, HashSet<int> threads)
    {
        var created = transport = new InMemoryTransport(new InMemoryNetwork(new ManualTime()));
        return RunAsync();

        async Task RunAsync()
        {
            var listener = await created.ListenAsync(s_listener with { InlineContinuations = true, StreamReceiveWindow = 16 << 10, ConnectionReceiveWindow = 32 << 10 });
            var connection = await listener.AcceptConnectionAsync();
            var stream = await connection!.AcceptStreamAsync();
            threads.Add(Environment.CurrentManagedThreadId);
            await stream.Input.CopyToAsync(stream.Output);
            await stream.Output.CompleteAsync();
            await connection.Closed;
            threads.Add(Environment.CurrentManagedThreadId);
        }
    }

    private static async Task TalkAsync(InMemoryTransport transport, HashSet<int> threads)
    {
        var connection = await transport.ConnectAsync(s_client with { InlineContinuations = true, SendBufferSize = 4096 });
        var stream = await connection.OpenStreamAsync();
        var received = ReceiveAsync(stream);
        for (var i = 0; i < 100; i++)
        {
            Pattern.Fill(stream.Output, i * 10_000L, 10_000, seed: 0);
            await stream.Output.FlushAsync();
            threads.Add(Environment.CurrentManagedThreadId);
        }

        await stream.Output.CompleteAsync();
        Assert.Equal(1_000_000, await received);
        await connection.CloseAsync(0);
        threads.Add(Environment.CurrentManagedThreadId);
    }

    private static async Task<long> ReceiveAsync(IQuicStream stream)
    {
        for (var count = 0L; ;)
        {
            var read = await stream.Input.ReadAsync();
            count += read.Buffer.Length;
            stream.Input.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
            {
                return count;
            }
        }
    }
}
