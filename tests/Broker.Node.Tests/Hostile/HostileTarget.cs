using System.Net;
using Broker.Node.Certificates;
using Broker.Node.Tests.Processes;
using Broker.Transport;
using Broker.Transport.Ngtcp2;

namespace Broker.Node.Tests.Hostile;

/// <summary>The node under attack, and what its attackers share.</summary>
internal sealed class HostileTarget : IAsyncDisposable
{
    private readonly TemporaryFolder _foreign = new();

    private HostileTarget(NodeProcess node, byte[] initial)
    {
        Options = node.QuicOptions();
        Initial = initial;
        new DevelopmentCertificates(_foreign.Path, TimeProvider.System).Ensure();
        Foreign = QuicTlsOptions.FromFiles(_foreign["client.pem"], _foreign["client.key"], Path.Combine(node.Data, "certs", "ca.pem"));
    }

    public IPEndPoint Address => Options.EndPoint;

    /// <summary>What a proper client would use.</summary>
    public QuicClientOptions Options { get; }

    /// <summary>An identity from an authority of the same name that the node does not trust.</summary>
    public QuicTlsOptions Foreign { get; }

    /// <summary>The first datagram of a proper client, as it was on the wire.</summary>
    public ReadOnlyMemory<byte> Initial { get; }

    /// <summary>Not shared with healthy clients: only the node is to stand between the two.</summary>
    public Ngtcp2Transport Transport { get; } = new();

    public static async Task<HostileTarget> OfAsync(NodeProcess node) => new(node, await CaptureInitialAsync(node));

    public async ValueTask DisposeAsync()
    {
        await Transport.DisposeAsync();
        _foreign.Dispose();
    }

    private static async Task<byte[]> CaptureInitialAsync(NodeProcess node)
    {
        await using var wire = new UdpRelay(node.Address, clientDatagrams: 0, serverDatagrams: 0);
        await using var transport = new Ngtcp2Transport();
        using var enough = new CancellationTokenSource();
        var connecting = transport.ConnectAsync(node.QuicOptions() with { EndPoint = wire.Address }, enough.Token).AsTask();
        var first = await Wait.For(wire.FirstClientDatagram, "a client's first datagram");
        await enough.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => connecting);
        return first;
    }
}
