using Broker.Machines.Ledgers;
using Broker.Machines.Messages;
using Broker.Machines.Queues;
using Broker.Machines.Tests.Messages;

namespace Broker.Machines.Tests.Queues;

/// <summary>A producer with a name has not heard that a message was refused, and sends it again.</summary>
public class QueueRefusalTests
{
    private const string Full = "ResourceExhausted, the queue is full and refuses what it has no room for: it has 2 of at most 2 ready message(s)";
    private const string Before = "ResourceExhausted, it has refused the message before, and taken later ones of its producer since: publish it under a new sequence";
    private static readonly QueueSettings Two = new() { MaxLength = 2, Overflow = OverflowBehavior.RejectPublish };

    [Fact]
    public void It_is_refused_again_when_a_later_one_was_taken_since() => QueueScript.PlayBoth(Two, $"""
        publish shop A B C @1
          > shop #1 accepted 2, others refused: {Full}
        get worker no-ack
          > worker gets 1:A
        publish shop D @4
          > shop #2 accepted
        get worker no-ack
          > worker gets 2:B
        publish shop C @3
          > shop #3 accepted 0, others refused: {Before}
        publish shop B C D @2
          > shop #4 refused 2..2: {Before}
        peek 9
          > D
        counters
          > enqueued 3, refused 3
        """);

    [Fact]
    public void Each_message_of_a_batch_that_comes_again_has_its_own_outcome() => QueueScript.PlayBoth(Two, $"""
        publish shop A B C D @1
          > shop #1 accepted 2, others refused: {Full}
        get worker no-ack
          > worker gets 1:A
        publish shop E @5
          > shop #2 accepted
        get worker no-ack
          > worker gets 2:B
        publish shop A B C D E F G @1
          > shop #3 refused 3..4: {Before}; 7..7: {Full}
        peek 9
          > E F
        """);

    /// <summary>The producer has heard of the first of two refusals.</summary>
    [Fact]
    public void What_is_above_all_that_was_taken_is_looked_at_anew() => QueueScript.PlayBoth(Two, $"""
        publish shop A B C D E @1
          > shop #1 accepted 2, others refused: {Full}
        get worker no-ack
          > worker gets 1:A
        publish shop D @4
          > shop #2 accepted
        publish shop E @5
          > shop #3 accepted 0, others refused: {Full}
        get worker no-ack
          > worker gets 2:B
        publish shop C D E @3
          > shop #4 refused 1..1: {Before}
        peek 9
          > D E
        """);

    [Fact]
    public void The_records_and_the_checkpoint_know_it() => QueueScript.PlayDurable(Two, $"""
        publish shop A B C @1
          > shop #1 accepted 2, others refused: {Full}
        get worker no-ack
          > worker gets 1:A
        publish shop D @4
          > shop #2 accepted
        commit
        restart
        publish shop C D @3
          > shop #3 refused 1..1: {Before}
        """);

    [Fact]
    public void Whoever_has_the_records_alone_knows_it()
    {
        var (first, second) = (new QueueMachine(new QueueLimits(), new QueueLedger(), Two), new QueueLedger());
        foreach (var sequences in (ulong[][])[[1, 2, 3], [5]])
        {
            Publish(first, sequences);
            first.HandlePurge();
            first.Dispatch();
            var record = first.TakeRecord()!;
            second.Apply(QueueRecordCodec.Decode(QueueRecordCodec.Encode(record).Span, record.FirstPosition, record.MessageBytes), record.Messages.Length);
        }

        var machine = new QueueMachine(new QueueLimits(), second, Two);
        Assert.Equal("+-+", Publish(machine, 2, 3, 5));
        Assert.Equal("++-", Publish(machine, 6, 7, 8));
    }

    /// <summary>The refusal was in memory only. Nothing later was taken, so there is nothing to say but what is so now.</summary>
    [Fact]
    public void After_a_restart_it_is_looked_at_anew_unless_a_later_one_was_taken() => QueueScript.PlayDurable(Two, $"""
        publish shop A B C @1
          > shop #1 accepted 2, others refused: {Full}
        get worker no-ack
          > worker gets 1:A
        commit
        restart
        publish shop A B C @1
          > shop #2 accepted
        counts
          > ready 2, unsettled 0, delayed 0, dead 0
        """);

    [Fact]
    public void It_is_refused_although_the_queue_refuses_nothing_any_more() => QueueScript.PlayBoth(Two, $"""
        publish shop A B C @1
          > shop #1 accepted 2, others refused: {Full}
        settings max-length=none drop-head
        publish shop D @4
          > shop #2 accepted
        publish shop C D E @3
          > shop #3 refused 1..1: {Before}
        peek 9
          > A B D E
        """);

    [Fact]
    public void One_that_has_waited_for_the_disk_has_the_same_outcome() => QueueScript.PlayDurable(Two, $"""
        publish shop A B C @1
          > shop #1 accepted 2, others refused: {Full}
        get worker no-ack
          > worker gets 1:A
        block waits for disk space
        publish shop D @4
          > shop #2 parked: waits for disk space
        publish shop C D E @3
          > shop #3 parked: waits for disk space
        unblock
          > shop #2 accepted
          > shop #3 refused 1..1: {Before}; 3..3: {Full}
        peek 9
          > B D
        """);

    /// <summary>A message whose id is known is confirmed, and so what was refused before it is spent.</summary>
    [Fact]
    public void A_message_that_another_has_brought_counts_as_taken() => QueueScript.PlayBoth(Two with { DeduplicationWindow = 1000 }, $"""
        publish shop A=x B=y C=z @1
          > shop #1 accepted 2, others refused: {Full}
        publish bank D=z @1
          > bank #2 accepted 0, others refused: {Full}
        publish shop E=x @4
          > shop #3 accepted
        publish shop C=z E=x @3
          > shop #4 refused 1..1: {Before}
        """);

    [Fact]
    public void Whoever_has_been_told_that_it_is_refused_and_dead_lettered_hears_that_it_is_confirmed() => QueueScript.PlayBoth(Two, $"""
        publish shop A B C @1
          > shop #1 accepted 2, others refused: {Full}
        settings reject-publish-dlx
        publish shop D E @4
          > shop #2 accepted 0, others refused: {Full}
          > dead 1: D maxlen at 0
          > dead 2: E maxlen at 0
        publish shop C D E @3
          > shop #3 refused 1..1: {Before}
        counts
          > ready 2, unsettled 0, delayed 0, dead 2
        """);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void So_much_is_remembered_and_of_what_is_not_nothing_is_promised(bool durable)
    {
        const int Rounds = RefusedSequences.MaxRanges + 2;
        var machine = new QueueMachine(new QueueLimits(), durable ? new QueueLedger() : null, Two with { MaxLength = 1 });
        for (var i = 0; i < Rounds; i++)
        {
            Assert.Equal("+-", Publish(machine, (ulong)(2 * i) + 1, (ulong)(2 * i) + 2));
            machine.HandlePurge();
            Log(machine);
        }

        Assert.Equal("+", Publish(machine, 1000));
        Log(machine);
        machine.HandleEnqueue(new PublisherId(1), 1, Messages(6), new ProducerBatch("shop", new ulong[] { 1, 2, 3, 4, 5, 6 }));
        Assert.True(machine.TryTakeEffect(out var effect));
        var refused = Assert.IsType<QueueEffect.NotAccepted>(effect).Refused;
        Assert.Equal([(0, 4), (5, 1)], refused.Select(r => (r.First, r.Count)));
        Assert.Contains("not known any more", refused[0].Fault.Reason, StringComparison.Ordinal);
        Assert.Contains("refused the message before", refused[1].Fault.Reason, StringComparison.Ordinal);
        if (machine.Ledger is { } ledger)
        {
            machine = new QueueMachine(new QueueLimits(), QueueLedger.Restore(ledger.Checkpoint().Span, ledger.LastIndex), Two);
            Assert.Equal("----+-", Publish(machine, 1, 2, 3, 4, 5, 6));
        }
    }

    [Fact]
    public void Producers_do_not_know_of_each_others_refusals() => QueueScript.PlayBoth(Two, $"""
        publish shop A B C @1
          > shop #1 accepted 2, others refused: {Full}
        get worker no-ack
          > worker gets 1:A
        publish bank D @3
          > bank #2 accepted
        publish shop C @3
          > shop #3 accepted 0, others refused: {Full}
        publish bank D @3
          > bank #4 accepted
        """);

    private static void Log(QueueMachine machine)
    {
        machine.Dispatch();
        machine.TakeRecord();
    }

    private static StoredMessage[] Messages(int count) => [.. Enumerable.Range(0, count).Select(_ => TestMessages.Named("m", 10))];

    /// <returns>For each message whether it is confirmed.</returns>
    private static string Publish(QueueMachine machine, params ulong[] sequences)
    {
        machine.HandleEnqueue(new PublisherId(1), 1, Messages(sequences.Length), new ProducerBatch("shop", sequences));
        Assert.True(machine.TryTakeEffect(out var answer));
        var refused = (answer as QueueEffect.NotAccepted)?.Refused ?? [];
        return string.Concat(sequences.Select((_, i) => refused.Any(r => r.First <= i && i < r.First + r.Count) ? '-' : '+'));
    }
}
