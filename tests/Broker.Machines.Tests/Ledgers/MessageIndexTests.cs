using Broker.Machines.Ledgers;
using Broker.Machines.Tests.Histories;

namespace Broker.Machines.Tests.Ledgers;

public class MessageIndexTests
{
    private readonly MessageIndex _index = new();

    [Fact]
    public void Nothing_is_placed_in_none()
    {
        Assert.Null(_index.FindSegment(1));
        Assert.False(_index.TryFindRun(1, out _));
        Assert.Equal(ulong.MaxValue, _index.NextPlacedAfter(0));
        Assert.Empty(_index.SegmentsWithin(new PositionRange(0, ulong.MaxValue)));
        Assert.Empty(_index.TakeEmpty());
        Assert.True(_index.Runs.IsEmpty);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 1)]
    [InlineData(10, 1)]
    [InlineData(11, 0)]
    [InlineData(15, 2)]
    [InlineData(20, 2)]
    [InlineData(21, 3)]
    [InlineData(30, 3)]
    [InlineData(31, 0)]
    [InlineData(ulong.MaxValue, 0)]
    public void A_segment_is_found_by_position(ulong position, uint number)
    {
        AddSegments();
        Assert.Equal(number, _index.FindSegment(position)?.Number ?? 0);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(39, 0)]
    [InlineData(40, 7)]
    [InlineData(44, 7)]
    [InlineData(45, 8)]
    [InlineData(46, 0)]
    [InlineData(50, 11)]
    [InlineData(60, 11)]
    [InlineData(61, 0)]
    public void A_record_of_the_log_is_found_by_position(ulong position, ulong index)
    {
        AddRuns();
        Assert.Equal(index > 0, _index.TryFindRun(position, out var run));
        Assert.Equal(index, run.Index * (index > 0 ? 1UL : 0));
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 12)]
    [InlineData(11, 12)]
    [InlineData(12, 21)]
    [InlineData(29, 40)]
    [InlineData(44, 45)]
    [InlineData(46, 50)]
    [InlineData(50, ulong.MaxValue)]
    public void The_next_position_that_lies_anywhere_is_found(ulong position, ulong next)
    {
        AddSegments();
        AddRuns();
        Assert.Equal(next, _index.NextPlacedAfter(position));
    }

    [Fact]
    public void The_next_position_is_found_in_the_log_when_there_are_no_segments()
    {
        AddRuns();
        Assert.Equal(40UL, _index.NextPlacedAfter(1));
        _index.DropRunsBefore(45);
        Assert.Equal(45UL, _index.NextPlacedAfter(1));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 1, 0)]
    [InlineData(5, 12, 0, 1)]
    [InlineData(11, 11)]
    [InlineData(11, 25, 1, 2)]
    [InlineData(0, ulong.MaxValue, 0, 1, 2)]
    [InlineData(31, 99)]
    public void Segments_are_found_by_range(ulong first, ulong last, params int[] places)
    {
        AddSegments();
        Assert.Equal(places, _index.SegmentsWithin(new PositionRange(first, last)));
    }

    [Fact]
    public void A_record_is_located_once_it_was_written()
    {
        _index.AddRun(new LogRun(7, 40, 44, -1, 0));
        _index.AddRun(new LogRun(8, 45, 45, -1, 0));
        _index.Locate(7, 4096, 100);
        _index.Locate(99, 1, 1);
        Assert.Equal([new LogRun(7, 40, 44, 4096, 100), new LogRun(8, 45, 45, -1, 0)], _index.Runs.ToArray());
    }

    [Fact]
    public void Records_without_messages_of_the_queue_are_dropped_at_the_front()
    {
        AddRuns();
        _index.DropRunsBefore(44);
        Assert.Equal(7UL, _index.Runs[0].Index);
        _index.DropRunsBefore(45);
        Assert.Equal(8UL, _index.Runs[0].Index);
        Assert.False(_index.TryFindRun(44, out _));
        _index.DropRunsBefore(ulong.MaxValue);
        Assert.True(_index.Runs.IsEmpty);
    }

    [Fact]
    public void Messages_move_from_the_log_to_segments()
    {
        AddSegments();
        AddRuns();
        _index.MoveRuns(8, [Segment(4, 41, 45, count: 3)]);
        Assert.Equal([1U, 2U, 3U, 4U], _index.Segments.Select(s => s.Number));
        Assert.Equal([11UL], _index.Runs.ToArray().Select(r => r.Index));
        Assert.Equal(4U, _index.FindSegment(41)?.Number);
        Assert.Null(_index.FindSegment(40));
    }

    [Fact]
    public void A_segment_that_is_known_gets_longer()
    {
        AddSegments();
        AddRuns();
        _index.Leave(2, 3);
        _index.MoveRuns(8, [new SegmentEntry(3, 9000, 41, 44, Count: 2, Live: 2, MessageBytes: 20), Segment(4, 45, 45, count: 1)]);
        Assert.Equal(new SegmentEntry(3, 9000, 21, 44, Count: 12, Live: 9, MessageBytes: 120), _index.Segments[2]);
        Assert.Equal(4U, _index.Segments[3].Number);
    }

    [Fact]
    public void Other_segments_take_the_place_of_some()
    {
        AddSegments();
        _index.Replace([1, 2], [Segment(5, 3, 11, 4), Segment(6, 12, 15, 2)]);
        Assert.Equal([5U, 6U, 3U], _index.Segments.Select(s => s.Number));
        _index.Replace([3, 99], []);
        Assert.Equal([5U, 6U], _index.Segments.Select(s => s.Number));
        _index.Replace([99], [Segment(7, 20, 21, 2)]);
        Assert.Equal([5U, 6U, 7U], _index.Segments.Select(s => s.Number));
    }

    [Fact]
    public void A_segment_without_messages_of_the_queue_is_taken_out()
    {
        AddSegments();
        _index.Leave(1, 8);
        Assert.Empty(_index.TakeEmpty());
        _index.Leave(1, 1);
        _index.Leave(2, 10);
        Assert.Equal([2U, 3U], _index.TakeEmpty());
        Assert.Equal([1U], _index.Segments.Select(s => s.Number));
        Assert.Empty(_index.TakeEmpty());
    }

    /// <summary>Steps: a record with so many messages comes after a gap, is located, or some at the front go. Many, so that the list is compacted.</summary>
    [Fact]
    public void Records_are_found_whatever_comes_and_goes() => RandomHistories.Check(
        1_500,
        300,
        random => (Act: random.Next(10), Amount: random.Next(6)),
        steps =>
        {
            var index = new MessageIndex();
            var model = new List<LogRun>();
            var (next, end, number, written) = (1UL, 0L, 0UL, 0UL);
            foreach (var (act, amount) in steps)
            {
                switch (act)
                {
                    case < 6:
                        next += act == 0 ? (ulong)amount : 0;
                        var run = new LogRun(++number, next, next + (ulong)amount, -1, 0);
                        index.AddRun(run);
                        model.Add(run);
                        next += (ulong)amount + 1;
                        break;
                    case < 8:
                        for (; written < number && amount < 5; written++)
                        {
                            end += 64;
                            index.Locate(written + 1, end, 64);
                            model = [.. model.Select(r => r.Index == written + 1 ? r with { LogPosition = end, LogLength = 64 } : r)];
                        }

                        break;
                    case 8 when model.Count > 0:
                        var before = model[model.Count * amount / 6].First;
                        index.DropRunsBefore(before);
                        model = [.. model.SkipWhile(r => r.Last < before)];
                        break;
                    case 9 when model.Count > 0:
                        var lastIndex = model[model.Count * amount / 6].Index;
                        index.MoveRuns(lastIndex, []);
                        model = [.. model.SkipWhile(r => r.Index <= lastIndex)];
                        break;
                    default:
                        break;
                }

                Same.Sequence(model, index.Runs.ToArray());
                for (var position = next > 12 ? next - 12 : 0; position <= next; position++)
                {
                    var expected = model.Find(r => r.First <= position && r.Last >= position);
                    Assert.Equal(expected.Index > 0, index.TryFindRun(position, out var found));
                    Assert.True(expected.Index == 0 || expected == found);
                }
            }
        });

    private void AddSegments()
    {
        _index.AddSegment(Segment(1, 1, 10, 10));
        _index.AddSegment(Segment(2, 12, 20, 9));
        _index.AddSegment(Segment(3, 21, 30, 10));
    }

    private void AddRuns()
    {
        _index.AddRun(new LogRun(7, 40, 44, 100, 50));
        _index.AddRun(new LogRun(8, 45, 45, 200, 50));
        _index.AddRun(new LogRun(11, 50, 60, 300, 50));
    }

    private static SegmentEntry Segment(uint number, ulong first, ulong last, ulong count) => new(number, 4096, first, last, count, count, (long)count * 10);
}
