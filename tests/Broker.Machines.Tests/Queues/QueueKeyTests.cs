using Broker.Machines.Queues;

namespace Broker.Machines.Tests.Queues;

public class QueueKeyTests
{
    [Fact]
    public void A_message_with_a_known_id_is_confirmed_and_not_taken() => QueueScript.PlayBoth(new QueueSettings { DeduplicationWindow = 100 }, """
        publish shop A=x B=y C=x D D
          > shop #1 accepted
        peek 9
          > A B D D
        at 50
        publish shop E=x F=z
          > shop #2 accepted
        at 99
        publish shop G=y
          > shop #3 accepted
        at 100
        publish shop H=x I=z
          > shop #4 accepted
        peek 9
          > A B D D F H
        counters
          > enqueued 6, duplicates 4
        """);

    [Fact]
    public void Ids_are_remembered_over_a_restart_and_whatever_became_of_the_messages() => QueueScript.PlayDurable(new QueueSettings { DeduplicationWindow = 100 }, """
        publish shop A=x B=y
          > shop #1 accepted
        purge
          > 2 dropped
        at 60
        publish shop C=z
          > shop #2 accepted
        commit
        restart
        publish shop D=x E=z F=w
          > shop #3 accepted
        at 100
        publish shop G=x H=z
          > shop #4 accepted
        counters
          > enqueued 2, duplicates 3
        """);

    [Fact]
    public void No_more_ids_are_remembered_than_may_be() => QueueScript.PlayBoth(new QueueSettings { DeduplicationWindow = 100, DeduplicationSize = 2 }, """
        publish shop A=x
          > shop #1 accepted
        publish shop B=y
          > shop #2 accepted
        publish shop C=z
          > shop #3 accepted
        publish shop D=x E=z
          > shop #4 accepted
        peek 9
          > A B C D
        """);

    [Fact]
    public void A_message_that_is_refused_is_not_remembered() => QueueScript.PlayBoth(
        new QueueSettings { DeduplicationWindow = 100, MaxLength = 1, Overflow = OverflowBehavior.RejectPublish }, """
        publish shop A=x B=y
          > shop #1 accepted 1, others refused: ResourceExhausted, the queue is full and refuses what it has no room for: it has 1 of at most 1 ready message(s)
        publish shop A=x
          > shop #2 accepted
        get worker no-ack
          > worker gets 1:A
        publish shop B=y
          > shop #3 accepted
        """);

    [Fact]
    public void Of_a_key_only_the_newest_ready_message_stays() => QueueScript.PlayBoth(new QueueSettings { Conflate = true, DeadLetters = true }, """
        publish shop A~x B~y C~x D D
          > shop #1 accepted
        peek 9
          > B C D D
        subscribe worker
        grant worker 1
          > worker gets 1:B
        publish shop E~y F~x
          > shop #2 accepted
        peek 9
          > D D E F
        requeue worker 1
        peek 9
          > D D E F
        grant worker 9
          > worker gets 2:D 3:D 4:E 5:F
        publish shop G~x
          > shop #3 accepted
          > worker gets 6:G
        requeue worker 6
          > worker gets 7:G*1
        requeue worker 5
          > worker gets 8:F*1
        counters
          > enqueued 8, conflated 3
        """);

    [Fact]
    public void The_newest_of_two_that_come_back_stays() => QueueScript.PlayBoth(new QueueSettings { Conflate = true }, """
        subscribe worker
        grant worker 1
        publish shop A~x
          > shop #1 accepted
          > worker gets 1:A
        publish shop B~x
          > shop #2 accepted
        grant worker 1
          > worker gets 2:B
        consumer-gone worker
        peek 9
          > B*1
        """);

    [Fact]
    public void Keys_are_known_after_a_restart() => QueueScript.PlayDurable(new QueueSettings { Conflate = true }, """
        publish shop A~x B~y
          > shop #1 accepted
        subscribe worker
        grant worker 1
          > worker gets 1:A
        publish shop C~x
          > shop #2 accepted
        commit
        restart
        counts
          > ready 2, unsettled 0, delayed 0, dead 0
        publish shop D~y
          > shop #3 accepted
        commit
        state
          > ready 2, unsettled 0, bytes 16, consumers 0, parked 0, in memory 8
        restart
        subscribe worker
        grant worker 9
          > to read from 3
        read
          > worker gets 1:C 2:D
        """);

    [Fact]
    public void One_that_is_held_back_takes_part_when_it_is_due() => QueueScript.PlayBoth(new QueueSettings { Conflate = true }, """
        publish shop A+100~x
          > shop #1 accepted
        publish shop B~x
          > shop #2 accepted
        publish shop C+200~x
          > shop #3 accepted
        at 100
        counts
          > ready 1, unsettled 0, delayed 1, dead 0
        at 200
        peek 9
          > C
        """);
}
