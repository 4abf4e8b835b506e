using Broker.Machines.Queues;

namespace Broker.Machines.Tests.Queues;

public class QueueDeadLetterTests
{
    [Fact]
    public void A_rejected_message_leaves_when_it_is_certain_at_its_new_place() => QueueScript.PlayBoth(new QueueSettings { DeadLetters = true }, """
        at 5
        publish shop A B C
          > shop #1 accepted
        subscribe worker
        grant worker 3
          > worker gets 1:A 2:B 3:C
        reject worker 2 because it is broken
          > dead 1: B*1 rejected at 5, it is broken
        reject worker 1
          > dead 2: A*1 rejected at 5
        counts
          > ready 0, unsettled 1, delayed 0, dead 2
        consumer-gone worker
        counts
          > ready 1, unsettled 0, delayed 0, dead 2
        purge
          > 1 dropped
        dead-lettered 2
        counts
          > ready 0, unsettled 0, delayed 0, dead 1
        dead-lettered 2
        dead-lettered 7
        dead-lettered 1
        counts
          > ready 0, unsettled 0, delayed 0, dead 0
        counters
          > enqueued 3, rejected 2, dead-lettered 2
        """);

    [Fact]
    public void Without_a_dead_letter_exchange_it_is_dropped() => QueueScript.PlayBoth(new QueueSettings(), """
        publish shop A B
          > shop #1 accepted
        subscribe worker
        grant worker 2
          > worker gets 1:A 2:B
        settings dead-letters
        reject worker 1
          > dead 1: A*1 rejected at 0
        settings no-dead-letters
        reject worker 2
        counts
          > ready 0, unsettled 0, delayed 0, dead 1
        dead-lettered 1
        counters
          > enqueued 2, rejected 2, dead-lettered 1, dropped 1
        """);

    [Fact]
    public void Those_under_way_are_sent_again_after_a_restart_with_the_same_numbers() => QueueScript.PlayDurable(new QueueSettings { DeadLetters = true }, """
        at 7
        publish shop A B C D
          > shop #1 accepted
        subscribe worker
        grant worker 3
          > worker gets 1:A 2:B 3:C
        reject worker 3 because of C
          > dead 1: C*1 rejected at 7, of C
        reject worker 1
          > dead 2: A*1 rejected at 7
        dead-lettered 1
        commit
        restart
          > to read from 1
        read
          > dead 2: A*1 rejected at 7
        counts
          > ready 2, unsettled 0, delayed 0, dead 1
        subscribe worker
        grant worker 9
          > worker gets 1:B*1 2:D
        reject worker 1
          > dead 3: B*2 rejected at 7
        dead-lettered 2..3
        counts
          > ready 0, unsettled 1, delayed 0, dead 0
        """);

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 2)]
    [InlineData(3, 4)]
    public void A_message_may_come_back_as_often_as_the_limit_says(int limit, int deliveries)
    {
        var story = "publish shop A\n  > shop #1 accepted\nsubscribe worker\ngrant worker 9\n  > worker gets 1:A\n";
        for (var i = 1; i < deliveries; i++)
        {
            story += $"requeue worker {i}\n  > worker gets {i + 1}:A*{i}\n";
        }

        story += $"requeue worker {deliveries}\n  > dead 1: A*{deliveries} delivery_limit at 0\ncounters\n  > enqueued 1, returned-too-often 1, dead-lettered 1\n";
        QueueScript.PlayBoth(new QueueSettings { DeliveryLimit = limit, DeadLetters = true }, story);
    }

    [Fact]
    public void A_consumer_that_goes_counts_as_a_return_and_so_does_the_end_of_the_node() => QueueScript.PlayDurable(new QueueSettings { DeliveryLimit = 1 }, """
        publish shop A B
          > shop #1 accepted
        subscribe worker
        grant worker 2
          > worker gets 1:A 2:B
        ack worker 2
        commit
        consumer-gone worker
        subscribe other
        grant other 2
          > other gets 1:A*1
        commit
        restart
        subscribe worker
        grant worker 1
          > to read from 1
        read
        counters
          > returned-too-often 1, dropped 1
        counts
          > ready 0, unsettled 0, delayed 0, dead 0
        """);

    [Fact]
    public void No_more_than_a_thousand_are_under_way_at_a_time()
    {
        var machine = new QueueMachine(new QueueLimits(), settings: new QueueSettings { MaxLength = 0, DeadLetters = true });
        machine.HandleEnqueue(new PublisherId(1), 1, Enumerable.Range(1, 1_500).Select(i => Messages.TestMessages.Named($"{i}")).ToArray());
        Assert.Equal(Enumerable.Range(1, 1_000), Sent());
        for (var sequence = 1UL; sequence <= 600; sequence++)
        {
            machine.HandleDeadLettered(sequence);
        }

        Assert.Equal(Enumerable.Range(1_001, 500), Sent());
        Assert.Equal(900, machine.DeadCount);

        List<int> Sent()
        {
            machine.Dispatch();
            var sent = new List<int>();
            while (machine.TryTakeEffect(out var effect))
            {
                if (effect is QueueEffect.DeadLetter dead)
                {
                    sent.Add((int)dead.Message.Sequence);
                    Assert.Equal($"{dead.Message.Sequence}", Messages.TestMessages.NameOf(dead.Message.Entry.Message));
                }
            }

            return sent;
        }
    }
}
