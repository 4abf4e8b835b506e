using Broker.Machines.Ledgers;
using Broker.Machines.Tests.Histories;

namespace Broker.Machines.Tests.Ledgers;

public class MessageIdTableTests
{
    [Fact]
    public void An_id_counts_until_its_time_is_over()
    {
        var table = new MessageIdTable();
        table.Add(new MessageIds(100, 50, 9, ["a", "b"]));
        Assert.True(table.Has("a", 149));
        Assert.False(table.Has("a", 150));
        Assert.False(table.Has("c", 100));
        table.Add(new MessageIds(150, 50, 9, ["a"]));
        Assert.Equal([("a", 200L)], table.All);
    }

    [Fact]
    public void The_oldest_go_when_there_are_too_many()
    {
        var table = new MessageIdTable();
        table.Add(new MessageIds(100, 50, 2, ["a", "b", "c"]));
        Assert.Equal(["b", "c"], table.All.Select(i => i.Id));
        table.Add(new MessageIds(101, 50, 1, []));
        Assert.Equal(["c"], table.All.Select(i => i.Id));
    }

    [Fact]
    public void An_id_that_comes_again_is_as_new_as_its_last_time()
    {
        var table = new MessageIdTable();
        table.Add(new MessageIds(100, 50, 3, ["a", "b"]));
        table.Add(new MessageIds(120, 5, 3, ["a"]));
        Assert.Equal([("b", 150L), ("a", 125L)], table.All);
        table.Add(new MessageIds(126, 50, 3, ["c"]));
        Assert.Equal(3, table.Count); // one whose window is shorter waits for those before it
        table.Add(new MessageIds(150, 50, 3, ["d"]));
        Assert.Equal(["c", "d"], table.All.Select(i => i.Id));
    }

    [Fact]
    public void Whoever_adds_the_same_knows_the_same() => RandomHistories.Check(
        2_000,
        60,
        random => (Id: random.Next(12), Step: random.Next(6), Window: random.Next(1, 40), Max: random.Next(1, 9)),
        steps =>
        {
            var (table, now) = (new MessageIdTable(), 0L);
            var model = new List<(string Id, long Expiry)>();
            foreach (var step in steps)
            {
                now += step.Step;
                var id = $"{step.Id}";
                table.Add(new MessageIds(now, step.Window, step.Max, [id]));
                model.RemoveRange(0, model.TakeWhile(m => m.Expiry <= now).Count());
                model.RemoveAll(m => m.Id == id);
                model.Add((id, now + step.Window));
                model.RemoveRange(0, Math.Max(0, model.Count - step.Max));
                Same.Sequence(model, table.All);
                Assert.Equal(model.Count, table.Count);
                var copy = new MessageIdTable();
                foreach (var (known, expiry) in table.All)
                {
                    copy.Restore(known, expiry);
                }

                Same.Sequence(table.All, copy.All);
            }
        });
}
