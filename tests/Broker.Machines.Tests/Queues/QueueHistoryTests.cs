using Broker.Machines.Messages;
using Broker.Machines.Queues;
using Broker.Machines.Tests.Histories;
using Broker.Machines.Tests.Messages;
using Broker.Protocol;

namespace Broker.Machines.Tests.Queues;

/// <summary>Whatever happens to a queue, in whatever order, it does what <see cref="QueueModel"/> says.</summary>
public class QueueHistoryTests
{
    private static readonly StoredMessage[] Messages = [.. Enumerable.Range(0, 40).Select(size => TestMessages.Named("", size))];

    private enum Kind
    {
        Publish,
        Subscribe,
        Grant,
        Settle,
        SettleAnything,
        Cancel,
        ConsumerGone,
        PublisherGone,
        Get,
        Purge,
        Delete,
        Dispatch,
    }

    private static readonly Kind[] Frequencies =
    [
        .. Enumerable.Repeat(Kind.Publish, 24), .. Enumerable.Repeat(Kind.Subscribe, 10), .. Enumerable.Repeat(Kind.Grant, 20),
        .. Enumerable.Repeat(Kind.Settle, 20), .. Enumerable.Repeat(Kind.SettleAnything, 6), .. Enumerable.Repeat(Kind.Cancel, 3),
        .. Enumerable.Repeat(Kind.ConsumerGone, 5), .. Enumerable.Repeat(Kind.PublisherGone, 2), .. Enumerable.Repeat(Kind.Get, 6),
        .. Enumerable.Repeat(Kind.Purge, 2), .. Enumerable.Repeat(Kind.Delete, 1), .. Enumerable.Repeat(Kind.Dispatch, 30),
    ];

    /// <summary>One thing that happens. <paramref name="Who"/> is a publisher or a consumer; what <paramref name="X"/> and <paramref name="Y"/> mean depends on the kind.</summary>
    private readonly record struct Step(Kind Kind, int Who, int X, int Y);

    [Fact]
    public void Queue_does_what_the_model_says() =>
        RandomHistories.Check(4_000, 100, Generate, steps => Check(steps, new QueueLimits { MaxBytes = 120, MaxMessages = 12 }));

    [Fact]
    public void Queue_that_is_never_full_does_what_the_model_says() =>
        RandomHistories.Check(1_000, 200, Generate, steps => Check(steps, new QueueLimits()));

    private static Step Generate(Random random) =>
        new(Frequencies[random.Next(Frequencies.Length)], random.Next(1, 5), random.Next(1 << 16), random.Next(1 << 16));

    private static void Check(IReadOnlyList<Step> steps, QueueLimits limits)
    {
        var machine = new QueueMachine(limits);
        var model = new QueueModel(limits);
        var batchId = 0;
        foreach (var step in steps)
        {
            Perform(step, ++batchId, machine, model);
            CompareState(machine, model);
        }

        Perform(new Step(Kind.Dispatch, 0, 0, 0), 0, machine, model);
        CompareState(machine, model);
        Assert.True(model.ParkedCount == 0 || machine.IsFull, "batches wait although there is room");
    }

    private static void Perform(Step step, int batchId, QueueMachine machine, QueueModel model)
    {
        var (_, who, x, y) = step;
        var consumer = new ConsumerId(who);
        switch (step.Kind)
        {
            case Kind.Publish:
                var messages = Enumerable.Range(0, x % 5).Select(i => Messages[(y + (i * x)) % Messages.Length]).ToArray();
                machine.HandleEnqueue(new PublisherId(who), batchId, messages);
                model.Enqueue(who, batchId, messages);
                break;
            case Kind.Subscribe:
                Assert.Equal(model.Subscribe(who, x % 8 == 0, y % 4 == 0), machine.HandleSubscribe(consumer, x % 8 == 0, y % 4 == 0)?.Code);
                break;
            case Kind.Grant:
                machine.HandleGrant(consumer, x % 6, y % 90);
                model.Grant(who, x % 6, y % 90);
                break;
            case Kind.Settle or Kind.SettleAnything:
                var ranges = step.Kind == Kind.Settle ? SomeOf(model.TagsOf(who), x) : Anything(x, y);
                Assert.Equal(model.Settle(who, ranges, (SettleOutcome)(y % 3)), machine.HandleSettle(consumer, ranges, (SettleOutcome)(y % 3))?.Code);
                break;
            case Kind.Cancel:
                machine.HandleCancel(consumer);
                model.Cancel(who);
                break;
            case Kind.ConsumerGone:
                machine.HandleConsumerGone(consumer);
                model.ConsumerGone(who);
                break;
            case Kind.PublisherGone:
                machine.HandlePublisherGone(new PublisherId(who));
                model.PublisherGone(who);
                break;
            case Kind.Get:
                var result = machine.HandleGet(consumer, x % 2 == 0, out var delivery);
                var expected = model.Get(who, x % 2 == 0);
                Assert.Equal(expected is null ? GetResult.Empty : GetResult.Message, result);
                Assert.Equal(expected, result == GetResult.Message ? delivery : null);
                break;
            case Kind.Purge:
                Assert.Equal(model.Purge(), machine.HandlePurge());
                break;
            case Kind.Delete:
                Assert.Equal(model.Delete(x % 2 == 0, y % 2 == 0), machine.HandleDelete(x % 2 == 0, y % 2 == 0)?.Code);
                break;
            default:
                model.Dispatch();
                machine.Dispatch();
                CompareEffects(machine, model);
                break;
        }
    }

    private static void CompareState(QueueMachine machine, QueueModel model)
    {
        Assert.True(machine.TryPeek(int.MaxValue, out var ready), "all is in memory");
        Same.Sequence(model.Ready, ready);
        Assert.Equal(model.Ready.Count(), machine.ReadyCount);
        Assert.Equal(model.UnsettledCount, machine.UnsettledCount);
        Assert.Equal(model.SizeBytes, machine.SizeBytes);
        Assert.Equal(model.ConsumerCount, machine.ConsumerCount);
        Assert.Equal(model.ParkedCount, machine.ParkedCount);
        Assert.Equal(model.IsFull, machine.IsFull);
        Assert.Equal(model.Counters, machine.Counters);
    }

    private static void CompareEffects(QueueMachine machine, QueueModel model)
    {
        foreach (var expected in model.Effects)
        {
            Assert.True(machine.TryTakeEffect(out var actual), $"missing: {expected}");
            if (expected is QueueEffect.Deliver(var to, var deliveries))
            {
                var deliver = Assert.IsType<QueueEffect.Deliver>(actual);
                Assert.Equal(to, deliver.Consumer);
                Same.Sequence(deliveries, deliver.Deliveries);
            }
            else
            {
                Assert.Equal(expected, actual);
            }
        }

        Assert.False(machine.TryTakeEffect(out var more), $"unexpected: {more}");
        model.Effects.Clear();
    }

    /// <summary>Some of the tags, as ranges that join neighbours or do not.</summary>
    private static List<SequenceRange> SomeOf(ulong[] tags, int mask)
    {
        var ranges = new List<SequenceRange>();
        foreach (var tag in tags.Where((_, i) => (mask >> (i % 16) & 1) == 1))
        {
            if (mask % 3 != 0 && ranges.Count > 0 && ranges[^1].Last == tag - 1)
            {
                ranges[^1] = ranges[^1] with { Last = tag };
            }
            else
            {
                ranges.Add(new SequenceRange(tag, tag));
            }
        }

        return ranges;
    }

    /// <summary>Up to three small ranges that may be backward, overlapping, repeated or of tags that never were.</summary>
    private static List<SequenceRange> Anything(int x, int y) =>
    [
        .. Enumerable.Range(0, x % 4).Select(i =>
        {
            var first = (ulong)((y >> (4 * i)) % 8);
            return new SequenceRange(first, first + (ulong)((x >> (2 * i)) % 4) - (first > 0 ? 1UL : 0));
        }),
    ];
}
