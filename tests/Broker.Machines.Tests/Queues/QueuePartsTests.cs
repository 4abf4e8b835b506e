using Broker.Machines.Queues;
using Broker.Machines.Tests.Histories;
using Broker.Machines.Tests.Messages;
using Broker.Protocol;

namespace Broker.Machines.Tests.Queues;

/// <summary>The parts of queues that have a life of their own.</summary>
public class QueuePartsTests
{
    [Fact]
    public void A_ring_does_what_a_list_does() => RandomHistories.Check(3_000, 120, random => (Kind: random.Next(8), X: random.Next(1 << 16)), steps =>
    {
        var ring = new EntryRing();
        var model = new List<QueueEntry>();
        var last = 0UL;
        foreach (var (kind, x) in steps)
        {
            switch (kind)
            {
                case <= 3:
                    var entry = new QueueEntry(last += (ulong)((x % 3) + 1), TestMessages.Named("m", x % 7), x % 2);
                    ring.Append(entry);
                    model.Add(entry);
                    break;
                case 4:
                    Assert.Equal(model.Count > 0, ring.TryTakeFirst(out var first));
                    Assert.Equal(model.FirstOrDefault(), first);
                    model.RemoveRange(0, Math.Min(1, model.Count));
                    break;
                case 5 when model.Count > 0:
                    Assert.Equal(model[^1], ring.TakeLast());
                    model.RemoveAt(model.Count - 1);
                    break;
                default:
                    var position = (ulong)x % (last + 2);
                    Assert.Equal(model.Exists(m => m.Position == position), ring.TryRemove(position, out var removed));
                    Assert.Equal(model.Find(m => m.Position == position), removed);
                    model.RemoveAll(m => m.Position == position);
                    break;
            }

            Same.Sequence(model, ring.Entries);
            Assert.Equal((model.Count, model.Sum(m => m.Message.SizeBytes)), (ring.Count, ring.SizeBytes));
            if (model.Count > 0)
            {
                Assert.Equal((model[0], model[^1]), (ring.First, ring.Last));
            }
        }
    });

    [Fact]
    public void Holding_times_are_right_to_a_grain_and_never_early() => RandomHistories.Check(3_000, 80, random => (Kind: random.Next(5), X: random.Next(1 << 16)), steps =>
    {
        const long Grain = 10;
        var times = new HoldingTimes();
        var held = new SortedDictionary<ulong, long>();
        var (tag, now) = (0UL, 0L);
        foreach (var (kind, x) in steps)
        {
            switch (kind)
            {
                case 0 or 1:
                    held.Add(++tag, now);
                    times.Add(tag, held.First().Key, now, Grain);
                    break;
                case 2:
                    now += x % 15;
                    break;
                default:
                    held.Remove(held.Keys.ElementAtOrDefault(x % Math.Max(1, held.Count)));
                    break;
            }

            if (held.Count > 0)
            {
                Assert.InRange(times.Since(held.First().Key), held.First().Value, held.First().Value + Grain);
            }
        }
    });

    [Theory]
    [InlineData("a", 100, "g", 20, null, 20)]
    [InlineData(null, null, null, null, 30, 30)]
    [InlineData("", 0, "", 0, 30, 0)]
    [InlineData(null, null, null, null, -5, 0)]
    public void A_queue_sees_the_properties_that_it_acts_on(string? id, int? expiration, string? group, int? delay, int? header, long expected)
    {
        var properties = new MessageProperties
        {
            MessageId = id,
            Expiration = expiration is { } e ? TimeSpan.FromMilliseconds(e) : null,
            GroupKey = group,
            Delay = delay is { } d ? TimeSpan.FromMilliseconds(d) : null,
            Headers = header is { } h ? FieldTable.Of(("x-delay", (long)h)) : FieldTable.Empty,
        };
        var all = MessageFacts.Wanted.MessageId | MessageFacts.Wanted.Expiration | MessageFacts.Wanted.GroupKey | MessageFacts.Wanted.Delay;
        var facts = MessageFacts.Of(TestMessages.Special("m", properties), all);
        Assert.Equal(new MessageFacts(id is "" ? null : id, expiration, group is "" ? null : group, expected), facts);
        Assert.Equal(default, MessageFacts.Of(TestMessages.Special("m", properties).WithoutBytes(), all));
        Assert.Equal(default, MessageFacts.Of(new Machines.Messages.StoredMessage(TestMessages.Special("m", properties).Bytes, Machines.Messages.MessageTraits.None), all));
    }

    [Fact]
    public void A_delay_in_a_header_that_is_no_integer_is_none()
    {
        var properties = new MessageProperties { Headers = FieldTable.Of(("x-delay", "soon")) };
        Assert.Equal(default, MessageFacts.Of(TestMessages.Special("m", properties), MessageFacts.Wanted.Delay));
        Assert.Equal(default, MessageFacts.Of(TestMessages.Special("m", new MessageProperties { ContentType = "x" }), MessageFacts.Wanted.Delay));
    }
}
