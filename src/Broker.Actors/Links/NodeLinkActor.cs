using System.Globalization;
using System.Security.Cryptography;
using Broker.Actors.Connections;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Actors.Streams;
using Broker.Machines.Cluster;
using Broker.Machines.Links;
using Broker.Protocol;
using Broker.Protocol.Links;
using Broker.Transport;

namespace Broker.Actors.Links;

/// <summary>
/// The link to one other node: dials it for ever, and carries what this node sends to it. The other node's link to this one is another connection, so nothing has to be agreed when both dial at
/// once.
/// </summary>
/// <remarks>
/// Each attempt has a number, and what comes of an attempt that was given up is dropped. Its parent stops it for a failure rather than restarting it, as subscribers are not kept.
/// </remarks>
internal sealed class NodeLinkActor : Actor
{
    private readonly LinkStatus _status;
    private readonly IQuicTransport _transport;
    private readonly LinkIdentity _identity;
    private readonly NodeLinkOptions _options;
    private readonly NodeServices _node;
    private readonly Random _random;
    private readonly RestartBackoff _backoff;
    private readonly HashSet<ActorRef> _subscribers = [];
    private readonly HashSet<(int Shard, bool IsRoute)> _opening = [];
    private readonly Dictionary<ActorRef, ShardStream> _shards = [];
    private QuicClientOptions _client;
    private long _attempt;
    private long _streams;
    private int _failures;
    private LinkDial? _dial;
    private ConnectionStatus? _connection;
    private ActorRef? _control;
    private LinkGreeting? _peer;
    private long _upSince;

    /// <param name="status">Has the name of the node that is dialled.</param>
    /// <param name="client">Address, name and TLS of the node; what the protocol prescribes is set here.</param>
    /// <param name="transport">The QUIC backend; stays the caller's.</param>
    /// <param name="identity">Who this node is.</param>
    /// <param name="options">Times and bounds.</param>
    /// <param name="node">This node.</param>
    /// <param name="random">Draws the jitter of waits; for this actor alone.</param>
    public NodeLinkActor(LinkStatus status, QuicClientOptions client, IQuicTransport transport, LinkIdentity identity, NodeLinkOptions options, NodeServices node, Random random)
    {
        options.Validate();
        _status = status;
        _transport = transport;
        _identity = identity;
        _options = options;
        _node = node;
        _random = random;
        _backoff = new RestartBackoff(options.MinBackoff, options.MaxBackoff, options.BackoffJitter);
        _client = client with
        {
            ApplicationProtocols = [LinkInfo.Alpn],
            HandshakeTimeout = options.DialTimeout,
            MaxInboundStreams = 0, // the other node opens streams on its own connection
            InlineContinuations = true, // every continuation here posts a message and returns
            DefaultStreamErrorCode = (long)ErrorCode.InternalError,
            DefaultCloseErrorCode = (long)ErrorCode.ShuttingDown,
        };
    }

    /// <summary>By the control stream's actor: LINK_WELCOME.</summary>
    public sealed record Greeted(long Attempt, LinkGreeting Peer);

    /// <summary>The attempt, or the link that came of it, is to end.</summary>
    public sealed record Failed(long Attempt, FrameFault Fault, bool IsGone = false);

    /// <summary>A shard's stream that this actor has opened.</summary>
    public sealed class ShardStream(int number, ActorRef owner, bool isRoute)
    {
        /// <summary>Whether it is for the shard's queues, and not for its log.</summary>
        public bool IsRoute => isRoute;

        public int Number => number;

        public ActorRef Owner => owner;

        /// <summary>Set by the stream's actor before it ends, and read after its end.</summary>
        public FrameFault? Fault { get; set; }
    }

    private sealed record Connected(long Attempt, IQuicConnection Connection);

    private sealed record Ended(long Attempt, QuicCloseInfo Info);

    private sealed record Unreachable(long Attempt);

    private sealed record ControlOpened(long Attempt, IQuicStream Stream);

    private sealed record StreamOpened(long Attempt, ShardStream Shard, IQuicStream? Stream, string Problem);

    private sealed class Redial
    {
        public static readonly Redial Instance = new();
    }

    /// <summary>A fault in one stream's actor ends that stream and nothing else.</summary>
    protected override SupervisorStrategy SupervisorStrategy => SupervisorStrategy.Stopping;

    protected override void PreStart()
    {
        Context.Describe(_status.ToString);
        Dial();
    }

    protected override void PostStop()
    {
        End(new FrameFault(ErrorCode.ShuttingDown, $"node '{_identity.Life.Node}' is stopping"));
        foreach (var shard in _shards.Values)
        {
            Tell(shard, ErrorCode.Unavailable, "the link has ended");
        }
    }

    protected override void Receive(object message)
    {
        switch (message)
        {
            case LinkMessage m:
                Handle(m);
                break;
            case Connected m when IsCurrent(m.Attempt):
                Greet(m.Connection);
                break;
            case Connected:
                break; // the attempt that was given up has closed it
            case ControlOpened m when IsCurrent(m.Attempt):
                StartControl(m.Stream);
                break;
            case ControlOpened m:
                StreamActor.Forget(m.Stream.DisposeAsync());
                break;
            case StreamOpened m:
                StartShard(m);
                break;
            case Greeted m when IsCurrent(m.Attempt):
                ComeUp(m.Peer);
                break;
            case Failed m when IsCurrent(m.Attempt):
                Break(m.Fault, m.IsGone);
                break;
            case Unreachable m when IsCurrent(m.Attempt):
                _control?.Tell(OutgoingControlActor.Unreachable.Instance, Self);
                break;
            case Ended m when IsCurrent(m.Attempt):
                var code = m.Info is { Error: QuicError.ConnectionAborted or QuicError.OperationAborted, ErrorCode: { } sent } ? (ErrorCode)sent : ErrorCode.Unavailable;
                Break(new FrameFault(code, m.Info.Reason.Length > 0 ? m.Info.Reason : $"the connection has ended ({m.Info.Error})"));
                break;
            case Greeted or Failed or Ended or Unreachable:
                break; // of an attempt that was given up
            case Redial:
                Dial();
                break;
            case Terminated m:
                HandleEnd(m.Actor);
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void Handle(LinkMessage message)
    {
        switch (message)
        {
            case LinkMessage.Subscribe m:
                Context.Watch(m.Subscriber);
                if (_subscribers.Add(m.Subscriber) && _peer is not null)
                {
                    m.Subscriber.Tell(new LinkUp(LifeOf(_peer), _peer.Store), Self);
                }

                break;
            case LinkMessage.OpenShard m:
                Open(new ShardStream(m.Shard, m.Owner, m.IsRoute));
                break;
            case LinkMessage.Moved m:
                _client = _client with { EndPoint = m.EndPoint };
                if (_dial is null)
                {
                    Context.Timers.CancelAll();
                    Dial();
                }

                break;
        }
    }

    private bool IsCurrent(long attempt) => _dial is not null && attempt == _attempt;

    private void Dial()
    {
        var attempt = ++_attempt;
        _dial = new LinkDial();
        Expect($"no QUIC handshake within {_options.DialTimeout.TotalSeconds:0.###} s", _options.DialTimeout);
        Context.PipeTo(_dial.ConnectAsync(_transport, _client), connection => new Connected(attempt, connection), e => new Failed(attempt, Unavailable(e.Message)));
    }

    private void Greet(IQuicConnection connection)
    {
        var attempt = _attempt;
        PeerIdentity peer;
        try
        {
            peer = PeerIdentity.Of(connection);
        }
        catch (CryptographicException e)
        {
            Break(new FrameFault(ErrorCode.AccessRefused, e.Message));
            return;
        }

        if (LinkIdentity.RefusalOf(peer.User, peer.Roles.HasFlag(PeerRoles.Node)) is { } refusal)
        {
            Break(refusal);
            return;
        }

        _connection = new ConnectionStatus(connection, peer, Self, Context.System.TimeProvider.GetUtcNow());
        Expect($"no LINK_WELCOME within {_options.SuspicionTimeout.TotalSeconds:0.###} s", _options.SuspicionTimeout);
        Context.PipeTo(connection.Closed, info => new Ended(attempt, info), e => new Failed(attempt, Unavailable(e.Message)));
        Context.PipeTo(connection.PeerUnreachable, () => new Unreachable(attempt), e => new Failed(attempt, Unavailable(e.Message)));
        Context.PipeTo(connection.OpenStreamAsync(), stream => new ControlOpened(attempt, stream), e => new Failed(attempt, Unavailable(e.Message)));
    }

    private void StartControl(IQuicStream stream)
    {
        var (self, attempt) = (Self, _attempt);
        var status = _connection!.Open(0, "link control");
        var greeting = _identity.Greet(_options.MaxFrameBytes);
        _control = Context.ActorOf(
            Props.Create(() => new OutgoingControlActor(stream, _node, status, self, attempt, greeting, _options, _status)),
            string.Create(CultureInfo.InvariantCulture, $"control-{attempt}"));
        Context.Watch(_control);
    }

    private void ComeUp(LinkGreeting peer)
    {
        if (_identity.RefusalOf(peer, _connection!.Identity.User, _status.Node) is { } refusal)
        {
            Break(refusal);
            return;
        }

        Context.Timers.CancelAll();
        _peer = peer;
        _upSince = Context.System.TimeProvider.GetTimestamp();
        _status.Life = LifeOf(peer);
        Publish(new LinkUp(LifeOf(peer), peer.Store));
    }

    private void Open(ShardStream shard)
    {
        if (_peer is null)
        {
            Tell(shard, ErrorCode.Unavailable, $"the link to node '{_status.Node}' is down");
            return;
        }

        // Streams keep no order between them, so a shard has one of each kind at a time.
        if (_shards.Values.Any(other => other.Number == shard.Number && other.IsRoute == shard.IsRoute) || !_opening.Add((shard.Number, shard.IsRoute)))
        {
            Tell(shard, ErrorCode.ResourceLocked, $"shard {shard.Number} has a stream already");
            return;
        }

        var attempt = _attempt;
        Context.PipeTo(
            _connection!.Connection.OpenStreamAsync(),
            stream => new StreamOpened(attempt, shard, stream, ""),
            e => new StreamOpened(attempt, shard, null, e.Message));
    }

    private void StartShard(StreamOpened opened)
    {
        var (shard, stream) = (opened.Shard, opened.Stream);
        if (!IsCurrent(opened.Attempt) || _peer is null)
        {
            if (stream is not null)
            {
                StreamActor.Forget(stream.DisposeAsync());
            }

            Tell(shard, ErrorCode.Unavailable, "the link broke");
            return;
        }

        _opening.Remove((shard.Number, shard.IsRoute));
        if (stream is null)
        {
            Tell(shard, ErrorCode.Unavailable, opened.Problem);
            return;
        }

        var number = ++_streams; // QUIC's number is not known before the first byte has left
        var status = _connection!.Open(number, shard.IsRoute ? "route" : "shard");
        var (to, maxMessageBytes) = (LifeOf(_peer), _peer.MaxFrameBytes);
        var actor = Context.ActorOf(
            Props.Create(() => new OutgoingShardActor(stream, _node, status, shard, to, maxMessageBytes, _options)).WithMailbox(ShardCost.MailboxFor(_options.SendRoomBytes)),
            string.Create(CultureInfo.InvariantCulture, $"shard-{_attempt}-{number}"));
        _shards.Add(actor, shard);
        Context.Watch(actor);
    }

    private void HandleEnd(ActorRef actor)
    {
        if (_shards.Remove(actor, out var shard))
        {
            var fault = shard.Fault ?? Unavailable("the stream broke");
            Tell(shard, fault.Code, fault.Reason);
        }
        else if (actor == _control)
        {
            _control = null;
            _dial?.Close((long)ErrorCode.ProtocolViolation, "the control stream was reset; it lives as long as the link"); // unless the connection ended first, and then with a better reason
        }
        else
        {
            _subscribers.Remove(actor);
        }
    }

    private void Break(FrameFault fault, bool isGone = false)
    {
        if (_peer is not null && Context.System.TimeProvider.GetElapsedTime(_upSince) >= _options.MaxBackoff)
        {
            _failures = 0;
        }

        End(fault, isGone);
        Context.Timers.StartSingle(Redial.Instance, Redial.Instance, _backoff.Delay(++_failures, _random.NextDouble()));
    }

    /// <summary>Ends the attempt and everything that came of it.</summary>
    private void End(FrameFault fault, bool isGone = false)
    {
        if (_dial is not { } dial)
        {
            return;
        }

        dial.Abandon((long)fault.Code, fault.Reason);
        dial.Dispose();
        _dial = null;
        _connection = null;
        _opening.Clear();
        Context.Timers.CancelAll();
        foreach (var child in Context.Children)
        {
            Context.Stop(child);
        }

        _status.Problem = $"{fault.Code}: {fault.Reason}";
        if (_peer is { } peer)
        {
            _peer = null;
            _status.Life = null;
            Publish(new LinkDown(LifeOf(peer), fault.Code, fault.Reason, isGone));
        }
    }

    private void Expect(string otherwise, TimeSpan within) => Context.Timers.StartSingle(nameof(Expect), new Failed(_attempt, Unavailable(otherwise)), within);

    private void Publish(object message)
    {
        foreach (var subscriber in _subscribers)
        {
            subscriber.Tell(message, Self);
        }
    }

    private void Tell(ShardStream shard, ErrorCode code, string reason) => shard.Owner.Tell(new ShardClosed(shard.Number, code, reason), Self);

    private static FrameFault Unavailable(string reason) => new(ErrorCode.Unavailable, reason);

    private static NodeLife LifeOf(LinkGreeting peer) => new(peer.Node, peer.Incarnation);
}
