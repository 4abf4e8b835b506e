using Broker.Actors.Runtime;
using Broker.Protocol;

namespace Broker.Actors.Requests;

/// <summary>Messages that GET has handed out on one request stream, from whatever queue, under tags of the stream's own.</summary>
/// <remarks>Those of a queue that has gone stay until they are settled: settling them has no effect, but the client has a right to.</remarks>
internal sealed class GetDeliveries
{
    private readonly SortedDictionary<ulong, (ActorRef Queue, ulong Tag)> _held = [];
    private ulong _lastTag;

    /// <summary>A tag for a delivery that has to be settled.</summary>
    public ulong Add(ActorRef queue, ulong queueTag)
    {
        _held.Add(++_lastTag, (queue, queueTag));
        return _lastTag;
    }

    /// <summary>A tag for one that has not.</summary>
    public ulong Skip() => ++_lastTag;

    /// <summary>Finds whose the tags are and forgets them; all or none.</summary>
    public bool TryTake(IReadOnlyList<SequenceRange> ranges, out List<(ActorRef Queue, ulong Tag)> settlements, out FrameFault fault)
    {
        settlements = [];
        foreach (var range in ranges)
        {
            // Counted against what is held before anything is walked: a range may span 2^62 tags.
            if (range.Last > _lastTag || range.Last - range.First >= (ulong)_held.Count)
            {
                fault = Unknown(range);
                return false;
            }

            for (var tag = range.First; tag <= range.Last; tag++)
            {
                if (!_held.TryGetValue(tag, out var delivery))
                {
                    fault = Unknown(range);
                    return false;
                }

                settlements.Add(delivery);
            }
        }

        foreach (var range in ranges)
        {
            for (var tag = range.First; tag <= range.Last; tag++)
            {
                _held.Remove(tag);
            }
        }

        fault = default;
        return true;
    }

    private static FrameFault Unknown(SequenceRange range) =>
        new(ErrorCode.UnknownDeliveryTag, $"delivery tags {range.First} to {range.Last} are not all unsettled on this stream");
}
