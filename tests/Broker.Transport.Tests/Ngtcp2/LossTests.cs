using Broker.Transport.Ngtcp2;
using Broker.Transport.Ngtcp2.Engine;
using Broker.Transport.Tests.Contract;

namespace Broker.Transport.Tests.Ngtcp2;

public sealed class LossTests : Ngtcp2Tests
{
    [Fact]
    public async Task Bytes_survive_a_network_that_loses_every_twentieth_datagram()
    {
        await using var server = new Ngtcp2Transport(new EngineOptions { Lose = LoseShare(0.05, seed: 1) });
        await using var client = new Ngtcp2Transport(new EngineOptions { Lose = LoseShare(0.05, seed: 2) });
        var pair = await ConnectPairAsync(server, client, ListenerDefaults, ClientOf);

        for (var i = 0; i < 20; i++)
        {
            await EchoAsync(pair.Client, pair.Server, 100_000);
        }

        Assert.True(pair.Client.GetStatistics().PacketsLost > 0, "losses are counted");
    }

    [Fact]
    public async Task Stop_sending_reaches_a_writer_through_a_network_that_loses_half()
    {
        await using var server = new Ngtcp2Transport(new EngineOptions());
        var lose = LoseShare(0.5, seed: 3);
        var lossy = false;
        await using var client = new Ngtcp2Transport(new EngineOptions { Lose = () => lossy && lose() });
        var pair = await ConnectPairAsync(server, client, ListenerDefaults, ClientOf);
        var stream = await OpenStreamAsync(pair.Client, pair.Server);
        lossy = true;

        stream.Remote.StopSending(77);
        var failure = await Wait.ForFailure(QuicError.StreamAborted, stream.Local.WritesClosed, "the writer to learn");

        Assert.Equal(77, failure.ErrorCode);
    }

    private static Func<bool> LoseShare(double share, int seed)
    {
        var random = new Random(seed);
        return () =>
        {
            lock (random)
            {
                return random.NextDouble() < share;
            }
        };
    }
}
