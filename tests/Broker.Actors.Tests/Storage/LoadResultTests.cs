using Broker.Actors.Storage;
using Broker.Machines.Ledgers;
using Broker.Machines.Messages;
using Broker.Storage.Recovery;

namespace Broker.Actors.Tests.Storage;

/// <summary>Whether what a read did not find is damage, or was only moved while it was read.</summary>
public sealed class LoadResultTests
{
    private readonly MessageIndex _index = new();

    public LoadResultTests()
    {
        for (var i = 0UL; i < 3; i++)
        {
            _index.AddRun(new LogRun(Index: 1 + i, First: 1 + (i * 10), Last: 10 + (i * 10), LogPosition: (long)i * 4096, LogLength: 100)); // positions 1 to 30
        }
    }

    [Fact]
    public void What_is_still_there_and_cannot_be_read_is_damaged() => Assert.False(Read(segment: 0, damaged: 11).IsOutdated(_index));

    [Fact]
    public void A_read_of_everything_is_never_outdated()
    {
        _index.MoveRuns(lastIndex: 3, [Segment(1, first: 1, last: 30)]);
        Assert.False(Read(segment: 0).IsOutdated(_index));
    }

    /// <summary>A message of the first record was all that was wanted of it; when it was settled nothing held its position any more.</summary>
    [Fact]
    public void What_was_copied_while_the_first_message_left_is_not_damaged()
    {
        _index.MoveRuns(lastIndex: 2, [Segment(1, first: 15, last: 20)]);
        Assert.Null(_index.FindSegment(1));
        Assert.True(Read(segment: 0, damaged: [1, 11]).IsOutdated(_index));
        Assert.True(Read(segment: 0, damaged: 11).IsOutdated(_index));
    }

    [Fact]
    public void What_was_copied_behind_a_record_that_stays_is_not_damaged()
    {
        _index.MoveRuns(lastIndex: 1, [Segment(1, first: 1, last: 10)]);
        Assert.True(Read(segment: 0, damaged: [1, 11]).IsOutdated(_index));
        Assert.False(Read(segment: 0, damaged: 11).IsOutdated(_index));
    }

    [Fact]
    public void What_has_left_is_not_damaged()
    {
        _index.DropRunsBefore(11);
        Assert.True(Read(segment: 0, damaged: 1).IsOutdated(_index));
    }

    [Fact]
    public void A_segment_that_was_replaced_is_not_damaged()
    {
        _index.MoveRuns(lastIndex: 3, [Segment(1, first: 1, last: 30)]);
        Assert.False(Read(segment: 1, damaged: 5).IsOutdated(_index));
        _index.Replace([1], [Segment(2, first: 7, last: 30)]);
        Assert.True(Read(segment: 1, damaged: 5).IsOutdated(_index));
    }

    /// <summary>A block whose header is damaged is passed over by who lists a segment's blocks: no damage is said, and its messages are not among those that were read.</summary>
    [Fact]
    public void What_was_passed_over_is_missing()
    {
        var live = new LiveMessages();
        live.Add(1, 30);
        var read = Read(segment: 1) with { Messages = [.. Positions(1, 10), .. Positions(13, 18)] };
        Assert.Equal(11UL, read.FirstMissing(live));
        Assert.Equal(19UL, (read with { First = 13 }).FirstMissing(live));
        Assert.Equal(0UL, (read with { First = 13, Last = 18 }).FirstMissing(live));
        live.Remove(11, 12);
        Assert.Equal(0UL, (read with { Last = 18 }).FirstMissing(live));
        Assert.Equal(13UL, (Read(segment: 1) with { First = 11 }).FirstMissing(live));
    }

    private static IEnumerable<(ulong, StoredMessage)> Positions(int first, int last) => Enumerable.Range(first, last - first + 1).Select(p => ((ulong)p, default(StoredMessage)));

    private static SegmentEntry Segment(uint number, ulong first, ulong last) => new(number, Length: 4096, first, last, Count: last - first + 1, Live: last - first + 1, MessageBytes: 1000);

    private static LoadResult Read(uint segment, params ulong[] damaged) =>
        new(First: 1, Last: 30, [], [.. damaged.Select(d => new StoreDamage { File = "log", Offset = 0, Length = 100, FirstPosition = d, MessageCount = 1, Reason = "gone" })], segment, 0, []);
}
