using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Actors.Streams;
using Broker.Protocol;
using Broker.Transport;

namespace Broker.Actors.Connections;

/// <summary>One QUIC connection of whatever protocol: accepts its streams and is the parent of their actors, which end with it.</summary>
internal abstract class ConnectionActor : Actor
{
    private readonly IQuicConnection _connection;

    protected ConnectionActor(IQuicConnection connection, PeerIdentity identity, NodeServices node)
    {
        _connection = connection;
        Identity = identity;
        Node = node;
    }

    /// <summary>A stream was accepted, or none will be any more.</summary>
    private sealed record Accepted(IQuicStream? Stream);

    /// <summary>The connection has ended.</summary>
    private sealed record Ended(QuicCloseInfo Info);

    /// <summary>By the server: what was on disk is recovered, and <see cref="NodeServices.IsServing"/> says so.</summary>
    public sealed class NodeServes
    {
        public static readonly NodeServes Instance = new();
    }

    protected NodeServices Node { get; }

    protected PeerIdentity Identity { get; }

    protected ConnectionStatus Status { get; private set; } = null!;

    protected long ConnectionId => _connection.Id;

    /// <summary>A fault in one stream's actor ends that stream and nothing else.</summary>
    protected override SupervisorStrategy SupervisorStrategy => SupervisorStrategy.Stopping;

    protected override void PreStart()
    {
        Status = new ConnectionStatus(_connection, Identity, Self, Context.System.TimeProvider.GetUtcNow());
        Node.Connections.Add(Status);
        Context.Describe(Status.ToString);
        Context.PipeTo(_connection.Closed, info => new Ended(info), e => new Ended(new QuicCloseInfo(QuicError.Transport, null, e.Message)));
        if (Node.Users.RefusalOf(Identity.User) is { } refusal)
        {
            Close((long)ErrorCode.AccessRefused, refusal); // since the listener has looked, by somebody who has not found this connection in the list
        }

        Accept();
    }

    protected override void PostStop()
    {
        Node.Connections.Remove(Status);
        Node.Exclusive.Tell(new ExclusiveQueues.ConnectionEnded(Node.OwnerOf(ConnectionId)));
        StreamActor.Forget(_connection.DisposeAsync());
    }

    protected sealed override void Receive(object message)
    {
        switch (message)
        {
            case Accepted { Stream: { } stream }:
                HandleStream(stream);
                Accept();
                break;
            case Accepted:
                break; // the connection's end is on its way
            case Ended:
                Context.Stop(Self);
                break;
            default:
                ReceiveMessage(message);
                break;
        }
    }

    /// <summary>The peer has opened a stream.</summary>
    protected abstract void HandleStream(IQuicStream stream);

    protected virtual void ReceiveMessage(object message) => Unhandled(message);

    /// <summary>Makes the connection one to a vhost. An administrator may be in each, so that no permission can keep out those who give them; what it may do there is another question.</summary>
    /// <returns>Why it cannot be; <c>null</c> if it is.</returns>
    protected FrameFault? Enter(string vhost) =>
        Node.Vhosts.Check(vhost)
        ?? (Identity.Roles.HasFlag(PeerRoles.Admin) ? null : Node.Access.Rules.Of(Identity.User, vhost).Enter())
        ?? Node.Connections.Enter(Status, vhost, Node.Access.LimitsOfUser(Identity.User), Node.Access.LimitsOfVhost(vhost))
        ?? Node.Vhosts.Check(vhost); // since it was looked at, by somebody who has not found this connection among those to end

    /// <summary>Ends the connection with a code and a reason that the peer sees.</summary>
    protected void Close(long errorCode, string reason) => StreamActor.Forget(_connection.CloseAsync(errorCode, reason));

    // One at a time: how many streams can wait behind it is bounded by the stream limit that the peer was given.
    private void Accept() => Context.PipeTo(_connection.AcceptStreamAsync(), stream => new Accepted(stream), _ => new Accepted(null));
}
