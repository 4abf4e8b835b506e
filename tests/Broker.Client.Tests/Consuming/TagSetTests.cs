using Broker.Client.Consuming;
using Broker.Protocol;

namespace Broker.Client.Tests.Consuming;

public sealed class TagSetTests
{
    [Fact]
    public void It_knows_which_tags_it_holds_whatever_their_order()
    {
        for (var seed = 1; seed <= 100; seed++)
        {
            var random = new Random(seed);
            var set = new TagSet();
            var model = new HashSet<ulong>();
            for (var step = 0; step < 100; step++)
            {
                var first = (ulong)random.Next(1, 200);
                var tags = new SequenceRange(first, first + (ulong)random.Next(6));
                var each = Each(tags).ToArray();
                Assert.Equal(each.Any(model.Contains), set.Overlaps(tags));
                Assert.Equal(each.All(model.Contains), set.Contains(tags));
                if (!set.Overlaps(tags))
                {
                    set.Add(tags);
                    model.UnionWith(each);
                }
            }

            var expected = new List<SequenceRange>();
            foreach (var tag in model.Order())
            {
                RangeList.Append(expected, tag);
            }

            Assert.Equal(expected, set.Ranges.ToArray());
        }
    }

    [Fact]
    public void It_is_empty_after_a_clear()
    {
        var set = new TagSet();
        set.Add(new SequenceRange(3, 5));
        set.Clear();
        Assert.False(set.Overlaps(new SequenceRange(1, 9)));
        Assert.True(set.Ranges.IsEmpty);
    }

    private static IEnumerable<ulong> Each(SequenceRange tags)
    {
        for (var tag = tags.First; tag <= tags.Last; tag++)
        {
            yield return tag;
        }
    }
}
