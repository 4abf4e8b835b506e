namespace Broker.Machines.Queues;

/// <summary>Consumers that may get messages now: those of the highest priority first, and among equals in turn.</summary>
internal sealed class ConsumerRotation
{
    private const int KeptTurns = 16;
    private readonly List<(int Priority, LinkedList<QueueConsumer> Turn)> _turns = []; // the highest priority first

    public int Count { get; private set; }

    /// <summary>Whose turn it is; <c>null</c> if there is nobody.</summary>
    public QueueConsumer? First
    {
        get
        {
            foreach (var (_, turn) in _turns)
            {
                if (turn.First is { Value: var consumer })
                {
                    return consumer;
                }
            }

            return null;
        }
    }

    /// <summary>The consumer's turn comes after that of its equals.</summary>
    public void Add(QueueConsumer consumer)
    {
        var at = 0;
        while (at < _turns.Count && _turns[at].Priority > consumer.Priority)
        {
            at++;
        }

        if (at == _turns.Count || _turns[at].Priority != consumer.Priority)
        {
            _turns.Insert(at, (consumer.Priority, new LinkedList<QueueConsumer>()));
        }

        _turns[at].Turn.AddLast(consumer.Turn);
        Count++;
    }

    /// <summary>The consumer has had its turn, and its next one comes after those of its equals.</summary>
    public static void Pass(QueueConsumer consumer)
    {
        if (consumer.Turn.List is { Count: > 1 } turn)
        {
            turn.Remove(consumer.Turn);
            turn.AddLast(consumer.Turn);
        }
    }

    public void Remove(QueueConsumer consumer)
    {
        consumer.Turn.List!.Remove(consumer.Turn);
        Count--;
        if (_turns.Count > KeptTurns)
        {
            _turns.RemoveAll(static t => t.Turn.Count == 0); // any number may be a priority
        }
    }

    public void Clear()
    {
        _turns.Clear();
        Count = 0;
    }
}
