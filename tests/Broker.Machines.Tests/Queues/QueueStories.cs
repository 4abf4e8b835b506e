using Broker.Machines.Queues;

namespace Broker.Machines.Tests.Queues;

/// <summary>Longer scenes, to be read as what may happen on a day.</summary>
public class QueueStories
{
    [Fact]
    public void A_worker_dies_in_the_middle_of_its_work() => QueueScript.Play("""
        # two workers share the orders
        subscribe ann
        subscribe bob
        grant ann 4
        grant bob 4
        publish shop o1 o2 o3 o4 o5 o6
          > shop #1 accepted
          > ann gets 1:o1 2:o3 3:o5
          > bob gets 1:o2 2:o4 3:o6

        # ann finishes one order, and her connection breaks; bob has room for one more
        ack ann 1
        consumer-gone ann
          > bob gets 4:o3*1

        # new orders queue up behind the one that ann left
        publish shop o7
          > shop #2 accepted
        peek 9
          > o5*1 o7

        # bob is done; ann comes back as a new consumer
        ack bob 1..4
        subscribe ann2
        grant ann2 10
          > ann2 gets 1:o5*1 2:o7
        ack ann2 1..2
        state
          > ready 0, unsettled 0, bytes 0, consumers 2, parked 0
        """);

    [Fact]
    public void A_slow_consumer_holds_back_the_publishers_and_loses_nothing() => QueueScript.Play(new QueueLimits { MaxBytes = 100 }, """
        subscribe slow
        grant slow 2
        publish shop a:40 b:40 c:40
          > shop #1 accepted
          > slow gets 1:a 2:b
        publish shop d:40
          > shop #2 parked
        publish bank e:40
          > bank #3 parked

        # one message less leaves 80 of 100 bytes: there is room for exactly one batch
        ack slow 1
          > shop #2 accepted
        state
          > ready 2, unsettled 1, bytes 120, consumers 1, parked 1, full

        # the bank gives up before its turn, so its message never was in the queue
        publisher-gone bank
          > bank #3 dropped
        grant slow 9
          > slow gets 3:c 4:d
        ack slow 2..4
        state
          > ready 0, unsettled 0, bytes 0, consumers 1, parked 0
        """);

    [Fact]
    public void A_poisonous_message_wanders_until_somebody_rejects_it() => QueueScript.Play("""
        publish shop poison good
          > shop #1 accepted
        subscribe ann
        grant ann 1
          > ann gets 1:poison
        consumer-gone ann
        subscribe bob
        grant bob 1
          > bob gets 1:poison*1
        requeue bob 1
        grant bob 1
          > bob gets 2:poison*2
        reject bob 2
        grant bob 1
          > bob gets 3:good
        """);

    [Fact]
    public void A_queue_is_taken_down_under_load() => QueueScript.Play(new QueueLimits { MaxMessages = 3 }, """
        subscribe ann
        grant ann 1
        publish shop a b c
          > shop #1 accepted
          > ann gets 1:a
        publish shop d
          > shop #2 parked
        delete if-unused
          > refused, PreconditionFailed
        delete
          > ann closed
          > shop #2 dropped

        # both were still on their way when the queue ended
        publish shop e
          > shop #3 dropped
        ack ann 1
        """);
}
