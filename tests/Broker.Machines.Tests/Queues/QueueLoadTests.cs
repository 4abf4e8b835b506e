using Broker.Machines.Queues;

namespace Broker.Machines.Tests.Queues;

/// <summary>Queues whose messages are on disk: which of them are in memory, and how others get there.</summary>
public class QueueLoadTests
{
    /// <summary>More than eighty bytes in memory, and it goes down to twenty at each end.</summary>
    private static readonly QueueLimits EightyBytes = new() { MaxLoadedBytes = 80, MinLoadedBytes = 40, ReadAheadBytes = 20 };

    [Fact]
    public void What_is_not_in_memory_is_got_later() => QueueScript.PlayDurable(EightyBytes, """
        publish shop A B C D E F G H I
          > shop #1 accepted
        state
          > ready 9, unsettled 0, bytes 90, consumers 0, parked 0, in memory 20
        peek 2
          > A B
        get guest no-ack
          > guest gets 1:A
        get guest no-ack
          > guest gets 2:B
        commit
        get guest no-ack
          > later
          > to read from 3
        # one question more changes nothing
        get guest
          > later
        read &
        get guest no-ack
          > guest gets 3:C
        peek 1
          > D
        """);

    [Fact]
    public void What_is_not_in_memory_is_peeked_at_later() => QueueScript.PlayDurable(EightyBytes, """
        publish shop A B C D
          > shop #1 accepted
        publish shop E F G H I
          > shop #2 accepted
        commit
        peek 3
          > later
          > to read from 3
        read &
        peek 3
          > A B C
        """);

    /// <summary>What fits into memory is all that there is to see: reading on would push out what was read before, for ever.</summary>
    [Fact]
    public void More_is_peeked_at_than_fits_into_memory() => QueueScript.PlayDurable(EightyBytes, """
        publish shop A:30
          > shop #1 accepted
        publish shop B:30
          > shop #2 accepted
        publish shop C:30
          > shop #3 accepted
        publish shop D:30
          > shop #4 accepted
        commit
        peek 4
          > later
          > to read from 1
        read &
        peek 4
          > A
        """);

    [Fact]
    public void Consumers_get_what_was_read_and_nothing_overtakes_it() => QueueScript.PlayDurable(EightyBytes, """
        publish shop A B C D E F
          > shop #1 accepted
        publish shop G H I
          > shop #2 accepted
        publish shop J
          > shop #3 accepted
        commit
        subscribe worker
        grant worker 20
          > worker gets 1:A 2:B
          > to read from 3
        publish shop K
          > shop #4 accepted
        read
          > worker gets 3:C 4:D 5:E 6:F
          > to read from 7
        read
          > worker gets 7:G 8:H 9:I 10:J 11:K
        """);

    [Fact]
    public void What_comes_back_without_its_bytes_is_read_before_what_follows_it() => QueueScript.PlayDurable(EightyBytes, """
        subscribe worker
        grant worker 9
        publish shop A B C D E F G H
          > shop #1 accepted
          > worker gets 1:A 2:B 3:C 4:D 5:E 6:F 7:G 8:H
        commit
        publish shop I
          > shop #2 accepted
          > worker gets 9:I
        commit
        state
          > ready 0, unsettled 9, bytes 90, consumers 1, parked 0, in memory 40
        publish shop J
          > shop #3 accepted
        requeue worker 2
        requeue worker 8
        grant worker 9
          > worker gets 10:B*1
          > to read from 8
        read
          > worker gets 11:H*1 12:J
        """);

    [Fact]
    public void Damaged_messages_leave_the_queue() => QueueScript.PlayDurable(EightyBytes, """
        publish shop A B C D E F G H I
          > shop #1 accepted
        commit
        damage 3..4
        damage 9
        subscribe worker no-ack
        grant worker 9
          > worker gets 1:A 2:B
          > to read from 3
        read
          > lost 3..4
          > lost 9..9
          > worker gets 3:E 4:F 5:G 6:H
        state
          > ready 0, unsettled 0, bytes 0, consumers 1, parked 0, in memory 0
        """);

    [Fact]
    public void Damage_that_nobody_needs_to_read_does_no_harm() => QueueScript.PlayDurable(EightyBytes, """
        publish shop A B
          > shop #1 accepted
        commit
        damage 1..2
        get guest
          > guest gets 1:A
        requeue guest 1
        peek 9
          > A*1 B
        """);

    [Fact]
    public void Purge_drops_what_is_on_disk_as_well() => QueueScript.PlayDurable(EightyBytes, """
        publish shop A B C D E F G H I
          > shop #1 accepted
        get guest
          > guest gets 1:A
        purge
          > 8 dropped
        state
          > ready 0, unsettled 1, bytes 10, consumers 0, parked 0, in memory 10
        restart
        peek 9
          > later
          > to read from 1
        """);

    [Fact]
    public void Nothing_is_read_that_may_not_be_handed_out() => QueueScript.PlayDurable(EightyBytes with { MaxUnsettledMessages = 1 }, """
        publish shop A:30
          > shop #1 accepted
        publish shop B:30
          > shop #2 accepted
        publish shop C:30
          > shop #3 accepted
        commit
        subscribe worker
        grant worker 9
          > to read from 1
        read
          > worker gets 1:A
        # one is held, which is as many as may be
        state
          > ready 2, unsettled 1, bytes 90, consumers 1, parked 0, in memory 30
        ack worker 1
          > to read from 2
        read
          > worker gets 2:B
        """);

    [Fact]
    public void What_is_held_and_what_is_ready_share_the_memory() => QueueScript.PlayDurable(EightyBytes, """
        subscribe worker
        grant worker 8
        publish shop A B C D E F G H
          > shop #1 accepted
          > worker gets 1:A 2:B 3:C 4:D 5:E 6:F 7:G 8:H
        publish shop I J K L
          > shop #2 accepted
        state
          > ready 4, unsettled 8, bytes 120, consumers 1, parked 0, in memory 80
        publish shop M
          > shop #3 accepted
        state
          > ready 5, unsettled 8, bytes 130, consumers 1, parked 0, in memory 50
        """);

    [Fact]
    public void What_goes_next_stays_in_memory_and_what_goes_last() => QueueScript.PlayDurable(EightyBytes, """
        publish shop A B C D E F G H
          > shop #1 accepted
        get guest
          > guest gets 1:A
        get guest
          > guest gets 2:B
        get guest
          > guest gets 3:C
        get guest
          > guest gets 4:D
        requeue guest 1..4
        # forty bytes in all, of which half may be of messages that came back
        memory short
        state
          > ready 8, unsettled 0, bytes 80, consumers 0, parked 0, in memory 30
        peek 2
          > A*1 B*1
        """);

    [Fact]
    public void A_queue_gives_memory_back_when_the_node_is_short_of_it() => QueueScript.PlayDurable(EightyBytes, """
        publish shop A B C D E F G H
          > shop #1 accepted
        state
          > ready 8, unsettled 0, bytes 80, consumers 0, parked 0, in memory 80
        memory short
        state
          > ready 8, unsettled 0, bytes 80, consumers 0, parked 0, in memory 10
        memory enough
        peek 1
          > A
        """);

    [Fact]
    public void Nothing_of_a_deleted_queue_is_read() => QueueScript.PlayDurable(EightyBytes, """
        publish shop A B C D E F G H I
          > shop #1 accepted
        commit
        subscribe worker
        grant worker 5
          > worker gets 1:A 2:B
          > to read from 3
        delete
          > worker closed
        read
        get guest
          > empty
        """);
}
