using Broker.Storage.Log;

namespace Broker.Storage.Tests.Log;

public sealed class LogRetentionTests
{
    [Fact]
    public void The_first_record_of_an_entity_counts_until_a_checkpoint_says_otherwise()
    {
        var retention = new LogRetention();
        Assert.Equal(long.MaxValue, retention.Lowest());
        retention.Need(7, 100);
        retention.Need(7, 200);
        retention.Need(3, 150);
        Assert.Equal(100, retention.Lowest());
        retention.Advance(7, 180);
        Assert.Equal(150, retention.Lowest());
        retention.Advance(7, 120); // a checkpoint that was made earlier
        Assert.Equal([3UL, 7UL], retention.NeedingBefore(181));
        Assert.Equal([3UL], retention.NeedingBefore(180));
        Assert.Empty(retention.NeedingBefore(150));
        retention.Remove(3);
        Assert.Equal(180, retention.Lowest());
    }

    [Fact]
    public void An_entity_that_is_gone_does_not_come_back_by_a_late_checkpoint()
    {
        var retention = new LogRetention();
        retention.Need(7, 100);
        retention.Remove(7);
        retention.Advance(7, 200);
        Assert.Equal(long.MaxValue, retention.Lowest());
    }

    [Fact]
    public void An_entity_that_has_begun_anew_needs_what_is_behind_its_end()
    {
        var retention = new LogRetention();
        retention.Need(7, 100);
        retention.Advance(7, 200); // it has ended there
        retention.Need(7, 300);
        retention.Remove(7, upTo: 200);
        Assert.Equal(200, retention.Lowest());
        retention.Need(8, long.MaxValue); // as of a recovery: nothing
        retention.Remove(8, upTo: 200);
        retention.Remove(7, upTo: 300);
        Assert.Equal(long.MaxValue, retention.Lowest());
    }

    [Fact]
    public void An_entity_that_needed_nothing_needs_what_it_writes_next()
    {
        var retention = new LogRetention();
        retention.Need(7, long.MaxValue);
        Assert.Empty(retention.NeedingBefore(long.MaxValue));
        retention.Need(7, 300);
        retention.Need(7, 400);
        Assert.Equal(300, retention.Lowest());
    }
}
