using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Actors.Topology;
using Broker.Coordination;
using Broker.Protocol;

namespace Broker.Actors.Users;

/// <summary>In a cluster: what is said of a user at one node is in force at every other as soon as that has read it. Connections of one who is disabled are closed.</summary>
internal sealed class UserFollower(NodeServices node, IMetadataStore metadata) : Actor
{
    private MetadataFollower? _follower;

    /// <summary>Connections were closed.</summary>
    private sealed record Closed
    {
        public static readonly Closed Instance = new();
    }

    /// <summary>Closes the connections of a user who may not connect any more.</summary>
    /// <returns>How many there were.</returns>
    public static async Task<int> DisconnectAsync(NodeServices node, string user)
    {
        var closed = 0;
        foreach (var connection in node.Connections.Connections.Where(c => c.Identity.User == user))
        {
            await connection.Connection.CloseAsync((long)ErrorCode.AccessRefused, node.Users.RefusalOf(user) ?? "");
            closed++;
        }

        return closed;
    }

    protected override void PreStart()
    {
        _follower = new MetadataFollower(Context, metadata, UserDirectory.Prefix, s => Handle(node.Users.Merge(s)), c => Handle(node.Users.Apply(c)));
        _follower.Begin();
    }

    protected override void PostStop() => _follower?.Dispose();

    protected override void Receive(object message)
    {
        if (!_follower!.TryHandle(message) && message is not Closed)
        {
            Unhandled(message);
        }
    }

    private void Handle(IReadOnlyList<string> users)
    {
        foreach (var user in users.Where(u => node.Users.RefusalOf(u) is not null))
        {
            Context.PipeTo(DisconnectAsync(node, user), _ => Closed.Instance, _ => Closed.Instance);
        }
    }
}
