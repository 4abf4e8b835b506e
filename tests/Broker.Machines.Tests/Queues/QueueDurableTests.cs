using Broker.Machines.Queues;

namespace Broker.Machines.Tests.Queues;

/// <summary>Queues whose messages are on disk: what waits for it, and what is still known after a restart.</summary>
public class QueueDurableTests
{
    [Fact]
    public void Publishers_wait_while_too_much_is_on_its_way_to_the_disk() => QueueScript.PlayDurable(new QueueLimits { MaxUncertainBytes = 20 }, """
        publish shop A:15
          > shop #1 accepted
        publish shop B:15
          > shop #2 accepted
        publish shop C:15
          > shop #3 parked: waits for the disk
        state
          > ready 2, unsettled 0, bytes 30, consumers 0, parked 1, full, in memory 30
        commit
          > shop #3 accepted
        """);

    [Fact]
    public void Only_as_many_are_let_in_again_as_fit() => QueueScript.PlayDurable(new QueueLimits { MaxUncertainBytes = 20 }, """
        publish shop A:20
          > shop #1 accepted
        publish shop B:15
          > shop #2 parked: waits for the disk
        publish bank C:15
          > bank #3 parked: waits for the disk
        publish shop D:15
          > shop #4 parked: waits for the disk
        commit
          > shop #2 accepted
          > bank #3 accepted
        commit
          > shop #4 accepted
        """);

    [Fact]
    public void What_comes_at_once_is_counted_before_it_is_logged() => QueueScript.PlayDurable(new QueueLimits { MaxUncertainBytes = 20 }, """
        publish shop A:15 &
        publish shop B:15 &
        publish shop C:15
          > shop #1 accepted
          > shop #2 accepted
          > shop #3 parked: waits for the disk
        """);

    [Fact]
    public void Number_and_bytes_of_messages_are_no_limit() => QueueScript.PlayDurable(new QueueLimits { MaxBytes = 5, MaxMessages = 1 }, """
        publish shop A B
          > shop #1 accepted
        publish shop C
          > shop #2 accepted
        """);

    [Fact]
    public void Publishers_wait_while_the_node_has_no_room() => QueueScript.PlayDurable(new QueueLimits(), """
        block waits for disk space
        publish shop A
          > shop #1 parked: waits for disk space
        subscribe worker
        grant worker 5
        unblock
          > shop #1 accepted
          > worker gets 1:A
        block waits for disk space
        # consumers are served all the same
        requeue worker 1
          > worker gets 2:A*1
        ack worker 2
        """);

    [Fact]
    public void Consumers_hold_so_many_unsettled_and_no_more() => QueueScript.PlayDurable(new QueueLimits { MaxUnsettledMessages = 2 }, """
        publish shop A B C D
          > shop #1 accepted
        subscribe ann
        subscribe bob
        grant ann 9
          > ann gets 1:A 2:B
        grant bob 9
        ack ann 1
          > ann gets 3:C
        consumer-gone ann
          > bob gets 1:B*1 2:C*1
        reject bob 1..2
          > bob gets 3:D
        """);

    [Fact]
    public void Messages_that_a_producer_sends_again_are_taken_once() => QueueScript.PlayDurable(new QueueLimits(), """
        publish shop A B @1
          > shop #1 accepted
        # the connection broke before the confirm came: the producer repeats it all, with more
        publish shop A B C D @1
          > shop #2 accepted
        publish shop C D @3
          > shop #3 accepted
        # another one counts for itself, and one without a name is never a repeat
        publish bank A @1
          > bank #4 accepted
        publish cafe A
          > cafe #5 accepted
        peek 9
          > A B C D A A
        state
          > ready 6, unsettled 0, bytes 60, consumers 0, parked 0, in memory 60
        """);

    [Fact]
    public void Messages_that_a_producer_sends_again_are_known_after_a_restart() => QueueScript.PlayDurable(new QueueLimits(), """
        publish shop A B C @7
          > shop #1 accepted
        get guest
          > guest gets 1:A
        ack guest 1
        restart
        commit
        publish shop A B C D @7
          > shop #2 accepted
        subscribe worker
        grant worker 9
          > to read from 2
        read
          > worker gets 1:B 2:C 3:D
        """);

    [Fact]
    public void A_repeated_batch_that_waits_is_compared_when_it_is_let_in() => QueueScript.PlayDurable(new QueueLimits { MaxUncertainBytes = 20 }, """
        publish shop A:20 @1
          > shop #1 accepted
        publish shop B @2
          > shop #2 parked: waits for the disk
        publish shop2 X
          > shop2 #3 parked: waits for the disk
        publish shop A:20 B C @1
          > shop #4 parked: waits for the disk
        commit
          > shop #2 accepted
          > shop2 #3 accepted
        commit
          > shop #4 accepted
        peek 9
          > A B X C
        """);

    [Fact]
    public void After_a_restart_everything_comes_in_order_and_what_was_handed_out_is_marked() => QueueScript.PlayDurable(new QueueLimits(), """
        publish shop A B C D E
          > shop #1 accepted
        subscribe worker
        grant worker 3
          > worker gets 1:A 2:B 3:C
        requeue worker 2
        ack worker 1
        commit
        restart
        state
          > ready 4, unsettled 0, bytes 40, consumers 0, parked 0, in memory 0
        subscribe worker
        grant worker 9
          > to read from 2
        read
          > worker gets 1:B*1 2:C*1 3:D 4:E
        """);
}
