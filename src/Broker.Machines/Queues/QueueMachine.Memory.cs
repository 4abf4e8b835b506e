using Broker.Machines.Ledgers;
using Broker.Machines.Messages;

namespace Broker.Machines.Queues;

/// <summary>What concerns memory: which messages of a durable queue are in it, and which are to be read.</summary>
public sealed partial class QueueMachine
{
    private bool _loading;
    private int _lastLoad; // whom it was for
    private bool _wanted;
    private bool _isMemoryShort;

    private long LoadedBudget => _isMemoryShort ? _limits.MinLoadedBytes : _limits.MaxLoadedBytes;

    /// <summary>
    /// What is kept in memory of ready messages when there are too many: half of what those that consumers hold leave of the budget, which is half of it or more
    /// (<see cref="HandOut"/>).
    /// </summary>
    private long KeptBytes => Math.Max(LoadedBudget - _heldBytes, LoadedBudget / 2) / 2;

    /// <summary>Messages were read, as <see cref="QueueEffect.Load"/> has asked.</summary>
    /// <param name="messages">Those that could be, in order of position. Positions that nobody waits for are passed over.</param>
    /// <param name="first">From where on everything was read.</param>
    /// <param name="last">Up to where. A message of the queue between the two that is not among those read is lost, and leaves the queue.</param>
    /// <returns>The positions that were lost.</returns>
    public IReadOnlyList<PositionRange> HandleLoaded(IReadOnlyList<(ulong Position, StoredMessage Message)> messages, ulong first, ulong last)
    {
        _loading = _wanted = false;
        if (_deleted)
        {
            return [];
        }

        _ready.Load(messages);
        _dead?.Load(messages, LoadedBudget / 8);
        return Lose(first, last, position => WasRead(messages, position));
    }

    /// <summary>Nothing on disk holds these positions any more. Messages that are on disk only leave the queue; those in memory stay while they are.</summary>
    /// <returns>The positions that were lost.</returns>
    public IReadOnlyList<PositionRange> HandleLost(ulong first, ulong last) => Lose(first, last, static _ => false);

    /// <summary>Messages could not be read now. They will be asked for again.</summary>
    public void HandleNotLoaded() => _loading = false;

    /// <summary>The node is short of memory, or is no longer.</summary>
    public void HandleMemoryShort(bool isShort) => _isMemoryShort = isShort;

    /// <summary>The first ready messages, without taking them.</summary>
    /// <param name="count">How many.</param>
    /// <param name="entries">As many as are there, or as many as stay in memory for certain until the rest is read.</param>
    /// <returns><c>false</c> if some must be read first: ask again after the next <see cref="HandleLoaded"/>.</returns>
    public bool TryPeek(int count, out IReadOnlyList<QueueEntry> entries)
    {
        ReturnWaiting();
        entries = _ready.Peek(count, out var complete);
        complete = complete || entries.Count > _limits.MaxLoadedMessages / 4 || entries.Sum(e => (long)e.Message.SizeBytes) > KeptBytes / 2;
        _wanted |= !complete;
        return complete;
    }

    private List<PositionRange> Lose(ulong first, ulong last, Func<ulong, bool> wasRead)
    {
        var lost = _ready.Lose(first, last);
        var delayed = _delayed?.Lose(first, last, wasRead) ?? [];
        foreach (var range in delayed)
        {
            for (var position = range.First; position <= range.Last; position++)
            {
                _groups?.Resume(position);
            }
        }

        lost.AddRange(delayed);
        lost.AddRange(_dead?.Lose(first, last, wasRead) ?? []);
        lost.ForEach(r => _keys?.Remove(r));
        if (lost.Count > 0)
        {
            Unlogged.Settled.AddRange(lost);
        }

        return lost;
    }

    private static bool WasRead(IReadOnlyList<(ulong Position, StoredMessage Message)> messages, ulong position)
    {
        int low = 0, high = messages.Count;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (messages[middle].Position < position)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low < messages.Count && messages[low].Position == position;
    }

    private void KeepToBudget()
    {
        if (!IsOverBudget)
        {
            return;
        }

        _delayed?.Unload();
        _dead?.Unload();
        _groups?.Unload();
        if (IsOverBudget)
        {
            _ready.Unload(KeptBytes, _limits.MaxLoadedMessages / 2);
        }
    }

    /// <summary>Whether there is somebody to hand messages to.</summary>
    private bool MayHandOut => !IsPaused && _consumers is { Rotation.Count: > 0 } && _unsettledCount < _limits.MaxUnsettledMessages;

    private bool IsOverBudget => LoadedBytes > LoadedBudget || _ready.LoadedCount > _limits.MaxLoadedMessages;

    /// <summary>Has the next messages read for whoever needs them, in turn: consumers, the dead-letter exchange, limits.</summary>
    private void AskForAbsent()
    {
        if (_loading)
        {
            return;
        }

        var ahead = Math.Min(_limits.ReadAheadBytes, LoadedBudget / 4);
        var isStalled = _stalledAt > 0 && _stalledAt == _ready.FrontPosition;
        ReadOnlySpan<ulong> wanted =
        [
            _wanted || (MayHandOut && !isStalled && (_ready.ReadyToGoBytes < ahead || _ready.NextSizeBytes == 0)) ? _ready.FirstAbsent : 0,
            MaySendDead ? _dead!.NextAbsent : 0,
            _wantedFront,
        ];
        for (var i = 1; i <= wanted.Length; i++)
        {
            var turn = (_lastLoad + i) % wanted.Length;
            if (wanted[turn] > 0)
            {
                _lastLoad = turn;
                _loading = true;
                Add(new QueueEffect.Load(wanted[turn], ahead));
                return;
            }
        }
    }
}
