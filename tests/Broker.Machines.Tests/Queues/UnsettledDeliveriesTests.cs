using System.Runtime.InteropServices;
using Broker.Machines.Messages;
using Broker.Machines.Queues;
using Broker.Machines.Tests.Histories;
using Broker.Machines.Tests.Messages;
using Broker.Protocol;

namespace Broker.Machines.Tests.Queues;

public class UnsettledDeliveriesTests
{
    private static readonly StoredMessage[] Messages = [.. Enumerable.Range(0, 5).Select(size => TestMessages.Named("", size))];

    [Fact]
    public void Tags_count_up_from_one()
    {
        var unsettled = new UnsettledDeliveries();
        Assert.Equal(1UL, unsettled.NextTag);
        Assert.Equal(1UL, unsettled.Add(Entry(1)));
        Assert.Equal(2UL, unsettled.Skip());
        Assert.Equal(3UL, unsettled.Add(Entry(2)));
        Assert.Equal(4UL, unsettled.NextTag);
    }

    [Fact]
    public void Skipped_tag_is_not_held()
    {
        var unsettled = new UnsettledDeliveries();
        unsettled.Add(Entry(1));
        unsettled.Skip();
        unsettled.Add(Entry(2));
        Assert.True(unsettled.Holds(new SequenceRange(1, 1)));
        Assert.False(unsettled.Holds(new SequenceRange(2, 2)));
        Assert.False(unsettled.Holds(new SequenceRange(1, 3)));
        Assert.True(unsettled.Holds(new SequenceRange(3, 3)));
    }

    [Fact]
    public void Removing_what_is_not_held_is_a_programmers_mistake()
    {
        var unsettled = new UnsettledDeliveries();
        unsettled.Add(Entry(1));
        unsettled.Add(Entry(2));
        unsettled.Remove(1);
        Assert.Throws<InvariantViolationException>(() => unsettled.Remove(1));
        Assert.Throws<InvariantViolationException>(() => unsettled.Remove(0));
        Assert.Throws<InvariantViolationException>(() => unsettled.Remove(3));
        Assert.Equal(2UL, unsettled.Remove(2).Position);
    }

    /// <summary>Messages are slices of the block of their batch; one in a hundred that stays must not keep a hundred in memory.</summary>
    [Fact]
    public void What_is_left_of_many_does_not_keep_the_blocks_of_those_that_went()
    {
        const int Messages = 10_000;
        const int PerBlock = 100;
        var unsettled = new UnsettledDeliveries();
        var block = Array.Empty<byte>();
        for (var i = 0; i < Messages; i++)
        {
            if (i % PerBlock == 0)
            {
                block = new byte[PerBlock * 10];
            }

            var tag = unsettled.Add(new QueueEntry((ulong)i, new StoredMessage(block.AsMemory(i % PerBlock * 10, 10), MessageTraits.Durable), 0));
            if (i % PerBlock != 0)
            {
                unsettled.Remove(tag);
            }
        }

        var blocks = unsettled.All().Select(d => MemoryMarshal.TryGetArray(d.Entry.Message.Bytes, out var piece) ? piece.Array!.Length : 0).ToList();
        Assert.Equal(Messages / PerBlock, blocks.Count);
        Assert.InRange(blocks.Sum(), 10 * blocks.Count, (10 * blocks.Count) + (10 * PerBlock * 3)); // all but those that the ring still has
    }

    private enum Kind
    {
        Add,
        Skip,
        RemoveOldest,
        RemoveNewest,
        RemoveSome,
        RemoveAllButOldest,
    }

    /// <summary>Whatever is added, skipped and removed, in whatever order: what is held is what was added and not removed.</summary>
    [Fact]
    public void They_hold_what_was_added_and_not_removed() => RandomHistories.Check(
        1_500,
        60,
        random => ((Kind)random.Next(6), Amount: random.Next(1, 20)),
        steps =>
        {
            var unsettled = new UnsettledDeliveries();
            var model = new SortedDictionary<ulong, QueueEntry>();
            var nextTag = 1UL;
            foreach (var (kind, amount) in steps)
            {
                switch (kind)
                {
                    case Kind.Add:
                        for (var i = 0; i < amount; i++)
                        {
                            model.Add(nextTag, Entry(nextTag));
                            Assert.Equal(nextTag, unsettled.Add(Entry(nextTag++)));
                        }

                        break;
                    case Kind.Skip:
                        Assert.Equal(nextTag++, unsettled.Skip());
                        break;
                    default:
                        foreach (var tag in Chosen(kind, amount, [.. model.Keys]))
                        {
                            Assert.Equal(model[tag], unsettled.Remove(tag));
                            model.Remove(tag);
                        }

                        break;
                }

                Assert.Equal(nextTag, unsettled.NextTag);
                Assert.Equal(model.Count, unsettled.Count);
                Assert.Equal(model.Values.Sum(e => (long)e.Message.SizeBytes), unsettled.SizeBytes);
                Same.Sequence(model.Select(e => new Delivery(e.Key, e.Value)), unsettled.All());
                for (var tag = 0UL; tag <= nextTag; tag++)
                {
                    Assert.Equal(model.ContainsKey(tag), unsettled.Holds(new SequenceRange(tag, tag)));
                }
            }

            Assert.Equal(model.Count > 0 && model.Last().Key - model.First().Key + 1 == (ulong)model.Count, model.Count > 0 && unsettled.Holds(new SequenceRange(model.First().Key, model.Last().Key)));
        });

    private static IEnumerable<ulong> Chosen(Kind kind, int amount, List<ulong> tags) => kind switch
    {
        Kind.RemoveOldest => tags.Take(amount),
        Kind.RemoveNewest => tags.TakeLast(amount).Reverse(),
        Kind.RemoveSome => tags.Where((_, i) => i % amount == 0),
        _ => tags.Skip(1),
    };

    private static QueueEntry Entry(ulong position) => new(position, Messages[(int)(position % 5)], 0);
}
