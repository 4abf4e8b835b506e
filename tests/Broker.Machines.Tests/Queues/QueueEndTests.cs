using Broker.Machines.Queues;

namespace Broker.Machines.Tests.Queues;

public class QueueEndTests
{
    [Fact]
    public void Purge_spares_what_consumers_hold() => QueueScript.Play("""
        subscribe worker
        grant worker 2
        publish shop A B C D
          > shop #1 accepted
          > worker gets 1:A 2:B
        requeue worker 1
        purge
          > 3 dropped
        state
          > ready 0, unsettled 1, bytes 10, consumers 1, parked 0
        requeue worker 2
        publish shop E
          > shop #2 accepted
        peek 9
          > B*1 E
        """);

    [Fact]
    public void Delete_closes_consumers_and_drops_what_is_parked() => QueueScript.Play(new QueueLimits { MaxMessages = 2 }, """
        subscribe ann
        grant ann 1
        publish shop A B
          > shop #1 accepted
          > ann gets 1:A
        publish shop C
          > shop #2 parked
        delete
          > ann closed
          > shop #2 dropped
        state
          > ready 0, unsettled 0, bytes 0, consumers 0, parked 0
        """);

    [Fact]
    public void After_delete_nothing_is_taken_in_or_handed_out() => QueueScript.Play("""
        subscribe ann
        grant ann 9
        delete
          > ann closed
        publish shop A
          > shop #1 dropped
        subscribe bob
          > refused, NotFound
        grant ann 1
        get bob
          > empty
        purge
          > 0 dropped
        peek 1
          > empty
        delete
        """);

    [Fact]
    public void Settling_after_delete_is_no_fault() => QueueScript.Play("""
        subscribe ann
        grant ann 9
        publish shop A
          > shop #1 accepted
          > ann gets 1:A
        delete
          > ann closed
        requeue ann 1
        cancel ann
        consumer-gone ann
        state
          > ready 0, unsettled 0, bytes 0, consumers 0, parked 0
        """);

    [Fact]
    public void Delete_if_unused_is_refused_while_there_are_consumers() => QueueScript.Play("""
        subscribe ann
        delete if-unused
          > refused, PreconditionFailed
        cancel ann
        delete if-unused
          > ann closed
        """);

    [Fact]
    public void Delete_if_empty_is_refused_while_there_are_messages() => QueueScript.Play("""
        publish shop A
          > shop #1 accepted
        delete if-empty
          > refused, PreconditionFailed
        get guest
          > guest gets 1:A
        delete if-empty
          > refused, PreconditionFailed
        ack guest 1
        delete if-empty
          > guest closed
        """);

    [Fact]
    public void Delete_with_both_conditions_needs_both() => QueueScript.Play("""
        subscribe ann
        delete if-unused if-empty
          > refused, PreconditionFailed
        consumer-gone ann
        publish shop A
          > shop #1 accepted
        delete if-unused if-empty
          > refused, PreconditionFailed
        purge
          > 1 dropped
        delete if-unused if-empty
        """);
}
