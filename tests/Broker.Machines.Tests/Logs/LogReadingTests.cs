using Broker.Machines.Logs;
using Broker.Machines.Queues;
using Broker.Protocol;

namespace Broker.Machines.Tests.Logs;

public class LogReadingTests
{
    private static readonly QueueLimits Little = new() { MaxLoadedBytes = 200, MinLoadedBytes = 100, MaxLoadedMessages = 16, ReadAheadBytes = 60 };

    [Theory]
    [InlineData(LogStartKind.First, 0, 0)]
    [InlineData(LogStartKind.Last, 0, 99)]
    [InlineData(LogStartKind.Next, 0, 100)]
    [InlineData(LogStartKind.Offset, 0, 0)]
    [InlineData(LogStartKind.Offset, 40, 40)]
    [InlineData(LogStartKind.Offset, 99, 99)]
    [InlineData(LogStartKind.Offset, 105, 105)] // still to come
    [InlineData(LogStartKind.Time, 0, 0)]
    [InlineData(LogStartKind.Time, 1, 10)]
    [InlineData(LogStartKind.Time, 500, 50)]
    [InlineData(LogStartKind.Time, 501, 60)]
    [InlineData(LogStartKind.Time, 900, 90)]
    [InlineData(LogStartKind.Time, 901, 100)] // with what comes
    public void A_reader_begins_where_it_says(LogStartKind kind, long value, ulong first)
    {
        foreach (var durable in new[] { false, true })
        {
            var run = new LogRun(durable ? Little : null, durable: durable);
            for (var i = 0; i < 10; i++)
            {
                run.Publish(10); // at 0, 100, 200...
                run.Advance(100);
            }

            run.Commit();
            Assert.Null(run.Subscribe(1, new LogStart(kind, value)));
            run.Grant(1, 1_000);
            run.Finish();
            run.Publish(10);
            run.Finish();
            Assert.Equal(Range(first, 110), run.OffsetsOf(1));
        }
    }

    [Fact]
    public void Every_reader_gets_everything_at_its_own_pace()
    {
        var run = new LogRun(Little);
        run.Subscribe(1, new LogStart(LogStartKind.First));
        run.Subscribe(2, new LogStart(LogStartKind.First));
        run.Grant(1, 1_000);
        run.Publish(50);
        run.Commit();
        run.Grant(2, 3);
        run.Finish();
        Assert.Equal(Range(0, 50), run.OffsetsOf(1));
        Assert.Equal(Range(0, 3), run.OffsetsOf(2));
        run.Grant(2, 1_000);
        run.Finish();
        Assert.Equal(Range(0, 50), run.OffsetsOf(2));
    }

    [Fact]
    public void A_restart_loses_nothing_and_offsets_stay()
    {
        var run = new LogRun(Little);
        run.Publish(30);
        run.Restart();
        run.Publish(5);
        run.Subscribe(1, new LogStart(LogStartKind.Offset, 20));
        run.Grant(1, 1_000);
        run.Finish();
        Assert.Equal(Range(20, 35), run.OffsetsOf(1));
    }

    [Fact]
    public void A_filter_lets_through_what_is_asked_for_and_takes_no_credit_for_the_rest()
    {
        var run = new LogRun(Little);
        for (var i = 0; i < 30; i++)
        {
            run.Publish(1, filterValue: i % 3 == 0 ? "red" : i % 3 == 1 ? "blue" : null);
        }

        run.Commit();
        run.Subscribe(1, new LogStart(LogStartKind.First), Filter((LogFilter.ValuesArgument, FieldValue.From("red"))));
        run.Subscribe(2, new LogStart(LogStartKind.First), Filter((LogFilter.ValuesArgument, FieldValue.List(FieldValue.From("red"), FieldValue.From("blue")))));
        run.Subscribe(
            3, new LogStart(LogStartKind.First), Filter((LogFilter.ValuesArgument, FieldValue.From("blue")), (LogFilter.UnfilteredArgument, FieldValue.From(true))));
        run.Subscribe(
            4, new LogStart(LogStartKind.First), Filter((LogFilter.ValuesArgument, FieldValue.From("red")), (LogFilter.HeaderArgument, FieldValue.From("colour"))));
        run.Grant(1, 5);
        run.Grant(2, 100);
        run.Grant(3, 100);
        run.Grant(4, 100);
        run.Finish();
        Assert.Equal([0, 3, 6, 9, 12], run.OffsetsOf(1));
        Assert.Equal(Range(0, 30).Where(o => o % 3 != 2), run.OffsetsOf(2));
        Assert.Equal(Range(0, 30).Where(o => o % 3 != 0), run.OffsetsOf(3));
        Assert.Empty(run.OffsetsOf(4));
    }

    [Theory]
    [InlineData("seven")]
    [InlineData("")]
    [InlineData("2026-01-31")]
    [InlineData("5x")]
    public void A_start_that_cannot_be_is_refused(string text)
    {
        Assert.False(LogStart.TryParse(FieldValue.From(text), 0, out _, out var fault));
        Assert.Equal(ErrorCode.InvalidArgument, fault.Code);
        Assert.Contains("use 'first', 'last', 'next'", fault.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_start_is_a_word_a_number_a_time_or_an_age()
    {
        const long Now = 1_800_000_000_000;
        Assert.Equal(new LogStart(LogStartKind.First), Parse(FieldValue.From("first")));
        Assert.Equal(new LogStart(LogStartKind.Last), Parse(FieldValue.From("last")));
        Assert.Equal(new LogStart(LogStartKind.Next), Parse(FieldValue.From("next")));
        Assert.Equal(new LogStart(LogStartKind.Offset, 5), Parse(FieldValue.From(5L)));
        Assert.Equal(new LogStart(LogStartKind.Time, Now - 7_200_000), Parse(FieldValue.From("2h")));
        Assert.Equal(new LogStart(LogStartKind.Time, 1_769_860_800_000), Parse(FieldValue.From("2026-01-31T12:00:00Z")));
        Assert.Equal(new LogStart(LogStartKind.Time, 1_769_857_200_250), Parse(FieldValue.From("2026-01-31T12:00:00.25+01:00")));
        Assert.False(LogStart.TryParse(FieldValue.From(-1L), Now, out _, out _));
        Assert.False(LogStart.TryParse(FieldValue.From(true), Now, out _, out _));

        static LogStart Parse(FieldValue value)
        {
            Assert.True(LogStart.TryParse(value, Now, out var start, out var fault), fault.Reason);
            return start;
        }
    }

    public static TheoryData<string, FieldValue, string> BadFilters => new()
    {
        { LogFilter.ValuesArgument, FieldValue.From(1L), "a text, or a list" },
        { LogFilter.ValuesArgument, FieldValue.List(), "1 to 128 texts" },
        { LogFilter.ValuesArgument, FieldValue.List(FieldValue.From("a"), FieldValue.From(2L)), "1 to 128 texts" },
        { LogFilter.HeaderArgument, FieldValue.From("colour"), "needs 'x-stream-filter'" },
        { LogFilter.UnfilteredArgument, FieldValue.From(true), "needs 'x-stream-filter'" },
    };

    [Theory]
    [MemberData(nameof(BadFilters))]
    public void A_filter_that_cannot_be_is_refused(string name, FieldValue value, string hint)
    {
        Assert.False(LogFilter.TryParse(FieldTable.Of((name, value)), out _, out var fault));
        Assert.Equal(ErrorCode.InvalidArgument, fault.Code);
        Assert.Contains(hint, fault.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_queue_can_and_a_log_cannot_is_refused()
    {
        var run = new LogRun();
        run.Publish(3);
        run.Commit();
        run.Subscribe(1, new LogStart(LogStartKind.First), noAck: false);
        run.Grant(1, 10);
        Assert.Equal(ErrorCode.PreconditionFailed, run.Machine.HandleSettle(new ConsumerId(1), [new SequenceRange(1, 1)], SettleOutcome.Requeue)!.Value.Code);
        Assert.Equal(ErrorCode.PreconditionFailed, run.Machine.CheckNext(100)!.Value.Code);
        Assert.Null(run.Machine.HandleSettle(new ConsumerId(1), [new SequenceRange(1, 1), new SequenceRange(3, 3)], SettleOutcome.Ack));
        Assert.Equal(1, run.Machine.UnsettledCount);
        Assert.Equal(ErrorCode.UnknownDeliveryTag, run.Machine.HandleSettle(new ConsumerId(1), [new SequenceRange(1, 2)], SettleOutcome.Ack)!.Value.Code);
        Assert.Null(run.Machine.HandleSettle(new ConsumerId(1), [new SequenceRange(2, 2)], SettleOutcome.Reject));
        Assert.Equal(ErrorCode.UnknownDeliveryTag, run.Machine.HandleSettle(new ConsumerId(1), [new SequenceRange(4, 4)], SettleOutcome.Ack)!.Value.Code);
        Assert.Equal(3, run.Machine.ReadyCount);
    }

    [Fact]
    public void A_message_that_is_too_large_ends_the_reader_and_stays()
    {
        var run = new LogRun();
        run.Publish(1, sizeBytes: 500);
        run.Commit();
        Assert.Null(run.Machine.HandleSubscribe(new ConsumerId(1), new SubscribeTerms(false, true, MaxMessageBytes: 100) { Start = new LogStart(LogStartKind.First) }));
        run.Grant(1, 10);
        var refused = Assert.IsType<QueueEffect.ConsumerRefused>(Assert.Single(run.Others));
        Assert.Equal(ErrorCode.MessageTooLarge, refused.Fault.Code);
        Assert.Equal((1, 0), (run.Machine.ReadyCount, run.Machine.ConsumerCount));
    }

    [Fact]
    public void While_paused_nothing_is_read_and_everything_is_taken_and_a_restart_keeps_it_so()
    {
        var run = new LogRun();
        run.Subscribe(1, new LogStart(LogStartKind.First));
        run.Grant(1, 10);
        run.Machine.HandlePause(true);
        run.Publish(2);
        Assert.Empty(run.OffsetsOf(1));
        run.Restart();
        Assert.True(run.Machine.IsPaused);
        run.Subscribe(2, new LogStart(LogStartKind.First));
        run.Grant(2, 10);
        run.Finish();
        Assert.Empty(run.OffsetsOf(2));
        run.Machine.HandlePause(false);
        run.Dispatch();
        run.Finish();
        Assert.Equal([0, 1], run.OffsetsOf(2));
    }

    private static LogFilter Filter(params (string, FieldValue)[] arguments)
    {
        Assert.True(LogFilter.TryParse(FieldTable.Of(arguments), out var filter, out var fault), fault.Reason);
        return filter!;
    }

    private static IEnumerable<ulong> Range(ulong first, ulong end) => Enumerable.Range((int)first, (int)(end - first)).Select(i => (ulong)i);
}
