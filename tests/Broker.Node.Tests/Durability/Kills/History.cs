using System.Collections.Concurrent;

namespace Broker.Node.Tests.Durability.Kills;

/// <summary>What everybody has seen of all queues. Thread-safe.</summary>
internal sealed class History
{
    private readonly ConcurrentQueue<string> _violations = new();
    private readonly Dictionary<string, QueueHistory> _queues;

    public History() => _queues = KillMessage.Queues.ToDictionary(queue => queue, queue => new QueueHistory(queue, Violation), StringComparer.Ordinal);

    public IEnumerable<QueueHistory> Queues => _queues.Values;

    public IReadOnlyCollection<string> Violations => _violations;

    public QueueHistory this[string queue] => _queues[queue];

    public void Violation(string what) => _violations.Enqueue(what);

    public void Published(KillMessage message)
    {
        foreach (var queue in message.Destinations)
        {
            _queues[queue].Published(message);
        }
    }

    public void Confirmed(KillMessage message)
    {
        foreach (var queue in message.Destinations)
        {
            _queues[queue].Confirmed(message);
        }
    }
}
