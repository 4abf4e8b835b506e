using System.Globalization;
using Broker.Machines.Ledgers;
using Broker.Machines.Tests.Histories;

namespace Broker.Machines.Tests.Ledgers;

public class LiveMessagesTests
{
    /// <summary>Ranges are written <c>1-5 9:2</c>: 1 to 5 never handed out, 9 twice. A step is <c>+</c> insert, <c>!</c> deliver or <c>-</c> remove.</summary>
    [Theory]
    [InlineData("", "+1-5 +6-9", "1-9")]
    [InlineData("", "+1-5 +7-9", "1-5 7-9")]
    [InlineData("1-5 7-9", "+6", "1-9")]
    [InlineData("1-5 7-9", "+6:1", "1-5 6:1 7-9")]
    [InlineData("1-5 7-9:1", "+6", "1-6 7-9:1")]
    [InlineData("1-5 7-9:1", "+6:1", "1-5 6-9:1")]
    [InlineData("5-9", "+1-3 +4", "1-9")]
    [InlineData("1-9", "!5", "1-4 5:1 6-9")]
    [InlineData("1-9", "!1-3", "1-3:1 4-9")]
    [InlineData("1-9", "!7-9", "1-6 7-9:1")]
    [InlineData("1-9", "!1-9", "1-9:1")]
    [InlineData("1-9", "!1 !2 !3", "1-3:1 4-9")]
    [InlineData("1-9", "!3 !2 !1", "1-3:1 4-9")]
    [InlineData("1-4 5-9:1", "!1-4", "1-9:1")]
    [InlineData("1-4 5-9:1", "!3-4", "1-2 3-9:1")]
    [InlineData("1-4 5-9:1", "!1-5", "1-4:1 5:2 6-9:1")]
    [InlineData("1-4:1 5-9", "!5-9", "1-9:1")]
    [InlineData("1-2:2 3-4:1 5-6:2", "!3-4", "1-6:2")]
    [InlineData("1-2 5-6 9", "!1-9", "1-2:1 5-6:1 9:1")]
    [InlineData("1-2 5-6 9", "!3-4", "1-2 5-6 9")]
    [InlineData("1-9", "-1", "2-9")]
    [InlineData("1-9", "-9", "1-8")]
    [InlineData("1-9", "-4-6", "1-3 7-9")]
    [InlineData("1-9", "-1-9", "")]
    [InlineData("1-2 5-6:3 9", "-2-9", "1")]
    [InlineData("1-2 5-6 9", "-3-4", "1-2 5-6 9")]
    [InlineData("", "-1-9 !1-9", "")]
    public void Ranges_split_and_join(string before, string steps, string after)
    {
        var live = new LiveMessages();
        foreach (var range in before.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(Parse))
        {
            live.Add(range.First, range.Last, range.DeliveryCount);
        }

        foreach (var step in steps.Split(' '))
        {
            var range = Parse(step[1..]);
            switch (step[0])
            {
                case '+':
                    live.Insert(range.First, range.Last, range.DeliveryCount);
                    break;
                case '!':
                    live.Deliver(range.First, range.Last);
                    break;
                default:
                    live.Remove(range.First, range.Last);
                    break;
            }
        }

        Assert.Equal(after, string.Join(' ', live.Ranges().Select(Text)));
        Assert.Equal(live.Ranges().Count(), live.RangeCount);
    }

    [Fact]
    public void Nothing_is_in_none()
    {
        var live = new LiveMessages();
        Assert.Equal((0UL, 0UL, 0), (live.Count, live.First, live.RangeCount));
        Assert.False(live.HasAny(0, ulong.MaxValue));
        Assert.False(live.TryGetDeliveryCount(1, out _));
        Assert.Empty(live.Ranges());
        Assert.Equal(0UL, live.Remove(0, ulong.MaxValue));
    }

    [Fact]
    public void The_highest_of_all_positions_has_no_next_one()
    {
        var live = new LiveMessages();
        live.Add(1, 5);
        live.Insert(ulong.MaxValue - 1, ulong.MaxValue, 2);
        live.Deliver(0, ulong.MaxValue);
        Assert.Equal([new LiveRange(1, 5, 1), new LiveRange(ulong.MaxValue - 1, ulong.MaxValue, 3)], live.Ranges());
        Assert.True(live.TryGetDeliveryCount(ulong.MaxValue, out var count));
        Assert.Equal(3, count);
        Assert.Equal(7UL, live.Remove(0, ulong.MaxValue));
        Assert.Equal(0, live.RangeCount);
    }

    [Theory]
    [InlineData(5, 5)]
    [InlineData(3, 4)]
    [InlineData(9, 12)]
    [InlineData(1, 20)]
    public void A_message_that_is_there_twice_is_a_programmers_mistake(ulong first, ulong last)
    {
        var live = new LiveMessages();
        live.Add(4, 9);
        live.Add(15, 15);
        Assert.Throws<InvariantViolationException>(() => live.Insert(first, last, 0));
    }

    [Fact]
    public void Only_what_comes_behind_all_others_is_added()
    {
        var live = new LiveMessages();
        live.Add(4, 9);
        Assert.Throws<InvariantViolationException>(() => live.Add(9, 10));
        Assert.Throws<InvariantViolationException>(() => live.Add(1, 2));
        Assert.Throws<InvariantViolationException>(() => live.Add(12, 11));
    }

    private enum Kind
    {
        Add,
        Insert,
        Deliver,
        Remove,
    }

    private static readonly Kind[] Frequencies = [Kind.Add, Kind.Add, Kind.Insert, Kind.Insert, Kind.Deliver, Kind.Deliver, Kind.Deliver, Kind.Remove, Kind.Remove];

    private readonly record struct Step(Kind Kind, int X, int Y);

    [Fact]
    public void They_are_what_the_model_says() => RandomHistories.Check(
        3_000,
        60,
        random => new Step(Frequencies[random.Next(Frequencies.Length)], random.Next(1 << 16), random.Next(1 << 16)),
        steps =>
        {
            var run = new Run(spread: 60);
            foreach (var step in steps)
            {
                run.Perform(step);
                run.Compare(step.X, step.Y);
            }
        });

    /// <summary>Thousands of ranges, so that chunks split, empty and meet.</summary>
    [Fact]
    public void Thousands_of_ranges_are_what_the_model_says() => RandomHistories.Check(
        12,
        120,
        random => new Step(Frequencies[random.Next(Frequencies.Length)], random.Next(1 << 16), random.Next(1 << 16)),
        steps =>
        {
            var run = new Run(spread: 900);
            for (var i = 0; i < 2_500; i++)
            {
                run.Perform(new Step(Kind.Add, X: i % 2, Y: i));
            }

            foreach (var step in steps)
            {
                for (var i = 0; i < 10; i++)
                {
                    run.Perform(step with { X = (step.X + (i * 7919)) % (1 << 16) });
                }

                if (step.Y % 8 == 0)
                {
                    run.Compare(step.X, step.Y);
                }
            }

            run.Compare(0, int.MaxValue);
        });

    /// <summary>Every second message of a hundred thousand leaves, and then the rest.</summary>
    [Fact]
    public void Chunks_empty_and_gaps_close()
    {
        const int Messages = 100_000;
        var live = new LiveMessages();
        live.Add(1, Messages);
        for (var position = 2UL; position <= Messages; position += 2)
        {
            Assert.Equal(1UL, live.Remove(position, position));
        }

        Assert.Equal(Messages / 2, live.RangeCount);
        for (var position = Messages - 0UL; position > 0; position -= 2)
        {
            live.Insert(position, position, 0);
        }

        Assert.Equal([new LiveRange(1, Messages, 0)], live.Ranges());
        for (var position = 1UL; position <= Messages; position += 2)
        {
            live.Deliver(position, position);
        }

        Assert.Equal(Messages, live.RangeCount);
        for (var position = 2UL; position <= Messages; position += 2)
        {
            live.Deliver(position, position);
        }

        Assert.Equal([new LiveRange(1, Messages, 1)], live.Ranges());
    }

    private sealed class Run(int spread)
    {
        private readonly LiveMessages _live = new();
        private readonly Dictionary<ulong, int> _model = [];
        private ulong _end = 1;

        public void Perform(Step step)
        {
            var (first, length) = ((ulong)(step.X % (int)_end), (ulong)(step.Y % spread) * (ulong)(step.Y / spread % 20) / 20);
            switch (step.Kind)
            {
                case Kind.Add:
                    first = _end + (ulong)(step.X % 3);
                    length = (ulong)(step.Y % 6);
                    _live.Add(first, first + length, step.Y % 2);
                    Put(first, first + length, step.Y % 2);
                    break;
                case Kind.Insert:
                    Insert(first, (ulong)(step.Y % 4), step.Y % 3);
                    break;
                case Kind.Deliver:
                    _live.Deliver(first, first + length);
                    foreach (var position in Present(first, first + length))
                    {
                        _model[position]++;
                    }

                    break;
                default:
                    var present = Present(first, first + length);
                    Assert.Equal((ulong)present.Count, _live.Remove(first, first + length));
                    present.ForEach(p => _model.Remove(p));
                    break;
            }
        }

        /// <summary>Everything, and what a look at a part of it says.</summary>
        public void Compare(int x, int y)
        {
            var expected = RangesOf([.. _model.OrderBy(m => m.Key)]);
            Same.Sequence(expected, _live.Ranges());
            Assert.Equal(expected.Count, _live.RangeCount);
            Assert.Equal((ulong)_model.Count, _live.Count);
            Assert.Equal(expected.Count > 0 ? expected[0].First : 0, _live.First);

            var (first, last) = ((ulong)(x % (int)_end), (ulong)(y % (int)_end));
            Assert.Equal(first <= last && Present(first, last).Count > 0, first <= last && _live.HasAny(first, last));
            Same.Sequence(RangesOf([.. _model.Where(m => m.Key >= first && m.Key <= last).OrderBy(m => m.Key)]), first <= last ? _live.Ranges(first, last) : []);
            for (var position = first; position < Math.Min(first + 20, _end + 2); position++)
            {
                Assert.Equal(_model.TryGetValue(position, out var count), _live.TryGetDeliveryCount(position, out var deliveryCount));
                Assert.Equal(count, deliveryCount);
            }
        }

        /// <summary>As much as fits into the first gap.</summary>
        private void Insert(ulong first, ulong length, int deliveryCount)
        {
            while (_model.ContainsKey(first))
            {
                first++;
            }

            var last = first;
            while (last < first + length && !_model.ContainsKey(last + 1))
            {
                last++;
            }

            _live.Insert(first, last, deliveryCount);
            Put(first, last, deliveryCount);
        }

        private void Put(ulong first, ulong last, int deliveryCount)
        {
            for (var position = first; position <= last; position++)
            {
                _model.Add(position, deliveryCount);
            }

            _end = Math.Max(_end, last + 1);
        }

        private List<ulong> Present(ulong first, ulong last)
        {
            var present = new List<ulong>();
            for (var position = first; position <= Math.Min(last, _end); position++)
            {
                if (_model.ContainsKey(position))
                {
                    present.Add(position);
                }
            }

            return present;
        }

        /// <summary>As few ranges as there can be.</summary>
        private static List<LiveRange> RangesOf(KeyValuePair<ulong, int>[] messages)
        {
            var ranges = new List<LiveRange>();
            foreach (var (position, deliveryCount) in messages)
            {
                if (ranges.Count > 0 && ranges[^1].Last + 1 == position && ranges[^1].DeliveryCount == deliveryCount)
                {
                    ranges[^1] = ranges[^1] with { Last = position };
                }
                else
                {
                    ranges.Add(new LiveRange(position, position, deliveryCount));
                }
            }

            return ranges;
        }
    }

    private static LiveRange Parse(string text)
    {
        var (positions, count) = text.Split(':') is [var p, var c] ? (p, int.Parse(c, CultureInfo.InvariantCulture)) : (text, 0);
        var ends = positions.Split('-').Select(e => ulong.Parse(e, CultureInfo.InvariantCulture)).ToList();
        return new LiveRange(ends[0], ends[^1], count);
    }

    private static string Text(LiveRange range) =>
        $"{range.First}{(range.Last > range.First ? $"-{range.Last}" : "")}{(range.DeliveryCount > 0 ? $":{range.DeliveryCount}" : "")}";
}
