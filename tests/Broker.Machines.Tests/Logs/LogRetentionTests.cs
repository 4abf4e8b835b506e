using Broker.Machines.Logs;
using Broker.Machines.Queues;

namespace Broker.Machines.Tests.Logs;

public class LogRetentionTests
{
    private const long MiB = 1 << 20;
    private static readonly QueueSettings ByAge = new() { MaxAge = 10_000 };
    private static readonly QueueSettings BySize = new() { MaxLengthBytes = 2 * MiB };

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_oldest_go_when_there_are_too_many_bytes(bool durable)
    {
        var run = new LogRun(settings: BySize, durable: durable);
        for (var i = 0; i < 100; i++)
        {
            run.Publish(10, sizeBytes: 10_000);
            run.Commit();
            Assert.InRange(run.Machine.SizeBytes, Math.Min((i + 1) * 100_000, MiB), 2 * MiB);
        }

        Assert.Equal(1_000UL, run.Machine.NextOffset);
        run.Subscribe(1, new LogStart(LogStartKind.First));
        run.Grant(1, 10_000, bytes: 100 * MiB);
        run.Finish();
        Assert.Equal(run.Machine.FirstOffset, run.OffsetsOf(1)[0]);
        Assert.Equal(999UL, run.OffsetsOf(1)[^1]);
        Assert.Equal((ulong)run.OffsetsOf(1).Count, 1_000 - run.Machine.FirstOffset);
        run.AssertFollowed();
    }

    [Fact]
    public void What_comes_after_the_clock_was_set_back_is_not_too_old()
    {
        var run = new LogRun(settings: ByAge);
        run.Publish(5);
        run.Advance(60_000);
        Assert.Equal(5UL, run.Machine.FirstOffset);
        run.Advance(-60_000);
        run.Publish(5);
        run.Advance(9_999);
        Assert.Equal(5UL, run.Machine.FirstOffset);
        run.Advance(1);
        Assert.Equal(10UL, run.Machine.FirstOffset);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_oldest_go_by_age_even_if_nothing_happens(bool restart)
    {
        var run = new LogRun(settings: ByAge);
        for (var i = 0; i < 20; i++)
        {
            run.Publish(5);
            run.Advance(1_000);
        }

        // It is 20 s now. What was taken at 0 to 8 s is too old; a piece spans 625 ms.
        Assert.InRange(run.Machine.FirstOffset, 45UL, 55UL);
        if (restart)
        {
            run.Restart();
            run.Finish();
        }

        run.Advance(8_900);
        run.Finish();
        Assert.InRange(run.Machine.FirstOffset, 90UL, 95UL);
        run.Advance(60_000);
        run.Finish();
        run.Commit();
        Assert.Equal((100UL, 0L), (run.Machine.FirstOffset, run.Machine.ReadyCount));
        Assert.Null(run.Machine.NextDeadline);
        run.Publish(1);
        Assert.Equal(101UL, run.Machine.NextOffset);
        run.AssertFollowed();
    }

    [Fact]
    public void A_log_says_when_its_oldest_messages_are_too_old()
    {
        var run = new LogRun(settings: ByAge);
        Assert.Null(run.Machine.NextDeadline);
        run.Publish(1);
        Assert.Equal(10_000, run.Machine.NextDeadline);
        run.Advance(9_999);
        Assert.Equal(1, run.Machine.ReadyCount);
        run.Advance(1);
        Assert.Equal(0, run.Machine.ReadyCount);
    }

    [Fact]
    public void A_reader_that_was_overtaken_goes_on_with_the_oldest_that_is_there()
    {
        var run = new LogRun(settings: BySize);
        run.Subscribe(1, new LogStart(LogStartKind.First));
        run.Grant(1, 3);
        for (var i = 0; i < 50; i++)
        {
            run.Publish(10, sizeBytes: 10_000);
            run.Commit();
        }

        Assert.Equal([0, 1, 2], run.OffsetsOf(1));
        run.Grant(1, 1, bytes: MiB);
        run.Finish();
        Assert.Equal([0, 1, 2, run.Machine.FirstOffset], run.OffsetsOf(1));
    }

    [Fact]
    public void Settings_that_change_take_effect_on_what_is_there()
    {
        var run = new LogRun();
        for (var i = 0; i < 50; i++)
        {
            run.Publish(10, sizeBytes: 10_000);
        }

        Assert.Equal(500, run.Machine.ReadyCount);
        run.Set(BySize);
        Assert.InRange(run.Machine.SizeBytes, 1, 2 * MiB + LargestOvershoot);
        run.Restart();
        run.Set(new QueueSettings { MaxLengthBytes = 70_000 });
        run.Publish(30, sizeBytes: 10_000);
        run.Commit();
        Assert.InRange(run.Machine.ReadyCount, 1, 31);
    }

    [Fact]
    public void Purged_messages_are_gone_and_offsets_go_on()
    {
        var run = new LogRun();
        run.Publish(10);
        run.Commit();
        Assert.Equal(10, run.Machine.HandlePurge());
        run.Dispatch();
        Assert.Equal((0L, 0L, 10UL), (run.Machine.ReadyCount, run.Machine.SizeBytes, run.Machine.FirstOffset));
        run.Restart();
        run.Publish(1);
        run.Subscribe(1, new LogStart(LogStartKind.First));
        run.Grant(1, 10);
        run.Finish();
        Assert.Equal([10], run.OffsetsOf(1));
    }

    // Without a limit a piece is as long as one may be: it goes as a whole, but for the newest.
    private const long LargestOvershoot = 64 * MiB;
}
