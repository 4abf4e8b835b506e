using Broker.Machines.Queues;

namespace Broker.Machines.Tests.Queues;

public class QueueConsumerOrderTests
{
    [Fact]
    public void Those_with_a_higher_priority_come_first_while_they_have_credit() => QueueScript.PlayBoth(new QueueSettings(), """
        subscribe low priority=-3
        subscribe high priority=7
        subscribe equal priority=7
        subscribe usual
        grant low 9
        grant usual 1
        grant high 2
        grant equal 1
        publish shop A B C D E
          > shop #1 accepted
          > high gets 1:A 2:C
          > equal gets 1:B
          > usual gets 1:D
          > low gets 1:E
        """);

    [Fact]
    public void Only_the_active_consumer_gets_messages() => QueueScript.PlayBoth(new QueueSettings { SingleActiveConsumer = true }, """
        subscribe first
        grant first 2
        subscribe second
        grant second 9
        subscribe third priority=5
        grant third 1
        publish shop A B C
          > shop #1 accepted
          > first gets 1:A 2:B
        grant first 1
          > first gets 3:C
        publish shop D E F
          > shop #2 accepted
        cancel first
          > third gets 1:D
        requeue first 1
        consumer-gone third
          > second gets 1:A*1 2:D*1 3:E 4:F
        ack first 2..3
        subscribe fourth priority=9
        grant fourth 9
        publish shop G
          > shop #3 accepted
          > second gets 5:G
        consumer-gone second
          > fourth gets 1:A*2 2:D*2 3:E*1 4:F*1 5:G*1
        """);

    [Fact]
    public void A_consumer_that_takes_no_message_of_that_size_makes_room_for_the_next() => QueueScript.PlayBoth(new QueueSettings { SingleActiveConsumer = true }, """
        subscribe first max=20
        grant first 9
        subscribe second
        grant second 9
        publish shop A:30
          > shop #1 accepted
          > first ends: MessageTooLarge, the next message has 30 bytes; this client takes 20, as it said in HELLO
          > second gets 1:A
        """);

    [Fact]
    public void A_consumer_that_holds_a_message_for_too_long_ends() => QueueScript.PlayBoth(new QueueSettings { ConsumerTimeout = 1000 }, """
        at 5000
        subscribe slow
        grant slow 9
        publish shop A B
          > shop #1 accepted
          > slow gets 1:A 2:B
        at 5500
        publish shop C
          > shop #2 accepted
          > slow gets 3:C
        ack slow 1
        at 5700
        ack slow 2
        deadline
          > 6000
        at 6000
        deadline
          > 6500
        subscribe other
        grant other 9
        at 6499
        at 6500
          > slow ends: PreconditionFailed, a message was held unsettled for 1000 ms, and the queue allows 1000 ms; settle sooner, ask for less at a time, or raise x-consumer-timeout
          > other gets 1:C*1
        ack slow 3
        counts
          > ready 0, unsettled 1, delayed 0, dead 0
        consumer-gone slow
        counts
          > ready 0, unsettled 1, delayed 0, dead 0
        """);

    [Fact]
    public void How_long_is_too_long_does_not_depend_on_the_wall_clock() => QueueScript.PlayBoth(new QueueSettings { ConsumerTimeout = 1000 }, """
        at 5000
        subscribe slow
        grant slow 9
        publish shop A
          > shop #1 accepted
          > slow gets 1:A
        wall-clock +9000
        deadline
          > 6000
        wall-clock -20000
        at 5999
        deadline
          > 6000
        at 6000
          > slow ends: PreconditionFailed, a message was held unsettled for 1000 ms, and the queue allows 1000 ms; settle sooner, ask for less at a time, or raise x-consumer-timeout
        """);

    [Fact]
    public void One_that_has_cancelled_gives_its_messages_back_without_a_word() => QueueScript.PlayBoth(new QueueSettings { ConsumerTimeout = 1000 }, """
        subscribe slow
        grant slow 9
        publish shop A
          > shop #1 accepted
          > slow gets 1:A
        cancel slow
        at 1000
        counts
          > ready 1, unsettled 0, delayed 0, dead 0
        ack slow 1
        get other
          > other gets 1:A*1
        at 9000
        counts
          > ready 0, unsettled 1, delayed 0, dead 0
        """);

    [Fact]
    public void A_timeout_that_is_set_later_counts_from_the_delivery() => QueueScript.PlayBoth(new QueueSettings(), """
        subscribe slow
        grant slow 9
        publish shop A
          > shop #1 accepted
          > slow gets 1:A
        deadline
          > none
        at 700
        settings timeout=1000
        deadline
          > 1000
        settings timeout=600
          > slow ends: PreconditionFailed, a message was held unsettled for 700 ms, and the queue allows 600 ms; settle sooner, ask for less at a time, or raise x-consumer-timeout
        """);

    [Fact]
    public void A_queue_that_nobody_uses_is_not_wanted_any_more() => QueueScript.PlayBoth(new QueueSettings { Expires = 1000 }, """
        deadline
          > 1000
        at 900
        used
        at 1800
        get worker
          > empty
        deadline
          > 2800
        at 2000
        subscribe worker
        deadline
          > none
        at 9000
        consumer-gone worker
        deadline
          > 10000
        at 10000
          > unused: nobody has used it for 1000 ms
        deadline
          > none
        at 20000
        used
        wall-clock +5000
        wall-clock -9000
        at 20999
        at 21000
          > unused: nobody has used it for 1000 ms
        """);

    [Fact]
    public void A_queue_that_goes_with_its_last_consumer_is_not_wanted_after_it() => QueueScript.PlayBoth(new QueueSettings { AutoDelete = true }, """
        publish shop A
          > shop #1 accepted
        subscribe one
        subscribe two
        cancel one
        get three
          > three gets 1:A
        consumer-gone two
          > unused: its last consumer has gone
        get three
          > empty
        subscribe four
        cancel four &
        subscribe five
        cancel five
          > unused: its last consumer has gone
        """);

    [Fact]
    public void A_paused_queue_hands_out_nothing_and_takes_what_comes() => QueueScript.PlayBoth(new QueueSettings { MessageTtl = 100 }, """
        subscribe worker
        grant worker 9
        pause
        publish shop A
          > shop #1 accepted
        get other
          > empty
        at 50
        publish shop B
          > shop #2 accepted
        at 100
        resume
          > worker gets 1:B
        pause
        resume
        """);

    [Fact]
    public void It_is_paused_after_a_restart_as_well() => QueueScript.PlayDurable(new QueueSettings(), """
        publish shop A
          > shop #1 accepted
        pause
        commit
        restart
        subscribe worker
        grant worker 9
        resume
          > to read from 1
        read
          > worker gets 1:A
        restart
        subscribe worker
        grant worker 9
          > to read from 1
        """);
}
