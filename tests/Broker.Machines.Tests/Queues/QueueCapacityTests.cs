using Broker.Machines.Queues;

namespace Broker.Machines.Tests.Queues;

public class QueueCapacityTests
{
    private static readonly QueueLimits TwentyBytes = new() { MaxBytes = 20 };

    [Fact]
    public void Full_queue_parks_batches_and_admits_them_in_order() => QueueScript.Play(TwentyBytes, """
        publish shop A:15 B:15
          > shop #1 accepted
        # one batch may overshoot the limit, no second one
        publish shop C:1
          > shop #2 parked
        publish bank D:1
          > bank #3 parked
        state
          > ready 2, unsettled 0, bytes 30, consumers 0, parked 2, full
        subscribe worker no-ack
        grant worker 1
          > shop #2 accepted
          > bank #3 accepted
          > worker gets 1:A
        peek 9
          > B C D
        """);

    [Fact]
    public void Number_of_messages_is_a_limit_too() => QueueScript.Play(new QueueLimits { MaxMessages = 2 }, """
        publish shop A:0 B:0
          > shop #1 accepted
        publish shop C:0
          > shop #2 parked
        subscribe worker
        grant worker 1
          > worker gets 1:A
        # held messages take room until they are settled
        ack worker 1
          > shop #2 accepted
        """);

    [Fact]
    public void Small_batch_does_not_overtake_a_parked_one() => QueueScript.Play(TwentyBytes, """
        publish shop A:20
          > shop #1 accepted
        publish shop B:20
          > shop #2 parked
        purge &
          > 1 dropped
        publish bank C:1
          > bank #3 parked
          > shop #2 accepted
        peek 9
          > B
        """);

    [Fact]
    public void Batch_larger_than_the_limit_gets_in_when_there_is_room() => QueueScript.Play(TwentyBytes, """
        publish shop A:1000
          > shop #1 accepted
        publish shop B:1000
          > shop #2 parked
        get guest no-ack
          > guest gets 1:A
          > shop #2 accepted
        """);

    [Fact]
    public void One_dispatch_carries_a_backlog_through_a_small_queue() => QueueScript.Play(TwentyBytes, """
        publish shop A:20
          > shop #1 accepted
        publish shop B:20
          > shop #2 parked
        publish shop C:20
          > shop #3 parked
        subscribe worker no-ack
        grant worker 9
          > shop #2 accepted
          > shop #3 accepted
          > worker gets 1:A 2:B 3:C
        """);

    [Fact]
    public void Requeue_makes_no_room() => QueueScript.Play(TwentyBytes, """
        subscribe worker
        grant worker 1
        publish shop A:20
          > shop #1 accepted
          > worker gets 1:A
        publish shop B:1
          > shop #2 parked
        requeue worker 1
        reject worker 1
          > refused, UnknownDeliveryTag
        state
          > ready 1, unsettled 0, bytes 20, consumers 1, parked 1, full
        """);

    [Fact]
    public void Parked_batches_of_a_publisher_that_is_gone_are_dropped() => QueueScript.Play(TwentyBytes, """
        publish shop A:20
          > shop #1 accepted
        publish shop B
          > shop #2 parked
        publish bank C
          > bank #3 parked
        publish shop D
          > shop #4 parked
        publish cafe E
          > cafe #5 parked
        publisher-gone shop
          > shop #2 dropped
          > shop #4 dropped
        # what it had delivered before stays
        peek 9
          > A
        purge
          > 1 dropped
          > bank #3 accepted
          > cafe #5 accepted
        peek 9
          > C E
        """);
}
