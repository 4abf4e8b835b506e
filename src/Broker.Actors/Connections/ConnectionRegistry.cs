using System.Collections.Concurrent;
using Broker.Actors.Runtime;
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

    public int Count => _connections.Count;

    public IEnumerable<ConnectionStatus> Connections => _connections.Values.OrderBy(c => c.Connection.Id);

    public ConnectionStatus? Find(long id) => _connections.GetValueOrDefault(id);

    public void Add(ConnectionStatus status) => _connections[status.Connection.Id] = status;

    public void Remove(ConnectionStatus status) => _connections.TryRemove(status.Connection.Id, out _);
}
