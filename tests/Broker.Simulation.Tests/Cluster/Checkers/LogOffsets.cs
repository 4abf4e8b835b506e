using Broker.Simulation.Tests.Checkers;

namespace Broker.Simulation.Tests.Cluster.Checkers;

/// <summary>What readers of a log get is the same message at the same position, whoever leads the log, and in the end everything that was confirmed, without gaps.</summary>
internal sealed class LogOffsets(string log)
{
    private readonly Dictionary<ulong, MessageId> _messageAt = [];
    private readonly Dictionary<MessageId, ulong> _positionOf = [];
    private readonly HashSet<MessageId> _confirmed = [];

    public int ReadCount => _messageAt.Count;

    public void OnConfirmed(MessageId id) => _confirmed.Add(id);

    public void OnRead(MessageId id, ulong position)
    {
        Assert.True(_messageAt.TryAdd(position, id) || _messageAt[position] == id, $"'{log}': position {position} was {_messageAt[position]} and is {id}");
        Assert.True(_positionOf.TryAdd(id, position) || _positionOf[id] == position, $"'{log}': {id} was at {_positionOf[id]} and is at {position}, so it is there twice");
    }

    /// <summary>A reader has gone from the first message to the last, and got so many.</summary>
    public void CheckContents(int found)
    {
        var missing = _confirmed.Where(id => !_positionOf.ContainsKey(id)).Take(5).ToList();
        Assert.True(missing.Count == 0, $"'{log}': confirmed messages are lost: {string.Join(", ", missing)}");
        var last = _messageAt.Keys.DefaultIfEmpty(0UL).Max();
        Assert.True((ulong)found == last, $"'{log}': {found} messages were read, and there are some up to position {last}");
    }
}
