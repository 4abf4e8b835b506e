using Broker.Machines.Ledgers;
using Broker.Machines.Messages;
using Broker.Machines.Queues;
using Broker.Machines.Tests.Messages;
using Broker.Protocol;

namespace Broker.Machines.Tests.Queues;

/// <summary>What a durable queue has to be logged of what has happened to it.</summary>
public class QueueRecordTests
{
    private static readonly ConsumerId Ann = new(1);
    private static readonly StoredMessage[] Three = [TestMessages.Named("A", 10), TestMessages.Named("B", 20), TestMessages.Named("C", 30)];
    private readonly QueueMachine _machine = new(new QueueLimits(), new QueueLedger());

    [Fact]
    public void Nothing_is_to_be_logged_when_nothing_happened()
    {
        Assert.Null(Record());
        Assert.Null(_machine.HandleSubscribe(Ann, exclusive: false, noAck: false));
        _machine.HandleGrant(Ann, 5, 500);
        _machine.HandleEnqueue(new PublisherId(9), 1, ReadOnlyMemory<StoredMessage>.Empty);
        Assert.Equal(0, _machine.HandlePurge());
        Assert.Null(Record());
        Assert.Equal(0UL, _machine.Ledger!.LastIndex);
    }

    [Fact]
    public void A_queue_that_is_not_durable_has_nothing_to_log()
    {
        var machine = new QueueMachine(new QueueLimits());
        machine.HandleEnqueue(new PublisherId(9), 1, Three);
        machine.Dispatch();
        Assert.Null(machine.TakeRecord());
        Assert.Null(machine.Ledger);
    }

    [Fact]
    public void All_that_happens_in_a_step_is_one_record()
    {
        _machine.HandleSubscribe(Ann, exclusive: false, noAck: false);
        _machine.HandleGrant(Ann, 2, 500);
        _machine.HandleEnqueue(new PublisherId(9), 1, Three, new ProducerBatch("shop", new ulong[] { 4, 5, 6 }));
        _machine.HandleEnqueue(new PublisherId(9), 2, Three.AsMemory(0, 1));
        var record = Record();
        Assert.NotNull(record);
        Assert.Equal((1UL, 70L, 0L), (record.FirstPosition, record.MessageBytes, record.SettledBytes));
        Assert.Equal([.. Three, Three[0]], record.Messages.ToArray());
        Assert.Equal([new ProducerMark("shop", 6)], record.Producers);
        Assert.Equal([new PositionRange(1, 2)], record.Delivered);
        Assert.Empty(record.Settled);
        Assert.Equal((1UL, 70L), (_machine.Ledger!.LastIndex, _machine.SizeBytes));

        Settle(1, 1, SettleOutcome.Ack);
        Settle(2, 2, SettleOutcome.Reject);
        record = Record();
        Assert.NotNull(record);
        Assert.Equal((5UL, 0, 0L, 30L), (record.FirstPosition, record.Messages.Length, record.MessageBytes, record.SettledBytes));
        Assert.Equal([new PositionRange(1, 2)], record.Settled);
        Assert.Equal(40L, _machine.SizeBytes);
    }

    [Fact]
    public void A_message_that_is_handed_out_twice_in_a_step_is_logged_twice()
    {
        _machine.HandleEnqueue(new PublisherId(9), 1, Three);
        Get(noAck: false);
        Settle(1, 1, SettleOutcome.Requeue);
        Get(noAck: false);
        Get(noAck: false);
        Settle(2, 2, SettleOutcome.Ack);
        var record = Record();
        Assert.NotNull(record);
        Assert.Equal([new PositionRange(1, 1), new PositionRange(1, 2)], record.Delivered);
        Assert.Equal([new PositionRange(1, 1)], record.Settled);
        Assert.Equal([new LiveRange(2, 2, 1), new LiveRange(3, 3, 0)], _machine.Ledger!.Live.Ranges());
    }

    [Fact]
    public void A_message_that_is_settled_as_it_leaves_is_not_logged_as_handed_out()
    {
        _machine.HandleEnqueue(new PublisherId(9), 1, Three);
        Get(noAck: true);
        var record = Record();
        Assert.NotNull(record);
        Assert.Empty(record.Delivered);
        Assert.Equal([new PositionRange(1, 1)], record.Settled);
        Assert.Equal(10L, record.SettledBytes);
    }

    [Fact]
    public void Purged_messages_are_settled_with_their_bytes()
    {
        _machine.HandleEnqueue(new PublisherId(9), 1, Three);
        Get(noAck: false);
        Record();
        _machine.HandleEnqueue(new PublisherId(9), 2, Three.AsMemory(1, 1));
        Assert.Equal(3, _machine.HandlePurge());
        var record = Record();
        Assert.NotNull(record);
        Assert.Equal([new PositionRange(2, 4)], record.Settled);
        Assert.Equal((70L, 10L), (record.SettledBytes, _machine.Ledger!.LiveBytes));
    }

    /// <summary>Bytes of lost messages go with the next purge that drops any; a record without positions has no place for them.</summary>
    [Fact]
    public void A_purge_of_nothing_changes_nothing()
    {
        var machine = Restored(_machine, Three);
        machine.HandleLoaded([(1, Three[0])], 1, 3);
        Assert.Equal(GetResult.Message, machine.HandleGet(Ann, noAck: false, out _));
        machine.Dispatch();
        Assert.NotNull(machine.TakeRecord());
        Assert.Equal(0, machine.HandlePurge());
        machine.HandleEnqueue(new PublisherId(9), 2, Three.AsMemory(0, 1));
        machine.Dispatch();
        var record = machine.TakeRecord();
        Assert.NotNull(record);
        Assert.Equal((0, 0L), (record.Settled.Count, record.SettledBytes));
        Assert.Equal(70L, machine.Ledger!.LiveBytes);
    }

    [Fact]
    public void Messages_that_come_again_are_not_logged_again()
    {
        var producer = new ProducerBatch("shop", new ulong[] { 4, 5, 9 });
        _machine.HandleEnqueue(new PublisherId(9), 1, Three, producer);
        _machine.HandleEnqueue(new PublisherId(9), 2, Three, producer);
        Assert.Equal(3, Record()?.Messages.Length);
        _machine.HandleEnqueue(new PublisherId(9), 3, Three, producer);
        Assert.Null(Record());
        _machine.HandleEnqueue(new PublisherId(9), 4, Three, new ProducerBatch("shop", new ulong[] { 5, 9, 10 }));
        var record = Record();
        Assert.NotNull(record);
        Assert.Equal([Three[2]], record.Messages.ToArray());
        Assert.Equal([new ProducerMark("shop", 10)], record.Producers);
    }

    [Fact]
    public void Lost_messages_are_settled_and_take_no_bytes_with_them()
    {
        var machine = Restored(_machine, Three);
        Assert.Equal([new PositionRange(1, 1), new PositionRange(3, 3)], machine.HandleLoaded([(2, Three[1])], 1, 3));
        machine.Dispatch();
        var record = machine.TakeRecord();
        Assert.NotNull(record);
        Assert.Equal([new PositionRange(1, 1), new PositionRange(3, 3)], record.Settled);
        Assert.Equal(0L, record.SettledBytes);
        Assert.Equal(GetResult.Message, machine.HandleGet(Ann, noAck: true, out _));
        machine.Dispatch();
        Assert.NotNull(machine.TakeRecord());
        Assert.Equal((0L, 0UL), (machine.SizeBytes, machine.Ledger!.Live.Count));
    }

    [Fact]
    public void Messages_that_are_in_memory_are_not_lost()
    {
        _machine.HandleEnqueue(new PublisherId(9), 1, Three);
        Assert.Empty(_machine.HandleLost(1, 3));
        Assert.Equal(3, _machine.ReadyCount);
    }

    /// <summary>Records were lost, and with them the bytes of messages that later ones settle: what is left is an estimate, and never below nothing.</summary>
    [Fact]
    public void A_queue_whose_bytes_are_not_known_any_more_logs_no_fewer_than_none()
    {
        var ledger = new QueueLedger();
        ledger.Apply(new QueueRecord { FirstPosition = 1, MessageBytes = 60 }, messageCount: 3);
        ledger.Skip(lastIndex: 2, nextPosition: 5);
        ledger.Apply(new QueueRecord { FirstPosition = 5, Settled = [new PositionRange(4, 4)], SettledBytes = 1_000 }, messageCount: 0);
        var machine = new QueueMachine(new QueueLimits(), ledger);
        machine.HandleLoaded([(1, Three[0]), (2, Three[1]), (3, Three[2])], 1, 3);
        Assert.Equal(GetResult.Message, machine.HandleGet(Ann, noAck: false, out _));
        Assert.Equal(2, machine.HandlePurge());
        Assert.Equal(0L, machine.SizeBytes);
        var record = machine.TakeRecord();
        Assert.NotNull(record);
        Assert.Equal(0L, record.SettledBytes);
        QueueRecordCodec.Encode(record);

        Assert.Null(machine.HandleSettle(Ann, [new SequenceRange(1, 1)], SettleOutcome.Ack));
        Assert.Equal(0L, machine.SizeBytes);
    }

    /// <summary>The machine of a queue with these messages after a restart.</summary>
    private static QueueMachine Restored(QueueMachine machine, StoredMessage[] messages)
    {
        machine.HandleEnqueue(new PublisherId(9), 1, messages);
        machine.Dispatch();
        machine.TakeRecord();
        return new QueueMachine(new QueueLimits(), QueueLedger.Restore(machine.Ledger!.Checkpoint().Span, machine.Ledger.LastIndex));
    }

    private QueueRecord? Record()
    {
        _machine.Dispatch();
        return _machine.TakeRecord();
    }

    private void Get(bool noAck) => Assert.Equal(GetResult.Message, _machine.HandleGet(Ann, noAck, out _));

    private void Settle(ulong first, ulong last, SettleOutcome outcome) => Assert.Null(_machine.HandleSettle(Ann, [new SequenceRange(first, last)], outcome));
}
