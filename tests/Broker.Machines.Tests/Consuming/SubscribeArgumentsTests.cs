using Broker.Machines.Consuming;
using Broker.Protocol;

namespace Broker.Machines.Tests.Consuming;

public class SubscribeArgumentsTests
{
    public static TheoryData<FieldTable, int> Understood => new()
    {
        { FieldTable.Empty, 0 },
        { FieldTable.Of(("x-priority", 10)), 10 },
        { FieldTable.Of(("priority", -3)), -3 },
        { FieldTable.Of(("x-priority", int.MaxValue)), int.MaxValue },
        { FieldTable.Of(("x-priority", int.MinValue)), int.MinValue },
    };

    public static TheoryData<FieldTable, string> Refused => new()
    {
        { FieldTable.Of(("x-prio", 10)), "x-prio" },
        { FieldTable.Of(("x-priority", "10")), "must be an integer" },
        { FieldTable.Of(("x-priority", 1.5)), "must be an integer" },
        { FieldTable.Of(("x-priority", int.MaxValue + 1L)), "must be an integer" },
        { FieldTable.Of(("x-priority", 1), ("priority", 1)), "are the same" },
        { FieldTable.Of(("x-priority", 1), ("x-stream-offsets", 1)), "'x-stream-offsets' is unknown" },
        { FieldTable.Of(("x-stream-offset", "middle")), "use 'first', 'last', 'next'" },
        { FieldTable.Of(("x-stream-filter-header", "colour")), "needs 'x-stream-filter'" },
    };

    [Theory]
    [MemberData(nameof(Understood))]
    public void A_priority_is_any_integer_of_32_bits(FieldTable table, int priority)
    {
        Assert.True(SubscribeArguments.TryParse(table, now: 0, out var arguments, out _));
        Assert.Equal(priority, arguments.Priority);
    }

    [Theory]
    [MemberData(nameof(Refused))]
    public void What_is_wrong_is_named(FieldTable table, string named)
    {
        Assert.False(SubscribeArguments.TryParse(table, now: 0, out _, out var fault));
        Assert.Equal(ErrorCode.InvalidArgument, fault.Code);
        Assert.Contains(named, fault.Reason, StringComparison.Ordinal);
    }
}
