using Broker.Protocol;

namespace Broker.Client.Consuming;

/// <summary>
/// The settlements of one consumer whose SETTLED somebody waits for, and which tags were settled at all. Both are ranges: there are no more of them than
/// deliveries that are not settled, or settled and not answered.
/// </summary>
internal sealed class AwaitedSettlements
{
    private readonly TagSet _settled = new();

    /// <summary>What is not answered: ascending, without overlaps.</summary>
    private readonly List<Part> _parts = [];

    /// <summary>Whether nobody waits.</summary>
    public bool IsEmpty => _parts.Count == 0;

    /// <summary>Notes that consecutive tags are settled now.</summary>
    /// <returns>Completes when all of them are answered.</returns>
    /// <exception cref="InvalidOperationException">One of them was settled before.</exception>
    public Task Add(SequenceRange tags)
    {
        if (_settled.Overlaps(tags))
        {
            throw new InvalidOperationException($"delivery {tags.First} is settled already");
        }

        _settled.Add(tags);
        var waiter = new Waiter(tags.Count);
        _parts.Insert(Find(tags.First), new Part(tags, waiter));
        return waiter.Task;
    }

    /// <summary>The server has answered for tags. Those that it has answered before are passed over.</summary>
    /// <returns><c>false</c> if one of them was never settled; nothing has changed then.</returns>
    public bool TryComplete(SequenceRange tags)
    {
        if (!_settled.Contains(tags))
        {
            return false;
        }

        var from = Find(tags.First);
        var to = from;
        Part? before = null, after = null;
        for (; to < _parts.Count && _parts[to].Tags.First <= tags.Last; to++)
        {
            var (own, waiter) = _parts[to];
            var answered = new SequenceRange(Math.Max(own.First, tags.First), Math.Min(own.Last, tags.Last));
            before ??= own.First < answered.First ? new Part(own with { Last = answered.First - 1 }, waiter) : null;
            after = own.Last > answered.Last ? new Part(own with { First = answered.Last + 1 }, waiter) : null;
            waiter.Answered(answered.Count);
        }

        _parts.RemoveRange(from, to - from);
        Insert(from, after);
        Insert(from, before);
        return true;
    }

    /// <summary>No answer will come any more: everybody who waits fails.</summary>
    public void Fail(Exception reason)
    {
        foreach (var (_, waiter) in _parts)
        {
            waiter.TrySetException(reason);

            // Whoever settled may not want to know.
            _ = waiter.Task.Exception;
        }

        _parts.Clear();
    }

    private void Insert(int at, Part? part)
    {
        if (part is { } rest)
        {
            _parts.Insert(at, rest);
        }
    }

    /// <summary>The index of the first part that ends at or after the tag.</summary>
    private int Find(ulong tag)
    {
        // Settlements are mostly added in ascending order, and answered in it.
        if (_parts.Count == 0 || _parts[^1].Tags.Last < tag)
        {
            return _parts.Count;
        }

        int low = 0, high = _parts.Count - 1;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (_parts[middle].Tags.Last < tag)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }

    private readonly record struct Part(SequenceRange Tags, Waiter Waiter);

    /// <summary>Who settled some tags together and waits until all of them are answered.</summary>
    private sealed class Waiter(ulong unanswered) : TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        private ulong _unanswered = unanswered;

        public void Answered(ulong count)
        {
            _unanswered -= count;
            if (_unanswered == 0)
            {
                SetResult();
            }
        }
    }
}
