using Broker.Machines.Ledgers;

namespace Broker.Machines.Tests.Ledgers;

[Collection(nameof(MemoryTests))]
public class LedgerMemoryTests
{
    private const long OneMegabyte = 1 << 20;

    [Fact]
    public void A_backlog_of_any_length_costs_what_its_gaps_cost()
    {
        var live = new LiveMessages();
        var growth = MemoryTests.GrowthBytes(() =>
        {
            live.Add(1, 1_000_000_000);
            for (var position = 1_000_000UL; position <= 1_000_000_000; position += 1_000_000)
            {
                live.Remove(position, position);
            }
        });
        Assert.Equal(1_000, live.RangeCount);
        Assert.Equal(999_999_000UL, live.Count);
        Assert.InRange(growth, long.MinValue, OneMegabyte / 8);
        GC.KeepAlive(live);
    }

    [Fact]
    public void Records_whose_messages_have_left_leave_nothing_behind()
    {
        var ledger = new QueueLedger();
        var growth = MemoryTests.GrowthBytes(() =>
        {
            for (var position = 1UL; position <= 200_000; position++)
            {
                ledger.Apply(new QueueRecord { FirstPosition = position, MessageBytes = 10, Settled = position > 9 ? [new PositionRange(position - 9, position - 9)] : [] }, messageCount: 1);
            }
        });
        Assert.Equal((9UL, 9), (ledger.Live.Count, ledger.Index.Runs.Length));
        Assert.InRange(growth, long.MinValue, OneMegabyte / 8);
        GC.KeepAlive(ledger);
    }

    [Fact]
    public void Gaps_that_close_give_their_memory_back()
    {
        var live = new LiveMessages();
        var growth = MemoryTests.GrowthBytes(() =>
        {
            live.Add(1, 200_000);
            for (var position = 2UL; position <= 200_000; position += 2)
            {
                live.Remove(position, position);
            }

            live.Remove(1, 199_000);
        });
        Assert.Equal(500, live.RangeCount);
        Assert.InRange(growth, long.MinValue, OneMegabyte / 8);
        GC.KeepAlive(live);
    }

    [Fact]
    public void A_few_that_are_left_of_many_cost_little()
    {
        var live = new LiveMessages();
        var growth = MemoryTests.GrowthBytes(() =>
        {
            live.Add(1, 200_000);
            for (var position = 2UL; position <= 200_000; position += 2)
            {
                live.Remove(position, position);
            }

            for (var position = 1UL; position <= 200_000; position++)
            {
                if (position % 200 != 1)
                {
                    live.Remove(position, position);
                }
            }
        });
        Assert.Equal(1_000, live.RangeCount);
        Assert.InRange(growth, long.MinValue, OneMegabyte / 2);
        GC.KeepAlive(live);
    }
}
