using Broker.Simulation.Tests.Checkers;

namespace Broker.Simulation.Tests.Cluster.Checkers;

/// <summary>The messages of each publisher are in a queue in the order in which it has sent them, whoever led the queue meanwhile.</summary>
internal sealed class PublisherOrder(string queue)
{
    private readonly Dictionary<int, SortedList<ulong, ulong>> _positions = []; // per publisher, the positions of its sequences

    public void OnDelivered(MessageId id, ulong position)
    {
        if (!_positions.TryGetValue(id.Publisher, out var positions))
        {
            positions = [];
            _positions.Add(id.Publisher, positions);
        }

        positions[id.Sequence] = position;
        var at = positions.IndexOfKey(id.Sequence);
        Assert.True(
            (at == 0 || positions.GetValueAtIndex(at - 1) < position) && (at == positions.Count - 1 || positions.GetValueAtIndex(at + 1) > position),
            $"'{queue}': {id} is at position {position}, out of the order of its publisher: {string.Join(' ', positions.Select(p => $"{p.Key}@{p.Value}"))}");
    }
}
