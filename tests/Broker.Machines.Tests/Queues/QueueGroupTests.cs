using Broker.Machines.Queues;

namespace Broker.Machines.Tests.Queues;

public class QueueGroupTests
{
    private static readonly QueueSettings Groups = new() { MessageGroups = true };

    [Fact]
    public void All_of_a_group_go_to_one_consumer_until_it_has_settled_them() => QueueScript.PlayBoth(Groups, """
        subscribe one
        subscribe two
        grant one 1
        publish shop A~x B~x C~y D E~x
          > shop #1 accepted
          > one gets 1:A
        grant two 9
          > two gets 1:C 2:D
        counts
          > ready 2, unsettled 3, delayed 0, dead 0
        peek 9
          > B E
        grant one 1
          > one gets 2:B
        ack one 1
        ack one 2
          > two gets 3:E
        """);

    [Fact]
    public void A_message_that_comes_back_goes_before_the_later_ones_of_its_group() => QueueScript.PlayBoth(Groups, """
        subscribe one
        subscribe two
        grant one 3
        publish shop A~x B~x C~x D~x
          > shop #1 accepted
          > one gets 1:A 2:B 3:C
        grant two 9
        requeue one 2
        grant one 9
        counts
          > ready 2, unsettled 2, delayed 0, dead 0
        ack one 1
        counts
          > ready 2, unsettled 1, delayed 0, dead 0
        requeue one 3
          > two gets 1:B*1 2:C*1 3:D
        """);

    [Fact]
    public void What_a_consumer_that_goes_has_held_goes_to_another_in_order() => QueueScript.PlayBoth(Groups, """
        subscribe one
        subscribe two
        grant one 2
        publish shop A~x B~x C~x
          > shop #1 accepted
          > one gets 1:A 2:B
        grant two 9
        consumer-gone one
          > two gets 1:A*1 2:B*1 3:C
        """);

    [Fact]
    public void Later_ones_wait_for_one_that_pauses() => QueueScript.PlayBoth(new QueueSettings { MessageGroups = true, RetryBackoff = RetryBackoff.Linear, RetryDelay = 100 }, """
        subscribe one
        subscribe two
        grant one 1
        publish shop A~x B~x C
          > shop #1 accepted
          > one gets 1:A
        grant two 9
          > two gets 1:C
        requeue one 1
        counts
          > ready 1, unsettled 1, delayed 1, dead 0
        at 100
          > two gets 2:A*1 3:B
        """);

    [Fact]
    public void They_wait_after_a_restart_as_well() => QueueScript.PlayDurable(new QueueSettings { MessageGroups = true, RetryBackoff = RetryBackoff.Linear, RetryDelay = 100 }, """
        subscribe one
        grant one 1
        publish shop A~x B~x C
          > shop #1 accepted
          > one gets 1:A
        requeue one 1
        commit
        restart
        subscribe two
        grant two 9
          > to read from 2
        read
          > two gets 1:C
        counts
          > ready 1, unsettled 1, delayed 1, dead 0
        at 100
          > to read from 1
        read
          > two gets 2:A*1 3:B
        """);

    [Fact]
    public void One_that_dies_lets_the_others_go_on() => QueueScript.PlayBoth(new QueueSettings { MessageGroups = true, DeliveryLimit = 0, DeadLetters = true }, """
        subscribe one
        grant one 9
        publish shop A~x B~x
          > shop #1 accepted
          > one gets 1:A 2:B
        publish shop C~x
          > shop #2 accepted
          > one gets 3:C
        requeue one 1
          > dead 1: A*1 delivery_limit at 0
        reject one 2..3
          > dead 2: B*1 rejected at 0
          > dead 3: C*1 rejected at 0
        """);

    [Fact]
    public void Get_gets_what_it_may_have() => QueueScript.PlayBoth(Groups, """
        publish shop A~x B~x C
          > shop #1 accepted
        get one
          > one gets 1:A
        get two
          > two gets 1:C
        get two
          > empty
        get one
          > one gets 2:B
        """);

    [Fact]
    public void Limits_and_times_count_for_those_that_were_passed_over() => QueueScript.PlayBoth(new QueueSettings { MessageGroups = true, MessageTtl = 100, MaxLength = 2 }, """
        subscribe one
        subscribe two
        grant one 1
        publish shop A~x
          > shop #1 accepted
          > one gets 1:A
        grant two 9
        at 10
        publish shop B~x C~x
          > shop #2 accepted
        at 20
        publish shop D~x
          > shop #3 accepted
        peek 9
          > C D
        deadline
          > 110
        at 110
        peek 9
          > D
        purge
          > 1 dropped
        ack one 1
        counts
          > ready 0, unsettled 0, delayed 0, dead 0
        """);

    [Fact]
    public void With_priorities_the_order_within_a_group_is_that_of_the_queue() => QueueScript.PlayBoth(new QueueSettings { MessageGroups = true, MaxPriority = 9 }, """
        subscribe one
        subscribe two
        grant one 1
        publish shop A~x B~x C^5~x D
          > shop #1 accepted
          > one gets 1:C
        grant two 9
          > two gets 1:D
        publish shop E^9~x
          > shop #2 accepted
        ack one 1
          > two gets 2:E 3:A 4:B
        """);

    [Fact]
    public void Large_messages_that_are_passed_over_are_not_read_again_and_again() => QueueScript.PlayDurable(
        Groups,
        """
        subscribe one
        subscribe two
        grant one 1
        publish shop A~x B~x C~x D~y
          > shop #1 accepted
          > one gets 1:A
        commit
        grant two 9
          > to read from 2
        read
          > two gets 1:D
        counts
          > ready 2, unsettled 2, delayed 0, dead 0
        grant one 1
          > to read from 2
        read
          > one gets 2:B
        ack one 1..2
          > to read from 3
        read
          > two gets 2:C
        """,
        new QueueLimits { MaxLoadedBytes = 12, MinLoadedBytes = 12, ReadAheadBytes = 4 });

    [Fact]
    public void No_more_are_passed_over_than_may_be() => QueueScript.PlayDurable(
        Groups,
        """
        subscribe one
        subscribe two
        grant one 1
        publish shop A~x B~x C~x D~x E~y
          > shop #1 accepted
          > one gets 1:A
        grant two 9
        grant one 1
          > one gets 2:B
          > two gets 1:E
        """,
        new QueueLimits { MaxLoadedMessages = 5 });
}
