using Broker.Transport.Ngtcp2;
using Broker.Transport.Ngtcp2.Engine;

namespace Broker.Transport.Tests.Ngtcp2;

/// <summary>Kernels, cards and containers that lack something cost speed, never bytes.</summary>
public sealed class IoFallbackTests : Ngtcp2Tests
{
    private const int ErrorIo = 5;
    private const int ErrorInvalid = 22;
    private const int ErrorNotImplemented = 38;

    [Theory]
    [InlineData(IoMode.Segmented)]
    [InlineData(IoMode.Batched)]
    [InlineData(IoMode.Plain)]
    internal async Task Every_mode_carries_the_same_bytes(IoMode mode)
    {
        await using var server = new Ngtcp2Transport(new EngineOptions { Io = mode });
        await using var client = new Ngtcp2Transport(new EngineOptions { Io = mode });
        var pair = await ConnectPairAsync(server, client, ListenerDefaults, ClientOf);

        await EchoAsync(pair.Client, pair.Server, 4_000_000);

        Assert.Equal(mode, ((Ngtcp2Listener)pair.Listener).IoMode);
    }

    [Theory]
    [InlineData(ErrorIo, IoMode.Batched)]
    [InlineData(ErrorInvalid, IoMode.Batched)]
    [InlineData(ErrorNotImplemented, IoMode.Plain)]
    internal async Task Refused_segmentation_falls_back_without_loss(int error, IoMode expected)
    {
        await using var server = new Ngtcp2Transport(new EngineOptions { Io = IoMode.Segmented, FirstSegmentedSendError = error });
        await using var client = new Ngtcp2Transport();
        var pair = await ConnectPairAsync(server, client, ListenerDefaults, ClientOf);

        await EchoAsync(pair.Client, pair.Server, 4_000_000);

        Assert.Equal(expected, ((Ngtcp2Listener)pair.Listener).IoMode);
    }
}
