using Broker.Machines.Ledgers;
using Broker.Machines.Messages;

namespace Broker.Machines.Logs;

/// <summary>What leaves at the old end: by size and by age, in pieces, so that a log of any length costs a few numbers.</summary>
public sealed partial class LogMachine
{
    private const long SmallestPiece = 64 << 10;
    private const long LargestPiece = 64 << 20;
    private const int PiecesOfRuns = 64;
    private const int PiecesOfAll = 16; // so much of what is kept goes at once
    private readonly Queue<Piece> _marks = new(); // the oldest first
    private Piece? _newest; // the last of them, which grows

    /// <summary>A part of the log that leaves as a whole.</summary>
    private sealed class Piece
    {
        /// <summary>Position of its last message.</summary>
        public ulong Last { get; set; }

        public long Bytes { get; set; }

        /// <summary>When its first message was taken.</summary>
        public long Since { get; init; }

        /// <summary>When its last message was taken; <c>null</c> if that is not known since the start.</summary>
        public long? Until { get; set; }
    }

    /// <summary>Bytes that stay; <c>null</c>: all. What is only in memory is bounded in any case.</summary>
    private long? MaxBytes => _ledger is null ? Math.Min(_settings.MaxLengthBytes ?? long.MaxValue, _limits.MaxBytes) : _settings.MaxLengthBytes;

    private long PieceBytes => Math.Clamp((MaxBytes ?? LargestPiece) / PiecesOfAll, SmallestPiece, LargestPiece);

    /// <inheritdoc/>
    public long? NextDeadline => _settings.MaxAge is { } age && _marks.TryPeek(out var oldest) ? oldest.Until + age : null;

    /// <inheritdoc/>
    /// <remarks>Nothing is: the ages of messages are those of the wall clock.</remarks>
    public long? NextTimeout => null;

    /// <summary>The pieces of what was there before: the segments, and the records that are still in the node's log.</summary>
    private void RecoverMarks()
    {
        if (_ledger is null)
        {
            return;
        }

        foreach (var segment in _ledger.Index.Segments)
        {
            _marks.Enqueue(new Piece { Last = segment.Last, Bytes = segment.MessageBytes });
        }

        // When they were taken is not known before they are read: of long ones, too much would stay for too long.
        var size = Math.Min(PieceBytes, RunBytes(_ledger) / PiecesOfRuns);
        Piece? piece = null;
        foreach (var run in _ledger.Index.Runs)
        {
            if (piece is null || piece.Bytes >= size)
            {
                _marks.Enqueue(piece = new Piece());
            }

            piece.Last = run.Last;
            piece.Bytes += run.LogLength;
        }

        if (_first <= _last && (_marks.Count == 0 || _marks.Max(m => m.Last) < _last))
        {
            _marks.Enqueue(new Piece { Last = _last, Bytes = Math.Max(0, _ledger.LiveBytes - _marks.Sum(m => m.Bytes)) }); // of what is left, nothing is known
        }
    }

    private static long RunBytes(QueueLedger ledger)
    {
        var sum = 0L;
        foreach (var run in ledger.Index.Runs)
        {
            sum += run.LogLength;
        }

        return sum;
    }

    /// <summary>A message has come.</summary>
    private void Mark(in StoredMessage message)
    {
        var at = message.Meta.TakenAt;
        if (_newest is null || _newest.Bytes >= PieceBytes || at - _newest.Since > _settings.MaxAge / PiecesOfAll)
        {
            _marks.Enqueue(_newest = new Piece { Since = at });
        }

        _newest.Last = _last;
        _newest.Bytes += message.SizeBytes;
        _newest.Until = Math.Max(_newest.Until ?? 0, at);
    }

    /// <summary>Lets go of what is too much or too old.</summary>
    private void Retain()
    {
        while (_marks.TryPeek(out var oldest))
        {
            var tooMuch = _marks.Count > 1 && SizeBytes > MaxBytes;
            if (!tooMuch && !IsTooOld(oldest))
            {
                return;
            }

            _marks.Dequeue();
            _newest = oldest == _newest ? null : _newest;
            if (oldest.Last >= _first)
            {
                DropUpTo(oldest.Last, oldest.Bytes);
            }
        }
    }

    /// <summary>Whether even its newest message is too old. When that was taken may have to be read first.</summary>
    private bool IsTooOld(Piece piece)
    {
        if (_settings.MaxAge is not { } age)
        {
            return false;
        }

        if (piece.Until is null && piece.Last >= _first)
        {
            switch (Find(piece.Last, out _, out var message))
            {
                case Finding.Here:
                    piece.Until = message.Meta.TakenAt;
                    break;
                case Finding.Absent:
                    _wanted = piece.Last;
                    return false;
                default:
                    piece.Until = 0; // what was there is lost
                    break;
            }
        }

        return (piece.Until ?? 0) + age <= _now;
    }

    private void DropUpTo(ulong last, long bytes)
    {
        if (_ledger is not null)
        {
            _settledBytes += Math.Min(bytes, SizeBytes);
            _settled.Add(new PositionRange(_first, last));
        }

        _first = last + 1;
        while (_tail.Count > 0 && _tail.First <= last)
        {
            _tail.DropFirst();
        }
    }
}
