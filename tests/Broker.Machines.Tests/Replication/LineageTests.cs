using Broker.Machines.Replication;

namespace Broker.Machines.Tests.Replication;

public class LineageTests
{
    [Theory]
    [InlineData("1@1 4", "1@1 4", 4)]
    [InlineData("1@1 4", "1@1 9", 4)]
    [InlineData("1@1 2@5 8", "1@1 3@5 9", 4)]
    [InlineData("1@1 2@5 8", "1@1 2@5 3@7 9", 6)]
    [InlineData("1@1 2@4 4@6 7", "1@1 3@4 9", 3)]
    [InlineData("1@1 5@3 9", "2@1 4@3 6", 0)]
    [InlineData("0", "1@1 6", 0)]
    public void Two_logs_are_equal_up_to_the_end_of_the_last_epoch_that_both_have(string one, string other, ulong end)
    {
        Assert.Equal(end, Parse(one).CommonEnd(Parse(other)));
        Assert.Equal(end, Parse(other).CommonEnd(Parse(one)));
    }

    [Fact]
    public void Each_record_has_the_epoch_that_wrote_it()
    {
        var log = Parse("1@1 3@4 4@9 10");
        Assert.Equal([0, 1, 1, 3, 3, 4, 4, 0], new ulong[] { 0, 1, 3, 4, 8, 9, 10, 11 }.Select(log.EpochOf));
        Assert.Equal([new EpochRun(1, 2), new EpochRun(3, 5), new EpochRun(4, 1)], log.Runs(2, 9));
    }

    [Fact]
    public void What_is_cut_off_leaves_no_trace()
    {
        var log = Parse("1@1 3@4 4@9 10");
        log.CutFrom(9);
        Assert.Equal("1..8 [1@1 3@4]", log.ToString());
        log.Append(7, 2);
        Assert.Equal("1..10 [1@1 3@4 7@9]", log.ToString());
        log.CutFrom(1);
        Assert.Equal("1..0 []", log.ToString());
    }

    [Fact]
    public void Of_what_is_forgotten_the_era_of_the_record_before_the_first_stays()
    {
        var log = Parse("1@1 3@4 4@9 10");
        log.ForgetBefore(9);
        Assert.Equal("9..10 [3@4 4@9]", log.ToString());
        Assert.Equal(8UL, log.CommonEnd(Parse("1@1 3@4 8"))); // a follower that ends right there needs no snapshot
        log.ForgetBefore(11);
        Assert.Equal("11..10 [4@9]", log.ToString());
        log.ForgetBefore(2);
        Assert.Equal(11UL, log.First);
    }

    [Fact]
    public void Eras_that_contradict_each_other_are_refused()
    {
        Assert.Throws<InvariantViolationException>(() => Parse("2@1 1@4 9"));
        Assert.Throws<InvariantViolationException>(() => Parse("1@1 2@1 9"));
        Assert.Throws<InvariantViolationException>(() => Parse("1@1 2@10 9"));
        Assert.Throws<InvariantViolationException>(() => Parse("9"));
        Assert.Throws<InvariantViolationException>(() => new Lineage(5, [new Era(1, 5)], 9)); // nothing covers record 4
        Assert.Throws<InvariantViolationException>(() => Parse("2@1 9").Append(1, 1));
    }

    /// <summary><c>epoch@first ... last</c>.</summary>
    private static Lineage Parse(string text)
    {
        var parts = text.Split(' ');
        return new Lineage(1, parts[..^1].Select(p => new Era(long.Parse(p.Split('@')[0], null), ulong.Parse(p.Split('@')[1], null))), ulong.Parse(parts[^1], null));
    }
}
