using Broker.Actors.Storage;
using Broker.Machines.Ledgers;
using Broker.Machines.Replication;
using Broker.Storage.Records;
using Broker.Storage.Segments;

namespace Broker.Actors.Replication;

/// <summary>
/// Reads the state of a shard from the disk, in parts as they are sent: the <see cref="ReplicaMessage.Snapshot"/>, then each queue with its messages, then the end. It is as of one record, whatever
/// the queues do meanwhile; what they have given up since is filled in with nothing, as the records that follow take it out.
/// </summary>
/// <remarks>
/// The log is given up while a large state is sent. So it goes in rounds: each is as of a later record and has only what came since the one before, until what comes next can be sent from the log. As
/// long as the state is sent faster than the shard takes messages in, each round is shorter than the one before.
/// </remarks>
internal sealed class SnapshotReader(NodeStorage storage, int shard, ReplicaMessage.Snapshot message)
{
    private const int PartBytes = 128 << 10;
    private const int Tries = 5;

    /// <summary>From this round on it need only be so that the log has what comes next; before, it is to have it for a while.</summary>
    private const int ManyRounds = 10;

    private readonly Dictionary<ulong, (ulong LastIndex, ulong NextPosition)> _sent = []; // by queue: what the follower has of it
    private IEnumerator<ReadOnlyMemory<byte>>? _parts;

    /// <summary>The follower's session that it is for.</summary>
    public long Session => message.Session;

    /// <summary>Index of the last record that is in it. Known with the first part; higher with each round.</summary>
    public ulong Last { get; private set; }

    /// <summary>The round that is being read.</summary>
    public int Round { get; private set; }

    /// <summary>The next part, as it is sent; empty behind the last one. Blocks.</summary>
    /// <exception cref="Broker.Storage.Disks.DiskException">The disk failed.</exception>
    /// <exception cref="InvalidDataException">What is on the disk is damaged.</exception>
    public ReadOnlyMemory<byte> Next()
    {
        _parts ??= Read().GetEnumerator();
        return _parts.MoveNext() ? _parts.Current : default;
    }

    private IEnumerable<ReadOnlyMemory<byte>> Read()
    {
        long behind; // at or before the place of the first record that is not in it
        do
        {
            Round++;
            behind = storage.Log.SyncedPosition;
            var state = ReadShard();
            behind = state.Held is [var first, ..] ? Math.Min(behind, first.Position) : behind;
            Last = state.Committed;
            yield return Head(state);
            foreach (var (queue, ledger) in state.Ledgers)
            {
                foreach (var part in ReadQueue(queue, ledger))
                {
                    yield return part;
                }
            }
        }
        while (!CanGoOnFromLog(behind));

        var end = Begin();
        end.Number(SnapshotPart.End);
        yield return end.Written;
    }

    private bool CanGoOnFromLog(long behind) => storage.Log.StartPosition <= behind
        && (storage.Log.SyncedPosition - behind <= storage.Options.Log.MaxBytes / 2 || Round >= ManyRounds);

    private ReadOnlyMemory<byte> Head(RecoveredShard state)
    {
        var head = Begin();
        var log = state.Log.UpTo(state.Committed);
        if (Round == 1)
        {
            ReplicaMessageCodec.Write(head, message with { Log = log });
            return head.Written;
        }

        storage.Counters.CountSnapshotRound();
        var ended = _sent.Keys.Except(state.Ledgers.Keys).Order().ToList();
        head.Number(SnapshotPart.Again);
        ReplicaMessageCodec.Write(head, log);
        head.Number((ulong)ended.Count);
        foreach (var queue in ended)
        {
            head.Fixed(queue);
            _sent.Remove(queue);
        }

        return head.Written;
    }

    private IEnumerable<ReadOnlyMemory<byte>> ReadQueue(ulong queue, QueueLedger ledger)
    {
        var isKnown = _sent.TryGetValue(queue, out var sent);
        var (lastIndex, from) = sent;
        if (isKnown && ledger.LastIndex == lastIndex)
        {
            yield break; // nothing has happened there
        }

        if (ledger.LastIndex < lastIndex || ledger.NextPosition < from)
        {
            from = 0; // it has ended and begun anew
        }

        _sent[queue] = (ledger.LastIndex, ledger.NextPosition);
        var begin = Begin();
        begin.Number(SnapshotPart.Queue);
        begin.Fixed(queue);
        begin.Number(ledger.LastIndex);
        begin.Bytes(ledger.Checkpoint().Span);
        begin.Number(from);
        yield return begin.Written;
        foreach (var part in ReadMessages(queue, ledger, from))
        {
            yield return part;
        }
    }

    private IEnumerable<ReadOnlyMemory<byte>> ReadMessages(ulong queue, QueueLedger ledger, ulong from)
    {
        var source = new QueueSource(storage, queue, ledger);
        ReplicaWriter? part = null;
        foreach (var range in ledger.Live.Ranges(from))
        {
            for (var position = range.First; position <= range.Last; position++)
            {
                var found = Find(ref source, queue, position);
                part ??= BeginMessages();
                part.Number(position);
                ReplicatedRecordCodec.WriteMessage(part, found.Bytes.Span, found.Meta);
                if (part.Length >= PartBytes)
                {
                    yield return part.Written;
                    part = null;
                }
            }
        }

        if (part is not null)
        {
            yield return part.Written;
        }
    }

    private ReplicatedMessage Find(ref QueueSource source, ulong queue, ulong position)
    {
        for (var tries = 0; tries < Tries; tries++)
        {
            if (source.TryRead(position, out var found))
            {
                return found;
            }

            if (!source.IsThere(position))
            {
                return default; // as is known from when others were looked for
            }

            source = new QueueSource(storage, queue, ReadShard().Ledgers.GetValueOrDefault(queue) ?? new QueueLedger()); // it was copied elsewhere since, or has left the queue
        }

        throw new InvalidDataException($"message {position} of queue number {queue} cannot be read");
    }

    private RecoveredShard ReadShard()
    {
        var read = ShardLogReader.Read(storage.Log, storage.Options.Store, shard);
        return read.Problem is { } problem ? throw new InvalidDataException($"shard {shard}: {problem}") : read;
    }

    private static ReplicaWriter BeginMessages()
    {
        var part = Begin();
        part.Number(SnapshotPart.Messages);
        return part;
    }

    private static ReplicaWriter Begin()
    {
        var writer = new ReplicaWriter(1024);
        writer.Raw(0); // a whole message, see the actor
        return writer;
    }

    /// <summary>Messages of one queue by their positions, which are asked for in order.</summary>
    private sealed class QueueSource(NodeStorage storage, ulong queue, QueueLedger ledger)
    {
        private readonly Dictionary<ulong, ReplicatedMessage> _record = []; // messages of the record that was read last
        private (uint Segment, IReadOnlyList<BlockLocation> Blocks) _blocks = (0, []);

        /// <summary>Whether a message is in the queue, as far as is known here.</summary>
        public bool IsThere(ulong position) => ledger.Live.HasAny(position, position);

        public bool TryRead(ulong position, out ReplicatedMessage message)
        {
            if (_record.TryGetValue(position, out message))
            {
                return true;
            }

            if (Locate(position) is not { } source || storage.Copy.Read(queue, source) is not { IsControlIntact: true } record)
            {
                return false;
            }

            _record.Clear();
            foreach (var stored in record.Messages())
            {
                if (stored.State == StoredMessageState.Intact)
                {
                    _record[stored.Position] = new ReplicatedMessage(stored.Bytes, stored.Meta);
                }
            }

            return _record.TryGetValue(position, out message);
        }

        private MessageSource? Locate(ulong position)
        {
            if (ledger.Index.FindSegment(position) is { } segment)
            {
                if (_blocks.Segment != segment.Number)
                {
                    _blocks = (segment.Number, storage.Segments.Blocks(queue, segment.Number, segment.Length));
                }

                foreach (var block in _blocks.Blocks)
                {
                    if (block.First <= position && position <= block.Last)
                    {
                        return MessageSource.In(block);
                    }
                }

                return null;
            }

            return ledger.Index.TryFindRun(position, out var run) && run.LogPosition >= 0 ? MessageSource.InLog(run.LogPosition, run.LogLength) : null;
        }
    }
}
