using System.Collections.Concurrent;
using Broker.Actors.Runtime;
using Broker.Machines.Access;
using Broker.Protocol;
using Broker.Transport;

namespace Broker.Actors.Connections;

/// <summary>A stream's figures for listings; written by its actor, read by anybody.</summary>
internal sealed class StreamStatus(ConnectionStatus owner, long id, string kind)
{
    private long _messages;

    public long Id => id;

    /// <summary>The stream's connection.</summary>
    public ConnectionStatus Connection => owner;

    public string Kind => kind;

    /// <summary>Messages published or delivered.</summary>
    public long Messages => Volatile.Read(ref _messages);

    /// <summary>What it publishes or consumes, for humans.</summary>
    public volatile string Subject = "";

    /// <summary>Why the broker does not read it now; <c>null</c> while it does.</summary>
    public volatile string? BlockedBy;

    public void SetMessages(long count) => Volatile.Write(ref _messages, count);

    /// <summary>By the stream's actor, at its end.</summary>
    public void Close() => owner.Streams.TryRemove(new KeyValuePair<long, StreamStatus>(id, this));

    public override string ToString() => BlockedBy is { } reason ? $"{Subject} {Messages} messages, blocked: {reason}" : $"{Subject} {Messages} messages";
}

/// <summary>A connection's figures for listings.</summary>
internal sealed class ConnectionStatus(IQuicConnection connection, PeerIdentity identity, ActorRef actor, DateTimeOffset since)
{
    private string? _replyTo;

    public IQuicConnection Connection => connection;

    public PeerIdentity Identity => identity;

    public ActorRef Actor => actor;

    public DateTimeOffset Since => since;

    /// <summary>As the client called itself in HELLO.</summary>
    public volatile string ClientName = "";

    /// <summary>The inbox in which the connection gets answers to its requests, within its vhost; <c>null</c> if no stream of it consumes answers.</summary>
    public string? ReplyTo => Volatile.Read(ref _replyTo);

    /// <summary>The vhost that it is to; <c>null</c> before it has said so.</summary>
    public volatile string? Vhost;

    public ConcurrentDictionary<long, StreamStatus> Streams { get; } = new();

    /// <summary>A stream of the connection consumes answers.</summary>
    /// <returns><c>false</c> if another one does.</returns>
    public bool TrySetReplyTo(string inbox) => Interlocked.CompareExchange(ref _replyTo, inbox, null) is null;

    /// <summary>It does so no more.</summary>
    public void ClearReplyTo(string inbox) => Interlocked.CompareExchange(ref _replyTo, null, inbox);

    /// <summary>Lists a stream from now on.</summary>
    public StreamStatus Open(long streamId, string kind)
    {
        var status = new StreamStatus(this, streamId, kind);
        Streams[streamId] = status;
        return status;
    }

    public override string ToString() => $"{identity.User} {connection.RemoteEndPoint} {ClientName}";
}

/// <summary>The connections of this node. Thread-safe.</summary>
internal sealed class ConnectionRegistry
{
    private readonly ConcurrentDictionary<long, ConnectionStatus> _connections = new();
    private readonly Lock _lock = new();
    private readonly Dictionary<string, int> _ofUser = new(StringComparer.Ordinal); // those that are to a vhost
    private readonly Dictionary<string, int> _ofVhost = new(StringComparer.Ordinal);

    public int Count => _connections.Count;

    public IEnumerable<ConnectionStatus> Connections => _connections.Values.OrderBy(c => c.Connection.Id);

    public ConnectionStatus? Find(long id) => _connections.GetValueOrDefault(id);

    public void Add(ConnectionStatus status) => _connections[status.Connection.Id] = status;

    /// <summary>A connection is to be one to a vhost.</summary>
    /// <param name="status">The connection.</param>
    /// <param name="vhost">The vhost.</param>
    /// <param name="user">What its user may have.</param>
    /// <param name="limits">What the vhost may have.</param>
    /// <returns>Why it cannot be, as there are enough already; <c>null</c> if it is one now.</returns>
    public FrameFault? Enter(ConnectionStatus status, string vhost, UserLimits? user, VhostLimits? limits)
    {
        lock (_lock)
        {
            var (ofUser, ofVhost) = (_ofUser.GetValueOrDefault(status.Identity.User), _ofVhost.GetValueOrDefault(vhost));
            if ((user?.CheckConnection(ofUser) ?? limits?.CheckConnection(ofVhost)) is { } fault)
            {
                return fault;
            }

            status.Vhost = vhost;
            _ofUser[status.Identity.User] = ofUser + 1;
            _ofVhost[vhost] = ofVhost + 1;
            return null;
        }
    }

    public void Remove(ConnectionStatus status)
    {
        lock (_lock)
        {
            if (_connections.TryRemove(status.Connection.Id, out _) && status.Vhost is { } vhost)
            {
                Leave(_ofUser, status.Identity.User);
                Leave(_ofVhost, vhost);
            }
        }
    }

    /// <summary>Connections to a vhost.</summary>
    public int CountOfVhost(string vhost)
    {
        lock (_lock)
        {
            return _ofVhost.GetValueOrDefault(vhost);
        }
    }

    private static void Leave(Dictionary<string, int> counts, string name)
    {
        if (--counts[name] == 0)
        {
            counts.Remove(name);
        }
    }
}
