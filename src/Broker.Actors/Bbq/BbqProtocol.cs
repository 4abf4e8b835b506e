using System.Globalization;
using Broker.Actors.Access;
using Broker.Actors.Connections;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Protocol;
using Broker.Protocol.Bbq;
using Broker.Transport;

namespace Broker.Actors.Bbq;

/// <summary><c>bbq</c>: a stream for each message published and for each message consumed (docs/protocol.md, "bbq").</summary>
internal sealed class BbqProtocol : IApplicationProtocol
{
    public string Alpn => BbqFraming.Alpn;

    public Props ConnectionProps(IQuicConnection connection, PeerIdentity identity, NodeServices node) =>
        Props.Create(() => new BbqConnectionActor(connection, identity, node));
}

/// <summary>One <c>bbq</c> connection. It has no handshake of its own: the certificate says who it is.</summary>
internal sealed class BbqConnectionActor(IQuicConnection connection, PeerIdentity identity, NodeServices node)
    : ConnectionActor(connection, identity, node)
{
    private readonly VhostScope _scope = VhostScope.Default(node, identity.User);
    private readonly List<IQuicStream> _waiting = []; // for the node to have recovered its queues

    protected override void PreStart()
    {
        base.PreStart();
        if (Enter(ProtocolInfo.DefaultVhost) is { } fault)
        {
            Close((long)fault.Code, fault.Reason);
        }
    }

    protected override void HandleStream(IQuicStream stream)
    {
        if (!Node.IsServing)
        {
            _waiting.Add(stream);
            return;
        }

        var status = Status.Open(stream.Id, "bbq");
        Context.ActorOf(
            Props.Create(() => new BbqStreamActor(stream, Node, status, _scope)),
            string.Create(CultureInfo.InvariantCulture, $"bbq-{stream.Id}"));
    }

    protected override void ReceiveMessage(object message)
    {
        if (message is NodeServes)
        {
            _waiting.ForEach(HandleStream);
            _waiting.Clear();
        }
        else
        {
            base.ReceiveMessage(message);
        }
    }
}
