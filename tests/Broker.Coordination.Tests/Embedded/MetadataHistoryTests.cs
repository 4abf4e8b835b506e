using Broker.Coordination.Embedded;

namespace Broker.Coordination.Tests.Embedded;

public sealed class MetadataHistoryTests
{
    [Fact]
    public void An_empty_history_begins_where_it_is_told()
    {
        var history = new MetadataHistory(10, 1000, 5);
        Assert.Empty(After(history, 5));
        Assert.Empty(After(history, 9));
        Assert.Equal(5, Assert.Throws<MetadataCompactedException>(() => After(history, 4)).OldestRevision);
    }

    [Fact]
    public void The_oldest_changes_go_when_there_are_too_many()
    {
        var history = new MetadataHistory(50, 1 << 20, 0);
        for (var revision = 1; revision <= 130; revision++)
        {
            history.Add(Change(revision, 1));
            Assert.Equal(Math.Max(0, revision - 50), history.OldestRevision);
            Assert.Equal(Enumerable.Range(revision - 9, 10).Where(each => each > 0), After(history, Math.Max(0, revision - 10)));
        }

        Assert.Equal(Enumerable.Range(81, 50), After(history, 80));
        Assert.Throws<MetadataCompactedException>(() => After(history, 79));
    }

    [Fact]
    public void The_oldest_changes_go_when_they_are_too_large_and_the_last_one_stays()
    {
        var history = new MetadataHistory(50, 100, 0);
        history.Add(Change(1, 40));
        history.Add(Change(2, 40));
        Assert.Equal([1, 2], After(history, 0));
        history.Add(Change(3, 40));
        Assert.Equal([2, 3], After(history, 1));
        history.Add(Change(4, 1000));
        Assert.Equal([4], After(history, 3));
        history.Add(Change(5, 1));
        Assert.Equal(4, history.OldestRevision);
        Assert.Equal([5], After(history, 4));
    }

    [Fact]
    public void Revisions_may_have_gaps()
    {
        var history = new MetadataHistory(3, 1000, 0);
        foreach (var revision in new[] { 10, 20, 30, 40 })
        {
            history.Add(Change(revision, 1));
        }

        Assert.Equal([20, 30, 40], After(history, 10));
        Assert.Equal([30, 40], After(history, 25));
        Assert.Throws<MetadataCompactedException>(() => After(history, 9));
    }

    [Fact]
    public void No_more_is_taken_than_there_is_room_for()
    {
        var history = new MetadataHistory(10, 1000, 0);
        for (var revision = 1; revision <= 5; revision++)
        {
            history.Add(Change(revision, 1));
        }

        Assert.Equal([2, 3], After(history, 1, room: 2));
    }

    private static MetadataChange Change(long revision, int valueBytes) =>
        new(revision, [new MetadataValue("k", new byte[valueBytes - 1], revision, revision, 0)], []);

    private static IEnumerable<int> After(MetadataHistory history, long revision, int room = 1000)
    {
        var changes = new List<MetadataChange>(room);
        history.CopyAfter(revision, changes);
        return [.. changes.Select(change => (int)change.Revision)];
    }
}
