using Broker.Machines.Queues;

namespace Broker.Machines.Tests.Queues;

public class QueuePriorityTests
{
    [Fact]
    public void Higher_priorities_come_first_and_equals_in_order() => QueueScript.PlayBoth(new QueueSettings { MaxPriority = 9 }, """
        publish shop A B^5 C^9 D^5 E^200 F
          > shop #1 accepted
        peek 4
          > C E B D
        subscribe worker
        grant worker 6
          > worker gets 1:C 2:E 3:B 4:D 5:A 6:F
        requeue worker 5..6
        requeue worker 3
        peek 9
          > B*1 A*1 F*1
        """);

    [Fact]
    public void Without_priorities_they_do_not_count() => QueueScript.PlayBoth(new QueueSettings(), """
        publish shop A B^5 C^9
          > shop #1 accepted
        peek 9
          > A B C
        """);

    [Fact]
    public void A_restart_keeps_them() => QueueScript.PlayDurable(new QueueSettings { MaxPriority = 31 }, """
        publish shop A B^5 C^31
          > shop #1 accepted
        publish shop D^5 E^40
          > shop #2 accepted
        get worker
          > worker gets 1:C
        commit
        restart
        subscribe worker
        grant worker 9
          > to read from 3
        read
          > worker gets 1:C*1 2:E 3:B 4:D 5:A
        """);

    [Fact]
    public void The_message_that_would_go_first_is_the_head() => QueueScript.PlayBoth(new QueueSettings { MaxPriority = 5, MaxLength = 2, DeadLetters = true }, """
        publish shop A B^5
          > shop #1 accepted
        publish shop C
          > shop #2 accepted
          > dead 1: B maxlen at 0
        """);

    [Fact]
    public void Messages_expire_at_the_head_of_each_priority() => QueueScript.PlayBoth(new QueueSettings { MaxPriority = 5, MessageTtl = 100 }, """
        publish shop A B^5
          > shop #1 accepted
        at 50
        publish shop C^5 D
          > shop #2 accepted
        at 100
        peek 9
          > C D
        deadline
          > 150
        """);

    [Fact]
    public void One_that_comes_late_goes_before_those_on_disk() => QueueScript.PlayDurable(new QueueSettings { MaxPriority = 5 }, """
        publish shop A B
          > shop #1 accepted
        commit
        restart
        publish shop C^1
          > shop #2 accepted
        subscribe worker
        grant worker 2
          > worker gets 1:C
          > to read from 1
        read
          > worker gets 2:A
        """);
}
