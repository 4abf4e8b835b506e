using System.Globalization;
using System.Security.Cryptography;
using Broker.Actors.Connections;
using Broker.Actors.Runtime;
using Broker.Actors.Streams;
using Broker.Protocol;
using Broker.Transport;

namespace Broker.Actors.Server;

/// <summary>Accepts connections and starts the actor that their protocol has for them.</summary>
internal sealed class ListenerActor(IQuicListener listener, IReadOnlyDictionary<string, IApplicationProtocol> protocols, NodeServices node) : Actor
{
    private sealed record Accepted(IQuicConnection? Connection);

    /// <summary>A fault in one connection's actor ends that connection and nothing else.</summary>
    protected override SupervisorStrategy SupervisorStrategy => SupervisorStrategy.Stopping;

    protected override void PreStart()
    {
        Context.Describe(() => $"{listener.LocalEndPoint}, {node.Connections.Count} connections");
        Accept();
    }

    protected override void Receive(object message)
    {
        switch (message)
        {
            case Accepted { Connection: { } connection }:
                Start(connection);
                Accept();
                break;
            case Accepted:
                break; // the listener was disposed
            default:
                Unhandled(message);
                break;
        }
    }

    private void Accept() => Context.PipeTo(listener.AcceptConnectionAsync(), connection => new Accepted(connection), _ => new Accepted(null));

    private void Start(IQuicConnection connection)
    {
        PeerIdentity identity;
        try
        {
            identity = PeerIdentity.Of(connection);
        }
        catch (CryptographicException e)
        {
            StreamActor.Forget(connection.CloseAsync((long)ErrorCode.AccessRefused, e.Message));
            return;
        }

        if (node.Users.RefusalOf(identity.User) is { } refusal)
        {
            StreamActor.Forget(connection.CloseAsync((long)ErrorCode.AccessRefused, refusal));
            return;
        }

        // The listener was given exactly these names, so TLS has chosen one of them.
        var props = protocols[connection.ApplicationProtocol].ConnectionProps(connection, identity, node);
        Context.ActorOf(props, string.Create(CultureInfo.InvariantCulture, $"connection-{connection.Id}"));
    }
}
