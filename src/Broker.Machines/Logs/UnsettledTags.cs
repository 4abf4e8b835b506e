using Broker.Machines.Ledgers;
using Broker.Protocol;

namespace Broker.Machines.Logs;

/// <summary>Delivery tags that a reader has not settled, as ranges: nothing depends on them but that a tag is settled once.</summary>
internal sealed class UnsettledTags
{
    private readonly LiveMessages _tags = new();

    public int Count => (int)Math.Min(int.MaxValue, _tags.Count);

    public void Add(ulong tag) => _tags.Add(tag, tag);

    /// <summary>Whether each tag of the range is unsettled.</summary>
    public bool Holds(SequenceRange range)
    {
        var next = range.First;
        foreach (var held in _tags.Ranges(range.First, range.Last))
        {
            if (held.First != next)
            {
                return false;
            }

            next = held.Last + 1;
        }

        return next > range.Last;
    }

    public void Remove(SequenceRange range) => _tags.Remove(range.First, range.Last);
}
