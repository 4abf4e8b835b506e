using Broker.Transport;

namespace Broker.Node.Tests.Hostile.Peers;

/// <summary>Speaks another application protocol.</summary>
internal sealed class WrongProtocol : HostilePeer
{
    // GnuTLS, which this side uses, sends no longer ones.
    private const int LongestName = 31;
    private static readonly string[] s_protocols = ["h3", "broker/0", "BROKER/1", new string('x', LongestName)];

    public override async Task AttackAsync(HostileTarget target, Random random)
    {
        var options = target.Options with { ApplicationProtocols = [s_protocols[random.Next(s_protocols.Length)]] };
        var failure = await Assert.ThrowsAsync<QuicTransportException>(async () => await target.Transport.ConnectAsync(options));
        Assert.True(failure.Error == QuicError.ProtocolMismatch, $"{failure.Error}: {failure.Message}");
    }
}
