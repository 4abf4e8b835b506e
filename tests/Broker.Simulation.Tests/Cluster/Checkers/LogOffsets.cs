using Broker.Simulation.Tests.Checkers;

namespace Broker.Simulation.Tests.Cluster.Checkers;

/// <summary>
/// What readers of a log get is the same message at the same position, whoever leads the log, in the end everything that was confirmed, without gaps; but for what retention takes at
/// the old end, which is
/// no more than it may, and does not come back.
/// </summary>
/// <param name="log">Its name.</param>
/// <param name="maxBytes">What it is to keep of its messages; <c>null</c>: all.</param>
/// <param name="hasAge">Whether it gives up what is old. How old that is depends on clocks that jump, so then anything may be gone at the old end.</param>
internal sealed class LogOffsets(string log, long? maxBytes, bool hasAge)
{
    private const long LongestPiece = (64 << 10) + (12 << 10); // the smallest piece that leaves at once is so long at most: 64 KiB and one message
    private readonly Dictionary<ulong, MessageId> _messageAt = [];
    private readonly Dictionary<MessageId, ulong> _positionOf = [];
    private readonly Dictionary<ulong, int> _sizeAt = [];
    private readonly HashSet<MessageId> _confirmed = [];
    private ulong _floor = 1;

    public int ReadCount => _messageAt.Count;

    public bool HasLetGo => _floor > 1;

    public void OnConfirmed(MessageId id) => _confirmed.Add(id);

    public void OnRead(MessageId id, ulong position, int size)
    {
        Assert.True(_messageAt.TryAdd(position, id) || _messageAt[position] == id, $"'{log}': position {position} was {_messageAt[position]} and is {id}");
        Assert.True(_positionOf.TryAdd(id, position) || _positionOf[id] == position, $"'{log}': {id} was at {_positionOf[id]} and is at {position}, so it is there twice");
        _sizeAt[position] = size;
    }

    /// <summary>A reader that was to get an earlier message next got this one.</summary>
    public void OnGap(ulong expected, ulong position)
    {
        Assert.True(position > expected && (maxBytes is not null || hasAge), $"'{log}': a reader gets {position} and not {expected}");
        _floor = Math.Max(_floor, position);
    }

    /// <summary>A reader has gone from the first message to the last, and got so many.</summary>
    public void CheckContents(int found, ulong first)
    {
        Assert.True(found == 0 || first >= _floor, $"'{log}': begins at {first}, and all before {_floor} was gone");
        var missing = _confirmed.Where(id => !_positionOf.ContainsKey(id) && !MayBeOlder(id, found, first)).Take(5).ToList();
        Assert.True(missing.Count == 0, $"'{log}': confirmed messages are lost: {string.Join(", ", missing)}");
        var last = _messageAt.Keys.DefaultIfEmpty(0UL).Max();
        Assert.True(hasAge || (ulong)found == last + 1 - Math.Max(1, first), $"'{log}': {found} messages were read from {first} on, and there are some up to position {last}");
        var bytes = _sizeAt.Where(s => s.Key >= first).Sum(s => (long)s.Value);
        Assert.True(hasAge || first <= 1 || bytes >= maxBytes - LongestPiece, $"'{log}' has {bytes} bytes left and may have {maxBytes}");
    }

    private bool MayBeOlder(MessageId id, int found, ulong first) =>
        hasAge || (found > 0 && first > 1 && !_positionOf.Any(p => p.Value >= first && p.Key.Publisher == id.Publisher && p.Key.Sequence < id.Sequence));
}
