namespace Broker.Transport.Tests.Contract;

/// <summary>A silent connection ends, and keep-alive breaks the silence (RFC 9000, section 10.1).</summary>
public abstract class IdleTimeoutContract<TBackend> : TransportContract<TBackend>
    where TBackend : ITransportBackend, new()
{
    private const int Attempts = 10;
    private static readonly TimeSpan s_idle = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_idleIfNotKept = TimeSpan.FromSeconds(0.5);

    [Fact]
    public async Task Silence_ends_the_connection_on_both_sides()
    {
        var pair = await ConnectPairAsync(server => server with { IdleTimeout = s_idle }, client => client with { IdleTimeout = s_idle });

        var client = await Wait.For(pair.Client.Closed, "the client to time out");
        var server = await Wait.For(pair.Server.Closed, "the server to time out");

        Assert.Equal([QuicError.ConnectionIdle, QuicError.ConnectionIdle], [client.Error, server.Error]);
        await Wait.ForFailure(QuicError.ConnectionIdle, () => pair.Client.OpenStreamAsync(), "opening on a timed-out connection");
    }

    [Fact]
    public async Task Shorter_timeout_of_the_two_counts()
    {
        var pair = await ConnectPairAsync(client: client => client with { IdleTimeout = s_idle });

        var server = await Wait.For(pair.Server.Closed, "the server to time out by the client's timeout");

        Assert.Equal(QuicError.ConnectionIdle, server.Error);
    }

    [Fact]
    public async Task Keep_alive_holds_a_silent_connection()
    {
        for (var attempt = 1; ; attempt++)
        {
            await using var machine = new MachinePauses();
            if (await HoldsAsync())
            {
                return;
            }

            // One that stops for as long as the timeout lets nobody keep anything alive.
            Assert.True(
                attempt < Attempts && machine.Longest > s_idleIfNotKept / 2,
                $"the connection timed out in spite of keep-alive, attempt {attempt}; the machine itself stopped for {machine.Longest}");
        }
    }

    [Fact]
    public async Task Pending_read_fails_when_the_connection_times_out()
    {
        var pair = await ConnectPairAsync(client: client => client with { IdleTimeout = s_idle });
        var stream = await OpenStreamAsync(pair.Client, pair.Server);

        await Wait.ForFailure(QuicError.ConnectionIdle, () => stream.Remote.Input.ReadAsync(), "the read to fail with the timeout");
    }

    private async Task<bool> HoldsAsync()
    {
        try
        {
            var pair = await ConnectPairAsync(
                server => server with { IdleTimeout = s_idleIfNotKept },
                client => client with { IdleTimeout = s_idleIfNotKept, KeepAliveInterval = s_idleIfNotKept / 5 });

            // Silence for several timeouts is what this test is about; there is no event that ends it.
            await Task.WhenAny(pair.Client.Closed, pair.Server.Closed, Task.Delay(2 * s_idleIfNotKept));
            await OpenStreamAsync(pair.Client, pair.Server);
            return true;
        }
        catch (QuicTransportException e) when (e.Error == QuicError.ConnectionIdle)
        {
            return false;
        }
    }
}
