using Broker.Actors.Tests.Nodes;
using Broker.Transport;

namespace Broker.Node.Tests.Hostile;

/// <summary>One kind of peer that means harm, or might as well.</summary>
internal abstract class HostilePeer
{
    /// <summary>How many of them are at it at the same time. Those that mostly wait need company to weigh anything.</summary>
    public virtual int Company => 8;

    /// <summary>One connection, or what is left of it on the way there. Where the protocol says what the node answers, that is checked.</summary>
    public abstract Task AttackAsync(HostileTarget target, Random random);

    public override string ToString() => GetType().Name;

    /// <summary>Connects and introduces itself properly: the harm comes after.</summary>
    protected static async Task<WireConnection> ConnectAsync(HostileTarget target, Func<QuicClientOptions, QuicClientOptions>? change = null)
    {
        var connection = new WireConnection(await target.Transport.ConnectAsync(change?.Invoke(target.Options) ?? target.Options));
        await connection.HelloAsync();
        return connection;
    }

    protected static byte[] RandomBytes(Random random, int maxLength)
    {
        var bytes = new byte[random.Next(maxLength + 1)];
        random.NextBytes(bytes);
        return bytes;
    }
}
