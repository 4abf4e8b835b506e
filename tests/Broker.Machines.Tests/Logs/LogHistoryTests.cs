using Broker.Machines.Logs;
using Broker.Machines.Queues;
using Broker.Machines.Tests.Histories;
using Broker.Protocol;

namespace Broker.Machines.Tests.Logs;

/// <summary>Whatever happens to a log with hardly any memory: each reader gets what it wants of what is there, in order, once.</summary>
public class LogHistoryTests
{
    private static readonly QueueLimits Tiny = new() { MaxLoadedBytes = 120, MinLoadedBytes = 40, MaxLoadedMessages = 12, ReadAheadBytes = 30, MaxUncertainBytes = 400 };

    private enum Act
    {
        Publish,
        Subscribe,
        Grant,
        Gone,
        Commit,
        Read,
        Advance,
        Restart,
    }

    private readonly record struct Step(Act Act, int X, int Y);

    private sealed record Reader(ulong From, bool OnlyRed, long Since);

    [Fact]
    public void Readers_get_what_they_want_in_order_and_once() => RandomHistories.Check(10_000, 60, Generate, steps => Check(steps, durable: true));

    [Fact]
    public void Readers_of_a_log_in_memory_get_what_they_want_in_order_and_once() =>
        RandomHistories.Check(2_000, 60, Generate, steps => Check([.. steps.Where(s => s.Act != Act.Restart)], durable: false));

    private static Step Generate(Random random) => new((Act)random.Next(8), random.Next(), random.Next());

    private static void Check(IReadOnlyList<Step> steps, bool durable)
    {
        var run = new LogRun(durable ? Tiny : null, new QueueSettings { MaxAge = 2_000 }, durable);
        var readers = new Dictionary<long, Reader>();
        var colours = new List<bool>();
        var last = 0L;
        foreach (var (act, x, y) in steps)
        {
            switch (act)
            {
                case Act.Publish:
                    for (var i = x % 4; i >= 0; i--)
                    {
                        var red = (y >> i) % 2 == 0;
                        colours.Add(red);
                        run.Publish(1, filterValue: red ? "red" : null);
                    }

                    break;
                case Act.Subscribe when readers.Count < 5:
                    var first = run.Machine.FirstOffset;
                    var (start, from) = (x % 5) switch
                    {
                        0 => (new LogStart(LogStartKind.First), first),
                        1 => (new LogStart(LogStartKind.Last), Math.Max(first, run.Machine.NextOffset == 0 ? 0 : run.Machine.NextOffset - 1)),
                        2 => (new LogStart(LogStartKind.Next), run.Machine.NextOffset),
                        3 => (new LogStart(LogStartKind.Offset, y % 20), (ulong)(y % 20)),
                        _ => (new LogStart(LogStartKind.Time, Math.Max(0, run.Now - (y % 3_000))), 0UL),
                    };
                    readers.Add(++last, new Reader(from, x % 2 == 0, start.Kind == LogStartKind.Time ? start.Value : 0));
                    run.Subscribe(last, start, readers[last].OnlyRed ? Red() : null);
                    break;
                case Act.Grant when readers.Count > 0:
                    run.Grant(readers.Keys.ElementAt(x % readers.Count), y % 6);
                    break;
                case Act.Gone when readers.Count > 0:
                    var gone = readers.Keys.ElementAt(x % readers.Count);
                    run.Machine.HandleConsumerGone(new ConsumerId(gone));
                    run.Dispatch();
                    readers.Remove(gone);
                    break;
                case Act.Commit:
                    run.Commit();
                    break;
                case Act.Read:
                    run.Read();
                    break;
                case Act.Advance:
                    run.Advance(x % 400);
                    break;
                case Act.Restart when x % 3 == 0:
                    run.Restart();
                    readers.Clear();
                    break;
                default:
                    break;
            }

            Assert.True(!durable || run.Machine.LoadedBytes <= Tiny.MaxLoadedBytes + 400, $"{run.Machine.LoadedBytes} bytes are in memory");
        }

        run.Finish();
        var before = readers.Keys.ToDictionary(r => r, r => run.OffsetsOf(r).Count);
        var oldest = run.Machine.FirstOffset;
        foreach (var reader in readers.Keys)
        {
            run.Grant(reader, 10_000);
        }

        run.Finish();
        Assert.Equal(oldest, run.Machine.FirstOffset);
        foreach (var (id, reader) in readers)
        {
            var got = run.OffsetsOf(id);
            Same.Sequence(got.Order(), got);
            Assert.Equal(got.Count, got.Distinct().Count());
            Assert.All(got, o => Assert.True(o >= reader.From && Wants(reader, o), $"reader {id} got {o}"));
            var next = before[id] > 0 ? Math.Max(oldest, got[before[id] - 1] + 1) : Math.Max(oldest, reader.From);
            var rest = Enumerable.Range(0, colours.Count).Select(o => (ulong)o).Where(o => o >= next && Wants(reader, o));
            Same.Sequence(rest, got.Skip(before[id]));
        }

        run.AssertFollowed();

        bool Wants(Reader reader, ulong offset) => (!reader.OnlyRed || colours[(int)offset]) && run.Taken[(int)offset].Meta.TakenAt >= reader.Since;
    }

    private static LogFilter Red()
    {
        Assert.True(LogFilter.TryParse(FieldTable.Of((LogFilter.ValuesArgument, FieldValue.From("red"))), out var filter, out _));
        return filter!;
    }
}
