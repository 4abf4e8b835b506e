using Broker.Machines.Queues;

namespace Broker.Machines.Tests.Queues;

public class QueueTtlTests
{
    [Fact]
    public void Messages_expire_at_the_head_when_their_time_is_over() => QueueScript.PlayBoth(new QueueSettings { MessageTtl = 100 }, """
        at 1000
        publish shop A B
          > shop #1 accepted
        at 1050
        publish shop C
          > shop #2 accepted
        deadline
          > 1100
        at 1099
        counts
          > ready 3, unsettled 0, delayed 0, dead 0
        at 1100
        counts
          > ready 1, unsettled 0, delayed 0, dead 0
        deadline
          > 1150
        at 1150
        counters
          > enqueued 3, expired 3, dropped 3
        deadline
          > none
        """);

    [Fact]
    public void What_comes_after_the_wall_clock_was_set_back_has_its_time() => QueueScript.PlayBoth(new QueueSettings { MessageTtl = 100 }, """
        at 1000
        wall-clock +5000
        wall-clock -5000
        publish shop A B+50
          > shop #1 accepted
        at 1049
        counts
          > ready 1, unsettled 0, delayed 1, dead 0
        at 1050
        counts
          > ready 2, unsettled 0, delayed 0, dead 0
        at 1099
        counts
          > ready 2, unsettled 0, delayed 0, dead 0
        at 1100
        counts
          > ready 1, unsettled 0, delayed 0, dead 0
        at 1149
        at 1150
        counters
          > enqueued 2, expired 2, dropped 2
        """);

    [Fact]
    public void The_lower_of_the_queues_time_and_the_messages_own_counts() => QueueScript.PlayBoth(new QueueSettings { MessageTtl = 100, DeadLetters = true }, """
        at 1000
        publish shop A!50 B!500 C
          > shop #1 accepted
        deadline
          > 1050
        at 1050
          > dead 1: A expired at 1050
        deadline
          > 1100
        at 1100
          > dead 2: B expired at 1100
          > dead 3: C expired at 1100
        counts
          > ready 0, unsettled 0, delayed 0, dead 3
        dead-lettered 2..3
        dead-lettered 1
        counts
          > ready 0, unsettled 0, delayed 0, dead 0
        """);

    [Fact]
    public void One_behind_another_that_lives_longer_expires_when_it_is_at_the_head() => QueueScript.PlayBoth(new QueueSettings(), """
        at 1000
        publish shop A B!50
          > shop #1 accepted
        deadline
          > none
        at 2000
        counts
          > ready 2, unsettled 0, delayed 0, dead 0
        subscribe worker
        grant worker 1
          > worker gets 1:A
        counts
          > ready 0, unsettled 1, delayed 0, dead 0
        """);

    [Fact]
    public void With_no_time_at_all_only_who_has_credit_now_gets_it() => QueueScript.PlayBoth(new QueueSettings { MessageTtl = 0 }, """
        at 1000
        subscribe worker
        grant worker 1
        at 1007
        publish shop A B
          > shop #1 accepted
          > worker gets 1:A
        counts
          > ready 0, unsettled 1, delayed 0, dead 0
        grant worker 1
        requeue worker 1
        counters
          > enqueued 2, expired 2, dropped 2
        """);

    [Fact]
    public void After_a_restart_the_head_is_read_to_know_its_time() => QueueScript.PlayDurable(new QueueSettings { MessageTtl = 100 }, """
        at 1000
        publish shop A
          > shop #1 accepted
        at 1040
        publish shop B
          > shop #2 accepted
        commit
        restart
          > to read from 1
        deadline
          > none
        read
        deadline
          > 1100
        at 1100
        deadline
          > 1140
        at 1140
        counters
          > expired 2, dropped 2
        """);

    [Fact]
    public void After_a_restart_a_head_that_may_have_a_time_of_its_own_is_read() => QueueScript.PlayDurable(new QueueSettings { DeadLetters = true }, """
        at 1000
        publish shop A B!50 C
          > shop #1 accepted
        subscribe worker
        grant worker 1
          > worker gets 1:A
        ack worker 1
        commit
        restart
          > to read from 2
        read
        deadline
          > 1050
        at 1050
          > dead 1: B expired at 1050
        dead-lettered 1
        commit
        restart
        counts
          > ready 1, unsettled 0, delayed 0, dead 0
        """);

    [Fact]
    public void A_head_that_was_unloaded_is_not_read_again_before_its_time() => QueueScript.PlayDurable(
        new QueueSettings { MessageTtl = 100 },
        """
        at 1000
        publish shop A:90 B:90 C:90 D:90
          > shop #1 accepted
        commit
        state
          > ready 4, unsettled 0, bytes 360, consumers 0, parked 0, in memory 0
        at 1099
        at 1100
          > to read from 2
        counters
          > enqueued 4, expired 1, dropped 1
        read
        counters
          > enqueued 4, expired 4, dropped 4
        """,
        new QueueLimits { MaxLoadedBytes = 160, MinLoadedBytes = 80, ReadAheadBytes = 40 });
}
