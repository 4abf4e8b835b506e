using Broker.Node.Tests.Processes;
using Broker.Protocol;
using Broker.Transport;

namespace Broker.Node.Tests.Hostile.Peers;

/// <summary>Shows a certificate that the node must refuse, or none. A TLS 1.3 client is connected before it is judged, so it tries to get something in.</summary>
internal abstract class Impostor : HostilePeer
{
    protected abstract QuicTlsOptions Identity(HostileTarget target);

    public override async Task AttackAsync(HostileTarget target, Random random)
    {
        var failure = await Assert.ThrowsAsync<QuicTransportException>(async () =>
        {
            await using var connection = await target.Transport.ConnectAsync(target.Options with { Tls = Identity(target) });
            var stream = await connection.OpenStreamAsync();
            StreamHeader.Write(stream.Output, StreamKind.Control);
            new HelloFrame { ClientName = "impostor" }.Write(stream.Output);
            await stream.Output.FlushAsync();
            var read = await Wait.For(stream.Input.ReadAsync(), "an impostor's refusal");
            Assert.Fail($"the node answered an impostor with {read.Buffer.Length} bytes");
        });
        Assert.True(failure.Error == QuicError.TlsFailed, $"{failure.Error}: {failure.Message}");
    }
}

/// <summary>Shows none.</summary>
internal sealed class NoCertificate : Impostor
{
    protected override QuicTlsOptions Identity(HostileTarget target) => new() { TrustedRootsPem = target.Options.Tls.TrustedRootsPem };
}

/// <summary>Shows one of an authority that has the right name and the wrong key.</summary>
internal sealed class ForeignAuthority : Impostor
{
    protected override QuicTlsOptions Identity(HostileTarget target) => target.Foreign;
}
