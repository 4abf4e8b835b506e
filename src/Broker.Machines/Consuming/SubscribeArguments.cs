using Broker.Machines.Logs;
using Broker.Protocol;

namespace Broker.Machines.Consuming;

/// <summary>The arguments of SUBSCRIBE (docs/protocol.md, section 8.1).</summary>
/// <param name="Priority">[<c>x-priority</c>, or <c>priority</c>] Consumers of a queue with a higher one get messages first. Default 0; any integer of 32 bits.</param>
/// <param name="Start">[<c>x-stream-offset</c>] Where a reader of a log begins. <c>null</c>: not said.</param>
/// <param name="Filter">[<c>x-stream-filter</c> and others] Which messages a reader of a log wants. <c>null</c>: all.</param>
public readonly record struct SubscribeArguments(int Priority, LogStart? Start = null, LogFilter? Filter = null)
{
    private const string PriorityName = "x-priority";
    private const string ShortPriorityName = "priority";

    /// <summary>Reads them.</summary>
    /// <param name="table">As the client has sent them.</param>
    /// <param name="now">The time, in milliseconds since the Unix epoch.</param>
    /// <param name="arguments">What they say.</param>
    /// <param name="fault">What is wrong, if the answer is <c>false</c>.</param>
    public static bool TryParse(FieldTable table, long now, out SubscribeArguments arguments, out FrameFault fault)
    {
        ArgumentNullException.ThrowIfNull(table);
        arguments = default;
        fault = default;
        string? said = null;
        foreach (var (name, value) in table)
        {
            switch (name)
            {
                case PriorityName or ShortPriorityName when said is not null:
                    fault = new FrameFault(ErrorCode.InvalidArgument, $"subscription arguments '{said}' and '{name}' are the same; give one of them");
                    return false;
                case PriorityName or ShortPriorityName when value.AsInteger() is >= int.MinValue and <= int.MaxValue and var priority:
                    said = name;
                    arguments = arguments with { Priority = (int)priority };
                    break;
                case PriorityName or ShortPriorityName:
                    fault = new FrameFault(ErrorCode.InvalidArgument, $"subscription argument '{name}' is {value}; it must be an integer from {int.MinValue} to {int.MaxValue}");
                    return false;
                case LogStart.Argument:
                    if (!LogStart.TryParse(value, now, out var start, out fault))
                    {
                        return false;
                    }

                    arguments = arguments with { Start = start };
                    break;
                case LogFilter.ValuesArgument or LogFilter.HeaderArgument or LogFilter.UnfilteredArgument:
                    break;
                default:
                    fault = new FrameFault(
                        ErrorCode.InvalidArgument,
                        $"subscription argument '{name}' is unknown; there are '{PriorityName}', and of logs '{LogStart.Argument}', '{LogFilter.ValuesArgument}', "
                        + $"'{LogFilter.HeaderArgument}' and '{LogFilter.UnfilteredArgument}'");
                    return false;
            }
        }

        if (!LogFilter.TryParse(table, out var filter, out fault))
        {
            return false;
        }

        arguments = arguments with { Filter = filter };
        return true;
    }
}
