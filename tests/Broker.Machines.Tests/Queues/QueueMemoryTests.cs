using System.Runtime.CompilerServices;
using Broker.Machines.Ledgers;
using Broker.Machines.Messages;
using Broker.Machines.Queues;
using Broker.Machines.Tests.Messages;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Machines.Tests.Queues;

[Collection(nameof(MemoryTests))]
public class QueueMemoryTests
{
    private const long OneMegabyte = 1 << 20;
    private static readonly StoredMessage Message = TestMessages.Named("A");
    private readonly QueueMachine _machine = new(new QueueLimits());

    [Fact]
    public void Settled_message_is_left_to_the_collector()
    {
        var acked = EnqueueAndSettle(SettleOutcome.Ack);
        var rejected = EnqueueAndSettle(SettleOutcome.Reject);
        var requeued = EnqueueAndSettle(SettleOutcome.Requeue);
        GC.Collect();
        Assert.False(acked.IsAlive, "acknowledged");
        Assert.False(rejected.IsAlive, "rejected");
        Assert.True(requeued.IsAlive, "requeued");

        _machine.HandlePurge();
        GC.Collect();
        Assert.False(requeued.IsAlive, "purged");
        GC.KeepAlive(_machine);
    }

    [Theory]
    [InlineData(false, 500)]
    [InlineData(true, 700)]
    public void Queue_that_nobody_uses_takes_little(bool durable, long most)
    {
        const int count = 1_000;
        var queues = new QueueMachine[count];
        var limits = new QueueLimits();
        var growth = MemoryTests.GrowthBytes(() =>
        {
            for (var i = 0; i < count; i++)
            {
                queues[i] = new QueueMachine(limits, durable ? new QueueLedger() : null, QueueSettings.Of(new QueueDefinition("q", durable)));
                queues[i].HandleSettings(QueueSettings.Of(new QueueDefinition("q", durable)));
                queues[i].Dispatch();
                Assert.Null(queues[i].TakeRecord());
                Assert.False(queues[i].TryTakeEffect(out _));
            }
        });
        Assert.InRange(growth / count, 0, most);
        GC.KeepAlive(queues);
    }

    [Fact]
    public void Queue_that_was_long_gives_its_memory_back()
    {
        var growth = MemoryTests.GrowthBytes(() =>
        {
            _machine.HandleEnqueue(new PublisherId(9), 1, Enumerable.Repeat(Message, 200_000).ToArray());
            Subscribe(1, noAck: true);
            Drain();
        });
        Assert.Equal(0, _machine.SizeBytes);
        Assert.InRange(growth, long.MinValue, OneMegabyte);
        GC.KeepAlive(_machine);
    }

    [Fact]
    public void Consumer_that_held_much_gives_its_memory_back()
    {
        var growth = MemoryTests.GrowthBytes(() =>
        {
            _machine.HandleEnqueue(new PublisherId(9), 1, Enumerable.Repeat(Message, 200_000).ToArray());
            Subscribe(1, noAck: false);
            Drain();
            Assert.Null(_machine.HandleSettle(new ConsumerId(1), [new SequenceRange(1, 200_000)], SettleOutcome.Ack));
        });
        Assert.InRange(growth, long.MinValue, OneMegabyte);
        GC.KeepAlive(_machine);
    }

    [Fact]
    public void Messages_that_came_back_leave_no_memory_behind()
    {
        var growth = MemoryTests.GrowthBytes(() =>
        {
            _machine.HandleEnqueue(new PublisherId(9), 1, Enumerable.Repeat(Message, 200_000).ToArray());
            Subscribe(1, noAck: false);
            Drain();
            _machine.HandleConsumerGone(new ConsumerId(1));
            Subscribe(2, noAck: true);
            Drain();
        });
        Assert.Equal(0, _machine.SizeBytes);
        Assert.InRange(growth, long.MinValue, OneMegabyte);
        GC.KeepAlive(_machine);
    }

    [Fact]
    public void One_message_held_for_long_costs_no_memory_for_those_settled_after_it()
    {
        var growth = MemoryTests.GrowthBytes(() =>
        {
            Subscribe(1, noAck: false);
            for (var tag = 1UL; tag <= 200_000; tag++)
            {
                _machine.HandleEnqueue(new PublisherId(9), (long)tag, new[] { Message });
                Drain();
                if (tag > 1)
                {
                    Assert.Null(_machine.HandleSettle(new ConsumerId(1), [new SequenceRange(tag, tag)], SettleOutcome.Ack));
                }
            }
        });
        Assert.Equal(1, _machine.UnsettledCount);
        Assert.InRange(growth, long.MinValue, OneMegabyte);
        Assert.Null(_machine.HandleSettle(new ConsumerId(1), [new SequenceRange(1, 1)], SettleOutcome.Ack));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Consumers_that_come_and_go_on_an_empty_queue_leave_nothing_behind(bool cancel)
    {
        var growth = MemoryTests.GrowthBytes(() =>
        {
            for (var id = 1; id <= 50_000; id++)
            {
                Subscribe(id, noAck: false);
                if (cancel)
                {
                    _machine.HandleCancel(new ConsumerId(id));
                }

                _machine.HandleConsumerGone(new ConsumerId(id));
                Drain();
            }
        });
        Assert.InRange(growth, long.MinValue, OneMegabyte);
        GC.KeepAlive(_machine);
    }

    [Fact]
    public void Backlog_of_a_durable_queue_costs_what_it_may_keep_in_memory()
    {
        var machine = new QueueMachine(new QueueLimits { MaxLoadedBytes = OneMegabyte / 4, MinLoadedBytes = OneMegabyte / 4 }, new QueueLedger());
        var growth = MemoryTests.GrowthBytes(() =>
        {
            for (var i = 0; i < 2_000; i++)
            {
                machine.HandleEnqueue(new PublisherId(9), i, Enumerable.Range(0, 100).Select(_ => TestMessages.Named("A", 100)).ToArray());
                machine.Dispatch();
                machine.TakeRecord();
                machine.HandleCertain(machine.Ledger!.LastIndex);
                while (machine.TryTakeEffect(out _))
                {
                }
            }
        });
        Assert.Equal((200_000L, 20_000_000L), (machine.ReadyCount, machine.SizeBytes));
        Assert.InRange(growth, long.MinValue, OneMegabyte);
        GC.KeepAlive(machine);
    }

    [Fact]
    public void Messages_that_are_held_without_their_bytes_are_left_to_the_collector()
    {
        var machine = new QueueMachine(new QueueLimits { MaxLoadedBytes = OneMegabyte / 4, MinLoadedBytes = OneMegabyte / 4 }, new QueueLedger());
        Assert.Null(machine.HandleSubscribe(new ConsumerId(1), exclusive: false, noAck: false));
        machine.HandleGrant(new ConsumerId(1), long.MaxValue / 4, long.MaxValue / 4);
        var growth = MemoryTests.GrowthBytes(() =>
        {
            for (var i = 0; i < 100; i++)
            {
                machine.HandleEnqueue(new PublisherId(9), i, Enumerable.Range(0, 10).Select(_ => TestMessages.Named("A", 20_000)).ToArray());
                machine.Dispatch();
                machine.TakeRecord();
                machine.HandleCertain(machine.Ledger!.LastIndex);
                while (machine.TryTakeEffect(out _))
                {
                }
            }
        });
        Assert.Equal((1_000, 20_000_000L), (machine.UnsettledCount, machine.SizeBytes));
        Assert.InRange(growth, long.MinValue, OneMegabyte);
        GC.KeepAlive(machine);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private WeakReference EnqueueAndSettle(SettleOutcome outcome)
    {
        var block = new byte[100];
        var id = new ConsumerId((long)outcome + 1);
        _machine.HandleSubscribe(id, exclusive: false, noAck: false);
        _machine.HandleEnqueue(new PublisherId(9), 1, new[] { new StoredMessage(block, MessageTraits.None) });
        _machine.HandleGrant(id, 1, 100);
        Drain();
        Assert.Null(_machine.HandleSettle(id, [new SequenceRange(1, 1)], outcome));
        return new WeakReference(block);
    }

    private void Subscribe(int id, bool noAck)
    {
        Assert.Null(_machine.HandleSubscribe(new ConsumerId(id), exclusive: false, noAck));
        _machine.HandleGrant(new ConsumerId(id), long.MaxValue / 4, long.MaxValue / 4);
    }

    private void Drain()
    {
        _machine.Dispatch();
        while (_machine.TryTakeEffect(out _))
        {
        }
    }
}
