using Broker.Machines.Queues;

namespace Broker.Machines.Ledgers;

/// <summary>Messages with a priority.</summary>
/// <param name="First">Position of the first.</param>
/// <param name="Last">Position of the last.</param>
/// <param name="Priority">The priority of each of them, 1 to 31.</param>
public readonly record struct PriorityRange(ulong First, ulong Last, int Priority)
{
    /// <summary>Adds a message behind those of a list under construction. Priority 0 goes without saying.</summary>
    internal static void Append(List<PriorityRange> ranges, ulong position, int priority)
    {
        if (priority == 0)
        {
            return;
        }

        if (ranges.Count > 0 && ranges[^1] is var end && end.Last + 1 == position && end.Priority == priority)
        {
            ranges[^1] = end with { Last = position };
        }
        else
        {
            ranges.Add(new PriorityRange(position, position, priority));
        }
    }
}

/// <summary>A message that is held back.</summary>
/// <param name="Position">Its position.</param>
/// <param name="Due">Until when, in milliseconds since the Unix epoch.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Group">The group whose later messages wait for it; empty if none do.</param>
public readonly record struct HeldMessage(ulong Position, long Due, long Bytes, string Group);

/// <summary>A message that waits to be dead-lettered.</summary>
/// <param name="Position">Its position.</param>
/// <param name="Sequence">The queue's number for it, 1, 2, 3... in the order in which messages died.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Reason">Why it died.</param>
/// <param name="Text">What the consumer that rejected it said; empty if nothing.</param>
/// <param name="At">When, in milliseconds since the Unix epoch.</param>
public readonly record struct DeadMark(ulong Position, ulong Sequence, long Bytes, DeadLetterReason Reason, string Text, long At);

/// <summary>A message of whose key only the newest stays.</summary>
/// <param name="Position">Its position.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Key">Its key.</param>
public readonly record struct KeyedMessage(ulong Position, long Bytes, string Key);

/// <summary>Ids of messages that were taken at one time.</summary>
/// <param name="At">When, in milliseconds since the Unix epoch.</param>
/// <param name="Window">For how long they are remembered, in milliseconds.</param>
/// <param name="MaxCount">How many ids are remembered from now on, the newest ones.</param>
/// <param name="Ids">The ids, in the order in which they came.</param>
public sealed record MessageIds(long At, long Window, int MaxCount, IReadOnlyList<string> Ids);
