using Broker.Machines.Queues;
using Broker.Machines.Tests.Messages;
using Broker.Protocol;

namespace Broker.Machines.Tests.Queues;

public class QueueSubscriptionTests
{
    [Fact]
    public void Exclusive_consumer_is_the_only_one() => QueueScript.Play("""
        subscribe ann exclusive
        subscribe bob
          > refused, ResourceLocked
        subscribe cid exclusive
          > refused, ResourceLocked
        state
          > ready 0, unsettled 0, bytes 0, consumers 1, parked 0
        """);

    [Fact]
    public void Exclusive_consumer_is_refused_beside_others() => QueueScript.Play("""
        subscribe ann
        subscribe bob exclusive
          > refused, ResourceLocked
        cancel ann
        subscribe bob exclusive
        """);

    [Fact]
    public void Exclusive_consumer_that_cancelled_makes_room() => QueueScript.Play("""
        subscribe ann exclusive
        cancel ann
        subscribe bob
        """);

    [Fact]
    public void Exclusive_consumer_that_is_gone_makes_room() => QueueScript.Play("""
        subscribe ann exclusive
        consumer-gone ann
        subscribe bob exclusive
        """);

    [Fact]
    public void Deliveries_without_acknowledgement_are_settled_as_they_leave() => QueueScript.Play("""
        subscribe worker no-ack
        grant worker 5
        publish shop A B
          > shop #1 accepted
          > worker gets 1:A 2:B
        state
          > ready 0, unsettled 0, bytes 0, consumers 1, parked 0
        ack worker 1
          > refused, UnknownDeliveryTag
        consumer-gone worker
        state
          > ready 0, unsettled 0, bytes 0, consumers 0, parked 0
        """);

    [Fact]
    public void Consumer_that_cancelled_gets_no_more_but_settles_what_it_has() => QueueScript.Play("""
        subscribe worker
        grant worker 3
        publish shop A B
          > shop #1 accepted
          > worker gets 1:A 2:B
        cancel worker
        publish shop C
          > shop #2 accepted
        ack worker 1
        requeue worker 2
        state
          > ready 2, unsettled 0, bytes 20, consumers 0, parked 0
        peek 2
          > B*1 C
        """);

    [Fact]
    public void Cancelled_before_dispatch_gets_nothing() => QueueScript.Play("""
        subscribe worker
        grant worker 3
        publish shop A &
        cancel worker
          > shop #1 accepted
        """);

    [Fact]
    public void Grant_after_cancel_changes_nothing() => QueueScript.Play("""
        subscribe worker
        cancel worker
        cancel worker
        grant worker 3
        publish shop A
          > shop #1 accepted
        state
          > ready 1, unsettled 0, bytes 10, consumers 0, parked 0
        """);

    [Fact]
    public void What_a_consumer_held_goes_to_the_others_in_order_when_it_is_gone() => QueueScript.Play("""
        subscribe ann
        subscribe bob
        grant ann 2
        publish shop A B C
          > shop #1 accepted
          > ann gets 1:A 2:B
        grant bob 9
          > bob gets 1:C
        publish shop D &
        consumer-gone ann
          > shop #2 accepted
          > bob gets 2:A*1 3:B*1 4:D
        """);

    [Fact]
    public void Consumer_that_cancelled_first_gives_back_what_it_holds_when_it_is_gone() => QueueScript.Play("""
        subscribe ann
        grant ann 1
        publish shop A
          > shop #1 accepted
          > ann gets 1:A
        cancel ann
        consumer-gone ann
        consumer-gone ann
        state
          > ready 1, unsettled 0, bytes 10, consumers 0, parked 0
        peek 1
          > A*1
        """);

    [Fact]
    public void Get_takes_the_first_message_whatever_the_credit() => QueueScript.Play("""
        get guest
          > empty
        publish shop A B
          > shop #1 accepted
        get guest
          > guest gets 1:A
        get guest
          > guest gets 2:B
        get guest
          > empty
        requeue guest 1
        ack guest 2
        get guest
          > guest gets 3:A*1
        consumer-gone guest
        peek 1
          > A*2
        """);

    [Fact]
    public void Get_without_acknowledgement_is_settled_at_once() => QueueScript.Play("""
        publish shop A B
          > shop #1 accepted
        get guest no-ack
          > guest gets 1:A
        get guest
          > guest gets 2:B
        ack guest 1
          > refused, UnknownDeliveryTag
        ack guest 2
        state
          > ready 0, unsettled 0, bytes 0, consumers 0, parked 0
        """);

    [Fact]
    public void Get_is_no_subscription() => QueueScript.Play("""
        publish shop A B
          > shop #1 accepted
        get guest
          > guest gets 1:A
        grant guest 5
        subscribe worker exclusive
        grant worker 5
          > worker gets 1:B
        """);

    [Fact]
    public void Each_consumer_counts_its_own_tags() => QueueScript.Play("""
        subscribe ann
        subscribe bob
        grant ann 2
        grant bob 2
        publish shop A B C D
          > shop #1 accepted
          > ann gets 1:A 2:C
          > bob gets 1:B 2:D
        ack ann 1
        requeue bob 1..2
        peek 5
          > B*1 D*1
        """);

    [Fact]
    public void Second_subscription_of_the_same_consumer_is_refused()
    {
        var machine = new QueueMachine(new QueueLimits());
        Assert.Null(machine.HandleSubscribe(new ConsumerId(1), exclusive: false, noAck: false));
        Assert.Equal(ErrorCode.ProtocolViolation, machine.HandleSubscribe(new ConsumerId(1), exclusive: false, noAck: false)?.Code);

        machine.HandleCancel(new ConsumerId(1));
        Assert.Equal(ErrorCode.ProtocolViolation, machine.HandleSubscribe(new ConsumerId(1), exclusive: false, noAck: true)?.Code);
        Assert.Equal(0, machine.ConsumerCount);

        machine.HandleConsumerGone(new ConsumerId(1));
        Assert.Null(machine.HandleSubscribe(new ConsumerId(1), exclusive: false, noAck: false));
        machine.HandleEnqueue(new PublisherId(2), 1, new[] { TestMessages.Named("A") });
        Assert.Equal(1, machine.ReadyCount);
    }
}
