using System.Net;

namespace Broker.Transport.InMemory;

/// <summary>One end of a connection. Internal members are called under the link's gate.</summary>
internal sealed class InMemoryConnection : IQuicConnection
{
    private const int StreamIdStep = 4;

    private readonly InMemoryLink _link;
    private readonly QuicConnectionOptions _options;
    private readonly TaskCompletionSource<QuicCloseInfo> _closed;
    private readonly WaitList<InMemoryStream> _opening;
    private readonly WaitList<IQuicStream> _accepting;
    private readonly Queue<StreamPair> _offered = new();
    private readonly Queue<StreamDirection> _waitingForCredit = new();
    private readonly SortedDictionary<long, StreamPair> _streams = [];
    private long _nextStreamId;
    private int _usedSlots;
    private long _unconsumed;
    private LazySignal _unreachable;
    private long _bytesSent;
    private long _bytesReceived;
    private QuicCloseInfo? _end;

    public InMemoryConnection(
        InMemoryLink link, InMemoryNetwork network, QuicConnectionOptions options, IPEndPoint local, IPEndPoint remote, string protocol, long firstStreamId)
    {
        _link = link;
        _options = options;
        _nextStreamId = firstStreamId;
        Id = ConnectionId.Next();
        LocalEndPoint = local;
        RemoteEndPoint = remote;
        ApplicationProtocol = protocol;
        Scheduler = new ContinuationScheduler(link.Gate, network.InlineQueue, options.InlineContinuations);
        _closed = Scheduler.NewSource<QuicCloseInfo>();
        _opening = new WaitList<InMemoryStream>(link.Gate, Scheduler);
        _accepting = new WaitList<IQuicStream>(link.Gate, Scheduler);
    }

    public long Id { get; }

    public string ApplicationProtocol { get; }

    public IPEndPoint RemoteEndPoint { get; }

    public IPEndPoint LocalEndPoint { get; }

    public ReadOnlyMemory<byte>? PeerCertificate { get; internal set; }

    public Task<QuicCloseInfo> Closed => _closed.Task;

    public Task PeerUnreachable => _unreachable.Task(_options.InlineContinuations);

    internal InMemoryConnection Peer { get; set; } = null!;

    /// <summary>Tells the transport and the listener that own this end; called once.</summary>
    internal Action<InMemoryConnection>? Ended { get; set; }

    internal ContinuationScheduler Scheduler { get; }

    internal bool HasEnded => _end is not null;

    internal long DefaultStreamErrorCode => _options.DefaultStreamErrorCode;

    internal int StreamReceiveWindow => _options.StreamReceiveWindow;

    internal int SendBufferSize => _options.SendBufferSize;

    internal long ReceiveCredit => _options.ConnectionReceiveWindow - _unconsumed;

    public async ValueTask<IQuicStream> OpenStreamAsync(CancellationToken cancellationToken = default)
    {
        Task<InMemoryStream> slot;
        lock (_link.Gate)
        {
            ThrowIfEnded();
            cancellationToken.ThrowIfCancellationRequested();
            if (_usedSlots < Peer._options.MaxInboundStreams && _opening.IsEmpty)
            {
                return OpenNow();
            }

            slot = _opening.WaitAsync(cancellationToken);
        }

        return await slot;
    }

    public async ValueTask<IQuicStream> AcceptStreamAsync(CancellationToken cancellationToken = default)
    {
        Task<IQuicStream> next;
        lock (_link.Gate)
        {
            ThrowIfEnded();
            cancellationToken.ThrowIfCancellationRequested();
            if (_offered.TryDequeue(out var offered))
            {
                return offered.Accept(_link);
            }

            next = _accepting.WaitAsync(cancellationToken);
        }

        return await next;
    }

    public ValueTask CloseAsync(long errorCode, string reason = "")
    {
        ArgumentNullException.ThrowIfNull(reason);
        ApplicationErrorCode.Check(errorCode);
        reason = CloseReason.Cut(reason);
        var mine = new QuicCloseInfo(QuicError.OperationAborted, errorCode, reason);
        var theirs = mine with { Error = QuicError.ConnectionAborted };
        var isClient = this == _link.Client;
        _link.End(isClient ? mine : theirs, isClient ? theirs : mine);
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => CloseAsync(_options.DefaultCloseErrorCode);

    public QuicConnectionStatistics GetStatistics()
    {
        lock (_link.Gate)
        {
            return new QuicConnectionStatistics
            {
                BytesSent = _bytesSent,
                BytesReceived = _bytesReceived,
                OpenStreams = _streams.Count,
            };
        }
    }

    internal void CountSent(long bytes) => _bytesSent += bytes;

    internal void CountReceived(long bytes)
    {
        _bytesReceived += bytes;
        _unconsumed += bytes;
    }

    /// <summary>The direction sends again when connection credit comes back.</summary>
    internal void WaitForCredit(StreamDirection direction) => _waitingForCredit.Enqueue(direction);

    internal void ReturnCredit(long bytes)
    {
        _unconsumed -= bytes;
        for (var round = _waitingForCredit.Count; round > 0 && ReceiveCredit > 0 && !HasEnded; round--)
        {
            _waitingForCredit.Dequeue().ResumeTransfer();
        }
    }

    /// <summary>A stream of the peer has sent its first frame.</summary>
    internal void OfferStream(StreamPair stream)
    {
        _streams.Add(stream.Id, stream);
        if (_accepting.IsEmpty)
        {
            _offered.Enqueue(stream);
        }
        else
        {
            _accepting.TryServe(stream.Accept(_link));
        }
    }

    internal void RemoveStream(StreamPair stream) => _streams.Remove(stream.Id);

    /// <summary>A stream that this end opened is closed (MAX_STREAMS).</summary>
    internal void ReturnSlot()
    {
        _usedSlots--;
        if (!_opening.IsEmpty && !HasEnded)
        {
            _opening.TryServe(OpenNow());
        }
    }

    internal StreamPair[] TakeStreams()
    {
        StreamPair[] opened = [.. _streams.Values.Where(stream => stream.OpenedBy(this))];
        _streams.Clear();
        _offered.Clear();
        return opened;
    }

    /// <summary>Not under the gate: the other end is told that this one is unreachable.</summary>
    internal void ReportToPeer() => _link.ReportUnreachable();

    internal void ReportUnreachable()
    {
        if (!HasEnded)
        {
            Scheduler.Run(() => _unreachable.Give());
        }
    }

    internal void End(QuicCloseInfo info)
    {
        _end = info;
        var fault = info.ToException();
        _opening.FailAll(fault);
        _accepting.FailAll(fault);
        Scheduler.Complete(_closed, info);
        Ended?.Invoke(this);
    }

    private InMemoryStream OpenNow()
    {
        _usedSlots++;
        var stream = new StreamPair(_link, this, Peer, _nextStreamId);
        _nextStreamId += StreamIdStep;
        _streams.Add(stream.Id, stream);
        return stream.OpenerSide;
    }

    private void ThrowIfEnded()
    {
        if (_end is not null)
        {
            throw _end.ToException();
        }
    }
}
