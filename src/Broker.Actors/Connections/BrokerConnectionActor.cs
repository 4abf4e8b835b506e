using System.Globalization;
using Broker.Actors.Access;
using Broker.Actors.Admin;
using Broker.Actors.Consuming;
using Broker.Actors.Publishing;
using Broker.Actors.Requests;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Actors.Streams;
using Broker.Protocol;
using Broker.Transport;

namespace Broker.Actors.Connections;

/// <summary>
/// One connection of a <c>broker/1</c> client. Streams say their kind in their first bytes; those that come before WELCOME has left wait, unread, because QUIC keeps no
/// order between streams, and so do those that need queues before the node has recovered them.
/// </summary>
internal sealed class BrokerConnectionActor(IQuicConnection connection, PeerIdentity identity, NodeServices node)
    : ConnectionActor(connection, identity, node)
{
    private readonly List<Opened> _waiting = [];
    private bool _hasControl;
    private VhostScope? _scope; // from WELCOME on
    private int _clientMaxMessageBytes;

    /// <summary>By the control stream's actor: the client has introduced itself.</summary>
    public sealed record Welcomed(string ClientName, string Vhost, int MaxMessageBytes);

    /// <summary>By the control stream's actor: the connection is to end.</summary>
    public sealed record Ending(FrameFault Fault);

    private sealed record Opened(IQuicStream Stream, StreamKind Kind);

    private sealed record Refused(IQuicStream Stream, FrameFault Fault);

    private sealed record Gone(IQuicStream Stream);

    private sealed class HelloTimeout
    {
        public static readonly HelloTimeout Instance = new();
    }

    protected override void PreStart()
    {
        base.PreStart();
        Context.Timers.StartSingle(HelloTimeout.Instance, HelloTimeout.Instance, Node.Limits.OpeningTimeout);
    }

    protected override void HandleStream(IQuicStream stream) =>
        Context.PipeTo(ReadKindAsync(stream, Node.Limits.OpeningTimeout, Context.System.TimeProvider), opened => opened, _ => new Gone(stream));

    protected override void ReceiveMessage(object message)
    {
        switch (message)
        {
            case Opened { Kind: StreamKind.Control } m:
                StartControl(m.Stream);
                break;
            case Opened m when _scope is not null && (Node.IsServing || m.Kind is StreamKind.Admin or StreamKind.Echo):
                Start(m, _scope);
                break;
            case Opened m:
                _waiting.Add(m);
                break;
            case Refused m:
                Refuse(m.Stream, m.Fault);
                break;
            case Gone m:
                StreamActor.Forget(m.Stream.DisposeAsync());
                break;
            case Welcomed m:
                Status.ClientName = m.ClientName;
                _clientMaxMessageBytes = m.MaxMessageBytes;
                _scope = new VhostScope(Node, Identity.User, m.Vhost);
                Context.Timers.Cancel(HelloTimeout.Instance);
                StartWaiting();
                break;
            case NodeServes when _scope is not null:
                StartWaiting();
                break;
            case NodeServes:
                break;
            case Ending m:
                Close((long)m.Fault.Code, m.Fault.Reason);
                break;
            case Terminated: // after an orderly end the connection is closed already, and this has no effect
                Close((long)ErrorCode.ProtocolViolation, "the control stream was reset; it lives as long as the connection");
                break;
            case HelloTimeout:
                Close((long)ErrorCode.HandshakeTimeout, $"no HELLO within {Node.Limits.OpeningTimeout.TotalSeconds:0.#} s");
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void StartWaiting()
    {
        var waiting = _waiting.ToList();
        _waiting.Clear();
        waiting.ForEach(ReceiveMessage); // those that have to wait for the node's recovery go back
    }

    private void StartControl(IQuicStream stream)
    {
        if (_hasControl)
        {
            Close((long)ErrorCode.ProtocolViolation, "a connection has one control stream; this is a second one");
            return;
        }

        _hasControl = true;
        var self = Self;
        var status = Status.Open(stream.Id, "control");
        var welcome = new WelcomeFrame
        {
            NodeId = Node.Options.NodeId,
            ProductVersion = Node.Options.ProductVersion,
            ClusterName = Node.Options.ClusterName,
            Identity = Identity.User,
            ConnectionId = (ulong)ConnectionId,
            MaxMessageBytes = Node.Limits.MaxMessageBytes,
            MaxFrameBytes = Node.Limits.MaxMessageBytes + ProtocolLimits.FrameOverheadBytes,
        };
        Context.Watch(Context.ActorOf(Props.Create(() => new ControlStreamActor(stream, Node, status, self, welcome, Enter)), Name("control", stream)));
    }

    private void Refuse(IQuicStream stream, FrameFault fault)
    {
        var status = Status.Open(stream.Id, "refused");
        Context.ActorOf(Props.Create(() => new RefusedStreamActor(stream, Node, status, fault)), Name("refused", stream));
    }

    private void Start(Opened opened, VhostScope scope)
    {
        var stream = opened.Stream;
        if (opened.Kind == StreamKind.Admin && !Identity.Roles.HasFlag(PeerRoles.Admin))
        {
            Refuse(stream, new FrameFault(ErrorCode.AccessRefused, $"'{Identity.User}' has no admin role; use a certificate with the URI name broker://role/admin"));
            return;
        }

        var kind = opened.Kind switch
        {
            StreamKind.Publish => "publish",
            StreamKind.Consume => "consume",
            StreamKind.Request => "request",
            StreamKind.Echo => "echo",
            _ => "admin",
        };
        var status = Status.Open(stream.Id, kind);
        var maxMessageBytes = _clientMaxMessageBytes;
        var owner = Node.OwnerOf(ConnectionId);
        var props = opened.Kind switch
        {
            StreamKind.Publish => Props.Create(() => new PublisherStreamActor(stream, Node, status, scope)),
            StreamKind.Consume => Props.Create(() => new ConsumerStreamActor(stream, Node, status, scope, maxMessageBytes)),
            StreamKind.Request => Props.Create(() => new RequestStreamActor(stream, Node, status, scope, maxMessageBytes, owner)),
            StreamKind.Echo => Props.Create(() => new EchoStreamActor(stream, Node, status)),
            _ => Props.Create(() => new AdminStreamActor(stream, Node, status)),
        };
        Context.ActorOf(props, Name(kind, stream));
    }

    private static string Name(string kind, IQuicStream stream) => string.Create(CultureInfo.InvariantCulture, $"{kind}-{stream.Id}");

    private static async Task<object> ReadKindAsync(IQuicStream stream, TimeSpan timeout, TimeProvider time)
    {
        using var deadline = new CancellationTokenSource(timeout, time);
        try
        {
            while (true)
            {
                var read = await stream.Input.ReadAsync(deadline.Token);
                if (StreamHeader.TryRead(read.Buffer, out var kind, out var consumed))
                {
                    stream.Input.AdvanceTo(consumed);
                    return Enum.IsDefined(kind)
                        ? new Opened(stream, kind)
                        : new Refused(stream, new FrameFault(ErrorCode.UnknownStreamKind, $"there is no stream kind {(ulong)kind}"));
                }

                stream.Input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
                if (read.IsCompleted)
                {
                    return new Refused(stream, new FrameFault(ErrorCode.ProtocolViolation, "the stream ended before it said its kind"));
                }
            }
        }
        catch (OperationCanceledException)
        {
            return new Refused(stream, new FrameFault(ErrorCode.HandshakeTimeout, $"the stream did not say its kind within {timeout.TotalSeconds:0.#} s"));
        }
        catch (QuicTransportException)
        {
            return new Gone(stream); // before it said anything
        }
    }
}
