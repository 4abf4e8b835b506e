using Broker.Machines.Queues;

namespace Broker.Machines.Tests.Queues;

public class QueueDelayTests
{
    [Fact]
    public void A_message_with_a_delay_is_held_back_until_then() => QueueScript.PlayBoth(new QueueSettings(), """
        at 1000
        subscribe worker
        grant worker 9
        publish shop A+500 B+200 C
          > shop #1 accepted
          > worker gets 1:C
        counts
          > ready 0, unsettled 1, delayed 2, dead 0
        delayed 9
          > B@1200 A@1500
        delayed 1
          > B@1200
        deadline
          > 1200
        at 1200
          > worker gets 2:B
        at 9000
          > worker gets 3:A
        deadline
          > none
        """);

    [Fact]
    public void Those_that_are_due_take_their_place_by_age() => QueueScript.PlayBoth(new QueueSettings(), """
        publish shop A+100 B
          > shop #1 accepted
        publish shop C
          > shop #2 accepted
        at 100
        peek 9
          > A B C
        """);

    [Fact]
    public void A_purge_and_a_deletion_take_those_that_are_held_back_as_well() => QueueScript.PlayBoth(new QueueSettings(), """
        publish shop A+100 B
          > shop #1 accepted
        purge
          > 2 dropped
        publish shop C+100
          > shop #2 accepted
        delete if-empty
          > refused, PreconditionFailed
        delete
        deadline
          > none
        """);

    [Fact]
    public void A_restart_does_not_shorten_a_delay() => QueueScript.PlayDurable(new QueueSettings(), """
        at 1000
        publish shop A+500 B+200 C
          > shop #1 accepted
        commit
        restart
        delayed 9
          > #2@1200 #1@1500
        counts
          > ready 1, unsettled 0, delayed 2, dead 0
        subscribe worker
        grant worker 9
          > to read from 3
        read
          > worker gets 1:C
        at 1500
          > to read from 1
        read
          > worker gets 2:A 3:B
        """);

    [Theory]
    [InlineData(RetryBackoff.Linear, 100, 350, new long[] { 100, 200, 300, 350, 350 })]
    [InlineData(RetryBackoff.Exponential, 100, 500, new long[] { 100, 200, 400, 500, 500 })]
    [InlineData(RetryBackoff.Exponential, long.MaxValue / 3, long.MaxValue / 2, new long[] { long.MaxValue / 3, long.MaxValue / 2 })]
    [InlineData(RetryBackoff.Linear, 700, 500, new long[] { 500, 500 })]
    public void A_message_that_comes_back_pauses_longer_each_time(RetryBackoff backoff, long delay, long longest, long[] expected)
    {
        var settings = new QueueSettings { RetryBackoff = backoff, RetryDelay = delay, RetryMaxDelay = longest };
        var machine = new QueueMachine(new QueueLimits(), settings: settings, now: 10);
        machine.HandleEnqueue(new PublisherId(1), 1, new[] { Messages.TestMessages.Named("A") });
        machine.HandleSubscribe(new ConsumerId(1), exclusive: false, noAck: false);
        machine.HandleGrant(new ConsumerId(1), 100, 1_000);
        machine.Dispatch();
        var now = 10L;
        var pauses = new List<long>();
        for (var tag = 1UL; tag <= (ulong)expected.Length; tag++)
        {
            Assert.Null(machine.HandleSettle(new ConsumerId(1), [new Protocol.SequenceRange(tag, tag)], Protocol.SettleOutcome.Requeue));
            machine.Dispatch();
            var due = machine.NextDeadline!.Value;
            pauses.Add(due - now);
            machine.HandleTime(due - 1, due - 1);
            machine.Dispatch();
            Assert.Equal(0, machine.UnsettledCount);
            machine.HandleTime(now = due, now);
            machine.Dispatch();
            Assert.Equal(1, machine.UnsettledCount);
        }

        Assert.Equal(expected, pauses);
    }

    [Fact]
    public void A_pause_survives_a_restart_and_ends_with_the_next_delivery() => QueueScript.PlayDurable(
        new QueueSettings { RetryBackoff = RetryBackoff.Linear, RetryDelay = 100 }, """
        at 1000
        publish shop A B
          > shop #1 accepted
        subscribe worker
        grant worker 2
          > worker gets 1:A 2:B
        consumer-gone worker
        delayed 9
          > A*1@1100 B*1@1100
        commit
        at 1050
        restart
        counts
          > ready 0, unsettled 0, delayed 2, dead 0
        deadline
          > 1100
        at 1100
        subscribe worker
        grant worker 1
          > to read from 1
        read
          > worker gets 1:A*1
        commit
        restart
        counts
          > ready 2, unsettled 0, delayed 0, dead 0
        """);
}
