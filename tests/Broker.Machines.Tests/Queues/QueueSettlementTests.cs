using Broker.Machines.Queues;
using Broker.Machines.Tests.Messages;
using Broker.Protocol;

namespace Broker.Machines.Tests.Queues;

public class QueueSettlementTests
{
    [Theory]
    [InlineData("5")]
    [InlineData("0")]
    [InlineData("1..5")]
    [InlineData("0..1")]
    [InlineData("1 1")]
    [InlineData("1..2 2..3")]
    [InlineData("2 1")]
    [InlineData("3..4 1..2")]
    [InlineData("1..4 2")]
    [InlineData("2..1")]
    [InlineData("1 9223372036854775807")]
    [InlineData("1..9223372036854775807")]
    public void Wrong_tags_settle_nothing(string ranges)
    {
        foreach (var outcome in (string[])["ack", "requeue", "reject"])
        {
            QueueScript.Play($"""
                subscribe worker
                grant worker 4
                publish shop A B C D
                  > shop #1 accepted
                  > worker gets 1:A 2:B 3:C 4:D
                {outcome} worker {ranges}
                  > refused, UnknownDeliveryTag
                state
                  > ready 0, unsettled 4, bytes 40, consumers 1, parked 0
                ack worker 1..4
                state
                  > ready 0, unsettled 0, bytes 0, consumers 1, parked 0
                """);
        }
    }

    [Fact]
    public void Tag_is_settled_once() => QueueScript.Play("""
        subscribe worker
        grant worker 3
        publish shop A B C
          > shop #1 accepted
          > worker gets 1:A 2:B 3:C
        ack worker 2
        ack worker 2
          > refused, UnknownDeliveryTag
        ack worker 1..3
          > refused, UnknownDeliveryTag
        ack worker 1 3
        """);

    [Fact]
    public void Tags_of_another_consumer_are_unknown() => QueueScript.Play("""
        subscribe ann
        subscribe bob
        grant ann 1
        publish shop A
          > shop #1 accepted
          > ann gets 1:A
        ack bob 1
          > refused, UnknownDeliveryTag
        ack stranger 1
          > refused, UnknownDeliveryTag
        """);

    [Fact]
    public void No_ranges_settle_nothing() => QueueScript.Play("""
        subscribe worker
        ack worker
        """);

    [Fact]
    public void Largest_tag_is_refused_and_not_walked_to()
    {
        var machine = new QueueMachine(new QueueLimits());
        machine.HandleSubscribe(new ConsumerId(1), exclusive: false, noAck: false);
        var fault = machine.HandleSettle(new ConsumerId(1), [new SequenceRange(0, ulong.MaxValue)], SettleOutcome.Ack);
        Assert.Equal(ErrorCode.UnknownDeliveryTag, fault?.Code);
    }

    [Fact]
    public void Rejected_message_is_dropped() => QueueScript.Play("""
        subscribe worker
        grant worker 9
        publish shop A B
          > shop #1 accepted
          > worker gets 1:A 2:B
        reject worker 1
        consumer-gone worker
        peek 9
          > B*1
        """);

    [Fact]
    public void Counters_tell_every_hand_over()
    {
        var machine = new QueueMachine(new QueueLimits());
        var (worker, guest) = (new ConsumerId(1), new ConsumerId(2));
        machine.HandleSubscribe(worker, exclusive: false, noAck: false);
        machine.HandleGrant(worker, 4, 1000);
        machine.HandleEnqueue(new PublisherId(3), 1, new[] { "A", "B", "C", "D", "E", "F" }.Select(n => TestMessages.Named(n)).ToArray());
        machine.Dispatch();
        machine.HandleSettle(worker, [new SequenceRange(1, 1)], SettleOutcome.Ack);
        machine.HandleSettle(worker, [new SequenceRange(2, 2)], SettleOutcome.Reject);
        machine.HandleSettle(worker, [new SequenceRange(3, 3)], SettleOutcome.Requeue);
        machine.HandleGet(guest, noAck: true, out var again);
        Assert.True(again.Redelivered);
        machine.HandleConsumerGone(worker);

        Assert.Equal(
            new QueueCounters { Enqueued = 6, Delivered = 5, Redelivered = 1, Acknowledged = 2, Requeued = 2, Rejected = 1, Dropped = 1 },
            machine.Counters);
        Assert.Equal(3, machine.ReadyCount);
    }
}
