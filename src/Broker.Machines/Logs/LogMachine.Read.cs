using Broker.Machines.Ledgers;
using Broker.Machines.Messages;
using Broker.Machines.Queues;
using Broker.Protocol;

namespace Broker.Machines.Logs;

/// <summary>How readers go through the log, and what of it is in memory for them.</summary>
public sealed partial class LogMachine
{
    private const int MostPassedOver = 4096; // messages that a filter does not let through, before it is another reader's turn
    private readonly HashSet<LogReader> _atEnd = []; // wait for what comes
    private readonly HashSet<LogReader> _forLoad = []; // wait for what is read
    private ulong? _wanted; // by retention or by a question
    private bool _loading;

    private enum Finding
    {
        /// <summary>It is in memory, it or the first after it.</summary>
        Here,

        /// <summary>It must be read first.</summary>
        Absent,

        /// <summary>There is none from there on that is known of: look again from the position given.</summary>
        Lost,

        /// <summary>It is still to come.</summary>
        Future,
    }

    /// <inheritdoc/>
    public void Dispatch()
    {
        AdmitParked();
        if (_deleted)
        {
            return;
        }

        Retain();
        for (var i = _toServe.Count; i > 0; i--)
        {
            var reader = _toServe.Dequeue();
            reader.IsQueued = false;
            Serve(reader);
        }

        foreach (var reader in _withOutbox)
        {
            _effects.Enqueue(new QueueEffect.Deliver(reader.Id, reader.Outbox!));
            reader.Outbox = null;
        }

        _withOutbox.Clear();
        KeepToBudget();
        AskForAbsent();
    }

    /// <inheritdoc/>
    public IReadOnlyList<PositionRange> HandleLoaded(IReadOnlyList<(ulong Position, StoredMessage Message)> messages, ulong first, ulong last)
    {
        ArgumentNullException.ThrowIfNull(messages);
        _loading = false;
        _wanted = null;
        if (_deleted)
        {
            return [];
        }

        last = Math.Min(last, _last);
        _blocks.Add(first, last, messages);
        var lost = HandleLost(messages, first, last);
        ServeAll(_forLoad);
        _forLoad.Clear();
        return lost;
    }

    /// <inheritdoc/>
    public IReadOnlyList<PositionRange> HandleLost(ulong first, ulong last) => HandleLost([], first, last);

    /// <inheritdoc/>
    public void HandleNotLoaded() => _loading = false;

    /// <inheritdoc/>
    public bool TryPeek(int count, out IReadOnlyList<QueueEntry> entries)
    {
        var found = new List<QueueEntry>();
        entries = found;
        var (position, bytes) = (_first, 0L);
        while (found.Count < count && bytes <= LoadedBudget / 4)
        {
            switch (Find(position, out var at, out var message))
            {
                case Finding.Here:
                    found.Add(new QueueEntry(at, message, DeliveryCount: 0));
                    bytes += message.SizeBytes;
                    position = at + 1;
                    break;
                case Finding.Lost:
                    position = at;
                    break;
                case Finding.Absent:
                    _wanted = position;
                    return false;
                default:
                    return true;
            }
        }

        return true;
    }

    private List<PositionRange> HandleLost(IReadOnlyList<(ulong Position, StoredMessage Message)> messages, ulong first, ulong last)
    {
        var lost = new List<PositionRange>();
        if (_ledger is null)
        {
            return lost;
        }

        var next = Math.Max(first, _first);
        last = _tail.Count > 0 ? Math.Min(last, _tail.First - 1) : last;
        foreach (var (position, _) in messages)
        {
            AddLost(next, position - 1);
            next = Math.Max(next, position + 1);
        }

        AddLost(next, last);
        _settled.AddRange(lost);
        return lost;

        void AddLost(ulong from, ulong to)
        {
            if (from <= to)
            {
                lost.AddRange(_ledger.Live.Ranges(from, to).Select(r => new PositionRange(r.First, r.Last)));
            }
        }
    }

    private void ServeAll(IEnumerable<LogReader> readers)
    {
        foreach (var reader in readers)
        {
            ServeNext(reader);
        }
    }

    private void ServeNext(LogReader reader)
    {
        if (!reader.IsQueued && reader.Subscribed)
        {
            reader.IsQueued = true;
            _toServe.Enqueue(reader);
        }
    }

    private void Serve(LogReader reader)
    {
        var passedOver = 0;
        while (reader.HasCredit && !IsPaused)
        {
            if (reader.SeekTime is not null && !HasFound(reader))
            {
                return;
            }

            reader.Cursor = Math.Max(reader.Cursor, _first);
            switch (Find(reader.Cursor, out var at, out var message))
            {
                case Finding.Future:
                    _atEnd.Add(reader);
                    return;
                case Finding.Absent:
                    _forLoad.Add(reader);
                    return;
                case Finding.Lost:
                    reader.Cursor = at;
                    continue;
                default:
                    reader.Cursor = at;
                    break;
            }

            if (reader.Filter is not null && !reader.Filter.Matches(message))
            {
                reader.Cursor++;
                if (++passedOver == MostPassedOver)
                {
                    ServeNext(reader);
                    return;
                }

                continue;
            }

            if (message.SizeBytes > reader.MaxMessageBytes)
            {
                HandleCancel(reader.Id);
                _effects.Enqueue(new QueueEffect.ConsumerRefused(reader.Id, new FrameFault(
                    ErrorCode.MessageTooLarge,
                    $"the message at offset {at - 1} has {message.SizeBytes} bytes; this client takes {reader.MaxMessageBytes}, as it said in HELLO")));
                return;
            }

            HandOut(reader, new QueueEntry(at, message, DeliveryCount: 0));
        }
    }

    private void HandOut(LogReader reader, in QueueEntry entry)
    {
        reader.Cursor = entry.Position + 1;
        reader.CreditMessages--;
        reader.CreditBytes -= entry.Message.SizeBytes;
        _delivered++;
        var tag = ++reader.LastTag;
        if (reader.NoAck)
        {
            _acknowledged++;
        }
        else
        {
            reader.Unsettled.Add(tag);
        }

        if (reader.Outbox is null)
        {
            reader.Outbox = [];
            _withOutbox.Add(reader);
        }

        reader.Outbox.Add(new Delivery(tag, entry));
    }

    /// <summary>Looks for the first message of a time: by halves, as messages lie in order of the time at which they were taken.</summary>
    /// <returns><c>false</c> if something must be read first.</returns>
    private bool HasFound(LogReader reader)
    {
        while (Math.Max(reader.Cursor, _first) is var low && low < reader.SeekEnd)
        {
            var middle = low + ((reader.SeekEnd - low) / 2);
            switch (Find(middle, out var at, out var message))
            {
                case Finding.Absent:
                    reader.Wanted = middle;
                    _forLoad.Add(reader);
                    return false;
                case Finding.Here when message.Meta.TakenAt < reader.SeekTime:
                    reader.Cursor = at + 1;
                    break;
                default:
                    reader.SeekEnd = middle;
                    break;
            }
        }

        reader.SeekTime = null;
        return true;
    }

    /// <summary>Looks for the message at a position, which is not before the first.</summary>
    /// <param name="position">Where to look.</param>
    /// <param name="at">Where it is, or where to look next.</param>
    /// <param name="message">The message, if it is here.</param>
    private Finding Find(ulong position, out ulong at, out StoredMessage message)
    {
        at = position;
        message = default;
        if (position > _last)
        {
            return Finding.Future;
        }

        if (_tail.Count > 0 && position >= _tail.First)
        {
            message = _tail[position];
            return Finding.Here;
        }

        if (!_blocks.TryFind(position, out at, out var found))
        {
            return Finding.Absent;
        }

        message = found.GetValueOrDefault();
        return found is null ? Finding.Lost : Finding.Here;
    }

    /// <summary>Leaves to the disk what is too much for the memory. What no record has yet can be read from there when one has it; whoever is asked for it waits for that.</summary>
    private void KeepToBudget()
    {
        if (_ledger is null)
        {
            return;
        }

        while (_tail.Count > 0 && (_tail.SizeBytes > LoadedBudget / 2 || _tail.Count > _limits.MaxLoadedMessages / 2))
        {
            _tail.DropFirst();
        }

        _blocks.Trim(LoadedBudget / 2);
    }

    private void AskForAbsent()
    {
        if (_loading || _ledger is null)
        {
            return;
        }

        ulong? position = _wanted;
        var bytes = position is null ? _limits.ReadAheadBytes : 1;
        if (position is null)
        {
            foreach (var reader in _forLoad)
            {
                (position, bytes) = reader.SeekTime is null ? (reader.Cursor, bytes) : (reader.Wanted, 1);
                break;
            }
        }

        if (position is { } absent)
        {
            _loading = true;
            _effects.Enqueue(new QueueEffect.Load(absent, Math.Min(bytes, LoadedBudget / 4)));
        }
    }
}
