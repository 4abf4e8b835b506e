namespace Broker.Actors.Runtime.Embedded;

/// <summary>
/// Runs mailboxes on the thread that pumps it, one batch at a time, in an order that depends on nothing but the seed: for tests and simulation.
/// </summary>
/// <remarks>Any thread may make a mailbox runnable; only one at a time may pump.</remarks>
public sealed class DeterministicDispatcher : IActorDispatcher
{
    private readonly Lock _lock = new();
    private readonly LinkedList<IThreadPoolWorkItem> _ready = new();
    private readonly Random? _random;
    private bool _pumping;

    /// <param name="seed">
    /// <c>null</c> runs mailboxes in the order in which they became runnable; otherwise the next one is drawn at random, so that seeds explore
    /// interleavings.
    /// </param>
    public DeterministicDispatcher(int? seed = null) => _random = seed is { } value ? new Random(value) : null;

    /// <summary>Mailboxes that wait for their turn.</summary>
    public int ReadyCount
    {
        get
        {
            lock (_lock)
            {
                return _ready.Count;
            }
        }
    }

    /// <inheritdoc/>
    public void Schedule(IThreadPoolWorkItem mailbox, bool continues)
    {
        ArgumentNullException.ThrowIfNull(mailbox);
        lock (_lock)
        {
            _ready.AddLast(mailbox);
        }
    }

    /// <summary>Runs one batch of one mailbox.</summary>
    /// <returns>False if none was runnable.</returns>
    /// <exception cref="InvalidOperationException">It is being pumped already, by another thread or further up this call stack.</exception>
    public bool RunOne()
    {
        IThreadPoolWorkItem mailbox;
        lock (_lock)
        {
            if (_pumping)
            {
                throw new InvalidOperationException("The dispatcher is being pumped already.");
            }

            if (_ready.Count == 0)
            {
                return false;
            }

            mailbox = TakeNext();
            _pumping = true;
        }

        try
        {
            mailbox.Execute();
        }
        finally
        {
            lock (_lock)
            {
                _pumping = false;
            }
        }

        return true;
    }

    /// <summary>Runs batches until no mailbox is runnable.</summary>
    /// <param name="maxBatches">More than this many is taken for actors that keep each other busy for ever.</param>
    /// <returns>Batches run.</returns>
    /// <exception cref="InvalidOperationException">Still not idle after <paramref name="maxBatches"/>, or pumped already.</exception>
    public int RunUntilIdle(int maxBatches = 1_000_000)
    {
        var batches = 0;
        while (RunOne())
        {
            if (++batches > maxBatches)
            {
                throw new InvalidOperationException($"Actors are still busy after {maxBatches} batches.");
            }
        }

        return batches;
    }

    /// <summary>Does nothing if it is being pumped already: whoever pumps will see the work.</summary>
    internal void TryRunUntilIdle()
    {
        lock (_lock)
        {
            if (_pumping)
            {
                return;
            }
        }

        RunUntilIdle();
    }

    private IThreadPoolWorkItem TakeNext()
    {
        var node = _ready.First!;
        for (var skip = _random?.Next(_ready.Count) ?? 0; skip > 0; skip--)
        {
            node = node.Next!;
        }

        _ready.Remove(node);
        return node.Value;
    }
}
