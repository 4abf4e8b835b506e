using System.Diagnostics.CodeAnalysis;

namespace Broker.Actors.Runtime.Embedded;

/// <summary>
/// System messages of a cell: many producers, one consumer, lock-free, no memory while empty. Unbounded on purpose, since losing one would
/// leave a parent or a watcher waiting for ever; their number is bounded by the number of relations between actors.
/// </summary>
internal sealed class SystemQueue
{
    private static readonly SystemMessage Closed = new SystemMessage.Terminate();

    /// <summary>Newest first: producers push.</summary>
    private SystemMessage? _pushed;

    /// <summary>Oldest first: what the consumer has taken over.</summary>
    private SystemMessage? _taken;

    /// <summary>True if something may be taken. For the consumer; other threads get a hint.</summary>
    public bool HasMessages => Volatile.Read(ref _pushed) is { } top && top != Closed || _taken is not null;

    /// <summary>Appends; false once the queue is closed.</summary>
    public bool TryEnqueue(SystemMessage message)
    {
        while (true)
        {
            var top = Volatile.Read(ref _pushed);
            if (top == Closed)
            {
                return false;
            }

            message.Next = top;
            if (Interlocked.CompareExchange(ref _pushed, message, top) == top)
            {
                return true;
            }
        }
    }

    /// <summary>Takes the oldest. Only the consumer may call it.</summary>
    public bool TryDequeue([NotNullWhen(true)] out SystemMessage? message)
    {
        if (_taken is null && Volatile.Read(ref _pushed) is { } top && top != Closed)
        {
            TakeOver(Interlocked.Exchange(ref _pushed, null));
        }

        message = _taken;
        if (message is null)
        {
            return false;
        }

        _taken = message.Next;
        message.Next = null;
        return true;
    }

    /// <summary>Accepts nothing more; what is in it can still be taken. Only the consumer may call it.</summary>
    public void Close() => TakeOver(Interlocked.Exchange(ref _pushed, Closed));

    private void TakeOver(SystemMessage? newestFirst)
    {
        SystemMessage? oldestFirst = null;
        while (newestFirst is not null && newestFirst != Closed)
        {
            var older = newestFirst.Next;
            newestFirst.Next = oldestFirst;
            oldestFirst = newestFirst;
            newestFirst = older;
        }

        if (_taken is null)
        {
            _taken = oldestFirst;
            return;
        }

        var last = _taken;
        while (last.Next is { } next)
        {
            last = next;
        }

        last.Next = oldestFirst;
    }
}
