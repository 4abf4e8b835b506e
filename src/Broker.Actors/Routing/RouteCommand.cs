using Broker.Actors.Runtime;
using Broker.Machines.Cluster;
using Broker.Protocol.Links;

namespace Broker.Actors.Routing;

/// <summary>What the near ends of routes tell each other.</summary>
internal abstract record RouteCommand
{
    private RouteCommand()
    {
    }

    /// <summary>To a <see cref="RemoteShardActor"/>: this link leads to who leads the shard; <c>null</c> while none does.</summary>
    public sealed record Aim(ActorRef? Link, NodeLife Life) : RouteCommand;

    /// <summary>To a <see cref="RemoteShardActor"/>, by a queue: send this. Answers come as <see cref="RouteMessage"/>.</summary>
    public sealed record Forward(string Queue, RouteMessage Message) : RouteCommand;

    /// <summary>To a <see cref="RemoteShardActor"/>, by a queue: the peer has ended, or is given up.</summary>
    public sealed record Gone(ulong Peer) : RouteCommand;

    /// <summary>To a queue: nothing that was forwarded so far will be answered. The reason follows "queue 'x' cannot be reached: ".</summary>
    public sealed record Lost(string Reason) : RouteCommand;
}
