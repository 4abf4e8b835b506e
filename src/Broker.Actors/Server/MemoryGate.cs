using Broker.Actors.Runtime;

namespace Broker.Actors.Server;

/// <summary>
/// The node's bound on memory that messages take, over all queues. Above the limit no publisher stream is read any more; below nine tenths of it all go on.
/// Thread-safe.
/// </summary>
/// <param name="limitBytes">At least 1.</param>
internal sealed class MemoryGate(long limitBytes)
{
    private readonly Lock _lock = new();
    private readonly HashSet<ActorRef> _waiters = [];
    private long _used;
    private bool _closed;

    /// <summary>Told to those who wait when there is room again.</summary>
    public sealed class Opened
    {
        public static readonly Opened Instance = new();
    }

    public long LimitBytes => limitBytes;

    public long UsedBytes => Volatile.Read(ref _used);

    public bool IsClosed => Volatile.Read(ref _closed);

    /// <summary>Whether durable queues are to leave more to the disk: half of the limit is used.</summary>
    public bool IsShort => UsedBytes > limitBytes / 2;

    public void Add(long bytes)
    {
        var used = Interlocked.Add(ref _used, bytes);
        if (IsClosed ? used < limitBytes / 10 * 9 : used > limitBytes)
        {
            Reconsider();
        }
    }

    /// <summary>Has the actor told <see cref="Opened"/> when the gate opens.</summary>
    /// <returns><c>false</c> if it is open: nothing to wait for.</returns>
    public bool TryWait(ActorRef actor)
    {
        lock (_lock)
        {
            if (_closed)
            {
                _waiters.Add(actor);
            }

            return _closed;
        }
    }

    /// <summary>Takes <see cref="TryWait"/> back.</summary>
    public void Forget(ActorRef actor)
    {
        lock (_lock)
        {
            _waiters.Remove(actor);
        }
    }

    private void Reconsider()
    {
        lock (_lock)
        {
            // Read again: two callers may come in the wrong order.
            if (!_closed && UsedBytes > limitBytes)
            {
                Volatile.Write(ref _closed, true);
                Interlocked.MemoryBarrier(); // who takes bytes back from here on sees it closed; what was taken back before is seen below
            }

            if (_closed && UsedBytes < limitBytes / 10 * 9)
            {
                Volatile.Write(ref _closed, false);
                foreach (var waiter in _waiters)
                {
                    waiter.Tell(Opened.Instance);
                }

                _waiters.Clear();
            }
        }
    }
}
