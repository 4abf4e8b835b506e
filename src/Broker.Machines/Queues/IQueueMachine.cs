using System.Diagnostics.CodeAnalysis;
using Broker.Machines.Ledgers;
using Broker.Machines.Logs;
using Broker.Machines.Messages;
using Broker.Protocol;

namespace Broker.Machines.Queues;

/// <summary>
/// What takes messages in and hands them out under one name: a <see cref="QueueMachine"/> or a <see cref="LogMachine"/>. Whoever owns one feeds it, logs its records and carries out its effects
/// without knowing which.
/// </summary>
/// <remarks>
/// Call <see cref="HandleTime"/>, then <c>Handle*</c>, then <see cref="Dispatch"/>; then log what <see cref="TakeRecord"/> gives; then drain <see cref="TryTakeEffect"/>. Effects may be carried
/// out once that record, and so everything before it, is certain.
/// </remarks>
public interface IQueueMachine
{
    /// <summary>Messages that wait for a consumer.</summary>
    long ReadyCount { get; }

    /// <summary>Messages that wait for their time.</summary>
    int DelayedCount { get; }

    /// <summary>Messages on their way to the dead-letter exchange.</summary>
    int DeadCount { get; }

    /// <summary>Messages that consumers hold.</summary>
    int UnsettledCount { get; }

    /// <summary>Bytes of all messages, wherever they are; an estimate once records were lost (<see cref="QueueLedger.LiveBytes"/>).</summary>
    long SizeBytes { get; }

    /// <summary>Bytes of those that are in memory.</summary>
    long LoadedBytes { get; }

    /// <summary>Consumers that are subscribed.</summary>
    int ConsumerCount { get; }

    /// <summary>Those, in the order in which they came.</summary>
    IEnumerable<ConsumerId> Consumers { get; }

    /// <summary>With a single active consumer: which one that is.</summary>
    ConsumerId? ActiveConsumer { get; }

    /// <summary>Batches that wait for room.</summary>
    int ParkedCount { get; }

    /// <summary>Totals since the declaration, or the start of the node.</summary>
    QueueCounters Counters { get; }

    /// <summary>Whether publishers have to wait.</summary>
    bool IsFull { get; }

    /// <summary>Whether nothing is handed out, by an operator's wish. Messages are taken in all the same.</summary>
    bool IsPaused { get; }

    /// <summary>Bytes of messages that were taken and are not certain yet.</summary>
    long UncertainBytes { get; }

    /// <summary>What is certain, or about to be; <c>null</c> if it is not durable.</summary>
    QueueLedger? Ledger { get; }

    /// <summary>When something is due that no call brings about, in milliseconds since the Unix epoch: call <see cref="HandleTime"/> then. <c>null</c>: nothing is.</summary>
    long? NextDeadline { get; }

    /// <summary>
    /// The same for what concerns this process only, in milliseconds of the clock that is never set. A wall clock that is set forward would end it too early, and one that is set back too late.
    /// </summary>
    long? NextTimeout { get; }

    /// <summary>Tells the time: before other calls, and when <see cref="NextDeadline"/> or <see cref="NextTimeout"/> has come. What is due happens with the next <see cref="Dispatch"/>.</summary>
    /// <param name="now">Milliseconds since the Unix epoch. May be before the last: the clock was set back.</param>
    /// <param name="uptime">Milliseconds of a clock that is never set, from any beginning.</param>
    void HandleTime(long now, long uptime);

    /// <summary>It is to behave differently from now on.</summary>
    void HandleSettings(QueueSettings settings);

    /// <summary>Hands out nothing from now on, or goes on.</summary>
    void HandlePause(bool pause);

    /// <summary>It was declared again, and counts as used.</summary>
    void HandleUsed();

    /// <summary>The node is short of memory, or is no longer.</summary>
    void HandleMemoryShort(bool isShort);

    /// <summary>The node has no room for what would be written, or has it again (<c>null</c>). Only one that is durable cares.</summary>
    /// <param name="reason">What publishers wait for, to follow the name, such as "waits for disk space".</param>
    void HandleBlocked(string? reason);

    /// <summary>Takes a batch in, or parks it while there is no room.</summary>
    /// <param name="publisher">Whose it is.</param>
    /// <param name="batchId">Its number.</param>
    /// <param name="messages">The messages. Their bytes do not change any more.</param>
    /// <param name="producer">The sequences of a producer that has a name: what was taken of it already is not taken again.</param>
    void HandleEnqueue(PublisherId publisher, long batchId, ReadOnlyMemory<StoredMessage> messages, in ProducerBatch producer = default);

    /// <summary>The publisher is gone: what it has parked was never accepted and is dropped.</summary>
    void HandlePublisherGone(PublisherId publisher);

    /// <summary>Adds a consumer, without credit. One that has subscribed here before is refused until it is gone.</summary>
    /// <returns><c>null</c>, or why it is refused.</returns>
    FrameFault? HandleSubscribe(ConsumerId id, SubscribeTerms terms);

    /// <summary>Lets a consumer have more.</summary>
    void HandleGrant(ConsumerId id, long messages, long bytes);

    /// <summary>Settles deliveries. All or nothing: with one unknown or repeated tag, nothing is settled.</summary>
    /// <param name="id">The consumer.</param>
    /// <param name="ranges">Delivery tags.</param>
    /// <param name="outcome">The same for all.</param>
    /// <param name="reason">Of a rejection: what the dead letter is to say.</param>
    /// <returns><c>null</c>, or what is wrong.</returns>
    FrameFault? HandleSettle(ConsumerId id, IReadOnlyList<SequenceRange> ranges, SettleOutcome outcome, string reason = "");

    /// <summary>Ends a subscription; what the consumer holds stays its own until settled or until it is gone.</summary>
    void HandleCancel(ConsumerId id);

    /// <summary>The consumer's stream has ended.</summary>
    void HandleConsumerGone(ConsumerId id);

    /// <summary>Whether a GET can have the next message.</summary>
    /// <returns><c>null</c> if it can, if there is none, or if that is not known before it was read; otherwise what to tell the client.</returns>
    FrameFault? CheckNext(int maxMessageBytes, ConsumerId id = default);

    /// <summary>Takes one message without a subscription.</summary>
    /// <param name="id">Who takes it.</param>
    /// <param name="noAck">It is settled as it leaves.</param>
    /// <param name="delivery">The message, if there is one.</param>
    GetResult HandleGet(ConsumerId id, bool noAck, out Delivery delivery);

    /// <summary>The first messages, without taking them.</summary>
    /// <param name="count">How many.</param>
    /// <param name="entries">As many as are there, or as many as stay in memory for certain until the rest is read.</param>
    /// <returns><c>false</c> if some must be read first: ask again after the next <see cref="HandleLoaded"/>.</returns>
    bool TryPeek(int count, out IReadOnlyList<QueueEntry> entries);

    /// <summary>Messages that wait for their time, the next first.</summary>
    IReadOnlyList<(long Due, QueueEntry Entry)> PeekDelayed(int count);

    /// <summary>Drops all messages that nobody holds.</summary>
    /// <returns>How many were dropped.</returns>
    long HandlePurge();

    /// <summary>Ends it unless a condition forbids that. Afterwards nothing is taken in or handed out.</summary>
    /// <returns><c>null</c>, or which condition failed.</returns>
    FrameFault? HandleDelete(bool ifUnused, bool ifEmpty);

    /// <summary>A message that a <see cref="QueueEffect.DeadLetter"/> was about is certain at its new place, or nobody takes it.</summary>
    void HandleDeadLettered(ulong sequence);

    /// <summary>Hands out what can be, and lets parked batches in as far as there is room.</summary>
    void Dispatch();

    /// <summary>Whether something has happened since the last <see cref="TakeRecord"/> that is to be logged.</summary>
    bool HasRecord { get; }

    /// <summary>What has happened since the last call, to be logged under <see cref="QueueLedger.LastIndex"/>. The ledger has it already.</summary>
    /// <returns><c>null</c> if nothing has that is to be logged.</returns>
    QueueRecord? TakeRecord();

    /// <summary>Everything up to the record is certain.</summary>
    void HandleCertain(ulong index);

    /// <summary>Messages were read, as <see cref="QueueEffect.Load"/> has asked.</summary>
    /// <param name="messages">Those that could be, in order of position. Positions that nobody waits for are passed over.</param>
    /// <param name="first">From where on everything was read.</param>
    /// <param name="last">Up to where. A message between the two that is not among those read is lost.</param>
    /// <returns>The positions that were lost.</returns>
    IReadOnlyList<PositionRange> HandleLoaded(IReadOnlyList<(ulong Position, StoredMessage Message)> messages, ulong first, ulong last);

    /// <summary>Nothing on disk holds these positions any more. Messages that are on disk only are lost; those in memory stay while they are.</summary>
    /// <returns>The positions that were lost.</returns>
    IReadOnlyList<PositionRange> HandleLost(ulong first, ulong last);

    /// <summary>Messages could not be read now. They will be asked for again.</summary>
    void HandleNotLoaded();

    /// <summary>The next thing to carry out, in order.</summary>
    bool TryTakeEffect([MaybeNullWhen(false)] out QueueEffect effect);
}
