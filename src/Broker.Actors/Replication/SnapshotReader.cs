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
internal sealed class SnapshotReader(NodeStorage storage, int shard, ReplicaMessage.Snapshot message)
{
    private const int PartBytes = 128 << 10;
    private const int Tries = 5;

    private IEnumerator<ReadOnlyMemory<byte>>? _parts;

    /// <summary>The follower's session that it is for.</summary>
    public long Session => message.Session;

    /// <summary>Index of the last record that is in it. Known with the first part.</summary>
    public ulong Last { get; private set; }

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
        var state = ReadShard();
        Last = state.Committed;
        var head = Begin();
        ReplicaMessageCodec.Write(head, message with { Log = state.Log.UpTo(state.Committed) });
        yield return head.Written;
        foreach (var (queue, ledger) in state.Ledgers)
        {
            var begin = Begin();
            begin.Number(SnapshotPart.Queue);
            begin.Fixed(queue);
            begin.Number(ledger.LastIndex);
            begin.Bytes(ledger.Checkpoint().Span);
            yield return begin.Written;
            foreach (var part in ReadMessages(queue, ledger))
            {
                yield return part;
            }
        }

        var end = Begin();
        end.Number(SnapshotPart.End);
        yield return end.Written;
    }

    private IEnumerable<ReadOnlyMemory<byte>> ReadMessages(ulong queue, QueueLedger ledger)
    {
        var source = new QueueSource(storage, queue, ledger);
        ReplicaWriter? part = null;
        foreach (var range in ledger.Live.Ranges())
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

            // It was copied elsewhere since, or has left the queue.
            if (!ReadShard().Ledgers.TryGetValue(queue, out var now) || !now.Live.HasAny(position, position))
            {
                return default;
            }

            source = new QueueSource(storage, queue, now);
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
