using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using Broker.Client.Connections;
using Broker.Client.Consuming;
using Broker.Client.Streams;
using Broker.Protocol;

namespace Broker.Client.Requests;

/// <summary>The request stream that all requests of a client share: sent as they come, answered in the same order (docs/protocol.md, section 9).</summary>
[SuppressMessage("Reliability", "CA1001", Justification = "A semaphore whose wait handle is never asked for holds nothing to dispose.")]
internal sealed class RequestStream : FrameStream, ISettlementSink
{
    /// <summary>Requests under way; more wait. The server carries out one after the other, so more would only lie in its buffers.</summary>
    private const int MaxUnderWay = 256;

    private readonly bool _recovers;
    private readonly SemaphoreSlim _places = new(MaxUnderWay);
    private readonly Queue<PendingRequest> _pending = new();
    private readonly SequenceRange[] _range = new SequenceRange[1];
    private ulong _lastId;
    private int _answered;

    public RequestStream(BrokerConnection connection, bool recovers)
        : base(connection, StreamKind.Request, Math.Max(connection.Hello.MaxFrameBytes, ProtocolLimits.MaxControlFrameBytes), "requests") =>
        _recovers = recovers;

    public override bool IsOwed => _pending.Count > 0;

    /// <summary>Sends a request and waits for its answer.</summary>
    public async Task<T> AskAsync<T>(PendingRequest<T> request, Action<ulong, IBufferWriter<byte>> write, CancellationToken cancellationToken)
    {
        await _places.WaitAsync(cancellationToken).ConfigureAwait(false);
        lock (Gate)
        {
            try
            {
                ThrowIfEnded();
                write(_lastId + 1, Sender.Buffer);
                request.Id = _lastId + 1;
            }
            catch
            {
                _places.Release();
                throw;
            }

            _lastId++;
            _pending.Enqueue(request);
            Sender.Signal();
        }

        return await request.Result.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Gets a message; one that comes too late for its caller goes back to its queue.</summary>
    public async Task<Delivery?> GetAsync(string queue, bool noAck, CancellationToken cancellationToken)
    {
        var request = new GetRequest($"get from '{queue}'", noAck, this);
        try
        {
            return await AskAsync(request, (id, writer) => new GetFrame(id, queue, noAck ? GetFlags.NoAck : GetFlags.None).Write(writer), cancellationToken)
                .ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            lock (Gate)
            {
                if (request.Abandon() is { } late && !noAck && End is null)
                {
                    Settle(new SequenceRange(late.Tag, late.Tag), SettleOutcome.Requeue);
                }
            }

            throw;
        }
    }

    /// <summary>Settles messages that were got on this stream.</summary>
    /// <exception cref="BrokerException">The stream is over; the messages have gone back to their queue.</exception>
    public void Settle(SequenceRange tags, SettleOutcome outcome, string reason = "")
    {
        lock (Gate)
        {
            ThrowIfEnded();
            _range[0] = tags;
            SettleFrame.Write(Sender.Buffer, outcome, _range, reason);
            Sender.Signal();
        }
    }

    ValueTask ISettlementSink.SettleAsync(ulong first, ulong last, long bytes, SettleOutcome outcome, string reason)
    {
        if (_recovers && End is { } end && Recovery.IsWorthwhile(end))
        {
            return ValueTask.CompletedTask; // as with a consumer: the message has gone back to its queue
        }

        Settle(new SequenceRange(first, last), outcome, reason);
        return ValueTask.CompletedTask;
    }

    protected override bool OnFrame(FrameType type, ReadOnlySpan<byte> payload, out FrameFault fault)
    {
        if (!_pending.TryPeek(out var request))
        {
            return Unexpected(type, out fault);
        }

        if (!request.OnAnswer(type, payload, out fault))
        {
            return false;
        }

        _pending.Dequeue();
        _answered++;
        return true;
    }

    protected override void OnFramesHandled()
    {
        int answered;
        lock (Gate)
        {
            answered = _answered;
            _answered = 0;
        }

        if (answered > 0)
        {
            _places.Release(answered);
        }
    }

    protected override void OnEnded(BrokerException reason)
    {
        var left = _pending.Count + _answered;
        _answered = 0;
        while (_pending.TryDequeue(out var request))
        {
            request.Fail(reason);
        }

        // Those that wait for a place find that the stream is over.
        if (left > 0)
        {
            _places.Release(left);
        }
    }
}
