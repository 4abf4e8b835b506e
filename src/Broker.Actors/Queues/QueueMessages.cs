using Broker.Actors.Storage;
using Broker.Machines.Ledgers;
using Broker.Machines.Publishing;
using Broker.Machines.Queues;
using Broker.Machines.Topology;
using Broker.Protocol;
using Broker.Storage.Segments;

namespace Broker.Actors.Queues;

/// <summary>What a <see cref="QueueActor"/> is told.</summary>
internal abstract record QueueMessage
{
    private protected QueueMessage()
    {
    }

    /// <summary>By the topology: be there; with an operation's number, somebody has declared it. Answer: <see cref="QueueReply.Started"/>.</summary>
    public sealed record Start(long OperationId, QueueDefinition Definition) : QueueMessage;

    /// <summary>By the topology. Answer: <see cref="QueueReply.Deleted"/> or <see cref="QueueReply.Refused"/>.</summary>
    public sealed record Delete(long OperationId, bool IfUnused, bool IfEmpty) : QueueMessage
    {
        /// <summary>The queue itself has asked for it: only if nobody has used it since.</summary>
        public bool IfUnwanted { get; init; }

        /// <summary>Only if this is the queue's number; 0: whatever it is.</summary>
        public ulong OnlyId { get; init; }
    }

    /// <summary>By the topology: the queue was deleted by another node's request. No answer.</summary>
    public sealed record Forget : QueueMessage;

    /// <summary>By a request stream or an admin command. Answer: <see cref="QueueReply.Purged"/>.</summary>
    public sealed record Purge : QueueMessage;

    /// <summary>By an admin command. Answer: <see cref="QueueReply.Peeked"/>.</summary>
    public sealed record Peek(int Count) : QueueMessage;

    /// <summary>By a publisher stream. Answer: <see cref="PublisherSignal.Answered"/>, after <see cref="PublisherSignal.Parked"/> if the queue is full.</summary>
    public sealed record Enqueue(PublishBatch Batch) : QueueMessage
    {
        /// <summary>
        /// The sender goes on after UNAVAILABLE, and the batch begins with the first message that has no outcome. Others do not, and of them nothing is taken that follows a lost message.
        /// </summary>
        public bool BeginsAnew { get; init; }
    }

    /// <summary>By a consumer stream. Answer: <see cref="ConsumerSignal.Subscribed"/>; then <see cref="ConsumerSignal.Deliver"/> as credit allows.</summary>
    public sealed record Subscribe(bool Exclusive, bool NoAck, int MaxMessageBytes) : QueueMessage
    {
        /// <summary>As the client has sent them.</summary>
        public FieldTable Arguments { get; init; } = FieldTable.Empty;
    }

    /// <summary>By a consumer stream: it can take so much more. No answer.</summary>
    public sealed record Grant(long Messages, long Bytes) : QueueMessage;

    /// <summary>By a consumer or request stream. Answer: <see cref="ConsumerSignal.Settled"/>; with <paramref name="Certain"/>, once it is certain.</summary>
    public sealed record Settle(IReadOnlyList<SequenceRange> Ranges, SettleOutcome Outcome, bool Certain = false, string Reason = "") : QueueMessage;

    /// <summary>By a consumer stream. Answer: <see cref="ConsumerSignal.CancelDone"/> after the last delivery.</summary>
    public sealed record CancelSubscription : QueueMessage;

    /// <summary>By a request stream: one message, if there is one. Answer: <see cref="QueueReply.Got"/>.</summary>
    public sealed record Get(bool NoAck, int MaxMessageBytes) : QueueMessage;

    /// <summary>By the keeper of the store: the node has no room for more, or has it again (<c>null</c>). No answer.</summary>
    public sealed record Blocked(string? Reason) : QueueMessage;

    /// <summary>By the memory gate's keeper: the node is short of memory, or no longer. No answer.</summary>
    public sealed record MemoryShort(bool IsShort) : QueueMessage;

    /// <summary>By the directory of policies: what they say of the queue may be something else now (<see cref="Broker.Actors.Policies.IQueuePolicies"/>). No answer.</summary>
    public sealed record Policies : QueueMessage
    {
        public static readonly Policies Changed = new();
    }

    /// <summary>By an admin command: hand out nothing, or go on. Answer: <see cref="QueueReply.Paused"/>.</summary>
    public sealed record Pause(bool IsPaused) : QueueMessage;

    /// <summary>By an admin command. Answer: <see cref="QueueReply.Delayed"/>.</summary>
    public sealed record PeekDelayed(int Count) : QueueMessage;

    /// <summary>By an admin command. Answer: <see cref="QueueReply.Consumers"/>.</summary>
    public sealed record ListConsumers : QueueMessage
    {
        public static readonly ListConsumers Instance = new();
    }

    /// <summary>By itself: something is due.</summary>
    public sealed record Due : QueueMessage
    {
        public static readonly Due Instance = new();
    }

    /// <summary>By itself: its deletion, which it has asked for, could not be done.</summary>
    public sealed record DeleteAgain : QueueMessage
    {
        public static readonly DeleteAgain Instance = new();
    }

    /// <summary>By its dead letters: these have come to where they go.</summary>
    public sealed record DeadLettered(IReadOnlyList<ulong> Sequences) : QueueMessage;

    /// <summary>By the keeper of the store: it wants the log before a position back. Answer: <see cref="StoreMessage.CheckpointDone"/>.</summary>
    public sealed record Checkpoint(long Goal) : QueueMessage;

    /// <summary>By an admin command. Answer: <see cref="QueueReply.Segments"/>.</summary>
    public sealed record ListSegments : QueueMessage
    {
        public static readonly ListSegments Instance = new();
    }

    /// <summary>By itself: messages were copied into segments, or could not be.</summary>
    public sealed record Copied(long Goal, ulong LastIndex, MessageCopyResult? Result, IReadOnlyList<uint>? Compacted, Exception? Failure = null) : QueueMessage;

    /// <summary>By itself: messages were read.</summary>
    public sealed record Loaded(LoadResult Result) : QueueMessage;

    /// <summary>By itself: messages could not be read now.</summary>
    public sealed record LoadFailed(QueueEffect.Load Load, Exception Failure) : QueueMessage;
}

/// <summary>Answers of a <see cref="QueueActor"/> to single questions.</summary>
internal abstract record QueueReply
{
    private protected QueueReply()
    {
    }

    /// <summary>The answer to a question that cannot be asked now; <c>null</c> to what is no question.</summary>
    public static QueueReply? Refusing(QueueMessage? question, FrameFault fault) => question switch
    {
        QueueMessage.Get => new Got(null, 0, fault),
        QueueMessage.Purge => new Purged(0, fault),
        QueueMessage.Peek => new Peeked([], fault),
        QueueMessage.Pause => new Paused(false, fault),
        QueueMessage.PeekDelayed => new Delayed([], fault),
        QueueMessage.ListConsumers => new Consumers([], fault),
        QueueMessage.Start m => new Refused(m.OperationId, fault),
        QueueMessage.Delete m => new Refused(m.OperationId, fault),
        _ => null,
    };

    /// <summary>The queue is there.</summary>
    public sealed record Started(long OperationId, long ReadyCount, int ConsumerCount) : QueueReply;

    /// <summary>The queue is gone, with so many messages that were ready.</summary>
    public sealed record Deleted(long OperationId, long MessageCount) : QueueReply;

    /// <summary>A condition forbids it.</summary>
    public sealed record Refused(long OperationId, FrameFault Fault) : QueueReply;

    /// <summary>So many messages were dropped.</summary>
    public sealed record Purged(long MessageCount, FrameFault? Fault = null) : QueueReply;

    /// <summary>The segment files of the queue and how much of each counts.</summary>
    public sealed record Segments(IReadOnlyList<SegmentEntry> Entries) : QueueReply;

    /// <summary>The first ready messages.</summary>
    public sealed record Peeked(IReadOnlyList<QueueEntry> Entries, FrameFault? Fault = null) : QueueReply;

    /// <summary>Whether it hands out nothing.</summary>
    public sealed record Paused(bool IsPaused, FrameFault? Fault = null) : QueueReply;

    /// <summary>Messages that wait for their time, the next first.</summary>
    public sealed record Delayed(IReadOnlyList<DelayedEntry> Entries, FrameFault? Fault = null) : QueueReply;

    /// <summary>Who consumes, in the order in which they came.</summary>
    public sealed record Consumers(IReadOnlyList<QueueConsumerInfo> List, FrameFault? Fault = null) : QueueReply;

    /// <summary>A message, or none, or why the next one is not handed out.</summary>
    public sealed record Got(Delivery? Delivery, long Remaining, FrameFault? Fault = null) : QueueReply;
}

/// <summary>A message that waits.</summary>
/// <param name="Due">For this time, in milliseconds since the Unix epoch.</param>
/// <param name="Entry">The message.</param>
internal readonly record struct DelayedEntry(long Due, QueueEntry Entry);

/// <summary>A consumer in listings.</summary>
/// <param name="Path">Its stream, or who stands for it here.</param>
/// <param name="IsActive">Whether it is the one that gets messages, where there is only one.</param>
internal readonly record struct QueueConsumerInfo(string Path, bool IsActive);

/// <summary>What a queue tells those who publish to it.</summary>
internal abstract record PublisherSignal
{
    private protected PublisherSignal()
    {
    }

    /// <summary>
    /// The batch is in the queue, for good if the queue is durable; or why not. Whoever has answered a stream UNAVAILABLE answers so to everything that the stream has
    /// sent after it: a producer sends all of it again, and what came later must not be there before.
    /// </summary>
    /// <param name="Batch">The batch.</param>
    /// <param name="Fault">Why not; <c>null</c> if all of it is there.</param>
    /// <param name="WasParked">Whether it had to wait.</param>
    /// <param name="Refused">With a fault: what is not in the queue, ascending; the rest of the batch is. <c>null</c>: nothing of it is.</param>
    public sealed record Answered(PublishBatch Batch, FrameFault? Fault, bool WasParked, IReadOnlyList<BatchRefusal>? Refused = null) : PublisherSignal
    {
        /// <summary>What of the batch is not in the queue, ascending.</summary>
        public IReadOnlyList<BatchRefusal> Refusals => Fault is { } fault ? Refused ?? [new BatchRefusal(0, Batch.Count, fault)] : [];
    }

    /// <summary>The batch waits, for a reason that follows the queue's name.</summary>
    public sealed record Parked(PublishBatch Batch, string Reason) : PublisherSignal;
}

/// <summary>What a queue tells those who consume from it.</summary>
internal abstract record ConsumerSignal
{
    private protected ConsumerSignal()
    {
    }

    /// <summary>The subscription stands, or why not.</summary>
    public sealed record Subscribed(FrameFault? Fault) : ConsumerSignal;

    /// <summary>Messages, in order.</summary>
    public sealed record Deliver(IReadOnlyList<Delivery> Deliveries) : ConsumerSignal;

    /// <summary>The settlement is done, or what was wrong with it.</summary>
    public sealed record Settled(IReadOnlyList<SequenceRange> Ranges, FrameFault? Fault) : ConsumerSignal;

    /// <summary>No delivery follows.</summary>
    public sealed record CancelDone : ConsumerSignal;

    /// <summary>The subscription has ended for a reason.</summary>
    public sealed record Refused(FrameFault Fault) : ConsumerSignal;

    /// <summary>The queue was deleted.</summary>
    public sealed record QueueGone : ConsumerSignal;
}
