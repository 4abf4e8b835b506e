using System.Diagnostics;
using System.Text;
using Broker.Client.Consuming;
using Broker.Client.Telemetry;
using Broker.Protocol;

namespace Broker.Client;

/// <summary>
/// A message from a queue. Settle it once, with <see cref="AckAsync"/>, <see cref="RequeueAsync"/> or <see cref="RejectAsync"/>, unless it was taken with
/// no-ack.
/// </summary>
/// <remarks>
/// Settling is quick and rarely waits: settlements are collected, and sent together at the latest when the consumer waits for the next message or after
/// <see cref="ConsumerOptions.SettleDelay"/>. A message whose settlement did not arrive is delivered again. With <see cref="ConsumerOptions.ConfirmSettles"/>
/// settling waits until the broker has answered, whether or not anybody reads the consumer meanwhile.
/// </remarks>
public readonly struct Delivery
{
    private readonly ISettlementSink? _sink;
    private readonly ReadOnlyMemory<byte> _message;
    private readonly int _bodySize;
    private readonly DeliverFlags _flags;
    private readonly long _number; // deliveries before this one; of a log, the offset

    internal Delivery(ISettlementSink? sink, ulong tag, DeliverFlags flags, ulong number, ReadOnlyMemory<byte> message, int bodySize)
    {
        _sink = sink;
        _message = message;
        _bodySize = bodySize;
        _flags = flags;
        Tag = tag;
        _number = (long)number;
    }

    /// <summary>The message's number on its consumer: 1, 2, 3 and so on.</summary>
    public ulong Tag { get; }

    /// <summary>How often the message was delivered before this time.</summary>
    public long DeliveryCount => _flags.HasFlag(DeliverFlags.Offset) ? 0 : _number;

    /// <summary>The message's offset, if it comes from a log; else <c>null</c>.</summary>
    public long? Offset => _flags.HasFlag(DeliverFlags.Offset) ? _number : null;

    /// <summary>It was delivered before and not settled: it may have been processed already.</summary>
    public bool Redelivered => _flags.HasFlag(DeliverFlags.Redelivered);

    /// <summary>It was published as durable, whether or not its queue is.</summary>
    public bool Durable => _flags.HasFlag(DeliverFlags.Durable);

    /// <summary>The exchange that it was published to; empty for the default exchange. Decoded at each call.</summary>
    public string Exchange => Encoding.UTF8.GetString(View.Exchange);

    /// <summary>The routing key. Decoded at each call.</summary>
    public string RoutingKey => Encoding.UTF8.GetString(View.RoutingKey);

    /// <summary>The body. From a <see cref="DeliveryBatch"/>, valid until the batch is disposed.</summary>
    public ReadOnlyMemory<byte> Body => _message[^_bodySize..];

    /// <summary>The encoded message's size in bytes: what it counts for in <see cref="ConsumerOptions.PrefetchBytes"/>.</summary>
    public int SizeBytes => _message.Length;

    /// <summary>What the publisher said about the message. Decoded at each call.</summary>
    /// <exception cref="FormatException">The properties are malformed; a broker refuses such messages.</exception>
    public MessageProperties Properties => MessageProperties.TryRead(View.Properties, out var properties, out var fault)
        ? properties
        : throw new FormatException($"malformed properties: {fault.Reason}");

    /// <summary>Where its settlement goes; <c>null</c>: it is settled already.</summary>
    internal ISettlementSink? Sink => _sink;

    private MessageView View => MessageView.TryParse(_message.Span, out var view, out var fault) ? view : throw new FormatException(fault.Reason);

    /// <summary>
    /// Begins a span of processing this message, as part of the trace in its headers, for loops of one's own; dispose it when the message is processed. A
    /// <see cref="CallbackConsumer"/> does this by itself.
    /// </summary>
    /// <param name="queue">The queue that it came from, for the span's name.</param>
    /// <returns><c>null</c> if nobody listens to <see cref="BrokerTelemetry.ActivitySourceName"/>, or the span is not sampled.</returns>
    public Activity? StartActivity(string queue) => Processing.StartActivity(this, queue);

    /// <summary>Processed: the queue forgets the message.</summary>
    /// <remarks>
    /// No effect if the connection or the queue's leader was lost since and the client recovers: the message has gone back to its queue and comes again.
    /// </remarks>
    /// <exception cref="BrokerException">The stream that it came on is over, for good or with confirmed settlements. The message has gone back to its queue; if
    /// the call was waiting for a confirmation, the settlement may or may not have taken effect before.</exception>
    /// <exception cref="InvalidOperationException">It was taken with no-ack, or is settled already.</exception>
    public ValueTask AckAsync() => SettleAsync(SettleOutcome.Ack);

    /// <summary>Put back where it was, to be delivered again.</summary>
    /// <inheritdoc cref="AckAsync" path="/exception"/>
    public ValueTask RequeueAsync() => SettleAsync(SettleOutcome.Requeue);

    /// <summary>Not processable: dead-lettered where the queue has that, else dropped.</summary>
    /// <param name="reason">What is wrong with it, for whoever looks at the dead letter; sent cut to 1,024 bytes of UTF-8. <c>null</c>: nothing is said.</param>
    /// <inheritdoc cref="AckAsync" path="/exception"/>
    public ValueTask RejectAsync(string? reason = null) => SettleAsync(SettleOutcome.Reject, reason ?? "");

    /// <summary>The same message, settled by way of another sink.</summary>
    internal Delivery SettledBy(ISettlementSink sink) => new(sink, Tag, _flags, (ulong)_number, _message, _bodySize);

    private ValueTask SettleAsync(SettleOutcome outcome, string reason = "")
    {
        var sink = _sink ?? throw new InvalidOperationException("the message was taken with no-ack: it is settled already");
        return sink.SettleAsync(Tag, Tag, SizeBytes, outcome, reason);
    }
}
