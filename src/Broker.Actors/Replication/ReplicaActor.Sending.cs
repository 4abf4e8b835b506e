using Broker.Actors.Links;
using Broker.Actors.Storage;
using Broker.Machines.Replication;
using Broker.Storage.Log;

namespace Broker.Actors.Replication;

/// <summary>What goes to other replicas.</summary>
internal sealed partial class ReplicaActor
{
    /// <summary>Records are sent together up to so many bytes.</summary>
    private const int ChunkBytes = 64 << 10;

    private long _reads;

    /// <summary>Sends as much as there is room for.</summary>
    private void Pump(ReplicaPeer peer)
    {
        while (peer is { Sender: { HasRoom: true } sender, Reading: 0 } && peer.Queue.TryPeek(out var next))
        {
            var isDone = next switch
            {
                ReplicaPeer.Outgoing.Bytes m => SendPart(sender, m),
                ReplicaPeer.Outgoing.Records m => SendRecords(peer, m),
                ReplicaPeer.Outgoing.State m => ReadSnapshot(peer, m.Snapshot),
                _ => throw new System.Diagnostics.UnreachableException($"{next}"),
            };
            if (isDone)
            {
                peer.Queue.Dequeue();
            }
        }
    }

    /// <summary>Sends a message, or the next part of one that is longer than the other node takes at once. Its first byte says which.</summary>
    /// <returns>Whether it was the last part.</returns>
    private static bool SendPart(ShardSender sender, ReplicaPeer.Outgoing.Bytes message)
    {
        if (!message.IsContinued && message.Rest.Length <= sender.MaxMessageBytes)
        {
            sender.TrySend(message.Rest);
            return true;
        }

        var rest = message.IsContinued ? message.Rest : message.Rest[1..];
        var isLast = rest.Length < sender.MaxMessageBytes;
        var part = new byte[Math.Min(rest.Length + 1, sender.MaxMessageBytes)];
        part[0] = isLast ? LastPart : message.IsContinued ? NextPart : FirstPart;
        rest[..(part.Length - 1)].CopyTo(part.AsMemory(1));
        sender.TrySend(part);
        message.Rest = rest[(part.Length - 1)..];
        message.IsContinued = true;
        return isLast;
    }

    /// <returns>Whether all were sent, or are gone.</returns>
    private bool SendRecords(ReplicaPeer peer, ReplicaPeer.Outgoing.Records records)
    {
        if (!_records.Has(records.Next) || !_records.Has(records.Last))
        {
            _machine!.HandleNotSent(peer.Node, records.Message.Session); // cut off or given up meanwhile
            return true;
        }

        if (_records[records.Next].InMemory is null)
        {
            ReadRecords(peer, records);
            return false;
        }

        var bytes = 0L;
        var end = records.Next;
        for (; end <= records.Last && bytes < ChunkBytes && _records[end].InMemory is { } record; end++)
        {
            bytes += SizeOf(record);
        }

        var writer = BeginRecords(records, end - records.Next, (int)Math.Min(bytes + 256, int.MaxValue));
        for (var index = records.Next; index < end; index++)
        {
            Write(writer, _records[index].InMemory!);
        }

        return SendRecords(peer, records, writer, end);
    }

    private static bool SendRecords(ReplicaPeer peer, ReplicaPeer.Outgoing.Records records, ReplicaWriter writer, ulong end)
    {
        records.Next = end;
        var message = new ReplicaPeer.Outgoing.Bytes(writer.Written);
        if (writer.Length <= peer.Sender!.MaxMessageBytes)
        {
            SendPart(peer.Sender, message);
            return end > records.Last;
        }

        peer.SendBefore(message, dropFirst: end > records.Last); // its parts come before the other records
        return false;
    }

    private ReplicaWriter BeginRecords(ReplicaPeer.Outgoing.Records records, ulong count, int capacity)
    {
        var writer = new ReplicaWriter(capacity);
        writer.Raw(Whole);
        var runs = new List<EpochRun>();
        for (var index = records.Next; index < records.Next + count; index++)
        {
            var epoch = _records[index].Epoch;
            if (runs.Count > 0 && runs[^1].Epoch == epoch)
            {
                runs[^1] = runs[^1] with { Count = runs[^1].Count + 1 };
            }
            else
            {
                runs.Add(new EpochRun(epoch, 1));
            }
        }

        ReplicaMessageCodec.Write(writer, records.Message with { First = records.Next, Runs = runs, Committed = Math.Max(records.Message.Committed, _committed) });
        return writer;
    }

    private static void Write(ReplicaWriter writer, LogRecord record)
    {
        ReplicatedRecordCodec.WriteHead(writer, (byte)record.Kind, record.Epoch, record.Entity, record.Index, record.FirstPosition, record.Operations.Span, record.MessageCount);
        for (var i = 0; i < record.MessageCount; i++)
        {
            var bytes = record.GetMessage(i, out var meta);
            ReplicatedRecordCodec.WriteMessage(writer, bytes.Span, meta);
        }
    }

    private static long SizeOf(LogRecord record)
    {
        var size = record.Operations.Length + 64L;
        for (var i = 0; i < record.MessageCount; i++)
        {
            size += record.GetMessage(i, out _).Length + 10;
        }

        return size;
    }

    /// <summary>Reads the next records from the disk for a follower that lags.</summary>
    private void ReadRecords(ReplicaPeer peer, ReplicaPeer.Outgoing.Records records)
    {
        var places = new List<(long Position, int Length)>();
        long bytes = 0;
        for (var index = records.Next; index <= records.Last && bytes < ChunkBytes; index++)
        {
            var record = _records[index];
            if (record.InMemory is not null)
            {
                break;
            }

            places.Add((record.Position, record.Length));
            bytes += record.Length;
        }

        var reading = peer.Reading = ++_reads;
        var log = _storage.Log;
        Context.PipeTo(
            _storage.RunAsync<IReadOnlyList<ReadOnlyMemory<byte>>>(() => [.. places.Select(p => Encode(log, p.Position, p.Length))]),
            read => new ReplicaMessages.RecordsRead(peer, reading, read),
            failure => new ReplicaMessages.JobFailed(failure, peer));
    }

    private static ReadOnlyMemory<byte> Encode(WriteAheadLog log, long position, int length)
    {
        if (log.Read(position, length) is not { IsControlIntact: true } record)
        {
            return default; // retired meanwhile, or damaged
        }

        var writer = new ReplicaWriter(length + 64);
        var header = record.Header;
        ReplicatedRecordCodec.WriteHead(writer, (byte)header.Kind, header.Epoch, header.Entity, header.Index, header.FirstPosition, record.Operations.Span, header.MessageCount);
        foreach (var message in record.Messages())
        {
            if (message.State != Broker.Storage.Records.StoredMessageState.Intact)
            {
                return default;
            }

            ReplicatedRecordCodec.WriteMessage(writer, message.Bytes.Span, message.Meta);
        }

        return writer.Written;
    }

    private void HandleRecordsRead(ReplicaMessages.RecordsRead message)
    {
        var peer = message.Peer;
        if (peer.Reading != message.Reading || !peer.Queue.TryPeek(out var next) || next is not ReplicaPeer.Outgoing.Records records)
        {
            return; // the stream has ended since
        }

        peer.Reading = 0;
        var end = records.Next + (ulong)message.Records.Count;
        if (!_records.Has(records.Next) || !_records.Has(end - 1) || message.Records.Any(r => r.IsEmpty))
        {
            peer.Queue.Dequeue();
            _machine!.HandleNotSent(peer.Node, records.Message.Session);
            return;
        }

        var writer = BeginRecords(records, (ulong)message.Records.Count, message.Records.Sum(r => r.Length) + 256);
        foreach (var record in message.Records)
        {
            writer.Raw(record.Span);
        }

        if (SendRecords(peer, records, writer, end))
        {
            peer.Queue.Dequeue();
        }
    }

    private void HandleReadFailed(ReplicaPeer peer, Exception failure)
    {
        peer.Sender?.Close();
        peer.Drop();
        _storage.Notice(StoreNoticeSeverity.Warning, $"shard {_shard}: node '{peer.Node}' cannot be sent what it lacks: {failure.Message}");
    }
}
