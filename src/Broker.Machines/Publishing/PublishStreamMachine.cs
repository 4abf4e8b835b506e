using System.Text;
using Broker.Machines.Access;
using Broker.Machines.Messages;
using Broker.Machines.Routing;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Machines.Publishing;

/// <summary>A message that reached no queue although its publisher asked for one, or that was refused.</summary>
/// <param name="Sequence">The publisher's number of the message.</param>
/// <param name="Returned"><c>true</c>: RETURN; <c>false</c>: REJECT.</param>
/// <param name="Fault">Why.</param>
public readonly record struct PublishOutcome(ulong Sequence, bool Returned, FrameFault Fault);

/// <summary>
/// Every decision of a publish stream: order of frames and sequences, routing, batching by queue, how much may be under way, and which sequences are confirmed.
/// </summary>
/// <remarks>
/// Call <see cref="BeginRead"/> with the size of what was read, feed the frames, then take batches and outcomes. Stop reading the stream while
/// <see cref="MayRead"/> is false; QUIC's flow control carries the pressure on to the publisher, and no other stream notices.
/// </remarks>
/// <param name="router">The node's routes.</param>
/// <param name="limits">Bounds of the stream.</param>
/// <param name="vhost">That of the connection: exchanges are those in it.</param>
/// <param name="seed">What random exchanges draw by; each stream should have another.</param>
/// <param name="access">What the publisher may do; <c>null</c>: everything.</param>
public sealed partial class PublishStreamMachine(IRouter router, PublishStreamLimits limits, string vhost = ProtocolInfo.DefaultVhost, ulong seed = 0, IPublishAccess? access = null)
{
    private readonly ConfirmTracker _tracker = new();
    private readonly RouteWalk _walk = new(router);
    private readonly PublishPermission _permission = new();
    private readonly List<PublishBatch> _batches = [];
    private readonly Dictionary<string, PublishBatch> _batchOfQueue = new(StringComparer.Ordinal);
    private readonly List<PublishBatch> _batchesOfRoute = []; // those of the cached route; empty: to be found
    private readonly List<PublishOutcome> _outcomes = [];
    private readonly List<(ulong Sequence, FrameFault Fault)> _rejected = [];
    private byte[] _block = [];
    private int _blockUsed;
    private int _expectedBytes;
    private string? _producer;
    private int _unansweredCount; // batches
    private long _now;
    private byte[] _cachedExchange = []; // what the cached route is for
    private byte[] _cachedKey = [];
    private long _cachedVersion = -1; // of routes and permissions
    private FrameFault? _refusal; // of the message at hand, or of all that the cached route is for
    private RouteStatus _status; // of the message at hand, or of the cached route
    private RouteResult _route = new([], 0);

    /// <summary>Whether PUBLISHER_OPEN has come.</summary>
    public bool IsOpen { get; private set; }

    /// <summary>The highest sequence that has come; 0 before the first.</summary>
    public ulong LastSequence { get; private set; }

    /// <summary>Bytes that queues have not accepted yet.</summary>
    public long OutstandingBytes { get; private set; }

    /// <summary>Messages that no queue wanted and nobody asked back.</summary>
    public long UnroutableCount { get; private set; }

    /// <summary>Messages taken in.</summary>
    public long PublishedCount { get; private set; }

    /// <summary>Batches that a full queue has parked.</summary>
    public int ParkedCount { get; private set; }

    /// <summary>
    /// Why a queue could not take a batch for now, if the publisher has a lasting name; <c>null</c> as long as none has said so. From then on no queue gets
    /// anything of this stream: one that took a later message would take the earlier one for a repetition when it comes again, and it would be lost.
    /// </summary>
    public FrameFault? Broken { get; private set; }

    /// <summary>Whether the stream is <see cref="Broken"/> and has the answers of all queues but those that are full: time to end it.</summary>
    public bool IsBrokenOff => Broken is not null && _unansweredCount == ParkedCount;

    /// <summary>Whether more may be read from the stream.</summary>
    public bool MayRead => Broken is null && OutstandingBytes < limits.MaxOutstandingBytes && _tracker.OutstandingCount < limits.MaxOutstandingMessages;

    /// <summary>Whether everything that came has its outcome, and each outcome was taken.</summary>
    public bool IsSettled => OutstandingBytes == 0 && _tracker.OutstandingCount == 0 && !_tracker.HasOutcomes && _outcomes.Count == 0;

    /// <summary>Handles PUBLISHER_OPEN.</summary>
    /// <param name="producer">The publisher's lasting name with its user; <c>null</c> if it has none.</param>
    public FrameFault? HandleOpen(string? producer = null)
    {
        if (IsOpen)
        {
            return new FrameFault(ErrorCode.ProtocolViolation, "PUBLISHER_OPEN came twice");
        }

        IsOpen = true;
        _producer = producer;
        return null;
    }

    /// <summary>So many bytes were read: messages from them share a block of at most that size.</summary>
    /// <param name="bytes">How many.</param>
    /// <param name="now">When, in milliseconds since the Unix epoch: messages from them are taken at that time.</param>
    public void BeginRead(long bytes, long now)
    {
        _expectedBytes = (int)Math.Min(bytes, limits.MaxBlockBytes);
        _now = now;
    }

    /// <summary>Handles PUBLISH.</summary>
    /// <returns><c>null</c>, or a fault that ends the stream.</returns>
    public FrameFault? HandlePublish(ulong sequence, bool mandatory, bool durable, ReadOnlySpan<byte> message)
    {
        if (CheckSequence(sequence) is { } outOfOrder)
        {
            return outOfOrder;
        }

        if (message.Length > limits.MaxMessageBytes)
        {
            _outcomes.Add(new PublishOutcome(sequence, false, new FrameFault(ErrorCode.MessageTooLarge, $"the message has {message.Length} bytes; the limit is {limits.MaxMessageBytes}")));
            return null;
        }

        if (!MessageView.TryParse(message, out var view, out var fault) || !PropertiesView.TryParse(view.Properties, out var properties, out fault))
        {
            return fault;
        }

        PublishedCount++;
        if (RoutingHeaders.AreIn(properties))
        {
            if (!RoutingHeaders.TryRead(view.Properties, out var headers, out fault))
            {
                _outcomes.Add(new PublishOutcome(sequence, false, fault));
                return null;
            }

            FindRoute(view, sequence, headers);
            Conclude(sequence, mandatory, durable, properties, view, headers.Hides ? headers.WithoutHidden(view) : message);
        }
        else
        {
            FindRoute(view, sequence);
            Conclude(sequence, mandatory, durable, properties, view, message);
        }

        return null;
    }

    /// <summary>Handles PUBLISH of a message that cannot be taken, for a reason that its stream has found.</summary>
    /// <returns><c>null</c>, or a fault that ends the stream.</returns>
    public FrameFault? HandleRefused(ulong sequence, FrameFault fault)
    {
        if (CheckSequence(sequence) is { } outOfOrder)
        {
            return outOfOrder;
        }

        _outcomes.Add(new PublishOutcome(sequence, false, fault));
        return null;
    }

    private FrameFault? CheckSequence(ulong sequence)
    {
        if (!IsOpen)
        {
            return new FrameFault(ErrorCode.ProtocolViolation, "PUBLISH came before PUBLISHER_OPEN");
        }

        if (sequence <= LastSequence)
        {
            return new FrameFault(ErrorCode.ProtocolViolation, $"sequence {sequence} follows {LastSequence}; sequences start at 1 or more and ascend");
        }

        LastSequence = sequence;
        return null;
    }

    /// <summary>
    /// Moves out the batches of this read. Each counts as outstanding until <see cref="HandleAnswered"/>. If the stream is <see cref="Broken"/>, there are none:
    /// their messages are refused.
    /// </summary>
    public void TakeBatches(List<PublishBatch> batches)
    {
        _unansweredCount += _batches.Count;
        if (Broken is { } fault)
        {
            _batches.ForEach(batch => HandleAnswered(batch, fault, wasParked: false));
        }
        else
        {
            batches.AddRange(_batches);
        }

        _batches.Clear();
        _batchOfQueue.Clear();
        _batchesOfRoute.Clear();
    }

    /// <summary>Moves out what can be confirmed now and what was returned or refused.</summary>
    public void TakeOutcomes(List<SequenceRange> confirmed, List<PublishOutcome> others)
    {
        _tracker.TakeConfirmed(confirmed);
        _tracker.TakeRejected(_rejected);
        foreach (var (sequence, fault) in _rejected)
        {
            others.Add(new PublishOutcome(sequence, fault.Code == ErrorCode.Unroutable, fault));
        }

        _rejected.Clear();
        others.AddRange(_outcomes);
        _outcomes.Clear();
    }

    /// <summary>Finds where a message goes that only its exchange and its key may decide on: the last route is right as long as these and the routes stay the same.</summary>
    private void FindRoute(in MessageView view, ulong sequence)
    {
        var version = Version;
        if (_cachedVersion == version && view.RoutingKey.SequenceEqual(_cachedKey) && view.Exchange.SequenceEqual(_cachedExchange))
        {
            return;
        }

        FindRoute(view, sequence, RoutingHeaders.None);
        if (_refusal is not null || _walk.DependsOnKeyAlone)
        {
            _cachedVersion = version;
            _cachedExchange = view.Exchange.ToArray();
            _cachedKey = view.RoutingKey.ToArray();
        }
    }

    /// <summary>Grows whenever anything changes that the last route was found by.</summary>
    private long Version => router.Version + (access?.Version ?? 0);

    private bool IsTopic(string exchange) => router.TryFind(EntityName.Of(vhost, exchange), out var routes) && routes.Definition.RoutesAs == ExchangeKind.Topic;

    private void FindRoute(in MessageView view, ulong sequence, RoutingHeaders headers)
    {
        _cachedVersion = -1;
        _batchesOfRoute.Clear();
        var (exchange, key) = (Encoding.UTF8.GetString(view.Exchange), Encoding.UTF8.GetString(view.RoutingKey));
        if (access is not null)
        {
            _refusal = _permission.Check(access, exchange) ?? (_permission.DependsOnKey && IsTopic(exchange) ? _permission.CheckKey(key) : null);
            if (_refusal is not null)
            {
                return;
            }
        }

        var message = new RoutedMessage(key, view.Properties, seed + sequence) { MoreKeys = headers.Keys, HasDelayHeader = headers.Delays };
        _status = _walk.Follow(EntityName.Of(vhost, exchange), ref message);
        _route = _walk.Result;
    }

    private void Conclude(ulong sequence, bool mandatory, bool durable, in PropertiesView properties, in MessageView view, ReadOnlySpan<byte> message)
    {
        if (_refusal is { } refusal)
        {
            _outcomes.Add(new PublishOutcome(sequence, false, refusal));
        }
        else if (_status != RouteStatus.Routed)
        {
            var exchange = Encoding.UTF8.GetString(view.Exchange);
            _outcomes.Add(new PublishOutcome(sequence, false, _status == RouteStatus.NoExchange
                ? TopologyMachine.NoExchange(EntityName.Of(vhost, exchange))
                : new FrameFault(ErrorCode.AccessRefused, $"exchange '{exchange}' is internal: messages come to it through bindings alone")));
        }
        else if (_route.Queues.IsEmpty && mandatory)
        {
            var key = Encoding.UTF8.GetString(view.RoutingKey);
            _outcomes.Add(new PublishOutcome(sequence, true, new FrameFault(ErrorCode.Unroutable, $"no queue is bound for routing key '{key}'")));
        }
        else
        {
            var traits = (durable ? MessageTraits.Durable : 0) | (properties.IsSpecial ? MessageTraits.Special : 0);
            Enqueue(sequence, mandatory, traits, properties.Priority, message);
        }
    }

    private void Enqueue(ulong sequence, bool mandatory, MessageTraits traits, byte priority, ReadOnlySpan<byte> message)
    {
        var slot = _tracker.Track(sequence, _route.Queues.Length, mandatory);
        if (_route.Queues.IsEmpty)
        {
            UnroutableCount++;
            return;
        }

        if (_block.Length - _blockUsed < message.Length)
        {
            _block = GC.AllocateUninitializedArray<byte>(Math.Max(message.Length, _expectedBytes));
            _blockUsed = 0;
        }

        message.CopyTo(_block.AsSpan(_blockUsed));
        var stored = new StoredMessage(_block.AsMemory(_blockUsed, message.Length), new MessageMeta(traits, priority, _now));
        _blockUsed += message.Length;
        if (_batchesOfRoute.Count == 0)
        {
            foreach (var queue in _route.Queues)
            {
                _batchesOfRoute.Add(BatchFor(queue));
            }
        }

        for (var i = 0; i < _batchesOfRoute.Count; i++)
        {
            if (i == _route.AtOnce)
            {
                stored = new StoredMessage(stored.Bytes, new MessageMeta(traits | MessageTraits.Special | MessageTraits.DelayedByHeader, priority, _now));
            }

            _batchesOfRoute[i].Add(stored, slot, sequence);
            OutstandingBytes += message.Length;
        }
    }

    private PublishBatch BatchFor(string queue)
    {
        if (!_batchOfQueue.TryGetValue(queue, out var batch))
        {
            batch = new PublishBatch(queue, _producer);
            _batchOfQueue.Add(queue, batch);
            _batches.Add(batch);
        }

        return batch;
    }
}
