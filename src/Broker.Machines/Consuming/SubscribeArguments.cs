using Broker.Protocol;

namespace Broker.Machines.Consuming;

/// <summary>The arguments of SUBSCRIBE (docs/protocol.md, section 8.1).</summary>
/// <param name="Priority">[<c>x-priority</c>, or <c>priority</c>] Consumers with a higher one get messages first. Default 0; any integer of 32 bits.</param>
public readonly record struct SubscribeArguments(int Priority)
{
    private const string PriorityName = "x-priority";
    private const string ShortPriorityName = "priority";

    /// <summary>Reads them.</summary>
    /// <param name="table">As the client has sent them.</param>
    /// <param name="arguments">What they say.</param>
    /// <param name="fault">What is wrong, if the answer is <c>false</c>.</param>
    public static bool TryParse(FieldTable table, out SubscribeArguments arguments, out FrameFault fault)
    {
        ArgumentNullException.ThrowIfNull(table);
        arguments = default;
        fault = default;
        string? said = null;
        foreach (var (name, value) in table)
        {
            if (name is not (PriorityName or ShortPriorityName))
            {
                fault = new FrameFault(ErrorCode.InvalidArgument, $"subscription argument '{name}' is unknown; there is '{PriorityName}'");
                return false;
            }

            if (said is not null)
            {
                fault = new FrameFault(ErrorCode.InvalidArgument, $"subscription arguments '{said}' and '{name}' are the same; give one of them");
                return false;
            }

            if (value.AsInteger() is not { } priority || priority is < int.MinValue or > int.MaxValue)
            {
                fault = new FrameFault(ErrorCode.InvalidArgument, $"subscription argument '{name}' is {value}; it must be an integer from {int.MinValue} to {int.MaxValue}");
                return false;
            }

            said = name;
            arguments = new SubscribeArguments((int)priority);
        }

        return true;
    }
}
