using Broker.Machines.Queues;

namespace Broker.Machines.Tests.Queues;

public class QueueLimitTests
{
    [Fact]
    public void The_oldest_ready_messages_go_when_there_are_too_many() => QueueScript.PlayBoth(new QueueSettings { MaxLength = 2 }, """
        publish shop A B C
          > shop #1 accepted
        peek 9
          > B C
        subscribe worker
        grant worker 1
          > worker gets 1:B
        publish shop D
          > shop #2 accepted
        publish shop E
          > shop #3 accepted
        counts
          > ready 2, unsettled 1, delayed 0, dead 0
        counters
          > enqueued 5, overflowed 2, dropped 2
        requeue worker 1
        peek 9
          > D E
        """);

    [Fact]
    public void Bytes_count_as_well() => QueueScript.PlayBoth(new QueueSettings { MaxLengthBytes = 25, MaxLength = 10, DeadLetters = true }, """
        publish shop A:10 B:10
          > shop #1 accepted
        publish shop C:10
          > shop #2 accepted
          > dead 1: A maxlen at 0
        publish shop D:26
          > shop #3 accepted
          > dead 2: B maxlen at 0
          > dead 3: C maxlen at 0
          > dead 4: D maxlen at 0
        counts
          > ready 0, unsettled 0, delayed 0, dead 4
        dead-lettered 1..4
        counts
          > ready 0, unsettled 0, delayed 0, dead 0
        """);

    [Fact]
    public void What_a_consumer_takes_at_once_was_never_too_much() => QueueScript.PlayBoth(new QueueSettings { MaxLength = 0 }, """
        subscribe worker
        grant worker 1
        publish shop A B
          > shop #1 accepted
          > worker gets 1:A
        counters
          > enqueued 2, overflowed 1, dropped 1
        """);

    [Fact]
    public void A_queue_that_refuses_takes_the_first_messages_of_a_batch() => QueueScript.PlayBoth(
        new QueueSettings { MaxLength = 2, Overflow = OverflowBehavior.RejectPublish }, """
        publish shop A
          > shop #1 accepted
        publish shop B C D
          > shop #2 accepted 1, others refused: ResourceExhausted, the queue is full and refuses what it has no room for: it has 2 of at most 2 ready message(s)
        publish shop E
          > shop #3 accepted 0, others refused: ResourceExhausted, the queue is full and refuses what it has no room for: it has 2 of at most 2 ready message(s)
        subscribe worker
        grant worker 3
          > worker gets 1:A 2:B
        publish shop F G H
          > shop #4 accepted
          > worker gets 3:F
        counters
          > enqueued 5, refused 3
        """);

    [Fact]
    public void A_queue_that_refuses_and_dead_letters_does_both() => QueueScript.PlayBoth(
        new QueueSettings { MaxLengthBytes = 20, Overflow = OverflowBehavior.RejectPublishDeadLetter, DeadLetters = true }, """
        publish shop A B C
          > shop #1 accepted 2, others refused: ResourceExhausted, the queue is full and refuses what it has no room for: it has 20 of at most 20 bytes
          > dead 1: C maxlen at 0
        counts
          > ready 2, unsettled 0, delayed 0, dead 1
        dead-lettered 1
        peek 9
          > A B
        """);

    /// <summary>A producer that does not hear of the refusal, for the node has gone down, sends again.</summary>
    [Fact]
    public void What_was_refused_and_dead_lettered_of_a_producer_with_a_name_is_not_dead_lettered_again() => QueueScript.PlayDurable(
        new QueueSettings { MaxLength = 1, Overflow = OverflowBehavior.RejectPublishDeadLetter, DeadLetters = true }, """
        publish shop A B @1
          > shop #1 accepted 1, others refused: ResourceExhausted, the queue is full and refuses what it has no room for: it has 1 of at most 1 ready message(s)
          > dead 1: B maxlen at 0
        publish shop A B @1
          > shop #2 accepted
        counts
          > ready 1, unsettled 0, delayed 0, dead 1
        """);

    [Fact]
    public void What_was_refused_of_a_producer_with_a_name_is_not_known_as_taken() => QueueScript.PlayDurable(
        new QueueSettings { MaxLength = 2, Overflow = OverflowBehavior.RejectPublish }, """
        publish shop A B C @1
          > shop #1 accepted 2, others refused: ResourceExhausted, the queue is full and refuses what it has no room for: it has 2 of at most 2 ready message(s)
        get worker no-ack
          > worker gets 1:A
        publish shop A B C @1
          > shop #2 accepted
        peek 3
          > B C
        """);

    [Fact]
    public void Absent_messages_at_the_front_go_unread_if_nobody_wants_their_bytes() => QueueScript.PlayDurable(new QueueSettings { MaxLength = 3 }, """
        publish shop A B C
          > shop #1 accepted
        commit
        restart
        publish shop D
          > shop #2 accepted
        state
          > ready 3, unsettled 0, bytes 30, consumers 0, parked 0, in memory 10
        """);

    [Theory]
    [InlineData("max-length=2 dead-letters", "maxlen at 0")]
    [InlineData("max-bytes=20 dead-letters", "maxlen at 0")]
    public void Absent_messages_at_the_front_are_read_to_be_dead_lettered(string limits, string reason) => QueueScript.PlayDurable(new QueueSettings(), $"""
        publish shop A B C
          > shop #1 accepted
        commit
        restart
        settings {limits}
          > to read from 1
        read
          > dead 1: A {reason}
        state
          > ready 2, unsettled 0, bytes 30, consumers 0, parked 0, in memory 20
        dead-lettered 1
        state
          > ready 2, unsettled 0, bytes 20, consumers 0, parked 0, in memory 20
        """);

    [Fact]
    public void A_limit_that_is_lowered_counts_at_once() => QueueScript.PlayBoth(new QueueSettings(), """
        publish shop A B C
          > shop #1 accepted
        settings max-length=1
        peek 9
          > C
        settings max-length=none
        publish shop D E
          > shop #2 accepted
        peek 9
          > C D E
        """);
}
