namespace Broker.Machines.Tests.Queues;

public class QueueCreditTests
{
    [Fact]
    public void Consumer_without_credit_gets_nothing() => QueueScript.Play("""
        subscribe worker
        publish shop A
          > shop #1 accepted
        grant worker 1
          > worker gets 1:A
        publish shop B
          > shop #2 accepted
        """);

    [Fact]
    public void Credit_granted_before_messages_come_is_kept() => QueueScript.Play("""
        subscribe worker
        grant worker 2
        publish shop A
          > shop #1 accepted
          > worker gets 1:A
        publish shop B C
          > shop #2 accepted
          > worker gets 2:B
        """);

    [Fact]
    public void Grants_add_up() => QueueScript.Play("""
        subscribe worker
        grant worker 1 5 &
        grant worker 1 5
        publish shop A:5 B:5 C:5
          > shop #1 accepted
          > worker gets 1:A 2:B
        """);

    [Fact]
    public void Settling_gives_no_credit_back() => QueueScript.Play("""
        subscribe worker
        grant worker 1
        publish shop A B
          > shop #1 accepted
          > worker gets 1:A
        ack worker 1
        """);

    [Fact]
    public void Bytes_run_out_before_messages() => QueueScript.Play("""
        subscribe worker
        grant worker 100 20
        publish shop A:10 B:10 C:10
          > shop #1 accepted
          > worker gets 1:A 2:B
        """);

    [Fact]
    public void Message_larger_than_the_byte_credit_goes_once_and_is_paid_back() => QueueScript.Play("""
        subscribe worker
        grant worker 100 1
        publish shop A:50 B:10
          > shop #1 accepted
          > worker gets 1:A
        grant worker 0 49
        # 49 bytes below zero is now exactly zero, which is no credit
        grant worker 0 1
          > worker gets 2:B
        """);

    [Fact]
    public void Byte_credit_without_message_credit_is_none() => QueueScript.Play("""
        subscribe worker
        grant worker 0 1000
        publish shop A
          > shop #1 accepted
        grant worker 1 0
          > worker gets 1:A
        """);

    [Fact]
    public void Consumers_with_credit_take_turns() => QueueScript.Play("""
        subscribe ann
        subscribe bob
        subscribe cid
        grant ann 3
        grant bob 1
        grant cid 2
        publish shop A B C D E F G
          > shop #1 accepted
          > ann gets 1:A 2:D 3:F
          > bob gets 1:B
          > cid gets 1:C 2:E
        """);

    [Fact]
    public void Consumer_whose_credit_comes_back_joins_at_the_end() => QueueScript.Play("""
        subscribe ann
        subscribe bob
        grant ann 1
        grant bob 2
        publish shop A
          > shop #1 accepted
          > ann gets 1:A
        grant ann 5
        publish shop B C D E
          > shop #2 accepted
          > bob gets 1:B 2:D
          > ann gets 2:C 3:E
        """);

    [Fact]
    public void Granting_often_wins_no_extra_turn() => QueueScript.Play("""
        subscribe ann
        subscribe bob
        grant ann 1 &
        grant ann 1 &
        grant ann 1 &
        grant bob 3
        publish shop A B C D
          > shop #1 accepted
          > ann gets 1:A 2:C
          > bob gets 1:B 2:D
        """);

    [Fact]
    public void Grant_for_a_stranger_is_ignored() => QueueScript.Play("""
        grant nobody 5
        publish shop A
          > shop #1 accepted
        """);
}
