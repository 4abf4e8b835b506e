using Broker.Transport;

namespace Broker.Node.Tests.Hostile.Peers;

/// <summary>Works, and is gone from one datagram to the next: no goodbye, no answers. The idle timeout is the only one to notice.</summary>
internal sealed class AbruptDisappearance : HostilePeer
{
    private static readonly TimeSpan s_idleTimeout = TimeSpan.FromSeconds(5);

    public override async Task AttackAsync(HostileTarget target, Random random)
    {
        try
        {
            await WorkAndVanishAsync(target, random);
        }
        catch (QuicTransportException e) when (e.Error == QuicError.ConnectionIdle)
        {
            // Relays follow each other on the same ports while earlier clients and the node still send to them, and a few in ten thousand of these connections
            // die before they vanish. What the node owes is checked by the healthy client beside them, which has no relay and tolerates nothing.
        }
    }

    private static async Task WorkAndVanishAsync(HostileTarget target, Random random)
    {
        await using var relay = new UdpRelay(target.Address);
        await using var connection = await ConnectAsync(target, options => options with { EndPoint = relay.Address, IdleTimeout = s_idleTimeout });
        var queue = $"gone-{random.Next(4)}";
        await connection.DeclareQueueAsync(queue);
        var publisher = await connection.OpenPublisherAsync();
        await publisher.PublishAsync(1, "", queue, "a last message");
        await publisher.ExpectConfirmsAsync(1);
        await connection.SubscribeAsync(queue);
        if (random.Next(2) == 0)
        {
            await publisher.PublishAsync(2, "", queue, "one that may not arrive");
        }

        await relay.DisposeAsync();
    }
}
