namespace Broker.Machines.Tests.Queues;

public class QueueOrderTests
{
    [Fact]
    public void Messages_leave_in_the_order_in_which_they_came() => QueueScript.Play("""
        subscribe worker
        publish shop A B
          > shop #1 accepted
        publish bank C
          > bank #2 accepted
        publish shop D
          > shop #3 accepted
        grant worker 10
          > worker gets 1:A 2:B 3:C 4:D
        """);

    [Fact]
    public void Requeued_message_takes_its_old_place() => QueueScript.Play("""
        publish shop A B C D E
          > shop #1 accepted
        subscribe worker
        grant worker 3
          > worker gets 1:A 2:B 3:C
        requeue worker 3
        requeue worker 1
        peek 10
          > A*1 C*1 D E
        grant worker 10
          > worker gets 4:A*1 5:C*1 6:D 7:E
        """);

    [Fact]
    public void Messages_that_return_in_any_order_are_handed_out_in_order() => QueueScript.Play("""
        publish shop A B C D
          > shop #1 accepted
        subscribe worker
        grant worker 4
          > worker gets 1:A 2:B 3:C 4:D
        requeue worker 4
        requeue worker 2
        requeue worker 1
        requeue worker 3
        peek 2
          > A*1 B*1
        grant worker 4
          > worker gets 5:A*1 6:B*1 7:C*1 8:D*1
        """);

    [Fact]
    public void Requeue_counts_each_delivery() => QueueScript.Play("""
        publish shop A
          > shop #1 accepted
        subscribe worker
        grant worker 3
          > worker gets 1:A
        requeue worker 1
          > worker gets 2:A*1
        requeue worker 2
          > worker gets 3:A*2
        """);

    [Fact]
    public void Peek_takes_nothing() => QueueScript.Play("""
        publish shop A B C
          > shop #1 accepted
        peek 2
          > A B
        peek 9
          > A B C
        peek 0
          > empty
        state
          > ready 3, unsettled 0, bytes 30, consumers 0, parked 0
        """);

    [Fact]
    public void Empty_batch_is_accepted() => QueueScript.Play("""
        publish shop
          > shop #1 accepted
        state
          > ready 0, unsettled 0, bytes 0, consumers 0, parked 0
        """);
}
